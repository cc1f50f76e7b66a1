"""What a sweep keeps on disk, and what can be told from it at any time.

`sweep.json` the plan; `state.json` which runs were started, ended and failed; `lock` held by the supervisor; `logs/`;
a run folder for each run; at the end `report.html`.
"""

import csv
import dataclasses
import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from svhn.errors import InputError
from svhn.files import ensure_folder, write_json
from svhn.runs import RunRecord
from svhn.sweeps.plan import Run
from svhn.torch_inpaint.classifier import TrainConfig

WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"


@dataclass(frozen=True)
class Plan:
    """What to run and how.

    Attributes
    ----------
    runs : list of Run
    data : str
        "synthetic", or an absolute path.
    jobs, threads : int
        Runs at a time, and threads of each.
    cpu : bool
        Leave CUDA alone.
    """

    runs: list[Run]
    data: str
    jobs: int = 1
    threads: int = 1
    cpu: bool = False


@dataclass(frozen=True)
class RunStatus:
    """Where a run is; `history` holds the rows of its measures, `record` is there when it is done."""

    run: Run
    state: str
    history: list[dict[str, float]] = field(default_factory=list)
    record: RunRecord | None = None
    error: str = ""

    @property
    def best(self) -> dict[str, float] | None:
        """The row of the best epoch by validation accuracy, then loss."""
        return max(self.history, key=lambda row: (row["validation_accuracy"], -row["validation_loss"]), default=None)


class SweepFolder:
    """The folder of one sweep."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.report = self.path / "report.html"

    def run_dir(self, name: str) -> Path:
        return self.path / name

    def log(self, name: str) -> Path:
        return ensure_folder(self.path / "logs") / f"{name}.log"

    def write_plan(self, plan: Plan) -> None:
        """Keep a plan; runs that were begun must still have their settings and data.

        Raises
        ------
        InputError
            When one has not, or the folder holds something else.
        """
        ensure_folder(self.path)
        if (self.path / "sweep.json").exists():
            before = self.read_plan()
            known = {run.name: run.config for run in before.runs}
            changed = [run.name for run in plan.runs if known.get(run.name, run.config) != run.config]
            begun = [name for name in changed if self.run_dir(name).exists()]
            if begun:
                raise InputError(f"{self.run_dir(begun[0])}: began with other settings; rename it or use --dir")
            if before.data != plan.data:
                raise InputError(f"{self.path}: this sweep began with --data {before.data}; give that or --dir")
        elif any(self.path.iterdir()):
            raise InputError(f"{self.path}: this folder holds no sweep and is not empty; choose another --dir")
        write_json(self.path / "sweep.json", dataclasses.asdict(plan))

    def read_plan(self) -> Plan:
        path = self.path / "sweep.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            runs = [Run(run["name"], TrainConfig(**run["config"])) for run in content.pop("runs")]
            return Plan(runs, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: no sweep here ({error}); start it with python cli.py sweep FILE") from error

    def read_states(self) -> dict[str, Any]:
        """Return `began`, `ended` (seconds since 1970 or None) and `runs`: name -> {state, error}."""
        try:
            return json.loads((self.path / "state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {"began": None, "ended": None, "runs": {}}

    def write_states(self, states: dict[str, Any]) -> None:
        write_json(self.path / "state.json", states)

    def is_done(self, name: str) -> bool:
        return (self.run_dir(name) / "record.json").is_file()

    def lock(self) -> int | None:
        """Take the lock of the supervisor for the life of this process; None when another process has it."""
        handle = os.open(ensure_folder(self.path) / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return None
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        return handle

    def supervisor(self) -> int | None:
        """Return the process id of the supervisor at work, or None."""
        try:
            handle = os.open(self.path / "lock", os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        except OSError:
            return int(os.read(handle, 20) or 0) or None
        finally:
            os.close(handle)

    def statuses(self) -> list[RunStatus]:
        """Return where every run of the plan is."""
        states, alive = self.read_states()["runs"], self.supervisor() is not None
        return [self._status(run, states.get(run.name, {}), alive) for run in self.read_plan().runs]

    def _status(self, run: Run, kept: dict[str, str], alive: bool) -> RunStatus:
        run_dir = self.run_dir(run.name)
        history = _read_measures(run_dir / f"{run.name}_measures.csv")
        if self.is_done(run.name):
            return RunStatus(run, DONE, history, RunRecord.read(run_dir / "record.json"))
        state = kept.get("state", WAITING)
        if state == RUNNING and not alive:
            state = STOPPED
        return RunStatus(run, state, history, error=kept.get("error", ""))


def _read_measures(path: Path) -> list[dict[str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    except OSError:
        return []

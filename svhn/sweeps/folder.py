"""What a sweep keeps on disk, and what can be told from it at any time.

`sweep.json` the plan; `state.json` which runs were started, ended and failed; `lock` held by the supervisor; `logs/`;
a run folder for each run; at the end `report.html` and `best.png`.
"""

import dataclasses
import fcntl
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from svhn.errors import InputError
from svhn.files import ensure_folder, write_json
from svhn.runs import BY_ACCURACY, Row, RunRecord, best_of, read_history
from svhn.sweeps.kinds import kind_of
from svhn.sweeps.plan import PlannedRun

# Of `sweep.json`; sweeps that were begun before there was this number cannot go on.
FORMAT = 2
WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"


@dataclass(frozen=True)
class SweepPlan:
    """What to run and how.

    Attributes
    ----------
    runs : list of PlannedRun
    data : str
        "synthetic", or an absolute path.
    jobs, threads : int
        Runs at a time, and threads of each.
    device : str
        As `svhn.torch_inpaint.choose_device` takes it.
    """

    runs: list[PlannedRun]
    data: str
    jobs: int = 1
    threads: int = 1
    device: str = "auto"


@dataclass(frozen=True)
class RunStatus:
    """Where a run is.

    Attributes
    ----------
    run : PlannedRun
    state : str
        `WAITING`, `RUNNING`, `DONE`, `FAILED` or `STOPPED`.
    history : list of dict
        The rows of its history, with the `epoch` of each; of train-tf the number of the interval.
    record : RunRecord or None
        There when it is done.
    error : str
        Why it failed.
    """

    run: PlannedRun
    state: str
    history: list[Row] = field(default_factory=list)
    record: RunRecord | None = None
    error: str = ""

    @property
    def best(self) -> Row | None:
        """The row of the best epoch by validation accuracy, then loss; None before the first."""
        return best_of(self.history, BY_ACCURACY) if self.history else None

    @property
    def metrics(self) -> dict[str, Any]:
        """What the record says came out, empty when the run is not done."""
        return self.record.metrics if self.record else {}


class SweepFolder:
    """The folder of one sweep."""

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.report = self.path / "report.html"
        self.best = self.path / "best.png"

    def run_dir(self, name: str) -> Path:
        return self.path / name

    def log(self, name: str) -> Path:
        return ensure_folder(self.path / "logs") / f"{name}.log"

    def write_plan(self, plan: SweepPlan) -> None:
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
        write_json(self.path / "sweep.json", {"format": FORMAT} | dataclasses.asdict(plan))

    def read_plan(self) -> SweepPlan:
        """Read the plan.

        Raises
        ------
        InputError
            When there is none, or an earlier version of this program wrote it.
        """
        path = self.path / "sweep.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found = content.pop("format", 1)
        except (OSError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: no sweep here ({error}); start it with python cli.py sweep FILE") from error
        if found != FORMAT:
            raise InputError(
                f"{path}: this sweep was begun by another version of this program (format {found}, expected {FORMAT}); "
                "finish it with that version, or start a new one with another --dir"
            )
        try:
            runs = [
                PlannedRun(run["name"], kind_of(run["config"]).config(**run["config"])) for run in content.pop("runs")
            ]
            return SweepPlan(runs, **content)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: not the plan of a sweep ({error}); start one with another --dir") from error

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

    def _status(self, run: PlannedRun, kept: dict[str, str], alive: bool) -> RunStatus:
        run_dir = self.run_dir(run.name)
        rows = read_history(run_dir / "history.csv")
        history = [{"epoch": epoch} | row for epoch, row in enumerate(rows, start=1)]
        if self.is_done(run.name):
            return RunStatus(run, DONE, history, RunRecord.read(run_dir / "record.json"))
        state = kept.get("state", WAITING)
        if state == RUNNING and not alive:
            state = STOPPED
        return RunStatus(run, state, history, error=kept.get("error", ""))

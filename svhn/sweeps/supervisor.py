"""The process that starts a sweep's runs and outlives the terminal: `python -m svhn.sweeps.supervisor FOLDER`."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from svhn.errors import InputError
from svhn.sweeps.folder import DONE, FAILED, RUNNING, STOPPED, WAITING, SweepFolder, SweepPlan

# Seconds between two looks at the workers, and of patience with one that was asked to end.
LOOK, PATIENCE = 0.2, 10.0


def start(folder: SweepFolder, plan: SweepPlan) -> int:
    """Start a supervisor in the background and return its process id; runs that are done are not run again.

    Raises
    ------
    InputError
        When one is at work already, or the plan does not fit what the folder holds.
    """
    if pid := folder.supervisor():
        raise InputError(f"{folder.path}: this sweep is running already (process {pid}); see: sweep FILE status")
    folder.write_plan(plan)
    with (folder.path / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "svhn.sweeps.supervisor", str(folder.path.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(plan),
            start_new_session=True,
        )
    for _ in range(100):
        if (pid := folder.supervisor()) or process.poll() is not None:
            break
        time.sleep(0.1)
    if process.poll():
        raise InputError(f"{folder.path}: the supervisor did not start; see {folder.path / 'supervisor.log'}")
    return pid or process.pid


def stop(folder: SweepFolder) -> int | None:
    """Ask the supervisor to end, wait for it, and return its process id; None when none was at work."""
    pid = folder.supervisor()
    if pid is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 2 * PATIENCE
    while folder.supervisor() and time.monotonic() < until:
        time.sleep(0.1)
    if folder.supervisor():
        raise InputError(f"{folder.path}: the supervisor (process {pid}) does not end; end it with kill -9 {pid}")
    return pid


class Supervisor:
    """Keeps as many workers going as the plan says, until all runs are done or somebody asks to stop."""

    def __init__(self, folder: SweepFolder):
        self.folder, self.plan = folder, folder.read_plan()
        self.workers: dict[str, subprocess.Popen] = {}
        self.asked = False
        self.states: dict[str, Any] = {"began": time.time(), "ended": None, "runs": {}}

    def supervise(self) -> None:
        names = [run.name for run in self.plan.runs]
        for name in names:
            self._set(name, DONE if self.folder.is_done(name) else WAITING)
        waiting = [name for name in names if not self.folder.is_done(name)]
        while (waiting or self.workers) and not self.asked:
            while waiting and len(self.workers) < self.plan.jobs:
                self._begin(waiting.pop(0))
            time.sleep(LOOK)
            for name in [name for name, worker in self.workers.items() if worker.poll() is not None]:
                self._end(name)
        self._cut()
        self.states["ended"] = time.time()
        self.folder.write_states(self.states)
        from svhn.sweeps.report import write_report  # loads matplotlib, which a sweep needs at its end only

        write_report(self.folder)

    def _begin(self, name: str) -> None:
        command = [sys.executable, "-m", "svhn.sweeps.worker", str(self.folder.path), name]
        with self.folder.log(name).open("wb") as log:
            # Standard input stays open as long as this process lives: workers end with it.
            self.workers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self._set(name, RUNNING)

    def _end(self, name: str) -> None:
        code = self.workers.pop(name).returncode
        if code == 0 and self.folder.is_done(name):
            self._set(name, DONE)
            return
        lines = self.folder.log(name).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        self._set(name, FAILED, lines[-1].removeprefix("Error: ") if lines else f"ended with code {code}")

    def _cut(self) -> None:
        for worker in self.workers.values():
            worker.terminate()
        until = time.monotonic() + PATIENCE
        for name, worker in self.workers.items():
            try:
                worker.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            self._set(name, DONE if self.folder.is_done(name) else STOPPED)

    def _set(self, name: str, state: str, error: str = "") -> None:
        self.states["runs"][name] = {"state": state, "error": error}
        self.folder.write_states(self.states)

    def ask(self, *_) -> None:
        self.asked = True


def _environment(plan: SweepPlan) -> dict[str, str]:
    """Return the environment of supervisor and workers: their threads, and where this program lies."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = {"OMP_NUM_THREADS": str(plan.threads)}
    # A safe path leaves out the current folder, in which other modules may lie.
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def main(path: str) -> None:
    folder = SweepFolder(path)
    if folder.lock() is None:
        sys.exit(f"Error: {path}: this sweep has a supervisor already")
    supervisor = Supervisor(folder)
    signal.signal(signal.SIGTERM, supervisor.ask)
    signal.signal(signal.SIGINT, supervisor.ask)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    supervisor.supervise()


if __name__ == "__main__":
    main(sys.argv[1])

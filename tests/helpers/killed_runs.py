"""Train once in peace and several times with SIGKILL in between; a script of its own because it forks.

`python killed_runs.py FOLDER` leaves a run folder for each, with the final state beside it in `NAME.pt`.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

import torch
from bars import bars

from svhn.files import write_whole
from svhn.runs.loop import Run
from svhn.torch_inpaint.classifier.config import NETWORKS, ConvNetTrainConfig, NetConfig
from svhn.torch_inpaint.classifier.learner import ClassifierLearner
from svhn.torch_inpaint.classifier.train import train_network

CONFIG = ConvNetTrainConfig(
    epochs=3,
    optimizer="Adam",
    learning_rate=0.002,
    average=0.9,
    weight_decay=0.01,
    label_smoothing=0.1,
    warmup=1,
    blur=True,
    colour=True,
    mix={"train": 0.75, "pseudo": 0.25},
)
# Name -> where to kill: before the n-th training step, or around the n-th writing of a file of this training's own. The
# files that all trainings write have their kills in tests/runs/test_loop.py.
POINTS = {
    "first-step": ("step", 0),
    "first-epoch": ("step", 3),
    "second-epoch": ("step", 9),
    "before-first-state": ("before", "state", 1),
    "after-network": ("after", "model.pt", 2),
    "before-state": ("before", "state", 2),
    "after-state": ("after", "state", 2),
    "before-results": ("before", "before-results_results.txt", 1),
}


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(kind: str, *where) -> None:
    """Make this process kill itself at a point."""
    seen = [0]
    step, replace = ClassifierLearner.step, Path.replace

    def counted_step(learner):
        if kind == "step" and seen[0] == where[0]:
            kill()
        seen[0] += kind == "step"
        return step(learner)

    def counted_replace(path, target):
        hit = kind != "step" and Path(target).name == where[0]
        seen[0] += hit
        if hit and seen[0] == where[1] and kind == "before":
            kill()
        replace(path, target)
        if hit and seen[0] == where[1]:
            kill()

    ClassifierLearner.step, Path.replace = counted_step, counted_replace


def run(folder: Path, name: str, resume: bool) -> None:
    results = ClassifierLearner.results

    def keep_state(self, run_folder):
        self.save(folder / f"{name}.pt", [])
        return results(self, run_folder)

    ClassifierLearner.results = keep_state
    train_network(bars(), CONFIG, folder / name, resume=resume)


def forked(function, *arguments) -> int:
    """Call a function in a child process and return how that ended: 0, or minus the signal."""
    child = os.fork()
    if not child:
        try:
            function(*arguments)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    NETWORKS._entries[CONFIG.net] = NetConfig((8, 8, 8), (3, 3, 3), dropout=0.5)  # the real one takes ten times as long
    Run._draw = lambda run, best: write_whole(run.folder.report, b"a picture, which would take seconds to draw")
    train_network(bars(), CONFIG, folder / "warm")  # the children inherit what the first run loads and compiles
    assert forked(run, folder, "whole", False) == 0
    for name, point in POINTS.items():
        assert forked(lambda name=name, point=point: (kill_at(*point), run(folder, name, False))) == -signal.SIGKILL
        resume = (folder / name / "config.json").exists()
        assert forked(run, folder, name, resume) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))

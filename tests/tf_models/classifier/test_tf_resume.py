"""Killed with SIGKILL at any moment and resumed, a run ends as if nothing had happened."""

import dataclasses
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from tf_processes import start
from tf_runs import (
    assert_same_end,
    build_small,
    end_without_picture,
    history,
    interrupt_at,
    keep_final_states,
    state,
)

from svhn.data.prepared import PreparedData
from svhn.errors import InputError
from svhn.runs.progress import Progress
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.train import train_network as train

pytestmark = pytest.mark.usefixtures("small_graph")


def train_or_die(data: PreparedData, config: TrainConfig, run_dir: Path, resume: bool, fault: str) -> None:
    """Train in a process of its own, with something in it that kills it."""
    patch = pytest.MonkeyPatch()
    keep_final_states(patch)
    end_without_picture(patch)
    build_small(patch)
    FAULTS[fault]()
    train(data, config, run_dir, resume, report=lambda progress: dying(fault, progress))


def die(*_, **__) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(fault: str, progress: Progress) -> None:
    if fault == "inside an interval" and progress.iteration == 30:
        die()


def before(target: object, name: str, condition: Callable[..., bool]) -> None:
    """Kill the process where it would call `target.name` with arguments that fulfil the condition."""
    original = getattr(target, name)

    def call(*arguments, **settings):
        return die() if condition(*arguments, **settings) else original(*arguments, **settings)

    setattr(target, name, call)


def before_renaming(name: str) -> Callable[[], None]:
    """Kill the process when a file of this name is written, but still has its temporary name."""
    return lambda: before(Path, "replace", lambda path, to: to.name == name)


# In this order: the first measurement is always the best so far, so it writes everything.
FAULTS = {
    "model.keras half written": lambda: before(
        keras.src.saving.saving_lib.zipfile.ZipFile, "close", lambda archive: archive.mode != "r"
    ),
    "inside an interval": lambda: None,
    "saved_model not renamed": before_renaming("saved_model"),
    "none": lambda: None,
}


def test_a_run_that_is_killed_again_and_again(small_finished, tiny, config, tmp_path):
    """It dies with what TensorFlow writes half written, while it learns, at its end.

    `tests/runs/test_loop.py` lets runs die around everything that the loop of all trainings calls and writes.
    """
    run_dir, resume = tmp_path / "run", False
    for fault in FAULTS:
        process = start(train_or_die, tiny, config, run_dir, resume, fault)
        process.join()
        assert process.exitcode == (0 if fault == "none" else -signal.SIGKILL), fault
        resume = (run_dir / "config.json").exists()
    assert_same_end(run_dir, small_finished)


def test_ctrl_c_loses_nothing(small_finished, tiny, config, tmp_path, frequent_reports, final_states, quick_end):
    """Three times: inside an interval, at its last iteration, and just after its validation."""
    run_dir = tmp_path / "run"
    handler = signal.getsignal(signal.SIGINT)
    presses = [(25, False), (40, False), (60, True)]
    for (iteration, measured), resume in zip(presses[:2], (False, True), strict=True):
        result = train(tiny, config, run_dir, resume, interrupt_at(iteration, measured))
        assert (result.finished, result.iteration, result.record) == (False, iteration, None)
        assert not (run_dir / "record.json").exists()
        assert state_iteration(run_dir) == iteration
        assert signal.getsignal(signal.SIGINT) == handler
        run_dir = run_dir.rename(tmp_path / f"moved after {iteration}")
    result = train(tiny, config, run_dir, resume=True, report=interrupt_at(60, measured=True))
    assert result.finished  # there was nothing left to interrupt
    assert_same_end(run_dir, small_finished)


def state_iteration(run_dir: Path) -> int:
    """Return the iteration of the state that a run has saved: Adam counts it, after the network's weights."""
    return next(int(value) for value in state(run_dir).values() if value.dtype == np.int64 and value.ndim == 0)


def test_a_finished_run_is_left_as_it_is(small_finished, tiny, config, tmp_path):
    run_dir = shutil.copytree(small_finished, tmp_path / "copy")
    with pytest.raises(InputError, match="is finished"):
        train(tiny, config, run_dir, resume=True)
    for path in small_finished.glob("*.*"):
        assert (run_dir / path.name).read_bytes() == path.read_bytes()


def test_a_run_killed_before_its_first_state_starts_again(small_finished, tiny, config, tmp_path):
    (tmp_path / "config.json").write_bytes((small_finished / "config.json").read_bytes())
    (tmp_path / "history.csv").write_bytes((small_finished / "history.csv").read_bytes())
    result = train(tiny, config, tmp_path, resume=True, report=interrupt_at(20, measured=True))
    assert result.iteration == 20
    assert history(tmp_path) == history(small_finished)[:1]


def test_resume_with_other_settings_is_refused(small_finished, tiny, config):
    before = (small_finished / "config.json").read_bytes()
    with pytest.raises(InputError, match=rf"{small_finished}.*other settings"):
        train(tiny, dataclasses.replace(config, learning_rate=1e-4), small_finished, resume=True)
    assert (small_finished / "config.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, "{", json.dumps({"train": {"graph": "seed", "speed": 3}}), "[]"])
def test_resume_needs_a_run_folder(content, tiny, config, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=rf"{tmp_path / 'config.json'}.*--run-dir"):
        train(tiny, config, tmp_path, resume=True)

"""Killed with SIGKILL at any moment and resumed, a run ends as if nothing had happened."""

import dataclasses
import json
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from tf_runs import assert_same_end, history, interrupt_at, keep_final_states, state

from svhn.data.prepared import PreparedData
from svhn.errors import InputError
from svhn.runs.progress import Progress
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.learner import ClassifierLearner
from svhn.tf_models.classifier.train import train_network as train

# A process with TensorFlow imported but not started: its children start in a moment.
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["svhn.tf_models.classifier.train"])


def train_or_die(data: PreparedData, config: TrainConfig, run_dir: Path, resume: bool, fault: str) -> None:
    """Train in a process of its own, with something in it that kills it."""
    keep_final_states(pytest.MonkeyPatch())
    FAULTS[fault]()
    train(data, config, run_dir, resume, report=lambda progress: dying(fault, progress))


def die(*_, **__) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(fault: str, progress: Progress) -> None:
    if fault == "inside an interval" and progress.iteration == 50:
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
    "none": lambda: None,
    "config.json written but not renamed": lambda: before(Path, "replace", lambda path, to: True),
    "model.keras half written": lambda: before(
        keras.src.saving.saving_lib.zipfile.ZipFile, "close", lambda archive: archive.mode != "r"
    ),
    "history.csv written but not renamed": before_renaming("history.csv"),
    "state written but not renamed": before_renaming("state"),
    "inside an interval": lambda: None,
    "between measuring and state": lambda: before(ClassifierLearner, "save", lambda *_: True),
    "saved_model not renamed": before_renaming("saved_model"),
}


def start(*arguments) -> multiprocessing.Process:
    process = SERVER.Process(target=train_or_die, args=arguments)
    process.start()
    return process


def test_killed_at_every_step_of_writing(finished, tiny, config, tmp_path):
    """One run that dies again and again: at its start, while it learns, with every file half written, at its end."""
    run_dir, resume = tmp_path / "run", False
    for fault in list(FAULTS)[1:]:
        process = start(tiny, config, run_dir, resume, fault)
        process.join()
        assert process.exitcode == -signal.SIGKILL, fault
        resume = (run_dir / "config.json").exists()
    process = start(tiny, config, run_dir, True, "none")
    process.join()
    assert process.exitcode == 0
    assert_same_end(run_dir, finished)


def test_killed_at_random_moments(finished, tiny, config, tmp_path):
    run_dir, rng = tmp_path / "run", np.random.default_rng()
    for _ in range(3):
        process = start(tiny, config, run_dir, (run_dir / "config.json").exists(), "none")
        wait_for_interval(process, run_dir)
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.join()
    process = start(tiny, config, run_dir, True, "none")
    process.join()
    assert process.exitcode == 0
    assert_same_end(run_dir, finished)


def wait_for_interval(process: multiprocessing.Process, run_dir: Path) -> None:
    """Wait until an interval is over, or the process."""
    path = run_dir / "history.csv"
    before = path.stat().st_mtime_ns if path.exists() else 0
    while process.is_alive() and (path.stat().st_mtime_ns if path.exists() else 0) == before:
        time.sleep(0.02)


def test_ctrl_c_loses_nothing(finished, tiny, config, tmp_path, frequent_reports, final_states):
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
    assert_same_end(run_dir, finished)


def state_iteration(run_dir: Path) -> int:
    """Return the iteration of the state that a run has saved: Adam counts it, after the network's weights."""
    return next(int(value) for value in state(run_dir).values() if value.dtype == np.int64 and value.ndim == 0)


def test_a_finished_run_is_left_as_it_is(finished, tiny, config, tmp_path):
    run_dir = shutil.copytree(finished, tmp_path / "copy")
    with pytest.raises(InputError, match="is finished"):
        train(tiny, config, run_dir, resume=True)
    for path in finished.glob("*.*"):
        assert (run_dir / path.name).read_bytes() == path.read_bytes()


def test_a_run_killed_before_its_first_state_starts_again(finished, tiny, config, tmp_path):
    (tmp_path / "config.json").write_bytes((finished / "config.json").read_bytes())
    (tmp_path / "history.csv").write_bytes((finished / "history.csv").read_bytes())
    result = train(tiny, config, tmp_path, resume=True, report=interrupt_at(20, measured=True))
    assert result.iteration == 20
    assert history(tmp_path) == history(finished)[:1]


def test_resume_with_other_settings_is_refused(finished, tiny, config):
    before = (finished / "config.json").read_bytes()
    with pytest.raises(InputError, match=rf"{finished}.*other settings"):
        train(tiny, dataclasses.replace(config, learning_rate=1e-4), finished, resume=True)
    assert (finished / "config.json").read_bytes() == before


@pytest.mark.parametrize("content", [None, "{", json.dumps({"train": {"graph": "seed", "speed": 3}}), "[]"])
def test_resume_needs_a_run_folder(content, tiny, config, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=rf"{tmp_path / 'config.json'}.*--run-dir"):
        train(tiny, config, tmp_path, resume=True)

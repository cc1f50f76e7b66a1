"""Sweeps as users start them: processes in the background, killed, stopped and resumed."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from svhn.commands import cli
from svhn.crops import to_gray
from svhn.data.prepared import PreparedData, Split, Statistics, read_prepared, write_prepared
from svhn.errors import InputError
from svhn.sweeps.folder import SweepFolder, SweepPlan
from svhn.sweeps.plan import PlannedRun
from svhn.sweeps.supervisor import Supervisor, start, stop
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig
from svhn.torch_inpaint.classifier.train import train_network

pytestmark = pytest.mark.slow

PATIENCE = 240.0


def digits(count, seed):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (count, 32, 32, 3), np.uint8)
    return Split(rgb, to_gray(rgb), np.arange(count) % 10, np.arange(count))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Prepared noise."""
    splits = {"train": digits(60, 0), "validation": digits(20, 1)}
    path = tmp_path_factory.mktemp("data") / "noise.h5"
    write_prepared(path, PreparedData(splits, Statistics.of(splits["train"]), {"source": "noise", "licence": "none"}))
    return path


def until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"no {what} in {PATIENCE:.0f} seconds"
        time.sleep(0.05)


def states(folder):
    return {status.run.name: status.state for status in folder.statuses()}


@pytest.fixture
def one_thread():
    """As many as the workers have: sums of several threads may be rounded in other ways."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_a_sweep_is_killed_stopped_and_resumed_and_ends_as_one_that_was_left_alone(
    data, tmp_path, one_thread, monkeypatch
):
    config = ConvNetTrainConfig(net="ConvNet48_333", epochs=20, augmentation=False, average=0.9)
    runs = [
        PlannedRun("long", config),
        PlannedRun("bad", ConvNetTrainConfig(mix={"train": 0.5, "pseudo": 0.5})),
    ]
    folder = SweepFolder(tmp_path / "sweep")
    plan = SweepPlan(runs, str(data), device="cpu")
    pid = start(folder, plan)
    with pytest.raises(InputError, match=f"running already .process {pid}"):
        start(folder, plan)
    until(lambda: len(folder.statuses()[0].history) >= 1, "first epoch")
    assert os.getsid(pid) == pid != os.getsid(0)  # closing the terminal does not reach it
    assert states(folder) == {"long": "running", "bad": "waiting"}
    os.kill(pid, signal.SIGKILL)
    until(lambda: folder.supervisor() is None, "end of the killed supervisor")
    assert states(folder)["long"] == "stopped"
    measured = len(folder.statuses()[0].history)
    time.sleep(2)  # the worker ends with its supervisor, at once
    assert len(folder.statuses()[0].history) <= measured + 2

    assert start(folder, plan) != pid
    until(lambda: len(folder.statuses()[0].history) > measured, "another epoch")
    assert stop(folder) and stop(folder) is None
    assert states(folder) == {"long": "stopped", "bad": "waiting"}
    assert "stopped" in folder.report.read_text()

    start(folder, SweepPlan(runs, str(data), jobs=2, device="cpu"))
    until(lambda: folder.supervisor() is None, "end of the sweep")
    assert states(folder) == {"long": "done", "bad": "failed"}
    bad = folder.statuses()[1]
    assert "no pseudo split" in bad.error
    before = (folder.run_dir("long") / "record.json").stat().st_mtime_ns
    Supervisor(folder).supervise()  # nothing to do
    assert (folder.run_dir("long") / "record.json").stat().st_mtime_ns == before

    monkeypatch.setattr("svhn.runs.loop.Run._draw", lambda run, best: None)
    train_network(read_prepared(data), config, tmp_path / "alone")
    folders = (folder.run_dir("long"), tmp_path / "alone")
    a, b = (torch.load(path / "model.pt", weights_only=True)["weights"] for path in folders)
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_runs_that_began_keep_their_settings(data, tmp_path):
    folder = SweepFolder(tmp_path / "sweep")
    once, twice, thrice = (ConvNetTrainConfig(epochs=epochs) for epochs in (1, 2, 3))
    plan = SweepPlan([PlannedRun("a", once), PlannedRun("b", once)], str(data))
    folder.write_plan(plan)
    folder.run_dir("a").mkdir()
    folder.write_plan(SweepPlan([PlannedRun("a", once), PlannedRun("b", twice)], str(data)))
    with pytest.raises(InputError, match="other settings"):
        folder.write_plan(SweepPlan([PlannedRun("a", thrice)], str(data)))
    with pytest.raises(InputError, match="--data"):
        folder.write_plan(SweepPlan(plan.runs, "synthetic"))
    assert folder.read_plan().runs[1].config.epochs == 2
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    with pytest.raises(InputError, match="not empty"):
        SweepFolder(tmp_path / "full").write_plan(plan)
    with pytest.raises(InputError, match="no sweep here"):
        SweepFolder(tmp_path / "none").read_plan()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "sweep.json").write_text('{"runs": [], "data": "synthetic"}')
    with pytest.raises(InputError, match=r"another version of this program \(format 1, expected 2\)"):
        SweepFolder(tmp_path / "old").read_plan()
    assert SweepFolder(tmp_path / "none").supervisor() is None


def test_the_command(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Path("small.yaml").write_text("net: [ConvNet32, ConvNet48_333]\nepochs: 1\n")

    def run(*arguments, code=0):
        result = CliRunner().invoke(cli, ["sweep", "small.yaml", *arguments])
        assert result.exit_code == code, result.output
        return result.output

    assert "no sweep here" in run("status", code=1)
    assert "no sweep here" in run("resume", code=1)
    assert "2 runs, 2 at a time, in the background" in run("--jobs", "2", "--data", str(data), "--cpu")
    folder = SweepFolder("runs/sweep-small")
    until(lambda: folder.supervisor() is None, "end of the sweep")
    output = run("watch")
    assert "2 done" in output and "best so far: ConvNet" in output and "report.html" in output
    assert folder.best.is_file()
    assert "was not running" in run("stop")
    Path("mine.csv").write_text("model,note\nother,keep me\n")
    run("report", "--table", "mine.csv")
    assert "keep me" in Path("mine.csv").read_text() and "ConvNet48_333" in Path("mine.csv").read_text()
    plan = json.loads(Path("runs/sweep-small/sweep.json").read_text())
    assert plan["data"] == str(data) and plan["jobs"] == 2 and plan["threads"] == 1 and plan["device"] == "cpu"
    assert sys.executable not in Path("runs/sweep-small/sweep.json").read_text()

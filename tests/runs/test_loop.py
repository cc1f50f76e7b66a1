"""The loop of every training, with a learner that takes no time: intervals, best network, stops, kills, resume."""

import csv
import signal
from pathlib import Path

import pytest
from PIL import Image
from toy_learner import ToyLearner

from svhn.errors import InputError
from svhn.runs.folder import RunFolder
from svhn.runs.history import LAST, read_history
from svhn.runs.loop import Plan, run_training
from svhn.runs.progress import Progress, RunResult
from svhn.runs.record import RunRecord
from svhn.settings import Settings

ITERATIONS, INTERVAL = 35, 10


class Killed(BaseException):
    """What ends a run with nothing of its own having a say, as SIGKILL does."""


def train(run_dir: Path, resume=False, report=lambda progress: None, learner=None, **plan) -> RunResult:
    folder = RunFolder(run_dir)
    folder.open("train-toy", Settings(), {"source": "toy"}, resume)
    record = RunRecord.new("train-toy", {}, {"source": "toy"}, ())
    plan = Plan(ITERATIONS, INTERVAL, **plan)
    return run_training(learner or ToyLearner(), folder, plan, record, resume, report)


def rows(run_dir: Path) -> list[dict[str, str]]:
    """The history without the seconds, as text: equal text is equal to the last bit."""
    with (run_dir / "history.csv").open(newline="") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def assert_same_end(run_dir: Path, reference: Path) -> None:
    assert rows(run_dir) == rows(reference)
    assert (run_dir / "model.txt").read_text() == (reference / "model.txt").read_text()
    assert {path.name for path in run_dir.iterdir()} == {path.name for path in reference.iterdir()}
    metrics = [RunRecord.read(folder / "record.json").metrics for folder in (run_dir, reference)]
    assert metrics[0] | {"seconds": 0} == metrics[1] | {"seconds": 0}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "whole"
    assert train(run_dir).finished
    return run_dir


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch, request):
    """Drawing takes longer than all the rest: `whole` has the one real picture."""
    request.getfixturevalue("whole")
    monkeypatch.setattr("svhn.figures.write_run_picture", lambda path, *_: path.touch())


def test_a_run_is_drawn(whole):
    with Image.open(whole / "report.png") as picture:
        assert picture.width > 1500


def test_a_run_leaves_its_files_and_no_state(whole):
    assert {path.name for path in whole.iterdir()} == {
        "config.json",
        "history.csv",
        "model.txt",
        "record.json",
        "report.png",
    }
    columns = "iteration,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds"
    assert (whole / "history.csv").read_text().splitlines()[0] == columns
    assert [row["iteration"] for row in rows(whole)] == ["10", "20", "30", "35"]


def test_means_are_those_of_the_interval(whole):
    learner = ToyLearner()
    for row, count in zip(read_history(whole / "history.csv"), (10, 10, 10, 5), strict=True):
        values = learner.advance(count)
        assert (row["loss"], row["accuracy"]) == pytest.approx(tuple(values.mean(axis=0)), rel=1e-12)
        assert row["learning_rate"] == learner.learning_rate


def test_the_best_network_is_kept_and_recorded(whole):
    assert (whole / "model.txt").read_text().split()[0] == "20"
    record = RunRecord.read(whole / "record.json")
    assert (record.metrics["best_iteration"], record.metrics["validation_accuracy"]) == (20, 0.5)
    assert record.metrics["parameters"] == 1
    assert record.metrics["seconds"] == sum(row["seconds"] for row in read_history(whole / "history.csv"))


def test_of_equal_accuracies_the_lower_loss_wins(tmp_path):
    train(tmp_path / "run", learner=ToyLearner(accuracies=(0.5,)))
    losses = {row["iteration"]: row["validation_loss"] for row in read_history(tmp_path / "run" / "history.csv")}
    assert int((tmp_path / "run" / "model.txt").read_text().split()[0]) == min(losses, key=losses.get) != 35


def test_a_learner_may_keep_the_last_network(tmp_path, monkeypatch):
    monkeypatch.setattr(ToyLearner, "ranking", LAST)
    record = train(tmp_path / "run").record
    assert (tmp_path / "run" / "model.txt").read_text().split()[0] == "35"
    assert record.metrics["best_iteration"] == 35 and record.metrics["validation_accuracy"] == 0.4


def test_progress_tells_means_scores_and_time_left(tmp_path):
    seen: list[Progress] = []
    train(tmp_path / "run", report=seen.append)
    where = [(progress.iteration, progress.scores is not None) for progress in seen]
    first = [(3, False), (6, False), (9, False), (10, False), (10, True)]
    assert where[:5] == first and where[-1] == (35, True) and len(where) == 3 * 5 + 3
    row = read_history(tmp_path / "run" / "history.csv")[0]
    assert seen[4].means == {"loss": row["loss"], "accuracy": row["accuracy"]}
    assert seen[4].scores == {"loss": row["validation_loss"], "accuracy": row["validation_accuracy"]}
    assert all(progress.iterations == 35 and progress.rate > 0 for progress in seen)
    assert Progress(10, 35, {}, 5.0).seconds_left == 5.0


def interrupt_at(iteration: int, measured: bool = False):
    def report(progress: Progress) -> None:
        if progress.iteration == iteration and (progress.scores is not None) == measured:
            signal.raise_signal(signal.SIGINT)

    return report


@pytest.mark.parametrize("iteration, measured", [(3, False), (16, False), (20, False), (20, True), (33, False)])
def test_ctrl_c_loses_nothing(tmp_path, whole, iteration, measured):
    """Inside an interval, at its last iteration, just after its measurement."""
    handler = signal.getsignal(signal.SIGINT)
    result = train(tmp_path / "run", report=interrupt_at(iteration, measured))
    assert (result.finished, result.iteration, result.record, result.exit_code) == (False, iteration, None, 130)
    assert f"Stopped after iteration {iteration}" in result.text and "--resume" in result.text
    assert signal.getsignal(signal.SIGINT) == handler
    assert not (tmp_path / "run" / "record.json").exists()
    assert train(tmp_path / "run", resume=True).finished
    assert_same_end(tmp_path / "run", whole)


def test_stops_at_other_places_change_no_bit_of_the_sums(tmp_path, whole, monkeypatch):
    monkeypatch.setattr(ToyLearner, "report_every", 7)
    train(tmp_path / "run", report=interrupt_at(7))
    monkeypatch.setattr(ToyLearner, "report_every", 1)
    train(tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", whole)


def test_a_second_ctrl_c_ends_the_process_as_usual(tmp_path):
    def report(progress: Progress) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", report=report)


def test_beside_other_processes_ctrl_c_ends_the_run_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", report=interrupt_at(3), alone=False)


@pytest.mark.parametrize("method", ["advance", "measure", "keep", "save", "results"])
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_run_ends_as_if_nothing_had_happened(tmp_path, whole, monkeypatch, method, call, when):
    original, calls = getattr(ToyLearner, method), 0

    def dying(self, *arguments):
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            raise Killed
        result = original(self, *arguments)
        if calls == call:
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(ToyLearner, method, dying)
        if method == "results" and call == 2:
            train(tmp_path / "run")  # is called once only
        else:
            with pytest.raises(Killed):
                train(tmp_path / "run")
            train(tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", whole)


@pytest.mark.parametrize("name", ["config.json", "history.csv", "model.txt", "state", "record.json"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_while_it_writes_ends_as_if_nothing_had_happened(tmp_path, whole, monkeypatch, name, when):
    """Where a file that is written, under a temporary name, gets its own."""
    replace = Path.replace

    def dying(path: Path, target: Path) -> None:
        if Path(target).name != name or when == "after":
            replace(path, target)
        if Path(target).name == name:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", dying)
        with pytest.raises(Killed):
            train(tmp_path / "run")
    if not (tmp_path / "run" / "record.json").exists():
        train(tmp_path / "run", resume=(tmp_path / "run" / "config.json").exists())
        assert_same_end(tmp_path / "run", whole)
    else:  # it is finished: the state alone is left over
        assert (name, when) == ("record.json", "after")
        with pytest.raises(InputError, match="is finished"):
            train(tmp_path / "run", resume=True)


def test_rows_of_after_the_last_state_are_forgotten(tmp_path, whole):
    train(tmp_path / "run", report=interrupt_at(20, measured=True))
    path = tmp_path / "run" / "history.csv"
    path.write_text(path.read_text() + "30,9,9,9,9,9,9\n")
    train(tmp_path / "run", resume=True)
    assert_same_end(tmp_path / "run", whole)


def test_processes_that_do_not_lead_learn_and_write_nothing(tmp_path):
    learner, seen = ToyLearner(), []
    folder, record = RunFolder(tmp_path), RunRecord.new("train-toy", {}, {}, ())
    result = run_training(learner, folder, Plan(35, 10, leads=False), record, report=seen.append)
    assert (result.finished, result.record, result.text, learner.iteration) == (True, None, "", 35)
    assert not seen and not list(tmp_path.iterdir())


def test_the_result_can_be_printed(whole, tmp_path):
    result = train(tmp_path / "run")
    lines = result.text.splitlines()
    assert lines[0].startswith("validation: loss ") and lines[0].endswith("accuracy 50.00%")
    assert lines[-1] == f"{tmp_path / 'run'}: model.txt written" and result.exit_code == 0
    result.record.metrics |= {"test_accuracy": 0.5, "test_accuracy_interval": [0.4, 0.6]}
    assert "test: accuracy 50.00% (95 % interval 40.00% to 60.00%)" in result.text.splitlines()


def test_a_finished_run_is_not_resumed(whole):
    with pytest.raises(InputError, match="is finished"):
        train(whole, resume=True)

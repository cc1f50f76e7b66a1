"""History, ranking and the learning rate's schedule."""

import math

import numpy as np
import pytest

from svhn.errors import InputError
from svhn.runs.history import BY_ACCURACY, LAST, best_of, make_row, read_history, scores_of, write_history
from svhn.runs.progress import format_values
from svhn.runs.schedule import rate_share


def rows(*scores: tuple[float, float]) -> list[dict[str, float]]:
    return [
        make_row(10 * i, {"loss": 0.1}, {"accuracy": accuracy, "loss": loss}, 0.01, 2.0)
        for i, (accuracy, loss) in enumerate(scores, start=1)
    ]


def test_a_history_reads_back_to_the_last_bit(tmp_path):
    history = rows((1 / 3, math.pi), (0.1 + 0.2, 1e-300))
    write_history(tmp_path / "history.csv", history)
    found = read_history(tmp_path / "history.csv")
    assert found == history and type(found[0]["iteration"]) is int
    assert list(found[0]) == [
        "iteration",
        "loss",
        "validation_accuracy",
        "validation_loss",
        "learning_rate",
        "seconds",
    ]


def test_numpy_values_are_written_as_numbers(tmp_path):
    row = make_row(1, {}, {"psnr": np.float32(0.5)}, np.float32(0.25), 1.0)
    write_history(tmp_path / "history.csv", [row])
    assert (tmp_path / "history.csv").read_text().splitlines()[1] == "1,0.5,0.25,1.0"


def test_no_history_is_an_empty_one_and_another_file_is_refused(tmp_path):
    assert read_history(tmp_path / "history.csv") == []
    (tmp_path / "history.csv").write_text("loss\n0.5\n")
    with pytest.raises(InputError, match=r"history\.csv: not the history of a run"):
        read_history(tmp_path / "history.csv")
    (tmp_path / "history.csv").write_text("iteration,loss\n1\n")
    with pytest.raises(InputError, match="restore it"):
        read_history(tmp_path / "history.csv")


def test_it_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    write_history(tmp_path / "history.csv", rows((0.5, 1)))
    before = (tmp_path / "history.csv").read_bytes()
    with pytest.raises(ValueError):
        write_history(tmp_path / "history.csv", [*rows((0.5, 1)), {"other": 1}])
    assert (tmp_path / "history.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    "scores, ranking, best",
    [
        ([(0.5, 1), (0.7, 9), (0.6, 1)], BY_ACCURACY, 20),
        ([(0.5, 1), (0.7, 9), (0.7, 8), (0.7, 8)], BY_ACCURACY, 30),
        ([(0.9, 1), (0.7, 9)], LAST, 20),
    ],
)
def test_the_best_row(scores, ranking, best):
    assert best_of(rows(*scores), ranking)["iteration"] == best


def test_scores_have_no_prefix():
    assert scores_of(rows((0.5, 1))[0]) == {"accuracy": 0.5, "loss": 1}


def test_shares_are_shown_in_percent():
    assert format_values({"whole_number": 0.912, "loss": 0.27134}) == "whole number 91.20%  loss 0.2713"


def test_the_learning_rate_rises_and_falls_along_a_cosine_to_the_floor():
    shares = [rate_share(i, 100, warmup=20, floor=0.02) for i in range(101)]
    np.testing.assert_allclose(shares[:20], np.arange(1, 21) / 20)
    assert shares[20] == 1 and shares[-1] == pytest.approx(0.02)
    assert shares[60] == pytest.approx(0.51) and (np.diff(shares[20:]) < 0).all()
    assert rate_share(0, 10) == 1 and rate_share(10, 10) == pytest.approx(0)
    assert rate_share(3, 5, warmup=10) == 0.4

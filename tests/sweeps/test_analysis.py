import csv
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from svhn.figures.sweep_page import render_sweep
from svhn.runs.record import RunRecord
from svhn.sweeps.analysis import best_run, format_table, model_rows, overfitting, update_table
from svhn.sweeps.folder import RunStatus
from svhn.sweeps.plan import PlannedRun
from svhn.sweeps.report import as_shown, notes_on
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig


def history(accuracy, loss=None, val_loss=None, noise=0.004, seed=0):
    """Rows of a run; without other values the losses fall steadily."""
    n, rng = len(accuracy), np.random.default_rng(seed)
    falling = 2 * np.exp(-np.arange(n) / (n / 3))
    columns = {
        "epoch": np.arange(1, n + 1),
        "loss": falling if loss is None else loss,
        "validation_loss": falling + 0.3 if val_loss is None else val_loss,
        "validation_accuracy": np.array(accuracy) + rng.normal(0, noise, n),
        "seconds": np.full(n, 2.0),
    }
    return [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]


RISE = 0.9 * (1 - np.exp(-np.arange(60) / 6))
FALL = np.where(np.arange(60) < 30, RISE, RISE - 0.002 * (np.arange(60) - 30))


def test_a_fall_of_validation_while_the_loss_falls_is_overfitting():
    epoch, words = overfitting(history(FALL))
    assert 20 < epoch < 40 and "validation fell" in words


def test_a_rise_of_the_validation_loss_while_the_loss_falls_is_overfitting():
    rising = 0.4 + 0.01 * np.abs(np.arange(60) - 20)
    epoch, words = overfitting(history(RISE, val_loss=rising))
    assert 15 < epoch < 26 and "validation loss rose" in words


@pytest.mark.parametrize(
    "rows",
    [
        [],
        history(FALL[:7]),
        history(RISE),
        history(FALL, loss=np.linspace(0.1, 2, 60), val_loss=np.full(60, 0.5)),
    ],
    ids=["nothing", "too-short", "steady", "the-loss-rises-too"],
)
def test_no_overfitting(rows):
    assert overfitting(rows) is None


def test_noise_alone_is_rarely_called_overfitting():
    flagged = [overfitting(history(RISE, noise=0.008, seed=seed)) is not None for seed in range(100)]
    assert sum(flagged) < 5


def status(name, net="ConvNet32", accuracy=0.9, done=True, epochs=20):
    rows = history(accuracy * (1 - np.exp(-np.arange(epochs) / 4)), noise=0)
    metrics = {
        "parameters": 1234, "validation_accuracy": max(row["validation_accuracy"] for row in rows),
        "test_accuracy": 0.8, "test_accuracy_interval": [0.78, 0.82], "seconds": 40.0, "images_per_second": 999.6,
        "trained_per_second": 500.0, "device": "cpu", "threads": 1,
    }  # fmt: skip
    record = RunRecord("train-torch", {}, {"digits": {"train": 10}}, metrics, created="2026-01-02T03:04:05")
    run = PlannedRun(name, ConvNetTrainConfig(net=net, epochs=20))
    return RunStatus(run, "done" if done else "running", rows, record if done else None)


def test_the_best_run_is_the_best_on_validation():
    runs = [status("a", accuracy=0.8), status("b", accuracy=0.95), status("c", accuracy=0.9)]
    assert best_run(runs).run.name == "b"
    assert best_run([RunStatus(runs[0].run, "waiting")]) is None


def test_the_table_has_a_line_for_each_run():
    waiting = RunStatus(PlannedRun("later", ConvNetTrainConfig()), "waiting")
    failed = RunStatus(PlannedRun("broken", ConvNetTrainConfig()), "failed", error="no data")
    lines = format_table([status("a"), status("b", done=False, epochs=5), waiting, failed]).splitlines()
    assert len({len(line.split("  ")[0]) for line in lines[:1]}) == 1
    assert "done" in lines[1] and "20/20" in lines[1] and "5/20" in lines[2] and "no data" in lines[4]
    assert "1 done, 1 running, 1 waiting, 1 failed; about" in lines[6] and "minutes left" in lines[6]


def test_rows_of_models_go_into_a_table_that_others_use_too(tmp_path):
    table = tmp_path / "results.csv"
    table.write_text("setting,model,minutes\nours,tf-seed,3\nold,ConvNet32,9\n")
    runs = [status("a", accuracy=0.8), status("b", accuracy=0.9), status("c", net="ConvNet48", done=True)]
    update_table(table, model_rows([*runs, status("d", net="ConvNet64", done=False)]))
    update_table(table, model_rows(runs))
    rows = list(csv.DictReader(table.open()))
    assert [(row["model"], row["setting"], row["run"]) for row in rows] == [
        ("tf-seed", "ours", ""),
        ("ConvNet32", "", "b"),
        ("ConvNet48", "", "c"),
    ]
    assert rows[0]["minutes"] == "3" and rows[1]["test_accuracy"] == "0.8000" and rows[1]["parameters"] == "1234"
    assert float(rows[1]["minutes"]) == pytest.approx(0.7) and rows[1]["images_per_second"] == "1000"


class Checker(HTMLParser):
    """Collects tags and words, and whether every tag is closed."""

    VOID = frozenset(("meta", "br", "path", "rect", "circle", "use"))

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.words, self.attributes = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert tag in self.VOID or self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def render(statuses, best=None):
    return render_sweep("Sweep mine", notes_on(statuses, "/somewhere/svhn"), list(map(as_shown, statuses)), best)


def test_the_page_shows_everything_and_loads_nothing():
    over = RunStatus(status("over").run, "done", history(FALL), status("over").record)
    runs = [status("a", accuracy=0.95), status("b", done=False, epochs=1), over]
    runs += [RunStatus(PlannedRun("<b>&later", ConvNetTrainConfig(batch_size=64)), "waiting")]
    text = render(runs, "a")
    page = Checker(text)
    assert page.open == []
    assert "Best run: a" in page.words and "over-fits: validation fell" in page.words
    assert "<b>&later" in page.words and page.tags.count("b") == 0
    assert page.tags.count("svg") == 1 + 3 and page.tags.count("tr") == 1 + 4
    assert "http" not in text and "<script" not in text and "/somewhere" not in text
    assert re.findall(r"url\((?!#)", text) == []  # but to what stands in the page
    names = ("src", "href", "xlink:href")
    assert not [value for name, value in page.attributes if name in names and not value.startswith("#")]
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_page_tells_settings_that_differ_and_scores():
    runs = [status("a", accuracy=0.95), status("b")]
    page = Checker(render(runs, "a"))
    assert (
        "validation 94.18% at epoch 20 of 20" in page.words
        and "test 80.00% (95 % interval" in page.words
        and "1,234" in page.words
    )
    assert "momentum" not in page.words
    slow = replace(runs[1], run=PlannedRun("b", replace(runs[1].run.config, momentum=0.5)))
    assert "momentum" in Checker(render([runs[0], slow])).words


def test_a_page_before_anything_is_measured():
    assert "No run has been measured yet" in render([RunStatus(PlannedRun("a", ConvNetTrainConfig()), "waiting")])

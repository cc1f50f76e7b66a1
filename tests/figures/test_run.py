"""The picture of a run: a panel for everything that is measured, the network that is kept, a classifier's mistakes."""

import numpy as np
import pytest
from PIL import Image
from test_reports import answers, shown_texts

from svhn.figures.run import curves_of, draw_classifier_run, draw_run, write_run_picture


def learning(rows: int) -> list[dict[str, float]]:
    """A history that gets better and, in validation, worse again after two thirds."""
    falling = [1 / (row + 1) for row in range(rows)]
    best = 2 * rows // 3
    return [
        {
            "iteration": 100 * (row + 1),
            "loss": falling[row],
            "accuracy": 1 - falling[row] / 2,
            "validation_loss": 0.2 + abs(row - best) / 100,
            "validation_accuracy": 0.95 - abs(row - best) / 100,
            "learning_rate": 0.01,
            "seconds": 3.0,
        }
        for row in range(rows)
    ]


@pytest.mark.parametrize(("rows", "n", "wrong"), [(1, 20, 0), (3, 50, 5), (60, 300, 200)])
def test_the_picture_of_any_classifier_can_be_opened(tmp_path, rows, n, wrong):
    history = learning(rows)
    write_run_picture(tmp_path / "report.png", history, history[0], "run", tuple(answers(n, wrong)))
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.width > 1500 and picture.height > 1000


def test_the_picture_of_a_classifier_has_curves_matrix_and_mistakes():
    history = learning(30)
    figure = draw_classifier_run(history, history[20], "my run", tuple(answers(200, 120)))
    lines = {line.get_label(): line for axes in figure.axes[:2] for line in axes.get_lines()}
    np.testing.assert_allclose(lines["validation"].get_xdata(), [row["iteration"] for row in history])
    curves = [line.get_ydata().tolist() for axes in figure.axes[:2] for line in axes.get_lines()]
    for column in ("accuracy", "validation_accuracy", "loss", "validation_loss"):
        assert [row[column] for row in history] in curves
    texts = shown_texts(figure)
    assert "my run" in texts and "true digit" in texts
    assert "kept: 95.00% at 2,100" in texts and "kept: 0.200 at 2,100" in texts
    assert any("120 of 200" in text and "48 most confident" in text for text in texts)


SMALL = [
    {"iteration": i, "box": 1 / i, "validation_whole_number": 0.01 * i, "learning_rate": 0.1, "seconds": 9.0}
    for i in (1, 2, 3)
]


def test_every_measure_of_any_training_has_a_panel(tmp_path):
    """Training means without a validation score, and scores without a training mean; rate and seconds are no curves."""
    assert curves_of(SMALL[0]) == ["box", "whole_number"]
    figure = draw_run(SMALL, SMALL[2], "finder")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["box", "whole number"]
    box, number = ([line.get_ydata().tolist() for line in axes.get_lines()] for axes in figure.axes)
    assert box == [[1, 1 / 2, 1 / 3]] and number == [[0.01, 0.02, 0.03], [0.03]]
    assert "kept: 3.00% at 3" in shown_texts(figure)
    write_run_picture(tmp_path / "report.png", SMALL, SMALL[2], "finder")
    with Image.open(tmp_path / "report.png") as picture:
        assert picture.convert("L").getextrema()[0] < 100  # something is drawn


@pytest.mark.parametrize("best", [0, 2])
def test_nothing_leaves_the_page(best):
    figure = draw_run(SMALL, SMALL[best], "finder")
    figure.draw_without_rendering()
    page = figure.bbox
    labels = [text for axes in figure.axes for text in (*axes.texts, axes.xaxis.label, *axes.get_legend().get_texts())]
    for text in (*figure.texts, *labels):
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text

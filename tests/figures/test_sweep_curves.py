import numpy as np
from matplotlib.colors import to_hex

from svhn.figures.page import GOOD, MUTED, WARN
from svhn.figures.sweep_curves import COLOURS, REST, draw_all, draw_best, draw_run

EPOCHS = 40


def rows(epochs=EPOCHS):
    return [
        {"epoch": epoch, "loss": 1 / epoch, "validation_loss": 1.1 / epoch, "validation_accuracy": 1 - 0.5 / epoch}
        for epoch in range(1, epochs + 1)
    ]


def test_a_run_shows_its_two_losses_on_one_axis_and_its_accuracy_on_another():
    losses, accuracies = draw_run(rows()).axes
    assert [(to_hex(line.get_color()), line.get_linestyle()) for line in losses.lines] == [(MUTED, "--"), (MUTED, "-")]
    np.testing.assert_allclose(losses.lines[1].get_ydata(), [1 / epoch for epoch in range(1, EPOCHS + 1)])
    (accuracy,) = accuracies.lines
    assert to_hex(accuracy.get_color()) == GOOD and accuracy.get_ydata()[-1] == 1 - 0.5 / EPOCHS
    assert losses.get_ylim()[0] == 0


def test_where_a_run_over_fits_it_is_tinted():
    losses = draw_run(rows(), overfits_from=30).axes[0]
    (tint,) = losses.patches
    assert to_hex(tint.get_facecolor()) == WARN and tint.get_extents().width > 0
    assert losses.lines[-1].get_xdata()[0] == 30
    assert not draw_run(rows()).axes[0].patches


def test_a_single_epoch_is_a_dot():
    losses, accuracies = draw_run(rows(1)).axes
    assert all(line.get_marker() == "o" for line in [*losses.lines, *accuracies.lines])


def test_all_runs_have_a_colour_as_far_as_there_are_any_and_the_best_is_strongest():
    names = [f"run {number}" for number in range(len(COLOURS) + 3)]
    axes = draw_all({name: np.linspace(0.5, 0.9, EPOCHS) for name in names}, "run 2").axes[0]
    colours = {line.get_label(): to_hex(line.get_color()) for line in axes.lines if len(line.get_xdata())}
    assert [colours[name] for name in names] == [*COLOURS, *[REST] * 3]
    widths = {line.get_label(): line.get_linewidth() for line in axes.lines}
    assert widths["run 2"] > max(width for name, width in widths.items() if name != "run 2")
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert words == [*names[: len(COLOURS)], "and 3 more in gray"]


def test_the_axis_of_all_runs_is_made_for_what_they_differ_in():
    """The first epochs, and a run that has only just begun, are cut off below."""
    accuracies = {"a": [0.1] * 5 + [0.8] * 35, "b": [0.1] * 5 + [0.9] * 35, "just begun": [0.2]}
    low, high = draw_all(accuracies).axes[0].get_ylim()
    assert 0.7 < low < 0.8 and 0.9 < high <= 1


def test_winner_and_runner_up_stand_below_each_other_with_over_fitting_marked():
    figure = draw_best([("a", rows(), None), ("b", rows(), (30, "validation fell"))])
    texts = [text.get_text() for text in figure.texts]
    assert texts == ["winner: a", "does not over-fit", "runner-up: b", "over-fits: validation fell"]
    assert [len(axes.patches) for axes in figure.axes] == [0, 0, 1, 1]
    assert [len(axes.lines) for axes in figure.axes] == [2, 1, 3, 2]
    assert len(draw_best([("a", rows(1), None)]).axes) == 2

"""Reports: what is written, what the pictures show, and the table for the terminal."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
from matplotlib.image import AxesImage
from matplotlib.text import Text
from PIL import Image

from svhn.errors import InputError
from svhn.figures.report import (
    draw_confusion,
    draw_mistakes,
    format_report,
    worst_mistakes,
    write_report,
)
from svhn.metrics import classification_report


@dataclass
class Answers:
    rgb: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray

    def __iter__(self):
        return iter((self.rgb, self.labels, self.probabilities))


def answers(n: int, wrong: int, seed: int = 0) -> Answers:
    """`n` digits of which the first `wrong` are taken for the next digit, with confidences of .5 to .95.

    The crop of digit i is one colour that encodes i, so that a picture of it can be recognised.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    said = np.where(np.arange(n) < wrong, (labels + 1) % 10, labels)
    confidence = rng.permutation(np.linspace(0.5, 0.95, max(n, 1)))[:n]
    probabilities = np.repeat((1 - confidence)[:, None] / 9, 10, axis=1)
    probabilities[np.arange(n), said] = confidence
    colours = np.stack([np.arange(n) % 256, np.arange(n) // 256, np.full(n, 77)], axis=1)
    rgb = np.broadcast_to(colours[:, None, None], (n, 32, 32, 3)).astype(np.uint8)
    return Answers(rgb, labels, probabilities)


def shown_texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def shown_crops(figure) -> list[int]:
    """Numbers of the digits whose crops a gallery shows, in its order."""
    return [int(image.get_array()[0, 0, 0]) for image in figure.findobj(AxesImage)]


def test_report_file_is_what_is_returned(tmp_path):
    extra = {"model": "tf-seed", "data": "data/svhn", "split": "test"}
    report = write_report(tmp_path / "deep" / "report", *answers(200, 30), "tf-seed, test", extra)
    assert json.loads((tmp_path / "deep" / "report" / "report.json").read_text()) == report
    assert report.items() >= extra.items()
    assert (report["accuracy"], report["n"]) == (0.85, 200)
    assert np.shape(report["confusion"]) == (10, 10)
    assert report["confusion"][0][:2] == [17, 3]  # rows are true digits
    assert set(report["per_class"][0]) == {"digit", "precision", "recall", "f1", "support"}
    assert {path.name for path in (tmp_path / "deep" / "report").iterdir()} == {
        "report.json",
        "confusion.png",
        "misclassified.png",
    }


@pytest.mark.parametrize(("n", "wrong"), [(0, 0), (50, 0), (50, 1), (50, 50), (300, 200)])
def test_pictures_of_any_result_can_be_opened(tmp_path, n, wrong):
    write_report(tmp_path, *answers(n, wrong), "model, test", {})
    for name in ("confusion.png", "misclassified.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 800
            assert picture.convert("L").getextrema()[0] < 100  # something is drawn


def test_measured_values_win_over_extra(tmp_path):
    report = write_report(tmp_path, *answers(20, 5), "model", {"accuracy": 1.0, "model": "m"})
    assert report["accuracy"] == 0.75


def test_confusion_picture_has_counts_and_accuracy(tmp_path):
    report = write_report(tmp_path, *answers(1000, 300), "tf-seed, test", {})
    texts = shown_texts(draw_confusion(report, "tf-seed, test"))
    assert "tf-seed, test" in texts
    assert any("accuracy 70.00%" in text and "1,000 digits" in text for text in texts)
    assert texts.count("70") == 10
    assert texts.count("30") == 10
    assert "true digit" in texts and "predicted digit" in texts


def test_confusion_colours_follow_the_share_of_the_row(tmp_path):
    """A rare digit that is always right is as dark as a frequent one; a row without digits stays white."""
    labels = np.repeat([0, 1], [3, 300])
    probabilities = np.eye(10)[labels]
    rgb = np.zeros((303, 32, 32, 3), np.uint8)
    write_report(tmp_path, rgb, labels, probabilities, "model", {})
    pixels = np.asarray(Image.open(tmp_path / "confusion.png").convert("RGB")).astype(int)
    blue = np.argwhere((pixels == pixels[tuple(darkest_blue(pixels))]).all(axis=2))
    assert blue.shape[0] > 2 * 60 * 60  # two cells, text and lines aside


def darkest_blue(pixels: np.ndarray) -> np.ndarray:
    colours, counts = np.unique(pixels.reshape(-1, 3), axis=0, return_counts=True)
    frequent = colours[counts > 2000]
    darkest = frequent[frequent.sum(axis=1).argmin()]
    return np.argwhere((pixels == darkest).all(axis=2))[0]


def test_the_most_confident_mistakes_come_first():
    _, labels, probabilities = answers(200, 120)
    mistakes = worst_mistakes(labels, probabilities)
    assert sorted(mistakes.tolist()) == list(range(120))
    assert (np.diff(probabilities[mistakes].max(axis=1)) <= 0).all()


def test_gallery_shows_the_64_worst_mistakes():
    rgb, labels, probabilities = answers(200, 120)
    mistakes = worst_mistakes(labels, probabilities)
    figure = draw_mistakes(rgb, labels, probabilities, mistakes, "tf-seed, test")
    assert shown_crops(figure) == mistakes[:64].tolist()
    assert any("120 of 200" in text and "64 most confident" in text for text in shown_texts(figure))


def test_gallery_names_true_and_predicted_digit_and_confidence():
    rgb, labels, probabilities = answers(50, 1)
    figure = draw_mistakes(rgb, labels, probabilities, worst_mistakes(labels, probabilities), "model")
    texts = shown_texts(figure)
    assert "0 →" in texts
    assert "1" in texts
    assert f"{probabilities[0, 1]:.0%}" in texts


@pytest.mark.parametrize(("n", "message"), [(50, "none of 50 digits was misclassified"), (0, "no digits")])
def test_gallery_says_when_there_is_nothing_to_show(n, message):
    rgb, labels, probabilities = answers(n, 0)
    figure = draw_mistakes(rgb, labels, probabilities, worst_mistakes(labels, probabilities), "model")
    assert shown_crops(figure) == []
    assert any(message in text for text in shown_texts(figure))


def test_titles_are_shown_as_they_are(tmp_path):
    title = r"runs/$\frac{$_model^" + 60 * "x"
    write_report(tmp_path, *answers(20, 5), title, {})
    report = json.loads((tmp_path / "report.json").read_text())
    assert title in shown_texts(draw_confusion(report, title))


def test_table_for_the_terminal(tmp_path):
    report = write_report(tmp_path, *answers(2000, 305), "model", {})
    lines = format_report(report).splitlines()
    assert lines[0].split() == ["digit", "precision", "recall", "f1", "support"]
    for digit in range(10):
        expected = report["per_class"][digit]
        values = [float(value) for value in lines[1 + digit].split()]
        assert values == pytest.approx([expected[key] for key in lines[0].split()], abs=5e-4)
    assert len({len(line) for line in lines[:11]}) == 1  # aligned
    assert "accuracy 84.75% (95% interval 83.11% to 86.26%), 1,695 of 2,000 digits right" in lines[-2]


@pytest.mark.parametrize("part", [0, 1, 2])
def test_arrays_that_do_not_belong_together_are_refused(tmp_path, part):
    arrays = list(answers(20, 5))
    arrays[part] = arrays[part][:-1]
    with pytest.raises(ValueError, match=r"expected N digits.*received"):
        write_report(tmp_path / "report", *arrays, "model", {})
    assert not (tmp_path / "report").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken.*choose another"):
        write_report(tmp_path / "taken", *answers(20, 5), "model", {})


def table_of(n: int, wrong: int) -> str:
    _, labels, probabilities = answers(n, wrong)
    return format_report(classification_report(labels, probabilities.argmax(axis=1)))


def test_the_table_has_a_line_for_all_and_names_the_commonest_mistakes():
    lines = table_of(200, 30).splitlines()
    assert next(line for line in lines if "ave / total" in line).split()[-4:] == ["0.850", "0.850", "0.850", "200"]
    assert lines[-1] == "most often: 0 read as 1 (3), 1 read as 2 (3), 2 read as 3 (3)"
    assert "most often" not in table_of(20, 0)


def test_a_gallery_of_one_pair_shows_that_pair_alone(tmp_path):
    rgb, labels, probabilities = answers(200, 30)
    write_report(tmp_path, rgb, labels, probabilities, "m", {}, [(4, 5), (5, 4)])
    with (
        Image.open(tmp_path / "misclassified-4-as-5.png") as some,
        Image.open(tmp_path / "misclassified-5-as-4.png") as no,
    ):
        assert some.height > no.height
    chosen = worst_mistakes(labels, probabilities)
    chosen = chosen[labels[chosen] == 4]
    assert shown_crops(draw_mistakes(rgb, labels, probabilities, chosen, "m", "three")) == chosen.tolist()

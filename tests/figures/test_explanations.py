"""The figure that shows how numbers are found and removed."""

import dataclasses
import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from svhn.boxes import Box
from svhn.figures.explain import MOST_NUMBERS, Explanation, draw_explanations


@dataclass(frozen=True)
class Reading:
    text: str
    confidences: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    boxes: tuple[Box, ...]
    before: Reading
    after: Reading
    rounds: int = 0


def explanation(height: int, width: int, seed: int = 0, rounds: int = 0) -> Explanation:
    """A number of noise, shown at half its size at working scale."""
    rng = np.random.default_rng(seed)
    small = (max(height // 2, 1), max(width // 2, 1))
    pictures = {name: rng.integers(0, 256, (height, width, 3)).astype(np.uint8) for name in ("photo", "result")}
    pictures |= {name: rng.random((height, width)) < 0.5 for name in ("key_pixels", "mask")}
    pictures |= {"gray": pictures["photo"][..., 0], "output_gradient": rng.normal(size=(height, width))}
    names = ("map_mean", "map_std", "map_mean_minus_std", "gradient", "evidence")
    pictures |= {name: rng.random(small).astype(np.float32) for name in names}
    pictures |= {"reference_key_pixels": rng.random(small) < 0.5, "fill": pictures["photo"][: small[0], : small[1]]}
    boxes = (Box(0, 0, width // 2, height),)
    report = Report(boxes, Reading("4", (0.98,)), Reading("1", (0.2,)), rounds)
    histogram = np.histogram(pictures["map_mean_minus_std"], 35)
    maps, digits = rng.random((5, *small)), pictures["photo"][None, : small[0], : small[1]]
    parents = (pictures["photo"], pictures["result"])
    return Explanation(pictures, maps, (digits, digits), parents, "--fill x", histogram, boxes, "strokes", 0.6, report)


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.slow
def test_the_figure_is_1600_pixels_wide_and_grows_with_the_numbers(tmp_path):
    found = [explanation(60, 80, seed) for seed in range(MOST_NUMBERS + 2)]
    heights = []
    for count in (1, 2, MOST_NUMBERS, len(found)):
        draw_explanations(found[:count], "street.png").savefig(tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as image:
            assert image.width == 1600
            heights.append(image.height)
    assert 700 < heights[0] < 1500 and heights[0] < heights[1] < heights[2] == heights[3]


@pytest.mark.parametrize("shape", [(12, 9), (9, 300), (300, 9)])
def test_a_title_with_signs_of_mathematics_and_numbers_of_any_shape(tmp_path, shape):
    draw_explanations([explanation(*shape)], "a_$^{_b.png").savefig(tmp_path / "figure.png")


def test_every_panel_has_its_name_and_what_was_read_is_told():
    shown = texts(draw_explanations([explanation(60, 80, rounds=2)], "house.png"))
    assert "Read before: 4 (98%).  Best guess after: 1 (20%).  Mask widened 2 x: a digit was still legible" in shown
    assert {
        "photo",
        "strokes",
        "mask",
        "fill, 40 x 30 px",
        "result",
        "reference's key pixels",
        "5 feature maps",
        "gradient of the answer",
        "digits, filled",
        "parent before",
        "over 0.60 (line) is digit",
    } <= {*shown}


def test_no_words_run_into_others():
    one = dataclasses.replace(explanation(60, 80), fill="grnn-seed, sigma 1.8, every 3")
    figure = draw_explanations([one], "house.png")
    canvas = FigureCanvasAgg(figure)
    places = [text.get_window_extent(canvas.get_renderer()) for text in figure.texts if text.get_text()]
    assert "grnn-seed, sigma 1.8, every 3" in texts(figure)
    assert not [pair for pair in itertools.combinations(places, 2) if pair[0].overlaps(pair[1])]


def test_the_fullest_bin_is_marked():
    figure = draw_explanations([explanation(60, 80)], "house.png")
    (bars,) = [axes.patches for axes in figure.axes if len(axes.patches) == 35]
    colours = [bar.get_facecolor() for bar in bars]
    tallest = int(np.argmax([bar.get_height() for bar in bars]))
    assert [colour != colours[(tallest + 1) % 35] for colour in colours] == [i == tallest for i in range(35)]

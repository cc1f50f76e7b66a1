"""Layers of a network as a diagram and as a table."""

import pytest
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text
from PIL import Image

from svhn.figures.network import Layer, draw_network, format_network, total_of

LAYERS = (
    Layer("image", "InputLayer", "", (32, 32, 3), 0),
    Layer("stem", "Conv2D", "8 filters 3 x 3", (32, 32, 8), 224, (0,)),
    Layer("block", "Conv2D", "8 filters 3 x 3", (32, 32, 8), 584, (1,)),
    Layer("sum", "Add", "", (32, 32, 8), 0, (1, 2)),
)


def test_every_layer_has_its_row_with_shape_and_parameters(tmp_path):
    figure = draw_network(LAYERS, "a_$net^")
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert {"stem   Conv2D", "8 filters 3 x 3", "32 x 32 x 8", "584", "4 layers, 808 parameters"} <= set(texts)
    assert len(figure.findobj(FancyArrowPatch)) == 4  # one of them around the block
    figure.savefig(tmp_path / "network.png")
    with Image.open(tmp_path / "network.png") as picture:
        assert picture.width == 1430


def test_the_table_ends_with_the_total():
    lines = format_network(LAYERS).splitlines()
    assert len(lines) == len(LAYERS) + 2
    assert lines[2].split() == ["stem", "Conv2D", "32", "x", "32", "x", "8", "224", "8", "filters", "3", "x", "3"]
    assert lines[-1].split() == ["total", "808"] == ["total", f"{total_of(LAYERS)}"]


@pytest.mark.parametrize("count", [1, 60])
def test_networks_of_any_length(count):
    assert draw_network(LAYERS[:1] * count, "net").get_figheight() < 30

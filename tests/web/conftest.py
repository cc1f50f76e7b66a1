"""One server for all tests of the page, with a folder of small rendered photos."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from web_server import served

from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.photos.photo import encode_rgb

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold",), layouts=("straight",), digit_height=(28, 40))


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory):
    """A folder: a number as PNG, one as JPEG in a folder of its own, a photo without any, and a damaged file."""
    folder = tmp_path_factory.mktemp("reviewed")
    (folder / "street").mkdir()
    (folder / "a.png").write_bytes(encode_rgb(render_photo(0, replace(CLEAR, texts=("36",))).photo))
    Image.fromarray(render_photo(1, replace(CLEAR, texts=("8",))).photo).save(folder / "street" / "b.jpg", quality=95)
    (folder / "plain.png").write_bytes(encode_rgb(np.full((40, 60, 3), (90, 120, 80), np.uint8)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    return folder


@pytest.fixture(scope="session")
def server(reviewed):
    """The address of the page for that folder."""
    with served(reviewed) as address:
        yield address

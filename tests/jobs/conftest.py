"""Rendered photos with boxes, and photos without digits."""

import pytest
from PIL import Image

from svhn.data.formats.coco import write_coco
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.render.synthetic import render_photo


@pytest.fixture(scope="session")
def rendered_photos():
    return [render_photo(seed) for seed in range(10)]


@pytest.fixture
def folder(tmp_path, rendered_photos):
    """Ten rendered photos with a digitStruct.mat, as SVHN's Format 1."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, sample in enumerate(rendered_photos):
        Image.fromarray(sample.photo).save(photos / f"{number}.png")
    write_digit_struct(photos / "digitStruct.mat", {f"{i}.png": s.digits for i, s in enumerate(rendered_photos)})
    return photos


@pytest.fixture
def empty_photos(tmp_path):
    """Make photos without digits: they are copied, which needs no model and so takes no time to start."""

    def make(count, name="plain"):
        photos = tmp_path / name
        photos.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (24, 16), (number % 256, 40, 90)).save(photos / f"{number:03}.png")
        write_coco(photos / "boxes.json", {f"{number:03}.png": (24, 16, []) for number in range(count)})
        return photos

    return make

"""The digits out of one photo in memory: the same kind out as in, and the same result as a strict job's."""

import io
import warnings
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from job_tools import job
from PIL import Image

import svhn
from svhn.boxes import Box
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.errors import InputError
from svhn.jobs import Area, JobConfig, Scope
from svhn.photos.photo import encode_rgb, read_rgb

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold",), layouts=("straight",), digit_height=(28, 40))


@pytest.fixture(scope="module")
def scene():
    return render_photo(0, replace(CLEAR, texts=("36",)))


@pytest.fixture(scope="module")
def expected(scene, tmp_path_factory):
    """What a strict job makes of the scene: (H, W, 3) uint8."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "a.png").write_bytes(encode_rgb(scene.photo))
    assert job(folder, folder / "out", strict=True).counts == {"ok": 1}
    return read_rgb(folder / "out" / "a.png")


def test_an_array(scene, expected):
    before = scene.photo.copy()
    result = svhn.remove(scene.photo)
    assert np.array_equal(result, expected) and result.flags.writeable
    assert np.array_equal(scene.photo, before)


def test_an_image(scene, expected):
    result = svhn.remove(Image.fromarray(scene.photo))
    assert isinstance(result, Image.Image) and np.array_equal(np.array(result), expected)


def test_bytes_keep_their_format(scene):
    file = io.BytesIO()
    Image.fromarray(scene.photo).save(file, "JPEG", quality=95)
    result = svhn.remove(file.getvalue())
    assert isinstance(result, bytes) and Image.open(io.BytesIO(result)).format == "JPEG"
    assert result != file.getvalue()


def test_a_path_gives_an_image(scene, expected, tmp_path):
    (tmp_path / "a.png").write_bytes(encode_rgb(scene.photo))
    for path in (tmp_path / "a.png", str(tmp_path / "a.png")):
        assert np.array_equal(np.array(svhn.remove(path)), expected)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_other_modes(scene, mode):
    image = Image.fromarray(scene.photo).convert(mode)
    result = svhn.remove(image)
    assert result.mode == {"P": "RGB"}.get(mode, mode) and result.size == image.size
    assert result.tobytes() != image.convert(result.mode).tobytes()
    if mode != "P":
        assert np.array_equal(svhn.remove(np.array(image)), np.array(result))


def test_given_boxes_in_any_form_are_all_that_is_removed(scene):
    first = scene.digits[0].box
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", svhn.StillLegible)
        forms = [[first], [scene.digits[0]], [first.as_list()], np.array([first.as_list()]), [tuple(first.as_list())]]
        results = [svhn.remove(scene.photo, boxes) for boxes in forms]
    assert all(np.array_equal(result, results[0]) for result in results)
    second = scene.digits[1].box
    right = slice(second.left + second.width // 2, second.right)
    assert np.array_equal(results[0][second.top : second.bottom, right], scene.photo[second.top : second.bottom, right])


def test_nothing_to_remove_changes_nothing(scene):
    assert np.array_equal(svhn.remove(scene.clean.astype(np.uint8), []), scene.clean.astype(np.uint8))


def test_what_stays_legible_is_warned_of(scene):
    with pytest.warns(svhn.StillLegible, match="do not publish"):
        svhn.remove(scene.photo, [])


def test_threads_are_given_back(scene):
    torch.set_num_threads(2)
    cv2.setNumThreads(2)
    try:
        svhn.remove(scene.clean.astype(np.uint8), [])
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (2, 2)
    finally:
        torch.set_num_threads(1)
        cv2.setNumThreads(1)


@pytest.mark.parametrize(
    "photo", [None, 7, np.zeros((4, 4), float), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8)]
)
def test_what_is_no_photo_is_refused(photo):
    with pytest.raises(InputError, match="expected a"):
        svhn.remove(photo)


@pytest.mark.parametrize("boxes", [[[1, 2, 3]], [[5, 5, 5, 9]], [["a", 0, 1, 1]], [3], [[0, 0, float("nan"), 4]]])
def test_what_is_no_box_is_refused(scene, boxes):
    with pytest.raises(InputError, match="boxes"):
        svhn.remove(scene.photo, boxes)


def test_a_box_outside_the_photo_is_refused(scene):
    with pytest.raises(InputError, match="outside"):
        svhn.remove(scene.photo, [Box(9000, 0, 9010, 10)])


def test_settings_count(scene):
    nothing = JobConfig(scope=Scope(exclude_region=(Area(0, 0, 1, 1),)))
    assert np.array_equal(svhn.remove(scene.photo, config=nothing), scene.photo)

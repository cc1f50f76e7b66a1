import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from svhn.crops import to_gray
from svhn.data.render.strips import render_crops
from svhn.photos.photo import read_rgb
from svhn.tf_models.classifier.pixels import decode_crop, prepare_pixels, resize_crops

SIZES = [(1, 1), (3, 5), (17, 45), (31, 33), (64, 64), (80, 100), (129, 257), (480, 640), (1100, 32)]


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    return render_crops(2, seed=1, size=90)[0]


@pytest.fixture(scope="module")
def resize():
    """One graph for all sizes, as the SavedModel has it."""
    return tf.function(resize_crops, [tf.TensorSpec((None, None, None, None), tf.uint8)])


def pillow(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H, W, 3) or (H, W, 1) -> the same with another size."""
    image = Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image)
    resized = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    return resized if resized.ndim == 3 else resized[..., None]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("height, width", SIZES)
def test_resizing_is_pillow_s_within_one_grey_level(height, width, channels, rgb, resize):
    smooth = np.stack([pillow(image[..., :channels], height, width) for image in rgb])
    noise = np.random.default_rng(0).integers(0, 256, smooth.shape, np.uint8)
    for images in (smooth, noise):
        resized = resize(images).numpy()
        off = np.abs(resized - np.stack([pillow(image, 32, 32) for image in images]))
        # Where Pillow takes columns first, one pixel in eight is rounded to the other side.
        assert off.max() <= 1 and off.mean() < 0.2
        np.testing.assert_array_equal(resized, np.rint(resized).clip(0, 255))


@pytest.mark.parametrize("side", [50, 64, 100, 257])
def test_squares_are_pillow_s_but_for_ties(side, rgb, resize):
    images = np.stack([pillow(image, side, side) for image in rgb])
    off = np.abs(resize(images).numpy() - np.stack([pillow(image, 32, 32) for image in images]))
    assert off.mean() < 0.01


def test_crops_of_32_pass_unchanged(resize):
    images = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    np.testing.assert_array_equal(resize(images), images)


def test_no_images(resize):
    assert resize(np.zeros((0, 20, 30, 3), np.uint8)).shape == (0, 32, 32, 3)


def test_gray_is_the_crops_module_s():
    """Half-way between two grey levels, where one colour in a thousand lies, the processor may decide."""
    rgb = np.random.default_rng(0).integers(0, 256, (500, 32, 32, 3), np.uint8)
    ties = (rgb.astype(int) @ (299, 587, 114)) % 1000 == 500
    off = np.abs(prepare_pixels(tf.constant(rgb), 1)[..., 0] - to_gray(rgb))
    assert ties.sum() > 400
    assert off[~ties].max() == 0 and off[ties].max() <= 1


def test_gray_repeated_is_gray():
    gray = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(prepare_pixels(tf.constant(np.repeat(gray, 3, axis=-1)), 1), gray)
    np.testing.assert_array_equal(prepare_pixels(tf.constant(gray), 3), np.repeat(gray, 3, axis=-1))


def encoded(kind: str, rgb: np.ndarray) -> bytes:
    """Return `rgb` as a PNG or JPEG file of the given kind."""
    image, options = Image.fromarray(rgb), {}
    if kind.endswith("jpeg"):
        options = {"quality": 85, "progressive": kind == "progressive jpeg"}
    if kind.startswith(("gray", "16 bit")):
        image = image.convert("L")
    if kind.startswith("16 bit"):
        deep = np.asarray(image).astype(np.uint16) * 257 + np.arange(rgb.shape[1], dtype=np.uint16)
        image = Image.fromarray(np.minimum(deep, 65535).astype(np.uint16))
    if kind in ("rgba png", "la png"):
        image = image.convert("LA" if kind == "la png" else "RGBA")
        image.putalpha(Image.fromarray(np.ascontiguousarray(rgb[::-1, :, 0])))
    if kind == "palette png":
        image = image.quantize(64)
    file = io.BytesIO()
    image.save(file, "JPEG" if kind.endswith("jpeg") else "PNG", **options)
    return file.getvalue()


KINDS = ["png", "gray png", "rgba png", "la png", "palette png", "16 bit png", "jpeg", "gray jpeg", "progressive jpeg"]


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_decoded_as_photos_are_read(kind, rgb, tmp_path):
    content = encoded(kind, pillow(rgb[0], 43, 57))
    path = tmp_path / f"photo.{kind.split()[-1]}"
    path.write_bytes(content)
    crop = decode_crop(tf.constant(content)).numpy()
    assert crop.shape == (32, 32, 3)
    off = np.abs(crop - pillow(read_rgb(path), 32, 32))
    assert off.max() <= 1 and off.mean() < 0.01


def test_16_bit_colour_is_rounded_not_cut(tmp_path):
    """Pillow writes no such file; OpenCV does."""
    cv2 = pytest.importorskip("cv2")
    deep = np.random.default_rng(0).integers(0, 65536, (32, 32, 3)).astype(np.uint16)
    content = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(decode_crop(tf.constant(content)), np.rint(deep / 257))


def test_what_is_no_picture_is_refused():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_crop(tf.constant(b"not a picture"))

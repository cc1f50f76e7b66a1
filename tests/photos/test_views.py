"""What people can see of a photo, and fills that do not show in any of it: alpha, few bits of 16, low contrast."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from svhn.photos import alpha_of, decode_photo, encode_photo, encode_rgb, rewrite_photo, views
from svhn.photos.views import MOST_GAIN

SHAPE = HEIGHT, WIDTH = 40, 56
MASK = np.zeros(SHAPE, bool)
MASK[8:20, 10:30] = True
# A ring that only alpha shows.
RING = np.full(SHAPE, 255, np.uint8)
RING[10:18, 14:26] = 30
GRAY = np.full(SHAPE, 20, np.uint8)


def saved(image: Image.Image, format: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def deep(native: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, native)[1].tobytes()


def with_palette(format: str) -> bytes:
    image = Image.fromarray((RING < 255).astype(np.uint8), "P")
    image.putpalette([20, 20, 20, 20, 20, 20])
    return saved(image, format, transparency=1 if format == "GIF" else b"\xff\x1e")


# Photos of one gray whose alpha differs: content, and the least alpha in it.
WITH_ALPHA = {
    "LA png": (saved(Image.fromarray(np.dstack([GRAY, RING]), "LA")), 30),
    "RGBA png": (saved(Image.fromarray(np.dstack([GRAY] * 3 + [RING]), "RGBA")), 30),
    "RGBA webp": (saved(Image.fromarray(np.dstack([GRAY] * 3 + [RING]), "RGBA"), "WEBP", lossless=True), 30),
    "RGBA tiff": (saved(Image.fromarray(np.dstack([GRAY] * 3 + [RING]), "RGBA"), "TIFF"), 30),
    "16-bit RGBA png": (deep(np.dstack([GRAY] * 3 + [RING]).astype(np.uint16) * 257), 30),
    "16-bit RGBA tiff": (deep(np.dstack([GRAY] * 3 + [RING]).astype(np.uint16) * 257, ".tiff"), 30),
    "palette png": (with_palette("PNG"), 30),
    "gif": (with_palette("GIF"), 0),
    "key png": (saved(Image.fromarray(np.where(RING < 255, 21, 20).astype(np.uint8)), transparency=21), 0),
}


@pytest.mark.parametrize("name", WITH_ALPHA)
def test_what_only_alpha_shows_is_seen_on_white_and_on_black(name):
    content, least = WITH_ALPHA[name]
    seen = views(decode_photo(content))
    for ground, view in ((255, "on white"), (0, "on black")):
        picture = seen[view].astype(int)
        inside = round(least / 255 * 20 + (1 - least / 255) * ground)
        assert np.abs(picture[14, 20] - inside).max() <= 1 and np.abs(picture[0, 0] - 20).max() <= 1


@pytest.mark.parametrize("name", WITH_ALPHA)
def test_a_fill_of_alpha_takes_the_shape_out_of_every_view(name):
    photo = decode_photo(WITH_ALPHA[name][0])
    written = encode_photo(photo, np.full((*SHAPE, 3), 20, np.uint8), MASK, alpha=np.full(SHAPE, 255, np.uint8))
    again = decode_photo(written)
    assert again.format == photo.format and alpha_of(again.pixels) is None
    for picture in views(again).values():
        assert np.ptp(picture.astype(int)) <= 1


@pytest.mark.parametrize("name", WITH_ALPHA)
def test_a_fill_may_be_as_clear_as_what_lies_around(name):
    """Everything is clear but for a shape that is opaque."""
    photo = decode_photo(WITH_ALPHA[name][0])
    clear = np.zeros(SHAPE, bool)
    clear[14, 20] = True
    alpha = np.full(SHAPE, WITH_ALPHA[name][1], np.uint8)
    again = decode_photo(encode_photo(photo, photo.rgb, MASK, alpha=alpha))
    assert (alpha_of(again.pixels)[MASK] == WITH_ALPHA[name][1]).all()
    assert (alpha_of(again.pixels)[~MASK] == 255).all()


@pytest.mark.parametrize("name", [name for name in WITH_ALPHA if "key" not in name and "gif" not in name])
def test_a_fill_of_a_photo_that_is_half_clear_everywhere_does_not_show(name):
    faint = np.full(SHAPE, 120, np.uint8)
    picture = np.dstack([GRAY] * 3 + [faint])
    content = deep(picture.astype(np.uint16) * 250) if "16" in name else saved(Image.fromarray(picture, "RGBA"))
    if "palette" in name:
        image = Image.new("P", SHAPE[::-1])
        image.putpalette([20, 20, 20])
        content = saved(image, transparency=b"\x78")
    photo = decode_photo(content)
    again = decode_photo(encode_photo(photo, np.full((*SHAPE, 3), 99, np.uint8), MASK))
    assert alpha_of(photo.pixels) is None and alpha_of(again.pixels) is None
    if again.pixels.palette is None:
        assert (again.pixels.native[..., -1] == photo.pixels.native[0, 0, -1]).all()


def test_alpha_that_stays_keeps_its_16_bit():
    native = np.random.default_rng(0).integers(0, 65536, (*SHAPE, 4)).astype(np.uint16)
    photo = decode_photo(deep(native))
    again = decode_photo(encode_photo(photo, photo.rgb, MASK, alpha=alpha_of(photo.pixels)))
    np.testing.assert_array_equal(again.pixels.native[..., 3], photo.pixels.native[..., 3])


def test_an_opaque_photo_has_one_view():
    scene = np.repeat(np.random.default_rng(0).integers(0, 256, (*SHAPE, 1)).astype(np.uint8), 3, axis=2)
    for content in (
        encode_rgb(scene),
        saved(Image.fromarray(scene).convert("RGBA")),
        deep(scene.astype(np.uint16) * 257),
    ):
        assert list(views(decode_photo(content))) == ["colours"]


def test_the_transparent_gray_of_a_16_bit_png_is_seen():
    """The photo as it is, and a clean file of it: OpenCV would leave that gray opaque."""
    gray = np.where(RING < 255, 5141, 5140).astype(np.uint16)
    key = struct.pack(">I4sH", 2, b"tRNS", 5141)
    content = deep(gray)
    content = content[:33] + key + struct.pack(">I", zlib.crc32(key[4:])) + content[33:]
    photo = decode_photo(content)
    for seen in (photo, decode_photo(rewrite_photo(photo, content))):
        assert (alpha_of(seen.pixels) == np.where(RING < 255, 0, 255)).all()
    filled = decode_photo(encode_photo(photo, photo.rgb, MASK, alpha=np.full(SHAPE, 255, np.uint8)))
    assert alpha_of(filled.pixels) is None


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_files_are_seen_on_the_scale_that_they_use(bits, channels, suffix):
    scene = np.random.default_rng(0).integers(0, 256, (*SHAPE, channels)).astype(np.uint16)
    scene[0, 0] = 255
    native = np.rint(scene * ((2**bits - 1) / 255)).astype(np.uint16)
    photo = decode_photo(deep(native if channels > 1 else native[..., 0], suffix))
    assert photo.pixels.peak == 2**bits - 1
    np.testing.assert_array_equal(photo.rgb, np.broadcast_to(scene[..., ::-1], (*SHAPE, 3)))
    again = decode_photo(encode_photo(photo, 255 - photo.rgb, MASK)).pixels.native
    np.testing.assert_array_equal(again[~MASK], photo.pixels.native[~MASK])
    written = np.rint((255 - photo.rgb.astype(int))[MASK] * ((2**bits - 1) / 255))
    assert np.abs(again[MASK].reshape(MASK.sum(), -1) - written).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
def test_a_picture_of_low_contrast_is_also_seen_stretched(depth):
    scene = np.full(SHAPE, 30, np.uint16)
    scene[10:30, 20:40] = 40
    scene[0, 0] = 255  # one bright pixel does not count
    photo = decode_photo(encode_rgb(scene.astype(np.uint8)) if depth == 8 else deep(scene * 250))
    stretched = views(photo)["stretched"].astype(int)
    assert stretched[20, 30].min() - stretched[35, 5].max() == pytest.approx(255, abs=1)
    assert stretched.shape == photo.rgb.shape


def test_noise_is_not_stretched_to_full_contrast():
    dark = np.random.default_rng(0).integers(9, 11, (*SHAPE, 3)).astype(np.uint8)
    assert np.ptp(views(decode_photo(encode_rgb(dark)))["stretched"]) <= MOST_GAIN


def test_colours_of_one_lightness_are_also_seen_in_gray():
    red, blue = (120, 20, 20), (0, 20, 255)  # BT.601 calls them 50 and 41 of 255
    scene = np.where((RING < 255)[..., None], np.uint8(red), np.uint8(blue))
    seen = views(decode_photo(encode_rgb(scene)))
    gray = seen["by colour"].astype(int)
    assert list(seen) == ["colours", "by colour"] and (gray == gray[..., :1]).all()
    assert abs(gray[14, 20, 0] - gray[0, 0, 0]) == 255
    assert list(views(decode_photo(encode_rgb(scene)), faint=False)) == ["colours"]

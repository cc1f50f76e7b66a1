"""Photos in which nothing was found: the same picture, coded as it was, in a file without anything else."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from svhn.errors import InputError
from svhn.photos.photo import decode_photo, rewrite_photo

HEIGHT, WIDTH = 40, 56
MARKER = b"HIDDEN-PICTURE-" * 9


def scene() -> Image.Image:
    rng = np.random.default_rng(3)
    return Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)).resize((WIDTH * 3, HEIGHT * 3))


def encoded(format: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    image = scene()
    (image.quantize(64) if mode == "P" else image.convert(mode)).save(file, format, **options)
    return file.getvalue()


def exif_of(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"
    return exif.tobytes()


def rewritten(content: bytes, metadata: str = "keep") -> bytes:
    return rewrite_photo(decode_photo(content), content, metadata)


def as_seen(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))


FILES = {
    "JPEG": encoded("JPEG", quality=90),
    "progressive JPEG": encoded("JPEG", progressive=True, quality=70),
    "JPEG with restarts": encoded("JPEG", restart_marker_rows=1),
    "gray JPEG": encoded("JPEG", "L"),
    "CMYK JPEG": encoded("JPEG", "CMYK"),
    "RGB JPEG": encoded("JPEG", keep_rgb=True),
    "PNG": encoded("PNG"),
    "palette PNG": encoded("PNG", "P", transparency=3),
    "WebP": encoded("WEBP", quality=80),
    "WebP with alpha": encoded("WEBP", "RGBA", quality=80),
    "lossless WebP": encoded("WEBP", lossless=True),
    "TIFF": encoded("TIFF"),
    "BMP": encoded("BMP"),
    "GIF": encoded("GIF", "P"),
}


@pytest.mark.parametrize("name", FILES)
def test_the_picture_stays_the_same(name):
    np.testing.assert_array_equal(as_seen(rewritten(FILES[name])), as_seen(FILES[name]))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("metadata", ["keep", "strip"])
def test_the_viewer_sees_it_the_same_way_up(format, orientation, metadata):
    content = encoded(format, exif=exif_of(orientation))
    clean = rewritten(content, metadata)
    np.testing.assert_array_equal(as_seen(clean), as_seen(content))
    with Image.open(io.BytesIO(clean)) as image:
        assert image.getexif().get(0x010F) == ("maker" if metadata == "keep" else None)


def test_a_jpeg_keeps_its_coded_data():
    start = FILES["JPEG"].index(b"\xff\xda")
    assert rewritten(FILES["JPEG"]).endswith(FILES["JPEG"][start:])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"subsampling": 0}])
@pytest.mark.parametrize("size", [(16, 16), (54, 21), (640, 480)])
@pytest.mark.parametrize("colour", [None, "white", "black"])
def test_ordinary_jpegs_have_no_surplus(options, size, colour):
    """Small pictures and such of one colour have hardly any data; they are coded as they were all the same."""
    image = scene().resize(size) if colour is None else Image.new("RGB", size, colour)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90, **options)
    content = file.getvalue()
    assert content[content.index(b"\xff\xda") :] in rewritten(content)


def test_a_png_that_inflates_to_more_than_its_picture_is_encoded_anew():
    content = FILES["PNG"]
    start = content.index(b"IDAT") - 4
    data = zlib.compress(bytes(HEIGHT * 3 * (1 + WIDTH * 9)) + MARKER, 0)
    chunk = struct.pack(">I", len(data)) + b"IDAT" + data + struct.pack(">I", zlib.crc32(b"IDAT" + data))
    content = content[:start] + chunk + content[content.index(b"IEND") - 4 :]
    assert MARKER in content
    clean = rewritten(content)
    assert MARKER not in clean and not as_seen(clean)[..., :3].any()


def test_profile_and_resolution_stay(icc_profile):
    for format in ("JPEG", "PNG", "WEBP", "TIFF"):
        clean = rewritten(encoded(format, icc_profile=icc_profile, dpi=(300, 300)))
        with Image.open(io.BytesIO(clean)) as image:
            assert image.info["icc_profile"] == icc_profile
            assert format == "WEBP" or image.info["dpi"] == pytest.approx((300, 300), abs=0.1)


@pytest.fixture
def icc_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_an_unknown_word_for_metadata_is_refused():
    with pytest.raises(InputError, match="keep, no-location, strip, received 'all'"):
        rewritten(FILES["JPEG"], "all")

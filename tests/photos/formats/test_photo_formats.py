"""File formats as objects in a registry, and one of a user's own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.photos import FORMATS, Metadata, PillowFormat, Pixels, check_size, known_suffixes
from svhn.photos.photo import decode_photo, encode_photo, read_photo, write_photo

ROOT = Path(__file__).parents[3]
HEIGHT, WIDTH = 24, 32


class Farbfeld:
    """Farbfeld, here with 8 bit of its 16: a signature, width and height, and RGBA in big-endian numbers."""

    suffixes = (".ff",)

    def recognises(self, content):
        return content.startswith(b"farbfeld")

    def read(self, content, max_pixels):
        width, height = np.frombuffer(content[8:16], ">u4")
        check_size(int(width), int(height), max_pixels)
        pixels = np.frombuffer(content[16:], ">u2").reshape(height, width, 4)
        return Pixels((pixels >> 8).astype(np.uint8), "RGBA"), Metadata()

    def write(self, pixels, metadata):
        height, width = pixels.native.shape[:2]
        size = np.array([width, height], ">u4").tobytes()
        return b"farbfeld" + size + (pixels.native.astype(">u2") * 257).tobytes()


@pytest.fixture
def formats(monkeypatch):
    """The registry, which forgets afterwards what was registered."""
    monkeypatch.setattr(FORMATS, "_entries", dict(FORMATS._entries))
    return FORMATS


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def test_every_format_says_what_it_is():
    assert list(FORMATS)[:8] == ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF", "AVIF", "GIF"]
    assert len(set(known_suffixes())) == len(known_suffixes())
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in known_suffixes())


def test_a_format_of_ones_own(formats, tmp_path, picture):
    alpha = np.full((HEIGHT, WIDTH, 1), 90, np.uint8)
    content = Farbfeld().write(Pixels(np.dstack([picture, alpha]), "RGBA"), Metadata())
    with pytest.raises(InputError, match="not a picture in one of"):
        decode_photo(content)
    formats.register("FARBFELD", Farbfeld())
    assert ".ff" in known_suffixes()
    (tmp_path / "photo.ff").write_bytes(content)
    photo = read_photo(tmp_path / "photo.ff")
    assert photo.format == "FARBFELD"
    np.testing.assert_array_equal(photo.rgb, picture)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:9, 5:20] = True
    write_photo(tmp_path / "out.ff", photo, 255 - picture, mask)
    again = read_photo(tmp_path / "out.ff")
    np.testing.assert_array_equal(again.rgb, np.where(mask[..., None], 255 - picture, picture))
    assert (again.pixels.native[..., 3] == 90).all()  # an opaque fill would show as a shape
    with pytest.raises(InputError, match=r"photo\.ff: 32 x 24 pixels, expected at most 700"):
        read_photo(tmp_path / "photo.ff", max_pixels=700)


def test_a_format_that_pillow_knows_is_a_line(formats, tmp_path, picture):
    formats.register("PPM", PillowFormat("PPM", (".ppm",)))
    Image.fromarray(picture).save(tmp_path / "photo.ppm")
    photo = read_photo(tmp_path / "photo.ppm")
    assert encode_photo(photo) == (tmp_path / "photo.ppm").read_bytes()


def test_a_format_of_another_package(tmp_path):
    """Every process finds what an installed package declares."""
    info = tmp_path / "ppm_photos-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ppm-photos\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[svhn.photo_formats]\nPPM = ppm_photos:PPM\n")
    module = "from svhn.photos import PillowFormat\nPPM = PillowFormat('PPM', ('.ppm',))\n"
    (tmp_path / "ppm_photos.py").write_text(module)
    code = "from svhn.photos import decode_photo, known_suffixes\n"
    code += "print(decode_photo(b'P6 2 1 255 ' + bytes(6)).format, '.ppm' in known_suffixes())"
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.split() == ["PPM", "True"]


def test_16_bit_is_for_those_that_can(picture):
    deep = Pixels(picture.astype(np.uint16) * 257, "RGB")
    for name in FORMATS:
        if name in ("PNG", "TIFF"):
            continue
        with pytest.raises(InputError, match="16 bit"):
            FORMATS[name].write(deep, Metadata())


# AVIF

SUBSAMPLINGS = ["4:4:4", "4:2:2", "4:2:0", "4:0:0"]


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_an_avif_keeps_its_chroma_subsampling(tmp_path, subsampling):
    """Red and blue columns, one pixel each: they stay apart where every pixel has a colour of its own, else not."""
    stripes = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    Image.fromarray(stripes).save(tmp_path / "in.avif", quality=90, subsampling=subsampling)
    photo = read_photo(tmp_path / "in.avif")
    assert photo.pixels.options["subsampling"] == subsampling
    write_photo(tmp_path / "out.avif", photo)
    assert read_photo(tmp_path / "out.avif").pixels.options["subsampling"] == subsampling


def test_what_subsampling_is_kept_can_be_seen(tmp_path):
    """An ignored subsampling would show: the stripes' colours are lost at 4:2:0 and stay at 4:4:4."""
    stripes = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    stripes[:, ::2, 0] = stripes[:, 1::2, 2] = 255
    contrast = {}
    for subsampling in ("4:4:4", "4:2:0"):
        Image.fromarray(stripes).save(tmp_path / "in.avif", quality=100, subsampling=subsampling)
        photo = read_photo(tmp_path / "in.avif")
        write_photo(tmp_path / "out.avif", photo)
        red = read_photo(tmp_path / "out.avif").rgb[..., 0].astype(int)
        contrast[subsampling] = np.abs(np.diff(red, axis=1)).mean()
    assert contrast["4:4:4"] > 2 * contrast["4:2:0"]

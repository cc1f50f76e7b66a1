"""HEIC: the photos of phones, read and written in kind, without what else lies in the file."""

import io

import numpy as np
import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.photos.formats import heif
from svhn.photos.photo import decode_photo, encode_photo, rewrite_photo

pillow_heif = pytest.importorskip("pillow_heif")
HEIGHT, WIDTH = 120, 168
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def scene() -> Image.Image:
    rng = np.random.default_rng(4)
    return Image.fromarray(rng.integers(0, 256, (HEIGHT // 6, WIDTH // 6, 3), np.uint8)).resize((WIDTH, HEIGHT))


def heic(mode: str = "RGB", **options) -> bytes:
    pillow_heif.register_heif_opener()
    file = io.BytesIO()
    scene().convert(mode).save(file, "HEIF", quality=92, **options)
    return file.getvalue()


def outputs(content: bytes) -> list[bytes]:
    photo = decode_photo(content)
    mask = np.zeros(photo.rgb.shape[:2], bool)
    mask[:16, :16] = True
    return [encode_photo(photo, np.zeros_like(photo.rgb), mask), rewrite_photo(photo, content)]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_a_heic_comes_out_as_one(mode):
    content = heic(mode)
    photo = decode_photo(content)
    changed, unchanged = map(decode_photo, outputs(content))
    assert {photo.format, changed.format, unchanged.format} == {"HEIF"}
    assert photo.pixels.mode == changed.pixels.mode == mode
    for again in (changed, unchanged):
        assert np.abs(again.rgb[32:, 32:].astype(int) - photo.rgb[32:, 32:]).mean() < 2
    assert changed.rgb[:16, :16].mean() < 10 < unchanged.rgb[:16, :16].mean()


@pytest.mark.parametrize("chroma", [420, 422, 444])
def test_the_chroma_subsampling_stays(chroma):
    for written in outputs(heic(chroma=chroma)):
        with Image.open(io.BytesIO(written)) as image:
            assert image.info["chroma"] == chroma


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_once(orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "maker"
    content = heic(exif=exif.tobytes())
    expected = decode_photo(content).rgb
    assert expected.shape[:2] == ((WIDTH, HEIGHT) if orientation > 4 else (HEIGHT, WIDTH))
    for written in outputs(content):
        again = decode_photo(written)
        assert again.rgb.shape == expected.shape
        assert np.abs(again.rgb[32:, 32:].astype(int) - expected[32:, 32:]).mean() < 2
        with Image.open(io.BytesIO(written)) as image:
            assert image.getexif().get(0x0112, 1) == 1 and image.getexif()[0x010F] == "maker"


def test_thumbnails_stay_behind():
    content = heic(thumbnails=[64])
    pillow_heif.options.THUMBNAILS = True
    assert pillow_heif.open_heif(content).info["thumbnails"] == [64]
    for written in outputs(content):
        pillow_heif.options.THUMBNAILS = True
        assert pillow_heif.open_heif(written).info["thumbnails"] == []


def test_several_pictures_and_more_than_8_bit_are_refused():
    pages = pillow_heif.from_pillow(scene())
    pages.add_from_pillow(scene().rotate(180))
    file = io.BytesIO()
    pages.save(file)
    with pytest.raises(InputError, match=r"a\.heic: 2 pictures in one file"):
        decode_photo(file.getvalue(), "a.heic")
    deep = pillow_heif.from_bytes(mode="RGB;16", size=(64, 64), data=bytes(64 * 64 * 6))
    file = io.BytesIO()
    deep.save(file)
    with pytest.raises(InputError, match=r"a\.heic: a HEIC with 10 bit per channel, expected 8; save it"):
        decode_photo(file.getvalue(), "a.heic")


def test_an_avif_is_none():
    file = io.BytesIO()
    scene().save(file, "AVIF")
    assert decode_photo(file.getvalue()).format == "AVIF" and not heif.HEIF.recognises(file.getvalue())


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    content = heic()
    heif._make_known_to_pillow.cache_clear()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"a\.heic: a HEIC photo needs pillow-heif; .*'svhn\[heif\]'"):
        decode_photo(content, "a.heic")

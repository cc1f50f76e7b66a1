"""Photos go in and out: colours, channels, depth, orientation, profile; damaged files are named."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from svhn.data.render.synthetic import render_photo
from svhn.errors import InputError
from svhn.photos.metadata import Metadata
from svhn.photos.photo import (
    Photo,
    decode_photo,
    encode_photo,
    read_mask,
    read_photo,
    read_rgb,
    write_mask,
    write_photo,
    write_rgb,
)
from svhn.photos.pixels import Pixels

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest undoes what svhn.photos.photo sets
HEIGHT, WIDTH = 40, 56
FILL = (10, 60, 200)
ORIENTATION, MAKE = 0x0112, 0x010F
EXIF, GPS, TIME = 0x8769, 0x8825, 0x9003
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def colours():
    """A smooth picture, so that JPEG keeps it well: red grows to the right, green downwards."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    blue = 128 + 60 * np.sin(x / 9) * np.cos(y / 7)
    return np.stack([x * 4, y * 6, blue], axis=2).astype(np.uint8)


@pytest.fixture
def deep_colours():
    return np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH, 4)).astype(np.uint16)


def a_mask(shape: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[8:24, 8:32] = True
    return mask


def fill_and_write(source, target) -> np.ndarray:
    """Read `source`, fill a mask with one colour, write `target`; return the mask."""
    photo = read_photo(source)
    mask = a_mask(photo.rgb.shape[:2])
    rgb = photo.rgb.copy()
    rgb[mask] = FILL
    rgb[~mask] ^= 255  # must not matter
    write_photo(target, photo, rgb, mask)
    return mask


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION], tags[MAKE] = orientation, "maker"
    return tags


def png_bytes(pixels: np.ndarray) -> bytes:
    """Encode uint16 pixels (H, W) or (H, W, C) as PNG, without OpenCV and Pillow."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_pixels(content: bytes) -> np.ndarray:
    """Decode a 16-bit PNG to (H, W, C) uint16 in the file's own order, without OpenCV and Pillow."""
    width, height, _, kind = struct.unpack_from(">IIBB", content, 16)
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[kind]
    position, data = 8, b""
    while position < len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        data += content[position + 8 : position + 8 + size] if name == b"IDAT" else b""
        position += size + 12
    rows = unfilter(zlib.decompress(data), height, width * channels * 2, channels * 2)
    return rows.view(">u2").reshape(height, width, channels)


def unfilter(data: bytes, height: int, row_bytes: int, step: int) -> np.ndarray:
    """Undo PNG's row filters (the specification's section 9.2), byte by byte."""
    lines = np.zeros((height + 1, row_bytes + step), np.uint8)
    for y in range(height):
        row = data[y * (row_bytes + 1) : (y + 1) * (row_bytes + 1)]
        for x in range(row_bytes):
            a, b, c = (int(v) for v in (lines[y + 1, x], lines[y, x + step], lines[y, x]))
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            predicted = (0, a, b, (a + b) // 2, nearest)[row[0]]
            lines[y + 1, x + step] = (row[x + 1] + predicted) % 256
    return np.ascontiguousarray(lines[1:, step:])


# Colour order


@pytest.mark.parametrize("name", ["photo.png", "photo.tif", "photo.bmp", "photo.jpg", "photo.webp"])
def test_red_is_the_first_channel(tmp_path, name):
    Image.new("RGB", (20, 20), (250, 20, 5)).save(tmp_path / name)
    red, green, blue = read_rgb(tmp_path / name)[10, 10].astype(int)
    assert red > 240 and green < 35 and blue < 20


def test_red_is_the_first_channel_with_16_bit(tmp_path):
    pixels = np.full((20, 20, 3), (65535, 257 * 20, 257 * 5), np.uint16)
    (tmp_path / "photo.png").write_bytes(png_bytes(pixels))
    photo = read_photo(tmp_path / "photo.png")
    assert photo.rgb[10, 10].tolist() == [255, 20, 5]
    assert photo.pixels.native[10, 10].tolist() == [65535, 257 * 20, 257 * 5]


def test_colours_of_written_16_bit_files_are_not_swapped(tmp_path, deep_colours):
    (tmp_path / "in.png").write_bytes(png_bytes(deep_colours[..., :3]))
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    written = png_pixels((tmp_path / "out.png").read_bytes())
    assert (written[mask] == np.array(FILL) * 257).all()
    np.testing.assert_array_equal(written[~mask], deep_colours[..., :3][~mask])


# Channels and depth: outside the mask bit for bit


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_lossless_files_change_only_inside_the_mask(tmp_path, mode, suffix):
    channels = len(mode)
    pixels = np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, channels)).astype(np.uint8)
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(tmp_path / f"in{suffix}")
    mask = fill_and_write(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as written:
        assert written.mode == mode
        result = np.asarray(written).reshape(HEIGHT, WIDTH, channels)
    np.testing.assert_array_equal(result[~mask], pixels[~mask])
    gray = round(sum(FILL) / 3)
    assert (result[mask] == {1: (gray,), 2: (gray, 255), 3: FILL, 4: (*FILL, 255)}[channels]).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bit_png_changes_only_inside_the_mask(tmp_path, deep_colours, channels):
    pixels = deep_colours[..., :channels]
    (tmp_path / "in.png").write_bytes(png_bytes(pixels))
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    written = png_pixels((tmp_path / "out.png").read_bytes())
    np.testing.assert_array_equal(written[~mask], pixels[~mask])
    assert not (written[mask] == pixels[mask]).all(axis=-1).any()


def test_16_bit_png_with_gray_and_alpha_keeps_its_values(tmp_path, deep_colours):
    pixels = deep_colours[..., :2]
    (tmp_path / "in.png").write_bytes(png_bytes(pixels))
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    written = png_pixels((tmp_path / "out.png").read_bytes())
    np.testing.assert_array_equal(written[..., [0, -1]][~mask], pixels[~mask])


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_tiff_changes_only_inside_the_mask(tmp_path, deep_colours, channels):
    pixels = deep_colours[..., :channels].squeeze()
    cv2.imwrite(str(tmp_path / "in.tif"), pixels[..., ::-1] if channels == 3 else pixels)
    np.testing.assert_array_equal(read_photo(tmp_path / "in.tif").pixels.native, pixels)
    mask = fill_and_write(tmp_path / "in.tif", tmp_path / "out.tif")
    written = read_photo(tmp_path / "out.tif").pixels.native
    assert written.dtype == np.uint16
    np.testing.assert_array_equal(written[~mask], pixels[~mask])


def test_16_bit_is_scaled_by_the_full_range_not_by_the_pictures_own(tmp_path):
    (tmp_path / "dark.png").write_bytes(png_bytes(np.full((9, 9), 257 * 10, np.uint16)))
    assert (read_rgb(tmp_path / "dark.png") == 10).all()


@pytest.mark.parametrize("transparency", [None, 3])
def test_palette_png_keeps_every_colour(tmp_path, colours, transparency):
    palette = Image.fromarray(colours).quantize(64)
    options = {} if transparency is None else {"transparency": transparency}
    palette.save(tmp_path / "in.png", **options)
    with Image.open(tmp_path / "in.png") as image:
        expected = np.asarray(image.convert("RGBA"))
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as image:
        np.testing.assert_array_equal(np.asarray(image.convert("RGBA"))[~mask], expected[~mask])


@pytest.mark.parametrize(("mode", "colour"), [("RGB", (0, 0, 127)), ("L", 128)])
def test_a_transparent_colour_stays_transparent(tmp_path, mode, colour):
    image = Image.new(mode, (WIDTH, HEIGHT), colour)
    image.paste((9, 9, 9) if mode == "RGB" else 9, (30, 0, WIDTH, HEIGHT))
    image.save(tmp_path / "in.png", transparency=colour)
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    alpha = np.asarray(Image.open(tmp_path / "out.png").convert("RGBA"))[..., 3]
    assert (alpha[~mask] == np.where(np.arange(WIDTH) < 30, 0, 255)[None].repeat(HEIGHT, 0)[~mask]).all()
    assert (alpha[mask] == 255).all()


def test_black_and_white_png(tmp_path, colours):
    Image.fromarray(colours).convert("1").save(tmp_path / "in.png")
    rgb = read_rgb(tmp_path / "in.png")
    assert set(np.unique(rgb)) == {0, 255}


def test_gray_is_repeated(tmp_path):
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "gray.png"), np.stack([gray] * 3, axis=2))


@pytest.mark.parametrize(("quality", "subsampling"), [(95, 0), (85, 2), (60, 2)])
def test_jpeg_keeps_its_quality_outside_the_mask(tmp_path, colours, quality, subsampling):
    Image.fromarray(colours).save(tmp_path / "in.jpg", quality=quality, subsampling=subsampling)
    mask = fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "in.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.format == "JPEG"
        assert after.quantization == before.quantization
        assert after.layer == before.layer
        error = np.abs(np.asarray(before).astype(int) - np.asarray(after))
    away = np.ones_like(mask)
    away[:40, :40] = False  # JPEG works in blocks of 8 or 16 pixels
    assert error[away].mean() < 1.0
    assert np.abs(read_rgb(tmp_path / "out.jpg")[14:18, 14:26].astype(int) - FILL).mean() < 12


def test_gray_jpeg_stays_gray(tmp_path, colours):
    Image.fromarray(colours).convert("L").save(tmp_path / "in.jpg", quality=95)
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert Image.open(tmp_path / "out.jpg").mode == "L"


def test_several_pictures_in_one_jpeg_come_out_as_one_of_the_same_quality(tmp_path, colours):
    """Phones write MPO under the name .jpg; the other pictures would still show the number."""
    image = Image.fromarray(colours)
    image.save(tmp_path / "in.jpg", format="MPO", save_all=True, append_images=[image], quality=97)
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    with Image.open(tmp_path / "in.jpg") as before, Image.open(tmp_path / "out.jpg") as after:
        assert after.quantization == before.quantization
        assert getattr(after, "n_frames", 1) == 1


# Orientation and metadata


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_orientation_is_applied_and_reset(tmp_path, colours, suffix, orientation):
    options = {".jpg": {"quality": 95}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(colours).save(tmp_path / f"in{suffix}", exif=exif(orientation), **options)
    upright = ImageOps.exif_transpose(Image.open(tmp_path / f"in{suffix}"))
    photo = read_photo(tmp_path / f"in{suffix}")
    np.testing.assert_array_equal(photo.rgb, np.asarray(upright))
    assert (photo.rgb.shape[0] > photo.rgb.shape[1]) == (orientation >= 5)
    mask = fill_and_write(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as written:
        tags = written.getexif()
        assert tags.get(ORIENTATION, 1) == 1
        assert tags[MAKE] == "maker"
    again = read_rgb(tmp_path / f"out{suffix}")
    assert np.abs(again[~mask].astype(int) - photo.rgb[~mask]).mean() < (0.01 if suffix in (".png", ".tif") else 9)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_16_bit_png(tmp_path, deep_colours, orientation):
    pixels = deep_colours[..., :3]
    content, tags = png_bytes(pixels), exif(orientation).tobytes()[6:]
    (tmp_path / "in.png").write_bytes(content[:33] + png_chunk(b"eXIf", tags) + content[33:])
    low = Image.fromarray((pixels >> 8).astype(np.uint8))
    low.save(tmp_path / "low.png", exif=exif(orientation))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "low.png")))
    np.testing.assert_array_equal(read_photo(tmp_path / "in.png").pixels.native >> 8, upright)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_colour_profile_and_resolution_are_kept(tmp_path, colours, suffix):
    Image.fromarray(colours).save(tmp_path / f"in{suffix}", icc_profile=PROFILE, dpi=(300, 300))
    fill_and_write(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    with Image.open(tmp_path / f"out{suffix}") as written:
        assert written.info["icc_profile"] == PROFILE
        if suffix != ".webp":
            assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_16_bit_png_keeps_profile_and_exif(tmp_path, deep_colours):
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG", icc_profile=PROFILE, exif=exif(1), dpi=(300, 300))
    extra, content = file.getvalue()[33:], png_bytes(deep_colours[..., :3])
    (tmp_path / "in.png").write_bytes(content[:33] + extra[: extra.index(b"IDAT") - 4] + content[33:])
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        written.load()
        assert written.info["icc_profile"] == PROFILE
        assert written.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        assert written.getexif()[MAKE] == "maker"
    written_pixels = png_pixels((tmp_path / "out.png").read_bytes())
    np.testing.assert_array_equal(written_pixels[~mask], deep_colours[..., :3][~mask])


def test_the_exif_thumbnail_does_not_survive(tmp_path, colours):
    """It would show the number that was removed."""
    file = io.BytesIO()
    Image.fromarray(colours).resize((28, 20)).save(file, "JPEG")
    thumbnail = file.getvalue()
    make = struct.pack("<HHI4s", MAKE, 2, 4, b"abc\0")
    first = struct.pack("<H", 1) + make + struct.pack("<I", 26)
    entries = [(0x0103, 3, 1, 6), (0x0201, 4, 1, 26 + 42), (0x0202, 4, 1, len(thumbnail))]
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    block = b"Exif\0\0II*\0" + struct.pack("<I", 8) + first + second + thumbnail
    Image.fromarray(colours).save(tmp_path / "in.jpg", exif=block)
    assert thumbnail in (tmp_path / "in.jpg").read_bytes()
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    written = (tmp_path / "out.jpg").read_bytes()
    assert thumbnail[-64:] not in written
    assert Image.open(tmp_path / "out.jpg").getexif()[MAKE] == "abc"


# Every format and mode: the same kind of file comes out


def pillow(mode, name, **options):
    def save(colours, path):
        alpha = np.dstack([colours, colours[..., 0]])
        image = Image.fromarray(alpha if "A" in mode else colours)
        image.quantize(90).save(path, **options) if mode == "P" else image.convert(mode).save(path, **options)

    return pytest.param(save, name, id="-".join([name, mode, *map(str, options.values())]))


def deep_tiff(channels, compression):
    def save(colours, path):
        pixels = np.random.default_rng(3).integers(0, 65536, (HEIGHT, WIDTH, channels)).astype(np.uint16)
        cv2.imwrite(str(path), pixels.squeeze(), [cv2.IMWRITE_TIFF_COMPRESSION, compression])

    return pytest.param(save, "photo.tif", id=f"photo.tif-16-bit-{channels}-{compression}")


LOSSLESS = [
    *(pillow(mode, "photo.png") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
    *(pillow(mode, "photo.tif") for mode in ("L", "LA", "P", "RGB", "RGBA", "CMYK")),
    *(pillow("RGB", "photo.tif", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd")),
    *(pillow("1", "photo.tif", compression=name) for name in ("raw", "group3", "group4")),
    *(pillow(mode, "photo.bmp") for mode in ("1", "L", "P", "RGB")),
    *(pillow(mode, "photo.gif") for mode in ("L", "P")),
    *(pillow(mode, "photo.webp", lossless=True, exact=True) for mode in ("RGB", "RGBA")),
    *(deep_tiff(channels, compression) for channels in (1, 3, 4) for compression in (1, 5, 8)),
]


@pytest.mark.parametrize(("save", "name"), LOSSLESS)
def test_lossless_formats_keep_mode_depth_and_every_pixel_outside_the_mask(tmp_path, colours, save, name):
    save(colours, tmp_path / name)
    mask = fill_and_write(tmp_path / name, tmp_path / "out" / name)
    before, after = read_photo(tmp_path / name), read_photo(tmp_path / "out" / name)
    assert (after.format, after.pixels.mode, after.pixels.native.dtype) == (
        before.format,
        before.pixels.mode,
        before.pixels.native.dtype,
    )
    assert after.pixels.options == before.pixels.options
    if before.pixels.palette is None:
        np.testing.assert_array_equal(after.pixels.native[~mask], before.pixels.native[~mask])
    np.testing.assert_array_equal(after.rgb[~mask], before.rgb[~mask])
    expected = FILL if after.pixels.mode not in ("1", "L", "LA") else [round(sum(FILL) / 3)] * 3
    expected = [0, 0, 0] if after.pixels.mode == "1" else expected
    assert np.abs(after.rgb[mask].astype(int) - expected).max() <= 1
    with Image.open(tmp_path / name) as first, Image.open(tmp_path / "out" / name) as second:
        assert second.mode == first.mode
        assert second.info.get("compression") == first.info.get("compression")


@pytest.mark.parametrize(
    ("save", "name"),
    [
        pillow("RGB", "photo.webp", quality=80),
        pillow("RGBA", "photo.webp", quality=80),
        pillow("RGB", "photo.avif", quality=80, subsampling="4:4:4"),
        pillow("RGBA", "photo.avif", quality=80, subsampling="4:4:4"),
        pillow("CMYK", "photo.jpg", quality=95),
        pillow("RGB", "photo.jpg", quality=95, keep_rgb=True),
        pillow("RGB", "photo.tif", compression="jpeg"),
    ],
)
def test_lossy_formats_change_little_outside_the_mask(tmp_path, colours, save, name):
    save(colours, tmp_path / name)
    mask = fill_and_write(tmp_path / name, tmp_path / "out" / name)
    before, after = read_photo(tmp_path / name), read_photo(tmp_path / "out" / name)
    assert (after.format, after.pixels.mode) == (before.format, before.pixels.mode)
    assert np.abs(after.rgb[~mask].astype(int) - before.rgb[~mask]).mean() < 2.5
    assert np.abs(after.rgb[mask].astype(int) - FILL).mean() < 6


def test_the_colours_under_full_transparency_stay(tmp_path, colours):
    hidden = np.dstack([colours, np.zeros((HEIGHT, WIDTH), np.uint8)])
    for name, options in {"in.png": {}, "in.webp": {"lossless": True, "exact": True}, "in.tif": {}}.items():
        Image.fromarray(hidden).save(tmp_path / name, **options)
        mask = fill_and_write(tmp_path / name, tmp_path / "out" / name)
        with Image.open(tmp_path / "out" / name) as written:
            np.testing.assert_array_equal(np.asarray(written)[~mask], hidden[~mask])


def test_a_full_palette_takes_its_nearest_colours(tmp_path, colours):
    image = Image.fromarray(colours).quantize(256)
    indices = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 256
    image.putdata(indices.ravel().tolist())
    image.save(tmp_path / "in.png")
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    palette = np.reshape(image.getpalette(), (-1, 3))
    nearest = palette[((palette - np.array(FILL)) ** 2).sum(axis=1).argmin()]
    assert (read_rgb(tmp_path / "out.png")[mask] == nearest).all()


def test_ink_photos_get_as_much_black_as_their_own_dark_colours_have(tmp_path):
    """Without it the fill would look right in RGB and wrong through the colour profile."""
    light = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    black = (255 - light) // 2
    colour = np.rint(255 - light * (255 / (255 - black.astype(float)))).clip(0, 255).astype(np.uint8)
    inks = np.dstack([colour, colour, colour, black])
    Image.frombytes("CMYK", (WIDTH, HEIGHT), inks.tobytes()).save(tmp_path / "in.tif")
    photo = read_photo(tmp_path / "in.tif")
    mask = a_mask((HEIGHT, WIDTH))
    write_photo(tmp_path / "out.tif", photo, photo.rgb, mask)
    error = np.abs(read_photo(tmp_path / "out.tif").pixels.native.astype(int) - inks)
    assert error[mask].max() <= 4


@pytest.mark.parametrize("key", [FILL, 90])
def test_a_fill_in_the_transparent_colour_is_not_transparent(tmp_path, colours, key):
    image = Image.fromarray(colours) if isinstance(key, tuple) else Image.fromarray(colours[..., 0])
    image.save(tmp_path / "in.png", transparency=key)
    mask = fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as written:
        assert written.mode == image.mode
        assert (np.asarray(written.convert("RGBA"))[mask][:, 3] == 255).all()


# JPEG: what did not change is rounded to what it was


@pytest.mark.parametrize(("quality", "highest"), [(75, 0.1), (90, 0.15), (95, 0.3)])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_jpeg_of_a_photo_hardly_changes_away_from_the_mask(tmp_path, quality, highest, subsampling):
    errors = []
    for seed in range(6):
        pixels = cv2.resize(render_photo(seed).photo, (160, 90))
        Image.fromarray(pixels).save(tmp_path / "in.jpg", quality=quality, subsampling=subsampling)
        photo = read_photo(tmp_path / "in.jpg")
        mask = np.zeros(photo.rgb.shape[:2], bool)
        mask[:8, :8] = True
        write_photo(tmp_path / "out.jpg", photo, 255 - photo.rgb, mask)
        errors.append(np.abs(read_rgb(tmp_path / "out.jpg")[32:].astype(int) - photo.rgb[32:]).mean())
    assert np.mean(errors) < highest


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_turned_jpeg_hardly_changes_either(tmp_path, orientation):
    """The blocks of a photo with whole blocks stay blocks, and the tables are turned with them."""
    pixels = cv2.resize(render_photo(3).photo, (128, 96))
    Image.fromarray(pixels).save(tmp_path / "in.jpg", quality=75, exif=exif(orientation))
    photo = read_photo(tmp_path / "in.jpg")
    write_photo(tmp_path / "out.jpg", photo, photo.rgb, np.zeros(photo.rgb.shape[:2], bool))
    assert np.abs(read_rgb(tmp_path / "out.jpg").astype(int) - photo.rgb).mean() < 0.25


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_stays_progressive_or_not(tmp_path, colours, progressive):
    Image.fromarray(colours).save(tmp_path / "in.jpg", progressive=progressive)
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert ("progressive" in Image.open(tmp_path / "out.jpg").info) == progressive


def test_progressive_noise_is_written_too(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3)).astype(np.uint8)
    written, data = cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 100, cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    (tmp_path / "in.jpg").write_bytes(data.tobytes())
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert written and Image.open(tmp_path / "out.jpg").size == (300, 200)


@pytest.mark.parametrize("save", [{"compression": "raw"}, {"compression": "tiff_lzw"}])
def test_16_bit_tiff_keeps_profile_exif_resolution_and_compression(tmp_path, deep_colours, save):
    numbers = {"raw": 1, "tiff_lzw": 5}
    cv2.imwrite(str(tmp_path / "deep.tif"), deep_colours, [cv2.IMWRITE_TIFF_COMPRESSION, numbers[save["compression"]]])
    tags = exif(1)
    tags.get_ifd(EXIF)[TIME] = "2024:05:06 07:08:09"
    tags.get_ifd(GPS)[1] = "N"
    file = io.BytesIO()
    Image.fromarray(deep_colours[..., 0]).save(file, "TIFF", exif=tags.tobytes(), icc_profile=PROFILE, dpi=(300, 300))
    (tmp_path / "gray.tif").write_bytes(file.getvalue())
    gray = read_photo(tmp_path / "gray.tif")
    photo = read_photo(tmp_path / "deep.tif")
    for kept, picture in {"full": Photo(photo.rgb, photo.pixels, "TIFF", gray.metadata), "gray": gray}.items():
        write_photo(tmp_path / f"{kept}.tif", picture, picture.rgb, a_mask((HEIGHT, WIDTH)))
        with Image.open(tmp_path / f"{kept}.tif") as written:
            assert written.info["icc_profile"] == PROFILE
            assert written.info["dpi"] == (300, 300)
            assert written.getexif()[MAKE] == "maker"
            assert written.getexif().get_ifd(EXIF)[TIME] == "2024:05:06 07:08:09"
            assert written.getexif().get_ifd(GPS)[1] == "N"
            if kept == "full":
                assert written.info["compression"] == save["compression"]
                assert written.tag_v2[338] == (2,)


def test_a_png_keeps_its_gamma(tmp_path, colours):
    """Without it the whole picture would be seen lighter or darker."""
    write_rgb(tmp_path / "in.png", colours)
    content = (tmp_path / "in.png").read_bytes()
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    (tmp_path / "in.png").write_bytes(content[:33] + gamma + content[33:])
    fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes().count(gamma) == 1


# Where the old picture could hide

SECRET = b"\xff\xd8\xff" + bytes(range(1, 250)) * 12  # as long as a thumbnail


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def secret_exif() -> bytes:
    tags = exif(1)
    tags[0x501B], tags[0x010E] = SECRET, "a door"
    tags.get_ifd(EXIF).update({TIME: "2024:05:06 07:08:09", 0x927C: SECRET[:500], 0x9286: SECRET, 0xC634: SECRET})
    tags.get_ifd(GPS)[1] = "N"
    return tags.tobytes()


JPEG_PLACES = {
    "exif": segment(0xE1, secret_exif()),
    "xmp": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>" + SECRET),
    "extended xmp": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET),
    "second picture": segment(0xE2, b"MPF\0" + SECRET),
    "flashpix": segment(0xE2, b"FPXR\0" + SECRET),
    "photoshop": segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x0c\0\0" + struct.pack(">I", len(SECRET)) + SECRET),
    "comment": segment(0xFE, SECRET),
    "jfxx": segment(0xE0, b"JFXX\0\x10" + SECRET),
    "vendor": segment(0xE4, SECRET),
}


@pytest.mark.parametrize("place", [*JPEG_PLACES, "after the end"])
def test_nothing_of_the_old_picture_survives_in_a_jpeg(tmp_path, colours, place):
    file = io.BytesIO()
    Image.fromarray(colours).save(file, "JPEG")
    content = file.getvalue()
    content = content[:20] + JPEG_PLACES[place] + content[20:] if place in JPEG_PLACES else content + SECRET
    (tmp_path / "in.jpg").write_bytes(content)
    assert SECRET[:500] in content
    fill_and_write(tmp_path / "in.jpg", tmp_path / "out.jpg")
    written = (tmp_path / "out.jpg").read_bytes()
    assert SECRET[3:100] not in written
    if place == "exif":
        tags = Image.open(tmp_path / "out.jpg").getexif()
        assert tags[MAKE] == "maker" and tags[0x010E] == "a door"
        assert tags.get_ifd(EXIF) == {TIME: "2024:05:06 07:08:09"}
        assert tags.get_ifd(GPS)[1] == "N"


@pytest.mark.parametrize("name", [b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"vpAg", "after the end"])
def test_nothing_of_the_old_picture_survives_in_a_png(tmp_path, colours, name):
    write_rgb(tmp_path / "in.png", colours)
    content = (tmp_path / "in.png").read_bytes()
    data = secret_exif()[6:] if name == b"eXIf" else b"key\0\0\0\0\0" + SECRET
    added = content + SECRET if isinstance(name, str) else content[:33] + png_chunk(name, data) + content[33:]
    (tmp_path / "in.png").write_bytes(added.replace(b"key\0\0\0\0\0\xff", b"key\0\0\0\0\0\xff"))
    if name == b"zTXt":
        compressed = png_chunk(name, b"key\0\0" + zlib.compress(SECRET, 0))
        (tmp_path / "in.png").write_bytes(content[:33] + compressed + content[33:])
    fill_and_write(tmp_path / "in.png", tmp_path / "out.png")
    assert SECRET[3:100] not in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize("name", [b"XMP ", b"EXIF", b"junk"])
def test_nothing_of_the_old_picture_survives_in_a_webp(tmp_path, colours, name):
    Image.fromarray(colours).save(tmp_path / "in.webp", lossless=True, exif=exif(1))
    content = (tmp_path / "in.webp").read_bytes()
    data = secret_exif()[6:] if name == b"EXIF" else SECRET
    added = name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    content = content[:4] + struct.pack("<I", len(content) - 8 + len(added)) + content[8:] + added
    (tmp_path / "in.webp").write_bytes(content)
    fill_and_write(tmp_path / "in.webp", tmp_path / "out.webp")
    assert SECRET[3:100] not in (tmp_path / "out.webp").read_bytes()


@pytest.mark.parametrize("deep", [False, True])
def test_nothing_of_the_old_picture_survives_in_a_tiff(tmp_path, colours, deep):
    """XMP, IPTC, Photoshop's resources and layers, previews in a directory below, and in the EXIF directory."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag in (700, 33723, 34377, 37724, 0x501B):
        tags[tag] = SECRET
    tags[0x8769] = {0x927C: SECRET, 0x9003: "2024:05:06 07:08:09"}
    tags[0x014A] = 8
    pixels = colours[..., 0].astype(np.uint16) if deep else colours
    Image.fromarray(pixels).save(tmp_path / "in.tif", tiffinfo=tags)
    assert (tmp_path / "in.tif").read_bytes().count(SECRET) == 6
    fill_and_write(tmp_path / "in.tif", tmp_path / "out.tif")
    assert SECRET[3:100] not in (tmp_path / "out.tif").read_bytes()
    assert Image.open(tmp_path / "out.tif").getexif().get_ifd(EXIF)[TIME] == "2024:05:06 07:08:09"


def test_reduced_copies_in_a_tiff_are_dropped_and_further_pages_refused(tmp_path, colours):
    small = Image.fromarray(colours[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(colours).save(tmp_path / "copy.tif", save_all=True, append_images=[small])
    mask = fill_and_write(tmp_path / "copy.tif", tmp_path / "out.tif")
    with Image.open(tmp_path / "out.tif") as written:
        assert written.n_frames == 1
        np.testing.assert_array_equal(np.asarray(written)[~mask], colours[~mask])
    Image.fromarray(colours).save(tmp_path / "pages.tif", save_all=True, append_images=[Image.fromarray(colours)])
    with pytest.raises(InputError, match=r"pages\.tif: 2 pictures in one file.*each"):
        read_photo(tmp_path / "pages.tif")


@pytest.mark.parametrize("name", ["photo.gif", "photo.png", "photo.webp", "photo.avif"])
def test_animations_are_refused_not_cut_to_their_first_picture(tmp_path, colours, name):
    Image.fromarray(colours).save(tmp_path / name, save_all=True, append_images=[Image.fromarray(255 - colours)])
    with pytest.raises(InputError, match=r"2 pictures in one file.*each"):
        read_photo(tmp_path / name)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_metadata_can_be_left_out(tmp_path, colours, suffix):
    tags = exif(6)
    tags.get_ifd(GPS)[1] = "N"
    tags.get_ifd(EXIF)[TIME] = "2024:05:06 07:08:09"
    Image.fromarray(colours).save(tmp_path / f"in{suffix}", exif=tags.tobytes(), icc_profile=PROFILE)
    photo = read_photo(tmp_path / f"in{suffix}")
    nothing = np.zeros(photo.rgb.shape[:2], bool)
    for strip in (False, True):
        write_photo(tmp_path / f"out{suffix}", photo, photo.rgb, nothing, metadata="strip" if strip else "keep")
        with Image.open(tmp_path / f"out{suffix}") as written:
            found = written.getexif()
            assert (found.get(MAKE), found.get_ifd(GPS).get(1), found.get_ifd(EXIF).get(TIME)) == (
                (None, None, None) if strip else ("maker", "N", "2024:05:06 07:08:09")
            )
            assert written.info["icc_profile"] == PROFILE
            assert written.size == (HEIGHT, WIDTH)
        if strip:
            content = (tmp_path / f"out{suffix}").read_bytes()
            assert b"maker" not in content and b"2024:05" not in content


def test_damaged_exif_does_not_cost_the_photo(tmp_path, colours):
    for number, damage in enumerate(
        [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*" + bytes(range(40))]
    ):
        path = tmp_path / f"{number}.jpg"
        Image.fromarray(colours).save(path, exif=damage)
        assert read_rgb(path).shape == (HEIGHT, WIDTH, 3)
        fill_and_write(path, tmp_path / "out.jpg")


# Masks and plain pictures


def test_mask_round_trip(tmp_path):
    mask = a_mask((HEIGHT, WIDTH))
    write_mask(tmp_path / "mask.png", mask)
    with Image.open(tmp_path / "mask.png") as image:
        assert set(np.unique(np.asarray(image))) == {0, 255}
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png"), mask)


def test_mask_from_a_palette_or_1_bit_picture(tmp_path):
    mask = a_mask((HEIGHT, WIDTH))
    Image.fromarray(mask).save(tmp_path / "one.png")
    Image.fromarray(mask.astype(np.uint8) * 255).convert("P").save(tmp_path / "palette.png")
    for name in ("one.png", "palette.png"):
        np.testing.assert_array_equal(read_mask(tmp_path / name), mask)


def test_rgb_round_trip(tmp_path, colours):
    write_rgb(tmp_path / "photo.png", colours)
    np.testing.assert_array_equal(read_rgb(tmp_path / "photo.png"), colours)


def test_reading_gives_arrays_of_the_contract(tmp_path, colours):
    write_rgb(tmp_path / "photo.png", colours)
    rgb = read_rgb(tmp_path / "photo.png")
    assert rgb.shape == (HEIGHT, WIDTH, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous


# Damaged input, failed output


def damaged_files(colours) -> dict[str, bytes]:
    pictures = {}
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        file = io.BytesIO()
        Image.fromarray(colours).save(file, kind)
        pictures[kind] = file.getvalue()
    damaged = {f"cut.{kind.lower()}": content[: len(content) // 2] for kind, content in pictures.items()}
    scrambled = bytearray(pictures["PNG"])
    scrambled[60:90] = bytes(30)
    return damaged | {"empty.png": b"", "empty.jpg": b"", "text.png": b"not a photo", "scrambled.png": bytes(scrambled)}


DAMAGED = ["cut.png", "cut.jpeg", "cut.tiff", "cut.webp", "empty.png", "empty.jpg", "text.png", "scrambled.png"]


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_photos_are_named_with_a_cure(tmp_path, colours, name):
    path = tmp_path / name
    path.write_bytes(damaged_files(colours)[name])
    with pytest.raises(InputError) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    assert "again" in str(caught.value)


def test_a_cut_16_bit_png_is_named_with_a_cure(tmp_path, deep_colours):
    content = png_bytes(deep_colours)
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut\.png.*again"):
        read_photo(tmp_path / "cut.png")


def test_a_missing_photo_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"missing\.png.*check the path"):
        read_photo(tmp_path / "missing.png")


def test_a_folder_is_no_photo(tmp_path):
    with pytest.raises(InputError, match=str(tmp_path)):
        read_photo(tmp_path)


@pytest.mark.parametrize("values", [np.float32(0.5), np.int32(70_000)])
def test_32_bit_pictures_are_refused_not_clipped(tmp_path, values):
    Image.fromarray(np.full((9, 9), values)).save(tmp_path / "deep.tif")
    with pytest.raises(InputError, match=r"deep\.tif.*8 bit"):
        read_photo(tmp_path / "deep.tif")


def test_other_formats_are_refused_by_name(tmp_path, colours):
    Image.fromarray(colours).save(tmp_path / "in.ppm")
    with pytest.raises(InputError, match=r"in\.ppm: not a picture in one of JPEG, PNG.*convert it"):
        read_photo(tmp_path / "in.ppm")


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, colours):
    (tmp_path / "out.png").write_bytes(b"old")
    photo = Photo(colours, Pixels(colours, "RGB"), "JPEG", Metadata(icc_profile=7))
    with pytest.raises(TypeError):
        write_photo(tmp_path / "out.png", photo, colours, a_mask((HEIGHT, WIDTH)))
    assert (tmp_path / "out.png").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_writing_does_not_change_the_arrays_given(tmp_path, colours):
    write_rgb(tmp_path / "in.png", colours)
    photo = read_photo(tmp_path / "in.png")
    native, rgb = photo.pixels.native.copy(), colours.copy()
    write_photo(tmp_path / "out.png", photo, 255 - colours, a_mask((HEIGHT, WIDTH)))
    np.testing.assert_array_equal(photo.pixels.native, native)
    np.testing.assert_array_equal(colours, rgb)


def test_a_mask_of_another_size_is_refused(tmp_path, colours):
    write_rgb(tmp_path / "in.png", colours)
    photo = read_photo(tmp_path / "in.png")
    with pytest.raises(ValueError, match="expected a picture and a mask for"):
        write_photo(tmp_path / "out.png", photo, colours, a_mask((HEIGHT, WIDTH))[:-1])
    assert not (tmp_path / "out.png").exists()


# Bytes


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.tif", "photo.webp"])
def test_bytes_in_memory_and_files_give_the_same(tmp_path, colours, name):
    Image.fromarray(colours).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    mask = fill_and_write(tmp_path / name, tmp_path / "out" / name)
    photo = decode_photo(content)
    np.testing.assert_array_equal(photo.rgb, read_rgb(tmp_path / name))
    filled = np.where(mask[..., None], np.array(FILL, np.uint8), photo.rgb)
    assert encode_photo(photo, filled, mask) == (tmp_path / "out" / name).read_bytes()


def test_without_new_colours_nothing_changes(colours):
    photo = decode_photo(encode_photo(Photo(colours, Pixels(colours, "RGB"), "PNG")))
    np.testing.assert_array_equal(photo.rgb, colours)
    assert encode_photo(photo) == encode_photo(photo, 255 - colours, np.zeros((HEIGHT, WIDTH), bool))


@pytest.mark.parametrize("content", [b"", b"no photo", b"\x89PNG\r\n\x1a\n"])
def test_errors_about_bytes_use_the_given_name(content):
    with pytest.raises(InputError, match=r"^upload\.png: .*again"):
        decode_photo(content, "upload.png")

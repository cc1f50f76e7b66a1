"""Photos go in and out: colours, channels, depth, orientation, profile; damaged files are named."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from svhn.errors import InputError
from svhn.photos import Photo, read_mask, read_photo, read_rgb, write_mask, write_photo, write_rgb

HEIGHT, WIDTH = 40, 56
FILL = (10, 60, 200)
ORIENTATION, MAKE = 0x0112, 0x010F
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
    assert photo.native[10, 10].tolist() == [65535, 257 * 20, 257 * 5]


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
    np.testing.assert_array_equal(read_photo(tmp_path / "in.tif").native, pixels)
    mask = fill_and_write(tmp_path / "in.tif", tmp_path / "out.tif")
    written = read_photo(tmp_path / "out.tif").native
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


def test_gray_and_cmyk_jpeg(tmp_path, colours):
    Image.fromarray(colours).convert("L").save(tmp_path / "gray.jpg", quality=95)
    fill_and_write(tmp_path / "gray.jpg", tmp_path / "gray-out.jpg")
    assert Image.open(tmp_path / "gray-out.jpg").mode == "L"
    Image.fromarray(colours).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95, icc_profile=PROFILE)
    fill_and_write(tmp_path / "cmyk.jpg", tmp_path / "cmyk-out.jpg")
    with Image.open(tmp_path / "cmyk-out.jpg") as written:
        assert written.mode == "RGB"
        assert "icc_profile" not in written.info  # it described the inks
    assert np.abs(read_rgb(tmp_path / "cmyk.jpg").astype(int) - colours).mean() < 4


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
    np.testing.assert_array_equal(read_photo(tmp_path / "in.png").native >> 8, upright)


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


def test_a_format_that_can_only_be_read_is_named_with_a_cure(tmp_path, colours):
    with pytest.raises(InputError, match=r"out\.psd.*PSD.*save the photo as"):
        write_photo(tmp_path / "out.psd", Photo(colours, colours, "PSD"), colours, a_mask((HEIGHT, WIDTH)))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_alone(tmp_path, colours):
    (tmp_path / "out.png").write_bytes(b"old")
    photo = Photo(colours, colours, "PNG", {"icc_profile": 7})
    with pytest.raises(TypeError):
        write_photo(tmp_path / "out.png", photo, colours, a_mask((HEIGHT, WIDTH)))
    assert (tmp_path / "out.png").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_writing_does_not_change_the_arrays_given(tmp_path, colours):
    write_rgb(tmp_path / "in.png", colours)
    photo = read_photo(tmp_path / "in.png")
    native, rgb = photo.native.copy(), colours.copy()
    write_photo(tmp_path / "out.png", photo, 255 - colours, a_mask((HEIGHT, WIDTH)))
    np.testing.assert_array_equal(photo.native, native)
    np.testing.assert_array_equal(colours, rgb)

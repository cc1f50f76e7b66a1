"""Files that are broken, malicious or no photos, names and disks that resist: an InputError that names the file."""

import errno
import io
import os
import struct
import subprocess
import sys
import threading
import time
import zlib
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.files import WriteError
from svhn.photos.photo import decode_photo, read_photo, rewrite_photo, write_photo, write_rgb

ROOT = Path(__file__).parents[2]
HEIGHT, WIDTH = 48, 64
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # pytest undoes what svhn.photos.photo sets


def scene() -> np.ndarray:
    """A picture in which every row and every column differs from its neighbours."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    noise = np.random.default_rng(5).integers(0, 40, (HEIGHT, WIDTH, 3))
    return (np.stack([x * 3, y * 4, 255 - x * 2], axis=2) + noise).clip(0, 255).astype(np.uint8)


def encoded(format: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(scene())
    image = image.quantize(64) if mode == "P" else image.convert(mode)
    image.save(file, format, **options)
    return file.getvalue()


def deep(suffix: str) -> bytes:
    return cv2.imencode(suffix, scene().astype(np.uint16) * 257)[1].tobytes()


def tags() -> bytes:
    found = Image.Exif()
    found[0x0112], found[0x010F] = 6, "maker"
    found.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    return found.tobytes()


FILES = {
    "photo.jpg": encoded("JPEG", exif=tags(), quality=90),
    "progressive.jpg": encoded("JPEG", progressive=True),
    "cmyk.jpg": encoded("JPEG", "CMYK"),
    "gray.jpg": encoded("JPEG", "L"),
    "photo.png": encoded("PNG", exif=tags()),
    "palette.png": encoded("PNG", "P", transparency=3),
    "deep.png": deep(".png"),
    "photo.gif": encoded("GIF", "P"),
    "photo.bmp": encoded("BMP"),
    "palette.bmp": encoded("BMP", "P"),
    "photo.tif": encoded("TIFF", exif=tags()),
    "lzw.tif": encoded("TIFF", compression="tiff_lzw"),
    "deep.tif": deep(".tif"),
    "photo.webp": encoded("WEBP", exif=tags()),
    "lossless.webp": encoded("WEBP", "RGBA", lossless=True),
    "photo.avif": encoded("AVIF", exif=tags()),
}
if find_spec("pillow_heif"):
    import pillow_heif

    pillow_heif.register_heif_opener()
    FILES["photo.heic"] = encoded("HEIF", exif=tags())


def check_refused_or_same(path: Path, content: bytes, expected: np.ndarray) -> bool:
    """Read damaged content: an InputError that names the file, or the whole picture; never a part of it."""
    path.write_bytes(content)
    try:
        found = read_photo(path).rgb
    except InputError as error:
        assert str(error).startswith(str(path))
        return True
    np.testing.assert_array_equal(found, expected)
    return False


# Damaged files


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused(tmp_path, name):
    """A file of which only the very end is missing may still be whole."""
    content = FILES[name]
    (tmp_path / name).write_bytes(content)
    expected = read_photo(tmp_path / name).rgb
    cuts = np.linspace(1, len(content) - 1, 40).astype(int)
    refused = [check_refused_or_same(tmp_path / name, content[:cut], expected) for cut in cuts]
    assert all(refused[:-2])


@pytest.mark.parametrize("name", ["photo.jpg", "progressive.jpg", "cmyk.jpg", "gray.jpg"])
def test_a_jpeg_whose_end_was_never_downloaded_is_refused(tmp_path, name):
    """Decoders fill the missing part with gray and do not complain."""
    content = FILES[name]
    for share in (0.5, 0.7, 0.9):
        cut = int(len(content) * share)
        (tmp_path / name).write_bytes(content[:cut] + bytes(len(content) - cut))
        with pytest.raises(InputError, match=r"(truncated|breaks off before its end).*copy or download it again"):
            read_photo(tmp_path / name)


@pytest.mark.parametrize("name", ["photo.jpg", "gray.jpg"])
def test_a_jpeg_with_an_end_mark_too_early_is_refused(tmp_path, name):
    content = FILES[name]
    for share in (0.5, 0.7, 0.9):
        (tmp_path / name).write_bytes(content[: int(len(content) * share)] + b"\xff\xd9")
        with pytest.raises(InputError, match="breaks off before its end"):
            read_photo(tmp_path / name)


@pytest.mark.parametrize("trailing", [b"", b"\0" * 5000, b"\xff\xd8\xff a video"])
def test_a_jpeg_that_is_really_gray_in_its_corner_is_read(tmp_path, trailing):
    file = io.BytesIO()
    pixels = scene()
    pixels[24:, 24:] = 128
    Image.fromarray(pixels).save(file, "JPEG", quality=95)
    (tmp_path / "photo.jpg").write_bytes(file.getvalue() + trailing)
    assert (read_photo(tmp_path / "photo.jpg").rgb[-8:, -8:] == 128).all()


@pytest.mark.parametrize("name", FILES)
def test_the_content_tells_the_format_not_the_name(tmp_path, name):
    (tmp_path / "photo.xyz").write_bytes(FILES[name])
    photo = read_photo(tmp_path / "photo.xyz")
    mask = np.zeros(photo.rgb.shape[:2], bool)
    mask[4:9, 4:9] = True
    write_photo(tmp_path / "out" / "photo.xyz", photo, photo.rgb, mask)
    with Image.open(tmp_path / "photo.xyz") as before, Image.open(tmp_path / "out" / "photo.xyz") as after:
        assert after.format == before.format


NO_PHOTOS = {
    "text": b"house number 42\n" * 40,
    "zeros": bytes(5000),
    "page": b"<!DOCTYPE html><html><body>404 not found</body></html>",
    "archive": b"PK\x03\x04" + bytes(200),
    "document": b"%PDF-1.7\n" + bytes(200),
    "script": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "hdf5": b"MATLAB 7.3 MAT-file" + bytes(493) + b"\x89HDF\r\n\x1a\n",
    "one byte": b"\xff",
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", NO_PHOTOS)
def test_what_is_no_photo_is_refused_with_a_cure(tmp_path, kind):
    (tmp_path / "photo.jpg").write_bytes(NO_PHOTOS[kind])
    with pytest.raises(InputError, match=r"photo\.jpg: .*(again|convert)") as caught:
        read_photo(tmp_path / "photo.jpg")
    assert "0x" not in str(caught.value)


# Too large


def png_of(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_size(content: bytes, layout: str, position: int, size: tuple[int, int]) -> bytes:
    changed = bytearray(content)
    struct.pack_into(layout, changed, position, *size)
    return bytes(changed)


BOMBS = {
    "bomb.png": png_of(60_000, 60_000),
    "bomb.gif": with_size(FILES["photo.gif"], "<HH", 6, (65_000, 65_000)),
    "bomb.bmp": with_size(FILES["photo.bmp"], "<ii", 18, (60_000, 60_000)),
    "bomb.jpg": with_size(FILES["gray.jpg"], ">HH", FILES["gray.jpg"].index(b"\xff\xc0") + 5, (65_000, 65_000)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_by_their_header(tmp_path, name):
    (tmp_path / name).write_bytes(BOMBS[name])
    began = time.process_time()
    with pytest.raises(InputError, match=rf"{name}: \d+ x \d+ pixels, expected at most 200,000,000 in all"):
        read_photo(tmp_path / name)
    assert time.process_time() - began < 1


def test_the_pixel_limit_is_a_setting(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(FILES["photo.jpg"])
    assert read_photo(tmp_path / "photo.jpg", max_pixels=HEIGHT * WIDTH).rgb.size == HEIGHT * WIDTH * 3
    with pytest.raises(InputError, match="64 x 48 pixels, expected at most 3,071 in all; make it smaller or raise"):
        read_photo(tmp_path / "photo.jpg", max_pixels=HEIGHT * WIDTH - 1)


def test_pillows_own_limit_does_not_stand_in_the_way(tmp_path, recwarn):
    """It warns from 89 megapixels on and refuses more than 179; here all but the header is missing."""
    (tmp_path / "large.png").write_bytes(png_of(20_000, 9500))
    with pytest.raises(InputError, match="truncated"):
        read_photo(tmp_path / "large.png")
    assert not list(recwarn)


def test_a_huge_file_is_not_read_into_memory(tmp_path):
    with open(tmp_path / "huge.tif", "wb") as file:
        file.write(FILES["photo.tif"])
        file.truncate(1 << 40)
    with pytest.raises(InputError, match=r"huge\.tif: 1,099,511,627,776 bytes, expected at most"):
        read_photo(tmp_path / "huge.tif")


# Names, and things that are no files

ODD_NAMES = [
    "two\nlines.jpg",
    "bell\a.jpg",
    "\x1b[31mred.jpg",
    "\udcff\udcfe.jpg",
    " .jpg",
    "-.jpg",
    "größe 七.jpg",
    "$(x).jpg",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_photos_with_odd_names_are_read_and_written(tmp_path, name):
    (tmp_path / name).write_bytes(FILES["photo.jpg"])
    photo = read_photo(tmp_path / name)
    write_photo(tmp_path / "out" / name, photo, photo.rgb, np.ones(photo.rgb.shape[:2], bool))
    assert os.listdir(tmp_path / "out") == [name]


@pytest.mark.parametrize("name", [*ODD_NAMES, "null\0.jpg", "long" * 100 + ".jpg"])
@pytest.mark.parametrize("content", [b"", b"no photo", None])
def test_errors_name_odd_files_on_one_printable_line(tmp_path, name, content):
    if content is not None and "\0" not in name and len(name) < 100:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_photo(f"{tmp_path}/{name}")
    message = str(caught.value)
    assert message.isprintable() and str(tmp_path) in message
    message.encode("utf-8")
    if "größe" in name:
        assert name in message


def test_folders_pipes_devices_and_loops(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    expected = {
        tmp_path: "received a folder",
        tmp_path / "pipe": "received a pipe or device",
        Path("/dev/zero"): "received a pipe or device",
        tmp_path / "loop": "cannot be read",
        tmp_path / "dangling": "no such photo",
        tmp_path / "missing": "no such photo",
    }
    for path, reason in expected.items():
        with pytest.raises(InputError, match=reason):
            read_photo(path)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_photo(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(FILES["photo.jpg"])
    (tmp_path / "photo.jpg").chmod(0)
    with pytest.raises(InputError, match=r"cannot be read .*permissions"):
        read_photo(tmp_path / "photo.jpg")


def test_a_read_error_of_the_disk(tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(FILES["photo.jpg"])

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("svhn.files._open_without_waiting", fail)
    with pytest.raises(InputError, match=r"photo\.jpg: cannot be read \(Input/output error\)"):
        read_photo(tmp_path / "photo.jpg")


# Writing


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    (tmp_path / "out.jpg").write_bytes(b"old")
    (tmp_path / "in.jpg").write_bytes(FILES["photo.jpg"])
    photo = read_photo(tmp_path / "in.jpg")

    def write_half(path, content):
        with open(path, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_half)
    for name in ("out.jpg", "new.jpg"):
        with pytest.raises(WriteError, match=rf"{name}: cannot be written \(No space left") as caught:
            write_photo(tmp_path / name, photo, photo.rgb, np.ones(photo.rgb.shape[:2], bool))
        assert caught.value.errno == errno.ENOSPC
        with pytest.raises(WriteError, match="No space left"):
            write_rgb(tmp_path / name, photo.rgb)
    assert (tmp_path / "out.jpg").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["in.jpg", "out.jpg"]


FILE_SIZE_LIMIT = """
import resource, signal, sys
import numpy as np
from svhn.files import WriteError
from svhn.photos import read_photo, write_photo
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
photo = read_photo(sys.argv[1])
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
try:
    write_photo(sys.argv[2], photo, photo.rgb, np.ones(photo.rgb.shape[:2], bool))
except WriteError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, limits)  # what measures coverage writes at the end
"""


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "deep.png", "deep.tif", "photo.tif", "photo.webp"])
def test_the_system_refusing_to_write_leaves_nothing(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name])
    command = [sys.executable, "-c", FILE_SIZE_LIMIT, str(tmp_path / name), str(tmp_path / "out" / name)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "cannot be written (File too large)" in result.stdout and not result.stderr
    assert os.listdir(tmp_path / "out") == []


def test_an_impossible_output_name(tmp_path):
    (tmp_path / "in.jpg").write_bytes(FILES["photo.jpg"])
    photo = read_photo(tmp_path / "in.jpg")
    with pytest.raises(WriteError, match="cannot be written"):
        write_photo(tmp_path / ("n" * 300), photo, photo.rgb, np.ones(photo.rgb.shape[:2], bool))
    longest = tmp_path / ("n" + "." + "x" * 253)
    write_photo(longest, photo, photo.rgb, np.ones(photo.rgb.shape[:2], bool))
    assert sorted(os.listdir(tmp_path)) == ["in.jpg", longest.name]


def test_several_threads_write_with_the_usual_permissions(tmp_path):
    (tmp_path / "in.jpg").write_bytes(FILES["photo.jpg"])
    photo, everywhere = read_photo(tmp_path / "in.jpg"), np.ones((WIDTH, HEIGHT), bool)

    def write(thread: int) -> None:
        for number in range(10):
            write_photo(tmp_path / "out" / f"{thread}-{number}.jpg", photo, photo.rgb, everywhere)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    modes = {path.stat().st_mode for path in (tmp_path / "out").iterdir()}
    assert modes == {(tmp_path / "in.jpg").stat().st_mode}
    assert len(os.listdir(tmp_path / "out")) == 40


# What libraries remark


def test_libraries_say_nothing(tmp_path):
    """Damaged EXIF, a TIFF with unknown tags and alpha that is not declared, cut data: no line on either stream."""
    undeclared = np.dstack([scene(), scene()[..., :1]]).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "alpha.tif"), undeclared)
    (tmp_path / "exif.jpg").write_bytes(encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\x09\x01\x0f" * 30))
    (tmp_path / "cut.tif").write_bytes(FILES["lzw.tif"][:-300])
    (tmp_path / "cut.png").write_bytes(FILES["deep.png"][:-900])
    (tmp_path / "large.png").write_bytes(png_of(20_000, 9000))
    code = (
        "import sys\nfrom svhn.errors import InputError\nfrom svhn.photos.photo import read_photo\n"
        "for path in sys.argv[1:]:\n    try:\n        read_photo(path)\n    except InputError:\n        pass\n"
    )
    paths = map(str, sorted(tmp_path.iterdir()))
    result = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True, cwd=ROOT, check=True)
    assert (result.stdout, result.stderr) == ("", "")


# Mutations


def mutate(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, cut, swap or repeat pieces, blank a piece, or put extreme numbers into the first 200 bytes."""
    data = bytearray(content)
    first, second = sorted(rng.integers(0, len(data), 2).tolist())
    size = int(rng.integers(1, 40))
    kind = rng.integers(0, 7)
    if kind <= 1:
        for position in rng.integers(0, len(data), rng.integers(1, 9)):
            data[position] ^= 1 << int(rng.integers(0, 8))
    elif kind == 2:
        del data[second:]
    elif kind == 3:
        data[first : first + size], data[second : second + size] = (
            data[second : second + size],
            data[first : first + size],
        )
    elif kind == 4:
        data[second:second] = data[first : first + size * 10]
    elif kind == 5:
        data[first : first + size] = bytes(size)
    else:
        position = int(rng.integers(0, min(200, len(data) - 4)))
        data[position : position + 4] = [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"][rng.integers(0, 3)]
    return bytes(data)


def with_right_checksums(content: bytes) -> bytes:
    """Repair the checksums of a PNG, so that its damage reaches the decoder."""
    data, position = bytearray(content), 8
    while position + 12 <= len(data):
        end = position + 8 + struct.unpack_from(">I", data, position)[0]
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(data[: len(content)])


@pytest.mark.parametrize("name", FILES)
def test_mutated_files_give_a_picture_or_an_input_error(tmp_path, name, capfd):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    read = 0
    for number in range(40):
        path = tmp_path / f"{number}-{name}"
        content = mutate(FILES[name], rng)
        path.write_bytes(with_right_checksums(content) if name.endswith(".png") and number % 4 else content)
        try:
            photo = read_photo(path, max_pixels=1_000_000)
        except InputError as error:
            assert str(error).startswith(str(path)) and str(error).isprintable()
            continue
        read += 1
        height, width, channels = photo.rgb.shape
        assert height * width <= 1_000_000 and channels == 3 and photo.rgb.dtype == np.uint8
        mask = np.zeros((height, width), bool)
        mask[: height // 2 + 1, : width // 2 + 1] = True
        write_photo(tmp_path / "out" / name, photo, 255 - photo.rgb, mask)
        assert read_photo(tmp_path / "out" / name).rgb.shape == photo.rgb.shape
        clean = decode_photo(rewrite_photo(photo, path.read_bytes()))
        assert clean.rgb.shape == photo.rgb.shape
        if photo.format in ("PNG", "TIFF", "BMP", "GIF"):  # damaged data of lossy formats are encoded anew
            np.testing.assert_array_equal(clean.rgb, photo.rgb)
    assert read < 40
    if name not in ("lzw.tif", "deep.tif", "deep.png"):  # libtiff and libpng write to stderr about damaged data
        assert capfd.readouterr() == ("", "")

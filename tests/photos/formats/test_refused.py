"""Raw files and other photos that are known and not read: said so, and never taken for their previews."""

import io
import struct

import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.photos.formats.refused import is_raw
from svhn.photos.photo import decode_photo

LONG, SHORT, BYTE = 4, 3, 1


def tiff(first: dict[int, tuple[int, int]], second: dict[int, tuple[int, int]], order: str = "<") -> bytes:
    """Return a TIFF whose first directory is a gray picture and may name a second one in its tag 330."""
    width, height = 16, 12
    ordinary = {
        256: (SHORT, width),
        257: (SHORT, height),
        258: (SHORT, 8),
        259: (SHORT, 1),
        262: (SHORT, 1),
        277: (SHORT, 1),
        278: (SHORT, height),
        279: (LONG, width * height),
    }

    def directory(tags: dict[int, tuple[int, int]]) -> bytes:
        head = struct.pack(f"{order}H", len(tags))
        for tag, (type, value) in sorted(tags.items()):
            number = struct.pack(f"{order}{'I' if type == LONG else 'H'}", value).ljust(4, b"\0")
            head += struct.pack(f"{order}HHI", tag, type, 1) + number
        return head + bytes(4)

    size = 8 + len(directory(ordinary | {273: (LONG, 0)} | first))
    end = size + len(directory(second))
    tags = ordinary | {273: (LONG, end)} | first
    if 330 in tags:
        tags[330] = LONG, size
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    return start + directory(tags) + directory(second) + bytes(range(192))


RAW = {
    "DNG": tiff({50706: (BYTE, 1)}, {}),
    "the sensor in another directory": tiff({254: (LONG, 1), 330: (LONG, 0)}, {262: (SHORT, 32803)}),
    "the sensor in the first directory": tiff({262: (SHORT, 32803)}, {}),
    "linear raw": tiff({330: (LONG, 0)}, {262: (SHORT, 34892)}),
    "a preview first": tiff({254: (LONG, 1), 330: (LONG, 0)}, {254: (LONG, 0)}),
    "highest byte first": tiff({254: (LONG, 1), 330: (LONG, 0)}, {262: (SHORT, 32803)}, ">"),
    "CR2": b"II*\0\x10\0\0\0CR\2\0" + bytes(50),
    "CR3": b"\0\0\0\x18ftypcrx " + bytes(50),
    "ORF": b"IIRO\x08\0\0\0" + bytes(50),
    "RW2": b"IIU\0\x18\0\0\0" + bytes(50),
    "RAF": b"FUJIFILMCCD-RAW 0201" + bytes(50),
    "X3F": b"FOVb" + bytes(50),
}


@pytest.mark.parametrize("kind", RAW)
def test_raw_files_are_refused_by_what_is_in_them(kind):
    with pytest.raises(InputError, match=r"^photo: a raw file of a camera; develop it"):
        decode_photo(RAW[kind])


@pytest.mark.parametrize("name", ["a.NEF", "a.arw", "b/c.Dng"])
def test_a_tiff_of_a_raw_files_name_is_refused(name):
    with pytest.raises(InputError, match="a raw file of a camera"):
        decode_photo(tiff({}, {}), name)
    with pytest.raises(InputError, match="a raw file of a camera"):
        decode_photo(b"something that only its maker knows", name)


def test_ordinary_tiffs_are_none():
    """Neither a reduced copy in another directory nor a scan that says it is one makes a raw file."""
    for content in (tiff({}, {}), tiff({330: (LONG, 0)}, {254: (LONG, 1)}), tiff({254: (LONG, 1)}, {})):
        assert not is_raw(content)
        assert decode_photo(content, "a.tif").format == "TIFF"


def test_a_jpeg_of_a_raw_files_name_is_a_jpeg():
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    assert decode_photo(file.getvalue(), "a.nef").format == "JPEG"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\x0a" + bytes(40), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "JPEG XL"),
        (b"\xff\x4f\xff\x51" + bytes(40), "JPEG 2000"),
    ],
)
def test_what_is_known_and_not_read_is_named(content, kind):
    with pytest.raises(InputError, match=f"^photo: {kind}, which .* not read.*; save it as JPEG or PNG"):
        decode_photo(content)


def test_loops_of_directories_end():
    content = tiff({330: (LONG, 0)}, {})
    looping = bytearray(content)
    position = content.index(struct.pack("<HHI", 330, LONG, 1)) + 8
    looping[position : position + 4] = struct.pack("<I", 8)
    assert not is_raw(bytes(looping))

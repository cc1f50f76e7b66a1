"""A picture can hide in every place of every container: it is in no output, whether the photo was changed or not."""

import io
import struct
import zlib
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from svhn.photos.photo import decode_photo, encode_photo, rewrite_photo

HEIGHT, WIDTH = 96, 128
# Bytes of a coded picture, as far as it matters here: found again wherever it is copied to.
SECRET = b"RIFF\x90\x01\x01\x01WEBPVP8 " + bytes(range(1, 250)) + b"HIDDEN PICTURE"
PIECE = SECRET[40:80]


def scene() -> Image.Image:
    rng = np.random.default_rng(9)
    return Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))


def encoded(format: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    image = scene()
    (image.quantize(64) if mode == "P" else image.convert(mode)).save(file, format, **options)
    return file.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def in_jpeg(addition: bytes, before: bytes | None = None) -> bytes:
    """Return a JPEG with an addition after its first bytes, or before the last segment of a kind."""
    content = encoded("JPEG", quality=90)
    at = 2 if before is None else content.rindex(before)
    return content[:at] + addition + content[at:]


def jpeg_with_data_before_a_restart() -> bytes:
    content = encoded("JPEG", restart_marker_rows=2)
    at = content.index(b"\xff\xd1", content.index(b"\xff\xda"))
    return content[:at] + SECRET + content[at:]


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def in_png(addition: bytes, before: bytes = b"IDAT", mode: str = "RGB") -> bytes:
    content = encoded("PNG", mode)
    at = content.index(before) - 4
    return content[:at] + addition + content[at:]


def png_with_more_pixels() -> bytes:
    content = encoded("PNG")
    start, end = content.index(b"IDAT") - 4, content.index(b"IEND") - 4
    pixels = bytes(HEIGHT * (1 + WIDTH * 3)) + SECRET
    return content[:start] + chunk(b"IDAT", zlib.compress(pixels, 0)) + content[end:]


def png_with_data_after_its_pixels() -> bytes:
    content = encoded("PNG")
    start, end = content.index(b"IDAT") - 4, content.index(b"IEND") - 4
    pixels = zlib.compress(bytes(HEIGHT * (1 + WIDTH * 3))) + SECRET
    return content[:start] + chunk(b"IDAT", pixels) + content[end:]


def riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def in_webp(addition: bytes = b"", longer: bool = False, **options) -> bytes:
    """Return an extended WebP with another chunk, or with data after those of its picture."""
    simple = encoded("WEBP", **options)
    name, size = struct.unpack_from("<4sI", simple, 12)
    header = struct.pack("<I", 0) + (WIDTH - 1).to_bytes(3, "little") + (HEIGHT - 1).to_bytes(3, "little")
    picture = riff_chunk(name, simple[20 : 20 + size] + (SECRET if longer else b""))
    body = b"WEBP" + riff_chunk(b"VP8X", header) + picture + addition
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_with_tag(tag: int, type: int = 7) -> bytes:
    tags = ImageFileDirectory_v2()
    tags.tagtype[tag] = type
    tags[tag] = SECRET
    return encoded("TIFF", tiffinfo=tags)


def tiff_with_another_directory() -> bytes:
    """Return a TIFF in which a reduced copy follows."""
    tags = ImageFileDirectory_v2()
    tags[254] = 1
    file = io.BytesIO()
    small = Image.frombytes("L", (len(SECRET), 1), SECRET)
    small.encoderinfo = {"tiffinfo": tags}
    scene().save(file, "TIFF", save_all=True, append_images=[small])
    assert PIECE in file.getvalue()
    return file.getvalue()


def with_unused_colours(format: str) -> bytes:
    image = scene().quantize(64)
    palette = image.getpalette()[: 64 * 3] + list(SECRET[: 192 * 3])
    image.putpalette(palette + [7] * (768 - len(palette)))
    image.putpixel((WIDTH - 1, 0), 255)  # else a writer leaves out what is behind the last used one
    file = io.BytesIO()
    image.save(file, format, **({"optimize": False} if format == "GIF" else {}))
    return file.getvalue()


def bmp_with_unused_colours() -> bytes:
    """Return a BMP in which the secret stands in the fourth bytes, too, which nobody looks at."""
    content = bytearray(with_unused_colours("BMP"))
    assert int.from_bytes(content[10:14], "little") == 54 + 256 * 4
    start = 54 + 64 * 4
    content[start : start + len(SECRET)] = SECRET
    return bytes(content)


def gif_with(extension: bytes) -> bytes:
    content = encoded("GIF", "P")
    blocks = b"".join(bytes([len(part)]) + part for part in (SECRET[:200], SECRET[200:])) + b"\0"
    at = 13 + 3 * (2 << (content[10] & 7))
    return content[:at] + b"\x21" + extension + blocks + content[at:]


def bmp_with_a_gap() -> bytes:
    content = bytearray(encoded("BMP"))
    start = int.from_bytes(content[10:14], "little")
    content[start:start] = SECRET
    struct.pack_into("<I", content, 10, start + len(SECRET))
    struct.pack_into("<I", content, 2, len(content))
    return bytes(content)


def box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", len(data) + 8, name) + data


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = Image.Exif()
EXIF[0xC000] = SECRET
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + SECRET + b"</x:xmpmeta>"
TEXT = PngInfo()
TEXT.add_text("Comment", SECRET.decode("latin-1"))

PLACES: dict[str, Callable[[], bytes]] = {
    "JPEG, thumbnail of JFIF": lambda: in_jpeg(segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1" + b"\x0a\x0a" + SECRET)),
    "JPEG, extension of JFIF": lambda: in_jpeg(segment(0xE0, b"JFXX\0\x10" + SECRET)),
    "JPEG, EXIF": lambda: encoded("JPEG", exif=EXIF),
    "JPEG, XMP": lambda: encoded("JPEG", xmp=XMP),
    "JPEG, further XMP": lambda: in_jpeg(segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + SECRET)),
    "JPEG, profile": lambda: encoded("JPEG", icc_profile=PROFILE + SECRET),
    "JPEG, Photoshop": lambda: in_jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\x04\x0c" + SECRET)),
    "JPEG, Adobe": lambda: in_jpeg(segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + SECRET)),
    **{f"JPEG, APP{number}": lambda number=number: in_jpeg(segment(0xE0 + number, SECRET)) for number in range(2, 16)},
    "JPEG, comment": lambda: in_jpeg(segment(0xFE, SECRET)),
    "JPEG, between segments": lambda: in_jpeg(SECRET, b"\xff\xc4"),
    "JPEG, after the scan": lambda: in_jpeg(SECRET, b"\xff\xd9"),
    "JPEG, after the end": lambda: encoded("JPEG") + SECRET,
    "JPEG, before a restart": jpeg_with_data_before_a_restart,
    "gray JPEG, after the scan": lambda: (content := encoded("JPEG", "L"))[:-2] + SECRET + content[-2:],
    "progressive JPEG, after a scan": lambda: (
        (content := encoded("JPEG", progressive=True))[: (at := content.rindex(b"\xff\xda"))] + SECRET + content[at:]
    ),
    "PNG, text": lambda: encoded("PNG", pnginfo=TEXT),
    **{
        f"PNG, {name.decode()}": lambda name=name: in_png(chunk(name, SECRET))
        for name in b"tEXt iTXt eXIf sPLT hIST tIME prVt mDCV cICP gAMA cHRM sRGB pHYs cLLI sBIT bKGD oFFs caNv".split()
    },
    "PNG, unused colours": lambda: with_unused_colours("PNG"),
    "GIF, unused colours": lambda: with_unused_colours("GIF"),
    "BMP, unused colours": bmp_with_unused_colours,
    "PNG, deflated text": lambda: in_png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET, 0))),
    "PNG, profile": lambda: in_png(chunk(b"iCCP", b"name\0\0" + zlib.compress(PROFILE + SECRET, 0))),
    "PNG, no profile": lambda: in_png(chunk(b"iCCP", b"name\0\0" + zlib.compress(SECRET, 0))),
    "PNG, after the pixels": lambda: in_png(chunk(b"tEXt", b"Comment\0" + SECRET), b"IEND"),
    "PNG, palette of a colour picture": lambda: in_png(chunk(b"PLTE", SECRET[: len(SECRET) // 3 * 3])),
    "PNG, more pixels than the picture has": png_with_more_pixels,
    "PNG, after the deflated data": png_with_data_after_its_pixels,
    "PNG, after the end": lambda: encoded("PNG") + SECRET,
    "WebP, EXIF": lambda: encoded("WEBP", exif=EXIF.tobytes()),
    "WebP, XMP": lambda: encoded("WEBP", xmp=XMP),
    "WebP, profile": lambda: encoded("WEBP", icc_profile=PROFILE + SECRET),
    "WebP, unknown chunk": lambda: in_webp(riff_chunk(b"prvt", SECRET)),
    "WebP, after the lossy picture": lambda: in_webp(longer=True, quality=80),
    "WebP, after the lossless picture": lambda: in_webp(longer=True, lossless=True),
    "WebP, a second picture": lambda: encoded("WEBP") + riff_chunk(b"VP8 ", SECRET),
    "WebP, after the end": lambda: encoded("WEBP") + SECRET,
    "TIFF, private tag": lambda: tiff_with_tag(0xC000),
    "TIFF, XMP": lambda: tiff_with_tag(700, 1),
    "TIFF, IPTC": lambda: tiff_with_tag(33723),
    "TIFF, Photoshop": lambda: tiff_with_tag(34377),
    "TIFF, profile": lambda: encoded("TIFF", icc_profile=PROFILE + SECRET),
    "TIFF, another directory": tiff_with_another_directory,
    "TIFF, after the end": lambda: encoded("TIFF") + SECRET,
    "GIF, comment": lambda: gif_with(b"\xfe"),
    "GIF, extension of an application": lambda: gif_with(b"\xff\x0bPRIVATE 1.0"),
    "GIF, plain text": lambda: gif_with(b"\x01\x0c" + bytes(12)),
    "GIF, after the end": lambda: encoded("GIF", "P") + SECRET,
    "BMP, gap": bmp_with_a_gap,
    "BMP, after the end": lambda: encoded("BMP") + SECRET,
    "AVIF, EXIF": lambda: encoded("AVIF", exif=EXIF.tobytes()),
    "AVIF, XMP": lambda: encoded("AVIF", xmp=XMP),
    "AVIF, profile": lambda: encoded("AVIF", icc_profile=PROFILE + SECRET),
    "AVIF, free box": lambda: encoded("AVIF") + box(b"free", SECRET),
    "AVIF, private box": lambda: encoded("AVIF") + box(b"uuid", SECRET),
}
if find_spec("pillow_heif"):
    import pillow_heif

    pillow_heif.register_heif_opener()
    PLACES |= {
        "HEIC, EXIF": lambda: encoded("HEIF", exif=EXIF.tobytes()),
        "HEIC, XMP": lambda: encoded("HEIF", xmp=XMP),
        "HEIC, free box": lambda: encoded("HEIF") + box(b"free", SECRET),
        "HEIC, profile": lambda: encoded("HEIF", icc_profile=PROFILE + SECRET),
    }


def everything_in(content: bytes) -> bytes:
    """Return a file's bytes, with what is deflated in them unpacked."""
    found = content
    for at in range(len(content) - 2):
        if content[at] == 0x78 and content[at + 1] in (0x01, 0x5E, 0x9C, 0xDA):
            try:
                found += zlib.decompressobj().decompress(content[at:])
            except zlib.error:
                continue
    return found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("metadata", ["keep", "strip"])
def test_what_hides_there_is_in_no_output(place, metadata):
    content = PLACES[place]()
    assert PIECE in everything_in(content)
    photo = decode_photo(content)
    mask = np.zeros(photo.rgb.shape[:2], bool)
    mask[:16, :16] = True
    for written in (encode_photo(photo, 255 - photo.rgb, mask, metadata), rewrite_photo(photo, content, metadata)):
        assert PIECE not in everything_in(written)
        again = decode_photo(written)
        assert again.format == photo.format
        difference = np.abs(again.rgb[24:, 24:].astype(int) - photo.rgb[24:, 24:]).mean()
        assert difference <= (12 if photo.format in ("AVIF", "HEIF", "WEBP", "JPEG") else 0)

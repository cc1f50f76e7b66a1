"""What photos say beside their pixels: kept tag by tag where it is harmless, left behind where a picture could hide."""

import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from svhn.photos.exif import ExifBlock, read_exif
from svhn.photos.exif_rules import clean_exif
from svhn.photos.panorama import panorama_xmp
from svhn.photos.photo import decode_photo, encode_photo, rewrite_photo
from svhn.photos.profiles import clean_profile

HEIGHT, WIDTH = 48, 64
ASCII, SHORT, RATIONAL, UNDEFINED, SRATIONAL, BYTE = 2, 3, 5, 7, 10, 1
MAKE, RIGHTS, DESCRIPTION, AUTHOR, TIME, COMMENT = 0x010F, 0x8298, 0x010E, 0x013B, 0x9003, 0x9286
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


def scene() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))


def thumbnail() -> bytes:
    """A picture as small as a legible one can be."""
    file = io.BytesIO()
    scene().resize((24, 16)).save(file, "WEBP", quality=1)
    return file.getvalue()


Tags = list[tuple[int, int, int, bytes]]


def directory(tags: Tags, offset: int, order: str) -> bytes:
    """Return a TIFF directory at `offset`, written by the letter of TIFF 6.0."""
    head, values = struct.pack(f"{order}H", len(tags)), b""
    at = offset + 2 + 12 * len(tags) + 4
    for tag, type, count, data in sorted(tags):
        place = data.ljust(4, b"\0")
        if len(data) > 4:
            place = struct.pack(f"{order}I", at + len(values))
            values += data + bytes(len(data) % 2)
        head += struct.pack(f"{order}HHI", tag, type, count) + place
    return head + bytes(4) + values


def block(main: Tags = (), exif: Tags = (), gps: Tags = (), order: str = "<") -> bytes:
    pointers = [(tag, 4, 1, bytes(4)) for tag in (0x8769, 0x8825)]
    below = 8 + len(directory([*main, *pointers], 8, order))
    places = below, below + len(directory(list(exif), below, order))
    pointers = [(tag, 4, 1, struct.pack(f"{order}I", at)) for tag, at in zip((0x8769, 0x8825), places, strict=True)]
    start = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    parts = ([*main, *pointers], 8), (list(exif), places[0]), (list(gps), places[1])
    return b"Exif\0\0" + start + b"".join(directory(tags, at, order) for tags, at in parts)


def text(tag: int, value: bytes) -> tuple[int, int, int, bytes]:
    return tag, ASCII, len(value) + 1, value + b"\0"


def photo_with(format: str = "JPEG", **options) -> bytes:
    file = io.BytesIO()
    scene().save(file, format, **options)
    return file.getvalue()


def outputs(content: bytes, metadata: str = "keep") -> list[bytes]:
    """Return what is published where something was removed, and where nothing was found."""
    photo = decode_photo(content)
    mask = np.zeros(photo.rgb.shape[:2], bool)
    mask[:8, :8] = True
    return [encode_photo(photo, 255 - photo.rgb, mask, metadata), rewrite_photo(photo, content, metadata)]


def exif_in(content: bytes) -> ExifBlock:
    with Image.open(io.BytesIO(content)) as image:
        return read_exif(content if image.format == "TIFF" else image.info.get("exif", b""))


ORDINARY = [text(MAKE, b"Maker"), text(RIGHTS, b"(c) somebody")]
WHEN = [text(TIME, b"2026:01:02 03:04:05")]
LATITUDE = 2, RATIONAL, 3, struct.pack("<6I", 52, 1, 30, 1, 0, 1)


# Whitelist

PLANTED = {
    "private tag": ([], [(0xFDE8, UNDEFINED, len(thumbnail()), thumbnail())], []),
    "private tag of the first directory": ([(0xC000, BYTE, len(thumbnail()), thumbnail())], [], []),
    "maker's note": ([], [(0x927C, UNDEFINED, len(thumbnail()), thumbnail())], []),
    "comment": ([], [(COMMENT, UNDEFINED, len(thumbnail()) + 8, b"ASCII\0\0\0" + thumbnail())], []),
    "comment without code": ([], [(COMMENT, UNDEFINED, len(thumbnail()) + 8, bytes(8) + thumbnail())], []),
    "text": ([text(DESCRIPTION, thumbnail())], [], []),
    "after a text": ([text(DESCRIPTION, b"a house\0" + thumbnail())], [], []),
    "title of Windows": ([(0x9C9B, BYTE, len(thumbnail()), thumbnail())], [], []),
    "numbers": ([], [(0x9201, RATIONAL, len(thumbnail()) // 8, thumbnail())], []),
    "bytes of a fixed number": ([], [(0x9000, UNDEFINED, len(thumbnail()), thumbnail())], []),
    "table of the sensor": ([], [(0xA302, UNDEFINED, len(thumbnail()), thumbnail())], []),
    "place": ([], [], [(27, UNDEFINED, len(thumbnail()) + 8, b"ASCII\0\0\0" + thumbnail())]),
    "private tag of the place": ([], [], [(99, UNDEFINED, len(thumbnail()), thumbnail())]),
}


@pytest.mark.parametrize("place", PLANTED)
@pytest.mark.parametrize("format", FORMATS)
def test_a_thumbnail_in_a_tag_is_left_behind_and_the_rest_stays(place, format):
    main, exif, gps = PLANTED[place]
    content = photo_with(format, exif=block([*ORDINARY, *main], [*WHEN, *exif], [LATITUDE, *gps]))
    piece = thumbnail()[20:40]  # Pillow writes what it does not understand in pieces
    for written in outputs(content):
        assert piece not in written
        assert exif_in(written).main[MAKE].data == b"Maker\0"
        assert exif_in(written).exif[TIME].data == b"2026:01:02 03:04:05\0"
        assert exif_in(written).gps[2].count == 3


@pytest.mark.parametrize("seed", range(40))
def test_bytes_are_no_text_in_utf_16_either(seed):
    """Most bytes make some Chinese letters."""
    data = np.random.default_rng(seed).integers(32, 256, 210, np.uint8).tobytes()
    title = 0x9C9B, BYTE, len(data), data
    comment = COMMENT, UNDEFINED, len(data) + 8, b"UNICODE\0" + data
    assert clean_exif(read_exif(block([title], [comment]))) == ExifBlock()


def test_bytes_written_as_letters_are_no_text():
    for letters in (base64.b64encode(thumbnail()), base64.encodebytes(thumbnail()), thumbnail().hex().encode()):
        assert clean_exif(read_exif(block([text(DESCRIPTION, letters)]))).main == {}
    kept = b"A long text about a house, its street and its number; https://example.org/photos/12345?size=large"
    assert clean_exif(read_exif(block([text(DESCRIPTION, kept)]))).main[DESCRIPTION].data == kept + b"\0"


ODD = {
    "altitude below the sea": (6, SRATIONAL, 1, struct.pack("<ii", -35, 10)),
    "west as a negative number": (4, SRATIONAL, 3, struct.pack("<6i", -13, 1, 24, 1, 0, 1)),
    "longitude as text": text(4, b"13.4"),
    "version as text": text(0, b"2.3.0.0"),
    "direction as bytes": (17, UNDEFINED, 4, b"\1\2\3\4"),
    "unknown type": (17, 77, 4, b"\1\2\3\4"),
    "value outside the block": (17, RATIONAL, 1 << 20, b"\xff\xff\xff\x7f1234"),
}


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_tag_costs_no_other(odd):
    for written in outputs(photo_with(exif=block(ORDINARY, WHEN, [LATITUDE, ODD[odd]]))):
        found = exif_in(written)
        assert set(found.main) >= {MAKE, RIGHTS} and TIME in found.exif and 2 in found.gps


@pytest.mark.parametrize("format", FORMATS)
def test_letters_beyond_ascii_survive(format):
    texts = {DESCRIPTION: "東京 街角".encode(), AUTHOR: "Jürgen Groß".encode(), RIGHTS: "© Müller".encode("latin-1")}
    options = {"exif": block([text(*item) for item in texts.items()])}
    if format == "TIFF":  # Pillow writes question marks for what it is told in a block
        options = {"tiffinfo": ImageFileDirectory_v2()}
        for tag, value in texts.items():
            options["tiffinfo"].tagtype[tag] = ASCII
            options["tiffinfo"][tag] = value
    for written in outputs(photo_with(format, **options)):
        found = exif_in(written).main
        assert {tag: found[tag].data.rstrip(b"\0") for tag in texts} == texts


@pytest.mark.parametrize(("order", "coding"), [("<", "utf-16-le"), (">", "utf-16-be")])
def test_comments_and_numbers_of_either_byte_order(order, coding):
    comment = b"UNICODE\0" + "Grüße aus 東京".encode(coding)
    exposure = 0x829A, RATIONAL, 1, struct.pack(f"{order}II", 1, 250)
    given = block(ORDINARY, [(COMMENT, UNDEFINED, len(comment), comment), exposure], order=order)
    for written in outputs(photo_with(exif=given)):
        found = exif_in(written).exif
        assert found[COMMENT].data[8:].decode("utf-16-le") == "Grüße aus 東京"
        assert struct.unpack("<II", found[0x829A].data) == (1, 250)


def test_both_rights_and_the_title_of_windows_stay():
    title = "Straße".encode("utf-16-le") + bytes(2)
    main = [text(RIGHTS, b"photographer\0editor"), (0x9C9B, BYTE, len(title), title)]
    for written in outputs(photo_with(exif=block(main))):
        assert exif_in(written).main[RIGHTS].data == b"photographer\0editor\0"
        assert exif_in(written).main[0x9C9B].data == title


@pytest.mark.parametrize("format", FORMATS)
def test_metadata_without_the_place(format):
    content = photo_with(format, exif=block(ORDINARY, WHEN, [LATITUDE]))
    assert decode_photo(content).metadata.says_where
    for written in outputs(content, "no-location"):
        found = exif_in(written)
        assert MAKE in found.main and TIME in found.exif and not found.gps
        assert not decode_photo(written).metadata.says_where
    for written in outputs(content, "strip"):
        assert MAKE not in exif_in(written).main and not exif_in(written).exif


# Orientation, panoramas

XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6" '
    'xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="equirectangular" '
    'GPano:UsePanoramaViewer="True" GPano:FullPanoWidthPixels="64" GPano:StitchingSoftware="HIDDEN">'
    "<GPano:FullPanoHeightPixels>48</GPano:FullPanoHeightPixels><GPano:PoseHeadingDegrees>HIDDEN</GPano:PoseHeadingDegrees>"
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def with_xmp(format: str) -> bytes:
    if format == "PNG":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        return photo_with("PNG", pnginfo=info)
    if format == "TIFF":
        return photo_with("TIFF", tiffinfo={700: XMP.encode()})
    return photo_with(format, xmp=XMP.encode())


@pytest.mark.parametrize("format", FORMATS)
def test_orientation_in_xmp_alone_turns_nothing_and_panoramas_stay_ones(format):
    content = with_xmp(format)
    assert decode_photo(content).rgb.shape == (HEIGHT, WIDTH, 3)
    for written in outputs(content):
        assert b"HIDDEN" not in written and b"Orientation" not in written
        with Image.open(io.BytesIO(written)) as image:
            image.load()
            packet = (image.info.get("xmp") or b"").decode()
        assert 'GPano:ProjectionType="equirectangular"' in packet
        assert 'GPano:FullPanoWidthPixels="64"' in packet and 'GPano:FullPanoHeightPixels="48"' in packet
        assert image.size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("xmp", [None, b"", b"\xff\xfe", "no packet", XMP.replace("equirectangular", "HIDDEN"), 7])
def test_what_is_no_panorama_has_no_xmp(xmp):
    assert panorama_xmp(xmp) is None


# Colour profiles

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture() -> bytes:
    file = io.BytesIO()
    scene().save(file, "JPEG", quality=30)
    return file.getvalue()


def with_tag(name: bytes, data: bytes) -> bytes:
    """Return the profile with one more tag, its value at the end."""
    count = int.from_bytes(PROFILE[128:132], "big")
    entries = b"".join(
        PROFILE[at : at + 4] + struct.pack(">II", int.from_bytes(PROFILE[at + 4 : at + 8], "big") + 12, size)
        for at in range(132, 132 + 12 * count, 12)
        for size in [int.from_bytes(PROFILE[at + 8 : at + 12], "big")]
    )
    added = name + struct.pack(">II", len(PROFILE) + 12, len(data))
    body = PROFILE[4:128] + struct.pack(">I", count + 1) + entries + added + PROFILE[132 + 12 * count :] + data
    return struct.pack(">I", len(body) + 4) + body


BAD_PROFILES = {
    "a picture": picture(),
    "a picture after it": PROFILE + picture(),
    "a picture inside the declared size": struct.pack(">I", len(PROFILE + picture())) + PROFILE[4:] + picture(),
    "a private tag": with_tag(b"ZXML", b"data" + bytes(4) + picture()),
    "a known tag of no known type": with_tag(b"targ", b"data" + bytes(4) + picture()),
    "a text that is a picture": with_tag(b"targ", b"text" + bytes(4) + picture()),
    "a header and a picture": PROFILE[:128] + picture(),
}


@pytest.mark.parametrize("kind", BAD_PROFILES)
@pytest.mark.parametrize("format", FORMATS)
def test_only_colour_profiles_go_into_a_profiles_place(kind, format):
    for written in outputs(photo_with(format, icc_profile=BAD_PROFILES[kind])):
        with Image.open(io.BytesIO(written)) as image:
            profile = image.info.get("icc_profile") or b""
        assert picture()[:80] not in written and picture()[100:180] not in profile
        assert (len(profile) > 0) == (kind not in ("a picture", "a header and a picture"))
        if profile:
            ImageCms.ImageCmsProfile(io.BytesIO(profile))


def test_a_good_profile_stays_as_it_is():
    assert clean_profile(PROFILE) == clean_profile(PROFILE + bytes(9)) == PROFILE
    assert clean_profile(None) is None and clean_profile(PROFILE[:-1]) is None
    assert clean_profile(with_tag(b"targ", b"text" + bytes(4) + b"a text\0\0")) == with_tag(
        b"targ", b"text" + bytes(4) + b"a text\0\0"
    )

"""What a photo file says beside its pixels: how to turn it upright, what may go into the output, what must not.

The rule against leaks: the output is a new file, into which go the pixels and what is named here. Everything else
stays behind, because the old picture hides in it: EXIF thumbnails and maker notes, Photoshop resources, XMP (previews,
depth and original images), IPTC previews, further pictures of an MPO, video or pictures after the end of a JPEG.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from svhn.errors import InputError
from svhn.photos.config import METADATA, NO_LOCATION, STRIP

ORIENTATION = ExifTags.Base.Orientation
# How stored pixels are turned upright, by EXIF orientation.
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
_ON_ITS_SIDE = (5, 6, 7, 8)
# The tags of the first EXIF directory that describe the picture; others say how its pixels lie in the file, or hold
# previews. Make, model, software, time, author, rights, title, comment, keywords, subject, rating.
_DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x0213, 0x4746, 0x8298, *range(0x9C9B, 0x9CA0))
EXIF_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# An EXIF value with more characters or numbers may be a picture; the smallest legible thumbnails have more.
_LONGEST_VALUE = 2048


@dataclass(frozen=True)
class Metadata:
    """What of a photo's metadata goes back into the output.

    Attributes
    ----------
    exif : bytes, optional
        Orientation reset, no thumbnail, no maker notes.
    icc_profile : bytes, optional
        What the colours mean.
    dpi : (horizontal, vertical), optional
        Resolution, pixels for each inch.
    chunks : dict of bytes to bytes
        Of a PNG those that say how its numbers are to be seen, by their names.
    orientation : int
        How the pixels lay in the file, 1 to 8; it is for a picture that is kept as it was coded.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    orientation: int = 1


def kept_metadata(image: Image.Image) -> Metadata:
    """Return EXIF, colour profile and resolution of an opened image, without what may show the old picture."""
    return Metadata(
        _clean_exif(image),
        image.info.get("icc_profile") or None,
        image.info.get("dpi") or None,
        orientation=orientation_of(image),
    )


def reduced(metadata: Metadata, kept: str) -> Metadata:
    """Return the metadata as far as they are kept, one of `svhn.photos.config.METADATA`.

    Raises
    ------
    InputError
        When `kept` is no such word.
    """
    if kept not in METADATA:
        raise InputError(f"metadata: expected one of {', '.join(METADATA)}, received {kept!r}")
    if kept == STRIP:
        return replace(metadata, exif=None)
    return replace(metadata, exif=_without_location(metadata.exif)) if kept == NO_LOCATION else metadata


def _without_location(block: bytes | None) -> bytes | None:
    exif = Image.Exif()
    exif.load(block or b"")
    exif.pop(ExifTags.IFD.GPSInfo, None)
    return exif.tobytes() if len(exif) else None


def exif_as_stored(metadata: Metadata) -> bytes | None:
    """Return the EXIF block for a picture that lies in the file as it did, not turned upright."""
    if metadata.orientation == 1:
        return metadata.exif
    exif = Image.Exif()
    exif.load(metadata.exif or b"")
    directories = {directory: exif.get_ifd(directory) for directory in EXIF_DIRECTORIES}
    exif.update({name: _as_upright(values, True) for name, values in directories.items() if values})
    exif[ORIENTATION] = metadata.orientation
    return exif.tobytes()


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where it is missing or damaged."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds of error on damaged EXIF
        return 1
    return found if found in _UPRIGHT else 1


def stored_orientation(content: bytes, format: str) -> int:
    """Return the EXIF orientation of a photo file, 1 to 8; 1 where its format has none. `format` as in `FORMATS`."""
    try:
        with Image.open(io.BytesIO(content), formats=[format]) as image:
            return orientation_of(image)
    except Exception:  # a format that Pillow does not know, or what it raises on damaged files
        return 1


def lies_on_its_side(image: Image.Image) -> bool:
    """Return whether rows become columns when a picture is turned upright."""
    return orientation_of(image) in _ON_ITS_SIDE


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels (H, W, ...) turned upright, contiguous."""
    return np.ascontiguousarray(_UPRIGHT.get(orientation, lambda same: same)(pixels))


def stored_size(upright: np.ndarray, orientation: int) -> tuple[int, int]:
    """Return height and width that upright pixels (H, W, ...) had as they lay in the file."""
    height, width = upright.shape[:2]
    return (width, height) if orientation in _ON_ITS_SIDE else (height, width)


def _clean_exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block of an upright picture without thumbnails, maker notes and other places of previews.

    None where there is no EXIF, or it is too damaged to be read.
    """
    try:
        exif, kept = image.getexif(), Image.Exif()
        kept.endian = exif.endian  # UTF-16 comments are in this order
        kept.update({tag: exif[tag] for tag in _DESCRIPTIVE_TAGS if tag in exif and _is_short(exif[tag])})
        for directory in EXIF_DIRECTORIES:
            values = {tag: value for tag, value in exif.get_ifd(directory).items() if _is_short(value)}
            for tag in (ExifTags.Base.MakerNote, ExifTags.Base.ExifInteroperabilityOffset):
                values.pop(tag, None)
            if values:
                kept[directory] = _as_upright(values, lies_on_its_side(image))
        return kept.tobytes() if len(kept) else None
    except Exception:  # Pillow raises many kinds of error on damaged EXIF
        return None


def _is_short(value: object) -> bool:
    return not isinstance(value, (bytes, str, tuple)) or len(value) <= _LONGEST_VALUE


def _as_upright(values: dict[int, Any], on_its_side: bool) -> dict[int, Any]:
    """Swap the width and height that EXIF repeats, where the picture was stored lying on its side."""
    width, height = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
    if on_its_side and width in values and height in values:
        values[width], values[height] = values[height], values[width]
    return values

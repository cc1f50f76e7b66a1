"""What a photo file says beside its pixels: how to turn it upright, what may go into the output, what must not.

The rule against leaks: the output is a new file, into which go the pixels and what is named here. Everything else
stays behind, because the old picture hides in it: EXIF thumbnails and maker notes, Photoshop resources, XMP (previews,
depth and original images), IPTC previews, further pictures of an MPO, video or pictures after the end of a JPEG. What
goes along is looked at itself: `svhn.photos.exif_rules`, `profiles`, `panorama`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import ExifTags, Image

from svhn.errors import InputError
from svhn.photos.config import METADATA, NO_LOCATION, STRIP
from svhn.photos.exif import read_exif
from svhn.photos.exif_rules import clean_exif
from svhn.photos.panorama import panorama_xmp
from svhn.photos.profiles import clean_profile

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
_MOST_DPI = 65535  # what a JPEG can say
_PNG_TEXT = "Raw profile type exif"  # where ImageMagick wrote EXIF before PNG had a place for it


@dataclass(frozen=True)
class Metadata:
    """What of a photo's metadata goes back into the output.

    Attributes
    ----------
    exif : bytes, optional
        Of the upright picture, with what may be kept.
    icc_profile : bytes, optional
        What the colours mean.
    dpi : (horizontal, vertical), optional
        Resolution, pixels for each inch.
    chunks : dict of bytes to bytes
        Of a PNG those that say how its numbers are to be seen, by their names.
    orientation : int
        How the pixels lay in the file, 1 to 8.
    xmp : bytes, optional
        A packet that says how a panorama is projected.
    """

    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    orientation: int = 1
    xmp: bytes | None = None

    @property
    def says_where(self) -> bool:
        """Whether it says where the photo was taken."""
        return self.exif is not None and read_exif(self.exif).says_where


def kept_metadata(image: Image.Image, content: bytes | None = None) -> Metadata:
    """Return EXIF, colour profile and resolution of an opened image, without what may show the old picture.

    Parameters
    ----------
    image : Image
    content : bytes, optional
        Where its EXIF is: a TIFF is a block of EXIF itself.
    """
    found = read_exif(_exif_bytes(image) if content is None else content)
    orientation, exif = found.orientation, clean_exif(found)
    exif = exif.on_its_side() if orientation in _ON_ITS_SIDE else exif
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return Metadata(
        exif.to_bytes(),
        clean_profile(image.info.get("icc_profile")),
        _resolution(image.info.get("dpi")),
        orientation=orientation,
        xmp=panorama_xmp(xmp) if orientation == 1 else None,
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
        return replace(metadata, exif=None, xmp=None)
    if kept == NO_LOCATION and metadata.exif:
        return replace(metadata, exif=replace(read_exif(metadata.exif), gps={}).to_bytes())
    return metadata


def exif_as_stored(metadata: Metadata) -> bytes | None:
    """Return the EXIF block for a picture that lies in the file as it did, not turned upright."""
    exif = read_exif(metadata.exif or b"").with_orientation(metadata.orientation)
    return (exif.on_its_side() if metadata.orientation in _ON_ITS_SIDE else exif).to_bytes()


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where it is missing or damaged.

    XMP may name one, too; viewers do not look there, so neither is it done here.
    """
    if tags := getattr(image, "tag_v2", None):  # of a TIFF, which Pillow turns upright when it loads it
        found = tags.get(ExifTags.Base.Orientation, 1)
        return found if found in _UPRIGHT else 1
    return read_exif(_exif_bytes(image)).orientation


def _exif_bytes(image: Image.Image) -> bytes:
    """Return the EXIF block of an opened image, empty where there is none."""
    found = image.info.get("exif", b"")
    if not found and isinstance(text := image.info.get(_PNG_TEXT), str):
        try:
            found = bytes.fromhex("".join(text.split("\n")[3:]))
        except ValueError:
            return b""
    return found if isinstance(found, bytes) else b""


def _resolution(dpi: object) -> tuple[float, float] | None:
    """Return horizontal and vertical resolution; None where it cannot be one."""
    try:
        horizontal, vertical = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ArithmeticError):
        return None
    possible = all(math.isfinite(value) and 0 < value < _MOST_DPI for value in (horizontal, vertical))
    return (horizontal, vertical) if possible else None


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

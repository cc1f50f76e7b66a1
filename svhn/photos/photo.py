"""Photos from files and bytes, and back: no other room knows of BGR, EXIF orientation, ICC, alpha, palettes, 16 bit."""

import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from svhn.errors import InputError
from svhn.files import printable, read_regular_file, write_whole
from svhn.photos.config import KEEP, PhotoConfig
from svhn.photos.filling import fill_pixels
from svhn.photos.formats import FORMATS, recognise, refused_kind
from svhn.photos.metadata import Metadata, reduced
from svhn.photos.pixels import Pixels, to_rgb

# A photo is read or it is an error; what Pillow remarks on the way would land between the lines of a report.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Bytes for each pixel of the largest photo (RGBA with 16 bit), and for its metadata.
_BYTES_PER_PIXEL, _METADATA_BYTES = 8, 1 << 26
MASK_HALF = 127  # a mask picture is True where it is brighter


@dataclass(frozen=True)
class Photo:
    """A photo as it was read.

    Attributes
    ----------
    rgb : ndarray (H, W, 3) uint8
        The upright picture: EXIF orientation applied, gray repeated, alpha left out, 16 bit scaled to 8.
    pixels : Pixels
        The upright picture in the file's own mode and depth; it may share memory with `rgb`.
    format : str
        Name of the file format in `FORMATS`, for example "PNG" or "JPEG".
    metadata : Metadata
        What goes back into the output.
    orientation : int
        The EXIF orientation by which the stored picture was turned upright, 1 to 8; 1 where it is stored upright.
    """

    rgb: np.ndarray
    pixels: Pixels
    format: str
    metadata: Metadata = field(default_factory=Metadata)
    orientation: int = 1


def byte_limit(max_pixels: int) -> int:
    """Return how many bytes a file with so many pixels may have, so that no file of any size is read into memory."""
    return _BYTES_PER_PIXEL * max_pixels + _METADATA_BYTES


def decode_photo(content: bytes, name: str | Path = "photo", max_pixels: int = PhotoConfig.max_pixels) -> Photo:
    """Decode the content of a photo file; the content tells the format, not the name.

    JPEG, PNG, WebP, TIFF, BMP, AVIF, GIF, and HEIC where pillow-heif is installed; gray, palette, RGB, CMYK and alpha;
    PNG and TIFF also with 16 bit per channel; and the formats that were registered in `FORMATS`. Raw files of cameras
    are refused, whatever previews are in them.

    Parameters
    ----------
    content : bytes
        The whole file.
    name : str or Path
        What errors call it.
    max_pixels : int
        More are refused by the header, before anything is decoded.

    Raises
    ------
    InputError
        When it is empty, truncated, damaged, too large, an animation or of several pages, or not a picture of these
        kinds. The message names the photo.
    """
    name = printable(name)
    if not content:
        raise InputError(f"{name}: the file is empty, expected a photo; copy or download it again")
    try:
        format = recognise(content)
        if format in (None, "TIFF") and (kind := refused_kind(content, name)):
            raise InputError(kind)
        if format is None:
            raise UnidentifiedImageError
        pixels, metadata = FORMATS[format].read(content, max_pixels)
        return Photo(to_rgb(pixels), pixels, format, metadata, metadata.orientation)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{name}: not a picture in one of {', '.join(FORMATS)}; convert it, or copy or download it again"
        ) from error
    except Exception as error:  # Pillow raises many kinds of error on damaged files
        reason = printable(f"{type(error).__name__}: {error}")
        raise InputError(f"{name}: not a readable photo ({reason}); copy or download it again") from error


def encode_photo(
    photo: Photo,
    rgb: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    metadata: str = KEEP,
    alpha: np.ndarray | None = None,
) -> bytes:
    """Encode `photo` with new colours where `mask` says so, in its own format, mode, depth and colour profile.

    Pixels outside the mask keep the file's own values, bit for bit in lossless formats; a JPEG keeps its
    quantisation. XMP, IPTC, comments, previews and thumbnails are never written, since they may show the old picture.

    Parameters
    ----------
    photo : Photo
        The photo as read.
    rgb : ndarray (H, W, 3) uint8, optional
        The new picture; without it, or without a mask, nothing changes.
    mask : ndarray (H, W) bool, optional
        True where the new picture is used.
    metadata : str
        What is kept of the EXIF, see `PhotoConfig`: "keep", "no-location" or "strip".
    alpha : ndarray (H, W) uint8, optional
        How opaque the new picture is where it is used, 255 = opaque; by default as all of the photo, or opaque where
        that varies.

    Raises
    ------
    ValueError
        When `rgb` or `mask` has another size than the photo.
    """
    pixels = photo.pixels
    if rgb is not None and mask is not None:
        _check_sizes(photo, rgb, mask)
        pixels = fill_pixels(pixels, rgb, mask, alpha)
    return FORMATS[photo.format].write(pixels, reduced(photo.metadata, metadata))


def rewrite_photo(photo: Photo, content: bytes, metadata: str = KEEP) -> bytes:
    """Return what is published of a photo in which nothing was found: the same picture in a clean file.

    JPEG, PNG and WebP keep the picture as it was coded, and their orientation, unless more than the picture is in the
    coded data; other formats are encoded anew, without loss where the format has none, and upright. For the rest the
    rules of `encode_photo` hold: no thumbnails, no further pictures, nothing after the end, no unknown segments, chunks
    or boxes.

    Parameters
    ----------
    photo : Photo
        The photo as read from `content`.
    content : bytes
        The whole file.
    metadata : str
        What is kept of the EXIF, see `PhotoConfig`.
    """
    format, kept = FORMATS[photo.format], reduced(photo.metadata, metadata)
    rewrite = getattr(format, "rewrite", None)  # optional in `PhotoFormat`
    if rewrite is not None:
        written = rewrite(content, photo.pixels, kept)
        if _shows(written, photo):
            return written
    return format.write(photo.pixels, kept)


def _shows(content: bytes, photo: Photo) -> bool:
    """Return whether a file holds the very pixels of a photo: those that were looked at."""
    try:
        pixels, _ = FORMATS[photo.format].read(content, photo.rgb.shape[0] * photo.rgb.shape[1])
    except Exception:  # as in `decode_photo`
        return False
    return np.array_equal(_colours(pixels), _colours(photo.pixels))


def _colours(pixels: Pixels) -> np.ndarray:
    return pixels.native if pixels.palette is None else pixels.palette[pixels.native]


def says_where(photo: Photo, metadata: str = KEEP) -> bool:
    """Return whether an output of a photo, with its metadata kept so far, says where it was taken."""
    return reduced(photo.metadata, metadata).says_where


def read_photo(path: str | Path, max_pixels: int = PhotoConfig.max_pixels) -> Photo:
    """Read a photo from a file; see `decode_photo`.

    Raises
    ------
    InputError
        Also when the file is missing, unreadable, or no regular file.
    """
    return decode_photo(read_regular_file(path, byte_limit(max_pixels)), path, max_pixels)


def write_photo(
    path: str | Path,
    photo: Photo,
    rgb: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    metadata: str = KEEP,
    alpha: np.ndarray | None = None,
) -> None:
    """Write a photo with new colours to a file, whole or not at all; see `encode_photo`.

    Raises
    ------
    WriteError
        When the file cannot be written, for example on a full disk.
    """
    write_whole(path, encode_photo(photo, rgb, mask, metadata, alpha))


def read_rgb(path: str | Path) -> np.ndarray:
    """Read a photo as (H, W, 3) uint8 RGB, upright."""
    return read_photo(path).rgb


def encode_rgb(rgb: np.ndarray, format: str = "PNG") -> bytes:
    """Encode (H, W, 3) uint8 RGB or (H, W) uint8 gray; `format` is Pillow's name of one."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, format)
    return file.getvalue()


def write_rgb(path: str | Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB or (H, W) uint8 gray, whole or not at all; the suffix gives the format."""
    format = Image.registered_extensions().get(Path(path).suffix.lower())
    if format is None:
        raise InputError(
            f"{printable(path)}: expected a picture's suffix, for example .png or .jpg; choose such a name"
        )
    write_whole(path, encode_rgb(rgb, format))


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask picture as (H, W) bool: True where it is brighter than half."""
    return _as_mask(read_photo(path))


def decode_mask(content: bytes, name: str, max_pixels: int) -> np.ndarray:
    """Decode a mask picture as `read_mask` reads one; for the parameters and errors see `decode_photo`."""
    return _as_mask(decode_photo(content, name, max_pixels))


def _as_mask(picture: Photo) -> np.ndarray:
    return picture.rgb.max(axis=2) > MASK_HALF


def encode_mask(mask: np.ndarray) -> bytes:
    """Encode (H, W) bool as a black and white PNG, white = True."""
    return encode_rgb(mask.astype(np.uint8) * 255)


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write (H, W) bool as a black and white picture, white = True."""
    write_rgb(path, mask.astype(np.uint8) * 255)


def _check_sizes(photo: Photo, rgb: np.ndarray, mask: np.ndarray) -> None:
    if not photo.rgb.shape == rgb.shape == (*mask.shape, 3):
        raise ValueError(
            f"expected a picture and a mask for {photo.rgb.shape}, received {rgb.shape} and {mask.shape} (rows first)"
        )

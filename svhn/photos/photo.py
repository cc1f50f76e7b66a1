"""Reading and writing photos: no other room knows of BGR, EXIF orientation, ICC, alpha, palettes and 16 bit."""

import dataclasses
import io
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from svhn.errors import InputError
from svhn.files import printable, read_regular_file, write_whole
from svhn.photos import metadata as photo_metadata
from svhn.photos.config import PhotoConfig
from svhn.photos.formats import FORMATS, Pixels, check_kind, read_pixels, to_rgb, write_pixels

# `check_kind` looks at the size, with a limit that can be set; Pillow's own could not be raised by a setting.
Image.MAX_IMAGE_PIXELS = None
# A photo is read or it is an error; what Pillow remarks on the way would land between the lines of a report.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Bytes for each pixel of the largest photo (RGBA with 16 bit), and for its metadata.
_BYTES_PER_PIXEL, _METADATA_BYTES = 8, 1 << 26


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
        Pillow's name of the file format, for example "PNG" or "JPEG".
    metadata : dict
        What goes back into the output: `exif` (orientation reset, no thumbnail, no maker notes), `icc_profile`,
        `dpi`; of a PNG its colour `chunks`.
    """

    rgb: np.ndarray
    pixels: Pixels
    format: str
    metadata: dict = field(default_factory=dict)


def read_photo(path: str | Path, max_pixels: int = PhotoConfig.max_pixels) -> Photo:
    """Read a photo; the content tells the format, not the name.

    JPEG, PNG, WebP, TIFF, BMP, AVIF and GIF; gray, palette, RGB, CMYK and alpha; PNG and TIFF also with 16 bit per
    channel.

    Parameters
    ----------
    path : str or Path
    max_pixels : int
        More are refused by the header, before anything is decoded.

    Raises
    ------
    InputError
        When the file is missing, unreadable, no regular file, empty, truncated, damaged, too large, an animation or
        of several pages, or not a picture of these kinds. The message names the file.
    """
    content = read_regular_file(path, _BYTES_PER_PIXEL * max_pixels + _METADATA_BYTES)
    name = printable(path)
    if not content:
        raise InputError(f"{name}: the file is empty, expected a photo; copy or download it again")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            check_kind(image, max_pixels)
            pixels = read_pixels(image, content)
            format = "JPEG" if image.format == "MPO" else image.format
            return Photo(to_rgb(pixels), pixels, format, _metadata(image, content))
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    except UnidentifiedImageError as error:
        known = ", ".join(FORMATS)
        raise InputError(
            f"{name}: not a picture in one of {known}; convert it, or copy or download it again"
        ) from error
    except Exception as error:  # Pillow raises many kinds of error on damaged files
        reason = printable(f"{type(error).__name__}: {error}")
        raise InputError(f"{name}: not a readable photo ({reason}); copy or download it again") from error


def write_photo(
    path: str | Path,
    photo: Photo,
    rgb: np.ndarray,
    mask: np.ndarray,
    strip_metadata: bool = PhotoConfig.strip_metadata,
) -> None:
    """Write `photo` with new colours where `mask` says so, in its own format, mode, depth and colour profile.

    Pixels outside the mask keep the file's own values, bit for bit in lossless formats; a JPEG keeps its
    quantisation. XMP, IPTC, comments, previews and thumbnails are never written, since they may show the old picture.

    Parameters
    ----------
    path : str or Path
        Written whole or not at all.
    photo : Photo
        The photo as read.
    rgb : ndarray (H, W, 3) uint8
        The new picture.
    mask : ndarray (H, W) bool
        True where the new picture is used.
    strip_metadata : bool
        Also leave the EXIF block out.

    Raises
    ------
    WriteError
        When the file cannot be written, for example on a full disk.
    ValueError
        When `rgb` or `mask` has another size than the photo.
    """
    if not photo.rgb.shape == rgb.shape == (*mask.shape, 3):
        raise ValueError(
            f"expected a picture and a mask for {photo.rgb.shape}, received {rgb.shape} and {mask.shape} (rows first)"
        )
    metadata = {key: value for key, value in photo.metadata.items() if key != "exif" or not strip_metadata}
    pixels = dataclasses.replace(photo.pixels, **_fill(photo.pixels, rgb, mask)) if mask.any() else photo.pixels
    write_whole(path, write_pixels(pixels, photo.format, metadata))


def read_rgb(path: str | Path) -> np.ndarray:
    """Read a photo as (H, W, 3) uint8 RGB, upright."""
    return read_photo(path).rgb


def write_rgb(path: str | Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB or (H, W) uint8 gray, whole or not at all; the suffix gives the format."""
    format = Image.registered_extensions().get(Path(path).suffix.lower())
    if format is None:
        raise InputError(
            f"{printable(path)}: expected a picture's suffix, for example .png or .jpg; choose such a name"
        )
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, format)
    write_whole(path, file.getvalue())


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask picture as (H, W) bool: True where it is brighter than half."""
    return read_photo(path).rgb.max(axis=2) > 127


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write (H, W) bool as a black and white picture, white = True."""
    write_rgb(path, mask.astype(np.uint8) * 255)


def _metadata(image: Image.Image, content: bytes) -> dict:
    metadata = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
    if image.format == "PNG":
        metadata["chunks"] = photo_metadata.colour_chunks(content)
    exif = photo_metadata.clean_exif(image)
    return metadata | ({"exif": exif} if exif else {})


def _fill(pixels: Pixels, rgb: np.ndarray, mask: np.ndarray) -> dict[str, Any]:
    """Return what changes in `pixels` (`native`, with a palette also `palette`) when `mask` gets the colours of `rgb`.

    What is filled becomes opaque. Outside the mask nothing changes.

    Parameters
    ----------
    pixels : Pixels
    rgb : ndarray (H, W, 3) uint8
    mask : ndarray (H, W) bool
        At least one pixel is True.
    """
    changes = {"native": pixels.native.copy()}
    around = _span(mask.any(axis=1)), _span(mask.any(axis=0))  # large photos have small masks
    inside = mask[around]
    colours = rgb[around][inside]
    if pixels.palette is not None:
        changes["palette"] = _with_new_entries(pixels, colours, mask)
        values = _nearest_entries(colours, changes["palette"])
    elif pixels.mode == "CMYK":
        values = _inks(colours, rgb, pixels.native, mask)
    elif pixels.mode == "1":
        values = np.where(colours.mean(axis=1) < 128, 0, 255)
    else:
        values = _channels(_without_key(colours, pixels.options.get("transparency")), pixels.native)
    changes["native"][around][inside] = values
    return changes


def _span(marked: np.ndarray) -> slice:
    """Return the slice from the first True to the last."""
    return slice(int(marked.argmax()), len(marked) - int(marked[::-1].argmax()))


def _channels(colours: np.ndarray, native: np.ndarray) -> np.ndarray:
    """Turn (N, 3) uint8 colours into rows of the native array."""
    channels = 1 if native.ndim == 2 else native.shape[2]
    scale = 257 if native.dtype == np.uint16 else 1
    values = colours.astype(native.dtype) * native.dtype.type(scale)
    if channels <= 2:
        values = np.rint(values.astype(np.float64).mean(axis=1, keepdims=True)).astype(native.dtype)
    if channels in (2, 4):
        opaque = np.full((len(values), 1), np.iinfo(native.dtype).max, native.dtype)
        values = np.concatenate([values, opaque], axis=1)
    return values[:, 0] if native.ndim == 2 else values


def _without_key(colours: np.ndarray, key: object) -> np.ndarray:
    """Move colours that a PNG would take for its transparent one by one grey level."""
    if not isinstance(key, (int, tuple)):
        return colours
    hit = (np.rint(colours.mean(axis=1)) == key) if isinstance(key, int) else (colours == key).all(axis=1)
    moved = colours.copy()
    moved[hit] = np.where(colours[hit] < 255, colours[hit] + 1, 254)
    return moved


def _with_new_entries(pixels: Pixels, colours: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the palette with the main new colours in entries that nothing outside the mask uses."""
    unused = np.setdiff1d(np.arange(256), pixels.native[~mask])
    palette = pixels.palette.copy()
    if len(unused):
        reduced = Image.fromarray(colours[None]).quantize(len(unused))
        found = np.reshape(reduced.getpalette("RGB"), (-1, 3))[: len(unused)]
        palette[unused[: len(found)]] = np.column_stack([found, np.full(len(found), 255)])
    return palette


def _nearest_entries(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the index of the opaque entry that is nearest to each colour; of any entry where none is opaque."""
    opaque = np.flatnonzero(palette[:, 3] == 255)
    distinct, inverse = np.unique(colours, axis=0, return_inverse=True)
    best, nearest = np.full(len(distinct), np.inf), np.zeros(len(distinct), np.uint8)
    for index in opaque if len(opaque) else range(256):
        distance = ((distinct.astype(np.int32) - palette[index, :3]) ** 2).sum(axis=1)
        nearest[distance < best] = index
        best = np.minimum(best, distance)
    return nearest[inverse.ravel()]


def _inks(colours: np.ndarray, rgb: np.ndarray, native: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Turn (N, 3) uint8 colours into CMYK with as much black as the photo has in colours of the same darkness.

    A fill without black looks the same in RGB, but not when a colour profile or a press mixes the inks.
    """
    light = rgb.max(axis=2)
    count = np.bincount(light[~mask], minlength=256)
    total = np.bincount(light[~mask], native[..., 3][~mask], minlength=256)
    known = np.flatnonzero(count)
    lightest = colours.max(axis=1).astype(np.float64)
    black = np.interp(lightest, known, total[known] / count[known]) if len(known) else np.zeros(len(colours))
    black = np.rint(np.minimum(black, 255 - lightest))
    inks = 255 - colours * (255 / np.maximum(255 - black, 1))[:, None]
    return np.rint(np.column_stack([np.clip(inks, 0, 255), black])).astype(np.uint8)

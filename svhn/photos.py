"""Reading and writing photos: the only place that knows BGR, EXIF orientation, ICC, alpha and 16 bit."""

import io
import struct
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps, JpegImagePlugin

from svhn.errors import InputError
from svhn.files import replacing

# Pillow modes whose pixels are kept as they are; every other mode is converted to RGB or RGBA.
_NATIVE_MODES = ("L", "LA", "RGB", "RGBA")
_ORIENTATION = 0x0112
# How stored pixels are turned upright, by EXIF orientation.
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
# A TIFF keeps its layout (size, strips, depth) among the EXIF tags; only these describe the picture.
_DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x8769, 0x8825)
_PNG_START = 8 + 25  # signature and IHDR


@dataclass(frozen=True)
class Photo:
    """A photo as it was read.

    Attributes
    ----------
    rgb : ndarray (H, W, 3) uint8
        The upright picture: EXIF orientation applied, gray repeated, alpha left out, 16 bit scaled to 8.
    native : ndarray (H, W) or (H, W, C), uint8 or uint16
        The upright picture in the file's own channels (L, LA, RGB or RGBA) and depth.
    format : str
        Pillow's name of the file format, for example "PNG" or "JPEG".
    metadata : dict
        What goes back into the output: `exif` (orientation reset, no thumbnail), `icc_profile`, `dpi`, JPEG
        `qtables`. A 16-bit TIFF is written without them.
    """

    rgb: np.ndarray
    native: np.ndarray
    format: str
    metadata: dict = field(default_factory=dict)


def read_photo(path: str | Path) -> Photo:
    """Read a photo of any format that Pillow knows; PNG and TIFF also with 16 bit per channel.

    Raises
    ------
    InputError
        When the file is missing, empty, truncated, too large or not a picture.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path}: the file is empty, expected a photo; copy or download it again")
        with Image.open(path) as image:
            deep = image.format in ("PNG", "TIFF") and ";16" in str(image.tile)
            image.load()
            native = _read_deep(path, image) if deep else _read_native(path, ImageOps.exif_transpose(image))
            return Photo(_to_rgb(native), native, image.format, _metadata(image))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such photo; check the path") from error
    except InputError:
        raise
    except Exception as error:  # Pillow raises many kinds of error on damaged files
        reason = f"{type(error).__name__}: {error}".replace(str(path), path.name)
        raise InputError(f"{path}: not a readable photo ({reason}); copy or download it again") from error


def write_photo(path: str | Path, photo: Photo, rgb: np.ndarray, mask: np.ndarray) -> None:
    """Write `photo` with new colours where `mask` says so, in its own format, channels and depth.

    Pixels outside the mask keep the file's own values, bit for bit in lossless formats.

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

    Raises
    ------
    InputError
        When Pillow reads the photo's format but cannot write it.
    """
    pixels = photo.native.copy()
    pixels[mask] = _from_rgb(rgb[mask], pixels)
    if photo.format not in Image.SAVE:
        raise InputError(f"{path}: cannot write {photo.format} files; save the photo as PNG or JPEG first")
    with replacing(path) as temporary:
        if pixels.dtype == np.uint16:
            _write_deep(temporary, pixels, photo)
        else:
            Image.fromarray(pixels).save(temporary, format=photo.format, **_save_options(photo))


def read_rgb(path: str | Path) -> np.ndarray:
    """Read a photo as (H, W, 3) uint8 RGB, upright."""
    return read_photo(path).rgb


def write_rgb(path: str | Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB or (H, W) uint8 gray, whole or not at all; the suffix gives the format."""
    with replacing(path) as temporary:
        Image.fromarray(rgb).save(temporary)


def read_mask(path: str | Path) -> np.ndarray:
    """Read a mask picture as (H, W) bool: True where it is brighter than half."""
    return read_photo(path).rgb.max(axis=2) > 127


def write_mask(path: str | Path, mask: np.ndarray) -> None:
    """Write (H, W) bool as a black and white picture, white = True."""
    write_rgb(path, mask.astype(np.uint8) * 255)


def _metadata(image: Image.Image) -> dict:
    metadata = {key: image.info[key] for key in ("icc_profile", "dpi") if image.info.get(key)}
    if image.mode in ("CMYK", "LAB"):  # the pixels become RGB, which this profile does not describe
        metadata.pop("icc_profile", None)
    exif = image.getexif()
    exif.pop(_ORIENTATION, None)  # the pixels are upright from here on
    if image.format == "TIFF":
        for tag in set(exif) - set(_DESCRIPTIVE_TAGS):
            del exif[tag]
    if len(exif):
        metadata["exif"] = exif.tobytes()
    if image.format in ("JPEG", "MPO"):
        metadata |= {"qtables": image.quantization, "subsampling": _subsampling(image)}
    return metadata


def _subsampling(image: Image.Image) -> int:
    return max(JpegImagePlugin.get_sampling(image), 0) if image.mode == "RGB" else 0


def _save_options(photo: Photo) -> dict:
    options = dict(photo.metadata)
    if photo.format == "WEBP":
        options["quality"] = 95
    return options


def _read_native(path: Path, image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        raise InputError(
            f"{path}: expected 8 bit per channel, in PNG and TIFF also 16, received Pillow mode {image.mode}; "
            "save it with 8 bit per channel"
        )
    transparent = image.mode in ("PA", "RGBa") or "transparency" in image.info
    if image.mode not in _NATIVE_MODES or transparent:
        gray = image.mode in ("1", "L", "LA")
        image = image.convert(("L" if gray else "RGB") + ("A" if transparent else ""))
    return np.array(image)


def _read_deep(path: Path, image: Image.Image) -> np.ndarray:
    """Read a 16-bit PNG or TIFF with OpenCV, since Pillow reduces its colours to 8 bit.

    OpenCV and Pillow turn a TIFF upright while they load it, neither does so with a PNG.
    """
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InputError(f"{path}: OpenCV cannot read this 16-bit photo; save it with 8 bit per channel")
    turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1), lambda same: same)
    return _swap_red_and_blue(np.ascontiguousarray(turn(pixels)))


def _write_deep(path: Path, pixels: np.ndarray, photo: Photo) -> None:
    written, data = cv2.imencode("." + photo.format.lower(), _swap_red_and_blue(pixels))
    if not written:
        raise InputError(f"{path}: OpenCV could not encode a 16-bit {photo.format}")
    content = data.tobytes()
    if photo.format == "PNG":
        content = content[:_PNG_START] + _png_metadata(photo.metadata) + content[_PNG_START:]
    path.write_bytes(content)


def _png_metadata(metadata: dict) -> bytes:
    """Return EXIF, ICC profile and resolution as PNG chunks, encoded by Pillow."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG", **metadata)
    content, chunks, position = file.getvalue(), b"", _PNG_START
    while position < len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        end = position + size + 12  # length, name and checksum are four bytes each
        if name in (b"eXIf", b"iCCP", b"pHYs"):
            chunks += content[position:end]
        position = end
    return chunks


def _swap_red_and_blue(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return cv2.cvtColor(pixels, code)


def _to_rgb(native: np.ndarray) -> np.ndarray:
    pixels = native if native.dtype == np.uint8 else np.rint(native / 257).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    colours = pixels[:, :, :1] if pixels.shape[2] < 3 else pixels[:, :, :3]
    return np.ascontiguousarray(np.broadcast_to(colours, (*pixels.shape[:2], 3)))


def _from_rgb(colours: np.ndarray, native: np.ndarray) -> np.ndarray:
    """Turn (N, 3) uint8 colours into rows of the native array; alpha becomes opaque."""
    channels = 1 if native.ndim == 2 else native.shape[2]
    scale = 257 if native.dtype == np.uint16 else 1
    values = colours.astype(native.dtype) * native.dtype.type(scale)
    if channels <= 2:
        values = np.rint(values.astype(np.float64).mean(axis=1, keepdims=True)).astype(native.dtype)
    if channels in (2, 4):
        opaque = np.full((len(values), 1), np.iinfo(native.dtype).max, native.dtype)
        values = np.concatenate([values, opaque], axis=1)
    return values[:, 0] if native.ndim == 2 else values

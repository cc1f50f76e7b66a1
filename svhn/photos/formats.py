"""The file formats of photos: which pixels a file holds, and the same kind of file from changed pixels.

Errors here do not name the file; `svhn.photos.photo` does.
"""

import io
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from svhn.errors import InputError
from svhn.photos import metadata as photo_metadata

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "GIF")
# Pillow modes whose pixels are kept as they are, and what is kept of others.
_KEPT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
_CONVERTED_MODES = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
# Lossless TIFF compressions by Pillow's name, with OpenCV's number where it writes them; others become this one.
_DEFLATE = "tiff_adobe_deflate"
_TIFF_LOSSLESS = {"raw": 1, "tiff_lzw": 5, _DEFLATE: 8, "packbits": 32773}
_TIFF_LOSSLESS |= dict.fromkeys(("tiff_deflate", "lzma", "zstd", "group3", "group4", "tiff_ccitt"), 8)
# Lossy WebP and AVIF do not say with which quality they were made; at this one little is lost and files grow little.
_LOSSY = 90
_PNG_LEVEL = 3  # twice as fast as the default of 6, and files of the same size
_AVIF_SUBSAMPLING = {0b000: "4:4:4", 0b010: "4:2:2", 0b011: "4:2:0", 0b111: "4:0:0"}
_BAND = 128  # rows
_EXTRA_SAMPLES = 338  # TIFF tag: what the alpha means
_UNSURE_GRAY = 128  # what JPEG decoders put where data are missing

# What cannot be decoded raises an error; remarks would land between the lines of a report.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@dataclass(frozen=True)
class Pixels:
    """Upright pixels of a file in its own terms.

    Attributes
    ----------
    native : ndarray (H, W) or (H, W, C), uint8 or uint16
        As in the file: gray, gray and alpha, RGB, RGBA, CMYK or palette indices; 0 and 255 for one bit.
    mode : str
        Pillow's name: 1, L, LA, P, RGB, RGBA or CMYK.
    options : dict
        What Pillow's `save` needs to know to write such a file again.
    palette : ndarray (256, 4) uint8, optional
        RGBA of each index.
    """

    native: np.ndarray
    mode: str
    options: dict = field(default_factory=dict)
    palette: np.ndarray | None = None


def check_kind(image: Image.Image, max_pixels: int) -> None:
    """Refuse, by the header alone, pictures that are too large, or that are several.

    The further pictures of a JPEG (MPO) and the reduced copies in a TIFF belong to the first one; they are let pass
    here and not written.
    """
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            f"{width} x {height} pixels, expected at most {max_pixels:,} in all; make it smaller or raise the limit"
        )
    several = image.format not in ("JPEG", "MPO") and getattr(image, "is_animated", False)
    if several and not (image.format == "TIFF" and _are_reduced_copies(image)):
        raise InputError(
            f"{image.n_frames} pictures in one file (pages or an animation), expected one; save each as its own file"
        )


def read_pixels(image: Image.Image, content: bytes) -> Pixels:
    """Decode the picture of a file.

    Parameters
    ----------
    image : Image
        As Pillow opened it, not yet loaded.
    content : bytes
        The whole file.
    """
    deep = image.format in ("PNG", "TIFF") and ";16" in str(image.tile)
    options = _read_options(image, content)
    _check_end(image.format, content)
    image.load()
    if deep:
        return _read_deep(image, content, options)
    if image.mode in _CONVERTED_MODES:
        image = image.convert(_CONVERTED_MODES[image.mode])
    if image.mode not in _KEPT_MODES:
        raise InputError(
            f"Pillow mode {image.mode}, expected gray, palette, RGB, RGBA or CMYK with 8 bit per channel, in PNG and "
            "TIFF also 16 bit; save it with 8 bit per channel"
        )
    palette = _palette(image) if image.mode == "P" else None
    pixels = _as_array(image.convert("L") if image.mode == "1" else image)
    if image.format in ("JPEG", "MPO"):
        _check_data(pixels, content)
    upright = photo_metadata.turn_upright(pixels, photo_metadata.orientation(image))
    return Pixels(upright, image.mode, options, palette)


def write_pixels(pixels: Pixels, format: str, metadata: dict) -> bytes:
    """Return a file of `format` with these pixels and this metadata (`exif`, `icc_profile`, `dpi`, PNG `chunks`)."""
    if pixels.native.dtype == np.uint16:
        return _write_deep(pixels, format, metadata)
    image = _as_image(pixels, format)
    options = dict(pixels.options)
    if pixels.palette is not None:
        options |= _put_palette(image, pixels.palette, format)
    if format != "PNG":
        options |= {name: metadata[name] for name in ("exif", "icc_profile", "dpi") if name in metadata}
    file = io.BytesIO()
    image.save(file, format, **options)
    return photo_metadata.with_png_chunks(file.getvalue(), _chunks(metadata)) if format == "PNG" else file.getvalue()


def _as_array(image: Image.Image) -> np.ndarray:
    """Return the pixels as a new array; in bands, which stay in the cache, four times as fast as all at once."""
    width, height = image.size
    channels = len(image.getbands())
    pixels = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    for top in range(0, height, _BAND):
        pixels[top : top + _BAND] = image.crop((0, top, width, min(top + _BAND, height)))
    return pixels


def _as_image(pixels: Pixels, format: str) -> Image.Image:
    """Return a Pillow image; the colours of a JPEG in the form that Pillow need not copy."""
    native, mode = pixels.native, {"1": "L"}.get(pixels.mode, pixels.mode)
    if mode == "RGB" and format == "JPEG":
        native, mode = cv2.cvtColor(native, cv2.COLOR_RGB2RGBA), "RGBX"
    size = (native.shape[1], native.shape[0])
    image = Image.frombuffer(mode, size, np.ascontiguousarray(native), "raw", mode, 0, 1)
    return image.convert("1", dither=Image.Dither.NONE) if pixels.mode == "1" else image


def to_rgb(pixels: Pixels) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB: gray repeated, alpha left out, 16 bit scaled to 8. It may share memory."""
    native = pixels.native
    if pixels.palette is not None:
        return pixels.palette[native, :3]
    if pixels.mode == "CMYK":
        height, width = native.shape[:2]
        image = Image.frombuffer("CMYK", (width, height), native, "raw", "CMYK", 0, 1)
        return np.array(image.convert("RGB"))
    if native.dtype == np.uint16:
        native = cv2.convertScaleAbs(native, alpha=1 / 257).reshape(native.shape)
    if native.ndim == 2 or native.shape[2] == 2:
        gray = native if native.ndim == 2 else native[:, :, 0]
        return cv2.cvtColor(np.ascontiguousarray(gray), cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(native[:, :, :3])


def _read_options(image: Image.Image, content: bytes) -> dict:
    """Return Pillow's `save` options that make the output the same kind of file as the input."""
    if image.format in ("JPEG", "MPO"):
        return _jpeg_options(image, content)
    if image.format == "TIFF":
        compression = image.info.get("compression", "raw")
        return {"compression": compression if compression in _TIFF_LOSSLESS else _DEFLATE}
    if image.format == "WEBP":
        lossless = b"VP8L" in photo_metadata.riff_chunks(content)
        return {"exact": True} | ({"lossless": True} if lossless else {"quality": _LOSSY})
    if image.format == "AVIF":
        return {"quality": _LOSSY, "max_threads": 1, "subsampling": _avif_subsampling(content)}
    options = {"compress_level": _PNG_LEVEL} if image.format == "PNG" else {}
    keyed = image.mode in ("1", "L", "RGB") and "transparency" in image.info
    return options | ({"transparency": image.info["transparency"]} if keyed else {})


def _jpeg_options(image: Image.Image, content: bytes) -> dict:
    """Return the input's quantisation: blocks that did not change are then rounded to what they were."""
    tables = [image.quantization[component[3]] for component in image.layer]
    while len(tables) > 1 and tables[-1] == tables[-2]:
        tables.pop()  # Pillow lets the last one serve the remaining components
    if photo_metadata.orientation(image) >= 5:
        tables = [np.reshape(table, (8, 8)).T.ravel().tolist() for table in tables]
    # Pillow fails at progressive files of more than two bytes per pixel, which is noise.
    fits = len(content) < 1.5 * image.width * image.height
    options = {"qtables": tables, "progressive": "progressive" in image.info and fits}
    if image.mode == "RGB":
        stored_as_rgb = image.info.get("adobe_transform") == 0
        options |= {"subsampling": max(JpegImagePlugin.get_sampling(image), 0), "keep_rgb": stored_as_rgb}
    return options


def _avif_subsampling(content: bytes) -> str:
    """Return the chroma subsampling that the av1C box of an AVIF file states."""
    start = content.find(b"av1C")
    flags = content[start + 6] if 0 <= start < len(content) - 6 else 0
    if flags & 0b0100_0000:
        raise InputError("an AVIF with 10 or 12 bit per channel, expected 8; save it with 8 bit per channel")
    return _AVIF_SUBSAMPLING.get(flags >> 2 & 0b111, "4:4:4")


def _are_reduced_copies(image: Image.Image) -> bool:
    """Return whether all further pages of a TIFF say that they are smaller versions of another one."""
    new_subfile_type = 254
    for page in range(1, image.n_frames):
        image.seek(page)
        if not image.tag_v2.get(new_subfile_type, 0) & 1:
            return False
    image.seek(0)
    return True


def _check_end(format: str, content: bytes) -> None:
    """Raise when a JPEG has no end, or a PNG is not whole: libjpeg fills up with gray, libpng writes to stderr."""
    if format in ("JPEG", "MPO") and photo_metadata.jpeg_end(content) is None:
        raise InputError("the JPEG breaks off before its end; copy or download it again")
    if format == "PNG" and not photo_metadata.png_is_whole(content):
        raise InputError("the PNG is damaged or breaks off; copy or download it again")


def _check_data(pixels: np.ndarray, content: bytes) -> None:
    """Raise when the data of a JPEG end before the picture does.

    What follows a whole picture does not change it; a picture with missing data takes it for its own.
    """
    if (pixels[-8:, -8:] == _UNSURE_GRAY).all():
        end = photo_metadata.jpeg_end(content)
        longer = content[:end] + bytes(pixels.size // 16 + 4096) + content[end:]
        with Image.open(io.BytesIO(longer), formats=["JPEG"]) as image:
            if not np.array_equal(np.asarray(image), pixels):
                raise InputError("the JPEG breaks off before its end; copy or download it again")


def _palette(image: Image.Image) -> np.ndarray:
    colours = np.reshape(image.getpalette("RGB"), (-1, 3))[:256]
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colours), :3] = colours
    palette[:, 3] = 255
    transparency = image.info.get("transparency", b"")
    if isinstance(transparency, bytes):
        palette[: len(transparency), 3] = np.frombuffer(transparency[:256], np.uint8)
    else:
        palette[transparency, 3] = 0
    return palette


def _put_palette(image: Image.Image, palette: np.ndarray, format: str) -> dict:
    """Give the image its palette; return the `save` options that carry the transparency."""
    image.putpalette(palette[: image.getextrema()[1] + 1, :3].tobytes())
    if (palette[:, 3] == 255).all():
        return {}
    return {"transparency": int(palette[:, 3].argmin()) if format == "GIF" else palette[:, 3].tobytes()}


def _chunks(metadata: dict) -> dict[bytes, bytes]:
    exif = {b"eXIf": metadata["exif"].removeprefix(b"Exif\0\0")} if "exif" in metadata else {}
    return metadata.get("chunks", {}) | exif


def _read_deep(image: Image.Image, content: bytes, options: dict) -> Pixels:
    """Read a 16-bit PNG or TIFF with OpenCV, since Pillow reduces its colours to 8 bit.

    OpenCV and Pillow turn a TIFF upright while they load it, neither does so with a PNG.
    """
    white_is_zero = image.format == "TIFF" and image.tag_v2.get(262) == 0
    pixels = None
    if image.mode != "CMYK" and not white_is_zero:
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise InputError("cannot be read with its 16 bit per channel; save it with 8 bit per channel")
    upright = photo_metadata.turn_upright(pixels, photo_metadata.orientation(image))
    mode = "L" if upright.ndim == 2 else {3: "RGB", 4: "RGBA"}[upright.shape[2]]
    if image.format == "TIFF" and mode == "RGBA":
        options |= {"tiffinfo": {_EXTRA_SAMPLES: image.tag_v2.get(_EXTRA_SAMPLES, (2,))}}
    return Pixels(_swap_red_and_blue(upright), mode, options)


def _write_deep(pixels: Pixels, format: str, metadata: dict) -> bytes:
    options = []
    if format == "TIFF":
        options = [cv2.IMWRITE_TIFF_COMPRESSION, _TIFF_LOSSLESS[pixels.options["compression"]]]
    written, data = cv2.imencode("." + format.lower(), _swap_red_and_blue(pixels.native), options)
    if not written:
        raise InputError(f"could not be encoded as a 16-bit {format}; save it with 8 bit per channel")
    if format == "PNG":
        return photo_metadata.with_png_chunks(data.tobytes(), _chunks(metadata))
    tags = photo_metadata.tiff_tags(metadata, pixels.options.get("tiffinfo", {}))
    return photo_metadata.with_tiff_tags(data.tobytes(), tags)


def _swap_red_and_blue(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)

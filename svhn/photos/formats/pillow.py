"""File formats that Pillow reads and writes: what they have in common."""

import io
from typing import Any

import numpy as np
from PIL import Image

from svhn.errors import InputError
from svhn.photos.metadata import Metadata, kept_metadata, orientation_of, turn_upright
from svhn.photos.pixels import Pixels

# `check_size` has a limit that can be set; Pillow's own could not be raised by a setting.
Image.MAX_IMAGE_PIXELS = None
# Pillow modes whose pixels are kept as they are, and what is kept of others.
_KEPT_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
_CONVERTED_MODES = {"La": "LA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
# Lossy WebP and AVIF do not say with which quality they were made; at this one little is lost and files grow little.
LOSSY_QUALITY = 90
# So many bytes at the end of a picture's data are no part of it when it stays the same without them. The smallest
# legible pictures have about 200.
SURPLUS = 128
_SNIFFED = 16  # bytes, as many as Pillow's own `open` looks at
_BAND = 128  # rows


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise InputError when a picture has more pixels than it may; to be called before it is decoded."""
    if width * height > max_pixels:
        raise InputError(
            f"{width} x {height} pixels, expected at most {max_pixels:,} in all; make it smaller or raise the limit"
        )


class PillowFormat:
    """A file format that Pillow knows; formats that need more are subclasses.

    Parameters
    ----------
    name : str
        Pillow's name, for example "PNG".
    suffixes : tuple of str
        See `PhotoFormat`.
    """

    def __init__(self, name: str, suffixes: tuple[str, ...]):
        self.name, self.suffixes = name, suffixes

    def recognises(self, content: bytes) -> bool:
        """Ask Pillow's own test of a file's first bytes."""
        if self.name not in Image.OPEN:
            Image.init()
        _, accepts = Image.OPEN[self.name]
        return accepts is not None and bool(accepts(content[:_SNIFFED]))

    def read(self, content: bytes, max_pixels: int) -> tuple[Pixels, Metadata]:
        """Decode the picture; see `PhotoFormat`."""
        with Image.open(io.BytesIO(content), formats=[self.name]) as image:
            check_size(image.width, image.height, max_pixels)
            self.check_single(image)
            pixels = self.decode(image, content)
            return pixels, self.metadata(image, content)

    def write(self, pixels: Pixels, metadata: Metadata) -> bytes:
        """Encode a picture; see `PhotoFormat`."""
        if pixels.native.dtype != np.uint8:
            raise InputError(f"a {self.name} cannot have 16 bit per channel; save it with 8 bit per channel")
        image = self.to_image(pixels)
        options = dict(pixels.options)
        if pixels.palette is not None:
            palette = without_unused(pixels.palette, pixels.native)
            image.putpalette(palette[: int(pixels.native.max()) + 1, :3].tobytes())
            options |= self.palette_options(palette)
        file = io.BytesIO()
        image.save(file, self.name, **options, **self.metadata_options(metadata))
        return file.getvalue()

    def check_single(self, image: Image.Image) -> None:
        """Raise InputError when a file holds several pictures of equal rank: an animation or pages."""
        if getattr(image, "is_animated", False):
            raise InputError(
                f"{getattr(image, 'n_frames', 2)} pictures in one file (pages or an animation), expected one; save "
                "each as its own file"
            )

    def decode(self, image: Image.Image, content: bytes) -> Pixels:
        """Return the upright pixels of an opened image that is not loaded yet."""
        options = self.save_options(image, content)
        image.load()
        if image.mode in _CONVERTED_MODES:
            image = image.convert(_CONVERTED_MODES[image.mode])
        if image.mode not in _KEPT_MODES:
            raise InputError(
                f"Pillow mode {image.mode}, expected gray, palette, RGB, RGBA or CMYK with 8 bit per channel, in PNG "
                "and TIFF also 16 bit; save it with 8 bit per channel"
            )
        palette = _palette(image) if image.mode == "P" else None
        pixels = _as_array(image.convert("L") if image.mode == "1" else image)
        return Pixels(turn_upright(pixels, orientation_of(image)), image.mode, options, palette)

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return Pillow's `save` options that make the output the same kind of file as the input."""
        keyed = image.mode in ("1", "L", "I;16", "RGB") and "transparency" in image.info
        return {"transparency": image.info["transparency"]} if keyed else {}

    def metadata(self, image: Image.Image, content: bytes) -> Metadata:
        """Return what of a file's metadata may go into the output."""
        return kept_metadata(image)

    def to_image(self, pixels: Pixels) -> Image.Image:
        """Return a Pillow image of pixels with 8 bit, where possible without a copy."""
        mode = "L" if pixels.mode == "1" else pixels.mode
        image = as_image(pixels.native, mode)
        return image.convert("1", dither=Image.Dither.NONE) if pixels.mode == "1" else image

    def palette_options(self, palette: np.ndarray) -> dict[str, Any]:
        """Return the `save` options that carry the transparency of a palette (256, 4) uint8."""
        return {} if (palette[:, 3] == 255).all() else {"transparency": palette[:, 3].tobytes()}

    def metadata_options(self, metadata: Metadata) -> dict[str, Any]:
        """Return the `save` options that carry the metadata."""
        options = {
            "exif": metadata.exif,
            "icc_profile": metadata.icc_profile,
            "dpi": metadata.dpi,
            "xmp": metadata.xmp,
        }
        return {name: value for name, value in options.items() if value is not None}


def as_image(native: np.ndarray, mode: str) -> Image.Image:
    """Return a Pillow image that shares the memory of a uint8 array where the mode allows it."""
    size = (native.shape[1], native.shape[0])
    return Image.frombuffer(mode, size, np.ascontiguousarray(native), "raw", mode, 0, 1)


def _as_array(image: Image.Image) -> np.ndarray:
    """Return the pixels as a new array; in bands, which stay in the cache, four times as fast as all at once."""
    width, height = image.size
    channels = len(image.getbands())
    pixels = np.empty((height, width, channels) if channels > 1 else (height, width), np.uint8)
    for top in range(0, height, _BAND):
        pixels[top : top + _BAND] = np.asarray(image.crop((0, top, width, min(top + _BAND, height))))
    return pixels


def without_unused(palette: np.ndarray, native: np.ndarray) -> np.ndarray:
    """Return a palette (256, 4) uint8 with black for what no pixel (H, W) uint8 has: anything may hide there."""
    used = np.bincount(native.ravel(), minlength=len(palette)) > 0
    return np.where(used[:, None], palette, np.array((0, 0, 0, 255), np.uint8))


def _palette(image: Image.Image) -> np.ndarray:
    """Return the palette of an image in mode P as (256, 4) uint8 RGBA."""
    colours = np.reshape(image.getpalette("RGB") or (), (-1, 3))[:256]
    palette = np.zeros((256, 4), np.uint8)
    palette[: len(colours), :3] = colours
    palette[:, 3] = 255
    transparency = image.info.get("transparency", b"")
    if isinstance(transparency, bytes):
        palette[: len(transparency), 3] = np.frombuffer(transparency[:256], np.uint8)
    else:
        palette[transparency, 3] = 0
    return palette

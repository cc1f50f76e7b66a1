"""New colours for a part of a photo, in the file's own terms: gray, palette, inks, transparency, 16 bit."""

import dataclasses

import numpy as np
from PIL import Image

from svhn.photos.pixels import DEPTH_RATIO, Pixels

_HALF = 128  # the first value that is white in one bit


def fill_pixels(pixels: Pixels, rgb: np.ndarray, mask: np.ndarray) -> Pixels:
    """Return the pixels with the colours of `rgb` where `mask` says so; outside the mask nothing changes.

    What is filled becomes opaque.

    Parameters
    ----------
    pixels : Pixels
    rgb : ndarray (H, W, 3) uint8
    mask : ndarray (H, W) bool
    """
    if not mask.any():
        return pixels
    around = _span(np.any(mask, axis=1)), _span(np.any(mask, axis=0))  # large photos have small masks
    inside = mask[around]
    colours = rgb[around][inside]
    palette = None if pixels.palette is None else _with_new_entries(pixels.native, pixels.palette, colours, mask)
    if palette is not None:
        values = _nearest_entries(colours, palette)
    elif pixels.mode == "CMYK":
        values = _inks(colours, rgb, pixels.native, mask)
    elif pixels.mode == "1":
        values = np.where(colours.mean(axis=1) < _HALF, 0, 255)
    else:
        values = _channels(_without_key(colours, pixels.options.get("transparency")), pixels.native)
    native = pixels.native.copy()
    native[around][inside] = values
    return dataclasses.replace(pixels, native=native, palette=palette)


def _span(marked: np.ndarray) -> slice:
    """Return the slice from the first True to the last."""
    return slice(int(marked.argmax()), len(marked) - int(marked[::-1].argmax()))


def _channels(colours: np.ndarray, native: np.ndarray) -> np.ndarray:
    """Turn (N, 3) uint8 colours into rows of the native array."""
    channels = 1 if native.ndim == 2 else native.shape[2]
    scale = DEPTH_RATIO if native.dtype == np.uint16 else 1
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


def _with_new_entries(native: np.ndarray, palette: np.ndarray, colours: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the palette with the main new colours in entries that nothing outside the mask uses."""
    unused = np.setdiff1d(np.arange(256), native[~mask])
    palette = palette.copy()
    if len(unused):
        reduced = Image.fromarray(colours[None]).quantize(len(unused))
        found = np.reshape(reduced.getpalette("RGB") or [], (-1, 3))[: len(unused)]
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

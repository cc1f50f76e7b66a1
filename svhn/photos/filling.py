"""New colours for a part of a photo, in the file's own terms: gray, palette, inks, transparency, 16 bit."""

import dataclasses

import numpy as np
from PIL import Image

from svhn.photos.pixels import DEPTH_RATIO, PEAK, Pixels, alpha_of

_HALF = 128  # the first value that is white in one bit, and opaque where there are no shades of it
_ALPHA_WEIGHT = 4  # of alpha beside a colour: an opaque entry is nearer to opaque colours than any that is clear


def fill_pixels(pixels: Pixels, rgb: np.ndarray, mask: np.ndarray, alpha: np.ndarray | None = None) -> Pixels:
    """Return the pixels with the colours of `rgb` where `mask` says so; outside the mask nothing changes.

    Parameters
    ----------
    pixels : Pixels
    rgb : ndarray (H, W, 3) uint8
    mask : ndarray (H, W) bool
    alpha : ndarray (H, W) uint8, optional
        How opaque what is filled becomes, 255 = opaque. Without, it is as opaque as all of the photo, or opaque where
        that varies.
    """
    if not mask.any():
        return pixels
    around = _span(np.any(mask, axis=1)), _span(np.any(mask, axis=0))  # large photos have small masks
    inside = mask[around]
    colours, before = rgb[around][inside], pixels.native[around][inside]
    opacity = None if alpha is None else alpha[around][inside]
    palette = None
    if pixels.palette is not None:
        wanted = np.column_stack([colours, _entry_opacity(pixels, opacity, len(colours))])
        palette = _with_new_entries(pixels.native, pixels.palette, wanted, mask)
        values = _nearest_entries(wanted, palette)
    elif pixels.mode == "CMYK":
        values = _inks(colours, rgb, pixels.native, mask)
    elif pixels.mode == "1":
        values = np.where(colours.mean(axis=1) < _HALF, 0, 255)
    else:
        values = _channels(colours, pixels)
        if pixels.mode in ("LA", "RGBA"):
            values = np.column_stack([values, _opaque_as(pixels, opacity, before[:, -1])])
    native = pixels.native.copy()
    native[around][inside] = _keyed(values, pixels, opacity)
    return dataclasses.replace(pixels, native=native, palette=palette)


def _span(marked: np.ndarray) -> slice:
    """Return the slice from the first True to the last."""
    return slice(int(marked.argmax()), len(marked) - int(marked[::-1].argmax()))


def _channels(colours: np.ndarray, pixels: Pixels) -> np.ndarray:
    """Turn (N, 3) uint8 colours into rows of the native array without alpha, (N,) for a gray one without it."""
    native = pixels.native
    colours = _without_key(colours, pixels.options.get("transparency"))
    values = np.rint(colours * (pixels.peak / PEAK)).astype(native.dtype)
    if native.ndim == 3 and native.shape[2] > 2:
        return values
    gray = np.rint(values.mean(axis=1, dtype=np.float64)).astype(native.dtype)
    return gray if native.ndim == 2 else gray[:, None]


def _opaque_as(pixels: Pixels, opacity: np.ndarray | None, before: np.ndarray) -> np.ndarray:
    """Return the alpha (N,) of what is filled, in the file's own depth.

    Parameters
    ----------
    pixels : Pixels
        LA or RGBA.
    opacity : ndarray (N,) uint8, optional
        What it shall be; where that is what it was, the file's own value stays. Without, it is that of all of the
        photo, or opaque where that varies.
    before : ndarray (N,)
        The file's alpha there.
    """
    ratio = DEPTH_RATIO if before.dtype == np.uint16 else 1
    if opacity is None:
        return before if alpha_of(pixels) is None else np.full_like(before, PEAK * ratio)
    return np.where(opacity == np.rint(before / ratio), before, opacity.astype(before.dtype) * before.dtype.type(ratio))


def _entry_opacity(pixels: Pixels, opacity: np.ndarray | None, count: int) -> np.ndarray:
    """Return the alpha (N,) uint8 that entries of a palette shall have, see `_opaque_as`."""
    assert pixels.palette is not None
    known = pixels.palette[:, 3]
    if opacity is None:
        return np.full(count, known[pixels.native.flat[0]] if alpha_of(pixels) is None else PEAK, np.uint8)
    only_clear = np.isin(known, (0, PEAK)).all()  # a GIF has no shades of it
    return np.where(opacity < _HALF, 0, PEAK).astype(np.uint8) if only_clear else opacity


def _keyed(values: np.ndarray, pixels: Pixels, opacity: np.ndarray | None) -> np.ndarray:
    """Return rows of the native array with the colour that means transparent where the fill shall be so."""
    key = pixels.options.get("transparency")
    if opacity is None or pixels.palette is not None or not isinstance(key, (int, tuple)):
        return values
    clear = opacity < _HALF
    return np.where(clear if values.ndim == 1 else clear[:, None], key, values).astype(values.dtype)


def _without_key(colours: np.ndarray, key: object) -> np.ndarray:
    """Move colours that a PNG would take for its transparent one by one grey level."""
    if not isinstance(key, (int, tuple)):
        return colours
    hit = (np.rint(colours.mean(axis=1)) == key) if isinstance(key, int) else (colours == key).all(axis=1)
    moved = colours.copy()
    moved[hit] = np.where(colours[hit] < 255, colours[hit] + 1, 254)
    return moved


def _with_new_entries(native: np.ndarray, palette: np.ndarray, wanted: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the palette with the main new colours (N, 4), uint8 RGBA, in entries that nothing else uses."""
    unused, shown = np.setdiff1d(np.arange(256), native[~mask]), wanted[wanted[:, 3] > 0]
    palette = palette.copy()
    if len(unused) and len(shown):
        found = _main_colours(shown, len(unused))
        palette[unused[: len(found)]] = found
    return palette


def _main_colours(wanted: np.ndarray, count: int) -> np.ndarray:
    """Return at most `count` RGBA colours, (M, 4) uint8, that stand for (N, 4) uint8."""
    if (wanted[:, 3] == wanted[0, 3]).all():
        reduced = Image.fromarray(np.ascontiguousarray(wanted[None, :, :3])).quantize(count)
        found = np.reshape(reduced.getpalette("RGB") or [], (-1, 3))[:count]
        return np.column_stack([found, np.full(len(found), wanted[0, 3])])
    reduced = Image.fromarray(wanted[None]).quantize(count, method=Image.Quantize.FASTOCTREE)
    return np.reshape(reduced.getpalette("RGBA") or [], (-1, 4))[:count]


def _nearest_entries(wanted: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Return the index of the entry that is nearest to each RGBA colour; how opaque it is counts most."""
    weights = np.array([1, 1, 1, _ALPHA_WEIGHT])
    distinct, inverse = np.unique(wanted, axis=0, return_inverse=True)
    best, nearest = np.full(len(distinct), np.inf), np.zeros(len(distinct), np.uint8)
    for index, entry in enumerate(palette):
        distance = ((weights * (distinct.astype(np.int32) - entry)) ** 2).sum(axis=1)
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

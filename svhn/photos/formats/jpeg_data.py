"""The data of a JPEG: where its segments lie, and whether more is in its scans than its picture needs."""

import io
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, JpegImagePlugin

from svhn.photos.formats.pillow import SURPLUS

# Markers of ISO/IEC 10918-1, table B.1: end, scan, distance of restarts, and RST0 to RST7 inside a scan's data.
_END, _SCAN, _DISTANCE, _RESTART, _RESTART_BITS = 0xD9, 0xDA, 0xDD, 0xD0, 0xF8
_SCAN_HEAD, _RESTART_HEAD = 16, 2  # bytes at most: marker, length, four components, what part of them; marker
_BLOCK = 8  # pixels


def jpeg_end(content: bytes) -> int | None:
    """Return where the main picture's end marker lies in a JPEG; None when it is missing."""
    last = None
    for marker, start, _ in marked_segments(content):
        last = start if marker == _END else None
    return last


def marked_segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, first byte and last byte (exclusive) of each segment of the main picture, its end included.

    The data of a scan belong to its segment; what lies between other segments belongs to none.
    """
    data = np.frombuffer(content, np.uint8)
    starts = np.flatnonzero(data[:-1] == 0xFF)
    kinds = data[starts + 1]
    markers = starts[(kinds != 0) & (kinds != 0xFF) & (kinds & _RESTART_BITS != _RESTART)]  # the others are data
    position = 2
    while (index := int(np.searchsorted(markers, position))) < len(markers):
        start = int(markers[index])
        marker = content[start + 1]
        if marker == _END:
            yield marker, start, start + 2
            return
        position = start + 2
        if position + 2 <= len(content):
            position += struct.unpack_from(">H", content, position)[0]
        following = int(np.searchsorted(markers, position))
        in_scan = marker == _SCAN and following < len(markers)
        yield marker, start, int(markers[following]) if in_scan else position


def has_surplus(content: bytes) -> bool:
    """Return whether there is more in the scans of a JPEG than its picture needs.

    Where the last bytes of a scan are cut off its picture has to change: its last block in a file of one scan, and the
    last one before each restart; something in it in a progressive file. A file of several scans with restarts counts as
    too long, since hardly anybody writes one.
    """
    segments = list(marked_segments(content))
    scans = [(start, end) for marker, start, end in segments if marker == _SCAN]
    distances = [
        struct.unpack_from(">H", content, start + 4)[0] for marker, start, _ in segments if marker == _DISTANCE
    ]
    distance = distances[-1] if distances else 0
    if len(scans) == 1:
        return _is_longer_than_its_blocks(content, *scans[0], distance)
    whole = _pixels(content)
    long = [(start, end) for start, end in scans if end - start > _SCAN_HEAD + SURPLUS]
    return distance > 0 or any(np.array_equal(_pixels(_cut(content, start, end)), whole) for start, end in long)


def _is_longer_than_its_blocks(content: bytes, start: int, end: int, distance: int) -> bool:
    with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        sampling = [(1, 1)] if len(image.layer) == 1 else [layer[1:3] for layer in image.layer]
    width, height = (_BLOCK * max(factors) for factors in zip(*sampling, strict=True))
    changed = _blocks(_pixels(content) != _pixels(_cut(content, start, end)), height, width)
    count = -(-len(changed) // distance) if distance else 1
    last = np.minimum(np.arange(1, count + 1) * (distance or len(changed)), len(changed)) - 1
    return not changed[last].all()


def _blocks(changed: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return which blocks, in their order, have a True in (H, W) or (H, W, C) bool."""
    anywhere = np.reshape(changed, (*changed.shape[:2], -1)).any(axis=2)
    padded = np.pad(anywhere, ((0, -changed.shape[0] % height), (0, -changed.shape[1] % width)))
    rows, columns = padded.shape[0] // height, padded.shape[1] // width
    return padded.reshape(rows, height, columns, width).any(axis=(1, 3)).ravel()


def _cut(content: bytes, start: int, end: int) -> bytes:
    """Return a JPEG without the last bytes of a scan, and of its data before each restart."""
    data = np.frombuffer(content[start:end], np.uint8)
    restarts = np.flatnonzero((data[:-1] == 0xFF) & (data[1:] & _RESTART_BITS == _RESTART)) + start
    places = [start, *restarts.tolist(), end]
    heads = [_SCAN_HEAD, *[_RESTART_HEAD] * len(restarts)]
    parts = (
        content[begin : max(begin + head, until - SURPLUS)]
        for begin, until, head in zip(places, places[1:], heads, strict=False)
    )
    return content[:start] + b"".join(parts) + content[end:]


def _pixels(content: bytes) -> np.ndarray:
    """Return the pixels of a JPEG as they lie in the file; one gray pixel where it cannot be decoded."""
    try:
        with Image.open(io.BytesIO(content), formats=["JPEG"]) as image:
            return np.asarray(image)
    except OSError:
        return np.zeros((1, 1), np.uint8)

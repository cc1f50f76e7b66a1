"""Ask both sources about a photo, each where it is worth it: writing first, since that says where to search."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from svhn.boxes import are_neighbours, heights_of
from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig
from svhn.finder.evidence.fusion import COVERED, LARGE, Evidence
from svhn.finder.evidence.geometry import shares_covered
from svhn.finder.evidence.writing import TextReader, TextRegion, Word
from svhn.finder.search import resize

# A region is read when it is surer than the first, or the finder has a candidate there that is surer than the second.
WORTH_READING, WORTH_A_LOOK = 0.5, 0.1
# In large photos, which have many regions: without such a candidate no digit was added or dropped.
LARGE_READING, LARGE_LOOK = 1.0, 0.3
# A place is looked at again when the first network is so sure of it or of a neighbour, where writing is, or when it is
# so large that it needs none. What is left out was below .65 in the end, by which nothing is found.
WORTH_ASKING, TOUCHED = 0.4, 0.3


def ask(
    photo: np.ndarray,
    reader: TextReader,
    search: Callable[[np.ndarray, Sequence[np.ndarray]], Candidates],
    closer: Callable[[np.ndarray], Candidates],
    config: FinderConfig,
) -> Evidence:
    """Return what a text reader and a finder say of a photo.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    reader : TextReader
    search : callable
        Takes the photo and the boxes of writing in it, and returns the finder's candidates.
    closer : callable
        Takes an enlarged part of the photo, and returns the finder's candidates in it.
    config : FinderConfig
    """
    regions = reader.find(photo)
    candidates = search(photo, [region.box for region in regions])
    large = photo.shape[0] * photo.shape[1] > config.whole_below
    worth = (LARGE_READING, LARGE_LOOK) if large else (WORTH_READING, WORTH_A_LOOK)
    read = [reader.read(photo, region) if worth_reading(region, candidates, *worth) else region for region in regions]
    # In a large photo the neighbours of small numbers would take more time than all else.
    nearer = None if large else functools.partial(look_closer, photo, closer)
    return Evidence(candidates, read, photo.shape[:2], config, functools.partial(look_at, photo, reader), nearer)


def look_at(photo: np.ndarray, reader: TextReader, box: np.ndarray) -> Sequence[Word]:
    """Return the words that a reader reads in a part (4,) of a photo, whether or not it finds writing there."""
    return reader.read(photo, TextRegion(np.asarray(box, np.float32), 1.0)).words


def look_closer(
    photo: np.ndarray, search: Callable[[np.ndarray], Candidates], box: np.ndarray, scale: float
) -> Candidates:
    """Return the candidates in a part (4,) of a photo that is enlarged by `scale`, in pixels of the photo."""
    low = np.clip(np.floor(box[:2]), 0, None).astype(int)
    high = np.minimum(np.ceil(box[2:]), photo.shape[1::-1]).astype(int)
    found = search(resize(photo[low[1] : high[1], low[0] : high[0]], scale))
    return replace(found, boxes=(found.boxes / scale + np.tile(low, 2)).astype(np.float32))


def worth_reading(
    region: TextRegion, candidates: Candidates, sure: float = WORTH_READING, least: float = WORTH_A_LOOK
) -> bool:
    """Tell whether what is written in a region can matter: it has a candidate of `least`, or is surer than `sure`."""
    boxes = candidates.boxes[candidates.presence >= least]
    return region.score > sure or bool((shares_covered(boxes, region.box[None]) >= COVERED).any())


def worth_asking(found: Candidates, lines: Sequence[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    """Return which places (N,) bool of a photo of (height, width, ...) can become digits.

    Parameters
    ----------
    found : Candidates
        Of the first network.
    lines : sequence of ndarray (4,)
        Boxes of writing.
    shape : sequence of int
    """
    sure = found.presence >= WORTH_ASKING
    large = heights_of(found.boxes) >= LARGE * shape[0]
    touched = shares_covered(found.boxes, np.array(lines, np.float32).reshape(-1, 4)) >= TOUCHED
    beside = np.zeros(len(sure), bool)
    for box in found.boxes[sure]:
        beside |= are_neighbours(box, found.boxes)
    return sure | large | touched | beside

"""The refiner's training samples: crops about places where the finder, or chance, sees a digit.

A batch is a pure function of seed and position, so a run can be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from svhn.boxes import heights_of, overlaps
from svhn.data.samples.changes import move_boxes, recolour
from svhn.data.samples.config import SampleConfig
from svhn.data.samples.photos import FinderPhoto
from svhn.finder import VIEWS, Halves, View, window

# Intersection over union of two boxes, made square since a crop does not show a box's width: at least for a digit, at
# most for none; between them presence is not asked.
DIGIT = 0.45
NOTHING = 0.3
# Boxes that are drawn until one holds no digit.
TRIES = 8


@dataclass(frozen=True)
class JudgedPhoto:
    """A photo with its digits and with places that the finder proposes.

    Attributes
    ----------
    photo : FinderPhoto
    proposals : ndarray (N, 4) float32
        Left, top, right, bottom.
    presence : ndarray (N,) float32
        How sure the finder is of them.
    complete : bool
        Every digit is annotated. Where not, surer proposals without one are not used.
    """

    photo: FinderPhoto
    proposals: np.ndarray
    presence: np.ndarray
    complete: bool = True


@dataclass(frozen=True)
class RefinerSampleConfig:
    """What samples look like.

    Attributes
    ----------
    digits : float
        Share of the samples from photos with digits that show one.
    proposed : float
        Share of the others that are proposals of the finder, the surer the oftener; the rest are boxes at random.
    doubt : float
        In photos that are not complete, proposals at least this sure are not taken for "no digit".
    shift, scale, aspect : float
        Standard deviations of a displaced box: of its centre in units of its larger side, and of logarithms.
    near : float
        Half of the boxes are displaced less, by this factor.
    rotation, shear, log_stretch : float
        Largest turn in radians, slant, and stretch, either way.
    colours : SampleConfig
        Of which the changes of light, colours and sharpness are used.
    """

    digits: float = 0.55
    proposed: float = 0.75
    doubt: float = 0.3
    shift: float = 0.1
    scale: float = 0.17
    aspect: float = 0.2
    near: float = 0.4
    rotation: float = 0.2
    shear: float = 0.2
    log_stretch: float = 0.15
    colours: SampleConfig = field(default_factory=lambda: SampleConfig(cutout=0.35, noise=0.25))


def make_crops(
    groups: Sequence[tuple[float, Sequence[JudgedPhoto]]],
    count: int,
    seed: int,
    position: int,
    config: RefinerSampleConfig = RefinerSampleConfig(),
    view: View = VIEWS["close"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Make the batch number `position` of a run.

    Parameters
    ----------
    groups : sequence of (share, sources)
        How often a photo of each group is drawn; shares sum to 1.
    count, seed, position : int
    config : RefinerSampleConfig
    view : View
        Gives the crops' size and what they show.

    Returns
    -------
    crops : ndarray (count, size, size, 3) uint8, RGB
    presence : ndarray (count,) float32
        1 for a digit, 0 for none, -1 where that is not asked.
    labels : ndarray (count,) int32
        -1 where there is no digit to be named.
    boxes : ndarray (count, 4) float32
        Of that digit in units of the crop's side: centre relative to the crop's, width, height.
    """
    rng = np.random.default_rng([seed, position])
    shares = np.array([share for share, _ in groups])
    samples = []
    for group in rng.choice(len(groups), count, p=shares / shares.sum()):
        sources = groups[group][1]
        samples.append(make_crop(sources[rng.integers(len(sources))], rng, config, view))
    crops, presence, labels, boxes = zip(*samples, strict=True)
    return np.stack(crops), np.float32(presence), np.int32(labels), np.float32(boxes)


def make_crop(
    source: JudgedPhoto, rng: np.random.Generator, config: RefinerSampleConfig, view: View
) -> tuple[np.ndarray, float, int, np.ndarray]:
    """Make one sample: crop, presence, label, box."""
    photo = source.photo
    wanted = len(photo.boxes) > 0 and rng.random() < config.digits
    box = _displaced(photo.boxes[rng.integers(len(photo.boxes))], rng, config) if wanted else None
    box = _without_digit(source, rng, config) if box is None else box
    matrix = _random_matrix(box, rng, config, view)
    flags = cv2.INTER_CUBIC if rng.random() < 0.3 else cv2.INTER_LINEAR
    crop = Halves(photo.pixels).cut(matrix, view.size, flags)
    presence, label, target, moved = 0.0, -1, np.array([0, 0, 1, 1], np.float32), np.zeros((0, 4))
    if len(photo.boxes):
        shared = _shared(box, photo.boxes)
        best = int(shared.argmax())
        if shared[best] > NOTHING:
            presence, label = 1.0 if shared[best] >= DIGIT else -1.0, int(photo.labels[best])
            moved = move_boxes(photo.boxes[best : best + 1], matrix)
            low, high = moved[0, :2] / view.size, moved[0, 2:] / view.size
            target = np.concatenate([(low + high) / 2 - 0.5, high - low])
    return recolour(crop, moved, rng, config.colours), presence, label, target


def _displaced(box: np.ndarray, rng: np.random.Generator, config: RefinerSampleConfig) -> np.ndarray:
    sides, far = box[2:] - box[:2], rng.choice([1.0, config.near])
    centre = (box[:2] + box[2:]) / 2 + rng.normal(0, config.shift * far, 2) * sides.max()
    scale, aspect = rng.normal(0, config.scale * far), rng.normal(0, config.aspect * far)
    half = sides * np.exp([scale + aspect, scale]) / 2
    return np.concatenate([centre - half, centre + half])


def _without_digit(source: JudgedPhoto, rng: np.random.Generator, config: RefinerSampleConfig) -> np.ndarray:
    """Return a box that is mostly no digit: a proposal that is none, or one at random."""
    photo, digits = source.photo, source.photo.boxes
    if not source.complete:
        digits = np.concatenate([digits, source.proposals[source.presence >= config.doubt]])
    if len(source.proposals) and rng.random() < config.proposed:
        weights = source.presence / source.presence.sum()  # the finder's plain errors matter most
        for i in rng.choice(len(weights), TRIES, p=weights):
            if _is_apart(source.proposals[i], digits):
                return _displaced(source.proposals[i], rng, config)
    height, width = photo.pixels.shape[:2]
    usual = float(np.median(heights_of(photo.boxes))) if len(photo.boxes) else rng.uniform(10, 60)
    box = np.array([0, 0, usual / 2, usual], np.float32)
    for _ in range(TRIES):
        tall = usual * np.exp(rng.uniform(-1.2, 0.9))
        half = np.array([tall * rng.uniform(0.3, 1.1), tall]) / 2
        centre = rng.uniform(0, 1, 2) * [width, height]
        box = np.concatenate([centre - half, centre + half])
        if _is_apart(box, digits):
            break
    return box


def _is_apart(box: np.ndarray, digits: np.ndarray) -> bool:
    return not len(digits) or bool(_shared(box, digits).max() <= NOTHING)


def _shared(box: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Compare a box (4,) with those of digits (N, 4), all of them made square: intersection over union (N,)."""
    boxes = np.concatenate([box[None], digits])
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    sides = sizes.max(axis=1, keepdims=True)
    squares = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
    return overlaps(squares[0], squares[1:])[0]


def _random_matrix(box: np.ndarray, rng: np.random.Generator, config: RefinerSampleConfig, view: View) -> np.ndarray:
    """Return a matrix (2, 3) that maps the box's window, turned, slanted and stretched, to the crop."""
    angle, shear = rng.uniform(-1, 1, 2) * [config.rotation, config.shear] * rng.choice([0.3, 1.0])
    stretch = np.exp(rng.uniform(-1, 1) * config.log_stretch / 2)
    centre, side = window(box, view)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = view.size / side * turn @ np.array([[stretch, shear], [0, 1 / stretch]])
    return np.column_stack([linear, view.size / 2 - linear @ centre])

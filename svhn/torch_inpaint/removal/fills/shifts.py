"""What goes on behind a hole: known parts repeat at a few distances, and every pixel takes the copy that fits.

The distances at which the surroundings are most like themselves are the labels of a Markov random field over the hole;
labels meet where their copies agree (He and Sun, "Statistics of patch offsets for image completion", ECCV 2012). It is
solved by min-sum belief propagation, and the copies are joined by their gradients (Pérez and others, "Poisson image
editing", SIGGRAPH 2003).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from svhn.crops import LUMINANCE

# Patches are compared by the low frequencies of their brightness, and by their mean colours, in squares so wide.
SIDE = 7
FREQUENCIES = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2), (0, 3), (3, 0))
# For so many known patches, of the nearest to the hole, the most similar of so many others is looked up.
ASKED, NEAREST, OTHERS = 800, 3200, 3000
# With fewer known patches there is nothing to look up.
FEWEST_PATCHES = 50
# Patches are strange when the most similar one is so many times as far as this quantile of the known ones' (at least a
# grey level); a first answer is left when more than this share of its patches is strange.
USUAL, TIMES_USUAL, LEAST_UNLIKE, MOST_STRANGE = 0.75, 2.0, float(SIDE**2), 0.2
# Copies are taken when less than this share of it stays strange, and when they cost no more than this in the mean: the
# known pixels beside the hole are met by about 13 grey levels.
LESS_STRANGE, MOST_COST = 0.75, 1000.0
# Shifts are at least so long, in thicknesses of the hole and in pixels.
LEAST_SHIFT, LEAST_PIXELS = 1.0, 4
# Shifts are counted with neighbours (sigma, pixels); of those within so many pixels the commonest stays. Of so many of
# the commonest those are tried that serve most of the hole, at most so many.
COUNTED, APART, MOST_PEAKS = 1.4, 3, 120
MOST_SHIFTS, FEWEST_SHIFTS = 28, 4
# A copy costs what differs from known pixels around (sigma, pixels), square differences up to that; where the copy has
# none it costs this.
AROUND, MOST_UNLIKE, NO_COPY, BESIDE_WEIGHT = 1.5, 6000.0, 1500.0, 2.0
FORBIDDEN = 1e5
# Copies that meet cost their difference of colours, so many times (so that it weighs as much as squares of it do).
SEAM, MOST_SEAM = 20.0, 20000.0
# Of belief propagation: messages are mixed with those of the round before by halves.
MESSAGES, DAMPING = 30, 0.5
# Of conjugate gradients: the norm of what is left, in grey levels.
SOLVED = 1e-3
SIDES = ((0, 1), (0, -1), (1, 0), (-1, 0))


def continued(
    picture: np.ndarray, hole: np.ndarray, known: np.ndarray, thick: float, generator: torch.Generator
) -> np.ndarray | None:
    """Fill a hole with shifted copies of its surroundings, where a first answer looks like nothing around it.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
        With a first answer in the hole.
    hole, known : ndarray (H, W) bool
        True = to be filled; True = may be copied from.
    thick : float
        Of the hole, in pixels.
    generator : torch.Generator
        Of the patches that are looked up.

    Returns
    -------
    ndarray (H, W, 3) float32 or None
        None when the first answer is like its surroundings, or these hardly repeat.
    """
    known = known & ~hole
    patches = _Patches.around(picture, hole, known, generator)
    strange = 0.0 if patches is None else patches.strange(picture, hole)
    if patches is None or strange < MOST_STRANGE:
        return None
    shifts = patches.shifts(hole, known, max(LEAST_PIXELS, round(LEAST_SHIFT * thick)))
    if len(shifts) < FEWEST_SHIFTS:
        return None
    from_where = np.argwhere(hole)[:, None] + shifts[None]  # (M, L, 2)
    rows, columns = _clipped(from_where, hole.shape)
    copies = picture[rows, columns]  # (M, L, 3)
    costs = _unlike_beside(picture, hole, known, shifts)
    costs[~(_inside(from_where, hole.shape) & known[rows, columns])] = FORBIDDEN
    if costs.min(axis=1).clip(max=NO_COPY).mean() > MOST_COST:
        return None
    chosen, where = _least_costly(costs, copies, hole), np.zeros((*hole.shape, 2), int)
    where[hole] = shifts[chosen]
    if costs[np.arange(len(chosen)), chosen].clip(max=NO_COPY).mean() > MOST_COST:
        return None
    joined = _joined(picture, hole, where)
    return joined if patches.strange(joined, hole) < LESS_STRANGE * strange else None


@dataclass(frozen=True)
class _Patches:
    """Known patches around a hole, and some that are compared with them.

    Attributes
    ----------
    asked, others : ndarray (N, 2), (K, 2) int
        Rows and columns of the patches that are looked up, near the hole, and of those that they are compared with.
    known : ndarray (K, F) float32
        Features of the others.
    unlike : ndarray (N, K) float32
        Square differences of both features.
    """

    asked: np.ndarray
    others: np.ndarray
    known: np.ndarray
    unlike: np.ndarray

    @classmethod
    def around(
        cls, picture: np.ndarray, hole: np.ndarray, known: np.ndarray, generator: torch.Generator
    ) -> "_Patches | None":
        """Choose patches by chance; None when there are too few."""
        places = np.argwhere(cv2.erode(known.astype(np.uint8), np.ones((SIDE, SIDE), np.uint8), borderValue=0))
        if len(places) < FEWEST_PATCHES:
            return None
        features = _features(picture)
        distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 5)
        near = places[np.argsort(distance[tuple(places.T)], kind="stable")[:NEAREST]]
        asked, others = near[_some(len(near), ASKED, generator)], places[_some(len(places), OTHERS, generator)]
        compared = features[tuple(others.T)]
        return cls(asked, others, compared, _apart(features[tuple(asked.T)], compared))

    def _without_near(self, least: int) -> np.ndarray:
        """Return `unlike` without patches that are nearer to each other than so many pixels."""
        far = [np.abs(np.float32(self.others[:, i]) - np.float32(self.asked[:, i, None])) >= least for i in (0, 1)]
        return np.where(far[0] | far[1], self.unlike, np.inf)

    def strange(self, picture: np.ndarray, hole: np.ndarray) -> float:
        """Return the share of a filled hole that is more unlike all known patches than these usually are."""
        usual = max(np.quantile(self._without_near(SIDE).min(axis=1), USUAL), LEAST_UNLIKE)
        nearest = _apart(_features(picture)[hole], self.known).min(axis=1)
        return float((nearest > TIMES_USUAL * usual).mean())

    def shifts(self, hole: np.ndarray, known: np.ndarray, least: int) -> np.ndarray:
        """Return the shifts (L, 2), rows and columns, at which known patches are repeated that serve the hole."""
        found = self.others[self._without_near(least).argmin(axis=1)] - self.asked
        size = np.array(hole.shape)
        counts = np.zeros(2 * size + 1, np.float32)
        for sign in (1, -1):
            np.add.at(counts, tuple((sign * found + size).T), 1)
        counts = cv2.GaussianBlur(counts, (0, 0), COUNTED)
        peaks = np.argwhere((counts == cv2.dilate(counts, np.ones((2 * APART + 1,) * 2, np.uint8))) & (counts > 0))
        peaks = peaks[np.argsort(-counts[tuple(peaks.T)], kind="stable")[:MOST_PEAKS]]
        from_where = np.argwhere(hole)[:, None] + (peaks - size)[None]
        serves = (_inside(from_where, hole.shape) & known[_clipped(from_where, hole.shape)]).mean(axis=0)
        return (peaks - size)[np.argsort(-counts[tuple(peaks.T)] * serves, kind="stable")[:MOST_SHIFTS]]


def _apart(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the square differences of features (N, F) and (K, F), (N, K)."""
    return np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * first @ second.T


def _some(count: int, most: int, generator: torch.Generator) -> np.ndarray:
    return torch.randperm(count, generator=generator)[:most].numpy()


def _features(picture: np.ndarray) -> np.ndarray:
    """Return the low frequencies of the patch around every pixel, (H, W, 13)."""
    along = np.arange(SIDE) + 0.5
    waves = [np.cos(np.pi * along * k / SIDE) * np.sqrt((1 if k == 0 else 2) / SIDE) for k in range(SIDE)]
    brightness = picture @ np.float32(LUMINANCE)
    found = [cv2.sepFilter2D(brightness, -1, waves[across], waves[down]) for down, across in FREQUENCIES]
    for other in (0, 1):
        found.append(cv2.sepFilter2D((picture[..., other] - picture[..., 2]) / 2, -1, waves[0], waves[0]))
    return np.dstack(found).astype(np.float32)


def _inside(places: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return np.all((places >= 0) & (places < shape), axis=-1)


def _clipped(places: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    return np.clip(places[..., 0], 0, shape[0] - 1), np.clip(places[..., 1], 0, shape[1] - 1)


def _unlike_beside(picture: np.ndarray, hole: np.ndarray, known: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return how much shifted copies differ from the known pixels near every pixel of the hole, (M, L)."""
    reach = int(np.ceil(3 * AROUND))
    near = cv2.dilate(hole.astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    rows, columns = (slice(int(part.min()), int(part.max()) + 1) for part in np.nonzero(near))
    ring = near & known
    places = np.argwhere(ring)
    from_where = places[:, None] + shifts[None]
    inside, clipped = _inside(from_where, hole.shape), _clipped(from_where, hole.shape)
    unlike = np.square(picture[clipped] - picture[ring][:, None]).sum(axis=2)
    unlike = np.where(inside & known[clipped], np.minimum(unlike, MOST_UNLIKE), NO_COPY)
    spread = np.zeros((*hole.shape, len(shifts)), np.float32)
    spread[ring] = unlike
    summed = cv2.GaussianBlur(spread[rows, columns], (0, 0), AROUND, borderType=cv2.BORDER_CONSTANT)
    weight = cv2.GaussianBlur(np.float32(ring[rows, columns]), (0, 0), AROUND, borderType=cv2.BORDER_CONSTANT)
    part = hole[rows, columns]
    return BESIDE_WEIGHT * summed[part] / np.maximum(weight[part], 1e-3)[:, None]


def _least_costly(costs: np.ndarray, copies: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Return a label for every pixel of a hole, (M,): few costs (M, L), and few seams between copies (M, L, 3)."""
    own, colours = torch.from_numpy(np.float32(costs)), torch.from_numpy(np.float32(copies))
    seams = (SEAM * torch.cdist(colours, colours)).clamp(max=MOST_SEAM)  # (M, L, L)
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(len(costs))
    edges = []
    for left, right in ((number[:, :-1], number[:, 1:]), (number[:-1], number[1:])):
        both = (left >= 0) & (right >= 0)
        ends = torch.from_numpy(left[both]), torch.from_numpy(right[both])
        edges.append((*ends, seams[ends[0]] + seams[ends[1]]))
    messages = [[torch.zeros(len(first), costs.shape[1]) for _ in range(2)] for first, _, _ in edges]
    for _ in range(MESSAGES):
        belief = _belief(own, edges, messages)
        for (first, second, between), sent in zip(edges, messages, strict=True):
            for way, (start, back) in enumerate(((first, sent[1]), (second, sent[0]))):
                message = ((belief[start] - back)[:, :, None] + between).amin(dim=1)
                message = message - message.amin(dim=1, keepdim=True)
                sent[way] = DAMPING * sent[way] + (1 - DAMPING) * message
    return _belief(own, edges, messages).argmin(dim=1).numpy()


def _belief(own: torch.Tensor, edges: list, messages: list) -> torch.Tensor:
    """Return the costs of labels (M, L) with the messages to first and second pixels of edges."""
    total = own.clone()
    for (first, second, _), (to_second, to_first) in zip(edges, messages, strict=True):
        total[second] += to_second  # a pixel ends one edge of each direction at most
        total[first] += to_first
    return total


def _joined(picture: np.ndarray, hole: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Return the picture with the gradients of the copies in the hole, where two meet the mean of both."""
    pixels = np.argwhere(hole)
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(len(pixels))
    wanted, degree = np.zeros((len(pixels), 3)), np.zeros((len(pixels), 1))
    beside_each = np.full((len(pixels), len(SIDES)), len(pixels))
    for way, side in enumerate(SIDES):
        inside = _inside(pixels + side, hole.shape)
        own, beside = pixels[inside], (pixels + side)[inside]
        index, other = np.flatnonzero(inside), number[tuple(beside.T)]
        own_shift = where[tuple(own.T)]
        other_shift = np.where(other[:, None] >= 0, where[tuple(beside.T)], own_shift)
        for shift in (own_shift, other_shift):
            steps = picture[_clipped(own + shift, hole.shape)] - picture[_clipped(beside + shift, hole.shape)]
            wanted[index] += steps / 2
        wanted[index[other < 0]] += picture[tuple(beside[other < 0].T)]
        degree[index] += 1
        beside_each[index[other >= 0], way] = other[other >= 0]
    joined = picture.copy()
    joined[hole] = np.clip(_solved(degree, beside_each, wanted, picture[hole]), 0, 255)
    return joined


def _solved(degree: np.ndarray, beside: np.ndarray, wanted: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Solve Poisson's equation by conjugate gradients.

    Parameters
    ----------
    degree : ndarray (M, 1) float64
        How many neighbours a pixel has, known ones included.
    beside : ndarray (M, 4) int
        Its neighbours in the hole; M where there is none.
    wanted, start : ndarray (M, C) float64
        Right side, and a first answer.

    Returns
    -------
    ndarray (M, C) float64
        `degree` times it, less the sum over the neighbours, is `wanted`.
    """

    def applied(values: np.ndarray) -> np.ndarray:
        padded = np.concatenate([values, np.zeros((1, values.shape[1]))])
        return degree * values - padded[beside].sum(axis=1)

    solution = start.astype(float)
    rest = wanted - applied(solution)
    direction, size = rest, np.square(rest).sum(axis=0)
    for _ in range(len(wanted)):
        if size.max() < SOLVED**2:
            break
        change = applied(direction)
        step = size / np.maximum((direction * change).sum(axis=0), np.finfo(float).tiny)
        solution, rest = solution + step * direction, rest - step * change
        before, size = size, np.square(rest).sum(axis=0)
        direction = rest + size / np.maximum(before, np.finfo(float).tiny) * direction
    return solution

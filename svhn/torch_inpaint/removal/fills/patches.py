"""Detail at the photo's resolution: a coarse fill, repainted with patches of its surroundings from coarse to fine."""

import cv2
import numpy as np
import torch

from svhn.torch_inpaint.removal.blur import normalised_blur
from svhn.torch_inpaint.removal.fills.lattice import Lattice
from svhn.torch_inpaint.removal.fills.palette import of_its_colours
from svhn.torch_inpaint.removal.fills.patch_field import LOOKS, PatchField
from svhn.torch_inpaint.removal.fills.shifts import continued
from svhn.torch_inpaint.removal.fills.texture import expected_texture, undo_votes

# Patches are taken from up to so far around a hole, in thicknesses of it: about a digit's height.
CONTEXT = 6.0
# At the coarsest scale the hole is about this thick, in pixels.
COARSEST = 12
# Rounds of search and vote from the coarsest scale on; the last number serves all finer ones.
ROUNDS = (7, 3, 2)
# Structure is continued at the scale at which the hole has at most about so many pixels.
MOST_STRUCTURE = 1600
# The fill keeps what of the coarse one a Gaussian leaves that is this wide (sigma, as a share of the hole's thickness,
# and in pixels at least), by this share.
LOW, LEAST_LOW, LOW_SHARE = 0.1, 2.6, 0.75
# With fewer known patches of the hole's colours than this, where these are less than that share of what is known, the
# coarse fill stays as it is: a plate that its number fills has nothing to copy but its frame. With fewer than the last
# it always does.
LEAST_SOURCES, LEAST_SHARE, FEWEST_SOURCES = 500, 0.25, 100
# Where more of what is known has the hole's colours, finer scales are tried, at which more patches are whole.
ONE_SURFACE = 0.5


def add_patches(
    picture: np.ndarray, mask: np.ndarray, known: np.ndarray, device: torch.device, seed: int = 0, soft: bool = False
) -> np.ndarray | None:
    """Repaint a hole with patches of its surroundings.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
        With a coarse fill in the hole.
    mask, known : ndarray (H, W) bool
        True = to be repainted; True = patches may be taken from here.
    device : torch.device
    seed : int
        Of the random search.
    soft : bool
        Whether the surroundings have no detail that the coarse fill lacks; then it is only repainted where it breaks
        their structure.

    Returns
    -------
    ndarray (H, W, 3) float32 or None
        `picture` with other values where `mask` is True, within the range of the known pixels and the coarse fill; None
        when too little is known at the coarsest scale, or nothing is missing.
    """
    thick = thickness(mask)
    near = _around(mask, round(CONTEXT * thick))
    painted = _repainted(picture[near], mask[near], known[near] & ~mask[near], thick, device, seed, soft)
    if painted is None:
        return None
    result = picture.astype(np.float32)
    result[near] = painted
    return result


def _around(mask: np.ndarray, reach: int) -> tuple[slice, slice]:
    """Return the part of a picture that holds a mask and what is so near."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    down, across = (slice(max(0, int(used[0]) - reach), int(used[-1]) + 1 + reach) for used in (rows, columns))
    return down, across


def _repainted(
    picture: np.ndarray,
    mask: np.ndarray,
    known: np.ndarray,
    thick: float,
    device: torch.device,
    seed: int,
    soft: bool,
) -> np.ndarray | None:
    usable = of_its_colours(picture, mask, known, thick)
    share, halvings = usable.sum() / max(1, known.sum()), _halvings(thick)
    least = LEAST_SOURCES if share < LEAST_SHARE else FEWEST_SOURCES
    generator, field = torch.Generator().manual_seed(seed), None
    structure = _continued(picture, mask, usable, thick, generator)
    if structure is None and soft:
        return None
    picture = picture if structure is None else structure
    for number, (pixels, hole, sources) in enumerate(_scales(picture, mask, usable, halvings)):
        lattice = Lattice.of(hole, sources, device)
        if field is None and lattice.sources.sum() < least:
            if share < ONE_SURFACE:
                return None
            continue  # the hole leaves little at this scale, but all around it may be copied
        expected = expected_texture(pixels, hole, sources, thickness(hole))
        finer = PatchField(torch.from_numpy(pixels).to(device), lattice, generator, expected)
        _settle(finer, field, ROUNDS[min(number, len(ROUNDS) - 1)])
        field = finer
    if field is None:
        return None
    field.carry_on()
    height, width = mask.shape
    painted = field.picture()[:height, :width].cpu().numpy()
    painted = painted if soft else undo_votes(painted, mask, known)
    return _with_low(painted, picture, mask, max(LEAST_LOW, LOW * thick))


def thickness(mask: np.ndarray) -> float:
    """Return how thick the strokes of a mask (H, W) bool are in the mean, in pixels."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return 4 * float(distance[mask].mean())  # across a strip the mean distance is a quarter of its width


def _continued(
    picture: np.ndarray, mask: np.ndarray, known: np.ndarray, thick: float, generator: torch.Generator
) -> np.ndarray | None:
    """Return the picture with the structure of its surroundings in a hole; None where the coarse fill has it."""
    halvings = max(_halvings(thick), int(np.ceil(np.log2(mask.sum() / MOST_STRUCTURE) / 2)))
    pixels, hole, usable = _scales(picture, mask, known, halvings)[0]
    found = continued(pixels, hole, usable, thickness(hole), generator)
    if found is None:
        return None
    size = (hole.shape[1] << halvings, hole.shape[0] << halvings)
    change = cv2.resize(found - pixels, size, interpolation=cv2.INTER_CUBIC)[: mask.shape[0], : mask.shape[1]]
    return np.where(mask[..., None], np.clip(picture + change, 0, 255), picture).astype(np.float32)


def _halvings(thick: float) -> int:
    """Return how often a hole is reduced until it is about `COARSEST` pixels thick."""
    return max(0, round(np.log2(max(thick, 1) / COARSEST)))


def _scales(
    picture: np.ndarray, mask: np.ndarray, known: np.ndarray, halvings: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return picture, mask and known pixels by halves, the smallest first; sides are padded until they can be."""
    rest = [(0, -side % 2**halvings) for side in mask.shape]
    pixels = np.pad(picture.astype(np.float32), [*rest, (0, 0)], mode="edge")
    scales: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(pixels, np.pad(mask, rest), np.pad(known, rest))]
    for _ in range(halvings):
        pixels, hole, usable = scales[-1]
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        reduced = cv2.resize(pixels, half, interpolation=cv2.INTER_AREA)
        scales.append((reduced, np.any(_in_fours(hole), axis=(1, 3)), np.all(_in_fours(usable), axis=(1, 3))))
    return scales[::-1]


def _in_fours(mask: np.ndarray) -> np.ndarray:
    """View (H, W) as (H / 2, 2, W / 2, 2)."""
    return mask.reshape(mask.shape[0] // 2, 2, mask.shape[1] // 2, 2)


def _settle(field: PatchField, coarser: PatchField | None, rounds: int) -> None:
    """Search and vote in turns; the last vote is a sharp one."""
    if coarser is None:
        field.start()
    else:
        field.start_from(coarser)
        field.vote()
        field.look()
    for round_ in range(rounds):
        field.search(LOOKS[round_ % len(LOOKS)])
        if round_ < rounds - 1:
            field.vote()
            field.look()
    field.vote(sharp=True)


def _with_low(painted: np.ndarray, coarse: np.ndarray, mask: np.ndarray, sigma: float) -> np.ndarray:
    """Give a fill low frequencies of the coarse one; nothing changes outside the mask."""
    difference = np.where(mask[..., None], coarse - painted, 0).astype(np.float32)
    low = normalised_blur(difference, np.ones(mask.shape, np.float32), sigma)
    return np.where(mask[..., None], painted + LOW_SHARE * low, coarse).astype(np.float32)

"""How busy squares of JPEG's grid are under holes: the constants `BUSY_*` of `svhn.torch_inpaint.removal.jpeg`.

    python -m benchmarks.removal.busy --data ../shared/data/svhn

Holes at digit-free places of training photos are filled. For every square of the grid that lies under the mask, the
detail of the truth is compared with what is known when it is chosen: how busy the surroundings are, and the coarse
structure of the fill.
"""

from pathlib import Path
from unittest import mock

import click
import cv2
import numpy as np

from benchmarks.removal.holes import Hole, make_holes
from benchmarks.removal.methods import OURS, fill_methods
from benchmarks.removal.photos import SvhnPhotos
from svhn.torch_inpaint.removal import composite, jpeg

LEAST_HIDDEN = 0.9


@click.command()
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder with train/.")
@click.option("--photos", type=int, default=700, show_default=True, help="How many; digits of as many lend shapes.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(data, photos, seed):
    """Fit the constants by least squares and print them with what is left."""
    cv2.setNumThreads(1)
    pictures, donors = SvhnPhotos(data / "train", 1, photos), SvhnPhotos(data / "train", photos + 1, 2 * photos)
    fill, rows = fill_methods()[OURS], []
    for hole in make_holes((pictures[i] for i in range(len(pictures))), donors, seed):
        rows += _squares(hole, fill)
    around, coarse, true = np.array(rows).T
    inputs = np.stack([around, coarse, np.ones_like(true)], axis=1)
    found, *_ = np.linalg.lstsq(inputs, true, rcond=None)
    names = ("BUSY_AROUND", "BUSY_COARSE", "BUSY_SHIFT")
    constants = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, found, strict=True))
    click.echo(f"{len(true)} squares: {constants}")
    left = {"surroundings alone": true - around, "fitted": true - inputs @ found}
    click.echo("left (standard deviation): " + ", ".join(f"{name} {np.std(rest):.2f}" for name, rest in left.items()))


def _squares(hole: Hole, fill) -> list[tuple[float, float, float]]:
    """Return how busy the surroundings, how coarse the fill and how busy the truth is, for squares under the mask."""
    seen = {}

    def choose(targets, donors, rng):
        busy = np.log(np.abs(donors.details).mean(axis=(1, 2)) + jpeg.LEAST_BUSY)
        around = jpeg._around(targets.corners, donors.corners, busy)
        seen.update(places=targets.corners, around=around, coarse=targets.traits[:, -1])
        return original_choose(targets, donors, rng)

    def carry(original, painted, mask, *others):
        seen.update(mask=mask)
        return original_carry(original, painted, mask, *others)

    original_choose, original_carry = jpeg._choose, jpeg.carry_traces
    with mock.patch.object(jpeg, "_choose", choose), mock.patch.object(composite, "carry_traces", carry):
        fill(hole.truth, hole.mask, hole.known)
    if "places" not in seen or seen["mask"].shape != hole.mask.shape:  # no traces, or a part of the crop
        return []
    gray = cv2.transform(hole.truth.astype(np.float32), jpeg._TO_YCC)[..., 0] - 128
    rows = []
    for (top, left), around, coarse in zip(seen["places"], seen["around"], seen["coarse"], strict=True):
        place = slice(max(top, 0), top + jpeg.BLOCK), slice(max(left, 0), left + jpeg.BLOCK)
        if hole.mask[place].sum() < LEAST_HIDDEN * jpeg.BLOCK**2:
            continue
        square = gray[place]
        if square.shape == (jpeg.BLOCK, jpeg.BLOCK):
            detail = jpeg._FINE * jpeg._transform(square[None])[0]
            rows.append((around, coarse, float(np.log(np.abs(detail).mean() + jpeg.LEAST_BUSY))))
    return rows


if __name__ == "__main__":
    main()

"""What a refiner learns from: photos, rendered and real, joined with what the networks before it propose there."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from svhn.data import Report, counted, silent
from svhn.data.extra import UNLABELLED
from svhn.data.samples import (
    FinderPhoto,
    JudgedPhoto,
    empty_front,
    empty_photo,
    lettered_photo,
    read_listed,
    rendered_photo,
)
from svhn.files import replacing
from svhn.finder import Finder, FinderConfig

# Proposals are stored in the run folder, because making them takes long.
PROPOSALS = "proposals.npz"
# How often photos of each kind are drawn, and how many are rendered.
SHARES = {"train": 0.38, "unlabelled": 0.28, "rendered": 0.07, "empty": 0.12, "lettered": 0.15}
RENDERED, EMPTY, LETTERED = 1_000, 1_500, 1_500
# Least presence of the proposals that are learned from.
LEAST_PROPOSAL = {"close": 0.05, "wide": 0.02}
# What random numbers are drawn for.
RENDER, CLEAR, LETTER = 1, 2, 3


def gather_photos(
    labelled: list[FinderPhoto], folder: str | Path, pseudo: str | Path | None, seed: int, steps: Report = silent
) -> dict[str, list[FinderPhoto]]:
    """Return the photos of each kind of `SHARES`: those given, those listed in `pseudo`, and rendered ones."""

    def render(make: Callable[[np.random.Generator], FinderPhoto], use: int, count: int, what: str):
        numbers = counted(range(count), count, what, steps)
        return [make(np.random.default_rng([seed, use, number])) for number in numbers]

    return {
        "train": labelled,
        "unlabelled": read_listed(Path(folder) / UNLABELLED, pseudo),
        "rendered": render(rendered_photo, RENDER, RENDERED, "rendered photos"),
        "empty": render(_empty, CLEAR, EMPTY, "rendered photos without a number"),
        "lettered": render(lettered_photo, LETTER, LETTERED, "rendered photos with letters"),
    }


def _empty(rng: np.random.Generator) -> FinderPhoto:
    return (empty_photo, empty_front)[rng.integers(2)](rng)


def join_proposals(
    photos: dict[str, list[FinderPhoto]], run_dir: Path, view: str, steps: Report = silent
) -> list[tuple[float, list[JudgedPhoto]]]:
    """Join photos with what the networks in the run folder propose there.

    Parameters
    ----------
    photos : dict of str to list of FinderPhoto
        Of `gather_photos`.
    run_dir : Path
        A folder that can be used as a finder. Proposals that are stored there are not made again.
    view : str
        Of the refiner.
    steps : callable
        Called as `svhn.data.Report`.

    Returns
    -------
    list of (share, sources)
        Of the kinds that have photos; as `svhn.data.samples.make_crops` takes them.
    """
    photos = {kind: part for kind, part in photos.items() if part}
    flat = [photo for part in photos.values() for photo in part]
    stored = run_dir / PROPOSALS
    if not stored.exists():
        finder = Finder(run_dir, FinderConfig(min_confidence=LEAST_PROPOSAL[view]))
        _store_proposals(stored, finder, counted(flat, len(flat), "photos with proposals", steps))
    with np.load(stored) as rows:
        ends = np.cumsum(rows["counts"])[:-1]
        boxes, presence = np.split(rows["boxes"], ends), np.split(rows["presence"], ends)
    kinds = (kind for kind, part in photos.items() for _ in part)
    groups: dict[str, list[JudgedPhoto]] = {kind: [] for kind in photos}
    for kind, photo, places, sure in zip(kinds, flat, boxes, presence, strict=True):
        groups[kind].append(JudgedPhoto(photo, places, sure, complete=kind != "unlabelled"))
    return [(SHARES[kind], sources) for kind, sources in groups.items()]


def _store_proposals(path: Path, finder: Finder, photos: Iterable[FinderPhoto]) -> None:
    found = [finder.candidates(photo.pixels) for photo in photos]
    counts = [len(candidates.presence) for candidates in found]
    boxes, presence = (np.concatenate([getattr(each, name) for each in found]) for name in ("boxes", "presence"))
    with replacing(path) as temporary:
        np.savez(temporary, counts=counts, boxes=boxes, presence=presence)

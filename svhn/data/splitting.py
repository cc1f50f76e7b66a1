"""The validation split: whole photos, every class with its share."""

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.errors import InputError


# scikit-learn's StratifiedGroupKFold was measured on the 4,434 digits of 2,000 photos, seeds 0 to 4. It makes k equal
# folds, so 13 % is three of 23 folds: classes then miss their share by up to 1.8 digits and it takes 11 to 20 s, here
# 0.4 digits and 0.09 s; 13 of 100 folds take 66 to 88 s and miss by up to 5.3 digits. It also chooses other photos (12
# to 14 % of the digits are the same), and the validation figures of the shipped checkpoints rest on this split.
def choose_validation(labels: np.ndarray, photos: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose whole photos at random so that every class has `fraction` of its digits in the validation part.

    Photos are taken in random order, each unless it would lift a class above its share; then photos are added or
    given back for as long as that brings the classes nearer to their shares, which large blocks need.

    Parameters
    ----------
    labels : ndarray (N,) int, 0..9
    photos : ndarray (N,) int
        Equal numbers mean the same photo.
    fraction : float
        0 to 1 exclusive.
    seed : int

    Returns
    -------
    ndarray (N,) bool
        True for digits of the validation part.

    Raises
    ------
    InputError
        When `fraction` is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise InputError(f"expected a validation fraction between 0 and 1, received {fraction}")
    names, members = np.unique(photos, return_inverse=True)
    counts = np.zeros((len(names), NUM_CLASSES), np.int64)
    np.add.at(counts, (members, labels), 1)
    room = np.rint(counts.sum(axis=0) * fraction).astype(np.int64)
    chosen = np.zeros(len(names), bool)
    order = np.random.default_rng(seed).permutation(len(names))
    for photo in order:
        if (counts[photo] <= room).all():
            chosen[photo] = True
            room -= counts[photo]
    _exchange(counts, chosen, room, order)
    return chosen[members]


def _exchange(counts: np.ndarray, chosen: np.ndarray, room: np.ndarray, order: np.ndarray) -> None:
    """Add photos to `chosen`, or give them back, while that makes the classes' `room` smaller; in place."""
    moved = True
    while moved:  # ends, because every move makes the sum of squares smaller
        moved = False
        for photo in order:
            after = room + counts[photo] * (1 if chosen[photo] else -1)
            if after @ after < room @ room:
                chosen[photo] = not chosen[photo]
                room[:] = after
                moved = True

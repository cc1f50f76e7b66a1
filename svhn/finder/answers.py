"""What a network answers, looked at before it is believed: an answer that is no number is never "nothing found"."""

from collections.abc import Iterable, Sequence

import numpy as np

from svhn.errors import InputError


def check_answer(answer: np.ndarray, network: object, shape: Sequence[int] | None = None) -> np.ndarray:
    """Return a network's answer if it can be believed.

    Parameters
    ----------
    answer : ndarray
        Of any numbers.
    network : object
        What errors call it, for example the path of its file.
    shape : sequence of int, optional
        That it has to have.

    Raises
    ------
    InputError
        When it holds NaN or infinity, as those of a training that diverged do, or has another shape.
    """
    if shape is not None and np.shape(answer) != tuple(shape):
        raise InputError(
            f"{network}: this network answered {np.shape(answer)}, expected {tuple(shape)}; use another network, or "
            "train it again"
        )
    if not np.isfinite(answer).all():
        raise InputError(
            f"{network}: this network answered NaN or infinity, expected numbers; use another network, or train it "
            "again"
        )
    return answer


def check_weights(weights: Iterable[np.ndarray], network: object) -> None:
    """Raise InputError when weights of a network are NaN or infinite: a layer can hide that from its answers."""
    if not all(np.isfinite(values).all() for values in weights):
        raise InputError(
            f"{network}: weights of this network are NaN or infinite, expected numbers; use another network, or train "
            "it again"
        )

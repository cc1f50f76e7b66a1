"""Random draws that photos and crops share: how long numbers are, which digits they have, and choices by share."""

import numpy as np

# Digits 0..9 in SVHN's train split.
SVHN_LABEL_SHARES = np.array([4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]) / 73257


def draw_length(rng: np.random.Generator, length_shares: tuple[float, ...]) -> int:
    """Draw how many digits a number has, from the shares of numbers of 1, 2, ... digits."""
    shares = np.array(length_shares)
    return 1 + int(rng.choice(len(shares), p=shares / shares.sum()))


def draw_labels(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw digits, (count,) int64, as frequent as in SVHN."""
    return rng.choice(10, count, p=SVHN_LABEL_SHARES)


def choose(rng: np.random.Generator, names: tuple[str, ...], shares: dict[str, float]) -> str:
    """Draw one of `names`, each as often as its share among them says."""
    weights = np.array([shares[name] for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))

"""The learning rate over a run: a linear warm-up, then half a cosine down to a floor."""

import math


def rate_share(iteration: int, iterations: int, warmup: int = 0, floor: float = 0.0) -> float:
    """Return the learning rate of an iteration as a share of the highest one.

    The share rises linearly to 1 over the warm-up. Then it is floor + (1 - floor) (1 + cos(pi t)) / 2, where t goes
    from 0 to 1 over the rest of the run (Loshchilov and Hutter, SGDR, ICLR 2017, without restarts).

    Parameters
    ----------
    iteration : int
        Counted from 0.
    iterations : int
        Of the whole run, more than `warmup`.
    warmup : int
        Iterations of the rise.
    floor : float
        Share at the end, 0 to 1.

    Returns
    -------
    float
        Above 0 (unless the floor is 0 and the run is over), at most 1.
    """
    if iteration < warmup:
        return (iteration + 1) / warmup
    passed = (iteration - warmup) / max(iterations - warmup, 1)
    return floor + (1 - floor) * (1 + math.cos(math.pi * passed)) / 2

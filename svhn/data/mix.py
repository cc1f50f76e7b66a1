"""What a training batch is mixed from. Importable without any framework."""

from svhn.errors import InputError

# All but `train` are generated or labelled by a model, see `svhn.data.extra.digits`.
SOURCES = ("train", "pseudo", "synthetic", "copy_paste")
# How many digits are generated for a mix that names them.
GENERATED = {"synthetic": 40_000, "copy_paste": 20_000}


def counts_of(mix: dict[str, float], batch: int) -> dict[str, int]:
    """Return how many digits of each split a batch holds, in the order of `SOURCES`: shares by largest remainder.

    Parameters
    ----------
    mix : dict[str, float]
        Split -> its share, above 0; the shares need not sum to 1.
    batch : int

    Raises
    ------
    InputError
        When a split is unknown, a share is not above 0, or the batch has no room for one.
    """
    if unknown := set(mix) - set(SOURCES):
        raise InputError(f"mix: expected shares of {', '.join(SOURCES)}, received {', '.join(sorted(unknown))}")
    if not mix or min(mix.values()) <= 0:
        raise InputError(f"mix: expected a share above 0 for every split, received {mix}")
    total = sum(mix.values())
    wanted = {name: mix[name] / total * batch for name in SOURCES if name in mix}
    counts = {name: int(value) for name, value in wanted.items()}
    last = sorted(wanted, key=lambda name: counts[name] - wanted[name])
    for name in last[: batch - sum(counts.values())]:
        counts[name] += 1
    if empty := [name for name, count in counts.items() if not count]:
        raise InputError(f"mix: a batch of {batch} has no room for {', '.join(empty)}; raise the share or the batch")
    return counts

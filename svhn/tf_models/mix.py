"""Load the splits that a run's mix names."""

from pathlib import Path

from svhn.data.prepare import load_data
from svhn.data.prepared import PreparedData
from svhn.tf_models.config import GENERATED, TrainConfig


def load_mix(
    source: str, config: TrainConfig, pseudo_labels: Path, seed: int, splits: tuple[str, ...] = ("train", "test")
) -> PreparedData:
    """Load a source with the splits of a run's mix.

    Parameters
    ----------
    source : str
        A folder with official files, for which the further splits are made now, or a prepared `.h5` file, which
        holds those that it was made with, or "synthetic".
    config : TrainConfig
    pseudo_labels : Path
        CSV file with labels of the unlabelled photos.
    seed : int
        Of the validation split and of what is generated.
    splits : tuple of str
        Which official splits to read.
    """
    extras = {name: count for name, count in GENERATED.items() if name in config.mix}
    if "pseudo" in config.mix:
        extras["pseudo"] = pseudo_labels
    return load_data(source, seed, splits, **({} if Path(source).is_file() else extras))

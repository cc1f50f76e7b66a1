"""What a folder of Caffe's databases looks like; nothing of Caffe's is needed to tell."""

from pathlib import Path

MEAN_FILE = "mean.binaryproto"
SUFFIX = "_lmdb"


def is_lmdb_folder(folder: str | Path) -> bool:
    """Tell whether a folder holds databases that `read_lmdb` reads."""
    return bool(databases_in(folder))


def databases_in(folder: str | Path) -> dict[str, Path]:
    """Return the databases of a folder by split: `train_lmdb` is that of "train"."""
    found = sorted(path for path in Path(folder).glob(f"*{SUFFIX}") if path.is_dir())
    return {path.name.removesuffix(SUFFIX): path for path in found}

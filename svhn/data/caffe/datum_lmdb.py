"""Caffe's data: LMDB databases of Datum records, one per split, and the mean image as `mean.binaryproto`.

A folder holds `train_lmdb`, `validation_lmdb` and `test_lmdb`, as far as there is data for them. Every record is one
gray crop: channels 1, height 32, width 32, pixels as bytes, label 0..9; its key is its number in eight digits.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.crops import CROP_SIZE, to_gray
from svhn.data.caffe import proto as caffe_proto
from svhn.data.caffe.folder import MEAN_FILE, SUFFIX, databases_in, is_lmdb_folder
from svhn.data.caffe.lmdb_check import check_database
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.errors import InputError
from svhn.files import replacing_folder, sha256

try:
    import lmdb
    from google.protobuf.message import DecodeError
except ImportError as error:
    raise InputError(f"Caffe's databases need further packages ({error}): pip install 'svhn[caffe]'") from error

_PROVENANCE = "provenance.json"
_PAGE = 4096
_CURE = "make it again with python cli.py prepare --format lmdb"


def write_lmdb(folder: str | Path, data: PreparedData, seed: int = 0) -> None:
    """Write the gray crops of all splits as Caffe databases, and the mean image of the training part.

    Parameters
    ----------
    folder : str or Path
        New, empty, or of an earlier call; written whole or not at all.
    data : PreparedData
    seed : int
        Of the order of the records, which is shuffled in every split: Caffe reads them as they come.
    """
    folder = Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_lmdb_folder(folder)):
        raise InputError(f"{folder}: this exists and holds no databases of prepare; choose a new folder")
    with replacing_folder(folder) as temporary:
        for number, (name, split) in enumerate(data.splits.items()):
            order = np.random.default_rng([seed, number]).permutation(len(split))
            _write_database(temporary / f"{name}{SUFFIX}", split.gray[order, None], split.labels[order])
        if data.statistics:
            mean = caffe_proto.to_image_blob(data.statistics.gray_mean_image[None])
            caffe_proto.write_binary(temporary / MEAN_FILE, mean)
        provenance = data.provenance | {"shuffled_with_seed": seed}
        (temporary / _PROVENANCE).write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def read_lmdb(folder: str | Path, splits: tuple[str, ...] | None = None) -> PreparedData:
    """Read a folder of Caffe databases, ours or others', into memory.

    Records of three channels are taken for BGR, as Caffe's tools write them; where there is one, RGB is gray
    repeated. Which digits share a photo is not known: every digit gets a photo of its own.

    Parameters
    ----------
    folder : str or Path
        Holds databases with names such as `train_lmdb`.
    splits : tuple of str, optional
        Which to read, by default all; one that is not there is left out.

    Raises
    ------
    InputError
        When there is no such database, or one is damaged, or a record is no Datum of a 32 x 32 digit.
    """
    folder = Path(folder)
    found = {split: path for split, path in databases_in(folder).items() if splits is None or split in splits}
    if not found:
        wanted = " or ".join(f"{split}{SUFFIX}" for split in splits or ("train",))
        raise InputError(f"{folder}: expected a database {wanted} in it; {_CURE}")
    parts = {split: _to_split(*read_database(path)) for split, path in found.items()}
    provenance = _read_provenance(folder)
    provenance |= {f"sha256 {path.name}": sha256(path / "data.mdb") for path in found.values()}
    return PreparedData(parts, Statistics.of(parts["train"]) if "train" in parts else None, provenance)


def read_database(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Read one database of Datum records.

    Returns
    -------
    images : ndarray (N, C, 32, 32) uint8, C = 1 gray or 3 BGR
    labels : ndarray (N,) int64, 0..9
    """
    path = Path(path)
    records = [decode_datum(value, f"{path}, record {_name(key)}") for key, value in _records(path)]
    if not records:
        raise InputError(f"{path}: this database is empty; {_CURE}")
    images, labels = zip(*records, strict=True)
    if len({image.shape for image in images}) > 1:
        raise InputError(f"{path}: some records are gray, others in colour; {_CURE}")
    return np.array(images), np.array(labels, np.int64)


def encode_datum(image: np.ndarray, label: int) -> bytes:
    """Return the Datum of (C, H, W) uint8 pixels with a label."""
    channels, height, width = image.shape
    datum = caffe_proto.new("Datum", channels=channels, height=height, width=width, label=int(label))
    datum.data = image.tobytes()
    return datum.SerializeToString()


def decode_datum(content: bytes, where: str) -> tuple[np.ndarray, int]:
    """Return the (C, 32, 32) uint8 pixels, C = 1 or 3, and the label 0..9 of a Datum.

    A Datum that holds a PNG or JPEG file (`encoded`) is decoded, as Caffe does it. `where` names it in errors.
    """
    try:
        datum = caffe_proto.new("Datum")
        datum.ParseFromString(content)
    except DecodeError as error:
        raise InputError(f"{where}: no Datum of Caffe ({error}); {_CURE}") from error
    if not datum.HasField("label") or not 0 <= datum.label < NUM_CLASSES:
        label = datum.label if datum.HasField("label") else "none"
        raise InputError(f"{where}: expected a Datum with a label 0..9, received {label}; {_CURE}")
    if datum.float_data:
        raise InputError(f"{where}: expected pixels as bytes, received float_data; {_CURE}")
    return (_decode_picture(datum.data, where) if datum.encoded else _pixels(datum, where)), datum.label


def _pixels(datum, where: str) -> np.ndarray:
    shape = (datum.channels, datum.height, datum.width)
    if shape not in ((1, CROP_SIZE, CROP_SIZE), (3, CROP_SIZE, CROP_SIZE)) or len(datum.data) != np.prod(shape):
        raise InputError(
            f"{where}: expected 1 or 3 x {CROP_SIZE} x {CROP_SIZE} pixels, received "
            f"{' x '.join(map(str, shape))} with {len(datum.data)} bytes; {_CURE}"
        )
    return np.frombuffer(datum.data, np.uint8).reshape(shape)


def _decode_picture(content: bytes, where: str) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if picture is None:
        raise InputError(f"{where}: expected a PNG or JPEG file in an encoded Datum; {_CURE}")
    planes = picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1)
    if picture.dtype != np.uint8 or planes.shape not in ((1, CROP_SIZE, CROP_SIZE), (3, CROP_SIZE, CROP_SIZE)):
        raise InputError(
            f"{where}: expected a gray or colour picture of {CROP_SIZE} x {CROP_SIZE} pixels with 8 bits, received "
            f"{' x '.join(map(str, planes.shape))} {picture.dtype}; {_CURE}"
        )
    return planes


def _to_split(images: np.ndarray, labels: np.ndarray) -> Split:
    bgr = np.repeat(images, 3 // images.shape[1], axis=1)  # N, 3, H, W
    rgb = np.ascontiguousarray(bgr[:, ::-1].transpose(0, 2, 3, 1))
    gray = images[:, 0] if images.shape[1] == 1 else to_gray(rgb)
    return Split(rgb, gray, labels, np.arange(len(labels)))


def _write_database(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    size = len(encode_datum(images[0], 0)) if len(images) else 0
    environment = lmdb.open(str(path), map_size=_map_size(len(images), size), lock=False)
    with environment, environment.begin(write=True) as transaction:
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            transaction.put(f"{number:08}".encode(), encode_datum(image, label), append=True)


def _map_size(count: int, size: int) -> int:
    """Return bytes that surely hold `count` records of `size` bytes: pages of its own and an entry for each, and 1 MiB.

    The file grows only as far as it is written.
    """
    return count * _PAGE * (-(-(size + 32) // _PAGE) + 1) + (1 << 20)


def _records(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with _open(path) as environment, environment.begin() as transaction:
        for expected, (key, value) in enumerate(transaction.cursor()):
            if key.isdigit() and int(key) != expected:
                raise InputError(f"{path}: record {expected:08} is missing; {_CURE}")
            yield key, value


def _open(path: Path) -> lmdb.Environment:
    try:
        check_database(path / "data.mdb")
        return lmdb.open(str(path), readonly=True, lock=False, create=False)
    except (OSError, ValueError, lmdb.Error) as error:
        raise InputError(f"{path}: not a whole LMDB database ({error}); {_CURE}") from error


def _name(key: bytes) -> str:
    return key.decode("ascii", "backslashreplace")


def _read_provenance(folder: Path) -> dict:
    """Return what `write_lmdb` noted, or for others' databases their folder's name."""
    path = folder / _PROVENANCE
    if not path.is_file():
        return {"source": folder.name}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); {_CURE}") from error

"""Caffe's databases: what is written is read back, and what cannot be used is named."""

import struct

import cv2
import lmdb
import numpy as np
import pytest

from svhn.data.caffe import proto as caffe_proto
from svhn.data.caffe.datum_lmdb import MEAN_FILE, decode_datum, encode_datum, read_database, read_lmdb, write_lmdb
from svhn.data.loading import load_data, load_split
from svhn.data.prepare import prepare_data
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.errors import InputError


def digits(count: int, seed: int = 0) -> Split:
    rng = np.random.default_rng(seed)
    gray = rng.integers(0, 256, (count, 32, 32)).astype(np.uint8)
    return Split(np.repeat(gray[..., None], 3, axis=-1), gray, rng.integers(0, 10, count), np.arange(count))


@pytest.fixture
def data() -> PreparedData:
    splits = {"train": digits(70), "validation": digits(9, 1), "test": digits(12, 2), "copy_paste": digits(5, 3)}
    return PreparedData(splits, Statistics.of(splits["train"]), {"source": "noise", "licence": "none"})


@pytest.fixture
def folder(data, tmp_path):
    write_lmdb(tmp_path / "caffe", data)
    return tmp_path / "caffe"


def write_records(path, records: dict[bytes, bytes]):
    """Write a database as another program would."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with lmdb.open(str(path), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
        for key, value in records.items():
            transaction.put(key, value)
    return path


def as_pairs(split: Split) -> set:
    return {(gray.tobytes(), label) for gray, label in zip(split.gray, split.labels.tolist(), strict=True)}


# What is written


def test_a_datum_byte_by_byte():
    image = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    assert encode_datum(image, 0) == bytes([8, 1, 16, 2, 24, 3, 34, 6, *range(6), 40, 0])
    assert encode_datum(image, 9)[-2:] == bytes([40, 9])


def test_records_as_caffe_s_own_tools_write_them(folder, data):
    with (
        lmdb.open(str(folder / "train_lmdb"), readonly=True, lock=False) as environment,
        environment.begin() as transaction,
    ):
        records = list(transaction.cursor())
    assert [key for key, _ in records] == [f"{i:08}".encode() for i in range(70)]
    datum = caffe_proto.new("Datum")
    datum.ParseFromString(records[0][1])
    assert (datum.channels, datum.height, datum.width, len(datum.data)) == (1, 32, 32, 1024)
    assert (datum.data, datum.label) in as_pairs(data["train"])
    assert {path.name for path in folder.iterdir()} == {
        *(f"{split}_lmdb" for split in data.splits),
        MEAN_FILE,
        "provenance.json",
    }


def test_the_mean_file(folder, data):
    blob = caffe_proto.read_binary(folder / MEAN_FILE, "BlobProto")
    assert (blob.num, blob.channels, blob.height, blob.width) == (1, 1, 32, 32)
    mean = caffe_proto.from_blob(blob)[0, 0]
    np.testing.assert_allclose(mean, data["train"].gray.astype(float).mean(axis=0), rtol=1e-6)


def test_everything_is_read_back(folder, data):
    read = read_lmdb(folder)
    assert read.splits.keys() == data.splits.keys()
    for name, split in read.splits.items():
        assert as_pairs(split) == as_pairs(data[name]) and len(split) == len(data[name])
        assert split.gray.dtype == split.rgb.dtype == np.uint8 and split.labels.dtype == np.int64
        np.testing.assert_array_equal(split.rgb, np.repeat(split.gray[..., None], 3, axis=-1))
    assert read.statistics == Statistics.of(read["train"])
    np.testing.assert_allclose(read.statistics.gray_image, data.statistics.gray_image)
    assert read.provenance["source"] == "noise" and len(read.provenance["sha256 train_lmdb"]) == 64


def test_the_order_is_shuffled_by_the_seed(data, tmp_path):
    orders = []
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_lmdb(tmp_path / name, data, seed)
        orders.append(read_lmdb(tmp_path / name)["train"].gray)
    assert not np.array_equal(orders[0], data["train"].gray)
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])


@pytest.mark.parametrize("count", [1, 3, 4, 997, 5000])
def test_the_map_is_large_enough(count, tmp_path):
    data = PreparedData({"train": digits(count)}, None, {"source": "noise"})
    write_lmdb(tmp_path / "caffe", data)
    assert len(read_lmdb(tmp_path / "caffe")["train"]) == count


def test_the_official_files_and_their_databases_hold_the_same(tiny_svhn, tmp_path):
    data = prepare_data(tiny_svhn.folder, seed=3)
    write_lmdb(tmp_path / "caffe", data)
    read = load_data(str(tmp_path / "caffe"))
    assert {name: as_pairs(split) for name, split in read.splits.items()} == {
        name: as_pairs(split) for name, split in data.splits.items()
    }
    assert read.statistics.gray_mean == pytest.approx(data.statistics.gray_mean)
    assert as_pairs(load_split(str(tmp_path / "caffe"), "test")) == as_pairs(data["test"])


def test_a_second_call_replaces_the_first_and_a_failed_one_leaves_it(folder, data):
    write_lmdb(folder, PreparedData({"test": data["test"]}, None, data.provenance))
    assert list(read_lmdb(folder).splits) == ["test"]
    with pytest.raises(TypeError):
        write_lmdb(folder, PreparedData(data.splits, None, {"source": object()}))
    assert list(read_lmdb(folder).splits) == ["test"]
    assert [path.name for path in folder.parent.iterdir()] == ["caffe"]


def test_a_folder_with_other_things_is_left_alone(data, tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds no databases.*choose a new folder"):
        write_lmdb(tmp_path, data)
    assert (tmp_path / "letters.txt").read_text() == "mine"


# What others write


def test_colour_is_bgr(tmp_path):
    bgr = np.zeros((3, 32, 32), np.uint8)
    bgr[2] = 200
    write_records(tmp_path / "train_lmdb", {b"00000000_house.png": encode_datum(bgr, 4)})
    split = read_lmdb(tmp_path)["train"]
    assert split.rgb[0, 5, 5].tolist() == [200, 0, 0] and split.labels.tolist() == [4]
    assert split.gray[0, 5, 5] == round(0.299 * 200)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("channels", [1, 3])
def test_encoded_pictures(suffix, channels, tmp_path):
    picture = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (32, 32, channels)).astype(np.uint8), (9, 9), 3
    )
    picture = picture.reshape(32, 32, channels)
    content = cv2.imencode(suffix, picture)[1].tobytes()
    datum = caffe_proto.new("Datum", data=content, label=7, encoded=True)
    image, label = decode_datum(datum.SerializeToString(), "here")
    assert label == 7 and image.shape == (channels, 32, 32)
    np.testing.assert_allclose(image.transpose(1, 2, 0), picture, atol=0 if suffix == ".png" else 12)


def test_named_keys_may_have_gaps(tmp_path):
    records = {key: encode_datum(np.zeros((1, 32, 32), np.uint8), 1) for key in (b"00000000_a.png", b"00000007_b.png")}
    assert len(read_database(write_records(tmp_path / "train_lmdb", records))[0]) == 2


# What cannot be used


def good(label: int = 3, shape: tuple = (1, 32, 32)) -> bytes:
    return encode_datum(np.zeros(shape, np.uint8), label)


def altered(**fields) -> bytes:
    datum = caffe_proto.new("Datum")
    datum.ParseFromString(good())
    for name, value in fields.items():
        setattr(datum, name, value)
    return datum.SerializeToString()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b"", "label"),
        (b"\xff\xff\xff", "no Datum"),
        (b"some text that nobody can take for a Datum", "no Datum|label"),
        (good()[:500], "no Datum"),
        (good(10), "label 0..9, received 10"),
        (altered(label=-1), "label 0..9, received -1"),
        (good(shape=(1, 28, 28)), "1 x 28 x 28"),
        (good(shape=(2, 32, 32)), "2 x 32 x 32"),
        (altered(height=64), "1 x 64 x 32 with 1024 bytes"),
        (altered(data=bytes(1000)), "1 x 32 x 32 with 1000 bytes"),
        (altered(channels=-1), "-1 x 32 x 32"),
        (altered(encoded=True), "PNG or JPEG"),
        (altered(encoded=True, data=b""), "PNG or JPEG"),
        (altered(encoded=True, data=cv2.imencode(".png", np.zeros((8, 9), np.uint8))[1].tobytes()), "1 x 8 x 9"),
        (altered(encoded=True, data=cv2.imencode(".png", np.zeros((32, 32), np.uint16))[1].tobytes()), "uint16"),
        (caffe_proto.new("Datum", channels=1, label=1, float_data=[0.5] * 1024).SerializeToString(), "float_data"),
    ],
)
def test_a_bad_record_is_named(record, message, tmp_path):
    path = write_records(tmp_path / "train_lmdb", {b"00000000": good(), b"00000001": record})
    with pytest.raises(InputError, match=rf"train_lmdb, record 00000001: .*({message}).*prepare --format lmdb"):
        read_database(path)


def test_missing_records_mixed_channels_and_empty_databases_are_named(tmp_path):
    cases = {
        "record 00000001 is missing": {b"00000000": good(), b"00000002": good()},
        "some records are gray": {b"00000000": good(), b"00000001": good(shape=(3, 32, 32))},
        "is empty": {},
    }
    for number, (message, records) in enumerate(cases.items()):
        with pytest.raises(InputError, match=f"train_lmdb.*{message}"):
            read_database(write_records(tmp_path / str(number) / "train_lmdb", records))


def test_folders_without_databases(tmp_path):
    with pytest.raises(InputError, match=r"expected a database train_lmdb in it.*prepare --format lmdb"):
        read_lmdb(tmp_path)
    (tmp_path / "train_lmdb").mkdir()
    with pytest.raises(InputError, match=r"train_lmdb: not a whole LMDB.*prepare --format lmdb"):
        read_lmdb(tmp_path)


@pytest.fixture
def database(folder):
    return folder / "train_lmdb" / "data.mdb"


@pytest.mark.parametrize("content", [b"", b"text", bytes(10_000), b"\x89HDF\r\n\x1a\n" * 2000])
def test_no_database_at_all(database, content):
    database.write_bytes(content)
    with pytest.raises(InputError, match="train_lmdb: not a whole LMDB database"):
        read_lmdb(database.parents[1])


@pytest.mark.parametrize("part", range(1, 20))
def test_a_truncated_database_does_not_end_the_process(database, part):
    content = database.read_bytes()
    database.write_bytes(content[: len(content) * part // 20])
    with pytest.raises(InputError, match=r"train_lmdb: not a whole LMDB database.*prepare --format lmdb"):
        read_lmdb(database.parents[1])


def test_altered_pages_raise_nothing_but_input_errors(database):
    """Wrong page numbers, pointers and sizes made the LMDB library end the process."""
    content = database.read_bytes()
    damages = [b"\xff" * 60, bytes(4096), np.random.default_rng(0).bytes(40), struct.pack("<HHH", 16, 4096, 4096)]
    refused = 0
    for page in range(0, len(content), 4096):
        for offset in (0, 8, 10, 16, 20, 120, 4000):
            for damage in damages:
                start = page + offset
                database.write_bytes((content[:start] + damage + content[start + len(damage) :])[: len(content)])
                try:
                    read_lmdb(database.parents[1], ("train",))
                except InputError as error:
                    refused += 1
                    assert "train_lmdb" in str(error)
    assert refused > 100

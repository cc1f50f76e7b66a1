"""Format 1's digitStruct.mat: the official layout, its quirks, and files that cannot be used."""

import h5py
import numpy as np
import pytest
import scipy.io

from svhn.boxes import Box, DigitBox
from svhn.data.formats.digit_struct import DigitStruct, write_digit_struct
from svhn.errors import InputError

HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, HDF5 schema 1.00 .".ljust(124) + b"\x00\x02IM"
# left, top, width, height, label as the file holds them
PHOTOS = {
    "1.png": [(246, 77, 81, 219, 1), (323, 81, 96, 219, 9)],
    "2.png": [(7, 3, 12, 30, 10)],
    "3.png": [(60, 5, 20, 40, 3), (40, 5, 20, 40, 2), (-2, -1, 20, 40, 10)],
    "4.png": [(10, 80, 20, 30, 5), (10, 10, 20, 30, 4)],
}


def official_file(path, photos=PHOTOS):
    """Write the layout of SVHN's authors by hand: header, references, character codes, (1, 1) values."""
    with h5py.File(path, "w", userblock_size=512) as file:
        heap, names, boxes = file.create_group("#refs#"), [], []
        for i, (name, rows) in enumerate(photos.items()):
            codes = np.array([[ord(letter)] for letter in name], np.uint16)
            names.append([heap.create_dataset(f"n{i}", data=codes).ref])
            boxes.append([official_box(heap, f"b{i}", rows).ref])
        root = file.create_group("digitStruct")
        root.create_dataset("name", data=np.array(names, object), dtype=h5py.ref_dtype)
        root.create_dataset("bbox", data=np.array(boxes, object), dtype=h5py.ref_dtype)
    with path.open("r+b") as file:
        file.write(HEADER)
    return path


def official_box(heap: h5py.Group, key: str, rows: list[tuple]) -> h5py.Group:
    group = heap.create_group(key)
    for column, field in enumerate(("left", "top", "width", "height", "label")):
        values = [np.array([[row[column]]], np.float64) for row in rows]
        if len(values) == 1:
            group[field] = values[0]
            continue
        references = [[heap.create_dataset(f"{key}{field}{i}", data=value).ref] for i, value in enumerate(values)]
        group.create_dataset(field, data=np.array(references, object), dtype=h5py.ref_dtype)
    return group


@pytest.fixture
def official(tmp_path):
    with DigitStruct(official_file(tmp_path / "digitStruct.mat")) as annotations:
        yield annotations


def test_names_in_the_order_of_the_file(official):
    assert list(official) == list(PHOTOS)
    assert len(official) == 4
    assert "3.png" in official
    assert "5.png" not in official
    with pytest.raises(KeyError):
        official["5.png"]


def test_one_digit_is_stored_as_a_value(official):
    assert official["2.png"] == [DigitBox(Box(7, 3, 19, 33), 0)]


def test_several_digits_are_stored_as_references(official):
    assert official["1.png"] == [DigitBox(Box(246, 77, 327, 296), 1), DigitBox(Box(323, 81, 419, 300), 9)]


def test_label_10_is_the_digit_0_wherever_it_stands(official):
    assert [digit.label for digit in official["3.png"]] == [0, 2, 3]
    assert [digit.label for digit in official["2.png"]] == [0]


def test_digits_are_read_from_left_to_right_but_listed_as_in_the_file(official):
    assert [digit.box.left for digit in official["3.png"]] == [-2, 40, 60]
    assert [digit.box.left for digit in official.listed("3.png")] == [60, 40, -2]


def test_vertical_numbers_are_read_downwards(official):
    assert [digit.label for digit in official["4.png"]] == [4, 5]


def test_negative_coordinates_are_kept(official):
    assert official.listed("3.png")[2].box == Box(-2, -1, 18, 39)


def test_round_trip_in_the_official_layout(tmp_path, official):
    photos = {name: official.listed(name) for name in official}
    photos |= {"no digits.png": [], "größe 7.png": [DigitBox(Box(0, 0, 5, 9), 7)]}
    write_digit_struct(tmp_path / "written.mat", photos)
    with DigitStruct(tmp_path / "written.mat") as read:
        assert {name: read.listed(name) for name in read} == photos
    with h5py.File(tmp_path / "written.mat") as file:
        second = file[file["digitStruct/bbox"][1, 0]]
        assert second["label"].shape == (1, 1)
        assert second["label"][0, 0] == 10.0
        first = file[file["digitStruct/bbox"][0, 0]]["left"]
        assert first.dtype == h5py.ref_dtype
        assert file[first[1, 0]][()].tolist() == [[323.0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digitStruct.mat", "written.mat"]


def test_digits_without_a_label_are_not_written_as_0(tmp_path):
    with pytest.raises(ValueError, match=r"label.*7\.png"):
        write_digit_struct(tmp_path / "written.mat", {"7.png": [DigitBox(Box(0, 0, 5, 9))]})
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_the_old_file(tmp_path):
    photos = {"1.png": [DigitBox(Box(0, 0, 5, 9), 7)]}
    write_digit_struct(tmp_path / "digitStruct.mat", photos)
    with pytest.raises(AttributeError):
        write_digit_struct(tmp_path / "digitStruct.mat", photos | {2: []})
    with DigitStruct(tmp_path / "digitStruct.mat") as annotations:
        assert dict(annotations) == photos
    assert [path.name for path in tmp_path.iterdir()] == ["digitStruct.mat"]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.95])
def test_truncated_files_are_named_with_a_cure(tmp_path, part):
    path = official_file(tmp_path / "digitStruct.mat")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(InputError, match=r"digitStruct\.mat.*fetch"):
        read_all(path)


def test_overwritten_parts_never_raise_anything_but_input_errors(tmp_path):
    path = official_file(tmp_path / "digitStruct.mat")
    content = path.read_bytes()
    refused = 0
    for start in range(512, len(content), 331):
        path.write_bytes(content[:start] + b"\xff" * 40 + content[start + 40 :])
        try:
            read_all(path)
        except InputError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 5


def test_version_5_is_told_from_version_7_3(tmp_path):
    path = tmp_path / "digitStruct.mat"
    scipy.io.savemat(path, {"X": np.zeros(3)})
    with pytest.raises(InputError, match=r"digitStruct\.mat.*MATLAB v5.*v7\.3.*crops"):
        DigitStruct(path)


def test_missing_file_is_named_with_a_cure(tmp_path):
    with pytest.raises(InputError, match=r"digitStruct\.mat.*fetch"):
        DigitStruct(tmp_path / "digitStruct.mat")


def test_another_hdf5_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.mat", "w") as file:
        file["something"] = np.zeros(3)
    with pytest.raises(InputError, match=r"other\.mat.*digitStruct layout.*fetch"):
        DigitStruct(tmp_path / "other.mat")


def test_names_without_boxes_are_refused(tmp_path):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        boxes = file["digitStruct/bbox"][:-1]
        del file["digitStruct/bbox"]
        file["digitStruct"].create_dataset("bbox", data=boxes, dtype=h5py.ref_dtype)
    with pytest.raises(InputError, match=r"digitStruct\.mat.*4 names for 3.*fetch"):
        DigitStruct(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, 0, 0, 10, 1), "above 0"),
        ((0, 0, 5, -3, 1), "above 0"),
        ((0, 0, 5, 10, 11), r"1\.\.10, received 11"),
        ((0, 0, 5, 10, 0), r"1\.\.10, received 0"),
        ((0, 0, 5, 10, np.nan), r"1\.\.10"),
        ((np.nan, 0, 5, 10, 1), "NaN"),
    ],
)
def test_impossible_boxes_and_labels_are_named(tmp_path, row, message):
    official_file(tmp_path / "digitStruct.mat", {"1.png": [(0, 0, 5, 9, 1)], "8.png": [row]})
    with DigitStruct(tmp_path / "digitStruct.mat") as annotations:
        assert len(annotations["1.png"]) == 1
        with pytest.raises(InputError, match=rf"digitStruct\.mat.*8\.png.*{message}.*fetch"):
            annotations["8.png"]


def test_a_field_that_is_missing_is_named(tmp_path):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        del file["#refs#/b1/height"]
    with DigitStruct(path) as annotations, pytest.raises(InputError, match=r"digitStruct\.mat.*2\.png.*fetch"):
        annotations["2.png"]


def matlab_text(text):
    return np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None]


def single_photo_file(path, rows):
    """Write a data set of one photo as MATLAB does: a 1 x 1 struct, whose fields hold the values themselves."""
    with h5py.File(path, "w", userblock_size=512) as file:
        root, heap = file.create_group("digitStruct"), file.create_group("#refs#")
        root["name"] = matlab_text("a.png")
        if rows:
            file.move(official_box(heap, "b", rows).name, "digitStruct/bbox")
        else:
            empty_struct(root, "bbox")
    return path


def empty_struct(group, name):
    group[name] = np.zeros(2, np.uint64)
    group[name].attrs["MATLAB_empty"] = np.uint8(1)
    return group[name]


@pytest.mark.parametrize("rows", [[], PHOTOS["2.png"], PHOTOS["1.png"]])
def test_a_data_set_of_one_photo(tmp_path, rows):
    with DigitStruct(single_photo_file(tmp_path / "digitStruct.mat", rows)) as annotations:
        assert list(annotations) == ["a.png"]
        assert [digit.box.left for digit in annotations["a.png"]] == [row[0] for row in rows]


def test_a_photo_without_digits_is_an_empty_struct(tmp_path):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        file["digitStruct/bbox"][1] = empty_struct(file["#refs#"], "none").ref
    with DigitStruct(path) as annotations:
        assert annotations["2.png"] == [] and len(annotations["1.png"]) == 2


def test_a_name_that_stands_there_twice_is_refused(tmp_path):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        file["digitStruct/name"][1] = file["digitStruct/name"][0]
    with DigitStruct(path) as annotations:
        assert len(annotations["3.png"]) == 3
        with pytest.raises(InputError, match=r"1\.png.*2 photos of this name"):
            annotations["1.png"]


@pytest.mark.parametrize("place", ["digitStruct/name", "digitStruct/bbox", "#refs#/b1/left"])
def test_huge_declared_shapes_are_refused_before_they_are_read(tmp_path, place):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        kind = file[place].dtype
        del file[place]
        file.create_dataset(place, (10**12,), kind, chunks=(1000,))
    with pytest.raises(InputError, match=r"digitStruct\.mat.*1000000000000 values, expected at most"):
        read_all(path)


@pytest.mark.parametrize(("references", "kind"), [("digitStruct/name", np.uint16), ("#refs#/b0/left", np.float64)])
def test_huge_values_behind_references_are_refused_before_they_are_read(tmp_path, references, kind):
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        file[references][1] = file.create_dataset("huge", (10**12, 1), kind, chunks=(1000, 1)).ref
    with pytest.raises(InputError, match=r"digitStruct\.mat.*1000000000000 values, expected at most"):
        read_all(path)


def test_values_in_other_files_are_not_read(tmp_path):
    official_file(tmp_path / "other.mat")
    path = official_file(tmp_path / "digitStruct.mat")
    with h5py.File(path, "r+") as file:
        del file["#refs#/b1/left"]
        file["#refs#/b1/left"] = h5py.ExternalLink("other.mat", "#refs#/b1/left")
        (tmp_path / "values.bin").write_bytes(b"\0" * 8)
        del file["#refs#/b0/top"]
        file["#refs#/b0"].create_dataset("top", (1, 1), "f8", external=[(str(tmp_path / "values.bin"), 0, 8)])
        file["elsewhere"] = h5py.ExternalLink("other.mat", "#refs#")
        del file["#refs#/b2/width"]
        file["#refs#/b2/width"] = h5py.SoftLink("/elsewhere/b2/width")
    with DigitStruct(path) as annotations:
        for name in ("1.png", "2.png", "3.png"):
            with pytest.raises(InputError, match=rf"{name}.*in this file"):
                annotations[name]


@pytest.mark.parametrize(
    "members", [{}, {"digitStruct": 7}, {"digitStruct": {"name": 7}}, {"digitStruct": {"bbox": 7}}]
)
def test_files_of_other_content_are_refused(tmp_path, members):
    with h5py.File(tmp_path / "digitStruct.mat", "w") as file:
        for name, value in members.items():
            if isinstance(value, dict):
                for inner, content in value.items():
                    file[f"{name}/{inner}"] = content
            else:
                file[name] = value
    with pytest.raises(InputError, match=r"digitStruct\.mat: damaged or not SVHN's digitStruct layout"):
        DigitStruct(tmp_path / "digitStruct.mat")


def read_all(path):
    with DigitStruct(path) as annotations:
        return [annotations[name] for name in annotations]


@pytest.mark.svhn
def test_real_quirks(svhn_dir):
    with DigitStruct(svhn_dir / "test" / "digitStruct.mat") as annotations:
        assert len(annotations) == 2000
        assert list(annotations)[:3] == ["1.png", "2.png", "3.png"]
        listed = {name: annotations.listed(name) for name in annotations}
    digits = [digit for row in listed.values() for digit in row]
    assert len(digits) == 3954
    assert {digit.label for digit in digits} == set(range(10))
    assert any(digit.box.left < 0 for digit in digits)
    assert {len(row) for row in listed.values()} >= {1, 2, 3, 4}

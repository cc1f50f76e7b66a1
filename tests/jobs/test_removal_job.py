import json

import numpy as np
import pytest
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.data.annotations import write_coco
from svhn.data.digit_struct import write_digit_struct
from svhn.data.synthetic import render_photo
from svhn.errors import InputError
from svhn.jobs.removal import inpaint_photo, remove_photos
from svhn.photos import read_mask, read_rgb, write_mask


@pytest.fixture(scope="module")
def remover():
    from svhn.torch_inpaint import DigitRemover

    return DigitRemover.from_checkpoint(device="cpu")


@pytest.fixture
def folder(tmp_path):
    """Ten rendered photos with a digitStruct.mat, as SVHN's Format 1."""
    photos = tmp_path / "photos"
    photos.mkdir()
    digits = {}
    for seed in range(10):
        sample = render_photo(seed)
        Image.fromarray(sample.photo).save(photos / f"{seed}.png")
        digits[f"{seed}.png"] = sample.digits
    write_digit_struct(photos / "digitStruct.mat", digits)
    return photos


def lines_of(output):
    return [json.loads(line) for line in (output / "report.jsonl").read_text().splitlines()]


def test_a_folder_with_its_boxes(folder, remover, tmp_path):
    paths = sorted(folder.glob("*.png"))
    before = {path: path.read_bytes() for path in paths}
    seen = []
    counts = remove_photos(paths, remover, tmp_path / "out", save_masks=True, report=seen.append)
    assert counts == {"ok": 10}
    assert {path: path.read_bytes() for path in paths} == before
    lines = lines_of(tmp_path / "out")
    assert lines == seen and [line["photo"] for line in lines] == [str(path) for path in paths]
    for path, line in zip(paths, lines, strict=True):
        assert set(line) == {"photo", "output", "status", "numbers", "seconds", "error"}
        assert line["output"] == str(tmp_path / "out" / path.name) and line["error"] is None
        mask = read_mask(tmp_path / "out" / "masks" / f"{path.stem}.png")
        photo, output = read_rgb(path), read_rgb(line["output"])
        np.testing.assert_array_equal(output[~mask], photo[~mask])
        assert mask.any() and (output[mask] != photo[mask]).any()
        for number in line["numbers"]:
            assert len(number["read_before"]) == len(number["read_after"]) == len(number["boxes"])
            assert all(len(box) == 4 for box in number["boxes"])


def test_bad_photos_are_reported_and_the_batch_goes_on(folder, remover, tmp_path):
    (folder / "2.png").write_bytes(b"")
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:200])
    (folder / "5.png").write_text("no picture")
    paths = [folder / f"{i}.png" for i in range(10)] + [folder / "missing.png"]
    Image.new("RGB", (30, 30)).save(folder / "unlisted.png")
    counts = remove_photos([*paths, folder / "unlisted.png"], remover, tmp_path / "out")
    assert counts == {"ok": 7, "error": 5}
    lines = lines_of(tmp_path / "out")
    assert [line["status"] for line in lines] == ["error" if i in (2, 4, 5, 10, 11) else "ok" for i in range(12)]
    for line in lines:
        if line["status"] == "error":
            assert line["photo"] in line["error"] and line["output"] is None
    assert {path.name for path in (tmp_path / "out").iterdir()} == {f"{i}.png" for i in (0, 1, 3, 6, 7, 8, 9)} | {
        "report.jsonl"
    }


def test_boxes_outside_the_photo_are_an_error(folder, remover, tmp_path):
    photo = folder / "0.png"
    width, height = Image.open(photo).size
    boxes = [DigitBox(Box(width + 5, 3, width + 20, 30), 4)]
    write_coco(tmp_path / "boxes.json", {"0.png": (width, height, boxes)})
    assert remove_photos([photo], remover, tmp_path / "out", tmp_path / "boxes.json") == {"error": 1}
    (line,) = lines_of(tmp_path / "out")
    assert "outside" in line["error"] and "0.png" in line["error"]
    assert not (tmp_path / "out" / "0.png").exists()


def test_a_photo_without_digits_is_copied(folder, remover, tmp_path):
    write_coco(tmp_path / "boxes.json", {"0.png": (10, 10, [])})
    assert remove_photos([folder / "0.png"], remover, tmp_path / "out", tmp_path / "boxes.json") == {"no_digits": 1}
    assert (tmp_path / "out" / "0.png").read_bytes() == (folder / "0.png").read_bytes()
    assert lines_of(tmp_path / "out")[0]["numbers"] == []


def test_no_boxes_name_the_cure(folder, remover, tmp_path):
    (folder / "digitStruct.mat").unlink()
    remove_photos([folder / "0.png"], remover, tmp_path / "out")
    assert "--boxes" in lines_of(tmp_path / "out")[0]["error"]


def test_damaged_boxes_beside_the_photos_are_reported_for_each(folder, remover, tmp_path):
    (folder / "digitStruct.mat").write_bytes(b"MATLAB 5.0 MAT-file, and more")
    counts = remove_photos([folder / "0.png", folder / "1.png"], remover, tmp_path / "out")
    assert counts == {"error": 2}
    assert "digitStruct.mat" in lines_of(tmp_path / "out")[0]["error"]


def test_jobs_that_cannot_start(folder, remover, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "0.png").write_bytes((folder / "0.png").read_bytes())
    with pytest.raises(InputError, match="share one output"):
        remove_photos([folder / "0.png", other / "0.png"], remover, tmp_path / "out")
    with pytest.raises(InputError, match="overwrite"):
        remove_photos([folder / "0.png"], remover, folder)
    with pytest.raises(InputError, match="no photos"):
        remove_photos([], remover, tmp_path / "out")
    with pytest.raises(InputError, match="nowhere"):
        remove_photos([folder / "0.png"], remover, tmp_path / "out", tmp_path / "nowhere.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output folder"):
        remove_photos([folder / "0.png"], remover, tmp_path / "file")
    assert not (tmp_path / "out").exists()


def test_one_photo_that_breaks_the_fill_does_not_take_the_batch_along(folder, tmp_path, remover):
    class Fragile:
        def remove_batch(self, photos, boxes):
            if any(photo.shape[0] == broken for photo in photos):
                raise RuntimeError("out of something")
            return remover.remove_batch(photos, boxes)

    paths = [folder / f"{i}.png" for i in range(4)]
    broken = read_rgb(paths[1]).shape[0]
    counts = remove_photos(paths, Fragile(), tmp_path / "out")
    assert counts["error"] >= 1 and counts["ok"] >= 1
    line = lines_of(tmp_path / "out")[1]
    assert line["status"] == "error" and "out of something" in line["error"]


def test_inpaint_photo(folder, tmp_path):
    photo, mask = folder / "0.png", np.zeros(read_rgb(folder / "0.png").shape[:2], bool)
    mask[5:20, 8:30] = True
    write_mask(tmp_path / "mask.png", mask)
    inpaint_photo(photo, tmp_path / "mask.png", tmp_path / "out.png", "cpu")
    output = read_rgb(tmp_path / "out.png")
    np.testing.assert_array_equal(output[~mask], read_rgb(photo)[~mask])
    assert (output[mask] != read_rgb(photo)[mask]).any()


def test_inpaint_photo_refuses_what_cannot_be(folder, tmp_path):
    photo = folder / "0.png"
    shape = read_rgb(photo).shape[:2]
    write_mask(tmp_path / "small.png", np.zeros((3, 3), bool))
    write_mask(tmp_path / "white.png", np.ones(shape, bool))
    write_mask(tmp_path / "mask.png", np.zeros(shape, bool))
    for mask, output, words in [
        ("small.png", tmp_path / "out.png", "pixels"),
        ("white.png", tmp_path / "out.png", "white everywhere"),
        ("mask.png", photo, "overwrite"),
        ("mask.png", tmp_path / "mask.png", "overwrite"),
        ("mask.png", tmp_path / "out.jpg", "suffix"),
    ]:
        with pytest.raises(InputError, match=words):
            inpaint_photo(photo, tmp_path / mask, output, "cpu")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.svhn
def test_real_photos(svhn_dir, remover, tmp_path):
    paths = [svhn_dir / "test" / f"{i}.png" for i in range(1, 41)]
    assert remove_photos(paths, remover, tmp_path / "out", save_masks=True) == {"ok": 40}
    legible = [number["legible_after"] for line in lines_of(tmp_path / "out") for number in line["numbers"]]
    assert sum(legible) <= 0.1 * len(legible)
    for path in paths:
        mask = read_mask(tmp_path / "out" / "masks" / path.name)
        np.testing.assert_array_equal(read_rgb(tmp_path / "out" / path.name)[~mask], read_rgb(path)[~mask])

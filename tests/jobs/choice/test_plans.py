"""Plans: what a job would remove, corrected by people, and followed to the letter."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from job_tools import job, lines_of

from svhn.data.formats.coco import read_coco, write_coco
from svhn.data.formats.painted import PaintedArea
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.errors import InputError
from svhn.jobs import JobConfig, RunConfig, find_digits, inpaint_photo, list_photos, remove_photos
from svhn.photos.photo import read_mask, read_rgb, write_mask, write_rgb

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold",), layouts=("straight",), digit_height=(28, 40))
TEXTS = ("36", "8")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    for number, text in enumerate(TEXTS):
        write_rgb(folder / f"{number}.png", render_photo(number, replace(CLEAR, texts=(text,))).photo)
    return folder


@pytest.fixture(scope="module")
def plan(photos, tmp_path_factory):
    """The plan of both photos as JSON."""
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    find_digits(list_photos([str(photos)]), str(path), JobConfig(), RunConfig(workers=0))
    return json.loads(path.read_text())


def follow(plan, photos, folder, **settings):
    """Do what a plan says; return the summary."""
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))
    return job(photos, folder / "out", plan=str(folder / "plan.json"), **settings)


def test_a_plan_says_what_was_found(plan, photos):
    assert [image["file_name"] for image in plan["images"]] == [str(photos / f"{i}.png") for i in range(2)]
    assert [[number["text"] for number in image["numbers"]] for image in plan["images"]] == [["36"], ["8"]]
    names = {category["id"]: category["name"] for category in plan["categories"]}
    assert "".join(names[row["category_id"]] for row in plan["annotations"]) == "368"
    assert {(row["source"], row["accepted"]) for row in plan["annotations"]} == {("found", True)}
    height, width = read_rgb(photos / "0.png").shape[:2]
    assert (plan["images"][0]["width"], plan["images"][0]["height"]) == (width, height)


def test_accepting_all_is_what_the_job_would_do(plan, photos, tmp_path):
    follow(plan, photos, tmp_path / "planned")
    job(photos, tmp_path / "found")
    for name in ("0.png", "1.png"):
        assert (tmp_path / "planned" / "out" / name).read_bytes() == (tmp_path / "found" / name).read_bytes()
    assert {line["boxes"] for line in lines_of(tmp_path / "planned" / "out")} == {"plan"}


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(accepted=st.lists(st.booleans(), min_size=3, max_size=3))
def test_only_what_is_accepted_changes(plan, photos, tmp_path, accepted):
    rows = [row | {"accepted": keep} for row, keep in zip(plan["annotations"], accepted, strict=True)]
    folder = tmp_path / "".join("01"[keep] for keep in accepted)
    follow(plan | {"annotations": rows}, photos, folder, save_masks=True)
    for image in plan["images"]:
        name = image["file_name"].rpartition("/")[2]
        changed = read_rgb(photos / name) != read_rgb(folder / "out" / name)
        own = [row for row in rows if row["image_id"] == image["id"]]
        assert changed.any() == any(row["accepted"] for row in own)
        for row in own:
            left, top, width, height = row["bbox"]
            middle = changed[top + height // 4 : top + 3 * height // 4, left + width // 4 : left + 3 * width // 4]
            assert middle.any() == row["accepted"]


def test_strict_keeps_to_the_plan(plan, photos, tmp_path):
    """What somebody rejected may be read in the result; what nobody looked at may not."""
    rejected = [row | {"accepted": False} for row in plan["annotations"]]
    summary = follow(plan | {"annotations": rejected}, photos, tmp_path / "rejected", strict=True)
    assert summary.counts == {"no_digits": 2}
    assert np.array_equal(read_rgb(photos / "0.png"), read_rgb(tmp_path / "rejected" / "out" / "0.png"))
    summary = follow(plan | {"annotations": []}, photos, tmp_path / "emptied", strict=True)
    assert summary.counts == {"error": 2} and summary.exit_code == 4


def test_a_corrected_box_and_an_added_one_count(plan, photos, tmp_path):
    """An annotation tool gives back plain COCO: without what it does not know."""
    plain = [{name: row[name] for name in ("id", "image_id", "category_id", "bbox")} for row in plan["annotations"][:2]]
    added = plain[0] | {"id": 9, "image_id": 2, "bbox": [0, 0, 9, 12], "category_id": 99}
    follow(plan | {"annotations": [*plain, added]}, photos, tmp_path / "plain")
    lines = sorted(lines_of(tmp_path / "plain" / "out"), key=lambda line: line["photo"])
    assert [len(number["boxes"]) for line in lines for number in line["numbers"]] == [2, 1]
    assert lines[1]["numbers"][0]["boxes"] == [[0, 0, 9, 12]]


def test_a_photo_that_is_not_in_the_plan_fails(plan, photos, tmp_path):
    short = plan | {"images": plan["images"][:1], "annotations": plan["annotations"][:2]}
    summary = follow(short, photos, tmp_path / "short")
    assert summary.counts == {"ok": 1, "error": 1}
    (error,) = [line["error"] for line in lines_of(tmp_path / "short" / "out") if line["error"]]
    assert "1.png" in error and "--plan" in error


def test_a_corrected_plan_is_not_written_over(photos, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(InputError, match="is there already"):
        find_digits(list_photos([str(photos)]), str(tmp_path / "plan.json"), JobConfig(), RunConfig(workers=0))
    assert (tmp_path / "plan.json").read_text() == "{}"


@pytest.mark.parametrize("other", [{"boxes": "boxes.json"}, {"boxes_only": True}, {"also_find": True}])
def test_a_plan_stands_alone(other):
    with pytest.raises(InputError, match="plan"):
        JobConfig(plan="plan.json", **other)


def test_a_plan_is_written_by_a_dry_run_only(photos, tmp_path):
    with pytest.raises(InputError, match="--dry-run"):
        remove_photos(
            list_photos([str(photos)]),
            JobConfig(str(tmp_path / "out")),
            RunConfig(workers=0, plan_output=str(tmp_path / "plan.json")),
        )
    assert list(tmp_path.iterdir()) == []


def test_regions_hold_for_what_is_found_listed_and_looked_at(photos, tmp_path):
    """The numbers stand in the middle; a strict look forgives what was left out on purpose."""
    from svhn.jobs import Area, Scope

    nowhere = Scope(only_region=(Area(0, 0, 0.01, 0.01),))
    assert job(photos, tmp_path / "out", scope=nowhere, strict=True).counts == {"no_digits": 2}
    assert job(photos, tmp_path / "out").counts == {"ok": 2}


@pytest.mark.parametrize("place", ["accepted", "attributes"])
def test_any_coco_file_can_strike_boxes_out(tmp_path, place):
    write_coco(tmp_path / "boxes.json", {"a.png": (100, 50, render_photo(0, CLEAR).digits)})
    content = json.loads((tmp_path / "boxes.json").read_text())
    said = {"accepted": False}
    content["annotations"][0] |= said if place == "accepted" else {"attributes": said}
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    entry = read_coco(tmp_path / "boxes.json").entry("a.png")
    assert len(entry.rectangles) == len(content["annotations"]) - 1 and len(entry.rejected.rectangles) == 1
    content["annotations"][0]["accepted"] = "no"
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="accepted: expected true or false"):
        read_coco(tmp_path / "boxes.json").entry("a.png")


def painted(photos):
    """A mask of the first photo, and the annotation of it."""
    mask = np.zeros(read_rgb(photos / "0.png").shape[:2], bool)
    mask[3:9, 0:14] = mask[5:30, 20:23] = True
    return mask, {"id": 99, "image_id": 1, "category_id": 11, "source": "painted", **PaintedArea.of(mask).as_coco()}


def test_what_is_painted_is_filled_as_by_inpaint(plan, photos, tmp_path):
    mask, area = painted(photos)
    rows = [row | {"accepted": False} for row in plan["annotations"]]
    follow(plan | {"annotations": [*rows, area]}, photos, tmp_path / "planned", save_masks=True)
    write_mask(tmp_path / "mask.png", mask)
    inpaint_photo(photos / "0.png", tmp_path / "mask.png", tmp_path / "filled.png")
    out = tmp_path / "planned" / "out"
    assert (out / "0.png").read_bytes() == (tmp_path / "filled.png").read_bytes()
    assert (read_rgb(out / "1.png") == read_rgb(photos / "1.png")).all()
    assert (read_mask(out / "masks" / "0.png") == mask).all()
    assert [line["status"] for line in lines_of(out)] == ["ok", "no_digits"]


def test_painted_areas_count_where_nothing_else_does(plan, photos, tmp_path):
    """A photo with painted areas only is not one in which nothing is found; other categories are boxes."""
    _, area = painted(photos)
    for category in ("painted area", "grass"):
        row = area | {"source": "drawn", "category_id": 77}
        names = [*plan["categories"], {"id": 77, "name": category}]
        planned = plan | {"annotations": [row], "categories": names}
        follow(planned, photos, tmp_path / category, nothing_found="skip")
        lines = lines_of(tmp_path / category / "out")
        assert [line["status"] for line in lines if line["photo"].endswith("0.png")] == ["ok"]
        assert [bool(line["numbers"]) for line in lines if line["photo"].endswith("0.png")] == [category == "grass"]


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ({"size": [2, 3], "counts": [1, 4]}, "these make 5 pixels, expected 2 x 3"),
        ({"size": [2, 3], "counts": "abc"}, "not compressed, received 'abc'"),
        ({"size": [2], "counts": [6]}, r"expected \[height, width\]"),
        ({"size": [1 << 20, 1 << 20], "counts": [1 << 40]}, "segmentation"),
        ([[1, 2, 3]], "expected polygons"),
        ({"size": [90, 100], "counts": [0, 9000]}, "this photo has|painted everywhere"),
    ],
)
def test_painted_areas_that_cannot_be_used_cost_their_photo(segmentation, words, plan, photos, tmp_path):
    row = painted(photos)[1] | {"segmentation": segmentation}
    follow(plan | {"annotations": [row]}, photos, tmp_path / "planned")
    first, _ = sorted(lines_of(tmp_path / "planned" / "out"), key=lambda line: line["photo"])
    assert first["status"] == "error" and re.search(words, first["error"])


def test_a_plan_keeps_who_found_a_place_and_how_sure(plan, photos, tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    again = tmp_path / "again.json"
    find_digits(
        list_photos([str(photos)]), str(again), JobConfig(plan=str(tmp_path / "plan.json")), RunConfig(workers=0)
    )
    assert json.loads(again.read_text()) == plan
    odd = [row | {"confidence": value} for row, value in zip(plan["annotations"], ("much", 7, True), strict=True)]
    (tmp_path / "plan.json").write_text(json.dumps(plan | {"annotations": odd}))
    assert {digit.confidence for digits in read_coco(tmp_path / "plan.json").values() for digit in digits} == {None}

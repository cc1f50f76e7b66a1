"""Jobs that follow each other in one folder: photos of earlier ones keep the names of their outputs and masks."""

from dataclasses import replace

import pytest

from svhn.jobs.listing.naming import name_outputs, spare_others
from svhn.jobs.listing.sources import ListedPhoto
from svhn.jobs.output.claims import Claims
from svhn.jobs.output.history import read_history
from svhn.jobs.output.ledger import open_ledger
from svhn.jobs.tasks import OK, ReportLine


def plan(out, *photos, masks=True):
    """Name what is made of photos in a job after those whose ledger lies in a folder."""
    tasks = name_outputs([ListedPhoto(str(photo), photo.name) for photo in photos], masks)
    return spare_others(tasks, Claims(str(out), str(out), tasks))


def names(tasks):
    return [(task.output, task.mask) for task in tasks]


def record(out, tasks, **changes):
    """Write the lines of a job that did all tasks."""
    ledger = open_ledger(str(out), "report.jsonl")
    for task in tasks:
        line = ReportLine(task.photo, task.output, task.mask, status=OK, real_path=task.real_path, sha256="0" * 64)
        ledger.append(replace(line, **changes))
    ledger.close()


@pytest.fixture
def photos(tmp_path):
    """A photo in each of two folders with the same name, and one with the same stem."""
    paths = [tmp_path / name for name in ("a/0.jpg", "b/0.jpg", "a/0.bmp")]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes([number]))
    return paths


def test_a_mask_of_a_photo_with_the_same_stem_stays(tmp_path, photos):
    first, _, other = photos
    record(tmp_path, plan(tmp_path, first))
    assert names(plan(tmp_path, other)) == [("0.bmp", "masks/0.bmp.png")]
    assert names(plan(tmp_path, other, masks=False)) == [("0.bmp", None)]
    assert names(plan(tmp_path, first)) == [("0.jpg", "masks/0.png")]
    record(tmp_path, plan(tmp_path, other))
    assert names(plan(tmp_path, other)) == [("0.bmp", "masks/0.bmp.png")]


def test_a_photo_that_failed_since_has_no_names(tmp_path, photos):
    first, _, other = photos
    record(tmp_path, plan(tmp_path, first))
    record(tmp_path, plan(tmp_path, first), output=None, mask=None, status="error")
    assert names(plan(tmp_path, other)) == [("0.bmp", "masks/0.png")]


def test_a_photo_of_the_same_name_gets_another(tmp_path, photos):
    first, other, _ = photos
    record(tmp_path, plan(tmp_path, first))
    ((output, mask),) = names(plan(tmp_path, other))
    assert output.startswith("0-") and output.endswith(".jpg") and mask == f"masks/{output[:-4]}.png"
    assert names(plan(tmp_path, first, other)) == [("a/0.jpg", "masks/a/0.png"), ("b/0.jpg", "masks/b/0.png")]
    first.unlink()
    assert names(plan(tmp_path, other)) == [(output, mask)]


def test_a_name_of_the_job_itself_is_not_taken_twice(tmp_path, photos):
    """The whole name, that would be free of the earlier job, is the stem of another photo of this one."""
    first, _, other = photos
    record(tmp_path, plan(tmp_path, first))
    third = other.with_name("0.bmp.tif")
    ((_, mask), (_, of_third)) = names(plan(tmp_path, other, third))
    assert of_third == "masks/0.bmp.png" and mask.startswith("masks/0-")


def test_the_mask_of_a_photo_that_was_moved_goes_with_its_output(tmp_path, photos):
    import hashlib

    first, *_ = photos
    digest = hashlib.sha256(first.read_bytes()).hexdigest()
    record(tmp_path, plan(tmp_path, first), sha256=digest)
    moved = tmp_path / "c" / "0.jpg"
    moved.parent.mkdir()
    first.rename(moved)
    (task,) = plan(tmp_path, moved, masks=False)
    assert task.output == "0.jpg"
    history = read_history(str(tmp_path), str(tmp_path), {task.photo: task}, {task.output}, resume=False)
    assert history.prepare(task).old_masks == ("masks/0.png",)


def test_an_output_in_another_folder_takes_no_name_but_its_mask_does(tmp_path, photos):
    first, other, _ = photos
    record(tmp_path, plan(tmp_path, first), output_dir="/elsewhere")
    ((output, mask),) = names(plan(tmp_path, other))
    assert output == "0.jpg" and mask == "masks/0.jpg.png"

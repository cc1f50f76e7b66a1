import itertools
import os

import pytest

from svhn.errors import InputError
from svhn.jobs.listing.naming import in_shard, name_outputs, refuse_overwriting
from svhn.jobs.listing.sources import ListedPhoto, list_photos
from svhn.jobs.output.paths import safe_name, stays_inside
from svhn.jobs.tasks import Task


def names(*paths, masks=False):
    tasks = name_outputs([ListedPhoto(path, path.rsplit("/", 1)[-1]) for path in paths], masks)
    return [task.mask for task in tasks] if masks else [task.output for task in tasks]


def test_different_file_names_are_kept():
    assert names("/a/1.png", "/b/2.png") == ["1.png", "2.png"]


def test_equal_file_names_keep_their_folders():
    assert names("/x/a/1.png", "/x/b/1.png", "/x/b/c/2.png") == ["a/1.png", "b/1.png", "b/c/2.png"]
    assert names("s3://bucket/a/1.png", "s3://bucket/b/1.png") == ["a/1.png", "b/1.png"]


def test_names_that_differ_in_case_only_get_a_hash():
    first, second = names("/x/a.png", "/x/A.png")
    assert first != second and first.startswith("a-") and second.startswith("A-") and first.endswith(".png")


def test_masks_are_named_after_stems_or_whole_names():
    assert names("/a/1.png", "/a/2.jpg", masks=True) == ["masks/1.png", "masks/2.png"]
    assert names("/a/1.png", "/a/1.jpg", masks=True) == ["masks/1.png.png", "masks/1.jpg.png"]


def test_photos_in_a_folder_called_masks_do_not_meet_the_masks(tmp_path):
    for name in ("1.png", "masks/1.png", "masks/masks/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    tasks = name_outputs(list_photos([str(tmp_path)], recursive=True), save_masks=True)
    assert len({name for task in tasks for name in (task.output, task.mask)}) == 6


def test_no_photo_takes_the_place_of_the_report_or_of_a_folder():
    for paths in itertools.permutations(["/x/report.jsonl", "/x/1.png", "/y/1.png/2.png", "/z/.svhn-staging"]):
        found = names(*paths)
        assert "report.jsonl" not in found and ".svhn-staging" not in found and len(set(found)) == 4
        assert not any(a != b and b.startswith(f"{a}/") for a in found for b in found)


def test_an_output_never_takes_the_place_of_an_input(tmp_path):
    photos, other = tmp_path / "photos", tmp_path / "other"
    photos.mkdir(), other.mkdir()
    (other / "sub").symlink_to(photos)
    task = Task(str(photos / "1.png"), "1.png", "masks/1.png")
    refuse_overwriting([task], str(other))
    for output, folder in (("1.png", photos), ("1.PNG", photos), ("photos/1.png", tmp_path), ("sub/1.png", other)):
        with pytest.raises(InputError, match="overwrite"):
            refuse_overwriting([Task(task.photo, output)], str(folder))
    with pytest.raises(InputError, match="overwrite"):  # another photo's mask
        refuse_overwriting([task, Task(str(other / "masks" / "1.png"), "2.png")], str(other))


def test_shards_part_the_work_evenly():
    tasks = [Task(f"/a/{i}.png", f"{i}.png") for i in range(300)]
    parts = [{task.photo for task in tasks if in_shard(task, shard, 4)} for shard in (1, 2, 3, 4)]
    assert set.union(*parts) == {task.photo for task in tasks} and sum(map(len, parts)) == len(tasks)
    assert all(50 < len(part) < 100 for part in parts)


SERVER = "http://server/photos/"


def test_names_from_a_listing_stay_below_the_folder():
    listed = [
        "../../../1.png",
        "a/../../2.png",
        "/etc/3.png",
        "..",
        "",
        "..\\..\\4.png",
        "C:\\5.png",
        "C:/6.png",
        "\0.png",
    ]
    sources = [ListedPhoto(f"{SERVER}{number}/{name}", name) for number, name in enumerate(listed)]
    tasks = name_outputs(sources, save_masks=True)
    names = [name for task in tasks for name in (task.output, task.mask)]
    assert all(stays_inside(name) for name in names) and len(set(names)) == 2 * len(listed)
    (task,) = name_outputs([ListedPhoto(f"{SERVER}../../1.png", "../../1.png")])
    assert task.output == "1.png"


def test_equal_names_from_a_listing_stay_below_the_folder_too():
    sources = [ListedPhoto(f"{SERVER}{folder}/1.png", f"{folder}/1.png") for folder in ("..", "../..", "a/../../..")]
    names = [task.output for task in name_outputs(sources)]
    assert all(stays_inside(name) for name in names) and len(set(names)) == 3


@pytest.mark.parametrize("stem", ["x" * 251, "ü" * 125, "x" * 248 + "é", "\udcff" * 251])
def test_names_that_get_too_long_are_cut(stem):
    """By the suffix of a mask, the hash of equal names, or on a server: 255 bytes are what file systems take."""
    given = [f"/a/{stem}.png", f"/a/{stem}.jpg", f"/b/{stem.swapcase()}.png", f"{SERVER}{stem * 2}.png"]
    tasks = name_outputs([ListedPhoto(path, path.rsplit("/", 1)[-1]) for path in given], save_masks=True)
    found = [name for task in tasks for name in (task.output, task.mask)]
    assert len(set(found)) == len(found)
    assert max(len(os.fsencode(part)) for name in found for part in name.split("/")) <= 255
    assert [task.output[-4:] for task in tasks] == [".png", ".jpg", ".png", ".png"]
    assert all(task.mask.endswith(".png") for task in tasks)


def test_good_names_stay_as_they_are():
    for name in ("a/b.png", "...png", "a b\\.png", "c:d.png", " .png", "x" * 251 + ".png"):
        assert names(f"/x/{name.split('/')[-1]}") == [name.split("/")[-1]] and safe_name(name) == name

import itertools

import pytest

from svhn.errors import InputError
from svhn.jobs.listing.naming import in_shard, name_outputs, refuse_overwriting
from svhn.jobs.listing.sources import ListedPhoto, list_photos
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

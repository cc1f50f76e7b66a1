import multiprocessing
import os
import subprocess
import sys

import numpy as np
import pytest
from job_tools import ROOT, essence, job, lines_of
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.commands.progress import totals
from svhn.data.formats.coco import write_coco
from svhn.data.formats.digit_struct import DigitStruct, write_digit_struct
from svhn.errors import InputError
from svhn.jobs.config import RunConfig, Shard
from svhn.jobs.output.folder import STAGING
from svhn.jobs.single import inpaint_photo
from svhn.jobs.tasks import ReportLine
from svhn.photos.config import PhotoConfig
from svhn.photos.photo import read_mask, read_rgb, write_mask
from svhn.torch_inpaint import inpaint
from svhn.torch_inpaint.removal.config import FillConfig, RemovalConfig

pytestmark = pytest.mark.slow


def test_a_folder_with_its_boxes(folder, tmp_path):
    paths = sorted(folder.glob("*.png"))
    before = {path: path.read_bytes() for path in folder.iterdir()}
    seen = []
    summary = job(folder, tmp_path / "out", show=lambda line, summary: seen.append(line), save_masks=True)
    assert summary.counts == {"ok": 10} and summary.exit_code == 0 and summary.photos == 10
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    lines = lines_of(tmp_path / "out")
    assert [ReportLine.from_dict(line) for line in lines] == seen
    assert [line["photo"] for line in lines] == [str(path) for path in paths]
    for path, line in zip(paths, lines, strict=True):
        assert line["output"] == path.name and line["mask"] == f"masks/{path.name}" and line["error"] is None
        mask = read_mask(tmp_path / "out" / line["mask"])
        photo, output = read_rgb(path), read_rgb(tmp_path / "out" / line["output"])
        np.testing.assert_array_equal(output[~mask], photo[~mask])
        assert mask.any() and (output[mask] != photo[mask]).any()
        for number in line["numbers"]:
            assert len(number["read_before"]) == len(number["read_after"]) == len(number["boxes"])
            assert all(len(box) == 4 for box in number["boxes"])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*(p.name for p in paths), "masks", "report.jsonl"}


def test_results_do_not_depend_on_workers_or_shards_or_company(folder, tmp_path):
    """Nor on what was done before in the same process, nor on the death of a worker half-way."""

    def kill_a_worker(line, summary):
        if summary.counts.total() == 3:
            multiprocessing.active_children()[0].kill()

    job(folder, tmp_path / "alone", save_masks=True)
    job(sorted(folder.glob("*.png"), reverse=True), tmp_path / "reversed", save_masks=True)
    job(folder, tmp_path / "pool", RunConfig(workers=2), kill_a_worker, save_masks=True)
    for shard in (1, 2, 3):
        job(folder, tmp_path / "shards", RunConfig(workers=0, shard=Shard(shard, 3)), save_masks=True)
    expected = essence(tmp_path / "alone")
    assert len(expected[0]) == 20 and len(expected[1]) == 10
    for other in ("reversed", "pool", "shards"):
        assert essence(tmp_path / other) == expected, other
    assert len(list((tmp_path / "shards").glob("report.*-of-3.jsonl"))) == 3


def test_a_photo_gives_the_same_wherever_it_lies_in_memory(rendered_photos):
    """Vectorised code may treat the ends of an array otherwise, by its address; OpenCV's distances do."""
    from svhn.torch_inpaint import DigitRemover

    remover = DigitRemover.from_checkpoint(device="cpu")
    rng = np.random.default_rng(0)
    for sample in rendered_photos[:5]:
        results = []
        for _ in range(4):
            held = [np.empty(rng.integers(1, 200_000), np.uint8) for _ in range(5)]
            results.append(remover.remove(sample.photo.copy(), sample.digits))
            del held[::2]
        for other in results[1:]:
            np.testing.assert_array_equal(other.image, results[0].image)
            assert other.numbers == results[0].numbers


def test_metadata_and_pixel_limit(folder, tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    photo = Image.open(folder / "0.png")
    for name in ("0", "1"):
        photo.save(folder / f"{name}.jpg", exif=exif)
    with DigitStruct(folder / "digitStruct.mat") as boxes:
        write_coco(tmp_path / "boxes.json", {"0.jpg": (*photo.size, boxes["0.png"]), "1.jpg": (*photo.size, [])})
    given, boxes = [folder / "0.jpg", folder / "1.jpg"], str(tmp_path / "boxes.json")
    for strip, expected in ((False, "a camera"), (True, None)):
        settings = PhotoConfig(strip_metadata=strip)
        assert job(given, tmp_path / str(strip), boxes=boxes, photo=settings).counts == {"ok": 1, "no_digits": 1}
        found = [Image.open(path).getexif().get(0x0110) for path in (tmp_path / str(strip)).glob("*.jpg")]
        assert found == [expected] * 2
    again = RunConfig(workers=0, resume=True)
    assert job(given, tmp_path / "False", again, boxes=boxes, photo=settings).counts == {"ok": 1, "no_digits": 1}
    exif.get_ifd(0x8825)[2] = (52.0, 30.0, 0.0)
    photo.save(folder / "0.jpg", exif=exif)
    for kept, located in (("keep", 1), ("no-location", 0), ("strip", 0)):
        summary = job(given, tmp_path / kept, boxes=boxes, photo=PhotoConfig(metadata=kept))
        assert summary.located == located and ("say where they were taken" in totals(summary)) == bool(located)
        found = [Image.open(path).getexif() for path in sorted((tmp_path / kept).glob("*.jpg"))]
        assert [bool(tags.get_ifd(0x8825)) for tags in found] == [bool(located), False]
    small = PhotoConfig(max_pixels=photo.width * photo.height - 1)
    assert job(given, tmp_path / "small", boxes=boxes, photo=small).counts == {"error": 2}


def test_bad_photos_are_reported_and_the_batch_goes_on(folder, tmp_path):
    (folder / "2.png").write_bytes(b"")
    (folder / "4.png").write_bytes((folder / "4.png").read_bytes()[:200])
    (folder / "5.png").write_text("no picture")
    Image.new("RGB", (30, 30)).save(folder / "unlisted.png")
    (folder / "7.png").unlink()
    (folder / "7.png").mkdir()
    (folder / "8.png").unlink()
    (folder / "8.png").symlink_to("8.png")
    paths = [folder / f"{i}.png" for i in (0, 2, 4, 5, 8)] + [folder / "missing.png", folder / "unlisted.png"]
    summary = job([*paths, folder / "1.png"], tmp_path / "out", boxes_only=True)
    assert summary.counts == {"ok": 2, "error": 6} and summary.exit_code == 1
    lines = lines_of(tmp_path / "out")
    assert [line["status"] for line in lines] == ["ok"] + ["error"] * 6 + ["ok"]
    for line in lines[1:-1]:
        assert line["photo"] in line["error"] and line["output"] is None
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"0.png", "1.png", "report.jsonl"}


def test_boxes_outside_the_photo_are_an_error(folder, tmp_path):
    width, height = Image.open(folder / "0.png").size
    boxes = [DigitBox(Box(width + 5, 3, width + 20, 30), 4)]
    write_coco(tmp_path / "boxes.json", {"0.png": (width, height, boxes)})
    assert job(folder / "0.png", tmp_path / "out", boxes=str(tmp_path / "boxes.json")).counts == {"error": 1}
    (line,) = lines_of(tmp_path / "out")
    assert "outside" in line["error"] and "0.png" in line["error"]
    assert not (tmp_path / "out" / "0.png").exists()


def test_a_photo_without_digits_is_copied(empty_photos, tmp_path):
    photos = empty_photos(1)
    assert job(photos, tmp_path / "out", save_masks=True).counts == {"no_digits": 1}
    copy = tmp_path / "out" / "000.png"
    assert copy.read_bytes() == (photos / "000.png").read_bytes()
    assert copy.stat().st_mode == (tmp_path / "out" / "report.jsonl").stat().st_mode
    (line,) = lines_of(tmp_path / "out")
    assert line["numbers"] == [] and line["mask"] is None


def test_no_boxes_name_the_cure(folder, tmp_path):
    (folder / "digitStruct.mat").unlink()
    job(folder / "0.png", tmp_path / "out", finder=None)
    assert "--boxes" in lines_of(tmp_path / "out")[0]["error"]


def test_damaged_boxes_beside_the_photos_are_reported_for_each(folder, tmp_path):
    (folder / "digitStruct.mat").write_bytes(b"MATLAB 5.0 MAT-file, and more")
    assert job([folder / "0.png", folder / "1.png"], tmp_path / "out").counts == {"error": 2}
    assert "digitStruct.mat" in lines_of(tmp_path / "out")[0]["error"]


def test_jobs_that_cannot_start(folder, tmp_path):
    with pytest.raises(InputError, match="overwrite"):
        job(folder, folder)
    with pytest.raises(InputError, match="overwrite"):
        (tmp_path / "link").symlink_to(folder)
        job(folder, tmp_path / "link")
    with pytest.raises(InputError, match="nowhere"):
        job(folder, tmp_path / "out", boxes=str(tmp_path / "nowhere.json"))
    with pytest.raises(InputError, match="no finder found"):
        (folder / "digitStruct.mat").rename(tmp_path / "digitStruct.mat")
        job(folder, tmp_path / "out", finder="nothing")
    with pytest.raises(InputError, match="no model found"):
        job(folder, tmp_path / "out", model="nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output folder"):
        job(folder, tmp_path / "file")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_model_stops_the_job_at_the_first_photo(folder, tmp_path, workers):
    (tmp_path / "model.pt").write_bytes(b"no weights")
    with pytest.raises(InputError, match="not a readable checkpoint"):
        job(folder, tmp_path / "out", RunConfig(workers=workers), model=str(tmp_path / "model.pt"))
    assert lines_of(tmp_path / "out") == []


def test_one_photo_that_breaks_the_fill_does_not_take_the_batch_along(folder, tmp_path, monkeypatch):
    from svhn.jobs import cleaning

    broken, remove = read_rgb(folder / "1.png"), cleaning.remove_digits

    def fragile(remover, photo, digits):
        if np.array_equal(photo.rgb, broken):
            raise RuntimeError("out of something")
        return remove(remover, photo, digits)

    monkeypatch.setattr(cleaning, "remove_digits", fragile)
    assert job([folder / f"{i}.png" for i in range(3)], tmp_path / "out").counts == {"ok": 2, "error": 1}
    line = lines_of(tmp_path / "out")[1]
    assert line["status"] == "error" and "out of something" in line["error"] and "1.png" in line["error"]


def test_too_many_failures_stop_the_job(empty_photos, tmp_path):
    photos = empty_photos(60)
    for path in sorted(photos.glob("*.png"))[:30]:
        path.write_bytes(b"")
    summary = job(photos, tmp_path / "out", RunConfig(workers=0, max_failure_rate=0.5))
    assert summary.exit_code == 3 and "max-failure-rate" in summary.stopped
    assert summary.counts == {"error": 20} and len(lines_of(tmp_path / "out")) == 20
    assert job(photos, tmp_path / "all", RunConfig(workers=0, max_failure_rate=0.7)).exit_code == 3
    assert job(photos, tmp_path / "all").counts == {"error": 30, "no_digits": 30}


def test_inpaint_photo(folder, tmp_path):
    photo, mask = folder / "0.png", np.zeros(read_rgb(folder / "0.png").shape[:2], bool)
    mask[5:20, 8:30] = True
    write_mask(tmp_path / "mask.png", mask)
    inpaint_photo(photo, tmp_path / "mask.png", tmp_path / "out.png", device="cpu")
    output = read_rgb(tmp_path / "out.png")
    np.testing.assert_array_equal(output[~mask], read_rgb(photo)[~mask])
    assert (output[mask] != read_rgb(photo)[mask]).any()


def test_grain_can_be_chosen(folder, tmp_path):
    from click.testing import CliRunner

    from svhn.commands import cli

    photo, mask = folder / "0.png", np.zeros(read_rgb(folder / "0.png").shape[:2], bool)
    mask[5:20, 8:30] = True
    write_mask(tmp_path / "mask.png", mask)
    for grain in ("0", "1"):
        arguments = ["inpaint", str(photo), "--mask", str(tmp_path / "mask.png"), "--grain", grain]
        result = CliRunner().invoke(cli, [*arguments, "--output", str(tmp_path / f"{grain}.png"), "--device", "cpu"])
        assert result.exit_code == 0, result.output
    smooth, lively = read_rgb(tmp_path / "0.png"), read_rgb(tmp_path / "1.png")
    fills = [np.abs(np.diff(picture[5:20, 8:30].astype(int), axis=1)).mean() for picture in (smooth, lively)]
    assert fills[1] > fills[0]
    smoothest = inpaint(read_rgb(photo), mask, RemovalConfig(fill=FillConfig(grain=0)), "cpu")
    np.testing.assert_array_equal(smooth, smoothest)


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
            inpaint_photo(photo, tmp_path / mask, output, device="cpu")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.svhn
def test_real_photos(svhn_dir, tmp_path):
    paths = [svhn_dir / "test" / f"{i}.png" for i in range(1, 41)]
    assert job(paths, tmp_path / "out", save_masks=True).counts == {"ok": 40}
    legible = [number["legible_after"] for line in lines_of(tmp_path / "out") for number in line["numbers"]]
    assert sum(legible) <= 0.1 * len(legible)
    for path in paths:
        mask = read_mask(tmp_path / "out" / "masks" / path.name)
        np.testing.assert_array_equal(read_rgb(tmp_path / "out" / path.name)[~mask], read_rgb(path)[~mask])


def test_a_photo_format_of_ones_own_serves_a_job(rendered_photos, tmp_path, monkeypatch):
    from svhn.photos import FORMATS, PillowFormat

    monkeypatch.setattr(FORMATS, "_entries", dict(FORMATS._entries))
    photos = tmp_path / "photos"
    photos.mkdir()
    sample = rendered_photos[0]
    Image.fromarray(sample.photo).save(photos / "0.ppm")
    write_digit_struct(photos / "digitStruct.mat", {"0.ppm": sample.digits})
    with pytest.raises(InputError, match="no photos given or found"):
        job(photos, tmp_path / "out")
    FORMATS.register("PPM", PillowFormat("PPM", (".ppm",)))
    assert job(photos, tmp_path / "out", save_masks=True).counts == {"ok": 1}
    mask, after = read_mask(tmp_path / "out" / "masks" / "0.png"), read_rgb(tmp_path / "out" / "0.ppm")
    np.testing.assert_array_equal(after[~mask], sample.photo[~mask])
    assert (after[mask] != sample.photo[mask]).any()


OPENED = """
import sys
from job_tools import job
opened = []
sys.addaudithook(lambda event, arguments: opened.append(arguments) if event == "open" else None)
summary = job(sys.argv[1:-1], sys.argv[-1])
assert summary.counts == {"ok": 1, "no_digits": 1}, summary.counts
for path, mode, _ in opened:
    if str(path).endswith(".png"):
        print(mode, path)
"""


def test_a_photo_is_read_once_and_written_once(folder, tmp_path):
    """Neither for a hash, nor to decode, nor to copy is a photo or its output opened a second time."""
    with DigitStruct(folder / "digitStruct.mat") as boxes:
        listed = {"0.png": (*Image.open(folder / "0.png").size, boxes["0.png"]), "1.png": (9, 9, [])}
    (folder / "digitStruct.mat").unlink()
    write_coco(folder / "boxes.json", listed)
    photos = [str(folder / name) for name in listed]
    command = [sys.executable, "-c", OPENED, *photos, str(tmp_path / "out")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "helpers")])}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    opened = [line.split(" ", 1) for line in result.stdout.splitlines()]
    # `read_regular_file` opens through an opener of its own: Python announces both, the latter without a mode.
    assert [pair for pair in opened if pair[1] in photos] == [[mode, path] for path in photos for mode in ("r", "None")]
    written = [path for mode, path in opened if path not in photos and mode == "w"]
    assert len(written) == 2 and all(STAGING in path for path in written)
    assert len(opened) == 2 * len(photos) + len(written)

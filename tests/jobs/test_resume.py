"""A job that goes on: what is done again, what is not, and what is left after it was killed at any point."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest
from job_tools import ROOT, command, essence, job, lines_of, whole_lines
from PIL import Image

from svhn.data.formats.coco import write_coco
from svhn.jobs.config import RunConfig, Shard
from svhn.jobs.output.folder import STAGING

pytestmark = pytest.mark.slow

AGAIN = RunConfig(workers=0, resume=True)


def test_only_what_changed_is_done_again(empty_photos, tmp_path):
    photos, out = empty_photos(8), tmp_path / "out"
    for name in ("003.png", "004.png"):
        (photos / name).write_bytes(b"")
    assert job(photos, out).counts == {"no_digits": 6, "error": 2}
    assert job(photos, out, AGAIN).counts == {"unchanged": 6, "error": 2}
    size = (photos / "000.png").stat().st_size
    Image.new("RGB", (24, 16), (77, 40, 90)).save(photos / "000.png")
    assert (photos / "000.png").stat().st_size == size  # only the content tells
    shutil.copy(photos / "001.png", photos / "003.png")  # a failure that was mended
    (out / "002.png").unlink()
    (out / "005.png").write_bytes(b"half")
    shutil.copy(photos / "001.png", photos / "new.png")
    counts = job(photos, out, AGAIN).counts
    assert counts == {"unchanged": 3, "no_digits": 5, "error": 1}  # new.png has no boxes: the finder looks at it
    assert (out / "005.png").read_bytes() == (photos / "005.png").read_bytes()
    assert (out / "000.png").read_bytes() == (photos / "000.png").read_bytes()


def test_changed_boxes_and_settings_are_done_again(folder, tmp_path):
    (folder / "digitStruct.mat").unlink()
    boxes, out = tmp_path / "boxes.json", tmp_path / "out"
    write_coco(boxes, {"0.png": (9, 9, []), "1.png": (9, 9, [])})
    given = [folder / "0.png", folder / "1.png"]
    job(given, out, boxes=str(boxes))
    assert job(given, out, AGAIN, boxes=str(boxes), save_masks=True).counts == {"unchanged": 2}
    shutil.copy(ROOT / "samples" / "boxes.json", tmp_path / "other.json")
    from svhn.boxes import Box, DigitBox

    size = Image.open(folder / "1.png").size
    write_coco(boxes, {"0.png": (9, 9, []), "1.png": (*size, [DigitBox(Box(2, 2, 9, 20), 1)])})
    assert job(given, out, AGAIN, boxes=str(boxes)).counts == {"unchanged": 1, "ok": 1}
    assert job(given, out, AGAIN, boxes=str(boxes), save_masks=True).counts == {"unchanged": 1, "ok": 1}
    from svhn.torch_inpaint.removal.config import FillConfig, RemovalConfig

    coarse = RemovalConfig(fill=FillConfig(steering=0))
    assert job(given, out, AGAIN, boxes=str(boxes), removal=coarse).counts == {"ok": 1, "no_digits": 1}


def test_shards_go_on_from_the_whole_job_and_the_other_way_round(empty_photos, tmp_path):
    photos, out = empty_photos(20), tmp_path / "out"
    job(photos, out)
    for shard in (1, 2):
        summary = job(photos, out, RunConfig(workers=0, resume=True, shard=Shard(shard, 2)))
        assert set(summary.counts) == {"unchanged"}
    assert job(photos, out, AGAIN).counts == {"unchanged": 20}


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_point_and_resumed_equals_an_uninterrupted_job(empty_photos, tmp_path, seed):
    """SIGKILL hits the job, or one of its processes first, at random moments; nothing waits for a good one."""
    rng = random.Random(seed)
    photos, out = empty_photos(120), tmp_path / "out"
    for name in ("010.png", "020.png"):
        (photos / name).write_bytes(b"")
    job(photos, tmp_path / "whole")
    ledger = out / "report.jsonl"
    for _ in range(3):
        process = command(photos, "--output-dir", out, "--workers", "2", "--resume", "--quiet")
        wanted = whole_lines(ledger) + rng.randrange(40)
        while whole_lines(ledger) < wanted and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.02)
        if process.poll() is None:
            (os.killpg if rng.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
        assert all(len(path.read_bytes()) for path in out.glob("*.png"))
    process = command(photos, "--output-dir", out, "--workers", "2", "--resume", "--quiet")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output  # two photos are bad
    assert essence(out) == essence(tmp_path / "whole")
    assert not (out / STAGING).exists()


def test_killed_while_it_removes_digits_and_resumed(folder, tmp_path):
    out = tmp_path / "out"
    job(folder, tmp_path / "whole", save_masks=True)
    process = command(folder, "--output-dir", out, "--workers", "2", "--save-masks")
    while whole_lines(out / "report.jsonl") < 3 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    counts = job(folder, out, AGAIN, save_masks=True).counts
    assert counts["unchanged"] >= 2 and set(counts) <= {"unchanged", "ok"}  # the third may have had its line only
    assert essence(out) == essence(tmp_path / "whole")


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_job_with_whole_results_and_their_exit_code(empty_photos, tmp_path, number, code):
    photos, out = empty_photos(200), tmp_path / "out"
    process = command(photos, "--output-dir", out, "--workers", "2")
    while whole_lines(out / "report.jsonl") < 5 and process.poll() is None:
        time.sleep(0.005)
    os.killpg(process.pid, number)  # as a terminal or Slurm does: every process gets it
    output, _ = process.communicate(timeout=60)
    assert process.returncode == code, output
    lines = lines_of(out)
    assert 5 <= len(lines) < 200 and "--resume" in output and "Traceback" not in output
    assert {path.name for path in out.glob("*.png")} == {line["output"] for line in lines}
    assert not (out / STAGING).exists()
    assert job(photos, out, AGAIN).counts["unchanged"] == len(lines)


def test_a_full_disk_stops_the_job_and_it_goes_on_when_there_is_room(empty_photos, tmp_path):
    """On a real small disk, where this process may mount one."""
    photos, disk = empty_photos(300), tmp_path / "disk"
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size=600k tmpfs {disk} || exit 77
        run="{sys.executable} {ROOT / "cli.py"} remove-digits {photos} --output-dir {disk}/out --workers 1 --quiet"
        dd if=/dev/zero of={disk}/filler bs=1k count=200 status=none
        $run; echo "first $?"
        cp {disk}/out/report.jsonl {tmp_path}/first.jsonl
        find {disk}/out -size 0 -name '*.png'
        rm {disk}/filler
        mount -o remount,size=60m {disk}
        $run --resume; echo "second $?"
        cp -r {disk}/out {tmp_path}/out
    """
    result = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=120)
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("no right to mount a small disk")
    assert "first 3\nsecond 0" in result.stdout and "no space left" in result.stderr.lower()
    first = (tmp_path / "first.jsonl").read_bytes()
    assert first.endswith(b"\n") and 0 < first.count(b"\n") < 300
    job(photos, tmp_path / "whole")
    assert essence(tmp_path / "out") == essence(tmp_path / "whole")

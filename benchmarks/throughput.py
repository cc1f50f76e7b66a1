"""Photos per second of `remove-digits` against decoding and encoding alone: `python -m benchmarks.throughput`.

Two measurements for photos of SVHN's size, 2 and 12 megapixels, with one number each and boxes given:

- work: one photo after the other in this process, removal and floor in turns. The floor is what no tool can do
  without: Pillow decodes the photo into an array and encodes that again with its own quantisation tables.
- jobs: the command as a user starts it, with 1 and 2 workers in turns, its rate once all workers are at work, and the
  memory of all its processes together.

With --photos the command does a real folder once, start included, and every output is decoded and compared with the
ledger. With --many it does so many small photos, to see that memory does not grow with the queue.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image, JpegImagePlugin

from svhn.boxes import DigitBox
from svhn.data.formats import COCO_FILE, write_coco
from svhn.data.render import SyntheticSettings, render_photo
from svhn.files import sha256
from svhn.jobs import OK, JobConfig, PhotoWorker, Task, last_lines
from svhn.jobs.engines import ENVIRONMENT
from svhn.photos import read_rgb
from svhn.runs import RunRecord

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "numpy", "opencv-python-headless", "Pillow")
JPEG_QUALITY, PNG_LEVEL = 92, 3  # the level that `svhn.photos.photo` writes with
NOISE = 8.0  # grey levels, in the larger photos: gives their JPEG files the 4 MB of a phone at 12 megapixels
DIFFERENT = 6
# Name -> photos in a job, tile (width, height), tiles across and down, digit heights; None is as in SVHN.
SETS = {
    "svhn": (400, None, 1, (12.0, 97.0)),
    "2mp": (80, (800, 600), 2, (30.0, 60.0)),
    "12mp": (24, (1000, 750), 4, (60.0, 120.0)),
}


def render(name: str, seed: int) -> tuple[np.ndarray, list[DigitBox]]:
    """Render one photo of a set: a scene with a number, surrounded by copies of it without one."""
    _, size, tiles, heights = SETS[name]
    sample = render_photo(seed, SyntheticSettings(size=size, digit_height=heights))
    if tiles == 1:
        return sample.photo, sample.digits
    photo = np.tile(sample.clean, (tiles, tiles, 1))
    left, top = size[0] * (tiles // 2), size[1] * (tiles // 2)
    photo[top : top + size[1], left : left + size[0]] = sample.photo
    noise = np.random.default_rng(seed).normal(0, NOISE, photo.shape)
    photo = np.clip(photo + noise, 0, 255).astype(np.uint8)
    return photo, [DigitBox(digit.box.shift(left, top), digit.label) for digit in sample.digits]


def make_set(folder: Path, name: str, count: int) -> list[Path]:
    """Write a few different photos under many names, with their boxes."""
    folder.mkdir(parents=True)
    suffix = "png" if name == "svhn" else "jpg"
    rendered = [render(name, seed) for seed in range(min(count, 40 if name == "svhn" else DIFFERENT))]
    boxes, paths = {}, []
    for number in range(count):
        photo, digits = rendered[number % len(rendered)]
        path = folder / f"{number:05}.{suffix}"
        if number < len(rendered):
            options = {"compress_level": PNG_LEVEL} if suffix == "png" else {"quality": JPEG_QUALITY}
            Image.fromarray(photo).save(path, **options)
        else:
            path.hardlink_to(paths[number % len(rendered)])
        boxes[path.name] = (photo.shape[1], photo.shape[0], digits)
        paths.append(path)
    write_coco(folder / COCO_FILE, boxes)
    return paths


def recode(path: Path, output: Path) -> None:
    """The floor: decode a photo into an array and encode the array again, as the file was encoded."""
    with Image.open(path) as image:
        pixels, format = np.array(image), image.format
        options = {"compress_level": PNG_LEVEL}
        if format == "JPEG":
            options = {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
    Image.fromarray(pixels).save(output, format=format, **options)


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - processor


def measure_work(paths: list[Path], scratch: Path, rounds: int) -> dict:
    """Return seconds per photo of removal and floor, and their ratios, photo by photo in turns."""
    worker = PhotoWorker(JobConfig(str(scratch / "out")))
    worker(Task(str(paths[0]), "warm"))
    floor, full = [], []
    for path in paths[:DIFFERENT] * rounds:
        floor.append(timed(lambda path=path: recode(path, scratch / "floor")))
        full.append(timed(lambda path=path: worker(Task(str(path), path.name))))
    floor, full = np.array(floor), np.array(full)
    names = ("clock", "processor")
    return {
        "photos": len(floor),
        "floor_seconds": dict(zip(names, np.median(floor, axis=0).round(4).tolist(), strict=True)),
        "removal_seconds": dict(zip(names, np.median(full, axis=0).round(4).tolist(), strict=True)),
        "ratio": dict(zip(names, np.median(full / floor, axis=0).round(3).tolist(), strict=True)),
    }


class MemoryWatch(threading.Thread):
    """Notes the largest memory of a process and its children while it runs, in MB.

    `resident` counts memory that processes share once for each of them, `proportional` once in all.
    """

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self.pid, self.resident, self.proportional = pid, 0.0, 0.0
        self.start()

    def run(self) -> None:
        while os.path.exists(f"/proc/{self.pid}/stat"):
            sizes = [_memory(pid) for pid in [self.pid, *_descendants(self.pid)]]
            self.resident = max(self.resident, sum(resident for resident, _ in sizes) / 1e6)
            self.proportional = max(self.proportional, sum(proportional for _, proportional in sizes) / 1e6)
            time.sleep(0.2)


def _memory(pid: int) -> tuple[int, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    values = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
    return values.get("Rss", 0), values.get("Pss", 0)


def _descendants(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [other for child in map(int, children) for other in (child, *_descendants(child))]


def run_job(photos: Path, output: Path, workers: int) -> dict:
    """Run the command once and return its rates, memory and processor seconds."""
    command = [sys.executable, str(ROOT / "cli.py"), "remove-digits", str(photos), "--output-dir", str(output)]
    began = time.perf_counter()
    before = os.times()
    process = subprocess.Popen([*command, "--workers", str(workers), "--json"], stdout=subprocess.PIPE, text=True)
    watch = MemoryWatch(process.pid)
    lines = [json.loads(line) for line in process.stdout]
    code, after = process.wait(), os.times()
    seconds = time.perf_counter() - began
    *lines, summary = lines
    ends = sorted(datetime.datetime.fromisoformat(line["finished"]).timestamp() for line in lines)
    skip = 2 * workers
    size = sum(Path(line["photo"]).stat().st_size for line in lines)
    rate = (len(ends) - skip) / (ends[-1] - ends[skip - 1])
    return {
        "photos": len(lines),
        "removed": summary["summary"]["removed"],
        "exit_code": code,
        "seconds": round(seconds, 2),
        "photos_per_second": round(rate, 2),
        "photos_per_second_with_start": round(len(lines) / seconds, 2),
        "megabytes_per_second": round(rate * size / len(lines) / 1e6, 2),
        "processor_seconds": round(sum(after[2:4]) - sum(before[2:4]), 1),
        "peak_megabytes": {"resident": round(watch.resident), "proportional": round(watch.proportional)},
    }


def measure_jobs(photos: Path, scratch: Path, rounds: int, workers: tuple[int, ...] = (1, 2)) -> dict:
    """Return what `run_job` says for each number of workers, in turns, and how much faster two are than one."""
    runs = {count: [] for count in workers}
    for turn in range(rounds):
        for count in workers if turn % 2 else reversed(workers):
            runs[count].append(run_job(photos, scratch / f"out-{count}-{turn}", count))
    result = {str(count): {"runs": found} for count, found in runs.items()}
    for count, found in runs.items():
        result[str(count)]["photos_per_second"] = median(run["photos_per_second"] for run in found)
    pairs = zip(runs[workers[-1]], runs[workers[0]], strict=True)
    ratios = [more["photos_per_second"] / one["photos_per_second"] for more, one in pairs]
    return result | {"speedup": round(median(ratios), 3)}


def check_results(photos: list[Path], output: Path) -> dict:
    """Compare a job's outputs with its photos and its ledger: nothing lost, nothing half-written."""
    lines = last_lines(str(output))
    wrong = []
    for path in photos:
        line = lines.get(str(path))
        written = output / path.name
        good = line is not None and line.status == OK and sha256(written) == line.output_sha256
        if not good or read_rgb(written).shape != read_rgb(path).shape:
            wrong.append(path.name)
    return {"photos": len(photos), "lines": len(lines), "wrong": wrong}


def measure_folder(photos: Path, scratch: Path, workers: int) -> dict:
    """Do a real folder once and check all results."""
    output = scratch / "out-real"
    found = sorted(photos.glob("*.png"))
    return run_job(photos, output, workers) | {"check": check_results(found, output)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=SETS)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default 3)")
    parser.add_argument("--photos", type=Path, help="a folder of real photos with their digitStruct.mat")
    parser.add_argument("--many", type=int, default=0, help="small photos in one job, for its memory")
    parser.add_argument("--workers", type=int, default=2, help="of --photos and --many (default 2)")
    parser.add_argument("--output", help="write a record to this JSON file")
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in ENVIRONMENT.items()):  # as in a worker, from the start on
        os.execve(sys.executable, sys.orig_argv, os.environ | ENVIRONMENT)
    metrics = {"load_average_before": os.getloadavg()}
    with tempfile.TemporaryDirectory(prefix="svhn-") as folder:
        for name in options.sets:
            scratch = Path(folder) / name
            paths = make_set(scratch / "photos", name, SETS[name][0])
            work = measure_work(paths, scratch, options.rounds)
            print(f"{name}: {json.dumps(work)}", flush=True)
            jobs = measure_jobs(scratch / "photos", scratch, options.rounds)
            print(f"{name}: {json.dumps(jobs)}", flush=True)
            metrics[name] = {"work": work, "jobs": jobs}
        if options.photos:
            metrics["real"] = measure_folder(options.photos, Path(folder), options.workers)
            print(f"real: {json.dumps(metrics['real'])}", flush=True)
        if options.many:
            make_set(Path(folder) / "many", "svhn", options.many)
            metrics["many"] = run_job(Path(folder) / "many", Path(folder) / "out-many", options.workers)
            print(f"many: {json.dumps(metrics['many'])}", flush=True)
    if options.output:
        settings = {"rounds": options.rounds, "workers": options.workers, "jpeg_quality": JPEG_QUALITY}
        record = RunRecord.new("throughput", settings, {"source": "rendered photos, SVHN for 'real'"}, PACKAGES)
        record.metrics = metrics | {"load_average": os.getloadavg()}
        record.write(options.output)


if __name__ == "__main__":
    main()

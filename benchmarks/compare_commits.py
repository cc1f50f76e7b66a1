"""Time of `remove-digits` in two checkouts, in turns: `python -m benchmarks.compare_commits BEFORE PHOTOS`.

BEFORE is the folder of the other checkout (`git worktree add BEFORE COMMIT`), PHOTOS a folder with a digitStruct.mat.
Each round runs the command in both, with boxes given and found, one worker in its own process and one thread. The
processor's seconds of the whole process are compared, start included; the ratio is taken round by round.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from svhn.jobs.engines import ENVIRONMENT
from svhn.runs import RunRecord

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "numpy", "opencv-python-headless", "onnxruntime")
BOXES = "digitStruct.mat"


def processor_seconds(checkout: Path, photos: Path, output: Path) -> float:
    """Run the command of a checkout once and return the processor's seconds of its process."""
    command = [sys.executable, str(checkout / "cli.py"), "remove-digits", str(photos), "--output-dir", str(output)]
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": str(checkout)}
    process = subprocess.Popen([*command, "--workers", "0", "--quiet"], cwd=checkout, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{checkout}: remove-digits ended with status {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime


def copy_photos(photos: Path, folder: Path, count: int, boxes: bool) -> Path:
    """Return a folder with the first photos, and with their boxes if these are wanted."""
    folder.mkdir()
    for number in range(1, count + 1):
        shutil.copy(photos / f"{number}.png", folder)
    if boxes:
        shutil.copy(photos / BOXES, folder)
    return folder


def compare(before: Path, photos: Path, scratch: Path, rounds: int) -> dict:
    """Return the seconds of both checkouts in every round, and the median of their ratios."""
    seconds: dict[str, list[float]] = {"before": [], "after": []}
    checkouts = [("before", before), ("after", ROOT)]
    for turn in range(rounds + 1):
        for name, checkout in checkouts if turn % 2 else reversed(checkouts):
            taken = processor_seconds(checkout, photos, scratch / f"{photos.name}-{name}-{turn}")
            if turn:  # the first round fills the caches of files
                seconds[name].append(round(taken, 2))
    ratios = [after / old for old, after in zip(seconds["before"], seconds["after"], strict=True)]
    return {"seconds": seconds, "after_over_before": round(median(ratios), 3)}


def git_commit(checkout: Path) -> str:
    """Return the commit that is checked out in a folder."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("before", type=Path, help="folder of the other checkout")
    parser.add_argument("photos", type=Path, help="folder with 1.png, 2.png, ... and digitStruct.mat")
    parser.add_argument("--count", type=int, default=120, help="photos in a job (default 120)")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each (default 4)")
    parser.add_argument("--output", help="write a record to this JSON file")
    options = parser.parse_args()
    metrics = {"commit_before": git_commit(options.before), "load_average_before": os.getloadavg()}
    with tempfile.TemporaryDirectory(prefix="svhn-") as folder:
        for name in ("given", "found"):
            chosen = copy_photos(options.photos, Path(folder) / name, options.count, boxes=name == "given")
            metrics[name] = compare(options.before.resolve(), chosen, Path(folder), options.rounds)
            print(name, metrics[name], flush=True)
    if options.output:
        settings = {"count": options.count, "rounds": options.rounds}
        record = RunRecord.new("compare-commits", settings, {"source": str(options.photos.name)}, PACKAGES)
        record.metrics = metrics | {"load_average": os.getloadavg()}
        record.write(options.output)


if __name__ == "__main__":
    main()

"""The page's API under load: many clients at once, what they are answered, how fast, and what memory that takes.

    python -m benchmarks.web_load --output benchmarks/records/web-load.json

Each client sends a photo to `/api/remove`, waits for the answer, and sends the next one. Who is told to come back later
(429) waits as long as it was told, and up to half as long again so that not all come back at once.
"""

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx
import numpy as np

from svhn.data.render import render_photo
from svhn.photos import encode_rgb
from svhn.runs import RunRecord

ROOT = Path(__file__).parents[1]
PACKAGES = ("fastapi", "uvicorn", "torch", "opencv-python-headless", "onnxruntime")
START_SECONDS = 120
MIB = 1 << 20
SEED = 7
PARTS = 5  # of the time; memory of the second one and of the last are compared


@dataclass
class Seen:
    """What the clients saw: statuses, and the seconds of photos that were made."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, status: int | str, seconds: float) -> None:
        with self.lock:
            self.statuses[status] += 1
            if status == 200:
                self.seconds.append(seconds)


@contextlib.contextmanager
def server(processes: int) -> Iterator[tuple[str, int]]:
    """Start `svhn serve` on a free port; yield its address and its process number."""
    command = [sys.executable, "-m", "svhn", "serve", "--port", "0", "--processes", str(processes)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[0], process.pid
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def resident(process: int) -> int:
    """Return the resident bytes of a process and of those that it started."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if int(status.parent.name) == process or int(fields[1]) == process:
                total += int((status.parent / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def ask(address: str, content: bytes, until: float, seen: Seen) -> None:
    """Be one client until it is time to stop."""
    with httpx.Client(timeout=START_SECONDS) as client:
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                answer = client.post(f"{address}api/remove", files={"photo": ("photo.png", content)})
            except httpx.HTTPError as error:
                seen.count(type(error).__name__, 0.0)
                continue
            seen.count(answer.status_code, time.monotonic() - began)
            if answer.status_code == 429:
                pause = float(answer.headers["Retry-After"]) * random.uniform(1, 1.5)
                time.sleep(max(0.0, min(pause, until - time.monotonic())))


@click.command()
@click.option("--processes", default=2, show_default=True, help="Of the server.")
@click.option("--clients", default=50, show_default=True)
@click.option("--seconds", default=60, show_default=True)
@click.option("--output", required=True, type=click.Path(path_type=Path))
def main(processes: int, clients: int, seconds: int, output: Path) -> None:
    """Measure, print, and write the record."""
    photo = render_photo(SEED).photo
    content, seen, memory = encode_rgb(photo), Seen(), []
    settings = {"photo": photo.shape, "seed": SEED, "processes": processes, "clients": clients, "seconds": seconds}
    with server(processes) as (address, process):
        httpx.post(f"{address}api/remove", files={"photo": ("photo.png", content)}, timeout=START_SECONDS)
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=ask, args=(address, content, until, seen)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            memory.append(resident(process) / MIB)
            time.sleep(1)
        for thread in threads:
            thread.join()
    part = len(memory) // PARTS
    metrics = {
        "clients": clients,
        "processes": processes,
        "statuses": {str(status): count for status, count in sorted(seen.statuses.items(), key=str)},
        "photos_per_second": len(seen.seconds) / seconds,
        "median_seconds": float(np.median(seen.seconds)),
        "p99_seconds": float(np.quantile(seen.seconds, 0.99)),
        "memory_mib": {
            "early": float(np.median(memory[part : 2 * part])),
            "late": float(np.median(memory[-part:])),
            "most": max(memory),
        },
    }
    click.echo(metrics)
    record = RunRecord.new("benchmarks.web_load", settings, {"source": "svhn.data.render"}, PACKAGES)
    record.metrics |= metrics
    record.write(output)


if __name__ == "__main__":
    main()

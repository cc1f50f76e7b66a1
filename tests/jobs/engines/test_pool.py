"""Worker processes that die, hang and are stopped: each photo costs only itself."""

import os
import signal
import time

import pytest
from job_tools import ROOT, job, lines_of

from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.jobs.config import JobConfig, RunConfig, Shard
from svhn.jobs.engines.pool import MOST_FAILED_STARTS, TRIES, Pool, default_workers
from svhn.jobs.engines.stages import Stage
from svhn.jobs.output.folder import STAGING
from svhn.jobs.tasks import CannotStart, Task

pytestmark = pytest.mark.slow

# Stands in for a decoder that crashes or never ends: what a worker process does as soon as it opens such a photo.
POISON = """
import os, signal, sys, time

def hook(event, arguments):
    name = str(arguments[0]) if event == "open" else ""
    if "deadly" in name or ("unlucky" in name and not os.path.exists(MARK)):
        open(MARK, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    if "endless" in name:
        time.sleep(1000)

MARK = {mark!r}
if "--multiprocessing-fork" in sys.argv:
    sys.addaudithook(hook)
"""


@pytest.fixture
def poisoned(tmp_path, monkeypatch, empty_photos):
    """Make photos without digits, and some at which a worker dies or hangs, by what is in their names."""

    def make(count, *names):
        photos = empty_photos(count)
        for name in names:
            (photos / name).write_bytes((photos / "000.png").read_bytes())
        write_coco(photos / "boxes.json", {path.name: (24, 16, []) for path in photos.glob("*.png")})
        return photos

    (tmp_path / "sitecustomize.py").write_text(POISON.format(mark=str(tmp_path / "mark")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    return make


def orders(photos):
    return [(Task(str(path), path.name), None) for path in sorted(photos.glob("*.png"))]


def names_of_failed(lines):
    return {os.path.basename(line.photo) for line in lines if line.error}


def run(photos, output, workers=2, max_seconds=600.0):
    with Pool(JobConfig(str(output)), workers, max_seconds=max_seconds) as pool:
        return list(pool.run(orders(photos)))


def test_a_worker_that_dies_once_costs_nothing(poisoned, tmp_path):
    photos = poisoned(6, "003-unlucky.png")
    lines = run(photos, tmp_path / "out")
    assert len(lines) == 7 and (tmp_path / "mark").exists()
    assert names_of_failed(lines) == set()


@pytest.mark.parametrize("workers", [1, 2])
def test_photos_that_kill_workers_are_set_aside_whatever_their_number(poisoned, tmp_path, workers):
    deadly = [f"00{number}-deadly.png" for number in range(MOST_FAILED_STARTS // TRIES + 1)]
    lines = run(poisoned(8, *deadly), tmp_path / "out", workers)
    assert len(lines) == 8 + len(deadly)
    assert names_of_failed(lines) == set(deadly)
    assert all("SIGKILL" in line.error for line in lines if "deadly" in line.photo)
    assert len(list((tmp_path / "out" / STAGING).rglob("*.png"))) == 8
    assert "deadly" not in "".join(line.photo for line in lines[: 8 - workers])  # they come after all others


def test_a_photo_that_takes_too_long_is_ended_from_outside(poisoned, tmp_path):
    began = time.monotonic()
    lines = run(poisoned(4, "000-endless.png"), tmp_path / "out", workers=1, max_seconds=2)
    assert time.monotonic() - began < 60
    assert names_of_failed(lines) == {"000-endless.png"}
    (error,) = (line.error for line in lines if "endless" in line.photo)
    assert error.endswith("000-endless.png: took more than 2 seconds; allow more with --max-seconds")
    assert len(list((tmp_path / "out" / STAGING).rglob("*.png"))) == 4


def test_workers_that_never_live_end_the_job(empty_photos, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os, sys\nif '--multiprocessing-fork' in sys.argv: os._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    with pytest.raises(InputError, match=r"(?s)died before they could do a photo \(exit code 7\).*--workers"):
        job(empty_photos(20), tmp_path / "out", RunConfig(workers=2))
    assert lines_of(tmp_path / "out") == []


def test_a_worker_that_dies_while_it_loads_is_no_photos_fault(empty_photos, tmp_path):
    pool = Pool(JobConfig(str(tmp_path / "out")), 1)
    (order,) = orders(empty_photos(1))
    with pool:
        for _ in range(MOST_FAILED_STARTS - 1):
            pool._feed(iter([order]))
            pool.processes[0].stage = Stage.LOADING
            pool.processes[0].kill()
            assert list(pool._bury(pool.processes[0])) == [] and pool.back.pop() == order
        pool._feed(iter([order]))
        pool.processes[0].kill()
        with pytest.raises(CannotStart, match="SIGKILL"):
            list(pool._bury(pool.processes[0]))


def test_when_a_job_stops_what_is_being_fetched_is_let_go(poisoned, tmp_path):
    photos = poisoned(1, "001-endless.png")
    with Pool(JobConfig(str(tmp_path / "out")), 1) as pool:
        began, lines = time.monotonic(), []
        for line in pool.run(orders(photos), stopping=lambda: bool(lines)):
            lines.append(line)
    assert time.monotonic() - began < 60
    assert [os.path.basename(line.photo) for line in lines] == ["000.png"]
    assert pool.processes == []


@pytest.mark.parametrize("limit, workers", [(None, 8), (1 << 40, 8), (3 << 29, 3), (1 << 20, 1)])
def test_as_many_workers_as_cores_and_memory_allow(limit, workers, monkeypatch):
    monkeypatch.setattr("svhn.jobs.engines.pool.available_cores", lambda: 8)
    monkeypatch.setattr("svhn.jobs.engines.pool.memory_limit", lambda: limit)
    assert default_workers() == workers


def test_work_in_flight_is_bounded_and_the_pool_lets_go_of_its_workers(empty_photos, tmp_path):
    taken = []

    def watched():
        for order in orders(photos):
            taken.append(order)
            yield order

    photos = empty_photos(40)
    with Pool(JobConfig(str(tmp_path / "out")), 2) as pool:
        for done, _ in enumerate(pool.run(watched()), start=1):
            assert len(taken) <= done + 2 * 2
    assert len(taken) == 40 and all(worker.process.exitcode == 0 for worker in pool.processes)


def test_a_closed_pool_kills_what_is_under_way(empty_photos, tmp_path):
    with Pool(JobConfig(str(tmp_path / "out")), 1) as pool:
        next(pool.run(orders(empty_photos(40))))
    assert [worker.process.exitcode for worker in pool.processes] == [-signal.SIGKILL]


def test_more_workers_than_photos_do_no_harm(empty_photos, tmp_path):
    summary = job(empty_photos(3), tmp_path / "out", RunConfig(workers=9))
    assert summary.counts == {"no_digits": 3} and len(lines_of(tmp_path / "out")) == 3


def test_an_empty_part_is_done_at_once(empty_photos, tmp_path):
    photos = empty_photos(1)
    counts = [job(photos, tmp_path / "out", RunConfig(workers=2, shard=Shard(i, 4))).photos for i in (1, 2, 3, 4)]
    assert sorted(counts) == [0, 0, 0, 1] and len(lines_of(tmp_path / "out")) == 1

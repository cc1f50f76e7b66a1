import os

import pytest
from job_tools import job, lines_of

from svhn.errors import InputError
from svhn.jobs.config import JobConfig, RunConfig, Shard
from svhn.jobs.engines.pool import MOST_DEATHS, Pool
from svhn.jobs.tasks import Task

pytestmark = pytest.mark.slow


class Deadly(Pool):
    """A pool whose workers are killed as soon as they are about to do a certain photo, a number of times."""

    def __init__(self, *arguments, victim, times):
        super().__init__(*arguments)
        self.victim, self.times = victim, times

    def _send(self, worker, order):
        if self.dooms(order):
            worker.orders.append(order)  # it never arrives, so that no worker is done with it before the blow
        else:
            super()._send(worker, order)
        self.strike(worker)

    def _receive(self, worker):
        yield from super()._receive(worker)
        self.strike(worker)

    def dooms(self, order):
        return order[0].photo.endswith(self.victim) and self.times > 0

    def strike(self, worker):
        if worker.orders and self.dooms(worker.orders[0]):
            self.times -= 1
            worker.process.kill()


def orders(photos):
    return [(Task(str(path), path.name), None) for path in sorted(photos.glob("*.png"))]


@pytest.mark.parametrize("times, failed", [(1, set()), (9, {"005.png"})])
def test_a_worker_that_dies_costs_at_most_its_photo(empty_photos, tmp_path, times, failed):
    photos = empty_photos(12)
    pool = Deadly(JobConfig(str(tmp_path / "out")), 2, victim="005.png", times=times)
    with pool:
        lines = list(pool.run(orders(photos)))
    assert len(lines) == 12
    assert {os.path.basename(line.photo) for line in lines if line.error} == failed
    assert all("SIGKILL" in line.error for line in lines if line.error)
    assert len(list((tmp_path / "out").glob("*.png"))) == 12 - len(failed)


def test_workers_that_never_live_end_the_job(empty_photos, tmp_path):
    pool = Deadly(JobConfig(str(tmp_path / "out")), 2, victim=".png", times=99)
    with pytest.raises(InputError, match="--workers"), pool:
        list(pool.run(orders(empty_photos(40))))
    assert 99 - pool.times >= MOST_DEATHS


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
    assert not any(worker.process.is_alive() for worker in pool.processes)


def test_more_workers_than_photos_do_no_harm(empty_photos, tmp_path):
    summary = job(empty_photos(3), tmp_path / "out", RunConfig(workers=9))
    assert summary.counts == {"no_digits": 3} and len(lines_of(tmp_path / "out")) == 3


def test_an_empty_part_is_done_at_once(empty_photos, tmp_path):
    photos = empty_photos(1)
    counts = [job(photos, tmp_path / "out", RunConfig(workers=2, shard=Shard(i, 4))).photos for i in (1, 2, 3, 4)]
    assert sorted(counts) == [0, 0, 0, 1] and len(lines_of(tmp_path / "out")) == 1

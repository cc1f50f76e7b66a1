"""The engine: places, time, and processes that are replaced."""

import socket
import threading
import time

import httpx
import pytest
from hanging_worker import answer_by_name
from web_server import served

from svhn.errors import InputError
from svhn.jobs import JobConfig
from svhn.jobs.single import AskedPhoto
from svhn.web import Busy, Engine, WebConfig, run_server
from svhn.web.engine import TooLong, WorkerDied
from svhn.web.work import Find


def test_who_finds_no_place_is_told_when_to_come_back():
    engine = Engine(JobConfig(), WebConfig(queue=1, processes=1))
    with engine.place(), engine.place():
        with pytest.raises(Busy) as told, engine.place():
            pass
        assert told.value.retry_after >= 1
    with engine.place():
        assert engine.taken == 1


@pytest.fixture(scope="module")
def content(reviewed):
    return (reviewed / "a.png").read_bytes()


@pytest.fixture(scope="module")
def narrow(content):
    """The address of a server with two places and limits that the photo is beyond."""
    with served(config=WebConfig(photo_pixels=100, max_bytes=len(content) + 1000, queue=1)) as address:
        yield address


IN_PARTS = {"Content-Type": "multipart/form-data; boundary=x"}


def test_limits_of_bytes_and_pixels(narrow, content):
    answer = httpx.post(f"{narrow}/api/find", files={"photo": ("a.png", content)}, timeout=60)
    assert answer.status_code == 422 and "pixels" in answer.json()["detail"]
    large = content + bytes(2000)
    assert httpx.post(f"{narrow}/api/find", files={"photo": ("a.png", large)}).status_code == 413

    def in_pieces():
        yield b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
        yield from (large[place : place + 512] for place in range(0, len(large), 512))

    answer = httpx.post(f"{narrow}/api/find", content=in_pieces(), headers=IN_PARTS)
    assert answer.status_code == 413 and "--max-bytes" in answer.json()["detail"]


def test_a_full_queue_answers_429(narrow, content):
    """Its places are taken by requests whose bodies do not end."""
    hold = threading.Event()

    def never_ending():
        yield b"--x\r\n"
        hold.wait(20)

    def post():
        httpx.post(f"{narrow}/api/find", content=never_ending(), headers=IN_PARTS, timeout=30)

    holders = [threading.Thread(target=post) for _ in range(2)]
    for holder in holders:
        holder.start()
    while httpx.get(f"{narrow}/api/health").json()["taken"] < 2:
        time.sleep(0.01)
    answer = httpx.post(f"{narrow}/api/find", files={"photo": ("a.png", content)})
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
    hold.set()
    for holder in holders:
        holder.join()
    assert httpx.get(f"{narrow}/api/health").json()["taken"] == 0


def test_a_port_that_is_taken_is_told_of_with_its_cure():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="choose another --host or"):
        run_server(WebConfig(port=taken.getsockname()[1]))


def test_a_photo_that_hangs_or_kills_costs_its_own_answer(monkeypatch):
    """Its process is replaced, and the next photo is answered."""
    monkeypatch.setattr("svhn.web.engine.serve", answer_by_name)
    engine = Engine(JobConfig(), WebConfig(max_seconds=0.5))
    engine.start()
    try:
        for name, error in (("hang", TooLong), ("die", WorkerDied), ("fail", RuntimeError), ("refuse", InputError)):
            with pytest.raises(error):
                engine.ask(Find(AskedPhoto(name, b""))).result(60)
            assert engine.ask(Find(AskedPhoto("fine", b""))).result(60) == "fine"
    finally:
        engine.stop()

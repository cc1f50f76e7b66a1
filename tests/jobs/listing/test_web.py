"""Folders on a web server: what their pages link to, and names that stay inside any folder."""

import http.server
import threading

import pytest
from job_tools import job

from svhn.errors import InputError
from svhn.jobs.listing import web
from svhn.jobs.listing.sources import list_photos
from svhn.jobs.listing.web import list_web_folder, name_below

BASE = "http://host/photos/"


@pytest.fixture
def pages(monkeypatch):
    """Pages by URL, read without a network."""
    found = {}

    def read(url, max_bytes, seconds):
        if url not in found or seconds <= 0:
            raise InputError(f"{url}: not there")
        return found[url].encode()

    monkeypatch.setattr(web, "read_bytes", read)
    return found


def linking(*links):
    return "".join(f'<p><a class="x" href="{link}">photo</a>' for link in links)


def test_links_below_the_folder_are_its_files(pages):
    pages[BASE] = linking(
        "b.png", "/photos/a.png#top", BASE + "c.png?size=2", "../up.png", "http://other/d.png", "sub/", ""
    )
    pages[BASE + "sub/"] = linking("e.png", "../", "./", "a%20b.png")
    files = [BASE + name for name in ("a.png", "b.png", "c.png?size=2")]
    assert list_web_folder("http://host/photos", False, 10) == files
    assert list_web_folder(BASE, True, 10) == [*files, BASE + "sub/a%20b.png", BASE + "sub/e.png"]


def test_what_is_no_page_has_no_links(pages):
    pages[BASE] = "\x89PNG\r\n\x1a\n<a <<< href=\xff"
    assert list_web_folder(BASE, True, 10) == []


def test_a_maze_of_folders_ends(pages, monkeypatch):
    monkeypatch.setattr(web, "MOST_PAGES", 5)
    for depth in range(9):
        pages[BASE + "x/" * depth] = linking("x/", "../")
    with pytest.raises(InputError, match=r"^http://host/photos/: more than 5 folders"):
        list_web_folder(BASE, True, 10)
    with pytest.raises(InputError, match="not there"):
        list_web_folder(BASE, True, 0)


@pytest.mark.parametrize(
    "below, name",
    [
        ("a.png", "a.png"),
        ("sub/a%20b.png?token=1&x=/../y", "sub/a b.png"),
        ("caf%C3%A9.png", "café.png"),
        ("a/%2e%2e/%2E%2E/b.png", "a/%2e%2e/%2E%2E/b.png"),
        ("..%2f..%2fb.png", "..%2f..%2fb.png"),
        ("..%5cb.png", "..%5cb.png"),
        ("%00.png", "%00.png"),
        ("%1b[31m.png", "%1b[31m.png"),
    ],
)
def test_names_are_readable_where_that_is_safe(below, name):
    assert name_below(BASE + below, BASE) == name


class Server(http.server.BaseHTTPRequestHandler):
    """A folder of photos, one of which the server cannot give out."""

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.send_error(405)

    def do_GET(self):
        if self.path == "/photos/":
            self.answer(linking("000.png", "bad.png", "%2e%2e/out.png").encode(), "text/html")
        elif self.path.endswith(("000.png", "out.png")):
            self.answer(self.server.photo, "image/png")
        else:
            self.send_error(500 if self.path.endswith("bad.png") else 404)

    def answer(self, content, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(empty_photos):
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install aiohttp")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as running:
        running.photo = (empty_photos(1) / "000.png").read_bytes()
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_a_job_on_a_web_folder(server, tmp_path):
    assert [photo.name for photo in list_photos([f"{server}/photos/"])] == ["%2e%2e/out.png", "000.png", "bad.png"]
    summary = job([f"{server}/photos/", f"{server}/bad.png"], tmp_path / "deep" / "out", min_confidence=0.99)
    assert summary.counts == {"no_digits": 2, "error": 2}
    assert not list((tmp_path / "deep").glob("*.png")) and len(list((tmp_path / "deep").rglob("*.png"))) == 2

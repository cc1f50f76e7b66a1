import base64
import io
import re
from html.parser import HTMLParser

import pytest
from job_tools import job
from PIL import Image

from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.jobs.config import RunConfig, Shard
from svhn.jobs.page import doubt, write_page
from svhn.jobs.tasks import RemovedNumber, ReportLine


class Outline(HTMLParser):
    """Collects the tags that are open at the end, and everything a browser would load."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.loads += [value for name, value in attributes if name in ("src", "href", "data", "srcset")]
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(folder, tmp_path):
    """The page about a job in two shards with six changed photos, one without digits, and two kinds of failure."""
    from svhn.data.formats.digit_struct import DigitStruct

    with DigitStruct(folder / "digitStruct.mat") as boxes:
        listed = {f"{i}.png": (*Image.open(folder / f"{i}.png").size, boxes[f"{i}.png"]) for i in range(9)}
    (folder / "digitStruct.mat").unlink()
    write_coco(folder / "boxes.json", {**listed, "6.png": (9, 9, []), "<b>&.png": (9, 9, [])})
    for name in ("7.png", "8.png", "<b>&.png"):
        (folder / name).write_bytes(b"")
    for shard in (1, 2):
        job(folder, tmp_path / "out", RunConfig(workers=0, shard=Shard(shard, 2)), boxes_only=True)
    return write_page(str(tmp_path / "out")).read_text(encoding="utf-8")


def test_the_page_tells_everything_and_loads_nothing(page):
    outline = Outline(page)
    assert outline.open == [] and all(url.startswith("data:image/jpeg;base64,") for url in outline.loads)
    assert "http" not in re.sub(r"http-equiv", "", page) and "@import" not in page and "url(" not in page
    found = {name: int(count) for count, name in re.findall(r"<li><b>(\d+)</b>([a-z ]+)</li>", page)}
    assert found["photos"] == 11 and found["removed"] == 6 and found["nothing found"] == 1 and found["failed"] == 4
    assert "the file is empty" in page and "no boxes; give them" in page
    assert "<b>&.png" not in page and "&lt;b&gt;&amp;.png" in page
    assert page.count('type="range"') == 6 and len(outline.loads) == 2 * 6 + 1 + 1
    for url in outline.loads:
        picture = Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1])))
        assert picture.format == "JPEG" and picture.width <= 360 and picture.height <= 270
    assert "original photos" in page and page.count('class="digit"') >= 6
    assert page.count('type="checkbox"') == 1 + 6 + 1 + 4


def line(before, sure, after, still, legible=False):
    return ReportLine("photo.png", numbers=(RemovedNumber([], before, sure, after, still, 0, legible),))


def test_doubt_puts_legible_digits_first_then_unsure_ones():
    legible = line("12", [0.99, 0.99], "15", [0.6, 0.2], legible=True)
    unsure = line("12", [0.99, 0.3], "45", [0.2, 0.2])
    almost = line("12", [0.99, 0.99], "15", [0.45, 0.9])
    fine = line("12", [0.99, 0.99], "45", [0.9, 0.9])
    assert doubt(legible) > 1 > doubt(unsure) > doubt(almost) > doubt(fine) > doubt(ReportLine("photo.png")) == 0


def test_photos_that_were_moved_and_folders_without_a_job(folder, tmp_path):
    job(folder / "0.png", tmp_path / "out")
    (folder / "0.png").unlink()
    page = write_page(str(tmp_path / "out"), tmp_path / "page.html", most=5)
    assert page == tmp_path / "page.html" and "No picture" in page.read_text()
    with pytest.raises(InputError, match=r"report\.jsonl"):
        write_page(str(folder))

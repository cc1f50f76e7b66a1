"""The page about a job, from plain data."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from svhn.boxes import Box
from svhn.figures.job_page import MOST_FAILURES, Failure, JobPage, ShownNumber, ShownPhoto, write_job_page

TALL = np.full((400, 100, 3), (250, 20, 5), np.uint8)


@pytest.fixture
def write(tmp_path):
    """Write a page with what is given, otherwise empty, and return it as text."""

    def make(**parts):
        empty = {"changed": (), "changed_count": 0, "untouched": (), "untouched_count": 0, "failures": ()}
        fixed = {"folder": "out <1>", "totals": {"photos": 1234}, "ended": "2026-01-02 03:04", "seconds": None}
        write_job_page(tmp_path / "page.html", JobPage(**(fixed | empty | parts)))
        return (tmp_path / "page.html").read_text(encoding="utf-8")

    return make


def pictures(page):
    """Return the pictures that stand in a page."""
    urls = re.findall(r'src="data:image/jpeg;base64,([^"]*)"', page)
    return [Image.open(io.BytesIO(base64.b64decode(url))) for url in urls]


def test_an_empty_part_has_no_heading(write):
    page = write()
    assert "<li><b>1,234</b>photos</li>" in page and "out &lt;1&gt;" in page and "<1>" not in page
    assert "<h2>" not in page and "median" not in page and "2026-01-02 03:04 UTC." in page
    assert "median 0.25 s a photo" in write(seconds=0.25)


def test_failures_are_counted_by_reason_and_the_rest_of_a_long_list_is_said(write):
    failures = [Failure(f"{number}.png", "too <large>\n") for number in range(MOST_FAILURES)]
    page = write(failures=[*failures, Failure("odd\x1b.png", "gone"), Failure("last.png", "gone")])
    assert "502 failed" in page and "And 2 more." in page
    assert '<td class="count">500</td><td>too &lt;large&gt;\\n</td>' in page and '<td class="count">2</td>' in page
    assert page.count("<tr><td>") == MOST_FAILURES and "last.png" not in page


def test_changed_photos_show_the_surroundings_of_their_digits_before_and_after(write):
    digits = [Box(40, 100, 50, 120)]
    numbers = [ShownNumber("7", 0.934, False), ShownNumber("12", 1.0, True)]
    page = write(changed=[ShownPhoto("a&b.png", TALL, TALL // 2, digits, numbers)], changed_count=3)
    assert "1 of 3" in page and "<b>a&amp;b.png</b>" in page
    assert 'removed 7 (93% sure); removed 12 (100% sure) <span class="warn">legible still</span>' in page
    assert 'class="digit" style="left:40.00%;top:33.33%;width:20.00%;height:33.33%"' in page
    before, after = pictures(page)
    assert before.size == after.size == (4 * 50, 4 * 60)  # 20 pixels around the digit, four times as large
    assert np.abs(np.asarray(before)[20, 20].astype(int) - TALL[0, 0]).max() < 12
    assert np.abs(np.asarray(after)[20, 20].astype(int) - TALL[0, 0] // 2).max() < 12


def test_untouched_photos_are_shown_whole_and_missing_ones_with_the_reason(write):
    photos = [ShownPhoto("whole.png", TALL), ShownPhoto("gone.png", problem="no such photo; <check>")]
    page = write(untouched=iter(photos), untouched_count=2)
    (picture,) = pictures(page)
    assert picture.size == (68, 270) and 'type="range"' not in page
    assert "<h2>Nothing found</h2>" in page and "No picture: no such photo; &lt;check&gt;" in page


def test_what_failed_shows_what_can_be_read_still_and_can_be_done_again(write):
    failed = ShownPhoto("it's.png", TALL, seen=[Box(40, 100, 50, 120)])
    page = write(failures=[Failure("it's.png", "still legible")], failed=[failed])
    assert page.index('class="seen"') < page.index("<script>") and 'class="digit"' not in page
    assert (
        'value="&#39;it&#39;&#34;&#39;&#34;&#39;s.png&#39;"' in page and 'data-output="&#39;out &lt;1&gt;&#39;"' in page
    )

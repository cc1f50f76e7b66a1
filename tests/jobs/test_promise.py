"""The central sentence, tried on drawn jobs: no output that the ledger does not vouch for, none legible with --strict.

Two jobs with settings of their own work one after the other on the same photos in the same folder; between them a photo
may change. Hypothesis draws photos, formats, damage, boxes and settings; `PROMISE_EXAMPLES=500` draws more, and others.
"""

import contextlib
import functools
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from job_tools import job

from svhn.boxes import Box, DigitBox
from svhn.data.formats.coco import write_coco
from svhn.data.render.synthetic import render_photo
from svhn.errors import InputError
from svhn.finder import Finder
from svhn.jobs import last_lines
from svhn.jobs.config import RunConfig
from svhn.jobs.tasks import NO_DIGITS, OK
from svhn.photos import PhotoConfig, read_rgb, write_rgb

pytestmark = pytest.mark.slow

SCENES, SUFFIXES = 5, (".png", ".jpg", ".webp", ".tif", ".bmp")
DAMAGE = {
    "none": lambda content: content,
    "breaks off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "no picture": lambda content: b"<html>" + content[:100],
}


def _quarter(digit: DigitBox) -> DigitBox:
    box = digit.box
    return DigitBox(Box(box.left, box.top, box.left + max(2, box.width // 2), box.top + max(2, box.height // 2)))


# What a box file says of a photo, given its true digits; None where it says nothing.
LISTED = {
    "nothing": lambda digits: None,
    "all": list,
    "the first": lambda digits: digits[:1],
    "quarters": lambda digits: [_quarter(digit) for digit in digits],
    "no digits": lambda digits: [],
    "outside": lambda digits: [DigitBox(Box(5000, 5000, 5020, 5030))],
}


@dataclass(frozen=True)
class Case:
    """A photo of a job: which scene, whether its number is in it, how it is stored, what is wrong, what is listed."""

    scene: int
    with_number: bool
    suffix: str
    damage: str
    listed: str


cases = st.builds(
    Case,
    st.integers(0, SCENES - 1),
    st.sampled_from([True, True, True, False]),
    st.sampled_from(SUFFIXES),
    st.sampled_from(["none"] * 5 + list(DAMAGE)),
    st.sampled_from(list(LISTED)),
)
job_settings = st.fixed_dictionaries(
    {
        "strict": st.booleans(),
        "save_masks": st.booleans(),
        "also_find": st.booleans(),
        "boxes_only": st.booleans(),
        "nothing_found": st.sampled_from(["copy", "skip", "error"]),
        "photo": st.sampled_from(["keep", "no-location", "strip"]).map(lambda kept: PhotoConfig(metadata=kept)),
    }
)


@functools.cache
def scene(number):
    return render_photo(number)


@functools.cache
def finder():
    return Finder()


def store(folder: Path, cases: list[Case], beside: bool) -> None:
    """Write the photos and what is listed of them; `beside`: as boxes.json beside them, else for --boxes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    listed = {}
    for number, case in enumerate(cases):
        rendered = scene(case.scene)
        path = folder / f"{number}{case.suffix}"
        write_rgb(path, rendered.photo if case.with_number else rendered.clean)
        path.write_bytes(DAMAGE[case.damage](path.read_bytes()))
        if (digits := LISTED[case.listed](rendered.digits)) is not None:
            listed[path.name] = (*rendered.photo.shape[1::-1], digits)
    write_coco(folder / ("boxes.json" if beside else "given.json"), listed)


def work(photos: Path, out: Path, beside: bool, resume: bool, settings: dict) -> None:
    """Do a job; one that cannot start has to leave everything as it was."""
    boxes = None if beside else str(photos / "given.json")
    with contextlib.suppress(InputError):
        job(photos, out, RunConfig(workers=0, resume=resume), boxes=boxes, **settings)


def assert_vouched_for(out: Path) -> None:
    """The files in the folder are those that the last lines of photos say were put there, of every job so far."""
    done = [line for line in last_lines(str(out)).values() if line.status in (OK, NO_DIGITS)]
    outputs = {line.output: line.output_sha256 for line in done if line.output}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} - {"report.jsonl"}
    assert there == set(outputs) | {line.mask for line in done if line.mask}
    for name, digest in outputs.items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest, name


@settings(
    max_examples=int(os.environ.get("PROMISE_EXAMPLES", "12")),
    derandomize="PROMISE_EXAMPLES" not in os.environ,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a job takes seconds: shrinking what fails would take an hour
    suppress_health_check=list(HealthCheck),
)
@given(
    first=st.lists(cases, min_size=2, max_size=3),
    second=cases,
    beside=st.booleans(),
    resume=st.booleans(),
    before=job_settings,
    after=job_settings,
)
def test_what_stands_in_the_folder_is_vouched_for(tmp_path_factory, first, second, beside, resume, before, after):
    folder = tmp_path_factory.mktemp("promise")
    photos, out = folder / "photos", folder / "out"
    for cases, chosen, again in ((first, before, False), ([second, *first[1:]], after, resume)):
        store(photos, cases, beside)
        inputs = {path: path.read_bytes() for path in photos.iterdir()}
        work(photos, out, beside, again, chosen)
        assert inputs == {path: path.read_bytes() for path in photos.iterdir()}
        if out.exists():
            assert_vouched_for(out)
        if chosen["strict"] and out.exists():
            for line in last_lines(str(out)).values():
                if line.output and line.status in (OK, NO_DIGITS) and Path(line.photo).exists():
                    assert not finder().find_numbers(read_rgb(out / line.output)), line
    shutil.rmtree(folder)

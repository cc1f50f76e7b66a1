import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from svhn.errors import InputError
from svhn.jobs.output.history import last_lines, read_history
from svhn.jobs.output.ledger import ledger_name, open_ledger, read_ledgers
from svhn.jobs.tasks import ReportLine, Task


def line(photo, **found):
    return ReportLine(str(photo), **found).finished_now(0.1)


def write(folder, lines, name="report.jsonl"):
    ledger = open_ledger(str(folder), name)
    for item in lines:
        ledger.append(item)
    ledger.close()


@pytest.mark.parametrize("root", ["folder", "memory://folder"])
def test_lines_come_back_and_later_jobs_add_to_them(tmp_path, root):
    folder = root if "://" in root else tmp_path
    lines = [line(name) for name in ("a", "odd\udcff\n", "ü")]
    write(folder, lines[:2])
    write(folder, lines[2:])
    assert list(read_ledgers(str(folder))) == lines


@pytest.mark.parametrize("cut", [1, 30, 70_000])
def test_a_torn_last_line_is_cut_off_when_the_job_goes_on(tmp_path, cut):
    first, long = line("a"), line("b", error="x" * 80_000)
    write(tmp_path, [first, long])
    path = tmp_path / "report.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_ledgers(str(tmp_path))) == [first]
    write(tmp_path, [line("c")])
    assert [item.photo for item in read_ledgers(str(tmp_path))] == ["a", "c"]
    assert all(json.loads(text) for text in path.read_text().splitlines())


def test_damage_in_the_middle_costs_that_line_only(tmp_path):
    write(tmp_path, [line("a"), line("b"), line("c")])
    path = tmp_path / "report.jsonl"
    data = bytearray(path.read_bytes())
    middle = data.index(b'"b"')
    data[middle : middle + 3] = b"\0\0\0"
    path.write_bytes(data + b'[1]\n{"photo": "d"}\n')
    assert [item.photo for item in read_ledgers(str(tmp_path))] == ["a", "c"]


def test_two_jobs_cannot_share_a_ledger(tmp_path):
    ledger = open_ledger(str(tmp_path), "report.jsonl")
    ledger.append(line("a"))
    with pytest.raises(InputError, match="another job"):
        open_ledger(str(tmp_path), "report.jsonl")
    open_ledger(str(tmp_path), "report.1-of-2.jsonl").close()
    ledger.close()
    assert [item.photo for item in read_ledgers(str(tmp_path))] == ["a"]


FULL = """
import resource, sys
sys.path.insert(0, {tests!r})
from test_ledger import line
from svhn.jobs.output.ledger import open_ledger
ledger = open_ledger({folder!r}, "report.jsonl")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for number in range(100):
    try:
        ledger.append(line(number))
    except OSError as error:
        print(number, error.strerror)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
ledger.append(line("later"))
"""


def test_a_line_that_does_not_fit_leaves_no_part_behind(tmp_path):
    """A limit on the file's size cuts a write short, as a full disk does."""
    from pathlib import Path

    assert resource.RLIMIT_FSIZE is not None and signal.SIGXFSZ
    script = FULL.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count = int(result.stdout.split()[0])
    assert 0 < count < 10
    photos = [item.photo for item in read_ledgers(str(tmp_path))]
    assert photos == [str(number) for number in range(count)] + ["later"]
    assert len((tmp_path / "report.jsonl").read_bytes().splitlines()) == count + 1


def test_the_newest_line_of_all_parts_counts(tmp_path):
    old = replace(line("a", error="first"), finished="2026-01-01T00:00:00.000+00:00")
    new = replace(line("a", error="second"), finished="2026-01-02T00:00:00.000+00:00")
    write(tmp_path, [new], ledger_name(1, 2))
    write(tmp_path, [old, line("b")], ledger_name(2, 2))
    (tmp_path / "report-of-mine.jsonl").write_text(json.dumps(line("c").to_dict()) + "\n")
    merged = last_lines(str(tmp_path))
    assert set(merged) == {"a", "b"} and merged["a"].error == "second"


def test_what_failed_or_is_incomplete_is_not_done(tmp_path):
    facts = {"bytes": 1, "sha256": "x", "settings": "s", "output_bytes": 1, "output_sha256": "y", "output": "x.png"}
    good = [line(photo, status="ok", **facts) for photo in "ad"]
    write(tmp_path, [*good, line("b", status="ok"), line("c", **facts), line("d", error="later")])
    tasks = {name: Task(name, "x.png") for name in "abcde"}
    assert set(read_history(str(tmp_path), str(tmp_path), tasks, (), resume=True).done) == {"a"}


def test_what_bears_the_name_of_a_ledger_and_is_none_is_refused(tmp_path):
    other = tmp_path / "other"
    other.write_text("precious")
    places = {name: tmp_path / name for name in ("link", "hard", "folder", "pipe", "dangling")}
    for folder in places.values():
        folder.mkdir()
    (places["link"] / "report.jsonl").symlink_to(other)
    (places["dangling"] / "report.jsonl").symlink_to(tmp_path / "new")
    os.link(other, places["hard"] / "report.jsonl")
    (places["folder"] / "report.jsonl").mkdir()
    os.mkfifo(places["pipe"] / "report.jsonl")
    for name, folder in places.items():
        with pytest.raises(InputError, match=r"report\.jsonl: "):
            open_ledger(str(folder), "report.jsonl")
        if name not in ("link", "hard"):
            with pytest.raises(InputError, match=r"report\.jsonl: "):
                list(read_ledgers(str(folder)))
    assert other.read_text() == "precious" and not (tmp_path / "new").exists()

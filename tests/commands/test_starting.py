"""The process around a command: signals at any moment, closed and odd streams, modules in the current folder."""

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from svhn.commands import cli
from svhn.data.render import render_photo

ROOT = Path(__file__).parents[2]
HOUSE = "house.png"  # in the folder of each test
CLI = [sys.executable, str(ROOT / "cli.py")]
MODULE = [sys.executable, "-m", "svhn"]

# Sends Ctrl-C to the process that is about to import a module for the first time.
CTRL_C = """
import signal, sys

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == {module!r}:
            signal.raise_signal(signal.SIGINT)

if "--multiprocessing-fork" not in sys.argv:
    sys.meta_path.insert(0, Finder)
"""


@pytest.fixture(scope="module")
def house_bytes():
    """A photo of SVHN's size, for which nobody loads an OCR."""
    file = io.BytesIO()
    Image.fromarray(render_photo(2).photo).save(file, "png")
    return file.getvalue()


@pytest.fixture(autouse=True)
def house(house_bytes, tmp_path):
    path = tmp_path / HOUSE
    path.write_bytes(house_bytes)
    return path


def run(arguments, folder, program=CLI, variables=None, **options):
    """Run the program with its standard streams in pipes, unless the options say otherwise."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | (variables or {})
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [*program, *map(os.fsdecode, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, timeout=120, **(pipes | options))


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    ["click", "svhn.commands.photos", "numpy", "svhn.jobs.listing.sources", "cv2", "svhn.jobs.removal"],
)
def test_ctrl_c_while_it_loads_ends_it_without_a_traceback(module, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(CTRL_C.format(module=module))
    variables = {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    result = run(["remove-digits", HOUSE, "--output-dir", "out", "--workers", "1"], tmp_path, variables=variables)
    assert result.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert b"Traceback" not in result.stderr
    assert not list(tmp_path.glob("out/*.png"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_answered_while_the_list_comes_from_standard_input(number, tmp_path):
    command = [*CLI, "remove-digits", "-", "--output-dir", "out"]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, cwd=tmp_path, **pipes)
    while "pipe" not in blocked_on(process.pid) and process.poll() is None:
        pass
    process.send_signal(number)
    assert process.wait(30) == 128 + number
    assert process.stderr.read() == b"Aborted!\n"
    process.stdin.close()


def blocked_on(process):
    """Return what function of the system a process sleeps in."""
    return Path(f"/proc/{process}/wchan").read_text()


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["remove-digits", HOUSE, HOUSE, "--dry-run"]])
def test_a_reader_that_goes_away_ends_it_quietly(arguments, tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    result = run(arguments, tmp_path, stdout=writing)
    os.close(writing)
    assert result.returncode in (1, 128 + signal.SIGPIPE) and result.stderr == b""


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["remove-digits", HOUSE, "--dry-run"]])
def test_a_full_disk_behind_the_output_is_one_line(arguments, tmp_path):
    with open("/dev/full", "wb") as full:
        result = run(arguments, tmp_path, stdout=full)
    assert result.returncode == 1
    assert result.stderr == b"Error: cannot write ([Errno 28] No space left on device); make room, and run it again\n"


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["<&- >&- 2>&-"])
def test_closed_streams_are_no_errors_and_nothing_lands_in_other_files(streams, tmp_path):
    script = f'"$@" {streams}'
    program = ["sh", "-c", script, "sh", *CLI]
    result = run(["remove-digits", HOUSE, "--output-dir", "out", "--workers", "1"], tmp_path, program)
    assert result.returncode == 0 and b"Traceback" not in result.stderr
    (line,) = (tmp_path / "out" / "report.jsonl").read_text().splitlines()
    assert json.loads(line)["status"] == "ok"


@pytest.fixture
def odd_photos(tmp_path, house_bytes):
    """A folder of photos whose names are no UTF-8, no ASCII, or would steer a terminal."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (b"caf\xe9.png", "caf\u00e9.png".encode(), b"\x1b]0;OWNED\x07.png", "\x9b31m\u202e.png".encode()):
        Path(os.fsdecode(os.fsencode(photos) + b"/" + name)).write_bytes(house_bytes)
    return photos


QUICKLY = ("--text-reader", "none")  # the text reader takes as long to load as all the rest
STEERING = ("\x1b", "\x07", "\x9b", "\u202e")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252", "utf-8:strict"])
def test_read_shows_any_name_in_any_encoding(encoding, odd_photos, tmp_path):
    variables = {"PYTHONIOENCODING": encoding}
    shown = run(["read", odd_photos, *QUICKLY], tmp_path, variables=variables)
    assert shown.returncode == 0 and shown.stderr == b""
    text = shown.stdout.decode(encoding.split(":")[0])
    assert_names(text, odd_photos)


def test_read_stores_any_name_in_utf_8(odd_photos, tmp_path):
    command = ["read", odd_photos, "--output", "lines.jsonl", *QUICKLY]
    stored = run(command, tmp_path, variables={"PYTHONIOENCODING": "cp1252"})
    assert stored.returncode == 0 and stored.stderr == b""
    assert_names((tmp_path / "lines.jsonl").read_text(encoding="utf-8"), odd_photos)


def assert_names(lines, photos):
    assert not set(lines) & set(STEERING)
    assert {json.loads(line)["photo"] for line in lines.splitlines()} == set(map(str, photos.iterdir()))


@pytest.fixture
def oddly_named(tmp_path, house_bytes):
    """A photo, and a path for what is made of it."""
    photo, output = (
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9\x1b[31m" + end)) for end in (b".png", b"2.png")
    )
    photo.write_bytes(house_bytes)
    return photo, output


@pytest.mark.slow
def test_inpaint_takes_any_name_without_a_locale(oddly_named, tmp_path):
    photo, output = oddly_named
    mask = Image.new("L", Image.open(photo).size)
    mask.paste(255, (4, 4, 12, 12))
    mask.save(tmp_path / "mask.png")
    arguments = ["inpaint", photo, "--mask", tmp_path / "mask.png", "--output", output]
    result = run(arguments, tmp_path, variables={"LC_ALL": "C"})
    assert result.returncode == 0, result.stderr
    assert output.exists() and not set((result.stdout + result.stderr).decode()) & set(STEERING)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["explain", "explain-digits"])
def test_one_photo_of_any_name(command, oddly_named):
    photo, output = oddly_named
    result = CliRunner().invoke(cli, [command, str(photo), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert output.exists() and not set(result.output) & set(STEERING)


@pytest.mark.slow
@pytest.mark.parametrize("program", [CLI, MODULE, [str(Path(sys.executable).with_name("svhn"))]])
def test_modules_in_the_current_folder_are_not_imported(program, tmp_path):
    if not Path(program[0]).exists():
        pytest.skip("the program is not installed beside this Python")
    # Only the first takes the seconds to load PyTorch.
    command = ["remove-digits", HOUSE, "--output-dir", "out", "--workers", "1"] if program == CLI else ["read", HOUSE]
    for name in ("numpy", "torch", "json", "cv2", "click", "pickle", "struct", "socket", "logging"):
        (tmp_path / f"{name}.py").write_text(f"open('imported-{name}', 'w').close()\nraise SystemExit(99)\n")
    result = run(command, tmp_path, program)
    assert result.returncode == 0, result.stderr
    assert [path.name for path in tmp_path.glob("imported-*")] == []

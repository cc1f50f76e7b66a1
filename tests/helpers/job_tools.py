"""Jobs on a few photos: done in this process, or started as a user does, and what is compared of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.listing.sources import list_photos
from svhn.jobs.output.ledger import read_ledgers
from svhn.jobs.removal import remove_photos

ROOT = Path(__file__).parents[2]
VARYING = ("seconds", "finished")


def job(given, output, run=None, show=lambda line, summary: None, recursive=False, **settings):
    """Do a job in this process, or as `run` says."""
    sources = list_photos(given if isinstance(given, list) else [given], recursive, leave_out=str(output))
    return remove_photos(sources, JobConfig(str(output), **settings), run or RunConfig(workers=0), show)


def lines_of(output):
    """Return the lines of a job's ledgers as they stand there."""
    return [json.loads(json.dumps(line.to_dict())) for line in read_ledgers(str(output))]


def essence(output):
    """Return what must not depend on how the work was done: all files but the ledgers, and the last lines."""
    output = Path(output)
    files = {
        str(path.relative_to(output)): path.read_bytes()
        for path in output.rglob("*")
        if path.is_file() and path.suffix != ".jsonl"
    }
    lines = {line["photo"]: {k: v for k, v in line.items() if k not in VARYING} for line in lines_of(output)}
    return files, lines


def command(*arguments, **options):
    """Start `python cli.py remove-digits` in a process group of its own."""
    script = [sys.executable, str(ROOT / "cli.py"), "remove-digits", *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    return subprocess.Popen(script, env=environment, **(pipes | options))


def whole_lines(ledger):
    """Return the number of lines in a ledger that may not be there yet; every one of them must be whole."""
    if not ledger.exists():
        return 0
    return len([json.loads(line) for line in ledger.read_bytes().split(b"\n")[:-1]])

"""Nothing is reported to anybody: the packages that would do it are told not to before they are imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from svhn.errors import forbid_telemetry

ROOT = Path(__file__).parents[1]
READ = """
import numpy as np
from svhn.finder import Finder
photo = np.full((300, 300, 3), 90, np.uint8)
assert Finder().find(photo) == [] and Finder().text_reader is not None
"""


def environment(tmp_path, **more):
    """Return an environment as a user's: no variables that quiet the packages, and folders that can be looked at."""
    kept = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    places = {name: str(tmp_path / name.lower()) for name in ("TMPDIR", "HOME", "XDG_CACHE_HOME")}
    for place in places.values():
        os.mkdir(place)
    return kept | places | {"PYTHONPATH": str(ROOT)} | more


@pytest.mark.parametrize("allowed", [False, True])
def test_the_text_reader_keeps_no_account_of_its_sessions(tmp_path, allowed):
    more = {"ORT_DISABLE_TELEMETRY": "0"} if allowed else {}
    subprocess.run([sys.executable, "-c", READ], env=environment(tmp_path, **more), check=True)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert bool(left) == allowed, left


def test_whoever_sets_the_variables_decides(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    forbid_telemetry()
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "0" and os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    monkeypatch.undo()

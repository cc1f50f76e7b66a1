"""The record of a run."""

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from svhn.files import write_json
from svhn.runs.record import RunRecord, hardware


@dataclass(frozen=True)
class Config:
    seed: int = 3
    rate: float = 0.1
    folder: Path = Path("runs")


def test_record_round_trip(tmp_path):
    record = RunRecord.new("train-tf", {"seed": 3, "rate": 0.1}, {"source": "synthetic"}, ("numpy",))
    record.metrics["test_accuracy"] = 0.915
    record.write(tmp_path / "run" / "record.json")
    assert RunRecord.read(tmp_path / "run" / "record.json") == record


def test_record_knows_config_versions_time_and_machine():
    record = RunRecord.new("train-tf", Config(), {}, ("numpy", "no-such-package-anywhere"))
    assert record.config == {"seed": 3, "rate": 0.1, "folder": Path("runs")}
    assert record.versions["numpy"] == np.__version__
    assert record.versions["no-such-package-anywhere"] == "not installed"
    assert {"python", "svhn"} <= set(record.versions)
    created = datetime.datetime.fromisoformat(record.created)
    assert abs(datetime.datetime.now(datetime.timezone.utc) - created) < datetime.timedelta(minutes=1)
    assert record.hardware == hardware()
    assert record.hardware["cores"] >= 1


def test_a_new_record_shares_nothing_with_the_last():
    first, second = (RunRecord.new("train-tf", {}, {}, ()) for _ in range(2))
    first.metrics["accuracy"] = 1.0
    assert second.metrics == {}


def test_numpy_values_stay_numbers_in_json(tmp_path):
    content = {"a": np.float32(0.5), "b": np.int64(3), "c": np.arange(3), "d": Path("x"), "e": np.bool_(True)}
    write_json(tmp_path / "content.json", content)
    expected = {"a": 0.5, "b": 3, "c": [0, 1, 2], "d": "x", "e": True}
    assert json.loads((tmp_path / "content.json").read_text()) == expected


def test_json_that_cannot_be_written_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "content.json", {"old": 1})
    circle: dict = {}
    circle["self"] = circle
    with pytest.raises(ValueError, match="ircular"):
        write_json(tmp_path / "content.json", circle)
    assert json.loads((tmp_path / "content.json").read_text()) == {"old": 1}
    assert len(list(tmp_path.iterdir())) == 1

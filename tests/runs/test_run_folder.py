"""The one rule by which runs begin and go on."""

import json
import os
from dataclasses import dataclass, replace

import pytest

from svhn.errors import InputError
from svhn.runs.folder import FORMAT, RunFolder, last_run, new_run_dir, settle
from svhn.runs.record import RunRecord
from svhn.settings import Settings, setting

DATA = {"source": "photos", "seed": 0}


@dataclass(frozen=True)
class Config(Settings):
    iterations: int = setting(100, least=1)
    mix: tuple[str, ...] = ("a", "b")

    def __post_init__(self):
        object.__setattr__(self, "mix", tuple(self.mix))  # JSON makes it a list
        super().__post_init__()


@dataclass(frozen=True)
class Samples:
    size: int = 3


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    """A run that has begun."""
    folder = RunFolder(tmp_path / "runs" / "mine")
    folder.open("train-toy", Config(), DATA, samples=Samples())
    return folder


def resume(folder: RunFolder, config=Config(), data=DATA, command="train-toy", samples=Samples()) -> None:
    folder.open(command, config, data, resume=True, samples=samples)


def test_a_new_run_writes_its_settings(folder):
    assert json.loads(folder.config.read_text()) == {
        "format": FORMAT,
        "command": "train-toy",
        "train": {"iterations": 100, "mix": ["a", "b"]},
        "samples": {"size": 3},
        "data": DATA,
    }
    assert folder.read_config("train-toy", Config) == Config()


def test_a_used_folder_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match=r"not empty; choose another --run-dir or add --resume"):
        folder.open("train-toy", Config(), DATA)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file"):
        RunFolder(tmp_path / "file").open("train-toy", Config(), DATA)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path, folder):
    left = tmp_path / "new" / ".svhn-unfinished-0123.json"
    left.parent.mkdir()
    left.write_text("{")
    (folder.path / left.name).write_text("{")
    (folder.path / "notes.txt").write_text("mine")
    RunFolder(left.parent).open("train-toy", Config(), DATA)
    resume(folder)
    assert [path.name for path in left.parent.iterdir()] == ["config.json"]
    assert {path.name for path in folder.path.iterdir()} == {"config.json", "notes.txt"}


def test_the_same_run_goes_on(folder):
    before = folder.config.read_bytes()
    resume(folder)
    assert folder.config.read_bytes() == before


def test_a_run_goes_on_that_was_begun_before_there_was_a_setting(folder):
    """The default is what it did; a run that would need another value is not the same one."""
    content = json.loads(folder.config.read_text())
    del content["train"]["iterations"]
    folder.config.write_text(json.dumps(content))
    assert settle("train-toy", Config(iterations=7), {}, folder.path, resume=True) == (folder.path, Config())
    resume(folder)
    with pytest.raises(InputError, match=r"other settings.*iterations 100, asked for 7"):
        resume(folder, config=Config(iterations=7))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"config": Config(iterations=7)}, r"other settings.*iterations 100, asked for 7"),
        ({"samples": Samples(4)}, r"other settings.*size 3, asked for 4"),
        ({"data": DATA | {"seed": 1}}, "other data"),
        ({"command": "train-tf"}, "expected a run of train-tf, received one of train-toy"),
    ],
)
def test_another_run_is_not_resumed(folder, change, words):
    before = folder.config.read_bytes()
    with pytest.raises(InputError, match=words):
        resume(folder, **change)
    assert folder.config.read_bytes() == before


def test_a_finished_run_is_not_resumed(folder):
    folder.state.write_text("state")
    folder.close(RunRecord.new("train-toy", {}, {}, ()))
    assert not folder.state.exists()
    with pytest.raises(InputError, match=r"is finished.*--run-dir"):
        resume(folder)


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", json.dumps({"format": FORMAT})])
def test_without_a_config_there_is_no_run(content, tmp_path):
    folder = RunFolder(tmp_path)
    if content is not None:
        folder.config.write_text(content)
    with pytest.raises(InputError, match=r"config\.json.*--run-dir"):
        resume(folder)


def test_settings_that_cannot_be_are_told_of(folder):
    content = json.loads(folder.config.read_text())
    folder.config.write_text(json.dumps(content | {"train": {"speed": 3}}))
    with pytest.raises(InputError, match=r"config\.json.*not the config of a train-toy run.*speed"):
        folder.read_config("train-toy", Config)


def test_a_run_of_an_earlier_version_is_refused_with_a_clear_word(folder):
    content = json.loads(folder.config.read_text())
    folder.config.write_text(json.dumps({name: value for name, value in content.items() if name != "format"}))
    with pytest.raises(InputError, match=r"another version.*finish it with that version, or start a new run"):
        resume(folder)


def test_new_runs_are_settled_by_what_is_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path, config = settle("train-toy", Config(), {"iterations": 5}, None, resume=False)
    assert config == Config(iterations=5) and path.parent.name == "runs" and path.name.startswith("train-toy-")
    assert settle("train-toy", Config(), {}, "here", resume=False)[0].name == "here"


def test_a_resumed_run_has_its_own_settings(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = replace(Config(), iterations=9)
    for run_dir in (folder.path, None):
        path, config = settle("train-toy", other, {"mix": ("a", "b")}, run_dir, resume=True)
        assert path.resolve() == folder.path and config == Config()
    with pytest.raises(InputError, match="this run has iterations 100, not 9"):
        settle("train-toy", Config(), {"iterations": 9}, folder.path, resume=True)


def test_the_last_run_is_the_one_begun_last(tmp_path):
    for number, command in enumerate(["train-toy", "train-toy", "train-tf"]):
        folder = RunFolder(tmp_path / f"{9 - number}")
        folder.open(command, Config(), DATA)
        os.utime(folder.config, (number, number))
    assert last_run("train-toy", tmp_path).name == "8"
    with pytest.raises(InputError, match="no run of train-finder"):
        last_run("train-finder", tmp_path)
    assert new_run_dir("train-toy", tmp_path).parent == tmp_path

"""The shipped checkpoints: what is told about them, and which path means which model."""

import fnmatch
import json
import re
import shutil
from pathlib import Path

import pytest

from svhn.checkpoints import checkpoint_folder, find_model, shipped_models
from svhn.errors import InputError

SHIPPED = Path(__file__).parents[1] / "checkpoints"


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A folder of checkpoints to change: all that is small, and the smallest networks."""
    folder = tmp_path / "checkpoints"
    large = shutil.ignore_patterns("saved_model", "*.keras", "*.onnx")
    shutil.copytree(SHIPPED, folder, ignore=large)
    monkeypatch.setenv("SVHN_CHECKPOINTS", str(folder))
    return folder


def test_every_shipped_folder_tells_about_itself():
    assert {model.name for model in shipped_models()} == {folder.name for folder in SHIPPED.glob("*/")}


def test_frameworks_and_sizes_are_those_of_the_files():
    models = {model.name: model for model in shipped_models()}
    for name, model in models.items():
        if model.framework == "onnx":
            assert model.size == sum(path.stat().st_size for path in (SHIPPED / name).glob("*.onnx"))
        else:
            assert model.framework == {"torch": "pytorch", "tf": "tensorflow"}[name.split("-")[0]]
            assert model.path == find_model(name).path
            assert model.size == model.path.stat().st_size


def test_scores_are_those_of_the_records():
    for model in shipped_models():
        record = SHIPPED / model.name / "record.json"
        metrics = json.loads(record.read_text())["metrics"] if record.is_file() else {}
        if "test_accuracy" in metrics:
            assert model.score == f"{metrics['test_accuracy']:.2%} of {metrics['test_n']:,} test digits"
    scores = {model.name: model.score for model in shipped_models()}
    assert scores["tf-teacher"] == ""
    measured = json.loads((SHIPPED.parent / "benchmarks" / "records" / "finder.json").read_text())["metrics"]["finder"]
    expected = f"{measured['whole_number']:.1%} of {measured['photos']:,} test photos' numbers wholly right"
    assert scores["finder"] == expected
    assert "dB" in scores["torch-finisher"] and "recall" in scores["torch-segmenter"]


def test_weights_learned_from_svhn_carry_its_note():
    assert all("non-commercial" in model.licence for model in shipped_models())


@pytest.mark.parametrize("damage", ["{", "[]", '{"use": "x"}', '{"record": "missing.json", "score": ""}'])
def test_a_damaged_description_is_named(copied, damage):
    (copied / "tf-seed" / "about.json").write_text(damage)
    with pytest.raises(InputError, match=r"tf-seed.about\.json: damaged.*copy"):
        shipped_models()


def test_a_network_that_is_not_installed_is_told_of(copied):
    teacher = next(model for model in shipped_models() if model.name == "tf-teacher")
    assert (teacher.path, teacher.framework, teacher.size) == (None, "", 0)
    with pytest.raises(InputError, match=r"tf-teacher: .*repository.*SVHN_CHECKPOINTS"):
        find_model("tf-teacher")


def test_a_model_by_name_by_run_and_by_file(copied, tmp_path):
    weights = copied / "torch-finisher" / "model.pt"
    assert find_model("torch-finisher").path == weights
    assert find_model("torch-finisher/model.pt").path == weights
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(weights, run)
    assert find_model(run).path == run / "model.pt"
    assert find_model(run / "model.pt").framework == "pytorch"


@pytest.mark.parametrize("name", ["torch-finisher", "torch-segmenter"])
def test_what_lies_in_the_current_folder_takes_no_shipped_name(copied, tmp_path, monkeypatch, caplog, name):
    planted = tmp_path / "photos" / name
    shutil.copytree(copied / "torch-convnet48-dropout3", planted)
    monkeypatch.chdir(planted.parent)
    assert find_model(name).path == copied / name / "model.pt"
    (said,) = caplog.messages
    assert f"{name}: the shipped {copied / name} is used, not ./{name}" in said
    assert find_model(f"./{name}").path.resolve() == planted / "model.pt"
    assert find_model(planted).path == planted / "model.pt"
    assert find_model(f"{name}/model.pt").path.resolve() == planted / "model.pt"


def test_a_file_in_the_current_folder_takes_no_shipped_name(copied, tmp_path, monkeypatch):
    (tmp_path / "torch-finisher").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert find_model("torch-finisher").path == copied / "torch-finisher" / "model.pt"


def test_a_name_that_no_shipped_checkpoint_has_means_a_folder(copied, tmp_path, monkeypatch):
    shutil.copytree(copied / "torch-finisher", tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert find_model("mine").path == Path("mine/model.pt")
    monkeypatch.chdir(tmp_path / "mine")
    assert find_model(".").path == Path("model.pt")


def test_what_is_no_model_is_named_with_the_shipped_ones(tmp_path):
    for path in (tmp_path, tmp_path / "missing.keras", "missing"):
        with pytest.raises(InputError, match=r"no model found; expected .*tf-seed"):
            find_model(path)


def test_the_folder_can_be_chosen(monkeypatch, tmp_path):
    assert checkpoint_folder() == SHIPPED
    monkeypatch.setenv("SVHN_CHECKPOINTS", str(tmp_path))
    assert checkpoint_folder() == tmp_path
    assert shipped_models() == []
    with pytest.raises(InputError, match="none found"):
        find_model("tf-seed")


def test_the_wheel_carries_each_network_once_and_no_teacher():
    project = (SHIPPED.parent / "pyproject.toml").read_text()
    (line,) = re.findall(r'exclude-package-data\]\n"svhn\._checkpoints" = (\[.*\])$', project, re.MULTILINE)
    patterns = json.loads(line)  # as in fnmatch, a star also stands for slashes
    names = [str(path.relative_to(SHIPPED)) for path in SHIPPED.rglob("*") if path.is_file()]
    kept = [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    networks = [
        Path(name) for name in kept if name.endswith((".keras", ".pt", ".pb", ".index", ".data-00000-of-00001"))
    ]
    folders = [path.parts[0] for path in networks]
    assert sorted({*folders, "finder", "tf-teacher"}) == sorted(folder.name for folder in SHIPPED.glob("*/"))
    assert len(folders) == len(set(folders)) and "tf-teacher" not in folders

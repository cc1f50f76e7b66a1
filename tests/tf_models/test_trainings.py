"""What the trainings tell of before TensorFlow has started, and before anything is written."""

import subprocess
import sys

import pytest

from svhn.errors import InputError
from svhn.tf_models.trainings import train_classifier, train_finder

CASES = [
    ({"preset": "best"}, "preset: expected one of reference, seed, record, caffe, caffe-lrn, quick, received 'best'"),
    ({"distribute": "multiworker"}, "expected --run-dir, a folder that all workers share"),
    ({"settings": {"warmup": 9, "iterations": 5}}, "expected fewer than 5 iterations of warmup"),
    ({"settings": {"graph": "alexnet"}}, "graph: expected one of seed, record, caffe"),
    ({"settings": {"iterations": 0}}, "iterations: expected at least 1"),
    ({"resume": True}, "no run of train-tf to resume"),
    ({"resume": True, "run_dir": "nowhere"}, "no run of train-tf to resume"),
]


@pytest.mark.parametrize("arguments, words", CASES)
def test_what_cannot_be_is_told_of_and_nothing_is_made(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        train_classifier("synthetic", **arguments)
    assert not list(tmp_path.iterdir())


def test_it_is_told_of_before_tensorflow_starts(tmp_path):
    code = (
        "import sys\nfrom svhn.errors import InputError\nfrom svhn.tf_models import train_classifier\n"
        "try:\n    train_classifier(preset='best')\nexcept InputError:\n    print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_photos_that_are_not_there_are_told_of_before_there_is_a_run_folder(tmp_path):
    with pytest.raises(InputError, match="digitStruct"):
        train_finder(tmp_path / "none", {}, tmp_path / "run")
    assert not (tmp_path / "run").exists()

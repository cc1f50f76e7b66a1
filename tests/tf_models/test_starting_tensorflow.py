"""Keras computes with TensorFlow, in float32, channels last, whatever the user's settings of Keras say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from svhn.tf_models import starting

ROOT = Path(__file__).parents[2]
BUILD = """
import os
from svhn.tf_models import start_tensorflow
start_tensorflow()
import keras
model = keras.Sequential([keras.Input((8, 9, 3)), keras.layers.Conv2D(2, 3), keras.layers.Flatten()])
print(keras.config.backend(), model.output_shape, model.dtype, keras.config.epsilon())
print("GPU memory as needed:", os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
"""


def run(script, home, **variables):
    environment = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""} | variables
    environment.pop("KERAS_HOME", None)
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, cwd=home, env=environment, timeout=300)


def write_settings(home, content):
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text(content)


@pytest.mark.slow
def test_settings_of_the_user_change_nothing(tmp_path):
    settings = {"image_data_format": "channels_first", "backend": "jax", "floatx": "float16", "epsilon": 0.5}
    write_settings(tmp_path, json.dumps(settings))
    result = run(BUILD, tmp_path, KERAS_BACKEND="nonsense\x1b[31m")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "tensorflow (None, 84) float32 1e-07\nGPU memory as needed: true\n"
    assert result.stderr == "KERAS_BACKEND=nonsense\\x1b[31m is not followed: tensorflow is used\n"


@pytest.mark.parametrize("asked", ["torch", "", "tensorflow"])
def test_the_backend_is_chosen_and_another_one_told_of(asked, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", asked)
    starting._choose_backend()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    told = f"KERAS_BACKEND={asked} is not followed: tensorflow is used\n" if asked == "torch" else ""
    assert capsys.readouterr().err == told


@pytest.mark.slow
@pytest.mark.parametrize("content", ['{"epsilon": "small"}', "[]"])
def test_settings_that_keras_cannot_read_are_named(content, tmp_path):
    write_settings(tmp_path, content)
    result = run("from svhn import load_classifier\nload_classifier('tf-seed')", tmp_path)
    assert result.returncode == 1
    assert "svhn.errors.InputError: Keras cannot read its settings (" in result.stderr
    assert "keras.json" in result.stderr.splitlines()[-1]


def test_another_backend_at_work_is_refused(tmp_path):
    script = """
import sys, types
keras = sys.modules["keras"] = types.ModuleType("keras")
keras.config = types.SimpleNamespace(backend=lambda: "torch")
from svhn.tf_models import start_tensorflow
start_tensorflow()
"""
    result = run(script, tmp_path)
    assert "InputError: Keras computes with torch in this process (KERAS_BACKEND or" in result.stderr

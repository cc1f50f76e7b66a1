import json

import numpy as np
import pytest
from PIL import Image

from svhn.checkpoints import checkpoint_folder
from svhn.classifiers import (
    convert_caffe,
    evaluate_classifier,
    export_classifier,
    interpret_photo,
    load_classifier,
    load_interpreter,
)
from svhn.data import load_split, resolve_source
from svhn.data.render import render_crops
from svhn.errors import InputError

TORCH = "torch-convnet48-dropout3"


@pytest.fixture(scope="module")
def crops():
    return render_crops(40, seed=3)


def test_a_name_and_a_file_are_the_same_classifier(crops):
    images, labels = crops
    probabilities = load_classifier(TORCH)(images)
    assert probabilities.shape == (len(images), 10) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(load_classifier(checkpoint_folder() / TORCH / "model.pt")(images), probabilities)
    assert (probabilities.argmax(axis=1) == labels).mean() > 0.5


def test_an_interpreter_says_what_its_classifier_says(crops):
    images, _ = crops
    found = load_interpreter(TORCH)(images[:3])
    assert len(found) == 3
    np.testing.assert_allclose(
        [one.probabilities for one in found], load_classifier(TORCH)(images[:3]), rtol=1e-3, atol=1e-5
    )


def test_the_digits_of_a_photo_are_drawn(crops, tmp_path):
    Image.fromarray(crops[0][0]).save(tmp_path / "crop.png")
    assert interpret_photo(tmp_path / "crop.png", TORCH, tmp_path / "new" / "figure.png") == 1
    with Image.open(tmp_path / "new" / "figure.png") as figure:
        assert figure.width == 1500
    for output, words in {"figure.txt": r"\.png", "crop.png": "overwrite"}.items():
        with pytest.raises(InputError, match=words):
            interpret_photo(tmp_path / "crop.png", TORCH, tmp_path / output)


@pytest.mark.parametrize("load", [load_classifier, load_interpreter])
def test_no_model_is_an_input_error(load, tmp_path):
    with pytest.raises(InputError, match="no model found"):
        load(tmp_path / "nothing")


def test_a_pytorch_model_is_not_exported(tmp_path):
    with pytest.raises(InputError, match="a PyTorch model, expected one of TensorFlow"):
        export_classifier(TORCH, "onnx", tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_a_converted_network_is_a_keras_file(tmp_path):
    with pytest.raises(InputError, match=r"ends in \.keras"):
        convert_caffe("a.prototxt", "a.caffemodel", tmp_path / "x.h5")


def test_evaluation_measures_the_split_and_writes_the_report(tiny_svhn, tmp_path):
    source, _ = resolve_source(str(tiny_svhn.folder))
    measured = evaluate_classifier(TORCH, source, "test", tmp_path / "report")
    assert measured == json.loads((tmp_path / "report" / "report.json").read_text())
    assert measured["model"] == TORCH and measured["split"] == "test" and measured["n"] > 0


def test_evaluation_tells_how_far_the_reading_is(tiny_svhn, tmp_path, monkeypatch):
    digits, told = load_split(str(tiny_svhn.folder), "test"), []

    def load(source, split, report, crops):
        report(5, 5, "photos")
        return digits

    monkeypatch.setattr("svhn.data.load_split", load)
    evaluate_classifier(TORCH, str(tiny_svhn.folder), "test", tmp_path, lambda *step: told.append(step))
    assert told == [(5, 5, "photos")]


def test_a_missing_model_is_told_of_before_the_data_are_read(tmp_path):
    with pytest.raises(InputError, match="no model found"):
        evaluate_classifier("nothing", "nowhere", "test", tmp_path)

import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.errors import InputError
from svhn.tf_models.export import export_saved_model
from svhn.tf_models.graphs import build_graph
from svhn.tf_models.predict import load_classifier


@pytest.fixture(scope="module")
def folder(finished) -> str:
    return str(finished / "saved_model")


@pytest.fixture(scope="module")
def images(tiny) -> np.ndarray:
    """RGB crops as files hold them."""
    return tiny["validation"].rgb[:40]


@pytest.fixture(scope="module")
def expected(finished, images) -> np.ndarray:
    """What the .keras file says: probabilities (40, 10)."""
    return load_classifier(finished / "model.keras")(images)


def assert_expected(probabilities: np.ndarray, label: np.ndarray, expected: np.ndarray) -> None:
    assert probabilities.shape == (len(expected), 10) and label.shape == (len(expected),)
    np.testing.assert_allclose(probabilities, expected, atol=1e-4)
    np.testing.assert_array_equal(label, expected.argmax(axis=1))


def test_the_reference_is_not_trivial(expected, tiny):
    assert (expected.argmax(axis=1) == tiny["validation"].labels[: len(expected)]).mean() > 0.7
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


def test_plain_tensorflow(folder, images, expected):
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    assert list(inputs) == ["images"] and inputs["images"].dtype == tf.uint8
    assert {name: (spec.dtype, spec.shape.rank) for name, spec in serve.structured_outputs.items()} == {
        "probabilities": (tf.float32, 2),
        "label": (tf.int64, 1),
    }
    answer = serve(images=tf.constant(images))
    assert_expected(answer["probabilities"].numpy(), answer["label"].numpy(), expected)


def test_gray_and_rgb_give_the_same(folder, tiny):
    serve = tf.saved_model.load(folder).signatures["serving_default"]
    gray = tiny["validation"].gray[:40, ..., None]
    one, three = (serve(images=tf.constant(np.repeat(gray, channels, axis=-1))) for channels in (1, 3))
    np.testing.assert_array_equal(one["probabilities"], three["probabilities"])
    np.testing.assert_array_equal(one["label"], three["label"])


def test_a_batch_of_one(folder, images, expected):
    answer = tf.saved_model.load(folder).signatures["serving_default"](images=tf.constant(images[:1]))
    assert_expected(answer["probabilities"].numpy(), answer["label"].numpy(), expected[:1])


def test_saved_model_cli(folder, images, expected, tmp_path):
    np.save(tmp_path / "crops.npy", images)
    options = ["--tag_set", "serve", "--signature_def", "serving_default"]
    inputs = ["--inputs", f"images={tmp_path / 'crops.npy'}", "--outdir", str(tmp_path)]
    module = "tensorflow.python.tools.saved_model_cli"
    command = [sys.executable, "-m", module, "run", "--dir", folder, *options, *inputs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    answer = {name: np.load(tmp_path / f"{name}.npy") for name in ("probabilities", "label")}
    assert_expected(answer["probabilities"], answer["label"], expected)


def test_tfsm_layer(folder, images, expected):
    crops = keras.Input((32, 32, 3), dtype="uint8")
    model = keras.Model(crops, keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(crops))
    answer = model.predict(images, verbose=0)
    assert_expected(answer["probabilities"], answer["label"], expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_tflite(channels, folder, tiny):
    split = tiny["validation"].take(np.arange(40))
    images = split.rgb if channels == 3 else split.gray[..., None]
    expected = load_classifier(folder)(np.broadcast_to(images, (40, 32, 32, 3)))
    interpreter = tf.lite.Interpreter(model_content=tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    run = interpreter.get_signature_runner("serving_default")
    answer = run(images=images)
    assert_expected(answer["probabilities"], answer["label"], expected)


@pytest.mark.parametrize("model", ["model.keras", "saved_model"])
def test_both_files_answer_alike(model, finished, images, expected):
    classify = load_classifier(finished / model)
    probabilities = classify(images)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert classify(images[:0]).shape == (0, 10)
    many = np.tile(images, (7, 1, 1, 1))  # more than one batch
    np.testing.assert_allclose(classify(many), np.tile(expected, (7, 1)), atol=1e-5)


def damaged(source: Path, target: Path, damage: str) -> Path:
    content = bytearray(source.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "altered":
        content[len(content) // 2 :: 4096] = b"\xff" * len(content[len(content) // 2 :: 4096])
    elif damage == "text":
        content = b"not a model"
    elif damage == "empty":
        content = b""
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("damage", ["cut", "altered", "text", "empty"])
def test_a_damaged_keras_file_is_named(damage, finished, tmp_path):
    path = damaged(finished / "model.keras", tmp_path / "broken.keras", damage)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_classifier(path)


@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["cut", "altered", "text", "empty"])
def test_a_damaged_saved_model_is_named(damage, part, folder, tmp_path):
    path = shutil.copytree(folder, tmp_path / "broken")
    damaged(path / part, path / part, damage)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_classifier(path)


@pytest.mark.parametrize("name", ["missing.keras", "missing", "empty", "file.pb"])
def test_what_is_no_model_is_named(name, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.pb").write_bytes(b"not a model")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
        load_classifier(tmp_path / name)


def test_a_stranger_s_saved_model_is_named(tmp_path):
    stranger = tf.Module()
    stranger.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,), tf.float32)])
    tf.saved_model.save(stranger, str(tmp_path / "plain"))
    tf.saved_model.save(stranger, str(tmp_path / "served"), signatures={"serving_default": stranger.double})
    for name in ("plain", "served"):
        with pytest.raises(InputError, match=re.escape(str(tmp_path / name))):
            load_classifier(tmp_path / name)


def test_a_stranger_s_keras_file_is_named(tmp_path):
    path = tmp_path / "stranger.keras"
    keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_classifier(path)


def test_export_replaces_the_folder_whole_and_leaves_nothing_else(tiny, tmp_path):
    target = tmp_path / "saved_model"
    target.mkdir()
    (target / "old.txt").write_text("from an earlier export")
    keras.utils.set_random_seed(0)
    export_saved_model(build_graph("seed", tiny.statistics), target)
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]
    assert not (target / "old.txt").exists() and (target / "saved_model.pb").is_file()

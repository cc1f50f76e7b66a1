import re
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from PIL import Image
from tensorflow.python.tools import saved_model_cli

from svhn.errors import InputError
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.predict import load_classifier
from svhn.tf_models.export.checking import export_model


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


@pytest.fixture(scope="module")
def large(images) -> np.ndarray:
    """The crops in another size, uint8 (40, 45, 38, 3)."""
    resized = [Image.fromarray(image).resize((38, 45), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image) for image in resized])


@pytest.fixture(scope="module")
def expected_large(finished, large) -> np.ndarray:
    """What the .keras file says when Pillow resizes, as `svhn.crops.crop_digit` does."""
    resized = [Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC) for image in large]
    return load_classifier(finished / "model.keras")(np.stack([np.asarray(image) for image in resized]))


@pytest.fixture(scope="module")
def files(images, large, tmp_path_factory) -> list[bytes]:
    """The crops as PNG files, every second one in the other size."""
    folder = tmp_path_factory.mktemp("files")
    for i in range(len(images)):
        Image.fromarray((images, large)[i % 2][i]).save(folder / f"{i}.png")
    return [(folder / f"{i}.png").read_bytes() for i in range(len(images))]


@pytest.fixture(scope="module")
def expected_files(expected, expected_large) -> np.ndarray:
    odd = np.arange(len(expected))[:, None] % 2 == 1
    return np.where(odd, expected_large, expected)


# Pillow takes columns first in some sizes, and a pixel in eight then differs by one grey level.
RESIZED = 0.01


def assert_expected(answer: dict, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    answer = {name: np.asarray(value) for name, value in answer.items()}
    assert {name: (value.dtype, value.shape) for name, value in answer.items()} == {
        "probabilities": (np.float32, (len(expected), 10)),
        "label": (np.int64, (len(expected),)),
        "confidence": (np.float32, (len(expected),)),
    }
    np.testing.assert_allclose(answer["probabilities"], expected, atol=tolerance)
    np.testing.assert_array_equal(answer["label"], answer["probabilities"].argmax(axis=1))
    np.testing.assert_allclose(answer["confidence"], answer["probabilities"].max(axis=1, initial=0))


def test_the_reference_is_not_trivial(expected, tiny):
    assert (expected.argmax(axis=1) == tiny["validation"].labels[: len(expected)]).mean() > 0.7
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)


def test_plain_tensorflow(folder, images, expected, large, expected_large):
    loaded = tf.saved_model.load(folder)
    assert set(loaded.signatures) == {"serving_default", "serve_png"}
    serve = loaded.signatures["serving_default"]
    inputs = serve.structured_input_signature[1]
    assert list(inputs) == ["images"] and inputs["images"].dtype == tf.uint8
    assert_expected(serve(images=tf.constant(images)), expected)
    assert_expected(serve(images=tf.constant(images[:1])), expected[:1])
    assert_expected(serve(images=tf.constant(images[:0])), expected[:0])
    assert_expected(serve(images=tf.constant(large)), expected_large, RESIZED)


def test_encoded_files(folder, files, expected_files):
    loaded = tf.saved_model.load(folder)
    serve = loaded.signatures["serve_png"]
    inputs = serve.structured_input_signature[1]
    assert list(inputs) == ["image_bytes"] and inputs["image_bytes"].dtype == tf.string
    assert_expected(serve(image_bytes=tf.constant(files)), expected_files, RESIZED)
    np.testing.assert_allclose(
        serve(image_bytes=tf.constant(files[::2]))["probabilities"], expected_files[::2], atol=1e-4
    )
    assert_expected(serve(image_bytes=tf.constant([], tf.string)), expected_files[:0])


def test_jpeg_and_png_of_one_picture_go_into_one_batch(folder, images, finished, tmp_path):
    Image.fromarray(images[0]).save(tmp_path / "crop.png")
    Image.fromarray(images[0]).save(tmp_path / "crop.jpg", quality=90)
    loaded = tf.saved_model.load(folder)
    files = [(tmp_path / name).read_bytes() for name in ("crop.png", "crop.jpg")]
    answer = loaded.signatures["serve_png"](image_bytes=tf.constant(files))
    decoded = np.stack([np.asarray(Image.open(tmp_path / name)) for name in ("crop.png", "crop.jpg")])
    assert_expected(answer, load_classifier(finished / "model.keras")(decoded), RESIZED)


def test_a_file_that_cannot_be_decoded_fails_its_batch(folder, files):
    loaded = tf.saved_model.load(folder)
    with pytest.raises(tf.errors.InvalidArgumentError):
        loaded.signatures["serve_png"](image_bytes=tf.constant([files[0], b"not a picture"]))


def test_gray_and_rgb_give_the_same(folder, tiny):
    loaded = tf.saved_model.load(folder)
    gray = tiny["validation"].gray[:40, ..., None]
    for images in (gray, np.repeat(np.repeat(gray, 2, axis=1), 2, axis=2)):
        repeated = (tf.constant(np.repeat(images, channels, axis=-1)) for channels in (1, 3))
        one, three = (loaded.signatures["serving_default"](images=each) for each in repeated)
        np.testing.assert_array_equal(one["probabilities"], three["probabilities"])
        np.testing.assert_array_equal(one["label"], three["label"])


def test_saved_model_cli(folder, large, expected_large, tmp_path, monkeypatch):
    np.save(tmp_path / "crops.npy", large)
    options = ["--tag_set", "serve", "--signature_def", "serving_default"]
    inputs = ["--inputs", f"images={tmp_path / 'crops.npy'}", "--outdir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["saved_model_cli", "run", "--dir", folder, *options, *inputs])
    with pytest.raises(SystemExit) as end:
        saved_model_cli.main()
    assert not end.value.code
    answer = {name: np.load(tmp_path / f"{name}.npy") for name in ("probabilities", "label", "confidence")}
    assert_expected(answer, expected_large, RESIZED)


def test_tfsm_layer(folder, large, expected_large):
    crops = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(crops, keras.layers.TFSMLayer(folder, call_endpoint="serving_default")(crops))
    assert_expected(model.predict(large, verbose=0), expected_large, RESIZED)


@pytest.fixture(scope="module")
def interpreter(folder) -> tf.lite.Interpreter:
    """The SavedModel as TensorFlow's own converter turns it into TFLite, without operations of TensorFlow in it."""
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=["serving_default"])
    return tf.lite.Interpreter(model_content=converter.convert())


@pytest.mark.parametrize("channels", [1, 3])
def test_tflite(channels, interpreter, folder, tiny):
    split = tiny["validation"].take(np.arange(40))
    images = split.rgb if channels == 3 else split.gray[..., None]
    expected = load_classifier(folder)(np.broadcast_to(images, (40, 32, 32, 3)))
    assert_expected(interpreter.get_signature_runner("serving_default")(images=images), expected)


def test_tflite_resizes(interpreter, large, expected_large):
    assert_expected(interpreter.get_signature_runner("serving_default")(images=large), expected_large, RESIZED)


def test_tf2onnx_and_onnxruntime(folder, images, expected, large, expected_large, tmp_path):
    loaded = tf.saved_model.load(folder)
    function = tf.function(
        lambda images: loaded.signatures["serving_default"](images=images),
        [tf.TensorSpec((None, None, None, None), tf.uint8, name="images")],
    )
    path = str(tmp_path / "digits.onnx")
    tf2onnx.convert.from_function(function, function.input_signature, opset=15, output_path=path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    for given, wanted, tolerance in ((images, expected, 1e-4), (large, expected_large, RESIZED)):
        assert_expected(dict(zip(names, session.run(names, {"images": given}), strict=True)), wanted, tolerance)


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
    for name in ("saved_model.pb", "old.txt"):
        (target / name).write_text("from an earlier export")
    keras.utils.set_random_seed(0)
    export_model(build_graph("seed", tiny.statistics), "savedmodel", target)
    assert [path.name for path in tmp_path.iterdir()] == ["saved_model"]
    assert not (target / "old.txt").exists() and tf.saved_model.load(str(target)).signatures

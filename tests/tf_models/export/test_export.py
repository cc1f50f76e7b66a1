import sys

import cv2
import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from click.testing import CliRunner

from svhn import classifiers
from svhn.commands import cli
from svhn.crops import to_gray
from svhn.data.render.strips import render_crops
from svhn.errors import InputError
from svhn.tf_models.classifier.predict import load_classifier, load_network
from svhn.tf_models.export import checking
from svhn.tf_models.export.checking import export_model
from svhn.tf_models.export.targets import TARGETS

NAMES = {"savedmodel": "saved_model", "tflite": "digits.tflite", "onnx": "digits.onnx"}


def small_network(channels: int) -> keras.Model:
    """A network that is sure of itself, with layers that behave differently in training."""
    keras.utils.set_random_seed(channels)
    x = inputs = keras.Input((32, 32, channels))
    x = keras.layers.Rescaling(1 / 64, -2)(x)
    x = keras.layers.Conv2D(8, 5, strides=3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(keras.layers.Flatten()(x))
    x = keras.layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3))(x)
    return keras.Model(inputs, x)


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def network(request) -> keras.Model:
    return small_network(request.param)


@pytest.fixture(scope="module")
def gray_network() -> keras.Model:
    return small_network(1)


@pytest.fixture(scope="module")
def written(network, tmp_path_factory):
    """Every format of one network: {kind: Export}."""
    folder = tmp_path_factory.mktemp("exports")
    return {kind: export_model(network, kind, folder / name) for kind, name in NAMES.items()}


@pytest.fixture(scope="module")
def loaded(written):
    return tf.saved_model.load(str(written["savedmodel"].path))


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    noise = np.random.default_rng(1).integers(0, 256, (20, 32, 32, 3), np.uint8)
    return np.concatenate([noise, render_crops(20, seed=1)[0]])


@pytest.fixture
def pixels(network, rgb) -> np.ndarray:
    """What the network takes, as uint8."""
    return rgb if network.input_shape[-1] == 3 else to_gray(rgb)[..., None]


@pytest.fixture
def expected(network, pixels) -> np.ndarray:
    logits = network(pixels.astype(np.float32), training=False).numpy().astype(np.float64)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def assert_expected(answer: dict, expected: np.ndarray) -> None:
    assert {name: (value.dtype, value.shape) for name, value in answer.items()} == {
        "probabilities": (np.float32, (len(expected), 10)),
        "label": (np.int64, (len(expected),)),
        "confidence": (np.float32, (len(expected),)),
    }
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    np.testing.assert_allclose(answer["confidence"], expected.max(axis=1, initial=0), atol=1e-5)
    np.testing.assert_array_equal(answer["label"], answer["probabilities"].argmax(axis=1))


def test_the_network_tells_crops_apart(expected):
    assert len(set(expected.argmax(axis=1))) >= 4 and expected.max(axis=1).mean() > 0.5


@pytest.mark.parametrize("count", [40, 1, 0])
def test_saved_model(count, loaded, rgb, expected):
    answer = loaded.signatures["serving_default"](images=tf.constant(rgb[:count]))
    assert_expected({name: value.numpy() for name, value in answer.items()}, expected[:count])


@pytest.mark.parametrize("count", [40, 1])
def test_tflite(count, written, pixels, expected):
    interpreter = tf.lite.Interpreter(str(written["tflite"].path))
    run = interpreter.get_signature_runner("serving_default")
    assert_expected(run(images=pixels[:count]), expected[:count])


@pytest.mark.parametrize("form", ["uint8", "int64", "float32", "0 to 1", "gray or RGB"])
def test_a_loaded_saved_model_is_called_with_any_pixels(form, loaded, rgb, pixels, expected):
    given = {"0 to 1": rgb / 255, "gray or RGB": pixels, "float32": rgb.astype(np.float32)}
    answer = loaded(given.get(form, rgb.astype(form) if form in ("uint8", "int64") else rgb))
    assert_expected({name: value.numpy() for name, value in answer.items()}, expected)


@pytest.mark.parametrize(
    "images, received",
    [
        (np.zeros((2, 32, 32), np.uint8), "2 32 32"),
        (np.zeros((2, 32, 32, 4), np.uint8), "2 32 32"),
        (np.zeros((2, 3, 32, 32), np.uint8), "2 3 32"),
        (np.full((2, 32, 32, 3), -0.5), "values outside"),
        (np.full((2, 32, 32, 3), np.nan), "no numbers"),
        (np.full((2, 32, 32, 3), 256), "values outside"),
    ],
    ids=["no channels", "RGBA", "channels first", "negative", "NaN", "too large"],
)
def test_a_loaded_saved_model_refuses_other_pictures_in_words(images, received, loaded):
    with pytest.raises(tf.errors.InvalidArgumentError, match="images: expected") as error:
        loaded(images)
    assert received in str(error.value)
    if images.dtype == np.uint8 and images.ndim == 4:
        with pytest.raises(tf.errors.InvalidArgumentError, match="images: expected"):
            loaded.signatures["serving_default"](images=tf.constant(images))


def test_tflite_takes_gray_and_rgb_whatever_the_network_takes(written, network, rgb):
    """TFLite itself would answer nonsense without a word. Grey levels may be rounded to the other side: .02."""
    run = tf.lite.Interpreter(str(written["tflite"].path)).get_signature_runner("serving_default")
    np.testing.assert_allclose(run(images=rgb)["probabilities"], _answer(network, rgb), atol=0.02)
    gray = to_gray(rgb)[..., None]
    np.testing.assert_allclose(run(images=gray)["probabilities"], _answer(network, gray), atol=0.02)


# What comes to mind and is wrong: how it is made of crops, and the words in which TFLite and ONNX Runtime refuse it.
MISUSES = {
    "no channels": (lambda rgb: rgb[..., 0], "broadcastable", "Invalid rank for input: images Got: 3 Expected: 4"),
    "RGBA": (lambda rgb: np.concatenate([rgb, rgb[..., :1]], axis=-1), "broadcastable", "index: 3 Got: 4 Expected"),
    "channels first": (lambda rgb: rgb.transpose(0, 3, 1, 2), "broadcastable", "index: 1 Got: 3 Expected: 32"),
    "floats": (lambda rgb: rgb.astype(np.float32), "FLOAT32 but expected type UINT8", r"expected: \(tensor\(uint8\)\)"),
    "0 to 1": (lambda rgb: rgb / 255, "FLOAT64 but expected type UINT8", r"expected: \(tensor\(uint8\)\)"),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_tflite_and_onnxruntime_refuse_other_pictures_in_words(misuse, written, rgb):
    change, words, onnx_words = MISUSES[misuse]
    images = change(rgb[:2])
    run = tf.lite.Interpreter(str(written["tflite"].path)).get_signature_runner("serving_default")
    with pytest.raises((RuntimeError, ValueError), match=words):
        run(images=images)
    session = onnxruntime.InferenceSession(str(written["onnx"].path), providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match=onnx_words):
        session.run(None, {"images": images})


def test_tflite_answers_no_crops_with_none_or_refuses_them_and_goes_on(written, rgb):
    """It depends on the network: the shipped ones are refused."""
    run = tf.lite.Interpreter(str(written["tflite"].path)).get_signature_runner("serving_default")
    before = run(images=rgb)["probabilities"]
    try:
        assert run(images=rgb[:0])["probabilities"].shape == (0, 10)
    except RuntimeError as error:
        assert "failed to prepare" in str(error)
    np.testing.assert_array_equal(run(images=rgb)["probabilities"], before)


def test_the_signature_takes_nothing_but_bytes(written, rgb):
    serve = tf.saved_model.load(str(written["savedmodel"].path)).signatures["serving_default"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected to be a uint8 tensor but is a float tensor"):
        serve(images=tf.constant(rgb / np.float32(255)))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"\[2,32,32\] is not compatible with expected shape"):
        serve(images=tf.constant(rgb[:2, ..., 0]))


def _answer(network: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the network says of gray pictures or RGB, as `svhn.crops` turns one into the other."""
    if images.shape[-1] != network.input_shape[-1]:
        images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else to_gray(images)[..., None]
    return tf.nn.softmax(network(images.astype(np.float32), training=False)).numpy()


def test_tflite_without_a_signature(written, network, pixels, expected):
    """As on phones: one crop of the network's own kind, no shape set."""
    interpreter = tf.lite.Interpreter(str(written["tflite"].path))
    interpreter.allocate_tensors()
    (images,) = interpreter.get_input_details()
    assert tuple(images["shape"]) == (1, *network.input_shape[1:])
    interpreter.set_tensor(images["index"], pixels[:1])
    interpreter.invoke()
    answers = [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]
    assert any(answer.shape == (1, 10) and np.abs(answer - expected[:1]).max() < 1e-5 for answer in answers)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_onnxruntime_refuses_other_channels(channels, written, network):
    session = onnxruntime.InferenceSession(str(written["onnx"].path), providers=["CPUExecutionProvider"])
    images = np.zeros((2, 32, 32, channels), np.uint8)
    if channels == network.input_shape[-1]:
        assert len(session.run(None, {"images": images})) == 3
    else:
        with pytest.raises(Exception, match="Expected"):
            session.run(None, {"images": images})


@pytest.mark.parametrize("count", [40, 1, 0])
def test_onnxruntime(count, written, pixels, expected):
    session = onnxruntime.InferenceSession(str(written["onnx"].path), providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["N", *pixels.shape[1:]])
    names = [output.name for output in session.get_outputs()]
    assert_expected(dict(zip(names, session.run(names, {"images": pixels[:count]}), strict=True)), expected[:count])


@pytest.mark.skipif(cv2.__version__ < "5", reason="OpenCV 4 has no engine for these graphs")
@pytest.mark.parametrize("count", [40, 1])
def test_opencv(count, written, pixels, expected):
    net = cv2.dnn.readNetFromONNX(str(written["onnx"].path))
    net.setInput(pixels[:count])
    names = ["probabilities", "label", "confidence"]
    assert_expected(dict(zip(names, net.forward(names), strict=True)), expected[:count])


@pytest.mark.parametrize("kind", NAMES)
def test_what_is_told_about_an_export(kind, network, written):
    told, weights = written[kind], 4 * network.count_params()
    assert told.path.name == NAMES[kind] and told.path.exists()
    assert 0 <= told.difference < 1e-5
    assert weights < told.size < weights + 400_000  # the weights once, and the graph for each kind of pixels


@pytest.mark.parametrize("kind", NAMES)
def test_an_export_that_disagrees_leaves_everything_as_it_was(kind, gray_network, tmp_path, monkeypatch):
    target = tmp_path / NAMES[kind]
    marker = target / "saved_model.pb" if kind == "savedmodel" else target
    marker.parent.mkdir(exist_ok=True)
    marker.write_text("from an earlier export")
    monkeypatch.setattr(checking, "TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="does not give the network's outputs"):
        export_model(gray_network, kind, target)
    assert list(tmp_path.iterdir()) == [target] and marker.read_text() == "from an earlier export"


@pytest.mark.parametrize(
    "kind, name", [("tflite", "digits.onnx"), ("onnx", "digits"), ("onnx", "folder.onnx"), ("savedmodel", "file")]
)
def test_an_output_of_the_wrong_kind_is_refused(kind, name, gray_network, tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match=name):
        export_model(gray_network, kind, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.onnx"]


def test_a_folder_of_other_things_is_not_replaced(gray_network, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds no saved_model\.pb; choose a new folder"):
        export_model(gray_network, "savedmodel", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_onnx_without_its_packages_says_what_to_install(gray_network, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(InputError, match=r"onnx needs further packages .*pip install 'svhn\[onnx\]'"):
        export_model(gray_network, "onnx", tmp_path / "digits.onnx")
    assert list(tmp_path.iterdir()) == []


class PickledAnswers:
    """A format of one's own: the answers to the crops that exports are checked on, with something changed in them."""

    suffix, marker, needs = ".npz", "", "nothing"

    def __init__(self, change=lambda answer: None):
        self.change = change

    def write(self, model, path):
        pixels = to_gray(checking._check_crops())[..., None]
        probabilities = tf.nn.softmax(model(pixels.astype(np.float32), training=False)).numpy()
        answer = {
            "probabilities": probabilities,
            "label": probabilities.argmax(axis=1),
            "confidence": probabilities.max(axis=1),
        }
        self.change(answer)
        with path.open("wb") as file:
            np.savez(file, **answer)

    def load(self, path):
        return [lambda rgb, pixels: dict(np.load(path))]


@pytest.fixture
def register(monkeypatch):
    """Register an export target for one test."""
    monkeypatch.setattr(TARGETS, "_entries", dict(TARGETS._entries))
    return TARGETS.register


def test_a_target_of_ones_own(gray_network, tmp_path, register):
    register("answers", PickledAnswers())
    told = export_model(gray_network, "answers", tmp_path / "digits.npz")
    assert told.size == (tmp_path / "digits.npz").stat().st_size and told.difference < 1e-6
    with pytest.raises(InputError, match=r"ends in \.npz"):
        export_model(gray_network, "answers", tmp_path / "digits.zip")


@pytest.mark.parametrize(
    "name, factor",
    [("probabilities", 0), ("probabilities", np.nan), ("label", 0), ("confidence", 0), ("confidence", np.nan)],
)
def test_each_output_is_compared_with_the_networks(name, factor, gray_network, tmp_path, register):
    def spoil(answer):
        answer[name] = answer[name] * factor

    register("spoiled", PickledAnswers(spoil))
    with pytest.raises(RuntimeError, match=rf"network's outputs: {name} off by"):
        export_model(gray_network, "spoiled", tmp_path / "digits.npz")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_target_is_refused_with_the_known_ones(gray_network, tmp_path):
    with pytest.raises(InputError, match="expected one of savedmodel, tflite, onnx, caffe, received 'pickle'"):
        export_model(gray_network, "pickle", tmp_path / "digits")


def run(*arguments, code=0) -> str:
    result = CliRunner().invoke(cli, ["export", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("kind", NAMES)
def test_the_command(kind, gray_network, tmp_path):
    gray_network.save(tmp_path / "model.keras")
    line = run(tmp_path, "--to", kind, "--output", tmp_path / "new" / NAMES[kind])
    assert kind in line and "MB" in line and "within" in line and line.count("\n") == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == [NAMES[kind]]
    if kind == "savedmodel":
        images = render_crops(10, seed=2)[0]
        classifiers = [load_classifier(path) for path in (tmp_path / "model.keras", tmp_path / "new" / NAMES[kind])]
        np.testing.assert_allclose(*(classify(images) for classify in classifiers), atol=1e-5)


def test_the_command_says_what_it_cannot_export(tmp_path):
    (tmp_path / "broken.keras").write_bytes(b"not a model")
    keras.Sequential([keras.Input((7,)), keras.layers.Dense(10)]).save(tmp_path / "stranger.keras")
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    output = tmp_path / "digits.onnx"
    for model, words in [
        ("torch-convnet48-dropout3", "PyTorch"),
        (tmp_path / "broken.keras", "broken.keras"),
        (tmp_path / "stranger.keras", "32 x 32"),
        (tmp_path / "missing.keras", "no model found"),
        (tmp_path / "saved", "give the .keras file"),
    ]:
        assert words in run(model, "--to", "onnx", "--output", output, code=1)
        assert not output.exists()


def test_load_network_gives_what_was_saved(network, tmp_path, pixels):
    network.save(tmp_path / "model.keras")
    images = pixels.astype(np.float32)
    loaded = load_network(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images, training=False), network(images, training=False))


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_a_written_file_is_a_classifier_like_any_other(kind, written, rgb, pixels, expected):
    answer = classifiers.load_classifier(written[kind].path)(rgb)
    # TFLite turns RGB into gray itself, and may round it to the other side.
    np.testing.assert_allclose(answer, expected, atol=0.02 if kind == "tflite" and pixels.shape[-1] == 1 else 1e-5)


def test_a_broken_tflite_file_is_told_of(tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"not a model")
    for load in (classifiers.load_classifier, classifiers.load_keras_network):
        with pytest.raises(InputError, match=r"broken\.tflite"):
            load(tmp_path / "broken.tflite")

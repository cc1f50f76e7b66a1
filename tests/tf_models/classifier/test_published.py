"""What other people do with a `.keras` file of this project: it is right, or it is refused."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.alphabet import NUM_CLASSES
from svhn.crops import to_gray
from svhn.data import Statistics
from svhn.tf_models.classifier.config import GRAPHS
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.learner import load_weights
from svhn.tf_models.classifier.predict import load_classifier, load_network
from svhn.tf_models.classifier.published import logits_of, publish

STATISTICS = Statistics(120.0, 60.0, (110.0, 120.0, 130.0), (60.0, 60.0, 60.0), (120.0,) * 32 * 32)


@pytest.fixture(scope="module", params=[1, 3], ids=["gray", "colour"])
def network(request):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((32, 32, request.param))
    x = keras.layers.Rescaling(1 / 64, -2)(x)
    x = keras.layers.Conv2D(4, 5, strides=4, activation="relu", name="conv")(x)
    x = keras.layers.Dense(NUM_CLASSES, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3))(
        keras.layers.Flatten()(x)
    )
    return keras.Model(inputs, x, name="small")


@pytest.fixture(scope="module")
def pixels(network):
    """Raw pixels as float32 (6, 32, 32, C), the last crop darker than half."""
    crops = np.random.default_rng(1).integers(0, 256, (6, 32, 32, network.input_shape[-1])).astype(np.float32)
    crops[-1] //= 3
    return crops


@pytest.fixture(scope="module")
def expected(network, pixels):
    return tf.nn.softmax(network(pixels, training=False)).numpy()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    publish(network).save(path)
    return path


@pytest.fixture(scope="module")
def model(file):
    """The file, loaded once, for tests that give it crops of its own shape."""
    return keras.models.load_model(file)


@pytest.mark.parametrize("kind", ["raw float", "0 to 1", "-1 to 1", "uint8"])
def test_pixels_of_every_range_give_probabilities(kind, model, pixels, expected):
    others = {"0 to 1": pixels / 255, "-1 to 1": pixels / 127.5 - 1, "uint8": pixels.astype(np.uint8)}
    answer = model.predict(others.get(kind, pixels), verbose=0)
    np.testing.assert_allclose(answer, expected, atol=1e-5)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)


def test_crops_of_both_ranges_go_into_one_batch(model, pixels, expected):
    mixed = np.where(np.arange(len(pixels))[:, None, None, None] % 2, pixels / 255, pixels)
    np.testing.assert_allclose(model.predict(mixed, verbose=0), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["standardised", "16 bit", "NaN"])
def test_pixels_of_no_known_range_get_no_answer(kind, model, pixels, expected):
    """Keras cannot refuse in words: NaN. The crops beside them are answered."""
    others = {"standardised": (pixels - 120) / 60, "16 bit": pixels * 257, "NaN": pixels * np.nan}
    batch = np.concatenate([pixels, others[kind]]).astype(np.float32)
    right, nothing = np.split(model.predict(batch, verbose=0), 2)
    np.testing.assert_allclose(right, expected, atol=1e-5)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("scale", [1, 255], ids=["0 to 1", "0 to 255"])
def test_noise_and_resizing_may_go_beyond_the_range(scale, model, pixels):
    noisy = pixels / 255 + np.random.default_rng(0).normal(0, 0.05, pixels.shape).astype(np.float32)
    assert noisy.min() < -0.1 and noisy.max() > 1.1
    np.testing.assert_allclose(model(noisy * scale), model.layers[-1](logits_of(model)(noisy * 255)), atol=1e-5)


@pytest.mark.parametrize("kind", ["gray", "RGB", "no channels", "RGBA", "channels first"])
def test_crops_of_another_kind_are_right_or_refused(kind, file, network, pixels, expected):
    """Also after others: then Keras itself takes any shape, and TensorFlow's convolution computes something for it."""
    model = keras.models.load_model(file)
    model.predict(pixels, verbose=0)
    rgb = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
    gray = to_gray(rgb.astype(np.uint8)).astype(np.float32)[..., None]
    given = {"gray": gray, "RGB": rgb, "no channels": gray[..., 0], "RGBA": np.concatenate([rgb, gray], axis=-1)}
    images = given.get(kind, rgb.transpose(0, 3, 1, 2))
    if kind in ("gray", "RGB"):
        taken = {1: gray, 3: np.broadcast_to(images, rgb.shape)}[network.input_shape[-1]]
        right = tf.nn.softmax(network(taken, training=False)).numpy()
        np.testing.assert_allclose(model.predict(images, verbose=0), right, atol=0.02)
    else:
        with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match=r"(?i)shape"):
            model.predict(images, verbose=0)


def test_no_crops_give_no_answers(model, pixels):
    """Of no crops at all `predict` makes an error of Keras's own, with any model."""
    for answer in (model(pixels[:0]), model.predict_on_batch(pixels[:0])):
        assert answer.shape == (0, NUM_CLASSES)
    with pytest.warns(UserWarning, match="ran out of data"), pytest.raises(UnboundLocalError):
        model.predict(pixels[:0], verbose=0)


def test_crops_without_channels_are_gray_while_the_model_is_new(file, network, pixels, expected):
    """Later Keras no longer knows what shapes there are, and refuses them."""
    model = keras.models.load_model(file)
    if pixels.shape[-1] == 1:
        np.testing.assert_allclose(model.predict(pixels[..., 0], verbose=0), expected, atol=1e-5)
    else:
        with pytest.raises(ValueError, match=r"Expected shape \(None, 32, 32, 3\)"):
            model.predict(pixels[..., 0], verbose=0)


def test_it_is_loaded_without_a_warning_and_compiled(file, pixels, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = keras.models.load_model(file)
    names = [layer.name for layer in model.layers]
    assert [*names[:2], *names[3:]] == ["image", "pixels_to_0_255", "nan_for_other_pixels", "probabilities"]
    labels = expected.argmax(axis=1)
    loss, accuracy = model.evaluate(pixels, labels, verbose=0)
    assert accuracy == 1
    np.testing.assert_allclose(loss, -np.log(expected[np.arange(len(labels)), labels]).mean(), rtol=1e-4)


def test_the_obvious_loss_trains(file, pixels):
    """The trap of logits: with them this loss goes up or stands still."""
    keras.utils.set_random_seed(0)
    model, labels = keras.models.load_model(file), np.arange(len(pixels))
    model.compile("adam", loss="sparse_categorical_crossentropy")
    before = model.evaluate(pixels, labels, verbose=0, return_dict=True)["loss"]
    model.fit(pixels, labels, epochs=20, verbose=0)
    assert model.evaluate(pixels, labels, verbose=0, return_dict=True)["loss"] < before / 2


def test_a_new_head_is_put_on_its_layers(file, pixels):
    network = keras.models.load_model(file).get_layer("small")
    features = keras.Model(network.input, network.get_layer("conv").output)
    assert features(pixels).shape == (6, 7, 7, 4)


def test_the_network_comes_back_as_it_was(file, network, pixels):
    again = load_network(file)
    assert [layer.name for layer in again.layers] == [layer.name for layer in network.layers]
    np.testing.assert_array_equal(again(pixels), network(pixels))


@pytest.mark.parametrize("ending", ["layer", "activation layer", "activation of the last layer", "none"])
def test_networks_of_other_people(ending, pixels, tmp_path):
    """Whether it ends in a softmax or not, and how, makes no difference to what is evaluated."""
    keras.utils.set_random_seed(3)
    x = inputs = keras.Input(pixels.shape[1:])
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))
    activation = "softmax" if ending == "activation of the last layer" else None
    x = keras.layers.Dense(NUM_CLASSES, activation=activation, kernel_initializer="he_normal")(x)
    if ending == "layer":
        x = keras.layers.Softmax()(x)
    if ending == "activation layer":
        x = keras.layers.Activation("softmax")(x)
    model = keras.Model(inputs, x)
    expected = model(pixels) if ending != "none" else tf.nn.softmax(model(pixels))
    np.testing.assert_allclose(tf.nn.softmax(logits_of(model)(pixels)), expected, atol=1e-6)
    model.save(tmp_path / "theirs.keras")
    if pixels.shape[-1] == 3:
        answer = load_classifier(tmp_path / "theirs.keras")(pixels.astype(np.uint8))
        np.testing.assert_allclose(answer, expected, atol=1e-6)


def test_a_training_starts_from_a_file_that_ends_in_a_softmax(tmp_path):
    network = build_graph("caffe", STATISTICS)
    keras.Model(network.input, keras.layers.Softmax()(network.output), name="theirs").save(tmp_path / "theirs.keras")
    fresh = build_graph("caffe", STATISTICS)
    load_weights(fresh, str(tmp_path / "theirs.keras"))
    for mine, theirs in zip(fresh.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("graph", GRAPHS)
def test_every_graph_can_be_published(graph):
    network = build_graph(graph, STATISTICS)
    crops = np.zeros((2, *network.input_shape[1:]), np.float32)
    np.testing.assert_allclose(publish(network)(crops), np.asarray(tf.nn.softmax(network(crops))), atol=1e-6)

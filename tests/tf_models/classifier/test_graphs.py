import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.errors import InputError
from svhn.tf_models.classifier.config import GRAPHS
from svhn.tf_models.classifier.graphs import build_graph


@pytest.fixture(scope="module")
def images(tiny) -> np.ndarray:
    """Raw pixels, as a data file holds them."""
    return tiny["train"].gray[:64, ..., None].astype(np.float32)


@pytest.fixture(scope="module")
def seed_graph(tiny) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build_graph("seed", tiny.statistics)


@pytest.mark.parametrize("name", GRAPHS)
def test_every_graph_takes_crops_and_gives_logits(name, tiny):
    model = build_graph(name, tiny.statistics)
    assert model.input_shape[:3] == (None, 32, 32)
    assert model.output_shape == (None, 10)
    logits = model(np.zeros((2, *model.input_shape[1:]), np.float32)).numpy()
    assert logits.dtype == np.float32 and np.isfinite(logits).all()


@pytest.mark.parametrize("name", GRAPHS)
def test_what_the_list_of_graphs_says_is_true(name, tiny):
    model = build_graph(name, tiny.statistics)
    assert model.count_params() == GRAPHS[name].parameters
    assert model.input_shape[-1] == (3 if GRAPHS[name].colour else 1)


def test_the_record_graph_keeps_to_a_million_parameters(tiny):
    model = build_graph("record", tiny.statistics)
    assert model.count_params() <= 1_000_000
    shapes = [layer.output.shape[1:] for layer in model.layers if layer.name.startswith("pool")]
    assert shapes == [(16, 16, 32), (8, 8, 64), (4, 4, 128)]
    assert sum(isinstance(layer, keras.layers.Add) for layer in model.layers) == 2


def test_seed_graph_has_the_reference_s_parameters(seed_graph):
    assert seed_graph.count_params() == 1_103_498
    kernels = [layer.kernel.shape for layer in seed_graph.layers if hasattr(layer, "kernel")]
    assert kernels == [(5, 5, 1, 32), (5, 5, 32, 64), (8 * 8 * 64, 256), (256, 10)]
    assert seed_graph.get_layer("dropout").rate == 0.5


def test_outputs_are_logits_not_probabilities(seed_graph, images):
    logits = seed_graph(images).numpy()
    assert logits.min() < 0
    assert not np.allclose(logits.sum(axis=1), 1, atol=0.1)


def test_normalisation_uses_the_statistics(seed_graph, tiny):
    normalised = keras.Model(seed_graph.input, seed_graph.get_layer("normalisation").output)
    pixels = tiny["train"].gray[..., None].astype(np.float32)
    values = normalised.predict(pixels, verbose=0)
    assert values.mean() == pytest.approx(0, abs=1e-3)
    assert values.std() == pytest.approx(1, abs=1e-3)
    expected = (pixels - tiny.statistics.gray_mean) / tiny.statistics.gray_std
    np.testing.assert_allclose(values, expected, atol=1e-4)


def test_each_crop_gets_its_own_brightness_and_contrast(seed_graph, images):
    darker = 0.5 * images + 20
    np.testing.assert_allclose(seed_graph(darker), seed_graph(images), atol=0.05)
    standardised = keras.Model(seed_graph.input, seed_graph.get_layer("standardisation").output)
    values = standardised(images).numpy()
    np.testing.assert_allclose(values.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(axis=(1, 2, 3)), 1, atol=0.03)


def test_a_flat_crop_is_no_trouble(seed_graph):
    assert np.isfinite(seed_graph(np.full((1, 32, 32, 1), 255, np.float32))).all()


@pytest.mark.parametrize("name", GRAPHS)
def test_every_parameter_gets_a_gradient(name, tiny):
    model = build_graph(name, tiny.statistics)
    images = tiny["train"].rgb[:64, ..., : model.input_shape[-1]].astype(np.float32)
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tiny["train"].labels[: len(images)], logits)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None and np.abs(gradient.numpy()).max() > 0, variable.path


def test_saved_and_loaded_gives_the_same_logits(seed_graph, images, tmp_path):
    seed_graph.save(tmp_path / "graph.keras")
    loaded = keras.models.load_model(tmp_path / "graph.keras")
    np.testing.assert_array_equal(loaded(images), seed_graph(images))
    assert [layer.name for layer in loaded.layers] == [layer.name for layer in seed_graph.layers]


def test_same_seed_same_weights(seed_graph, tiny):
    for seed, same in ((0, True), (1, False)):
        keras.utils.set_random_seed(seed)
        kernel = build_graph("seed", tiny.statistics).get_layer("conv32").kernel
        assert np.array_equal(kernel, seed_graph.get_layer("conv32").kernel) == same


def test_an_unknown_name_is_refused(tiny):
    with pytest.raises(InputError, match=r"no graph named 'resnet'.*seed"):
        build_graph("resnet", tiny.statistics)

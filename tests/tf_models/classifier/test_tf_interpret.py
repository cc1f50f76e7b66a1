import keras
import numpy as np
import pytest
import tensorflow as tf

from svhn.classifiers import load_layers
from svhn.figures.interpretation import draw_interpretations
from svhn.tf_models.classifier.config import GRAPHS
from svhn.tf_models.classifier.graphs import build_graph
from svhn.tf_models.classifier.interpret import input_gradient, interpret_crops
from svhn.tf_models.classifier.predict import probabilities_of


@pytest.mark.parametrize("graph, filters", [("seed", (32, 5, 5)), ("record", (32, 3, 3, 3))])
def test_what_is_shown_is_what_the_network_does(graph, filters, tiny, tmp_path):
    model = build_graph(graph, tiny.statistics)
    crops = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found = interpret_crops(model, crops)
    expected = probabilities_of(model)(tf.constant(crops)).numpy()
    np.testing.assert_allclose([one.probabilities for one in found], expected, atol=1e-4)
    for one in found:
        assert one.filters.shape == filters and one.maps.shape == (32, 32, 32)
        assert one.gradient.shape == one.sensitivity.shape == (32, 32) == one.seen.shape[:2]
        assert (one.sensitivity >= 0).all() and one.sensitivity.max() > 0
    draw_interpretations(found, graph).savefig(tmp_path / "figure.png")


def test_the_gradient_is_the_change_of_the_logit(tiny):
    keras.utils.set_random_seed(0)
    model = build_graph("seed", tiny.statistics)
    rng = np.random.default_rng(0)
    seen = tf.constant(rng.uniform(0, 255, (1, 32, 32, 1)), tf.float32)
    direction = tf.constant(rng.normal(size=seen.shape), tf.float32)
    gradient = input_gradient(model, seen, 3)[0]
    change = model(seen + 0.02 * direction)[0, 3] - model(seen - 0.02 * direction)[0, 3]
    assert float(change / 0.04) == pytest.approx(float(tf.reduce_sum(gradient * direction[0, ..., 0])), rel=0.05)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_layers_of_every_graph_hold_all_its_parameters(name):
    layers = load_layers(name)
    assert sum(layer.parameters for layer in layers) == GRAPHS[name].parameters
    assert layers[0].shape == (32, 32, 3 if GRAPHS[name].colour else 1) and layers[-1].shape == (10,)
    assert all(before < place for place, layer in enumerate(layers) for before in layer.takes)
    sums = [layer.takes for layer in layers if layer.kind == "Add"]
    assert len(sums) == (2 if name == "record" else 0) and all(len(takes) == 2 for takes in sums)

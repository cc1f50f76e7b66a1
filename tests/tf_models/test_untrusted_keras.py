"""A Keras file with a function in it is refused, not run; see docs/security.md."""

import keras
import pytest

from svhn.errors import InputError
from svhn.tf_models.classifier.predict import load_network


def test_a_lambda_layer_is_refused(tmp_path):
    inputs = keras.Input((32, 32, 3))
    hidden = keras.layers.Lambda(lambda pixels: pixels * 2)(inputs)
    outputs = keras.layers.Dense(10)(keras.layers.Flatten()(hidden))
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=r"(?s)model\.keras: not a readable network of this project .*[Ll]ambda"):
        load_network(tmp_path / "model.keras")

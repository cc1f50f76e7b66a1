"""Starting TensorFlow and Keras up: without what C++ prints, and the same whatever the user's settings of Keras say."""

import os
import sys

from svhn.errors import InputError
from svhn.files import printable

BACKEND = "tensorflow"


def start_tensorflow(compute: bool = True) -> None:
    """Import TensorFlow and Keras, and start them up without the lines that C++ prints whatever the log level.

    Keras computes with TensorFlow, in float32 and with channels last, whatever `KERAS_BACKEND` and
    `~/.keras/keras.json` say. Memory of a GPU is taken as it is needed, unless `TF_FORCE_GPU_ALLOW_GROWTH` says
    otherwise.

    Parameters
    ----------
    compute : bool
        False imports it only: a cluster must be set up before anything is computed.

    Raises
    ------
    InputError
        When Keras has been imported with another backend, or cannot be imported with the user's settings.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    _choose_backend()
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        _import_both()
        if compute:
            sys.modules["tensorflow"].constant(0)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _choose_backend() -> None:
    """Set the variable that Keras looks at when it is imported, and say so where it had another value."""
    if keras := sys.modules.get("keras"):
        if keras.config.backend() != BACKEND:
            raise InputError(
                f"Keras computes with {keras.config.backend()} in this process (KERAS_BACKEND or keras.json), "
                f"expected {BACKEND}; set KERAS_BACKEND={BACKEND} before Keras is imported"
            )
        return
    asked = os.environ.get("KERAS_BACKEND") or BACKEND
    if asked != BACKEND:
        print(f"KERAS_BACKEND={printable(asked)} is not followed: {BACKEND} is used", file=sys.stderr)
    os.environ["KERAS_BACKEND"] = BACKEND


def _import_both() -> None:
    """Import TensorFlow, which reads the settings of Keras, too, and Keras; set what the networks here rely on."""
    try:
        import keras
        import tensorflow  # noqa: F401
    except (AssertionError, AttributeError, ValueError) as error:
        raise InputError(
            f"Keras cannot read its settings ({printable(error) or type(error).__name__}); correct or remove "
            "~/.keras/keras.json, and look at the variables KERAS_..."
        ) from error
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)  # Keras' own
    keras.config.set_image_data_format("channels_last")

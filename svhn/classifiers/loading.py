"""Classifiers of either framework: which one a model needs is asked here and nowhere else, and it is loaded here."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.checkpoints import ONNX, PYTORCH, TENSORFLOW, find_model
from svhn.crops import CROP_SIZE
from svhn.data import SQUARE, TIGHT
from svhn.errors import InputError, forbid_telemetry

if TYPE_CHECKING:
    from svhn.figures import Interpretation, Layer

Predictor = Callable[[np.ndarray], np.ndarray]
# What people call what a model needs.
_NAMES = {PYTORCH: "PyTorch", ONNX: "ONNX"}
Interpreter = Callable[[np.ndarray], "list[Interpretation]"]


def load_classifier(model: str | Path) -> Predictor:
    """Load a digit classifier.

    Parameters
    ----------
    model : str or Path
        Name of a shipped checkpoint, run folder, `.keras`, `.pt`, `.onnx` or `.tflite` file, or SavedModel folder; see
        `svhn.checkpoints.find_model`.

    Returns
    -------
    callable
        Crops of single digits, uint8 (N, 32, 32, 3) RGB -> probabilities of the digits 0 to 9, float32 (N, 10). A
        PyTorch network takes crops of any size.

    Raises
    ------
    InputError
        When there is no such model, or it is damaged.
    """
    found = find_model(model)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import load_predictor

        return load_predictor(found.path)
    if found.framework == ONNX:
        return _load_onnx(found.path)
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import load_classifier as load_keras_classifier

    return load_keras_classifier(found.path)


def _load_onnx(path: Path) -> Predictor:
    """Load an ONNX file of `export_classifier` with ONNX Runtime; gray networks get gray."""
    forbid_telemetry()
    import onnxruntime

    from svhn.crops import to_gray

    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        (taken,) = session.get_inputs()
        is_gray = taken.shape[-1] == 1
        (blank,) = session.run(["probabilities"], {taken.name: np.zeros((1, *taken.shape[1:]), np.uint8)})
        if blank.shape != (1, NUM_CLASSES):
            raise ValueError(f"probabilities of shape {blank.shape}")
    except Exception as error:  # ONNX Runtime raises many kinds of error, none of them documented
        raise InputError(
            f"{path}: not a classifier that `export --to onnx` wrote ({error}); export it again"
        ) from error

    def classify(images: np.ndarray) -> np.ndarray:
        pixels = to_gray(images)[..., None] if is_gray else images
        return session.run(["probabilities"], {taken.name: np.ascontiguousarray(pixels)})[0]

    return classify


def crops_for(model: str | Path, crops: str | None = None) -> str:
    """Return how digits are cut for a model, one of `svhn.data.CROPS`; by default as it learned them.

    Raises
    ------
    InputError
        When there is no such model, or it cannot take such crops.
    """
    found = find_model(model)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import crops_of

        return crops or crops_of(found.path)
    if crops == TIGHT:
        raise InputError(f"{found.path}: takes crops of 32 x 32 pixels; --crops {TIGHT} is for PyTorch networks")
    return SQUARE


def load_interpreter(model: str | Path) -> Interpreter:
    """Load a classifier as what looks into it: crops, uint8 (N, 32, 32, 3) RGB -> N interpretations.

    Raises
    ------
    InputError
        As `load_classifier`, and for a SavedModel or a TFLite file, which cannot be looked into.
    """
    found = find_model(model)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint import classifier as pytorch

        classifier = pytorch.load_classifier(found.path)
        return lambda crops: pytorch.interpret_crops(classifier, crops)
    network = load_keras_network(model)
    from svhn.tf_models.classifier import interpret_crops

    return lambda crops: interpret_crops(network, crops)


def load_keras_network(model: str | Path) -> Any:
    """Load the `keras.Model` of a TensorFlow model: float32 (N, 32, 32, 1 or 3) in 0..255 -> logits (N, 10).

    Raises
    ------
    InputError
        When there is no such model, or it has no Keras network.
    """
    found = find_model(model)
    if found.framework != TENSORFLOW:
        raise InputError(
            f"{found.path}: a {_NAMES[found.framework]} model, expected one of TensorFlow: tf-seed, a run of train-tf, "
            "or a .keras file"
        )
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import load_network

    return load_network(found.path)


def load_layers(model: str | Path) -> "list[Layer]":
    """Return the layers of a model, or of a network by its name, for `svhn.figures.draw_network`.

    Parameters
    ----------
    model : str or Path
        As for `load_classifier`, but for a SavedModel; or the name of a PyTorch network (`train-torch --net`) or of a
        Keras graph (`train-tf --graph`), in capitals or not.

    Raises
    ------
    InputError
        When there is no such model or network, or it cannot be looked into.
    """
    from svhn.tf_models.classifier import GRAPHS
    from svhn.torch_inpaint.classifier import NETWORKS

    names = {name.casefold(): name for name in (*NETWORKS, *GRAPHS)}
    name = names.get(str(model).casefold())
    if name in NETWORKS or (name is None and find_model(model).framework == PYTORCH):
        from svhn.torch_inpaint import classifier as pytorch

        if name:
            return pytorch.layers_of(pytorch.build_net(name).eval(), pytorch.Preprocessing())
        loaded = pytorch.load_classifier(find_model(model).path)
        return pytorch.layers_of(loaded.net, loaded.preprocessing)
    network = _fresh_graph(name) if name else load_keras_network(model)
    from svhn.tf_models.classifier import layers_of

    return layers_of(network)


def _fresh_graph(name: str) -> Any:
    """Build a Keras graph, with a normalisation that changes nothing."""
    from svhn.data import Statistics
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import build_graph

    return build_graph(name, Statistics(0.0, 1.0, (0.0,) * 3, (1.0,) * 3, (0.0,) * CROP_SIZE**2))

"""Classifiers of either framework: which one a model needs is asked here and nowhere else, and it is loaded here."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from svhn.checkpoints import PYTORCH, find_model
from svhn.data import Report, silent
from svhn.errors import InputError
from svhn.files import printable, replacing

if TYPE_CHECKING:
    from svhn.figures import Interpretation
    from svhn.tf_models.export import Export

Predictor = Callable[[np.ndarray], np.ndarray]
Interpreter = Callable[[np.ndarray], "list[Interpretation]"]


def load_classifier(model: str | Path) -> Predictor:
    """Load a digit classifier.

    Parameters
    ----------
    model : str or Path
        Name of a shipped checkpoint, run folder, `.keras` or `.pt` file, or SavedModel folder; see
        `svhn.checkpoints.find_model`.

    Returns
    -------
    callable
        Crops of single digits, uint8 (N, 32, 32, 3) RGB -> probabilities of the digits 0 to 9, float32 (N, 10).

    Raises
    ------
    InputError
        When there is no such model, or it is damaged.
    """
    found = find_model(model)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import load_predictor

        return load_predictor(found.path)
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import load_classifier as load_keras_classifier

    return load_keras_classifier(found.path)


def load_interpreter(model: str | Path) -> Interpreter:
    """Load a classifier as what looks into it: crops, uint8 (N, 32, 32, 3) RGB -> N interpretations.

    Raises
    ------
    InputError
        As `load_classifier`, and for a SavedModel, which cannot be looked into.
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
    if found.framework == PYTORCH:
        raise InputError(
            f"{found.path}: a PyTorch model, expected one of TensorFlow: tf-seed, a run of train-tf, or a .keras file"
        )
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import load_network

    return load_network(found.path)


def interpret_photo(photo: str | Path, model: str | Path, output: str | Path, boxes: str | Path | None = None) -> int:
    """Draw what a classifier makes of the digits of a photo, and return how many there are.

    Parameters
    ----------
    photo : str or Path
        With boxes, given or beside it; without, the whole picture is taken for one digit.
    model : str or Path
        As for `load_interpreter`.
    output : str or Path
        The figure, a .png, .pdf or .svg file.
    boxes : str or Path, optional
        `digitStruct.mat` or COCO `.json`.

    Raises
    ------
    InputError
        When a file or the model cannot be used, the photo has no digits, or `output` is an input or of another kind.
    """
    from svhn.data import cut_digits
    from svhn.figures import check_figure, draw_interpretations

    photo, output = Path(photo), Path(output)
    check_figure(output, photo)
    crops = cut_digits(photo, boxes)
    found = load_interpreter(model)(crops)
    figure = draw_interpretations(found, printable(f"{Path(model).name} on {photo.name}"))
    with replacing(output) as temporary:
        figure.savefig(temporary)
    return len(found)


def evaluate_classifier(
    model: str | Path, source: str, split: str, folder: str | Path, report: Report = silent
) -> dict[str, Any]:
    """Measure a classifier on a split, and write `report.json`, `confusion.png` and `misclassified.png`.

    Parameters
    ----------
    model : str or Path
        As for `load_classifier`.
    source : str
        What `svhn.data.resolve_source` returns.
    split : str
        "train", "validation" or "test".
    folder : str or Path
        For the report; made when it is not there.
    report : callable
        Called as report(done, total, what) while the digits are read or made.

    Returns
    -------
    dict
        The content of `report.json`, see `svhn.figures.write_report`.

    Raises
    ------
    InputError
        When the model or the data cannot be used, or the folder cannot be written to.
    """
    from svhn.data import load_split
    from svhn.figures import write_report

    classify = load_classifier(model)  # first: a model that is missing is told of before the data are read
    digits = load_split(source, split, report=report)
    probabilities = classify(digits.rgb)
    title = printable(f"{Path(model).name}, {split}")
    measured = {"model": str(model), "data": source, "split": split}
    return write_report(folder, digits.rgb, digits.labels, probabilities, title, measured)


def export_classifier(model: str | Path, kind: str, output: str | Path) -> "Export":
    """Write a TensorFlow classifier for other programs; see `svhn.tf_models.export.export_model`.

    Raises
    ------
    InputError
        As `load_keras_network` and `export_model`.
    """
    network = load_keras_network(model)
    from svhn.tf_models.export import export_model

    return export_model(network, kind, output)


def convert_caffe(prototxt: str | Path, weights: str | Path, output: str | Path, mean: str | Path | None = None) -> Any:
    """Write the network of a pair of Caffe files as a `.keras` file, and return it as a `keras.Model`.

    Parameters
    ----------
    prototxt, weights, mean
        See `svhn.tf_models.export.import_caffe`.
    output : str or Path
        The file to write.

    Raises
    ------
    InputError
        As `import_caffe`, or when `output` is no `.keras` file.
    """
    output = Path(output)
    if output.suffix != ".keras":
        raise InputError(f"{output}: expected the name of a file that ends in .keras")
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import publish
    from svhn.tf_models.export import import_caffe

    network = import_caffe(prototxt, weights, mean)
    with replacing(output) as temporary:
        publish(network).save(temporary)
    return network

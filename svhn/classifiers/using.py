"""Classifiers at work: a photo's digits explained, a split measured, a network written for other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svhn.classifiers.loading import crops_for, load_classifier, load_interpreter, load_keras_network, load_layers
from svhn.data import Report, silent
from svhn.errors import InputError
from svhn.files import printable, replacing

if TYPE_CHECKING:
    from svhn.figures import Layer
    from svhn.tf_models.export import Export


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
    from svhn.figures import check_figure, draw_interpretations, save_figure

    photo, output = Path(photo), Path(output)
    check_figure(output, photo)
    crops, _ = cut_digits(photo, boxes, crops_for(model))
    found = load_interpreter(model)(crops)
    figure = draw_interpretations(found, printable(f"{Path(model).name} on {photo.name}"))
    save_figure(output, figure)
    return len(found)


def draw_model(model: str | Path, output: str | Path) -> "list[Layer]":
    """Draw the layers of a model with shapes and parameters, and return them.

    Parameters
    ----------
    model : str or Path
        As for `svhn.classifiers.load_layers`.
    output : str or Path
        The figure, a .png, .pdf or .svg file.

    Raises
    ------
    InputError
        As `load_layers`, or when `output` is of another kind.
    """
    from svhn.figures import check_figure, draw_network, save_figure

    output = Path(output)
    check_figure(output, Path(model))
    layers = load_layers(model)
    figure = draw_network(layers, printable(Path(model).name))
    save_figure(output, figure)
    return layers


def evaluate_classifier(
    model: str | Path,
    source: str,
    split: str,
    folder: str | Path,
    report: Report = silent,
    crops: str | None = None,
    pairs: Sequence[tuple[int, int]] = (),
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
    crops : str, optional
        How the digits are cut, one of `svhn.data.CROPS`; by default as the model learned them.
    pairs : sequence of (int, int)
        True and predicted digits: `misclassified-4-as-9.png` shows all 4s that are taken for 9s.

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
    crops = crops_for(model, crops)
    digits = load_split(source, split, report, crops)
    probabilities = classify(digits.rgb)
    title = printable(f"{Path(model).name}, {split}")
    measured = {"model": str(model), "data": source, "split": split, "crops": crops}
    return write_report(folder, digits.rgb, digits.labels, probabilities, title, measured, pairs)


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

"""Models that are there: models, classify, evaluate, explain-digits, export and import-caffe."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svhn.commands.options import command
from svhn.commands.progress import Steps
from svhn.commands.shared_options import boxes_option, crops_option, data_option
from svhn.files import printable
from svhn.tf_models.export import TARGETS

if TYPE_CHECKING:
    from svhn.checkpoints import ModelInfo


classifier_option = click.option(
    "--model", default="torch-convnet48-dropout3", show_default=True, help="Classifier of TensorFlow or PyTorch."
)


def format_models(models: "list[ModelInfo]") -> str:
    """Return a block of lines for each model, and the licence notes with the names of the models they belong to."""
    blocks = []
    for model in models:
        size = f"{model.size / 1e6:.1f} MB, {model.framework}" if model.path else "not installed, see its card"
        blocks += [f"{model.name} ({size})", f"  {model.use}", *([f"  {model.score}"] if model.score else [])]
    notes = {model.licence: [other.name for other in models if other.licence == model.licence] for model in models}
    return "\n".join([*blocks, "", *(f"{note} ({', '.join(names)})" for note, names in notes.items())])


def models_as_json(models: "list[ModelInfo]") -> str:
    """Return the fields of all models as a JSON list."""
    return json.dumps([dataclasses.asdict(model) for model in models], indent=2, default=str)


@command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def models(as_json: bool) -> None:
    """List the shipped checkpoints: size, what they reach on SVHN, what they are for, and their licence.

    \b
    Example:
      python cli.py models --json
    """
    from svhn.checkpoints import shipped_models

    found = shipped_models()
    click.echo(models_as_json(found) if as_json else format_models(found))


@command()
@click.argument("images", nargs=-1, required=True)
@classifier_option
@boxes_option
@crops_option(default=None)
@click.option("--json", "as_json", is_flag=True, help="Print all ten probabilities of each digit as JSON.")
@click.pass_context
def classify(
    ctx: click.Context, images: tuple[str, ...], model: str, boxes: str | None, crops: str | None, as_json: bool
) -> None:
    """Name the digits of pictures by any classifier: a table of digit, confidence, and the second one.

    IMAGES are files, folders or globs. Each is a picture of one digit, or a photo whose boxes come from --boxes or a
    file beside it. The exit code is 1 if any picture could not be read.

    \b
    Example:
      python cli.py classify samples/house-1.png samples/house-2.jpg --model tf-seed
    """
    from svhn.classifiers import classify_pictures, format_pictures, pictures_as_json
    from svhn.jobs import list_photos

    named = classify_pictures([photo.path for photo in list_photos(images)], model, boxes, crops)
    click.echo(pictures_as_json(named) if as_json else format_pictures(named))
    ctx.exit(int(any(picture.error for picture in named)))


@command()
@click.argument("photo", type=click.Path(path_type=Path))
@boxes_option
@click.option("--output", type=click.Path(path_type=Path), help="The figure.  [default: digits-<photo's stem>.png]")
@classifier_option
def explain_digits(photo: Path, boxes: str | None, output: Path | None, model: str) -> None:
    """Draw what a classifier makes of a photo's digits: first-layer filters and maps, confidences, gradients.

    Boxes come from --boxes, else from a digitStruct.mat or boxes.json beside the photo; without them the whole picture
    is taken for one digit.

    \b
    Example:
      python cli.py explain-digits samples/house-1.png --model tf-seed --output digits.png
    """
    from svhn.classifiers import interpret_photo

    output = output or Path(f"digits-{photo.stem}.png")
    count = interpret_photo(photo, model, output, boxes)
    click.echo(f"{printable(output)}: written, {count} {'digit' if count == 1 else 'digits'}")


@command()
@click.argument("model")
@click.option("--output", type=click.Path(path_type=Path), help="The figure.  [default: network-<model>.png]")
def diagram(model: str, output: Path | None) -> None:
    """Draw a network: layers, shapes, parameters.

    MODEL is a shipped checkpoint, a run, a .keras or .pt file, or a network by name: one of `train-torch --net` or of
    `train-tf --graph`.

    \b
    Examples:
      python cli.py diagram tf-seed
      python cli.py diagram ConvNet48_Dropout3 --output network.png
    """
    from svhn.classifiers import draw_model
    from svhn.figures import format_network

    output = output or Path(f"network-{Path(model).stem}.png")
    click.echo(format_network(draw_model(model, output)))
    click.echo(f"{printable(output)}: written")


@command()
@click.argument("model")
@data_option
@click.option(
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Digits to measure on.",
)
@click.option(
    "--report",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder for report.json and pictures.  [default: runs/evaluate-<model>-<split>]",
)
@crops_option(default=None)
@click.option(
    "--pair",
    "pairs",
    nargs=2,
    type=click.IntRange(0, 9),
    multiple=True,
    metavar="TRUE PREDICTED",
    help="Also draw all digits TRUE that are read as PREDICTED; may be given several times.",
)
def evaluate(
    model: str,
    data: str | None,
    split: str,
    folder: Path | None,
    crops: str | None,
    pairs: tuple[tuple[int, int], ...],
) -> None:
    """Measure a classifier: a shipped checkpoint, a run, a .keras, .pt, .onnx or .tflite file, or a SavedModel.

    The bare weights of the reference's PyTorch networks (a .pkl, .pt or .pth file of its state_dict) are taken as well;
    they are measured on tight crops, as they were meant.

    \b
    Example:
      python cli.py evaluate tf-seed --data data/svhn --split test --report report
    """
    from svhn.classifiers import evaluate_classifier
    from svhn.data import resolve_source
    from svhn.figures import format_report

    source, message = resolve_source(data)
    click.echo(message)
    folder = folder or Path("runs") / f"evaluate-{Path(model).stem}-{split}"
    measured = evaluate_classifier(model, source, split, folder, Steps().show, crops, pairs)
    click.echo(format_report(measured))
    click.echo(
        f"{printable(folder)}: report.json, confusion.png, misclassified.png" + ", and one of each pair" * bool(pairs)
    )


@command()
@click.argument("model")
@click.option(
    "--to",
    "kind",
    required=True,
    type=click.Choice(TARGETS),
    help="What to write.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the SavedModel or of Caffe's files, or .tflite or .onnx file.",
)
def export(model: str, kind: str, output: Path) -> None:
    """Write a TensorFlow classifier for other programs and check what was written against the network.

    MODEL is a shipped checkpoint, a run, or a .keras file. docs/serving.md shows how to use the results, docs/caffe.md
    what goes to Caffe.

    \b
    Example:
      python cli.py export tf-seed --to onnx --output digits.onnx
    """
    from svhn.classifiers import export_classifier

    written = export_classifier(model, kind, output)
    click.echo(
        f"{printable(output)}: {kind}, {written.size / 1e6:.2f} MB; its probabilities are within "
        f"{written.difference:.1e} of the network's"
    )


@command()
@click.argument("prototxt", type=click.Path(path_type=Path))
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--mean", type=click.Path(path_type=Path), help="mean.binaryproto that the network's input lacks.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The .keras file to write.")
def import_caffe(prototxt: Path, weights: Path, mean: Path | None, output: Path) -> None:
    """Turn a network of Caffe's files into a Keras model: raw pixels in, logits out.

    PROTOTXT is a deploy.prototxt or a training network, WEIGHTS its .caffemodel.

    \b
    Example:
      python cli.py import-caffe deploy.prototxt weights.caffemodel --mean mean.binaryproto --output model.keras
    """
    from svhn.classifiers import convert_caffe

    model = convert_caffe(prototxt, weights, output, mean)
    shapes = f"{model.input_shape[1:]} to {model.output_shape[1:]}"
    click.echo(f"{printable(output)}: {model.count_params():,} weights, {shapes}")

"""Models that are there: evaluate, explain-digits, export and import-caffe."""

from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.shared_options import boxes_option, data_option
from svhn.errors import InputError
from svhn.torch_inpaint.classifier import config as torch_config


@command()
@click.argument("model")
@data_option
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True)
@click.option("--report", "report_dir", type=click.Path(path_type=Path), help="Folder for report.json and pictures.")
def evaluate(model, data, split, report_dir):
    """Measure a classifier: a shipped checkpoint, a run, a .keras or .pt file, or a SavedModel folder.

    \b
    Example:
      python cli.py evaluate tf-seed --data data/svhn --split test --report report
    """
    from svhn.checkpoints import PYTORCH, find_model
    from svhn.data import load_split, resolve_source
    from svhn.figures import format_report, write_report

    found = find_model(model)
    source, message = resolve_source(data)
    click.echo(message)
    digits = load_split(source, split)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import load_predictor
    else:
        from svhn.tf_models import start_tensorflow

        start_tensorflow()
        from svhn.tf_models.classifier import load_classifier as load_predictor
    probabilities = load_predictor(found.path)(digits.rgb)
    folder = report_dir or Path("runs") / f"evaluate-{Path(model).stem}-{split}"
    extra = {"model": model, "data": source, "split": split}
    report = write_report(folder, digits.rgb, digits.labels, probabilities, f"{Path(model).name}, {split}", extra)
    click.echo(format_report(report))
    click.echo(f"{folder}: report.json, confusion.png, misclassified.png")


@command()
@click.argument("photo", type=click.Path(path_type=Path))
@boxes_option
@click.option("--output", type=click.Path(path_type=Path), help="The figure. Default: digits-<photo's stem>.png.")
@click.option("--model", default=torch_config.DEFAULT_CHECKPOINT, show_default=True, help="Classifier of either kind.")
def explain_digits(photo, boxes, output, model):
    """Draw what a classifier makes of a photo's digits: first-layer filters and maps, confidences, gradients.

    Boxes come from --boxes, else from a digitStruct.mat or boxes.json beside the photo; without them the whole picture
    is taken for one digit.

    \b
    Example:
      python cli.py explain-digits samples/house-1.png --model tf-seed --output digits.png
    """
    from svhn.checkpoints import PYTORCH, find_model
    from svhn.figures import interpret_photo

    found = find_model(model)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import interpret_crops
        from svhn.torch_inpaint.classifier import load_classifier as load
    else:
        from svhn.tf_models import start_tensorflow

        start_tensorflow()
        from svhn.tf_models.classifier import interpret_crops
        from svhn.tf_models.classifier import load_network as load
    network = load(found.path)
    output = output or Path(f"digits-{photo.stem}.png")
    title = f"{Path(model).name} on {photo.name}"
    count = interpret_photo(photo, lambda crops: interpret_crops(network, crops), output, title, boxes)
    click.echo(f"{output}: written, {count} {'digit' if count == 1 else 'digits'}")


@command()
@click.argument("model")
@click.option("--to", "kind", required=True, type=click.Choice(["savedmodel", "tflite", "onnx", "caffe"]))
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the SavedModel or of Caffe's files, or .tflite or .onnx file.",
)
def export(model, kind, output):
    """Write a TensorFlow classifier for other programs and check what was written against the network.

    MODEL is a shipped checkpoint, a run, or a .keras file. docs/serving.md shows how to use the results, docs/caffe.md
    what goes to Caffe.

    \b
    Example:
      python cli.py export tf-seed --to onnx --output digits.onnx
    """
    from svhn.checkpoints import PYTORCH, find_model

    found = find_model(model)
    if found.framework == PYTORCH:
        raise InputError(
            f"{found.path}: a PyTorch model; export writes TensorFlow models only: tf-seed, a run of train-tf, or a "
            ".keras file"
        )
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.tf_models.classifier import load_network
    from svhn.tf_models.export import export_model

    written = export_model(load_network(found.path), kind, output)
    click.echo(
        f"{output}: {kind}, {written.size / 1e6:.2f} MB; its probabilities are within {written.difference:.1e} of the "
        "network's"
    )


@command()
@click.argument("prototxt", type=click.Path(path_type=Path))
@click.argument("weights", type=click.Path(path_type=Path))
@click.option("--mean", type=click.Path(path_type=Path), help="mean.binaryproto that the network's input lacks.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The .keras file to write.")
def import_caffe(prototxt, weights, mean, output):
    """Turn a network of Caffe's files into a Keras model: raw pixels in, logits out.

    PROTOTXT is a deploy.prototxt or a training network, WEIGHTS its .caffemodel.

    \b
    Example:
      python cli.py import-caffe deploy.prototxt weights.caffemodel --mean mean.binaryproto --output model.keras
    """
    if output.suffix != ".keras":
        raise InputError(f"{output}: expected the name of a file that ends in .keras")
    from svhn.tf_models import start_tensorflow

    start_tensorflow()
    from svhn.files import replacing
    from svhn.tf_models.export import import_caffe as read_caffe

    model = read_caffe(prototxt, weights, mean)
    with replacing(output) as temporary:
        model.save(temporary)
    click.echo(f"{output}: {model.count_params():,} weights, {model.input_shape[1:]} to {model.output_shape[1:]}")

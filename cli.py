"""The commands. Each parses its options, calls one public function and prints; frameworks load inside them."""

import os
import sys
import time
from pathlib import Path

import click

from svhn.errors import InputError
from svhn.tf_models import config as tf_config
from svhn.torch_inpaint import config as torch_config


class Commands(click.Group):
    """A group that lists its commands in the order of work and turns InputError into a message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise click.ClickException(str(error)) from error


data_option = click.option(
    "--data",
    metavar="DIR|FILE.h5|synthetic",
    help="Folder with SVHN's files, a prepared .h5 file, or 'synthetic'. Default: $SVHN_DATA, else data/svhn, else "
    "digits from the built-in generator.",
)
boxes_option = click.option(
    "--boxes", type=click.Path(path_type=Path), help="digitStruct.mat or COCO .json with the digits' boxes."
)
model_option = click.option(
    "--model", default=torch_config.DEFAULT_CHECKPOINT, show_default=True, help="PyTorch checkpoint to use."
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)
# Seeds are 31 bits in every framework.
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random."
)
at_least_1 = click.IntRange(min=1)
positive = click.FloatRange(min=0, min_open=True)
photos_argument = click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path))


def _load_tensorflow():
    """Import TensorFlow and start it up without the lines that its C++ part prints whatever the log level."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        tensorflow.constant(0)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="svhn")
def cli():
    """Remove house numbers from street photos; train, measure and export digit classifiers on SVHN."""


@cli.command()
@photos_argument
@boxes_option
@click.option(
    "--output-dir", type=click.Path(path_type=Path), default="removed", show_default=True, help="Where results go."
)
@click.option("--save-masks", is_flag=True, help="Also write masks/<stem>.png, white = changed.")
@click.option(
    "--fill",
    type=click.Choice(torch_config.FILLS),
    default=torch_config.FillConfig.method,
    show_default=True,
    help="How the digits are painted over; grnn-seed is the reference's network, slow and for comparison.",
)
@model_option
@device_option
@click.option("--quiet", is_flag=True, help="Print errors only.")
def remove_digits(photos, boxes, output_dir, save_masks, fill, model, device, quiet):
    """Write the photos again without their house numbers.

    Boxes come from --boxes, else from a digitStruct.mat or boxes.json beside the photos. Inputs are never changed.
    OUTPUT_DIR/report.jsonl tells what happened to each photo; the exit code is 1 if any failed.

    \b
    Example:
      python cli.py remove-digits samples/*.png --output-dir removed --save-masks
    """
    from svhn.jobs.removal import remove_photos
    from svhn.torch_inpaint import DigitRemover

    config = torch_config.RemovalConfig(fill=torch_config.FillConfig(method=fill))
    remover = DigitRemover.from_checkpoint(model, device, config)

    def show(line):
        if line["error"]:
            click.echo(f"Error: {line['error']}", err=True)
        elif not quiet:
            numbers = ", ".join(f"{number['read_before']}" for number in line["numbers"])
            click.echo(
                f"{line['output']}: {'removed ' + numbers if numbers else 'no digits'} ({line['seconds']:.2f} s)"
            )

    began = time.perf_counter()
    counts = remove_photos(photos, remover, output_dir, boxes, save_masks, show)
    if not quiet:
        rate = counts.total() / (time.perf_counter() - began)
        click.echo(
            f"{counts.total()} photos: {counts['ok']} removed, {counts['no_digits']} without digits, "
            f"{counts['error']} failed; {rate:.1f} photos/s; details in {output_dir / 'report.jsonl'}"
        )
    if counts["error"]:
        sys.exit(1)


@cli.command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--mask", "mask_file", required=True, type=click.Path(path_type=Path), help="Picture, white = fill.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where the result goes.")
@device_option
def inpaint(photo, mask_file, output, device):
    """Fill the white part of a mask of your own in one photo.

    \b
    Example:
      python cli.py inpaint house.jpg --mask mask.png --output filled.jpg
    """
    from svhn.jobs.removal import inpaint_photo

    inpaint_photo(photo, mask_file, output, device)
    click.echo(f"{output}: written")


@cli.command()
@click.argument("photo", type=click.Path(path_type=Path))
@boxes_option
@click.option("--output", type=click.Path(path_type=Path), help="The figure. Default: explain-<photo's stem>.png.")
@model_option
@device_option
def explain(photo, boxes, output, model, device):
    """Draw how a photo's numbers are found and removed: feature maps, key pixels, mask, fill, result.

    \b
    Example:
      python cli.py explain samples/house-1.png --output explained.png
    """
    from svhn.jobs.removal import explain_photo
    from svhn.torch_inpaint import DigitRemover

    output = output or Path(f"explain-{photo.stem}.png")
    explain_photo(photo, DigitRemover.from_checkpoint(model, device), output, boxes)
    click.echo(f"{output}: written")


@cli.command()
@click.option("--split", "splits", multiple=True, required=True, type=click.Choice(["train", "test", "extra"]))
@click.option(
    "--format", "file_format", type=click.Choice(["photos", "crops", "both"]), default="both", show_default=True
)
@click.option("--dir", "folder", type=click.Path(path_type=Path), default="data/svhn", show_default=True)
def fetch(splits, file_format, folder):
    """Download the official SVHN files, verify and unpack them; a cut download goes on where it stopped.

    \b
    Example:
      python cli.py fetch --split train --split test --format crops --dir data/svhn
    """
    from svhn.data.fetch import fetch as fetch_files
    from svhn.data.sources import LICENCE_NOTE

    click.echo(LICENCE_NOTE)
    for path in fetch_files(splits, folder, file_format, progress=_download_line()):
        click.echo(f"{path}: ready")


@cli.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with SVHN's files.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The .h5 file to write.")
@seed_option
def prepare(data, output, seed):
    """Read SVHN's crops or photos, split off 13 % for validation by photo, and store all in one HDF5 file.

    \b
    Example:
      python cli.py prepare --data data/svhn --output data/prepared.h5
    """
    from svhn.data.prepare import prepare as prepare_data
    from svhn.data.prepared import write_prepared

    prepared = prepare_data(data, seed=seed)
    write_prepared(output, prepared)
    click.echo(prepared.summary())
    click.echo(f"{output}: written")


@cli.command()
@data_option
@click.option("--graph", type=click.Choice(tf_config.GRAPHS), default=tf_config.TrainConfig.graph, show_default=True)
@click.option("--iterations", type=at_least_1, default=tf_config.TrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=tf_config.TrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=tf_config.TrainConfig.learning_rate, show_default=True)
@click.option("--augmentation/--no-augmentation", default=tf_config.TrainConfig.augmentation, show_default=True)
@click.option(
    "--interval",
    type=at_least_1,
    default=tf_config.TrainConfig.interval,
    show_default=True,
    help="Between checkpoints.",
)
@seed_option
@click.option("--run-dir", type=click.Path(path_type=Path), help="Default: a new folder in runs/.")
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir, or with the last one in runs/.")
@click.pass_context
def train_tf(ctx, data, run_dir, resume, **settings):
    """Train a digit classifier with Keras on TensorFlow and export it as a SavedModel.

    Ctrl-C saves a checkpoint; --resume goes on from it, bit for bit.

    \b
    Example:
      python cli.py train-tf --data data/svhn --iterations 50000
    """
    _load_tensorflow()
    from svhn.data.prepare import load_data, resolve_source
    from svhn.records import last_run, new_run_dir
    from svhn.tf_models.train import read_config, train

    if resume:
        run_dir = run_dir or last_run("train-tf")
        config = read_config(run_dir)
        for name, value in settings.items():
            given = ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
            if given and value != getattr(config, name):
                raise InputError(
                    f"{run_dir}: this run has {name} {getattr(config, name)}; resume it without another one"
                )
    else:
        run_dir = run_dir or new_run_dir("train-tf")
        config = tf_config.TrainConfig(**settings)
    source, message = resolve_source(data)
    click.echo(message)
    click.echo(f"Run: {run_dir}")
    result = train(load_data(source, config.seed), config, run_dir, resume, _progress_line())
    if not result.finished:
        click.echo(f"Stopped after iteration {result.iteration}; go on with: train-tf --resume --run-dir {run_dir}")
        sys.exit(130)
    _print_metrics(result.record.metrics, run_dir)


@cli.command()
@data_option
@click.option("--net", type=click.Choice(torch_config.NETS), default=torch_config.TrainConfig.net, show_default=True)
@click.option("--batch", type=at_least_1, default=torch_config.TrainConfig.batch, show_default=True)
@click.option("--epochs", type=at_least_1, default=torch_config.TrainConfig.epochs, show_default=True)
@click.option(
    "--opt", type=click.Choice(torch_config.OPTIMIZERS), default=torch_config.TrainConfig.opt, show_default=True
)
@click.option("--lr", type=positive, default=torch_config.TrainConfig.lr, show_default=True)
@click.option("--augmentation/--no-augmentation", default=torch_config.TrainConfig.augmentation, show_default=True)
@seed_option
@click.option("--cpu", is_flag=True, help="Compute on the CPU even where there is CUDA.")
@click.option("--id", "run_id", help="Name of the run: runs/ID. Default: from net and time.")
def train_torch(data, cpu, run_id, **settings):
    """Train one of the reference's ConvNets with PyTorch.

    \b
    Example:
      python cli.py train-torch --data data/svhn --net ConvNet48_Dropout3 --epochs 100 --id dropout3
    """
    from svhn.data.prepare import load_data, resolve_source
    from svhn.records import new_run_dir
    from svhn.torch_inpaint.remover import choose_device
    from svhn.torch_inpaint.train import train

    config = torch_config.TrainConfig(**settings)
    source, message = resolve_source(data)
    run_dir = Path("runs") / run_id if run_id else new_run_dir("train-torch")
    click.echo(message)
    click.echo(f"Run: {run_dir}")
    device = choose_device("cpu" if cpu else "auto")

    def show(epoch):
        click.echo(
            f"epoch {epoch.epoch}/{config.epochs}  loss {epoch.loss:.4f}  "
            f"validation {epoch.validation_accuracy:.2%}  {epoch.seconds:.1f} s"
        )

    record = train(load_data(source, config.seed), config, run_dir, device, show)
    _print_metrics(record.metrics, run_dir)


@cli.command()
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
    from svhn.data.prepare import load_split, resolve_source
    from svhn.reports import format_report, write_report

    found = find_model(model)
    source, message = resolve_source(data)
    click.echo(message)
    digits = load_split(source, split)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.adapter import load_predictor
    else:
        _load_tensorflow()
        from svhn.tf_models.predict import load_classifier as load_predictor
    probabilities = load_predictor(found.path)(digits.rgb)
    folder = report_dir or Path("runs") / f"evaluate-{Path(model).stem}-{split}"
    extra = {"model": model, "data": source, "split": split}
    report = write_report(folder, digits.rgb, digits.labels, probabilities, f"{Path(model).name}, {split}", extra)
    click.echo(format_report(report))
    click.echo(f"{folder}: report.json, confusion.png, misclassified.png")


def _progress_line():
    """Print one line per interval, and on a terminal a live line in between."""
    live = sys.stdout.isatty()

    def show(progress):
        left = time.strftime("%H:%M:%S", time.gmtime((progress.iterations - progress.iteration) / progress.rate))
        line = (
            f"iteration {progress.iteration:,}/{progress.iterations:,}  loss {progress.loss:.4f}  "
            f"accuracy {progress.accuracy:.2%}  {progress.rate:.0f}/s  {left} left"
        )
        if progress.validation_accuracy is not None:
            click.echo(("\r" if live else "") + f"{line}  validation {progress.validation_accuracy:.2%}")
        elif live:
            click.echo(f"\r{line}", nl=False)

    return show


def _download_line():
    """Print the progress of a download at most twice a second."""
    last = [0.0]

    def show(name, done, total):
        if done == total or (sys.stdout.isatty() and time.perf_counter() - last[0] > 0.5):
            last[0] = time.perf_counter()
            click.echo(f"\r{name}: {done / 1e6:,.1f} of {total / 1e6:,.1f} MB", nl=done == total)

    return show


def _print_metrics(metrics: dict, run_dir: Path) -> None:
    click.echo(f"validation {metrics['validation_accuracy']:.2%}")
    if "test_accuracy" in metrics:
        low, high = metrics["test_accuracy_interval"]
        click.echo(f"test       {metrics['test_accuracy']:.2%} (95 % interval {low:.2%} to {high:.2%})")
    click.echo(f"{run_dir}: model and record.json written")


if __name__ == "__main__":
    cli()

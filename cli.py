"""The commands. Each parses its options, calls one public function and prints; frameworks load inside them."""

import dataclasses
import os
import shutil
import sys
import time
from pathlib import Path

import click

from svhn.errors import InputError
from svhn.finder import DEFAULT_FINDER, VIEWS, FinderConfig
from svhn.jobs import config as job_config
from svhn.photos import PhotoConfig
from svhn.tf_models.classifier import config as tf_config
from svhn.tf_models.finder import FinderTrainConfig, RefinerTrainConfig
from svhn.torch_inpaint.classifier import config as torch_config
from svhn.torch_inpaint.removal import config as removal_config
from svhn.torch_inpaint.training import config as training_config


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
boxes_option = click.option("--boxes", metavar="FILE", help="digitStruct.mat or COCO .json with the digits' boxes.")
model_option = click.option(
    "--model", default=torch_config.DEFAULT_CHECKPOINT, show_default=True, help="PyTorch checkpoint to use."
)
device_option = click.option(
    "--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where to compute."
)
grain_option = click.option(
    "--grain",
    type=click.FloatRange(0, 1),
    default=removal_config.FillConfig.grain,
    show_default=True,
    help="Share of the surroundings' fine texture in the fill; with 0 it is closest to the truth, but looks smooth.",
)
finisher_option = click.option(
    "--finisher",
    default=removal_config.FillConfig.finisher,
    show_default=True,
    help="Network that finishes the fill: .pt file, or run of train-finisher.",
)
key_pixels_option = click.option(
    "--key-pixels",
    type=click.Choice(removal_config.KEY_PIXELS),
    default=removal_config.KeyPixelConfig.method,
    show_default=True,
    help="How background is told from digits: by a network that knows what strokes look like, or by colours and "
    "feature maps alone, which nobody taught.",
)
segmenter_option = click.option(
    "--segmenter",
    default=removal_config.KeyPixelConfig.segmenter,
    show_default=True,
    help="Network that knows strokes: .pt file, or run of train-segmenter.",
)
finder_option = click.option(
    "--finder",
    default=DEFAULT_FINDER,
    show_default=True,
    help="Network: .onnx file, or run of train-finder or train-refiner.",
)
precision_option = click.option(
    "--precision",
    type=click.Choice(torch_config.PRECISIONS),
    default=training_config.FinisherTrainConfig.precision,
    show_default=True,
    help="bfloat16 is faster on processors that know it.",
)
# Seeds are 31 bits in every framework.
seed_option = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of everything random."
)
photos_option = click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="Folder with train/ and, if any, unlabelled/."
)
run_dir_option = click.option("--run-dir", type=click.Path(path_type=Path), help="Default: a new folder in runs/.")
interval_resume_option = click.option(
    "--resume", is_flag=True, help="Go on after the last interval of the run in --run-dir."
)
at_least_1 = click.IntRange(min=1)
positive = click.FloatRange(min=0, min_open=True)
share = click.FloatRange(0, 1, max_open=True)


class Share(click.ParamType):
    """NAME=SHARE -> (name, share)."""

    name = "name=share"

    def convert(self, value, param, ctx):
        name, _, number = value.partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail(f"expected NAME=SHARE, for example train=0.5, received {value!r}", param, ctx)


def min_confidence_option(default):
    """Return the option of the two commands that find digits, which are not equally careful."""
    return click.option(
        "--min-confidence",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=default,
        show_default=True,
        help="Least certainty that there is a digit.",
    )


def recipe_options(defaults):
    """Add the options that both frameworks' training has; `defaults` is a TrainConfig of either."""
    mix = [f"{name}={value:g}" for name, value in defaults.mix.items()]
    options = [
        click.option(
            "--weight-decay",
            type=click.FloatRange(min=0),
            default=defaults.weight_decay,
            show_default=True,
            help="Of the kernels only, decoupled from the gradient.",
        ),
        click.option(
            "--label-smoothing",
            type=share,
            default=defaults.label_smoothing,
            show_default=True,
            help="Share of the target spread over all digits.",
        ),
        click.option(
            "--average",
            type=share,
            default=defaults.average,
            show_default=True,
            help="Decay of the running average of the weights; 0 keeps the last ones.",
        ),
        click.option("--augmentation/--no-augmentation", default=defaults.augmentation, show_default=True),
        click.option(
            "--mix",
            type=Share(),
            multiple=True,
            default=mix,
            show_default=True,
            callback=lambda ctx, param, value: dict(value),
            help="Share of a split in every batch: train, pseudo, synthetic or copy_paste. Repeat for several.",
        ),
    ]

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _list_recipes(ctx, param, value):
    """Print the presets and graphs of train-tf and leave."""
    if not value or ctx.resilient_parsing:
        return
    click.echo("Presets:")
    for name, preset in tf_config.PRESETS.items():
        config = preset.config
        mix = ", ".join(f"{split} {part:.0%}" for split, part in config.mix.items())
        click.echo(f"  {name:<11}{preset.text}")
        click.echo(f"{'':13}graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}; {mix}")
        if config.teachers:
            click.echo(f"{'':13}teacher {', '.join(config.teachers)}")
    click.echo("Graphs:")
    for name, graph in tf_config.GRAPHS.items():
        kind = "colour" if graph.colour else "gray"
        click.echo(f"  {name:<11}{graph.parameters:>9,} parameters, {kind}: {graph.text}")
    ctx.exit()


def _load_tensorflow(compute=True):
    """Import TensorFlow and start it up without the lines that its C++ part prints whatever the log level.

    Without `compute` it is imported only: a cluster must be set up before anything is computed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import tensorflow

        if compute:
            tensorflow.constant(0)
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="svhn")
def cli():
    """Remove house numbers from street photos; train, measure and export digit classifiers on SVHN."""


def _shard(ctx, parameter, value):
    """Turn "3/100" into (3, 100)."""
    part, _, count = value.partition("/")
    if not (part.isdecimal() and count.isdecimal() and 1 <= int(part) <= int(count)):
        raise click.BadParameter(f"expected i/n with 1 <= i <= n, for example 3/100, received {value!r}")
    return int(part), int(count)


@cli.command()
@click.argument("photos", nargs=-1)
@boxes_option
@finder_option
@click.option("--no-finder", is_flag=True, help="Photos without boxes are errors; only the classifier checks.")
@min_confidence_option(job_config.JobConfig.min_confidence)
@click.option("--strict", is_flag=True, help="Do not write a photo in which a digit stays legible; exit with 4.")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and write nothing.")
@click.option("--output-dir", default="removed", show_default=True, help="Where results go: a folder or a URL.")
@click.option("--recursive", is_flag=True, help="Also look into folders inside the given ones.")
@click.option("--from-file", metavar="FILE", help="Also take the photos listed there, one a line or NUL-separated.")
@click.option("--save-masks", is_flag=True, help="Also write masks/<stem>.png, white = changed.")
@click.option("--strip-metadata", is_flag=True, help="Write no EXIF: camera, time, place.")
@click.option(
    "--pixel-limit",
    type=at_least_1,
    default=PhotoConfig.max_pixels,
    show_default=True,
    help="Photos with more pixels are refused.",
)
@click.option(
    "--fill",
    type=click.Choice(removal_config.FILLS),
    default=removal_config.FillConfig.method,
    show_default=True,
    help="How the digits are painted over: by the GRNN, steered along edges, and by a network that finishes it; by "
    "the GRNN alone; or by the reference's, slow and for comparison.",
)
@key_pixels_option
@segmenter_option
@finisher_option
@grain_option
@model_option
@device_option
@click.option(
    "--workers", type=click.IntRange(min=0), help="Processes of one thread each; 0 = none of its own.  [default: cores]"
)
@click.option("--resume", is_flag=True, help="Skip photos whose content, boxes, settings and output are as they were.")
@click.option("--shard", default="1/1", callback=_shard, metavar="I/N", help="Do part I of N, for job arrays.")
@click.option(
    "--max-failure-rate",
    type=click.FloatRange(0, 1),
    default=job_config.RunConfig.max_failure_rate,
    show_default=True,
    help="Stop when more than this part of the photos has failed.",
)
@click.option(
    "--engine",
    type=click.Choice(job_config.ENGINES),
    default=job_config.RunConfig.engine,
    show_default=True,
    help="Where workers run: on this machine, or on the nodes of a Ray cluster (pip install 'svhn[ray]').",
)
@click.option(
    "--gpus-per-worker",
    type=click.FloatRange(min=0),
    default=job_config.RunConfig.gpus_per_worker,
    show_default=True,
    help="GPUs that Ray sets aside for each worker, for example 0.25.",
)
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's lines and a summary as JSON.")
def remove_digits(
    photos,
    boxes,
    finder,
    no_finder,
    min_confidence,
    strict,
    dry_run,
    output_dir,
    recursive,
    from_file,
    save_masks,
    strip_metadata,
    pixel_limit,
    fill,
    key_pixels,
    segmenter,
    finisher,
    grain,
    model,
    device,
    shard,
    quiet,
    as_json,
    **run,
):
    """Write the photos again without their house numbers.

    PHOTOS are files, folders, globs or URLs; - reads a list from standard input. Boxes come from --boxes, else from a
    digitStruct.mat or boxes.json beside the photos, else the finder looks for digits. Inputs are never changed.
    OUTPUT_DIR/report.jsonl tells what happened to each photo.

    Exit codes: 0 all fine; 1 some photos failed, or the job could not start; 2 wrong usage; 3 stopped early (full disk,
    --max-failure-rate); 4 with --strict a digit stayed legible; 130 and 143 stopped by Ctrl-C or SIGTERM. After each
    of them --resume goes on.

    \b
    Example:
      python cli.py remove-digits samples/*.png --output-dir removed --save-masks
    """
    from svhn.commands import choose_display
    from svhn.jobs import StopSignals, list_photos, remove_photos

    job = job_config.JobConfig(
        output_dir,
        boxes=boxes,
        finder=None if no_finder else finder,
        min_confidence=min_confidence,
        strict=strict,
        dry_run=dry_run,
        save_masks=save_masks,
        model=model,
        device=device,
        removal=removal_config.RemovalConfig(
            key_pixels=removal_config.KeyPixelConfig(key_pixels, segmenter),
            fill=removal_config.FillConfig(fill, finisher=finisher, grain=grain),
        ),
        photo=PhotoConfig(max_pixels=pixel_limit, strip_metadata=strip_metadata),
    )
    with StopSignals() as signals:
        sources = list_photos(photos, recursive, from_file, leave_out=output_dir)
        with choose_display(output_dir, quiet, as_json, dry_run) as display:
            how = job_config.RunConfig(shard=shard[0], shards=shard[1], **run)
            summary = remove_photos(sources, job, how, display.show, signals)
            display.end(summary)
    sys.exit(summary.exit_code)


@cli.command()
@click.argument("photos", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), help="File for the JSON lines. Default: standard output.")
@click.option("--draw", type=click.Path(path_type=Path), help="Folder for pictures with boxes and text.")
@click.option("--recursive", is_flag=True, help="Also look into folders inside the given ones.")
@min_confidence_option(FinderConfig.min_confidence)
@finder_option
@click.option("--workers", type=at_least_1, help="Photos read at the same time, one thread each.  [default: cores]")
def read(photos, output, draw, recursive, min_confidence, finder, workers):
    """Find and read the house numbers of photos, without boxes.

    PHOTOS are files, folders or globs. One line of JSON for each photo: photo, numbers: [{text, confidence, box,
    digits: [{label, confidence, box}]}]. The exit code is 1 if any photo could not be read.

    \b
    Example:
      python cli.py read samples/*.png --draw drawn
    """
    import json

    from svhn.cores import available_cores
    from svhn.finder import Finder
    from svhn.jobs import list_photos, read_photos

    def show(line):
        if "error" in line:
            click.echo(f"Error: {line['error']}", err=True)
        if not output:
            click.echo(json.dumps(line, ensure_ascii=False))

    paths = [source.path for source in list_photos(photos, recursive, leave_out=draw)]

    def make():
        return Finder(finder, FinderConfig(min_confidence=min_confidence))

    make()  # a network that cannot be used is told of before the work starts
    failed = read_photos(paths, make, output, draw, show, workers or available_cores())
    if output:
        click.echo(f"{output}: {len(paths)} photos, {failed} failed")
    sys.exit(1 if failed else 0)


@cli.command()
@click.argument("output_dir")
@click.option("--html", type=click.Path(path_type=Path), help="The page to write.  [default: OUTPUT_DIR/report.html]")
@click.option(
    "--most", type=at_least_1, default=60, show_default=True, help="Photos to show, the least certain ones first."
)
def report(output_dir, html, most):
    """Make one page of a job's report: totals, failures, and photos before and after.

    It merges the reports of all shards. The page shows the original photos: treat it like them.

    \b
    Example:
      python cli.py report removed
    """
    from svhn.jobs import write_page

    page = write_page(output_dir, html, most)
    click.echo(f"{page}: written")


@cli.command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--mask", "mask_file", required=True, type=click.Path(path_type=Path), help="Picture, white = fill.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where the result goes.")
@finisher_option
@grain_option
@device_option
def inpaint(photo, mask_file, output, finisher, grain, device):
    """Fill the white part of a mask of your own in one photo.

    \b
    Example:
      python cli.py inpaint house.jpg --mask mask.png --output filled.jpg
    """
    from svhn.jobs import inpaint_photo

    fill = removal_config.FillConfig(finisher=finisher, grain=grain)
    inpaint_photo(photo, mask_file, output, removal_config.RemovalConfig(fill=fill), device)
    click.echo(f"{output}: written")


@cli.command()
@click.argument("photo", type=click.Path(path_type=Path))
@boxes_option
@click.option("--output", type=click.Path(path_type=Path), help="The figure. Default: explain-<photo's stem>.png.")
@key_pixels_option
@segmenter_option
@model_option
@device_option
def explain(photo, boxes, output, key_pixels, segmenter, model, device):
    """Draw how a photo's numbers are found and removed: feature maps, key pixels, mask, fill, result.

    \b
    Example:
      python cli.py explain samples/house-1.png --output explained.png
    """
    from svhn.jobs import explain_photo
    from svhn.torch_inpaint import DigitRemover

    output = output or Path(f"explain-{photo.stem}.png")
    config = removal_config.RemovalConfig(key_pixels=removal_config.KeyPixelConfig(key_pixels, segmenter))
    explain_photo(photo, DigitRemover.from_checkpoint(model, device, config), output, boxes)
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
    from svhn.data import LICENCE_NOTE
    from svhn.data.fetch import fetch as fetch_files

    click.echo(LICENCE_NOTE)
    for path in fetch_files(splits, folder, file_format, progress=_download_line()):
        click.echo(f"{path}: ready")


@cli.command()
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Folder with SVHN's files.")
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The .h5 file, or for lmdb the folder to write."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["h5", "lmdb"]),
    default="h5",
    show_default=True,
    help="One HDF5 file, or gray LMDB databases and the mean image for Caffe.",
)
@click.option("--synthetic", type=click.IntRange(min=0), default=0, show_default=True, help="Digits to render.")
@click.option(
    "--copy-paste",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Digits to move from one training photo into another.",
)
@click.option(
    "--pseudo",
    type=click.Path(path_type=Path),
    help="CSV of digits in DIR/unlabelled: photo,left,top,width,height,label.",
)
@seed_option
def prepare(data, output, file_format, synthetic, copy_paste, pseudo, seed):
    """Read SVHN's crops or photos, split off 13 % for validation by photo, and store all in one place.

    Further training digits become splits of their own: synthetic, copy_paste, pseudo. They are made from the training
    part alone, never from validation or test photos.

    \b
    Example:
      python cli.py prepare --data data/svhn --output data/prepared.h5 --synthetic 30000 --copy-paste 15000
    """
    from svhn.data import write_prepared
    from svhn.data.caffe import write_lmdb
    from svhn.data.extra import ExtraDigits
    from svhn.data.prepare import prepare as prepare_data

    prepared = prepare_data(data, seed=seed, extra=ExtraDigits(synthetic, copy_paste, pseudo))
    if file_format == "lmdb":
        write_lmdb(output, prepared, seed)
    else:
        write_prepared(output, prepared)
    click.echo(prepared.summary())
    click.echo(f"{output}: written")


@cli.command()
@data_option
@click.option(
    "--preset",
    type=click.Choice(tf_config.PRESETS),
    default="reference",
    show_default=True,
    help="Where the settings start; an option given beside it wins. The defaults below are the reference's.",
)
@click.option(
    "--list", is_flag=True, is_eager=True, callback=_list_recipes, expose_value=False, help="Show presets and graphs."
)
@click.option("--graph", type=click.Choice(tf_config.GRAPHS), default=tf_config.TrainConfig.graph, show_default=True)
@click.option("--iterations", type=at_least_1, default=tf_config.TrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=tf_config.TrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=tf_config.TrainConfig.learning_rate, show_default=True)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=tf_config.TrainConfig.warmup,
    show_default=True,
    help="Iterations in which the learning rate rises.",
)
@recipe_options(tf_config.TrainConfig())
@click.option(
    "--weights",
    default=tf_config.TrainConfig.weights,
    metavar="MODEL",
    help="Start from the weights of this network of the same graph, not from fresh ones.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    default=tf_config.TrainConfig.teachers,
    metavar="MODEL",
    help="Also learn what this network answers; may be given several times, then their mean.",
)
@click.option(
    "--distillation",
    type=click.FloatRange(0, 1),
    default=tf_config.TrainConfig.distillation,
    show_default=True,
    help="Share of the teachers' answer in what is learned; the rest is the label.",
)
@click.option(
    "--interval",
    type=at_least_1,
    default=tf_config.TrainConfig.interval,
    show_default=True,
    help="Between checkpoints.",
)
@seed_option
@run_dir_option
@click.option("--resume", is_flag=True, help="Go on with the run in --run-dir, or with the last one in runs/.")
@click.option(
    "--distribute",
    type=click.Choice(tf_config.STRATEGIES),
    help="Over all GPUs of this machine, or over the machines in $TF_CONFIG. See docs/training.md.",
)
@click.pass_context
def train_tf(ctx, data, preset, run_dir, resume, distribute, **settings):
    """Train a digit classifier with Keras on TensorFlow and export it as a SavedModel.

    Ctrl-C saves a checkpoint; --resume goes on from it, bit for bit, also after a crash.

    \b
    Example:
      python cli.py train-tf --data data/svhn --preset record --seed 1
    """
    if distribute == "multiworker" and not run_dir:
        raise InputError("expected --run-dir, a folder that all workers share, beside --distribute multiworker")
    from svhn.checkpoints import pseudo_labels
    from svhn.data import load_mix, resolve_source
    from svhn.runs import last_run, new_run_dir

    given = {name: value for name, value in settings.items() if _is_given(ctx, name)}
    if not resume:  # settings that cannot be are told of before TensorFlow has started
        run_dir = run_dir or new_run_dir("train-tf")
        config = dataclasses.replace(tf_config.PRESETS[preset].config, **given)
    _load_tensorflow(compute=distribute != "multiworker")
    from svhn.tf_models.classifier import make_strategy, read_config
    from svhn.tf_models.classifier.train import train

    if resume:
        run_dir = run_dir or last_run("train-tf")
        config = read_config(run_dir)
        if _is_given(ctx, "preset"):
            given = dataclasses.asdict(tf_config.PRESETS[preset].config) | given
        for name, value in given.items():
            if value != getattr(config, name):
                raise InputError(
                    f"{run_dir}: this run has {name} {getattr(config, name)}; resume it without another one"
                )
    strategy = make_strategy(distribute)
    source, message = resolve_source(data)
    click.echo(message)
    click.echo(f"Run: {run_dir}")
    digits = load_mix(source, config.mix, pseudo_labels(), config.seed)
    result = train(digits, config, run_dir, resume, _progress_line(), strategy)
    if not result.finished:
        click.echo(f"\nStopped after iteration {result.iteration}; go on with: train-tf --resume --run-dir {run_dir}")
        sys.exit(130)
    if result.record:
        _draw_run(run_dir, config, digits, result.record.metrics["best_iteration"])
        _print_metrics(result.record.metrics, run_dir)


@cli.command()
@photos_option
@click.option("--iterations", type=at_least_1, default=FinderTrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=FinderTrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=FinderTrainConfig.learning_rate, show_default=True)
@click.option("--interval", type=at_least_1, default=FinderTrainConfig.interval, show_default=True)
@seed_option
@run_dir_option
@interval_resume_option
def train_finder(data, run_dir, resume, **settings):
    """Train the network that finds and reads digits in any photo, and export it as ONNX.

    \b
    Example:
      python cli.py train-finder --data data/svhn
    """
    _load_tensorflow()
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.tf_models.finder import train_finder as train

    run_dir = run_dir or new_run_dir("train-finder")
    click.echo(f"Run: {run_dir}")
    config = FinderTrainConfig(**settings)
    scores = train(data, config, run_dir, pseudo_labels(), resume, _finder_progress_line("objectness")).metrics
    click.echo(f"validation: whole number {scores['validation_whole_number']:.1%}, F1 {scores['validation_f1']:.3f}")
    click.echo(f"{run_dir}: finder.onnx and record.json written")


@cli.command()
@photos_option
@finder_option
@click.option(
    "--view",
    type=click.Choice(list(VIEWS)),
    default=RefinerTrainConfig.view,
    show_default=True,
    help="What it sees: the digit alone, or among its neighbours, after a close one.",
)
@click.option("--start", metavar="FINDER", help="Train the refiner of this folder or checkpoint further.")
@click.option("--iterations", type=at_least_1, default=RefinerTrainConfig.iterations, show_default=True)
@click.option("--batch-size", type=at_least_1, default=RefinerTrainConfig.batch_size, show_default=True)
@click.option("--learning-rate", type=positive, default=RefinerTrainConfig.learning_rate, show_default=True)
@click.option("--interval", type=at_least_1, default=RefinerTrainConfig.interval, show_default=True)
@seed_option
@run_dir_option
@interval_resume_option
def train_refiner(data, run_dir, resume, **settings):
    """Train the network that judges what a finder proposes: is it a digit, which, and where exactly.

    The run's folder holds the networks before it, too, and can be used as --finder.

    \b
    Examples:
      python cli.py train-refiner --data data/svhn --finder runs/train-finder-1
      python cli.py train-refiner --data data/svhn --start finder --iterations 3000 --learning-rate 0.0015
    """
    _load_tensorflow()
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.tf_models.finder import train_refiner as train

    run_dir = run_dir or new_run_dir("train-refiner")
    click.echo(f"Run: {run_dir}")
    config = RefinerTrainConfig(**settings)
    scores = train(data, config, run_dir, pseudo_labels(), resume, _finder_progress_line("presence")).metrics
    click.echo(f"validation: whole number {scores['validation_whole_number']:.1%}, F1 {scores['validation_f1']:.3f}")
    click.echo(f"{run_dir}: {VIEWS[config.view].file} and record.json written")


@cli.command()
@photos_option
@click.option(
    "--iterations", type=at_least_1, default=training_config.FinisherTrainConfig.iterations, show_default=True
)
@click.option(
    "--patches",
    type=at_least_1,
    default=training_config.FinisherTrainConfig.patches,
    show_default=True,
    help="Holes that are made and filled before the first iteration.",
)
@click.option("--batch", type=at_least_1, default=training_config.FinisherTrainConfig.batch, show_default=True)
@click.option("--lr", type=positive, default=training_config.FinisherTrainConfig.lr, show_default=True)
@click.option("--interval", type=at_least_1, default=training_config.FinisherTrainConfig.interval, show_default=True)
@precision_option
@click.option(
    "--critic",
    type=click.FloatRange(min=0),
    default=training_config.FinisherTrainConfig.critic,
    show_default=True,
    help="Weight of a second network's verdict on how real the fill looks; 0 for none.",
)
@click.option(
    "--critic-from",
    type=click.IntRange(min=0),
    default=training_config.FinisherTrainConfig.critic_from,
    show_default=True,
    help="Iteration from which it has a say.",
)
@seed_option
@run_dir_option
@interval_resume_option
def train_finisher(data, run_dir, resume, **settings):
    """Train the network that finishes what the GRNN paints, on holes where there are no digits.

    The labels' boxes are only used to keep away from digits. The run can be used as --finisher.

    \b
    Example:
      python cli.py train-finisher --data data/svhn
    """
    from svhn.checkpoints import pseudo_labels
    from svhn.runs import new_run_dir
    from svhn.torch_inpaint.training import train_finisher as train

    run_dir = run_dir or new_run_dir("train-finisher")
    click.echo(f"Run: {run_dir}")
    config = training_config.FinisherTrainConfig(**settings)
    show = _interval_line(("loss",), "{psnr:.2f} dB, {gain:+.2f} by the finisher, better in {wins:.0%} of the holes")
    scores = train(data, config, run_dir, pseudo_labels(), resume, show).metrics
    click.echo(f"validation: {scores['validation_psnr']:.2f} dB, {scores['validation_gain']:+.2f} by the finisher")
    click.echo(f"{run_dir}: model.pt and record.json written")


@cli.command()
@model_option
@click.option(
    "--iterations", type=at_least_1, default=training_config.SegmenterTrainConfig.iterations, show_default=True
)
@click.option(
    "--samples",
    type=at_least_1,
    default=training_config.SegmenterTrainConfig.samples,
    show_default=True,
    help="Numbers that are rendered before the first iteration.",
)
@click.option("--batch", type=at_least_1, default=training_config.SegmenterTrainConfig.batch, show_default=True)
@click.option("--lr", type=positive, default=training_config.SegmenterTrainConfig.lr, show_default=True)
@click.option("--interval", type=at_least_1, default=training_config.SegmenterTrainConfig.interval, show_default=True)
@precision_option
@seed_option
@run_dir_option
@interval_resume_option
def train_segmenter(model, run_dir, resume, **settings):
    """Train the network that tells strokes from background, on rendered numbers; it needs no photos.

    The run can be used as --segmenter, with the same --model.

    \b
    Example:
      python cli.py train-segmenter --precision bfloat16
    """
    from svhn.runs import new_run_dir
    from svhn.torch_inpaint.training import train_segmenter as train

    run_dir = run_dir or new_run_dir("train-segmenter")
    click.echo(f"Run: {run_dir}")
    config = training_config.SegmenterTrainConfig(**settings)
    show = _interval_line(("loss",), "finds {recall:.1%} of what numbers change; {precision:.1%} of what it finds")
    scores = train(config, run_dir, model, resume, show).metrics
    click.echo(f"validation: recall {scores['validation_recall']:.1%}, precision {scores['validation_precision']:.1%}")
    click.echo(f"{run_dir}: model.pt and record.json written")


@cli.command()
@data_option
@click.option("--net", type=click.Choice(torch_config.NETS), default=torch_config.TrainConfig.net, show_default=True)
@click.option("--batch", type=at_least_1, default=torch_config.TrainConfig.batch, show_default=True)
@click.option("--epochs", type=at_least_1, default=torch_config.TrainConfig.epochs, show_default=True)
@click.option(
    "--opt", type=click.Choice(torch_config.OPTIMIZERS), default=torch_config.TrainConfig.opt, show_default=True
)
@click.option("--lr", type=positive, default=torch_config.TrainConfig.lr, show_default=True)
@click.option(
    "--schedule",
    type=click.Choice(torch_config.SCHEDULES),
    default=torch_config.TrainConfig.schedule,
    show_default=True,
)
@click.option(
    "--warmup",
    type=click.IntRange(min=0),
    default=torch_config.TrainConfig.warmup,
    show_default=True,
    help="Epochs over which the learning rate rises.",
)
@click.option("--momentum", type=share, default=torch_config.TrainConfig.momentum, show_default=True, help="Of SGD.")
@recipe_options(torch_config.TrainConfig())
@click.option(
    "--blur/--no-blur", default=torch_config.TrainConfig.blur, show_default=True, help="With augmentation: also blur."
)
@click.option(
    "--colour/--no-colour",
    default=torch_config.TrainConfig.colour,
    show_default=True,
    help="With augmentation: also turn colours to gray in other ways.",
)
@click.option(
    "--standardise/--no-standardise",
    default=torch_config.TrainConfig.standardise,
    show_default=True,
    help="Bring every crop to its own mean and contrast.",
)
@precision_option
@seed_option
@click.option("--cpu", is_flag=True, help="Compute on the CPU even where there is CUDA.")
@click.option("--id", "run_id", help="Name of the run: runs/ID. Default: from the time.")
@click.option("--resume", is_flag=True, help="Go on with the run named by --id, or with the last one, bit for bit.")
@click.pass_context
def train_torch(ctx, data, cpu, run_id, resume, **settings):
    """Train one of the reference's ConvNets with PyTorch.

    With torchrun the processes it starts share every batch: torchrun --nproc-per-node 2 cli.py train-torch ...
    A run that was cut at any moment goes on with --resume from the last epoch it finished. docs/pytorch.md has more.

    \b
    Example:
      python cli.py train-torch --data data/svhn --net ConvNet48_Dropout3 --epochs 100 --id dropout3
    """
    from svhn.checkpoints import pseudo_labels
    from svhn.data import load_mix, resolve_source
    from svhn.runs import last_run, new_run_dir
    from svhn.torch_inpaint import choose_device
    from svhn.torch_inpaint.classifier import join, read_config
    from svhn.torch_inpaint.classifier.train import train

    given = {name: value for name, value in settings.items() if _is_given(ctx, name)}
    run_dir = Path("runs") / run_id if run_id else last_run("train-torch") if resume else new_run_dir("train-torch")
    config = dataclasses.replace(read_config(run_dir), **given) if resume else torch_config.TrainConfig(**settings)
    source, message = resolve_source(data)
    with join(str(choose_device("cpu" if cpu else "auto"))) as group:

        def show(epoch):
            click.echo(
                f"epoch {epoch.epoch}/{config.epochs}  loss {epoch.loss:.4f}  "
                f"validation {epoch.validation_accuracy:.2%}  {epoch.seconds:.1f} s"
            )

        if group.leads:
            click.echo(message)
            click.echo(f"Run: {run_dir}")
        try:
            digits = load_mix(source, config.mix, pseudo_labels(), config.seed)
            record = train(digits, config, run_dir, report=show, resume=resume, group=group)
        except KeyboardInterrupt:
            click.echo(f"\nStopped; go on with: train-torch --resume --id {run_dir.name}")
            sys.exit(130)
        if record:
            _print_metrics(record.metrics, run_dir)


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("action", type=click.Choice(["start", "status", "watch", "stop", "resume", "report"]), default="start")
@click.option("--jobs", type=at_least_1, default=1, show_default=True, help="Runs at a time.")
@data_option
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Default: runs/sweep-<file's name>.")
@click.option("--cpu", is_flag=True, help="Compute on the CPU even where there is CUDA.")
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="With report: also put the best run of every network into this CSV file.",
)
def sweep(file, action, jobs, data, folder, cpu, table):
    """Train the runs of a YAML file in the background, whatever happens to the terminal.

    FILE lists runs of train-torch, or a grid of them; sweeps/ has two. ACTION is start (or resume: runs that are done
    stay, cut ones go on bit for bit), status (a table), watch (the table, live), stop, or report (the page, which is
    also written at the end). Each job computes with its share of the cores, or with $OMP_NUM_THREADS threads.

    \b
    Example:
      python cli.py sweep sweeps/family.yaml --jobs 2 --data data/svhn
    """
    from svhn.cores import available_cores
    from svhn.sweeps import (
        Plan,
        SweepFolder,
        format_table,
        model_rows,
        read_plan,
        start,
        stop,
        update_table,
        write_page,
    )

    place = SweepFolder(folder or Path("runs") / f"sweep-{file.stem}")
    if action in ("start", "resume"):
        from svhn.data import SYNTHETIC, resolve_source

        runs = read_plan(file)
        if action == "resume":
            place.read_plan()
        source, message = resolve_source(data)
        threads = int(os.environ.get("OMP_NUM_THREADS") or max(1, available_cores() // jobs))
        source = source if source == SYNTHETIC else str(Path(source).resolve())
        pid = start(place, Plan(runs, source, jobs, threads, cpu))
        click.echo(message)
        click.echo(f"{place.path}: {len(runs)} runs, {jobs} at a time, in the background (process {pid})")
        click.echo(f"See and end it with: sweep {file} watch, sweep {file} stop")
    elif action == "stop":
        pid = stop(place)
        click.echo(f"{place.path}: stopped; resume goes on with it" if pid else f"{place.path}: was not running")
    elif action == "report":
        write_page(place)
        click.echo(f"{place.report}: written")
        if table:
            update_table(table, model_rows(place.statuses()))
            click.echo(f"{table}: written")
    else:
        live = action == "watch" and sys.stdout.isatty()
        while True:
            running, text = place.supervisor(), format_table(place.statuses())
            click.echo(("\x1b[H\x1b[2J" if live else "") + text)
            if action == "status" or not running:
                break
            time.sleep(2 if live else 30)
        click.echo(f"running (process {running})" if running else f"not running; the page: {place.report}")


@cli.command()
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
        _load_tensorflow()
        from svhn.tf_models.classifier import interpret_crops
        from svhn.tf_models.classifier import load_network as load
    network = load(found.path)
    output = output or Path(f"digits-{photo.stem}.png")
    title = f"{Path(model).name} on {photo.name}"
    count = interpret_photo(photo, lambda crops: interpret_crops(network, crops), output, title, boxes)
    click.echo(f"{output}: written, {count} {'digit' if count == 1 else 'digits'}")


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
    from svhn.data import load_split, resolve_source
    from svhn.figures import format_report, write_report

    found = find_model(model)
    source, message = resolve_source(data)
    click.echo(message)
    digits = load_split(source, split)
    if found.framework == PYTORCH:
        from svhn.torch_inpaint.classifier import load_predictor
    else:
        _load_tensorflow()
        from svhn.tf_models.classifier import load_classifier as load_predictor
    probabilities = load_predictor(found.path)(digits.rgb)
    folder = report_dir or Path("runs") / f"evaluate-{Path(model).stem}-{split}"
    extra = {"model": model, "data": source, "split": split}
    report = write_report(folder, digits.rgb, digits.labels, probabilities, f"{Path(model).name}, {split}", extra)
    click.echo(format_report(report))
    click.echo(f"{folder}: report.json, confusion.png, misclassified.png")


@cli.command()
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
    _load_tensorflow()
    from svhn.tf_models.classifier import load_network
    from svhn.tf_models.export import export_model

    written = export_model(load_network(found.path), kind, output)
    click.echo(
        f"{output}: {kind}, {written.size / 1e6:.2f} MB; its probabilities are within {written.difference:.1e} of the "
        "network's"
    )


def _is_given(ctx, name):
    return ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _draw_run(run_dir, config, digits, best):
    """Draw report.png from what a run left behind, on the validation split."""
    from svhn.figures import write_run_picture
    from svhn.tf_models.classifier import load_classifier, read_history

    split = digits["validation"]
    probabilities = load_classifier(run_dir / "model.keras")(split.rgb)
    title = f"{run_dir.name}: graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}"
    write_run_picture(
        run_dir / "report.png", read_history(run_dir), best, split.rgb, split.labels, probabilities, title
    )


@cli.command()
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
    _load_tensorflow()
    from svhn.files import replacing
    from svhn.tf_models.export import import_caffe as read_caffe

    model = read_caffe(prototxt, weights, mean)
    with replacing(output) as temporary:
        model.save(temporary)
    click.echo(f"{output}: {model.count_params():,} weights, {model.input_shape[1:]} to {model.output_shape[1:]}")


def _progress_line():
    """Print one line per interval, and on a terminal a live line in between that stays on its line."""
    rate = None

    def show(progress):
        nonlocal rate
        measured = progress.validation_accuracy is not None
        if not measured:  # the last few seconds count most; the first report holds the start-up
            rate = progress.rate if rate is None else 0.8 * rate + 0.2 * progress.rate
        shown = progress.rate if measured or rate is None else rate
        left = time.strftime("%H:%M:%S", time.gmtime((progress.iterations - progress.iteration) / shown))
        line = (
            f"iteration {progress.iteration:,}/{progress.iterations:,}  loss {progress.loss:.4f}  "
            f"accuracy {progress.accuracy:.2%}  {shown:.1f}/s  {left} left"
        )
        if measured:
            line += f"  validation {progress.validation_accuracy:.2%}"
        _show_progress(line, measured)

    return show


def _finder_progress_line(first_loss):
    return _interval_line((first_loss, "label", "box"), "whole number {whole_number:.1%}  F1 {f1:.3f}")


def _interval_line(losses, scores):
    """Print one line per interval, and on a terminal a live line in between that stays on its line."""

    def show(row):
        values = "  ".join(f"{name} {row[name]:.3f}" for name in losses)
        if "seconds" in row:
            _show_progress(f"iteration {row['iteration']:,}  {values}  {scores.format(**row)}", True)
        else:
            left = time.strftime("%H:%M:%S", time.gmtime((row["iterations"] - row["iteration"]) / row["rate"]))
            _show_progress(f"iteration {row['iteration']:,}/{row['iterations']:,}  {values}  {left} left", False)

    return show


def _show_progress(line, stays):
    """Print a line that stays, or one that the next replaces, which only a terminal gets to see."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(f"\r{line if stays else line[: width - 1]}\x1b[K", nl=stays)
    elif stays:
        click.echo(line)


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

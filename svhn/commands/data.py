"""Data: fetch and prepare."""

from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.progress import download_line
from svhn.commands.shared_options import seed_option


@command()
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
    from svhn.data import LICENCE_NOTE, fetch_files

    click.echo(LICENCE_NOTE)
    for path in fetch_files(splits, folder, file_format, progress=download_line()):
        click.echo(f"{path}: ready")


@command()
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
    from svhn.data import prepare_data, store_data
    from svhn.data.extra import ExtraDigits

    prepared = prepare_data(data, seed=seed, extra=ExtraDigits(synthetic, copy_paste, pseudo))
    store_data(output, prepared, file_format, seed)
    click.echo(prepared.summary())
    click.echo(f"{output}: written")

"""Data: fetch, prepare and explore."""

from pathlib import Path

import click

from svhn.commands.options import command, options_of
from svhn.commands.progress import Steps
from svhn.commands.shared_options import crops_option, data_option, seed_option, validation_option
from svhn.data import FORMATS, SPLITS, SQUARE, STORES
from svhn.data.extra import ExtraDigits
from svhn.files import printable


@command()
@click.option(
    "--split",
    "splits",
    multiple=True,
    required=True,
    type=click.Choice(SPLITS),
    help="What to download; may be given several times.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default="both",
    show_default=True,
    help="Photos with boxes, crops of 32 x 32 pixels, or both.",
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default="data/svhn",
    show_default=True,
    help="Where the files go.",
)
def fetch(splits: tuple[str, ...], file_format: str, folder: Path) -> None:
    """Download the official SVHN files, verify and unpack them; a cut download goes on where it stopped.

    \b
    Example:
      python cli.py fetch --split train --split test --format crops --dir data/svhn
    """
    from svhn.data import LICENCE_NOTE, fetch_files

    click.echo(LICENCE_NOTE)
    steps = Steps(1e6, "MB")
    paths = fetch_files(splits, folder, file_format, progress=lambda name, done, total: steps.show(done, total, name))
    click.echo("\n".join(f"{printable(path)}: ready" for path in paths))


@command()
@data_option
@click.option(
    "--output", required=True, type=click.Path(path_type=Path), help="The .h5 file, or for lmdb the folder to write."
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(list(STORES)),
    default="h5",
    show_default=True,
    help="One HDF5 file, or gray LMDB databases and the mean image for Caffe.",
)
@validation_option
@crops_option(default=SQUARE)
@options_of(ExtraDigits, "extra")
@seed_option
def prepare(
    data: str | None,
    output: Path,
    file_format: str,
    validation: float | None,
    crops: str,
    extra: ExtraDigits,
    seed: int,
) -> None:
    """Read SVHN's crops or photos, split them by photo, and store all in one place.

    The split is stratified, by photo: whole photos go to one side, and every class has its share on both.

    Further training digits become splits of their own: synthetic, copy_paste, pseudo. They are made from the training
    part alone, never from validation or test photos.

    \b
    Example:
      python cli.py prepare --data data/svhn --output data/prepared.h5 --synthetic 30000 --copy-paste 15000
    """
    from svhn.data import load_data, resolve_source, store_data

    source, message = resolve_source(data)
    click.echo(message)
    made = (extra.synthetic, extra.copy_paste, extra.pseudo)
    prepared = load_data(source, seed, ("train", "test"), *made, Steps().show, validation, crops)
    store_data(output, prepared, file_format, seed)
    click.echo(prepared.summary())
    click.echo(f"{printable(output)}: written")


@command()
@data_option
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="explored",
    show_default=True,
    help="Folder for the pictures and explore.json.",
)
@validation_option
@crops_option(default=SQUARE)
@seed_option
def explore(data: str | None, output: Path, validation: float | None, crops: str, seed: int) -> None:
    """Show what the data hold: samples, classes before and after the split, gray.

    Pictures: photos with boxes, crops of every class, the classes before and after the split, and the conversion to
    gray. Tables: the arrays of each split, as `prepare` stores them, the classes, and the gray levels.

    \b
    Example:
      python cli.py explore --data data/svhn --output explored
    """
    from svhn.data import explore_data, format_facts, load_data, resolve_source

    source, message = resolve_source(data)
    click.echo(message)
    digits = load_data(source, seed, report=Steps().show, validation=validation, crops=crops)
    click.echo(format_facts(explore_data(digits, source, output, seed)))
    click.echo(f"{printable(output)}: pictures and explore.json")

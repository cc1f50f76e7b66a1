"""Reading numbers: read."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svhn.commands.options import command
from svhn.commands.shared_options import at_least_1, finder_option, min_confidence_option
from svhn.finder import FinderConfig

if TYPE_CHECKING:
    from svhn.jobs import PhotoReading


@command()
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
    from svhn.jobs import list_photos, read_photos

    def show(line: "PhotoReading") -> None:
        if line.error:
            click.echo(f"Error: {line.error}", err=True)
        if not output:
            click.echo(json.dumps(line.to_dict(), ensure_ascii=False))

    paths = [photo.path for photo in list_photos(photos, recursive, leave_out=draw)]
    config = FinderConfig(min_confidence=min_confidence)
    lines = read_photos(paths, finder, config, output, draw, show, workers)
    failed = sum(line.error is not None for line in lines)
    if output:
        click.echo(f"{output}: {len(paths)} photos, {failed} failed")
    sys.exit(1 if failed else 0)

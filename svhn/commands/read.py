"""Reading numbers: read."""

import sys
from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.shared_options import at_least_1, finder_option, min_confidence_option
from svhn.finder import FinderConfig


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

"""Photos: remove-digits and its report, find, read, the page, and inpaint and explain for one photo."""

import sys
from pathlib import Path

import click

from svhn.commands.options import command, options_of
from svhn.commands.progress import ReadingLines, choose_display
from svhn.commands.shared_options import finder_option
from svhn.files import printable
from svhn.finder import FinderConfig, advice_on_reader
from svhn.jobs import JobConfig, RunConfig
from svhn.web import WebConfig

# Settings of how digits are found; of which digits there are; and of a photo's search and fill, where results go to the
# browser.
_FOUND = ("finder", "min_confidence", "text_reader", "with_letters", "only_region", "exclude_region", "min_height")
_WHERE = ("boxes", "boxes_only", "also_find", *_FOUND)
_HOW = (*_FOUND, "model", "device", "fill", "metadata")


@command()
@click.argument("photos", nargs=-1)
@options_of(JobConfig, "job")
@click.option("--recursive", is_flag=True, help="Also look into folders inside the given ones.")
@click.option("--from-file", metavar="FILE", help="Also take the photos listed there, one a line or NUL-separated.")
@options_of(RunConfig, "run")
@click.option("--quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the report's lines and a summary as JSON.")
def remove_digits(
    photos: tuple[str, ...],
    job: JobConfig,
    recursive: bool,
    from_file: str | None,
    run: RunConfig,
    quiet: bool,
    as_json: bool,
) -> None:
    """Write the photos again without their house numbers.

    PHOTOS are files, folders, globs or URLs; - reads a list from standard input. Boxes come from --boxes, else from a
    digitStruct.mat or boxes.json beside the photos, else the finder looks for digits. Inputs are never changed.
    OUTPUT_DIR/report.jsonl tells what happened to each photo; photos of earlier jobs that are not given stay there.

    Exit codes: 0 all fine; 1 some photos failed, or the job could not start; 2 wrong usage; 3 stopped early (full disk,
    --max-failure-rate); with --strict 4 a digit stayed legible, 5 perhaps one is left; 130 and 143 stopped by Ctrl-C or
    SIGTERM. After each of them --resume goes on.

    \b
    Example:
      python cli.py remove-digits samples/*.png --output-dir removed --save-masks
    """
    from svhn.jobs import StopSignals, list_photos, remove_photos

    with StopSignals() as signals:
        with signals.answering_at_once():
            sources = list_photos(photos, recursive, from_file, leave_out=(job.output_dir, job.side_dir))
        with choose_display(job.output_dir, quiet, as_json, job.dry_run) as display:
            summary = remove_photos(sources, job, run, display.show, signals)
            display.end(summary)
    sys.exit(summary.exit_code)


@command()
@click.argument("photos", nargs=-1)
@click.option(
    "--output", metavar="FILE", default="plan.json", show_default=True, help="The plan; it must not be there."
)
@options_of(JobConfig, "job", only=_WHERE)
@click.option("--recursive", is_flag=True, help="Also look into folders inside the given ones.")
@options_of(RunConfig, "run", only=("workers", "max_seconds"))
def find(photos: tuple[str, ...], output: str, job: JobConfig, recursive: bool, run: RunConfig) -> None:
    """Find what remove-digits would remove, and write it down as a plan to correct.

    The plan is COCO JSON, one annotation for each digit, which CVAT, Label Studio and others open. Set "accepted" to
    false where a place shall stay, or delete it; add and move boxes; then give it to remove-digits with --plan.

    \b
    Example:
      python cli.py find samples/*.png --output plan.json
    """
    from svhn.jobs import find_digits, list_photos

    with choose_display(job.output_dir, dry_run=True) as display:
        summary = find_digits(list_photos(photos, recursive), output, job, run, display.show)
        display.end(summary)
    sys.exit(summary.exit_code)


@command()
@click.argument("photos", nargs=-1)
@click.option("--output", type=click.Path(path_type=Path), help="File for the JSON lines.  [default: standard output]")
@click.option("--draw", metavar="DIR", help="Folder for pictures with boxes and text.")
@click.option("--recursive", is_flag=True, help="Also look into folders inside the given ones.")
@options_of(FinderConfig, "config")
@finder_option
@click.option(
    "--workers", type=click.IntRange(min=1), help="Photos read at the same time, one thread each.  [default: cores]"
)
def read(
    photos: tuple[str, ...],
    output: Path | None,
    draw: str | None,
    recursive: bool,
    config: FinderConfig,
    finder: str,
    workers: int | None,
) -> None:
    """Find and read the house numbers of photos, without boxes.

    PHOTOS are files, folders or globs. One line of JSON for each photo: photo, numbers: [{text, confidence, box,
    digits: [{label, confidence, box}], written}]. "written" has also letters and signs of the number, "54-56", or is
    null. The exit code is 1 if any photo could not be read.

    \b
    Example:
      python cli.py read samples/*.png --draw drawn
    """
    from svhn.jobs import list_photos, read_photos

    listing = list_photos(photos, recursive, leave_out=draw)
    display = ReadingLines(output, listing.all_left_out(), advice_on_reader(config.text_reader))
    display.end(read_photos([photo.path for photo in listing], finder, config, output, draw, display.show, workers))
    sys.exit(1 if display.failed else 0)


@command()
@click.argument("output_dir")
@click.option("--html", type=click.Path(path_type=Path), help="The page to write.  [default: OUTPUT_DIR/report.html]")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    help="Photos to show, the least certain ones first.",
)
def report(output_dir: str, html: Path | None, most: int) -> None:
    """Make one page of a job's report: totals, failures, and photos before and after.

    OUTPUT_DIR is that of the job, or its --report-dir. It merges the reports of all shards. The page shows the original
    photos: treat it like them.

    \b
    Example:
      python cli.py report removed
    """
    from svhn.jobs import write_page

    page = write_page(output_dir, html, most)
    click.echo(f"{printable(page)}: written")


@command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--mask", required=True, type=click.Path(path_type=Path), help="Picture, white = fill.")
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where the result goes.")
@options_of(JobConfig, "job", only=("grain", "device", "finisher"))
def inpaint(photo: Path, mask: Path, output: Path, job: JobConfig) -> None:
    """Fill the white part of a mask of your own in one photo.

    \b
    Example:
      python cli.py inpaint house.jpg --mask mask.png --output filled.jpg
    """
    from svhn.jobs import inpaint_photo

    inpaint_photo(photo, mask, output, job.removal, job.device)
    click.echo(f"{printable(output)}: written")


@command()
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="The figure.  [default: explain-<photo's stem>.png]")
@options_of(
    JobConfig, "job", only=("boxes", "device", "key_pixels", "segmenter", "model", "fill", "sigma", "every", "grain")
)
def explain(photo: Path, output: Path | None, job: JobConfig) -> None:
    """Draw how a photo's numbers are found and removed: feature maps, gradients, key pixels, mask, fill, result.

    --fill grnn-seed shows the reference's own network, with --sigma and --every.

    \b
    Examples:
      python cli.py explain samples/house-1.png --output explained.png
      python cli.py explain samples/house-1.png --fill grnn-seed --sigma 1.8 --every 3
    """
    from svhn.jobs import explain_photo
    from svhn.torch_inpaint import DigitRemover

    output = output or Path(f"explain-{photo.stem}.png")
    remover = DigitRemover.from_checkpoint(job.model, job.device, job.removal)
    explain_photo(photo, remover, output, job.boxes)
    click.echo(f"{printable(output)}: written")


def _tell(address: str) -> None:
    click.echo(f"{address}  open it in a browser; Ctrl-C ends it")


@command()
@click.argument("folder", type=click.Path(path_type=Path))
@options_of(WebConfig, "web")
@options_of(JobConfig, "job", only=("boxes", "boxes_only", "plan", "also_find", *_HOW))
def review(folder: Path, web: WebConfig, job: JobConfig) -> None:
    """Show on a page what is found in a folder's photos, correct it, and remove it.

    Nothing is written: results and the plan are downloaded. Nobody but this machine can connect. --plan opens a plan
    that was saved.

    \b
    Example:
      python cli.py review samples
    """
    from svhn.web import run_server

    run_server(web, job, folder, _tell)


@command()
@options_of(WebConfig, "web")
@options_of(JobConfig, "job", only=_HOW)
def serve(web: WebConfig, job: JobConfig) -> None:
    """Serve the same page for photos that are dropped on it, and its API.

    Programs send photos to /api/find, /api/remove and /api/read. Nothing is stored after an answer. By default nobody
    but this machine can connect; there is no login.

    \b
    Example:
      python cli.py serve --port 8000
    """
    from svhn.web import run_server

    run_server(web, job, tell=_tell)

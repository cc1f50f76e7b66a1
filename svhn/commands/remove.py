"""Removing numbers: remove-digits, its report, and inpaint and explain for one photo."""

import sys
from pathlib import Path

import click

from svhn.commands.options import command
from svhn.commands.progress import choose_display
from svhn.commands.shared_options import (
    at_least_1,
    boxes_option,
    device_option,
    finder_option,
    finisher_option,
    grain_option,
    key_pixels_option,
    min_confidence_option,
    model_option,
    segmenter_option,
)
from svhn.jobs import config as job_config
from svhn.photos import PhotoConfig
from svhn.torch_inpaint.removal import config as removal_config


def _shard(ctx, parameter, value):
    """Turn "3/100" into (3, 100)."""
    part, _, count = value.partition("/")
    if not (part.isdecimal() and count.isdecimal() and 1 <= int(part) <= int(count)):
        raise click.BadParameter(f"expected i/n with 1 <= i <= n, for example 3/100, received {value!r}")
    return int(part), int(count)


@command()
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


@command()
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


@command()
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


@command()
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

"""What a figure, drawing or page may take the place of: an earlier one of its kind, and never a photo.

All of this is asked before the work begins.
"""

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from svhn.errors import InputError
from svhn.files import printable, write_whole
from svhn.photos import known_suffixes, recognise

FIGURES = (".png", ".pdf", ".svg")
# The text of a PNG that says which program made it, and what stands there in ours: `svhn`, and figures by Matplotlib.
_SOFTWARE, _OURS = "Software", ("svhn", "Matplotlib")
# Enough of a file to tell its kind, in bytes.
_SNIFFED = 4096


def check_not_inputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise InputError where an output is one of the inputs, by whatever spelling, link or hard link.

    Parameters
    ----------
    outputs : iterable of str or Path
    inputs : iterable of str or Path
        Paths, also as file:// URLs; other URLs are no files of this machine.
    """
    paths = [path for path in (str(given).removeprefix("file://") for given in inputs) if "://" not in path]
    known = {os.path.abspath(path) for path in paths} | {_identity(path) for path in paths} - {None}
    for output in outputs:
        if {os.path.abspath(output), os.path.realpath(output), _identity(output)} & known:
            raise InputError(f"{printable(output)}: the output would overwrite an input; choose another name")


def check_text(output: str | Path, inputs: Iterable[str | Path] = ()) -> None:
    """Raise InputError unless `output` can name a file of text: neither a photo's name nor a picture."""
    output = Path(output)
    check_not_inputs([output], inputs)
    if output.suffix.lower() in known_suffixes():
        raise InputError(f"{printable(output)}: the name of a picture, expected one for text; choose another name")
    if recognise(_beginning(output)):
        raise InputError(f"{printable(output)}: would overwrite a picture; choose another name")


def check_page(page: str | Path) -> None:
    """Raise InputError unless `page` can name a page: nothing is there, or a page that is to be written anew."""
    page, beginning = Path(page), _beginning(page)
    if page.suffix.lower() in (*known_suffixes(), ".jsonl"):
        raise InputError(f"{printable(page)}: expected a page's name, for example report.html; choose another name")
    if beginning and not beginning.lstrip().lower().startswith(b"<!doctype html"):
        raise InputError(f"{printable(page)}: would overwrite what is no page; choose another name")


def check_pictures(outputs: Sequence[Path], inputs: Iterable[str | Path] = ()) -> None:
    """Raise InputError where a picture would take the place of another one that this program did not draw."""
    check_not_inputs(outputs, inputs)
    for output in outputs:
        if recognise(_beginning(output)) and not _is_drawn(output):
            raise InputError(f"{printable(output)}: would overwrite a picture; remove it, or choose another name")


def check_figure(output: Path, photo: Path) -> None:
    """Raise InputError unless `output` can name a figure about `photo`: one of `FIGURES`, and no other picture."""
    if output.suffix.lower() not in FIGURES:
        raise InputError(
            f"{printable(output)}: expected a figure's name that ends in {', '.join(FIGURES)}; choose another --output"
        )
    check_pictures([output], [photo])


def write_drawing(path: str | Path, rgb: np.ndarray) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG that says that it is drawn, whole or not at all."""
    from PIL import Image, PngImagePlugin  # here, because jobs and plans ask for names only

    text = PngImagePlugin.PngInfo()
    text.add_text(_SOFTWARE, _OURS[0])
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG", pnginfo=text)
    write_whole(path, file.getvalue())


def _is_drawn(path: Path) -> bool:
    """Tell whether a picture is one of ours; one behind a link is nobody's, since only the link is replaced."""
    from PIL import Image

    if path.is_symlink():
        return True
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            return str(picture.info.get(_SOFTWARE, "")).startswith(_OURS)
    except (OSError, ValueError):
        return False


def _beginning(path: Path) -> bytes:
    """Return the first bytes of a file; none of what is not there, or is no file."""
    try:
        if not path.is_file():
            return b""
        with open(path, "rb") as file:
            return file.read(_SNIFFED)
    except (OSError, ValueError):
        return b""


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Return what all names of one file have in common, or None where there is none."""
    try:
        status = os.stat(path)
        return status.st_dev, status.st_ino
    except (OSError, ValueError):
        return None

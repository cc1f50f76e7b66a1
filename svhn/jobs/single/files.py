"""One photo: a mask of the user's own filled in it, or a figure of how its digits are found and removed."""

from pathlib import Path
from typing import TYPE_CHECKING

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.config import JobConfig
from svhn.jobs.tasks import Task
from svhn.torch_inpaint.removal import RemovalConfig

if TYPE_CHECKING:
    import numpy as np

    from svhn.torch_inpaint.removal import DigitRemover


def inpaint_photo(
    photo: str | Path,
    mask: str | Path,
    output: str | Path,
    config: RemovalConfig = RemovalConfig(),
    device: str = "auto",
) -> None:
    """Fill the white part of a mask picture in one photo and write the result in the photo's format.

    Where pixels differ in how opaque they are, that is filled, too.

    Raises
    ------
    InputError
        When a file is unreadable, the sizes differ, the mask is all white, or `output` is an input or any other
        picture that is there.
    """
    from svhn.figures import check_pictures
    from svhn.jobs.planes import fill_hole
    from svhn.photos import read_mask, read_photo, write_photo

    photo, mask, output = Path(photo), Path(mask), Path(output)
    check_pictures([output], [photo, mask])
    if output.suffix.lower() != photo.suffix.lower():
        raise InputError(f"{output}: the output keeps the photo's format; expected the suffix {photo.suffix}")
    picture, hole = read_photo(photo), read_mask(mask)
    check_hole(str(mask), hole, str(photo), picture.rgb)
    filled = fill_hole(picture, hole, config, device)
    write_photo(output, picture, filled.image, hole, alpha=filled.alpha)


def explain_photo(
    photo: str | Path, remover: "DigitRemover", output: str | Path, boxes: str | Path | None = None
) -> None:
    """Draw how the digits of one photo are found and removed, as one figure; the photo itself is not written.

    Parameters
    ----------
    photo : str or Path
    remover : DigitRemover
    output : str or Path
        The figure, a .png, .pdf or .svg file.
    boxes : str or Path, optional
        As in `JobConfig`.

    Raises
    ------
    InputError
        When a file is unreadable, the photo has no digits, or `output` is an input or of another kind.
    """
    from svhn.figures import check_figure, draw_explanations, save_figure
    from svhn.jobs.digit_sources import clip_to_photo, digit_source
    from svhn.photos import read_photo
    from svhn.torch_inpaint.removal import explain_removal

    photo, output = Path(photo), Path(output)
    check_figure(output, photo)
    picture = read_photo(photo)
    where = digit_source(JobConfig(boxes=str(boxes) if boxes else None))(Task(str(photo), ""), picture)
    if not where.digits:
        raise InputError(f"{photo}: no digits listed or found here, so there is nothing to explain; give --boxes")
    digits = clip_to_photo(str(photo), where.digits, picture.rgb)
    figure = draw_explanations(explain_removal(remover, picture.rgb, digits), printable(photo.name))
    save_figure(output, figure)


def check_hole(mask: str, hole: "np.ndarray", photo: str, rgb: "np.ndarray") -> None:
    """Raise InputError when a mask (H, W) bool has another size than its photo, or leaves nothing to learn from."""
    if hole.shape != rgb.shape[:2]:
        raise InputError(
            f"{mask}: this mask has {hole.shape[1]} x {hole.shape[0]} pixels, expected those of {photo}, "
            f"{rgb.shape[1]} x {rgb.shape[0]}"
        )
    if hole.all():
        raise InputError(f"{mask}: white everywhere, expected some black, which is kept and learned from")

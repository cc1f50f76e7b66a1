"""Pictures of digits named by any classifier: what `svhn classify` shows, as data, as a table, and as JSON."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from svhn.boxes import Box
from svhn.classifiers.loading import crops_for, load_classifier
from svhn.data import cut_digits
from svhn.errors import InputError
from svhn.files import printable


@dataclass(frozen=True)
class NamedDigit:
    """What a classifier says of one digit.

    Attributes
    ----------
    box : Box or None
        Where it is in its picture; None for the whole picture.
    probabilities : tuple of float
        Of the digits 0 to 9.
    """

    box: Box | None
    probabilities: tuple[float, ...]

    @property
    def order(self) -> list[int]:
        """The digits, the most probable first."""
        return np.argsort(-np.array(self.probabilities), kind="stable").tolist()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: label, confidence, box, probabilities."""
        label = self.order[0]
        box = self.box.as_list() if self.box else None
        return {
            "label": label,
            "confidence": self.probabilities[label],
            "box": box,
            "probabilities": list(self.probabilities),
        }


@dataclass(frozen=True)
class NamedPicture:
    """A picture with its digits, or with why there are none."""

    image: str
    digits: tuple[NamedDigit, ...] = ()
    error: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: image and digits, or image and error."""
        if self.error:
            return {"image": self.image, "error": self.error}
        return {"image": self.image, "digits": [digit.to_dict() for digit in self.digits]}


def classify_pictures(
    images: Iterable[str | Path], model: str | Path, boxes: str | Path | None = None, crops: str | None = None
) -> list[NamedPicture]:
    """Name the digits of pictures.

    Parameters
    ----------
    images : iterable of str or Path
        Pictures of one digit each, or photos with boxes; one that cannot be read does not stop the others.
    model : str or Path
        As for `svhn.classifiers.load_classifier`.
    boxes : str or Path, optional
        As in `svhn.data.cut_digits`.
    crops : str, optional
        How the digits are cut, one of `svhn.data.CROPS`; by default as the model learned them.

    Raises
    ------
    InputError
        When the model cannot be used.
    """
    classify = load_classifier(model)
    crops = crops_for(model, crops)

    def name(image: str | Path) -> NamedPicture:
        try:
            cut, places = cut_digits(image, boxes, crops)
        except InputError as error:
            return NamedPicture(str(image), error=str(error))
        rows: Sequence[list[float]] = classify(cut).tolist()
        digits = zip(places or (None,), map(tuple, rows), strict=True)
        return NamedPicture(str(image), tuple(NamedDigit(*digit) for digit in digits))

    return [name(image) for image in images]


def format_pictures(pictures: Sequence[NamedPicture]) -> str:
    """Return a table with a line for each digit: image, box, the most probable digit, and the second one."""
    width = max([len("image"), *(len(printable(picture.image)) for picture in pictures)])
    lines = [f"{'image':<{width}}  {'digit':>5}  {'confidence':>10}  {'second':<10}  {'box':>15}"]
    for picture in pictures:
        if picture.error:
            lines.append(f"{printable(picture.image):<{width}}  error: {printable(picture.error)}")
        lines += [f"{printable(picture.image):<{width}}  {_columns(digit)}" for digit in picture.digits]
    return "\n".join(lines)


def pictures_as_json(pictures: Sequence[NamedPicture]) -> str:
    """Return the pictures as a JSON list."""
    return json.dumps([picture.to_dict() for picture in pictures], indent=2)


def _columns(digit: NamedDigit) -> str:
    first, second = digit.order[:2]
    place = "whole picture" if digit.box is None else ",".join(map(str, dataclasses.astuple(digit.box)))
    shares = digit.probabilities
    return f"{first:>5}  {shares[first]:>10.1%}  {f'{second} ({shares[second]:.1%})':<10}  {place:>15}"

"""Settings of the finder; importable without OpenCV."""

import importlib.util
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from svhn.settings import Settings, setting

DEFAULT_FINDER = "finder"
TEXT_READERS = ("auto", "ocr", "none")
NO_READER = "no text reader is installed: larger photos are searched less surely (pip install 'svhn[ocr]')"
READER_PACKAGES = ("rapidocr", "onnxruntime")


def text_reader_setting() -> Any:
    """Return the field that asks for a text reader: of `FinderConfig`, and of settings that make one."""
    return setting(
        "auto",
        choices=TEXT_READERS,
        help="Second opinion on larger photos; auto: where it is installed (pip install 'svhn[ocr]').",
    )


@dataclass(frozen=True)
class View:
    """What a refiner sees of a place.

    Attributes
    ----------
    file : str
        Name of its network.
    size : int
        Side of a crop in pixels.
    context : float
        Side of what a crop shows, in units of the larger side of the box.
    """

    file: str
    size: int
    context: float


# The digit alone, and the digit among its neighbours, in about the same resolution.
VIEWS = {"close": View("refiner.onnx", 40, 1.5), "wide": View("wide-refiner.onnx", 64, 2.4)}


@dataclass(frozen=True)
class FinderConfig(Settings):
    """How a photo is searched.

    Attributes
    ----------
    min_confidence : float
        Least presence, 0 to 1, of the surest digit of a number; with it the whole number is found, else none of it.
    member : float
        Least presence of its other digits, where `min_confidence` is not lower.
    text_reader : str
        "ocr" for a general text reader as a second opinion, "none" for none, "auto" for one where it is installed.
    read_above : int
        Photos with fewer pixels show a number and little else: low scores count, and the reader is only asked to read
        numbers again that the networks are unsure of.
    proposal, doubtful : float
        Least presence, to the first network, of a place that the close refiner is asked about, and, to both, of one
        that the wide refiner is asked about.
    labels_before, boxes_before : (close, wide)
        Weight of what was said before a refiner in naming a digit and in placing its box; the rest is the refiner's.
    digit_height : (lowest, highest)
        Digits of other heights, in pixels of their level of the pyramid, are rejected.
    smallest : float
        Least height on the finest level. Digits of 10 pixels as people draw them are seen as 8 to 9.
    largest_scale : float
        Scale of the finest level for small photos; levels are a factor of two apart.
    enlarge_below : int
        Photos with more pixels than this are not enlarged.
    tile : int
        Side in pixels of the pieces in which a level is searched, which bounds the memory.
    overlap : int
        How far neighbouring pieces reach into each other; more than the highest digit.
    whole_below : int
        Pictures with more pixels are searched in places only, where a text reader says where writing is.
    window, most_windows : int
        Side of such a place in pixels, an odd number of blocks and two rims, and how many of a picture are looked at.
    margin : int
        Pixels that are added around a level by repeating its edge.
    read_heights : tuple of float
        Whether a removed digit can still be read is looked at with digits of about these heights, as they are and
        inverted.
    look_range : (lowest, highest)
        Digits of other heights, in pixels of a look, are rejected then.
    same, inside : float
        Of two boxes with more than this intersection over union, or over the smaller one, one is dropped.
    equal : float
        Boxes with more than this intersection over union are averaged, and so are their labels.
    slack : ((scale, power), (scale, power))
        Of heights and widths: `scale` times the digit's share of its photo's height to the power of -`power` is how
        much larger than the networks say a box is drawn, see `svhn.finder.digits.as_drawn`.
    least_share : float
        Digits with a smaller share of their photo's height count as if they had this one.
    """

    min_confidence: float = setting(0.5, above=0, below=1, help="Least certainty that there is a number.")
    member: float = setting(0.5, above=0, below=1)
    text_reader: str = text_reader_setting()
    read_above: int = setting(40_000, least=0)
    proposal: float = setting(0.15, above=0, below=1)
    doubtful: float = setting(0.05, above=0, below=1)
    labels_before: tuple[float, float] = (0.2, 0.85)
    boxes_before: tuple[float, float] = (0.0, 0.75)
    digit_height: tuple[float, float] = (20.0, 48.0)
    smallest: float = setting(8.0, above=0)
    largest_scale: float = setting(2.0, above=0)
    enlarge_below: int = setting(25_000, least=0)
    tile: int = setting(640, least=1)
    overlap: int = setting(96, least=0)
    whole_below: int = setting(1_500_000, least=1)
    window: int = setting(288, least=96)
    most_windows: int = setting(12, least=0)
    margin: int = setting(8, least=0)
    read_heights: tuple[float, ...] = (22.0, 28.0, 36.0)
    look_range: tuple[float, float] = (12.0, 50.0)
    same: float = setting(0.4, least=0, most=1)
    inside: float = setting(0.75, least=0, most=1)
    equal: float = setting(0.6, least=0, most=1)
    slack: tuple[tuple[float, float], tuple[float, float]] = ((0.995, 0.097), (0.879, 0.143))
    least_share: float = setting(0.15, least=0, most=1)

    @property
    def least(self) -> float:
        """Least presence of any digit."""
        return min(self.min_confidence, self.member)


def advice_on_reader(name: str) -> str:
    """Return what to say where the text reader that `name` would take is not installed, else ""."""
    return NO_READER if name == "auto" and not reader_version() else ""


def reader_version() -> str:
    """Return name and version of the text reader that is installed, for example "rapidocr 3.10.0", or ""."""
    if any(importlib.util.find_spec(package) is None for package in READER_PACKAGES):
        return ""
    return f"rapidocr {metadata.version('rapidocr')}"

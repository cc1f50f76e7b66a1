"""What the channels of the finder's and the refiners' answers mean: shared by networks, losses and decoders."""

from typing import NamedTuple

from svhn.alphabet import NUM_CLASSES


class AnswerLayout(NamedTuple):
    """The channels of an answer, and the units of its boxes.

    The finder answers once per cell of a grid, a refiner once per crop.

    Attributes
    ----------
    presence : int
        Logit of a digit being there.
    labels : slice
        A logit for each class.
    box, centre, size : slice
        All four numbers of the box; its centre (x, y); logarithms of its (width, height).
    channels : int
    stride, step : int
        Of the finder: pixels per cell, and what the sides of its input are multiples of.
    centre_unit, size_unit : float
        Of the finder, in pixels: a centre is relative to its cell's middle, in the former; sizes are in the latter. For
        a refiner both are the side of what its crop shows, and the centre is relative to the crop's.
    log_sizes, refined_log_sizes : (lowest, highest)
        To which the logarithms of sizes are clipped, of the finder and of the refiners.
    """

    presence: int = 0
    labels: slice = slice(1, 1 + NUM_CLASSES)
    box: slice = slice(1 + NUM_CLASSES, 5 + NUM_CLASSES)
    centre: slice = slice(1 + NUM_CLASSES, 3 + NUM_CLASSES)
    size: slice = slice(3 + NUM_CLASSES, 5 + NUM_CLASSES)
    channels: int = 5 + NUM_CLASSES
    stride: int = 4
    step: int = 16
    centre_unit: float = 8.0
    size_unit: float = 16.0
    log_sizes: tuple[float, float] = (-3.0, 3.0)
    refined_log_sizes: tuple[float, float] = (-5.0, 1.0)


LAYOUT = AnswerLayout()

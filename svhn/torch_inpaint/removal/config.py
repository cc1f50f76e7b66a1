"""Settings of the removal; importable without PyTorch."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from svhn.errors import InputError
from svhn.registry import Registry

DEFAULT_FINISHER = "torch-finisher"
DEFAULT_SEGMENTER = "torch-segmenter"
# What the entries must have is said by `FillMethod` and `KeyPixelMethod` of the module that holds them.
_METHODS = "svhn.torch_inpaint.removal.methods"
FILLS: Registry[Any] = Registry(
    "fills", {"finished": f"{_METHODS}:FINISHED", "steered": f"{_METHODS}:STEERED", "grnn-seed": f"{_METHODS}:SEED"}
)
KEY_PIXELS: Registry[Any] = Registry(
    "key pixels", {"strokes": f"{_METHODS}:STROKES", "evidence": f"{_METHODS}:EVIDENCE"}
)


def _check_method(what: str, method: str, known: Collection[str]) -> None:
    if method not in known:
        raise InputError(f"{what}: unknown method {method!r}; expected one of {', '.join(known)}")


@dataclass(frozen=True)
class KeyPixelConfig:
    """How background is told from digits; lengths are fractions of the digits' height.

    Attributes
    ----------
    method : str
        "strokes", by a network that learned from rendered numbers what strokes look like; or "evidence", by how much
        more common a kind of pixel is inside the boxes than outside, which nobody taught.
    segmenter : str
        That network: a checkpoint or run of `train-segmenter`, or the name of a shipped one.
    box_margin, stroke_margin : float
        A digit is looked for in its box and this far around it (at least two pixels); with "strokes" as far as the
        latter, since they can be told from other things there.
    maps_weight : float
        Weight of the feature maps' mean and std beside the colours.
    stroke, background : float
        With "strokes": pixels that are more likely strokes than this are masked, and those less likely than that are
        key pixels, also where the mask's reach covers them.
    island : float
        With "strokes": background that is connected to less than this, in squares of the digits' height, is not
        believed. Inside wide strokes there may seem to be some.
    stroke_reach : float
        With "strokes": the mask reaches this far beyond them (at least one pixel).
    evidence : float
        With "evidence": a pixel is ink when its kind is so much more common inside the boxes than just outside:
        p / (p + q), 0.5 to 1.
    halo_contrast : float
        With "evidence": what differs from the local background by this part of the strokes' contrast still belongs to
        the digit.
    reach : float
        With "evidence": the mask reaches this far beyond strokes and halo (at least two pixels).
    least_share, most_share : float
        A mask that covers less of a box than this, or with "evidence" more than that, is not believed; the whole box
        is taken instead.
    """

    method: str = "strokes"
    segmenter: str = DEFAULT_SEGMENTER
    box_margin: float = 0.08
    stroke_margin: float = 0.25
    maps_weight: float = 0.5
    stroke: float = 0.6
    background: float = 0.6
    island: float = 0.02
    stroke_reach: float = 0.04
    evidence: float = 0.667
    halo_contrast: float = 0.2
    reach: float = 0.08
    least_share: float = 0.05
    most_share: float = 0.9

    def __post_init__(self):
        _check_method("key_pixels", self.method, KEY_PIXELS)


@dataclass(frozen=True)
class FillConfig:
    """How the GRNN paints.

    Attributes
    ----------
    method : str
        "steered", the GRNN, locally linear with kernels stretched along edges; "finished", the same with a small
        network that finishes its answer; or "grnn-seed", the reference's network, for comparison, of which only
        `grain` is set here (see SeedConfig for the others).
    sigma_per_distance : float
        Kernel bandwidth as a fraction of the distance to the nearest key pixel.
    least_sigma : float
        Pixels.
    ridge : float
        Pull of the locally linear fit towards a locally constant one.
    steering : int
        Rounds in which kernels are stretched along the edges of the last fill; 0 for round kernels.
    most_stretch : float
        Largest ratio of a kernel's axes.
    reach : float
        Key pixels are used that lie up to this much farther than the nearest ones; pixels.
    patterns : int
        At most this many key pixels, the nearest ones, serve a tile of the mask.
    settle : float
        Width (sigma) of the Gaussian that smooths a filled pixel, as a fraction of its distance to the nearest key
        pixel. Far inside a hole the kernels know little, and what they make up, different in each tile, would
        show; 0 for none.
    finisher : str
        That small network: a checkpoint or run of `train-finisher`, or the name of a shipped one.
    grain : float
        Fine detail added to the fill, as a fraction of that of its surroundings, with the traces of JPEG where the
        photo has any; harder to tell from background. 0 for the smooth fill, which is closer to the truth.
    """

    method: str = "finished"
    sigma_per_distance: float = 0.5
    least_sigma: float = 1.0
    ridge: float = 0.05
    steering: int = 1
    most_stretch: float = 8.0
    reach: float = 6.0
    patterns: int = 192
    settle: float = 0.2
    finisher: str = DEFAULT_FINISHER
    grain: float = 0.75

    def __post_init__(self):
        _check_method("fill", self.method, FILLS)


@dataclass(frozen=True)
class RemovalConfig:
    """How `DigitRemover` works.

    Attributes
    ----------
    context : float
        Margin of background around a number, as a fraction of its digits' height (at least 8 pixels).
    work_height : int
        Larger digits are found and filled at a scale at which they are this many pixels tall.
    work_thickness : int
        Thicker holes of `inpaint` are filled at a scale at which they are this many pixels thick.
    legible : float
        A digit counts as legible when the classifier still gives it at least this probability.
    rounds : int
        How often a legible number's mask may be widened; the last time to its whole boxes.
    """

    context: float = 0.5
    work_height: int = 48
    work_thickness: int = 32
    legible: float = 0.5
    rounds: int = 2
    key_pixels: KeyPixelConfig = field(default_factory=KeyPixelConfig)
    fill: FillConfig = field(default_factory=FillConfig)


@dataclass(frozen=True)
class SeedConfig:
    """How the reference project's GRNN paints.

    Attributes
    ----------
    sigma : float
        Kernel bandwidth in pixels.
    every : int
        Every so many key pixels, in raster order, one is a pattern node.
    learning_rate : float
        Of Adagrad, for values scaled to 0..1.
    epochs : int
        At most, on all key pixels at once.
    tolerance : float
        Training stops at a mean square error below this, for values scaled to 0..1.
    rounds : int
        Rings of unknown pixels, each beside the known ones, that are predicted and then learned from.
    round_epochs : int
        At most, after each of them.
    """

    sigma: float = 1.8
    every: int = 3
    learning_rate: float = 0.1
    epochs: int = 2000
    tolerance: float = 5e-5
    rounds: int = 30
    round_epochs: int = 20

"""Settings of the removal; importable without PyTorch."""

from dataclasses import dataclass, field
from typing import Any

from svhn.registry import Registry
from svhn.settings import Settings, setting

DEFAULT_FINISHER = "torch-finisher"
DEFAULT_SEGMENTER = "torch-segmenter"
# What the entries must have is said by `FillMethod` and `KeyPixelMethod` of the module that holds them.
_METHODS = "svhn.torch_inpaint.removal.methods"
FILLS: Registry[Any] = Registry(
    "fills",
    {
        "patches": f"{_METHODS}:PATCHES",
        "finished": f"{_METHODS}:FINISHED",
        "steered": f"{_METHODS}:STEERED",
        "grnn-seed": f"{_METHODS}:SEED",
    },
)
KEY_PIXELS: Registry[Any] = Registry(
    "key pixels", {"strokes": f"{_METHODS}:STROKES", "evidence": f"{_METHODS}:EVIDENCE"}
)


@dataclass(frozen=True)
class KeyPixelConfig(Settings):
    """How background is told from digits; lengths are fractions of the digits' height.

    Attributes
    ----------
    method : str
        "strokes", by a network that learned from rendered numbers what strokes look like; or "evidence", by how much
        more common a kind of pixel is inside the boxes than outside, unsupervised.
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
        With "strokes": background that is connected to less than this, in squares of the digits' height, is
        rejected. Inside wide strokes there may seem to be some.
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
        A mask that covers less of a box than this, or with "evidence" more than that, is rejected; the whole box is
        taken instead.
    """

    method: str = setting(
        "strokes",
        choices=KEY_PIXELS,
        expert=True,
        help="How background is told from digits: by a network that knows what strokes look like, or by colours and "
        "feature maps alone, unsupervised.",
    )
    segmenter: str = setting(
        DEFAULT_SEGMENTER, expert=True, help="Network that knows strokes: .pt file, or run of train-segmenter."
    )
    box_margin: float = setting(0.08, least=0)
    stroke_margin: float = setting(0.25, least=0)
    maps_weight: float = setting(0.5, least=0)
    stroke: float = setting(0.6, least=0, most=1)
    background: float = setting(0.6, least=0, most=1)
    island: float = setting(0.02, least=0)
    stroke_reach: float = setting(0.04, least=0)
    evidence: float = setting(0.667, least=0.5, most=1)
    halo_contrast: float = setting(0.2, least=0)
    reach: float = setting(0.08, least=0)
    least_share: float = setting(0.05, least=0, most=1)
    most_share: float = setting(0.9, least=0, most=1)


@dataclass(frozen=True)
class SeedConfig(Settings):
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

    sigma: float = setting(
        1.8, above=0, expert=True, help="With --fill grnn-seed: bandwidth of the kernels in pixels; larger is smoother."
    )
    every: int = setting(
        3,
        least=1,
        expert=True,
        help="With --fill grnn-seed: every so many key pixels one is a node; 1 for all of them.",
    )
    learning_rate: float = setting(0.1, above=0)
    epochs: int = setting(2000, least=0)
    tolerance: float = setting(5e-5, least=0)
    rounds: int = setting(30, least=0)
    round_epochs: int = setting(20, least=0)


@dataclass(frozen=True)
class FillConfig(Settings):
    """How the GRNN paints.

    Attributes
    ----------
    method : str
        "steered", the GRNN, locally linear with kernels stretched along edges; "finished", the same with a small
        network that finishes its answer; "patches", the same, and what had to be filled at a smaller scale is
        repainted with patches of its surroundings; or "grnn-seed", the reference's network, for comparison, of
        which only `grain` and `reference` are set here.
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
        photo has any; harder to tell from background. 0 for the smooth fill, which is closer to the truth. Patches
        bring their own.
    reference : SeedConfig
        Of "grnn-seed".
    """

    method: str = setting(
        "patches",
        choices=FILLS,
        help="How the digits are painted over: by the GRNN, steered along edges, by a network that finishes it, and "
        "large ones with patches of their surroundings; without the patches; by the GRNN alone; or by the reference's, "
        "slow and for comparison.",
    )
    sigma_per_distance: float = setting(0.5, above=0)
    least_sigma: float = setting(1.0, above=0)
    ridge: float = setting(0.05, least=0)
    steering: int = setting(1, least=0)
    most_stretch: float = setting(8.0, least=1)
    reach: float = setting(6.0, least=0)
    patterns: int = setting(192, least=1)
    settle: float = setting(0.2, least=0)
    finisher: str = setting(
        DEFAULT_FINISHER,
        expert=True,
        help="Network that finishes the fill: .pt file, or run of train-finisher.",
    )
    grain: float = setting(
        0.75,
        least=0,
        most=1,
        help="Share of the surroundings' fine texture in the fill; 0 is closest to the truth, but looks smooth.",
    )
    reference: SeedConfig = field(default_factory=SeedConfig)


@dataclass(frozen=True)
class RemovalConfig(Settings):
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

    context: float = setting(0.5, least=0)
    work_height: int = setting(48, least=1)
    work_thickness: int = setting(32, least=1)
    legible: float = setting(0.5, least=0, most=1)
    rounds: int = setting(2, least=0)
    key_pixels: KeyPixelConfig = field(default_factory=KeyPixelConfig)
    fill: FillConfig = field(default_factory=FillConfig)

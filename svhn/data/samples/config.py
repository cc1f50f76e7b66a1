"""What the finder's training samples look like."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SampleConfig:
    """What samples look like.

    Attributes
    ----------
    size : int
        Side of the square canvas in pixels.
    digit_height : (lowest, highest)
        Height of the digits in pixels, log-uniform between the two.
    close : float
        Share of pieces that show digits larger than that; so that their strokes are not taken for digits.
    rendered, empty : float
        Shares of pieces from rendered photos and mostly without digits: scenes, words, parts of photos, photos in
        shreds. The rest comes from photos.
    plain, scene : float
        Shares of pieces with one colour, and with a scene without digits, where the photo ends; else its border is
        repeated.
    pieces : shares of canvases of one, two and four pieces
    inversion, recolour, blur, noise, compression, coarse, cutout : float
        Probability that a piece gets inverted, its channels permuted, blurred, noisy, compressed as JPEG, coarser,
        or has a small part covered.
    rotation, shear, log_stretch : float
        Largest turn in radians, slant, and stretch, either way. Never flips: a mirrored digit is another digit.
    least_visible : float
        A digit of which a smaller part is on the canvas is ignored, neither asked for nor forbidden.
    """

    size: int = 128
    digit_height: tuple[float, float] = (9.0, 50.0)
    close: float = 0.15
    rendered: float = 0.12
    empty: float = 0.28
    plain: float = 0.2
    scene: float = 0.2
    pieces: tuple[float, float, float] = (0.2, 0.3, 0.5)
    inversion: float = 0.3
    recolour: float = 0.3
    blur: float = 0.3
    noise: float = 0.3
    compression: float = 0.2
    coarse: float = 0.15
    cutout: float = 0.3
    rotation: float = 0.2
    shear: float = 0.2
    log_stretch: float = 0.15
    least_visible: float = 0.7


DEFAULT_SAMPLES = SampleConfig()

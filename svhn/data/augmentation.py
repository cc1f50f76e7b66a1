"""How far training pictures are changed at random; every framework applies the same ranges."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """Largest random changes of a training crop of 32 x 32 pixels, either way.

    There are no flips: a mirrored digit is another digit, or none.

    Attributes
    ----------
    rotation : float
        Radians.
    shear : float
        Horizontal shift per row.
    log_scale : float
        Natural logarithm of the scale, drawn for each axis.
    shift : float
        Fraction of the crop's side.
    log_contrast : float
        Natural logarithm of the contrast.
    brightness : float
        Grey levels of 255.
    cutout : float
        Side of the covered square as a fraction of the crop's side.
    blur : float
        Weight of a 3 x 3 mean in the picture, up to this; negative weights, to half of this, sharpen.
    cutout_chance, inversion_chance, blur_chance : float
        Probability, 0 to 1.
    colour_chance : float
        Probability that the colour channels change places, or are mixed to gray in another way.
    """

    rotation: float = 0.26
    shear: float = 0.25
    log_scale: float = 0.18
    shift: float = 0.09
    log_contrast: float = 0.5
    brightness: float = 40.0
    cutout: float = 0.25
    cutout_chance: float = 0.5
    inversion_chance: float = 0.5
    blur: float = 0.9
    blur_chance: float = 0.5
    colour_chance: float = 0.5


AUGMENTATION = Augmentation()

"""What rendered photos look like."""

from dataclasses import dataclass

from svhn.data.render.glyphs import BRUSH, TYPEFACES
from svhn.data.render.plates import LEAST_MARGIN
from svhn.errors import InputError

LAYOUT_SHARES = {"straight": 0.9, "slope": 0.08, "vertical": 0.02}
PLATE_SHARES = {"none": 0.42, "enamel": 0.34, "brushed": 0.08, "ceramic": 0.06, "painted": 0.1}
SURFACE_SHARES = {
    "plaster": 0.4,
    "concrete": 0.16,
    "brick": 0.16,
    "tiles": 0.08,
    "boards": 0.12,
    "metal": 0.08,
}
POLARITIES = ("dark", "light")
# Of a plate's room around its number, in digit heights.
MOST_MARGIN = 0.4
# In pixels.
LEAST_HEIGHT = 4
LEAST_SIDE = 16


@dataclass(frozen=True)
class SyntheticSettings:
    """What photos look like; every field that is a tuple of names is a choice to draw from.

    Attributes
    ----------
    size : (width, height) in pixels, or None for a photo cut about its number as in SVHN
    digit_height : (lowest, highest) height of the digits in pixels
    length_shares : share of numbers of 1, 2, ... digits
    texts : the numbers to write, from left to right; None for one random number. Letters are drawn, too, not boxed
    surfaces, plates, layouts : names from SURFACE_SHARES, PLATE_SHARES, LAYOUT_SHARES
    plate_margin : least room between a number and its plate's edge, in digits' heights
    typefaces : names from svhn.data.render.glyphs.TYPEFACES
    polarity : "dark" or "light" digits, or None for both
    degradation : 0 for a sharp, clean photo up to 1 for all that SVHN's photos suffer

    Raises
    ------
    InputError
        When a field cannot be used.
    """

    size: tuple[int, int] | None = None
    digit_height: tuple[float, float] = (12.0, 97.0)
    length_shares: tuple[float, ...] = (0.15, 0.54, 0.26, 0.045, 0.005)
    texts: tuple[str, ...] | None = None
    surfaces: tuple[str, ...] = tuple(SURFACE_SHARES)
    plates: tuple[str, ...] = tuple(PLATE_SHARES)
    layouts: tuple[str, ...] = tuple(LAYOUT_SHARES)
    plate_margin: float = LEAST_MARGIN
    typefaces: tuple[str, ...] = TYPEFACES
    polarity: str | None = None
    degradation: float = 1.0

    def __post_init__(self) -> None:
        self._check_choices()
        self._check_texts()
        self._check_sizes()

    def _check_choices(self) -> None:
        known = {"surfaces": SURFACE_SHARES, "plates": PLATE_SHARES, "layouts": LAYOUT_SHARES, "typefaces": TYPEFACES}
        for field, names in known.items():
            given = getattr(self, field)
            if not given or set(given) - set(names):
                raise InputError(f"{field}: expected names from {sorted(names)}, received {given}")
        if self.polarity not in (None, *POLARITIES):
            raise InputError(f"polarity: expected 'dark', 'light' or None, received {self.polarity!r}")

    def _check_texts(self) -> None:
        texts = self.texts or ()
        if self.texts is not None and not all(text.isalnum() and text.isascii() for text in texts):
            raise InputError(f"texts: expected digits 0..9 or letters A..Z, a..z, received {self.texts}")
        if not (set(self.typefaces) - {BRUSH} or all(text.isdecimal() for text in texts)):
            raise InputError(f"typefaces: expected one that has letters for {self.texts}, received {self.typefaces}")

    def _check_sizes(self) -> None:
        if not LEAST_HEIGHT <= self.digit_height[0] <= self.digit_height[1]:
            raise InputError(
                f"digit_height: expected {LEAST_HEIGHT} <= lowest <= highest, received {self.digit_height}"
            )
        if not 0 <= self.plate_margin <= MOST_MARGIN:
            raise InputError(f"plate_margin: expected 0 to {MOST_MARGIN}, received {self.plate_margin}")
        if self.size is not None and min(self.size) < LEAST_SIDE:
            raise InputError(f"size: expected at least {LEAST_SIDE} x {LEAST_SIDE} pixels, received {self.size}")


PHOTOS = SyntheticSettings()

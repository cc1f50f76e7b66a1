"""Rendered house-number photos whose background is known: for samples, tests, and training without SVHN.

The scene is drawn first (wall, plate, light), then the digits are laid over it, and one camera with one draw
of blur, noise and compression takes both: `clean` is what `photo` would have been without the number.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox
from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide
from svhn.data.render import textures
from svhn.data.render.camera import Camera
from svhn.data.render.glyphs import BRUSH, TYPEFACES, draw_digits, frame_width
from svhn.data.render.plates import LEAST_MARGIN, make_plate
from svhn.data.render.strips import STRIPS, StripSettings, draw_strip
from svhn.data.render.textures import blend, clouds, luminance, pick_colour, relief, shifted
from svhn.errors import InputError

# Digits 0..9 in SVHN's train split.
SVHN_LABEL_SHARES = np.array([4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659]) / 73257
LAYOUT_SHARES = {"straight": 0.9, "slope": 0.08, "vertical": 0.02}
PLATE_SHARES = {"none": 0.42, "enamel": 0.34, "brushed": 0.08, "ceramic": 0.06, "painted": 0.1}
MOST_MARGIN = 0.4
SURFACE_SHARES = {
    "plaster": 0.4,
    "concrete": 0.16,
    "brick": 0.16,
    "tiles": 0.08,
    "boards": 0.12,
    "metal": 0.08,
}

DARK_INKS = np.array([(24, 24, 28), (32, 40, 110), (66, 44, 30), (112, 28, 30), (28, 62, 48), (80, 80, 84)], np.float32)
LIGHT_INKS = np.array([(246, 246, 244), (240, 242, 246), (232, 230, 220), (206, 208, 212), (210, 180, 112)], np.float32)


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

    def __post_init__(self):
        choices = (
            *(("surfaces", SURFACE_SHARES), ("plates", PLATE_SHARES)),
            *(("layouts", LAYOUT_SHARES), ("typefaces", TYPEFACES)),
        )
        for field, known in choices:
            unknown = set(getattr(self, field)) - set(known)
            if unknown or not getattr(self, field):
                raise InputError(f"{field}: expected names from {sorted(known)}, received {getattr(self, field)}")
        if self.polarity not in (None, "dark", "light"):
            raise InputError(f"polarity: expected 'dark', 'light' or None, received {self.polarity!r}")
        if self.texts is not None and not all(text.isalnum() and text.isascii() for text in self.texts):
            raise InputError(f"texts: expected digits 0..9 or letters A..Z, a..z, received {self.texts}")
        if not (set(self.typefaces) - {BRUSH} or all(text.isdecimal() for text in self.texts or ())):
            raise InputError(f"typefaces: expected one that has letters for {self.texts}, received {self.typefaces}")
        if not 4 <= self.digit_height[0] <= self.digit_height[1]:
            raise InputError(f"digit_height: expected 4 <= lowest <= highest, received {self.digit_height}")
        if not 0 <= self.plate_margin <= MOST_MARGIN:
            raise InputError(f"plate_margin: expected 0 to {MOST_MARGIN}, received {self.plate_margin}")
        if self.size is not None and min(self.size) < 16:
            raise InputError(f"size: expected at least 16 x 16 pixels, received {self.size}")


@dataclass(frozen=True)
class SyntheticPhoto:
    """A rendered photo and what is known about it.

    Attributes
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    clean : ndarray (H, W, 3) uint8, RGB
        The same scene, light, blur and noise without the number; equal to `photo` outside `mask`.
    mask : ndarray (H, W) bool
        True where the two differ: the strokes with their halo, outline and shadow.
    digits : list of DigitBox
        Tight boxes with labels; numbers from left to right, the digits of each in reading order.
    """

    photo: np.ndarray
    clean: np.ndarray
    mask: np.ndarray
    digits: list[DigitBox]


def render_photo(seed: int | np.random.Generator, settings: SyntheticSettings = SyntheticSettings()) -> SyntheticPhoto:
    """Render one photo; the same integer seed and settings give the same bytes.

    Parameters
    ----------
    seed : int or numpy Generator
        A generator is advanced.
    settings : SyntheticSettings
    """
    rng = np.random.default_rng(seed)
    settings = replace(settings, polarity=settings.polarity or ("dark", "light")[rng.integers(2)])
    texts = settings.texts or ("".join(map(str, _draw_labels(rng, _draw_length(rng, settings.length_shares)))),)
    numbers = [_draw_number(rng, text, settings) for text in texts]
    size = settings.size or _photo_size(rng, numbers)
    numbers = _place(rng, numbers, size)
    clean = _draw_wall(rng, numbers, size, settings)
    clean = _draw_plates(rng, clean, numbers, settings.plate_margin)
    scene, digits = clean, []
    for number in numbers:
        covers = [_warp_glyph(number, i, size) for i in range(len(number.labels))]
        boxes = [_tight_box(cover) for cover in covers]
        pairs = zip(boxes, number.labels, strict=True)
        digits += [DigitBox(box, label) for box, label in pairs if isinstance(label, int)]
        scene = _paint(rng, scene, np.max(covers, axis=0), number)
    light = textures.daylight(rng, clean.shape[:2], numbers[0].height)
    return _photograph(rng, scene * light, clean * light, digits, numbers[0].height, settings.degradation)


def render_crops(
    count: int,
    seed: int | tuple[int, ...],
    size: int = CROP_SIZE,
    balanced: bool = True,
    settings: StripSettings = STRIPS,
    walls: np.ndarray | None = None,
    wide: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw strips with numbers and cut their digits by the rule of SVHN's Format 2.

    Parameters
    ----------
    count, seed, size : int
        Number of crops, random seed (or several), side of a crop in pixels.
    balanced : bool
        Equally many crops of every digit; otherwise digits are as frequent as in SVHN.
    settings : StripSettings
    walls : ndarray (N, h, w, 3) uint8, RGB, or None
        Real walls to draw on, see `svhn.data.render.walls`.
    wide : bool
        With what is around them, see `svhn.crops.crop_wide`; `size` has no meaning then.

    Returns
    -------
    crops : ndarray (count, size, size, 3) or (count, 48, 48, 3) uint8, RGB
    labels : ndarray (count,) int64, 0..9
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10) if balanced else _draw_labels(rng, count)
    side = WIDE_SIZE if wide else size
    crops = np.empty((count, side, side, 3), np.uint8)
    done = 0
    while done < count:
        number = labels[done : done + _draw_length(rng, settings.length_shares)]
        strip, boxes = draw_strip(rng, number.tolist(), settings, walls)
        for box in boxes:
            crops[done] = crop_wide(strip, box) if wide else crop_digit(strip, box, size)
            done += 1
    return crops, labels.astype(np.int64)


def _draw_length(rng: np.random.Generator, length_shares: tuple[float, ...]) -> int:
    shares = np.array(length_shares)
    return 1 + int(rng.choice(len(shares), p=shares / shares.sum()))


def _draw_labels(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice(10, count, p=SVHN_LABEL_SHARES)


def _choose(rng: np.random.Generator, names: tuple[str, ...], shares: dict[str, float]) -> str:
    weights = np.array([shares[name] for name in names])
    return str(rng.choice(names, p=weights / weights.sum()))


@dataclass(frozen=True)
class _Number:
    """One number before painting; its plane has the digit height as unit, the origin at its upper left."""

    labels: tuple[int | str, ...]
    glyphs: list[np.ndarray]
    glyph_height: int
    offsets: np.ndarray
    extent: tuple[float, float]
    height: float
    tilt: np.ndarray
    centre: tuple[float, float]
    plate: str
    light: bool
    ink: np.ndarray

    @property
    def to_photo(self) -> np.ndarray:
        """The homography (3, 3) from the plane to photo pixels."""
        grow = np.diag([self.height, self.height, 1.0])
        return _move(*self.centre) @ grow @ self.tilt @ _move(-self.extent[0] / 2, -self.extent[1] / 2)

    def reach(self) -> np.ndarray:
        """Return how far the number extends from its centre in pixels, (2,): columns, rows."""
        width, height = self.extent
        corners = np.array([[[0, 0], [width, 0], [0, height], [width, height]]])
        return np.abs(cv2.perspectiveTransform(corners, self.to_photo)[0] - self.centre).max(axis=0)


def _move(dx: float, dy: float) -> np.ndarray:
    return np.array([[1, 0, dx], [0, 1, dy], [0, 0, 1.0]])


def _draw_number(rng: np.random.Generator, text: str, settings: SyntheticSettings) -> _Number:
    low, high = np.log(settings.digit_height)
    height = float(np.exp(rng.triangular(low, max(low, 0.6 * low + 0.4 * high), high + 1e-6)))
    glyph_height = int(np.ceil(1.4 * height))
    labels = tuple(int(character) if character.isdecimal() else character for character in text)
    faces = settings.typefaces if text.isdecimal() else [name for name in settings.typefaces if name != BRUSH]
    glyphs = draw_digits(rng, labels, str(rng.choice(faces)), glyph_height)
    widths = np.array([glyph.shape[1] - 2 * frame_width(glyph_height) for glyph in glyphs]) / glyph_height
    layout = _choose(rng, settings.layouts, LAYOUT_SHARES)
    offsets = _lay_out(rng, widths, layout)
    plate = _choose(rng, settings.plates, PLATE_SHARES)
    light = settings.polarity == "light"
    return _Number(
        labels=labels,
        glyphs=glyphs,
        glyph_height=glyph_height,
        offsets=offsets,
        extent=((offsets[:, 0] + widths).max(), offsets[:, 1].max() + 1),
        height=height,
        tilt=_tilt(rng, len(labels)),
        centre=(0.0, 0.0),
        plate=plate,
        light=light,
        ink=pick_colour(rng, LIGHT_INKS if light else DARK_INKS),
    )


def _lay_out(rng: np.random.Generator, widths: np.ndarray, layout: str) -> np.ndarray:
    """Return the upper left corners (N, 2) of digits of the given widths; the smallest coordinates are 0."""
    gap = rng.uniform(0.03, 0.22) if rng.random() < 0.9 else rng.uniform(0.22, 0.5)
    if layout == "vertical":
        offsets = np.stack([(widths.max() - widths) / 2, np.arange(len(widths)) * (1.05 + gap)], 1)
    else:
        step = float(rng.choice([-1, 1])) * rng.uniform(0.1, 0.4) if layout == "slope" else 0.0
        across = np.concatenate([[0], np.cumsum(widths[:-1] + gap)])
        offsets = np.stack([across, step * np.arange(len(widths))], 1)
        offsets[:, 1] += rng.normal(0, 0.03, len(widths)) * (rng.random() < 0.3)
    return offsets - offsets.min(axis=0)


def _tilt(rng: np.random.Generator, length: int) -> np.ndarray:
    """Return rotation, shear and perspective of a number (3, 3) about its centre."""
    angle = np.radians(rng.normal(0, 3 if rng.random() < 0.85 else 10))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    across, down = rng.normal(0, 0.05), rng.normal(0, 0.05)
    shear = np.array([[rng.uniform(0.8, 1.0), across, 0], [down, 1, 0], [0, 0, 1]])
    perspective = np.eye(3)
    perspective[2, :2] = np.clip(rng.normal(0, 0.05, 2), -0.12, 0.12) / length
    return perspective @ shear @ turn


def _photo_size(rng: np.random.Generator, numbers: list[_Number]) -> tuple[int, int]:
    """Choose (width, height) about the numbers with the margins of SVHN's photos."""
    unit = numbers[0].height
    reach = np.max([number.reach() for number in numbers], axis=0)
    margin = unit * np.array([rng.triangular(0.5, 0.9, 2.2), rng.triangular(0.08, 0.16, 0.7)])
    width, height = 2 * (reach + margin) * (len(numbers), 1)
    return max(round(width), 20), max(round(height), 16)


def _place(rng: np.random.Generator, numbers: list[_Number], size: tuple[int, int]) -> list[_Number]:
    """Put each number at random into its own vertical part of the photo; shrink those that do not fit."""
    part = np.array([size[0] / len(numbers), size[1]])
    placed = []
    for i, number in enumerate(numbers):
        number = replace(number, height=number.height * min(1.0, (0.46 * part / number.reach()).min()))
        slack = part / 2 - number.reach() - 1
        shift = np.clip(rng.normal(0, 0.45, 2), -1, 1) * np.maximum(slack, 0)
        centre = part / 2 + (i * part[0], 0) + shift
        placed.append(replace(number, centre=(float(centre[0]), float(centre[1]))))
    return placed


def _draw_wall(
    rng: np.random.Generator, numbers: list[_Number], size: tuple[int, int], settings: SyntheticSettings
) -> np.ndarray:
    """Draw what is behind the plates, (H, W, 3) float32."""
    unit, bare = numbers[0].height, any(number.plate == "none" for number in numbers)
    surface = textures.SURFACES[_choose(rng, settings.surfaces, SURFACE_SHARES)]
    wall = surface(rng, size[::-1], unit, not numbers[0].light if bare else None)
    boxes = np.array([[*(n.centre - n.reach()), *(n.centre + n.reach())] for n in numbers])
    left, right, top, bottom = boxes[:, 0].min(), boxes[:, 2].max(), boxes[:, 1].min(), boxes[:, 3].max()
    if rng.random() < 0.3:
        wall = textures.add_neighbour(rng, wall, unit, (left, right))
    if rng.random() < 0.06:
        wall = textures.add_cable(rng, wall, unit, (top, bottom))
    return wall.astype(np.float32)


def _draw_plates(
    rng: np.random.Generator, scene: np.ndarray, numbers: list[_Number], least_margin: float
) -> np.ndarray:
    for number in numbers:
        if number.plate == "none":
            continue
        content = number.extent[0] * number.height, number.extent[1] * number.height
        patch, cover = make_plate(rng, number.plate, content, number.height, not number.light, number.ink, least_margin)
        shrink = np.diag([1 / number.height, 1 / number.height, 1])
        to_plane = _move(number.extent[0] / 2, number.extent[1] / 2) @ shrink
        to_photo = number.to_photo @ to_plane @ _move(-cover.shape[1] / 2, -cover.shape[0] / 2)
        size = scene.shape[1::-1]
        patch = cv2.warpPerspective(patch, to_photo, size, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpPerspective(cover, to_photo, size)
        if number.plate != "painted":
            shadow = _drop_shadow(rng, cover, 0.06 * number.height)
            scene = scene * (1 - shadow)[..., None]
        scene = blend(scene, patch, cover)
    return scene


def _drop_shadow(rng: np.random.Generator, cover: np.ndarray, distance: float) -> np.ndarray:
    dx, dy = rng.uniform((-1, 0.2), (1, 1.2)) * distance
    return rng.uniform(0.2, 0.6) * shifted(cover, dx, dy, rng.uniform(0.2, 0.8) * distance + 0.3)


def _warp_glyph(number: _Number, index: int, size: tuple[int, int]) -> np.ndarray:
    """Return the coverage (H, W) float32, 0..1, of one digit in the photo."""
    frame = frame_width(number.glyph_height)
    shrink = np.diag([1 / number.glyph_height, 1 / number.glyph_height, 1])
    to_photo = number.to_photo @ _move(*number.offsets[index]) @ shrink @ _move(-frame, -frame)
    glyph, ratio = number.glyphs[index], number.glyph_height / number.height
    if ratio > 1.6:
        glyph = cv2.GaussianBlur(glyph, (0, 0), 0.3 * ratio)  # else thin strokes fall between the pixels
    return cv2.warpPerspective(glyph, to_photo, size)


def _tight_box(cover: np.ndarray) -> Box:
    inked = cover > 0.3 * cover.max()
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _paint(rng: np.random.Generator, scene: np.ndarray, cover: np.ndarray, number: _Number) -> np.ndarray:
    """Lay a number over the scene: painted, raised, carved, outlined, worn or with a shadow."""
    unit, bare = number.height, number.plate == "none"
    if bare and rng.random() < 0.1 and not number.light:
        return _carve(rng, scene, cover, unit)
    ink = _contrasting(rng, number.ink, scene[cover > 0.5].mean(axis=0), number.light)
    fill = ink * (1 + rng.uniform(0, 0.07) * clouds(rng, cover.shape, unit))[..., None]
    if rng.random() < (0.35 if bare else 0.08):
        scene = scene * (1 - _drop_shadow(rng, cover, rng.uniform(0.03, 0.1) * unit))[..., None]
    elif bare:  # paint shows the grain of the wall
        fill = fill + 0.6 * (scene - cv2.GaussianBlur(scene, (0, 0), 0.2 * unit))
    if rng.random() < 0.07:
        wide = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.03, 0.06) * unit + 0.3)
        scene = blend(scene, (255 - ink) * rng.uniform(0.6, 1), np.clip(6 * wide - 0.3, 0, 1))
    if rng.random() < (0.3 if bare else 0.1):
        soft = cv2.GaussianBlur(cover, (0, 0), 0.03 * unit + 0.3)
        fill = fill * (1 + relief(soft, rng.uniform(0.1, 0.4)))[..., None]
    if rng.random() < 0.15:
        cover = cover * np.clip(rng.uniform(0.7, 1.1) + 0.25 * clouds(rng, cover.shape, 0.12 * unit), 0.25, 1)
    return blend(scene, fill, cover)


def _contrasting(rng: np.random.Generator, ink: np.ndarray, backing: np.ndarray, light: bool) -> np.ndarray:
    """Move `ink` away from the colour behind it until it can be read; now and then it only just can."""
    gap = (luminance(ink) - luminance(backing)) * (1 if light else -1)
    if gap < 80:
        ink = np.clip(ink + (80 - gap) * (1 if light else -1), 0, 255)
    return ink + rng.uniform(0.3, 0.6) * (backing - ink) if rng.random() < 0.1 else ink


def _carve(rng: np.random.Generator, scene: np.ndarray, cover: np.ndarray, unit: float) -> np.ndarray:
    """Cut the number into the wall: darker, with a dark upper left edge and a light lower right one."""
    soft = cv2.GaussianBlur(cover, (0, 0), 0.02 * unit + 0.4)
    return scene * (1 - rng.uniform(0.2, 0.45) * cover - relief(soft, rng.uniform(0.25, 0.6)))[..., None]


def _photograph(
    rng: np.random.Generator,
    scene: np.ndarray,
    clean_scene: np.ndarray,
    digits: list[DigitBox],
    unit: float,
    degradation: float,
) -> SyntheticPhoto:
    """Take both pictures with one camera, and keep the traces of the number near the number."""
    camera = Camera.draw(rng, scene.shape[:2], unit, degradation)
    photo, clean = camera.shoot(scene), camera.shoot(clean_scene)
    touched = (np.abs(scene - clean_scene).max(axis=2) > 1).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * camera.spread + 1, 2 * camera.spread + 1))
    # Differences that nobody can see are taken back: they would only fray the mask.
    visible = cv2.absdiff(photo, clean).max(axis=2) > 2
    mask = visible & (cv2.dilate(touched, disc) > 0)
    return SyntheticPhoto(np.where(mask[..., None], photo, clean), clean, mask, digits)

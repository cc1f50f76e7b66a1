"""Photos that the finder learns from: SVHN's, rendered ones, and scenes without a digit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from svhn.boxes import Box, DigitBox, clip_digits
from svhn.data.extra import read_boxes
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.data.render import SyntheticSettings, render_photo, textures
from svhn.data.splitting import VALIDATION_FRACTION, choose_validation
from svhn.photos import read_rgb

# Without those that a digit could be taken for.
LETTERS = "ABCDEFGHKLMNPRTUVWXYabcdefhkmnprtuvwxyz&#?%@€+*=()"
LETTER_FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "cmss10", "cmb10")
# Words that are rendered like numbers: at least one of the first, which nobody takes for a digit, between any others.
CLEAR_LETTERS, ALL_LETTERS = "ACDEFHKLMNPRTUVWXYaehkmnrtuvwx", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefhiklmnorstuvwxz"
# Least side in pixels of a digit-free part of a photo.
LEAST_STRIP = 12
RENDERED = SyntheticSettings(digit_height=(12.0, 60.0))
SURFACES = (
    *(textures.plaster, textures.concrete, textures.brick, textures.tiles),
    *(textures.boards, textures.metal, textures.leaves),
)


@dataclass(frozen=True)
class FinderPhoto:
    """A photo with all of its digits.

    Attributes
    ----------
    pixels : ndarray (H, W, 3) uint8, RGB
    boxes : ndarray (N, 4) float32
        Left, top, right, bottom.
    labels : ndarray (N,) int64
        0..9.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray, digits: Iterable[DigitBox] = ()) -> "FinderPhoto":
        digits = clip_digits(digits, pixels.shape[1], pixels.shape[0])
        boxes = np.array([digit.box.as_list() for digit in digits], np.float32).reshape(-1, 4)
        return cls(pixels, boxes, np.array([digit.label for digit in digits], np.int64))

    @property
    def digits(self) -> list[DigitBox]:
        """The digits in the order in which they were given."""
        pairs = zip(self.boxes, self.labels, strict=True)
        return [DigitBox(Box(*map(int, box)), int(label)) for box, label in pairs]


def read_labelled(folder: str | Path, split: str) -> dict[str, FinderPhoto]:
    """Read all photos of `folder`/`split` with their boxes, by file name."""
    folder = Path(folder) / split
    with DigitStruct(folder / DIGIT_STRUCT_FILE) as annotations:
        return {name: FinderPhoto.of(read_rgb(folder / name), annotations[name]) for name in annotations}


def read_listed(folder: Path, listed: str | Path | None) -> list[FinderPhoto]:
    """Read the photos of a folder with the digits that a CSV file lists there; none without folder or file."""
    if not folder.is_dir() or listed is None:
        return []
    digits: dict[str, list[DigitBox]] = {}
    for name, digit in read_boxes(Path(listed)):
        digits.setdefault(name, []).append(digit)
    return [FinderPhoto.of(read_rgb(folder / name), found) for name, found in digits.items()]


def split_validation(photos: dict[str, FinderPhoto], seed: int = 0) -> tuple[list[str], list[str]]:
    """Split the names of `photos` into training and validation, as `prepare` does for the same seed."""
    names = list(photos)
    owners = np.concatenate([np.full(len(photos[name].labels), i) for i, name in enumerate(names)])
    labels = np.concatenate([photos[name].labels for name in names])
    chosen = set(owners[choose_validation(labels, owners, VALIDATION_FRACTION, seed)].tolist())
    training = [name for i, name in enumerate(names) if i not in chosen]
    return training, [name for i, name in enumerate(names) if i in chosen]


def rendered_photo(rng: np.random.Generator) -> FinderPhoto:
    """Render a photo with one number, sometimes with two."""
    settings = RENDERED
    if rng.random() < 0.15:
        texts = tuple(str(rng.integers(1, 10 ** rng.integers(1, 4))) for _ in range(2))
        settings = replace(settings, digit_height=(12.0, 36.0), size=(200, 140), texts=texts)
    rendered = render_photo(rng, settings)
    return FinderPhoto.of(rendered.photo, rendered.digits)


def empty_front(rng: np.random.Generator) -> FinderPhoto:
    """Render a house front without its number."""
    return FinderPhoto.of(render_photo(rng, replace(RENDERED, size=(200, 160))).clean)


def lettered_photo(rng: np.random.Generator, beside_number: float = 0.4) -> FinderPhoto:
    """Render a photo with a word in place of a number or, with a chance of `beside_number`, beside one."""
    texts = (_draw_word(rng),)
    if rng.random() < beside_number:
        texts = tuple(rng.permutation([str(rng.integers(1, 10 ** rng.integers(1, 4))), *texts]).tolist())
    plain = tuple(name for name in RENDERED.layouts if name != "vertical")
    rendered = render_photo(rng, replace(RENDERED, texts=texts, layouts=plain, size=(220, 120)))
    return FinderPhoto.of(rendered.photo, rendered.digits)


def _draw_word(rng: np.random.Generator) -> str:
    """Draw a word with at least as many clear letters as others, among them ones that look like digits alone."""
    length = int(rng.integers(2, 10))
    letters = [*rng.choice(list(CLEAR_LETTERS), length - length // 2), *rng.choice(list(ALL_LETTERS), length // 2)]
    word = "".join(rng.permutation(letters).tolist())
    return (word.upper, word.lower, word.capitalize)[rng.integers(3)]()


def strips_beside(photo: FinderPhoto, least: int) -> list[Box]:
    """Return the strips beside, above and below a photo's digits, a tenth of their height away from them.

    Those with a side below `least` pixels are left out.
    """
    height, width = photo.pixels.shape[:2]
    low, high = photo.boxes[:, :2].min(axis=0), photo.boxes[:, 2:].max(axis=0)
    gap = 0.1 * float((photo.boxes[:, 3] - photo.boxes[:, 1]).max())
    left, top, right, bottom = (int(side) for side in (*(low - gap), *np.ceil(high + gap)))
    strips = ((0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height))
    return [Box(*strip) for strip in strips if strip[2] - strip[0] >= least <= strip[3] - strip[1]]


def beside(photo: FinderPhoto, rng: np.random.Generator) -> FinderPhoto | None:
    """Cut a strip without digits from a photo; None where there is no room for one."""
    strips = strips_beside(photo, LEAST_STRIP)
    return FinderPhoto.of(photo.pixels[strips[rng.integers(len(strips))].slices]) if strips else None


def largest_strip(photo: FinderPhoto, least: int = 24) -> FinderPhoto | None:
    """Return the largest strip without digits; None where all have a side below `least` pixels."""
    strip = max(strips_beside(photo, least), key=lambda box: box.area, default=None)
    return FinderPhoto.of(photo.pixels[strip.slices]) if strip else None


def shuffled(photo: FinderPhoto, rng: np.random.Generator) -> FinderPhoto:
    """Cut a photo into cells smaller than half a digit and mix them, turned, so that fragments of digits remain."""
    cell = max(3, int(rng.uniform(0.25, 0.45) * float((photo.boxes[:, 3] - photo.boxes[:, 1]).min())))
    rows, columns = (max(side // cell, 1) for side in photo.pixels.shape[:2])
    whole = cv2.resize(photo.pixels, (columns * cell, rows * cell), interpolation=cv2.INTER_AREA)
    cells = whole.reshape(rows, cell, columns, cell, 3).swapaxes(1, 2).reshape(-1, cell, cell, 3)
    cells = np.rot90(rng.permutation(cells), rng.integers(4), axes=(1, 2))
    mixed = cells.reshape(rows, columns, cell, cell, 3).swapaxes(1, 2).reshape(whole.shape)
    return FinderPhoto.of(np.ascontiguousarray(mixed))


def empty_photo(rng: np.random.Generator) -> FinderPhoto:
    """Draw a scene of 160 x 160 pixels without a digit: walls, windows, railings, letters."""
    shape, unit = (160, 160), float(np.exp(rng.uniform(np.log(10), np.log(60))))
    scene = SURFACES[rng.integers(len(SURFACES))](rng, shape, unit, None).astype(np.float32)
    for draw in (_draw_grid, _draw_bars, _draw_letters):
        if rng.random() < 0.4:
            scene = draw(rng, scene, unit)
    scene = scene * textures.daylight(rng, shape, unit)
    scene = cv2.GaussianBlur(scene, (0, 0), rng.uniform(0.3, 1.2)) + rng.normal(0, rng.uniform(0, 6), scene.shape)
    return FinderPhoto.of(np.clip(np.rint(scene), 0, 255).astype(np.uint8))


def _draw_grid(rng: np.random.Generator, scene: np.ndarray, unit: float) -> np.ndarray:
    """Draw a window: panes between bars."""
    left, top = rng.uniform(-20, 120, 2)
    columns, rows = rng.integers(1, 5, 2)
    width, height = unit * rng.uniform(0.5, 1.6, 2)
    frame, pane = rng.uniform(0, 255, (2, 3)).tolist()
    thick = 1 + rng.uniform(0.03, 0.2) * unit
    outer = (int(left), int(top)), (int(left + columns * width + thick), int(top + rows * height + thick))
    scene = cv2.rectangle(np.ascontiguousarray(scene), *outer, frame, -1)
    for column in range(columns):
        for row in range(rows):
            x, y = left + column * width + thick, top + row * height + thick
            corner = (int(x + width - thick), int(y + height - thick))
            scene = cv2.rectangle(scene, (int(x), int(y)), corner, pane, -1)
    return scene


def _draw_bars(rng: np.random.Generator, scene: np.ndarray, unit: float) -> np.ndarray:
    """Draw a railing: long parallel bars, upright or slanted."""
    colour, thick = rng.uniform(0, 255, 3).tolist(), int(1 + rng.uniform(0.05, 0.3) * unit)
    step, slant = unit * rng.uniform(0.3, 1.2), rng.uniform(-40, 40)
    top, bottom = sorted(rng.uniform(-60, 220, 2)) if rng.random() < 0.5 else (-10, 170)
    if bottom - top < 3 * unit:
        top, bottom = -10, 170
    scene = np.ascontiguousarray(scene)
    for x in np.arange(rng.uniform(-40, 100), 200, max(step, thick + 2)):
        scene = cv2.line(scene, (int(x), int(top)), (int(x + slant), int(bottom)), colour, thick, cv2.LINE_AA)
    return scene.transpose(1, 0, 2).copy() if rng.random() < 0.3 else scene


def _draw_letters(rng: np.random.Generator, scene: np.ndarray, unit: float) -> np.ndarray:
    """Write a few words of letters that are no digits."""
    picture = Image.fromarray(np.zeros(scene.shape[:2], np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(rng.integers(1, 5)):
        face = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{rng.choice(LETTER_FACES)}.ttf")
        word = "".join(rng.choice(list(LETTERS), rng.integers(1, 8)))
        font = ImageFont.truetype(face, max(8, int(unit * rng.uniform(0.8, 1.5))))
        pen.text(tuple(rng.uniform(-10, 130, 2)), word, font=font, fill=255)
    return textures.blend(scene, rng.uniform(0, 255, 3).astype(np.float32), np.asarray(picture, np.float32) / 255)

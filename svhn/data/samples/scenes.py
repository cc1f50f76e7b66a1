"""Rendered photos that the finder learns from: numbers, words in their place, and scenes without a digit."""

from dataclasses import replace

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from svhn.data.render import SyntheticSettings, matplotlib_font, render_photo, textures
from svhn.data.samples.photos import FinderPhoto

# Letters that no digit is taken for, on scenes without a number.
LETTERS = "ABCDEFGHKLMNPRTUVWXYabcdefhkmnprtuvwxyz&#?%@€+*=()"
LETTER_FACES = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "STIXGeneral", "cmss10", "cmb10")
# Words that are rendered like numbers have at least as many clear letters as any others.
CLEAR_LETTERS = "ACDEFHKLMNPRTUVWXYaehkmnrtuvwx"
ALL_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefhiklmnorstuvwxz"
RENDERED = SyntheticSettings(digit_height=(12.0, 60.0))
# Share of the rendered photos with two smaller numbers, side by side.
TWO_NUMBERS = 0.15
SURFACES = (
    textures.plaster,
    textures.concrete,
    textures.brick,
    textures.tiles,
    textures.boards,
    textures.metal,
    textures.leaves,
)
# A scene without a digit: rows and columns, the least and greatest size of its bricks and so on in pixels, and the
# chance of each a window, a railing and words.
SCENE_SHAPE = (160, 160)
SCENE_UNIT = (10, 60)
OBJECT_CHANCE = 0.4


def rendered_photo(rng: np.random.Generator) -> FinderPhoto:
    """Render a photo with one number, sometimes with two."""
    settings = RENDERED
    if rng.random() < TWO_NUMBERS:
        texts = (_draw_number(rng), _draw_number(rng))
        settings = replace(settings, digit_height=(12.0, 36.0), size=(200, 140), texts=texts)
    rendered = render_photo(rng, settings)
    return FinderPhoto.of(rendered.photo, rendered.digits)


def _draw_number(rng: np.random.Generator) -> str:
    """Draw a number of one to three digits."""
    return str(rng.integers(1, 10 ** rng.integers(1, 4)))


def empty_front(rng: np.random.Generator) -> FinderPhoto:
    """Render a house front without its number."""
    return FinderPhoto.of(render_photo(rng, replace(RENDERED, size=(200, 160))).clean)


def lettered_photo(rng: np.random.Generator, beside_number: float = 0.4) -> FinderPhoto:
    """Render a photo with a word in place of a number or, with a chance of `beside_number`, beside one."""
    texts = (_draw_word(rng),)
    if rng.random() < beside_number:
        texts = tuple(rng.permutation([_draw_number(rng), *texts]).tolist())
    plain = tuple(name for name in RENDERED.layouts if name != "vertical")
    rendered = render_photo(rng, replace(RENDERED, texts=texts, layouts=plain, size=(220, 120)))
    return FinderPhoto.of(rendered.photo, rendered.digits)


def _draw_word(rng: np.random.Generator) -> str:
    """Draw a word with at least as many clear letters as others, among them ones that look like digits alone."""
    length = int(rng.integers(2, 10))
    letters = [*rng.choice(list(CLEAR_LETTERS), length - length // 2), *rng.choice(list(ALL_LETTERS), length // 2)]
    word = "".join(rng.permutation(letters).tolist())
    return (word.upper, word.lower, word.capitalize)[rng.integers(3)]()


def empty_photo(rng: np.random.Generator) -> FinderPhoto:
    """Draw a scene of 160 x 160 pixels without a digit: walls, windows, railings, letters."""
    unit = float(np.exp(rng.uniform(*np.log(SCENE_UNIT))))
    scene = SURFACES[rng.integers(len(SURFACES))](rng, SCENE_SHAPE, unit, None).astype(np.float32)
    for draw in (_draw_grid, _draw_bars, _draw_letters):
        if rng.random() < OBJECT_CHANCE:
            scene = draw(rng, scene, unit)
    scene = scene * textures.daylight(rng, SCENE_SHAPE, unit)
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
        face = matplotlib_font(str(rng.choice(LETTER_FACES)))
        word = "".join(rng.choice(list(LETTERS), rng.integers(1, 8)))
        font = ImageFont.truetype(face, max(8, int(unit * rng.uniform(0.8, 1.5))))
        pen.text(tuple(rng.uniform(-10, 130, 2)), word, font=font, fill=255)
    return textures.blend(scene, rng.uniform(0, 255, 3).astype(np.float32), np.asarray(picture, np.float32) / 255)

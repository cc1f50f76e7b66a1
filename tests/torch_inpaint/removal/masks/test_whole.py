"""Masks that follow strokes beyond the boxes, and spare letters."""

import numpy as np
import pytest

from svhn.boxes import Box
from svhn.torch_inpaint.removal.masks import KeyPixels, whole_strokes, widen

GROUND, INK = (40, 60, 90), (220, 215, 200)
BOX = Box(30, 40, 60, 80)


def plate(*bars):
    """A plate (120, 120, 3) with bars of ink, given as slices; and where they are."""
    pixels, ink = np.full((120, 120, 3), GROUND, np.uint8), np.zeros((120, 120), bool)
    for bar in bars:
        ink[bar] = True
    pixels[ink] = INK
    noise = np.random.default_rng(0).integers(-6, 7, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8), ink


def seen(ink, within):
    """What the segmenter and its mask see of ink within some rows."""
    evidence = np.zeros(ink.shape, np.float32)
    evidence[within] = ink[within]
    mask = widen(evidence > 0, 2)
    return evidence, KeyPixels(mask, ~mask)


STROKE = (slice(34, 92), slice(42, 48))  # a one, longer than its box
TICK = (slice(34, 40), slice(36, 48))


def test_a_stroke_that_the_mask_cuts_is_masked_to_its_end():
    pixels, ink = plate(STROKE, TICK)
    evidence, keys = seen(ink, slice(40, 80))
    grown = whole_strokes(pixels, [BOX], evidence, keys)
    assert (ink & ~keys.mask).any() and not (ink & ~grown.mask).any()
    assert not (grown.mask & ~widen(ink, 6)).any()
    assert not (grown.key_pixels & ink).any()


def test_letters_beside_a_digit_are_given_back():
    letter = (slice(83, 99), slice(52, 58))
    pixels, ink = plate((slice(42, 78), slice(42, 48)), letter)
    evidence, keys = seen(ink, slice(40, 80))
    mask = keys.mask.copy()
    mask[78:90, 36:62] = True  # the segmenter took its top for a part of the digit
    spared = whole_strokes(pixels, [BOX], evidence, KeyPixels(mask, ~mask))
    assert mask[letter].any() and not spared.mask[letter].any()
    assert spared.mask[42:78, 42:48].all()


def test_a_joint_of_the_inks_colour_stays_what_it_is():
    joint = (slice(60, 63), slice(0, 120))
    pixels, ink = plate((slice(42, 78), slice(42, 48)), joint)
    evidence, keys = seen(ink, slice(40, 80))
    evidence[:, :36] = evidence[:, 54:] = 0
    mask = widen(evidence > 0, 2)
    keys = KeyPixels(mask, ~mask)
    assert whole_strokes(pixels, [BOX], evidence, keys) is keys


@pytest.mark.parametrize("ink", [(60, 75, 100), GROUND])
def test_faint_ink_is_not_followed(ink):
    pixels = np.full((120, 120, 3), GROUND, np.uint8)
    pixels[STROKE] = ink
    evidence = np.zeros((120, 120), np.float32)
    evidence[40:80, 42:48] = 1
    keys = KeyPixels(widen(evidence > 0, 2), ~widen(evidence > 0, 2))
    assert whole_strokes(pixels, [BOX], evidence, keys) is keys


def test_a_white_plate_is_no_ink_where_its_digits_are_dark():
    """What is more common in the box than around it is the plate, but the strokes are likelier to be strokes."""
    pixels = np.full((120, 120, 3), (20, 40, 20), np.uint8)
    pixels[36:84] = (240, 240, 235)
    pixels[42:78, 42:48] = (25, 45, 25)
    evidence = np.zeros((120, 120), np.float32)
    evidence[40:80, 32:58], evidence[42:78, 42:48] = 0.92, 1.0
    keys = KeyPixels(evidence > 0, evidence == 0)
    assert whole_strokes(pixels, [BOX], evidence, keys) is keys

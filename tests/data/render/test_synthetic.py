"""Rendered photos: the ground truth is true, the boxes are tight, and the scenes vary."""

from dataclasses import replace

import numpy as np
import pytest

from svhn.boxes import group_digits, reading_order
from svhn.data.render.glyphs import TYPEFACES, draw_digits, frame_width
from svhn.data.render.strips import render_crops
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.data.render.textures import SURFACES, luminance
from svhn.errors import InputError


@pytest.fixture(scope="module")
def photos():
    return [render_photo(seed) for seed in range(60)]


def difference(rendered):
    """Largest difference of photo and clean over the channels, (H, W) int."""
    return np.abs(rendered.photo.astype(int) - rendered.clean).max(axis=2)


def covered(rendered, grow):
    """Where the digit boxes lie, (H, W) bool, each grown by `grow` times its height and 3 pixels."""
    height, width = rendered.mask.shape
    area = np.zeros((height, width), bool)
    for digit in rendered.digits:
        area[digit.box.grow(round(grow * digit.box.height) + 3 * (grow > 0)).clip(width, height).slices] = True
    return area


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not():
    first, second, other = render_photo(5), render_photo(5), render_photo(6)
    assert first.photo.tobytes() == second.photo.tobytes()
    assert first.clean.tobytes() == second.clean.tobytes()
    assert first.digits == second.digits
    assert first.photo.tobytes() != other.photo.tobytes()


def test_rendering_leaves_the_global_random_state_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    render_photo(0)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_a_generator_is_advanced():
    rng = np.random.default_rng(5)
    assert render_photo(rng).photo.tobytes() == render_photo(5).photo.tobytes()
    assert render_photo(rng).photo.tobytes() != render_photo(5).photo.tobytes()


def test_photos_are_rgb_bytes(photos):
    for rendered in photos:
        height, width = rendered.mask.shape
        assert rendered.photo.shape == rendered.clean.shape == (height, width, 3)
        assert rendered.photo.dtype == rendered.clean.dtype == np.uint8
        assert rendered.mask.dtype == bool


def test_photo_and_clean_differ_exactly_in_the_mask(photos):
    for rendered in photos:
        assert np.array_equal(difference(rendered) > 0, rendered.mask)


def test_the_mask_stays_near_the_digits(photos):
    for rendered in photos:
        assert not (rendered.mask & ~covered(rendered, grow=0.5)).any()


def test_boxes_lie_inside_the_photo(photos):
    for rendered in photos:
        height, width = rendered.mask.shape
        assert all(digit.box.clip(width, height) == digit.box for digit in rendered.digits)


def test_boxes_hold_nearly_all_strongly_different_pixels(photos):
    shares = []
    for rendered in photos:
        strong = difference(rendered) > 0.5 * difference(rendered).max()
        shares.append((strong & covered(rendered, grow=0)).sum() / strong.sum())
    assert np.mean(shares) > 0.97
    assert min(shares) > 0.75


def test_boxes_are_tight():
    # Sharp photos: each side of a box touches its digit, or the neighbour that overlaps it.
    reached = []
    for seed in range(40):
        rendered = render_photo(seed, SyntheticSettings(digit_height=(30, 60), degradation=0.0))
        for digit in rendered.digits:
            inside = difference(rendered)[digit.box.slices]
            strong = inside > 0.3 * inside.max()
            reached += [side.any() for side in (strong[:2], strong[-2:], strong[:, :2], strong[:, -2:])]
    assert np.mean(reached) > 0.93


def test_the_clean_photo_does_not_depend_on_the_number():
    settings = SyntheticSettings(size=(120, 80), plates=("none",), typefaces=("cmtt10",), surfaces=("plaster",))
    eight, zero = (render_photo(9, replace(settings, texts=(text,))) for text in ("8", "0"))
    assert np.array_equal(eight.clean, zero.clean)
    assert not np.array_equal(eight.photo, zero.photo)


def test_digits_come_in_reading_order_and_form_one_number(photos):
    for rendered in photos:
        assert reading_order(rendered.digits) == rendered.digits
        assert len(group_digits(rendered.digits)) == 1


@pytest.mark.parametrize("layout", ["straight", "slope", "vertical"])
def test_labels_follow_the_text(layout):
    for seed in range(8):
        rendered = render_photo(seed, SyntheticSettings(texts=("4071",), layouts=(layout,)))
        (number,) = group_digits(rendered.digits)
        assert number.text == "4071"
        if layout != "slope":
            assert (number.box.height > number.box.width) == (layout == "vertical")


def test_several_numbers_stand_apart():
    settings = SyntheticSettings(size=(400, 200), digit_height=(30, 40), texts=("12", "345"))
    rendered = render_photo(2, settings)
    assert rendered.photo.shape == (200, 400, 3)
    numbers = sorted(group_digits(rendered.digits), key=lambda number: number.box.left)
    assert [number.text for number in numbers] == ["12", "345"]


def test_letters_are_drawn_but_have_no_boxes():
    settings = SyntheticSettings(size=(200, 80), digit_height=(30, 40), texts=("House", "12"), layouts=("straight",))
    rendered = render_photo(4, settings)
    assert [digit.label for digit in rendered.digits] == [1, 2]
    assert min(digit.box.left for digit in rendered.digits) >= 100
    assert rendered.mask[:, :100].sum() > 500  # the word, in the left part


def test_a_brush_has_no_letters():
    with pytest.raises(InputError, match="letters"):
        SyntheticSettings(texts=("No",), typefaces=("brush",))


def test_a_number_that_does_not_fit_is_made_smaller():
    rendered = render_photo(1, SyntheticSettings(size=(40, 24), digit_height=(90, 90), texts=("12345",)))
    assert rendered.photo.shape == (24, 40, 3)
    assert [digit.label for digit in rendered.digits] == [1, 2, 3, 4, 5]
    assert all(digit.box.clip(40, 24) == digit.box for digit in rendered.digits)


def test_digit_heights_follow_the_setting():
    for seed in range(10):
        rendered = render_photo(seed, SyntheticSettings(digit_height=(50, 60), layouts=("straight",)))
        assert all(36 < digit.box.height < 80 for digit in rendered.digits)


def test_lengths_follow_their_shares(photos):
    lengths = np.bincount([len(rendered.digits) for rendered in photos], minlength=6)
    assert lengths[1] and lengths[2] and lengths[3]
    assert lengths.argmax() == 2


@pytest.mark.parametrize("polarity", ["dark", "light"])
def test_polarity_sets_the_sign_of_the_difference(polarity):
    settings = SyntheticSettings(polarity=polarity, degradation=0.2)
    signs = []
    for seed in range(20):
        rendered = render_photo(seed, settings)
        change = luminance(rendered.photo.astype(np.float32)) - luminance(rendered.clean.astype(np.float32))
        signs.append(np.sign(change[rendered.mask].sum()))
    expected = 1 if polarity == "light" else -1
    assert signs.count(expected) >= 17  # carved numbers are dark on any wall, drop shadows dark too


def test_both_polarities_occur_by_default(photos):
    lighter = [rendered.photo[rendered.mask].mean() > rendered.clean[rendered.mask].mean() for rendered in photos]
    assert 0.2 < np.mean(lighter) < 0.8


@pytest.mark.parametrize("name", sorted(SURFACES))
def test_surfaces_have_texture_and_colour_range(name):
    for seed in range(4):
        scene = SURFACES[name](np.random.default_rng(seed), (60, 90), 25.0, None)
        assert scene.shape == (60, 90, 3) and scene.dtype == np.float32
        assert scene.std(axis=(0, 1)).max() > 0.3
        assert scene.min() > -20 and scene.max() < 420


@pytest.mark.parametrize("typeface", TYPEFACES)
def test_every_typeface_has_ten_different_digits(typeface):
    glyphs = draw_digits(np.random.default_rng(0), tuple(range(10)), typeface, 32)
    frame = frame_width(32)
    for glyph in glyphs:
        assert glyph.shape[0] == 32 + 2 * frame
        assert glyph.min() >= 0 and 0.9 < glyph.max() <= 1
        assert 0.03 < glyph.mean() < 0.7
    assert len({glyph.tobytes() for glyph in glyphs}) == 10


def test_crops_are_balanced_and_repeatable():
    crops, labels = render_crops(203, seed=4)
    assert crops.shape == (203, 32, 32, 3) and crops.dtype == np.uint8
    assert labels.shape == (203,) and labels.dtype == np.int64
    counts = np.bincount(labels, minlength=10)
    assert len(counts) == 10 and counts.max() - counts.min() <= 1
    again, same_labels = render_crops(203, seed=4)
    assert np.array_equal(crops, again) and np.array_equal(labels, same_labels)
    assert crops.std(axis=(1, 2, 3)).min() > 0
    assert len({crop.tobytes() for crop in crops}) == 203


def test_unbalanced_crops_follow_svhn():
    _, labels = render_crops(400, seed=0, size=16, balanced=False)
    counts = np.bincount(labels, minlength=10)
    assert counts[1] > 1.5 * counts[9]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("surfaces", ("marble",)), ("plates", ()), ("layouts", ("circle",)), ("typefaces", ("Comic",))],
        *[
            ("polarity", "grey"),
            ("texts", ("1-2",)),
            ("texts", ("",)),
            ("digit_height", (50, 20)),
            ("size", (8, 8)),
        ],
    ],
)
def test_unusable_settings_are_named(field, value):
    with pytest.raises(InputError, match=field):
        SyntheticSettings(**{field: value})

import cv2
import numpy as np
import pytest

from svhn.boxes import Box
from svhn.data.render.synthetic import render_photo
from svhn.torch_inpaint.removal.composite import paste_fill
from svhn.torch_inpaint.removal.jpeg import BLOCK, DONORS, JpegTraces, _donors, carry_traces, find_traces

ROW, COLUMN = 3, 6  # of the first whole square
HOLE = (slice(20, 52), slice(40, 80))


def decoded(quality=85, seed=0):
    """A rendered photo that was a JPEG file once, cut so that its squares begin at (ROW, COLUMN)."""
    photo = np.ascontiguousarray(render_photo(seed).clean[:104, :136])
    data = cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    again = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
    return np.ascontiguousarray(again[BLOCK - ROW :, BLOCK - COLUMN :])


def everywhere(photo):
    return np.ones(photo.shape[:2], bool)


def hole_in(photo):
    mask = np.zeros(photo.shape[:2], bool)
    mask[HOLE] = True
    return mask


def weights(image, traces):
    """Frequencies of brightness in the grid's squares that lie in `HOLE`, (N, 8, 8)."""
    brightness = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2GRAY) - 128
    rows, columns = (
        [start for start in range(first, part.stop - BLOCK + 1, BLOCK) if start >= part.start]
        for first, part in zip(traces.place, HOLE, strict=True)
    )
    squares = [brightness[y : y + BLOCK, x : x + BLOCK] for y in rows for x in columns]
    return np.stack([cv2.dct(np.ascontiguousarray(square)) for square in squares])


def off_step(image, traces):
    """Mean distance of what is not nothing from the nearest multiple of its step, 0 to .5; by chance .25."""
    parts = (weights(image, traces) / traces.steps)[:, 1:, 1:]
    parts = parts[np.abs(parts) > 0.25]
    return np.abs(parts - np.rint(parts)).mean()


@pytest.mark.parametrize("quality", [60, 75, 85, 92])
def test_grid_and_quality_of_a_jpeg_file_are_found(quality):
    photo = decoded(quality)
    traces = find_traces(photo, everywhere(photo))
    assert traces.place == (ROW, COLUMN)
    assert abs(traces.quality - quality) <= 1


def test_steps_are_those_of_the_standard():
    assert JpegTraces(0, 0, 50).steps[0, 1] == 11
    np.testing.assert_array_equal(JpegTraces(0, 0, 85).steps[0, :5], [5, 3, 3, 5, 7])
    assert JpegTraces(0, 0, 96).steps.min() == 1


def test_a_part_of_a_photo_has_the_grid_of_the_photo():
    photo = decoded()
    part = np.ascontiguousarray(photo[5:90, 11:])
    assert find_traces(part, everywhere(part)) == find_traces(photo, everywhere(photo)).shifted(5, 11)


def test_what_is_not_known_is_not_looked_at():
    photo = decoded()
    found, mask = find_traces(photo, everywhere(photo)), hole_in(photo)
    photo[mask] = np.random.default_rng(0).integers(0, 255, (mask.sum(), 3))
    assert find_traces(photo, ~mask) == found


@pytest.mark.parametrize(
    "change",
    [
        lambda photo: cv2.resize(photo, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA),
        lambda photo: cv2.GaussianBlur(photo, (0, 0), 1.0),
        lambda photo: np.random.default_rng(0).integers(0, 255, photo.shape).astype(np.uint8),
        lambda photo: np.full_like(photo, 90),
        lambda photo: photo[:15],
    ],
    ids=["scaled", "blurred", "noise", "one colour", "too small"],
)
def test_photos_without_traces_have_none(change):
    photo = np.ascontiguousarray(change(decoded()))
    assert find_traces(photo, everywhere(photo)) is None


def test_fill_gets_the_steps_of_its_photo():
    photo = decoded()
    traces, mask = find_traces(photo, everywhere(photo)), hole_in(photo)
    painted = cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 1.0)
    carried = np.clip(np.rint(carry_traces(photo, painted, mask, ~mask, traces, 1.0)), 0, 255)
    assert off_step(np.rint(painted), traces) > 0.15
    assert off_step(carried, traces) < 0.12


def test_fill_gets_as_much_detail_as_its_surroundings_and_no_other_colour():
    photo = decoded()
    traces, mask = find_traces(photo, everywhere(photo)), hole_in(photo)
    painted = np.broadcast_to(photo[~mask].mean(axis=0), photo.shape).astype(np.float32)
    results = {strength: carry_traces(photo, painted, mask, ~mask, traces, strength) for strength in (0.0, 0.5, 1.0)}
    spread = {strength: result[HOLE].std() for strength, result in results.items()}
    assert spread[0.0] < spread[0.5] < spread[1.0]
    np.testing.assert_allclose(results[1.0][HOLE].mean(axis=(0, 1)), painted[0, 0], atol=2)


def test_a_plate_gets_calm_detail_of_the_wall_and_not_that_of_its_own_edges():
    wall = 200 + np.random.default_rng(0).normal(0, 1.5, (112, 144, 1)) + np.zeros(3)
    wall[16:96, 36:108] -= 120
    wall = cv2.GaussianBlur(wall, (0, 0), 1.2).astype(np.uint8)
    data = cv2.imencode(".jpg", wall, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR)
    mask = np.zeros(photo.shape[:2], bool)
    mask[20:92, 42:102] = True
    painted = np.full(photo.shape, 80.0, np.float32)
    traces = JpegTraces(0, 0, 85)
    carried = carry_traces(photo, np.where(mask[..., None], painted, photo), mask, ~mask, traces, 1.0)
    assert carried[24:88, 48:96].mean(axis=(0, 2)).std() < 0.2  # no upright stripes


def test_a_plain_fill_stays_calm_where_all_known_squares_show_edges():
    """Stripes surround a hole whose fill is plain: it does not become a striped one."""
    rng = np.random.default_rng(0)
    striped = np.repeat(np.where(rng.random((112, 36, 1)) < 0.5, 90, 150), 4, axis=1) + np.zeros(3)
    data = cv2.imencode(".jpg", striped, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    photo = cv2.imdecode(data, cv2.IMREAD_COLOR)
    mask = np.zeros(photo.shape[:2], bool)
    mask[24:88, 40:104] = True
    painted = np.where(mask[..., None], 120.0, photo).astype(np.float32)
    carried = carry_traces(photo, painted, mask, ~mask, JpegTraces(0, 0, 85), 1.0)
    fine = photo - cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 1.0)
    assert carried[32:80, 48:96].std() < 0.25 * fine[~mask].std()


def test_the_same_fill_gets_the_same_detail():
    photo = decoded()
    traces, mask = find_traces(photo, everywhere(photo)), hole_in(photo)
    first, second = (carry_traces(photo, photo + 0.3, mask, ~mask, traces, 1.0) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_donors_of_detail_lie_on_the_grid_where_it_has_enough():
    """Squares between those of the grid show its borders, which are no detail of the wall."""
    traces, known = JpegTraces(ROW, COLUMN, 85), np.ones((64, 64), bool)
    donors = _donors(known, traces)
    assert len(donors) >= DONORS and ((donors - traces.place) % BLOCK == 0).all()
    known[:, 2 * BLOCK :] = False  # less than `DONORS` squares of the grid in what is left
    known[ROW + 2 * BLOCK :] = False
    few = _donors(known, traces)
    assert len(few) >= DONORS and not ((few - traces.place) % BLOCK == 0).all()
    assert len(_donors(np.zeros_like(known), traces)) == 0


def test_without_known_squares_there_is_nothing_to_carry():
    photo = decoded()[:24, :24]
    mask = np.zeros((24, 24), bool)
    mask[4:20, 4:20] = True
    assert carry_traces(photo, photo.astype(np.float32), mask, ~mask, JpegTraces(0, 0, 85), 1.0) is None


def test_composite_carries_traces_into_the_mask_and_changes_nothing_else():
    photo = decoded()
    mask = hole_in(photo)
    traces, painted = find_traces(photo, ~mask), cv2.GaussianBlur(photo.astype(np.float32), (0, 0), 2.0)
    whole = Box(0, 0, photo.shape[1], photo.shape[0])
    smooth, grained = photo.copy(), photo.copy()
    paste_fill(smooth, whole, photo, painted, mask, ~mask, grain=0)
    paste_fill(grained, whole, photo, painted, mask, ~mask, grain=0.75)
    np.testing.assert_array_equal(grained[~mask], photo[~mask])
    assert off_step(grained, traces) < 0.12 < off_step(smooth, traces)

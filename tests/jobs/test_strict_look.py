"""The look of --strict: at the whole finished picture, in every view, whatever the boxes said."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from job_tools import job, lines_of
from PIL import Image

from svhn.boxes import Box, DigitBox, Number
from svhn.data.formats.coco import write_coco
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.finder import Finder
from svhn.jobs import cleaning, worker
from svhn.jobs.digit_sources import PhotoDigits
from svhn.jobs.looking import MOST_ROUNDS, Look, join_digits, look_at, to_remove
from svhn.jobs.planes import remove_digits
from svhn.jobs.single import inpaint_photo
from svhn.jobs.tasks import ReadDigit, ReadNumber, ReportLine
from svhn.photos import decode_photo, encode_photo, encode_rgb, write_mask
from svhn.torch_inpaint import DigitRemover

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold", "Aileron"), layouts=("straight",))
TEXT = "507"


@pytest.fixture(scope="module")
def scene():
    return render_photo(1, replace(CLEAR, digit_height=(28, 40), texts=(TEXT,)))


@pytest.fixture(scope="module")
def ink(scene):
    """How much of each pixel is a digit's, (H, W) float, 0..1."""
    difference = np.abs(scene.photo.astype(float) - scene.clean).max(axis=2)
    return difference / difference.max()


@pytest.fixture(scope="module")
def finder():
    return Finder()


@pytest.fixture
def folder(tmp_path, scene):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.png").write_bytes(encode_rgb(scene.photo))
    return tmp_path / "photos"


def boxes_file(folder, scene, digits) -> str:
    path = folder.parent / "boxes.json"
    write_coco(path, {"0.png": (*scene.photo.shape[1::-1], digits)})
    return str(path)


def small(digit: DigitBox) -> DigitBox:
    box = digit.box
    return replace(digit, box=Box(box.left, box.top, box.left + max(2, box.width // 2), box.top + box.height // 2))


@pytest.mark.parametrize(
    "listed",
    [
        lambda digits: digits[:1],
        lambda digits: [],
        lambda digits: [small(digit) for digit in digits],
    ],
    ids=["one of three", "none", "too small"],
)
@pytest.mark.parametrize("settings", [{}, {"finder": None}], ids=["finder", "no finder"])
def test_what_boxes_leave_legible_is_refused(folder, scene, tmp_path, listed, settings):
    boxes = boxes_file(folder, scene, listed(scene.digits))
    summary = job(folder, tmp_path / "out", boxes=boxes, strict=True, **settings)
    assert summary.counts == {"error": 1} and summary.legible == 1 and summary.exit_code == 4
    (line,) = lines_of(tmp_path / "out")
    assert line["look"] == "finder, whole picture, 1 view" and line["seen"]
    assert f"{line['seen'][0]['text']} at " in line["error"] and "--also-find" in line["error"]
    assert list((tmp_path / "out").glob("**/*.png")) == []
    lax = job(folder, tmp_path / "lax", boxes=boxes)
    assert lax.exit_code == 0 and lines_of(tmp_path / "lax")[0]["look"] is None


def test_what_nobody_listed_is_said(folder, scene, tmp_path):
    job(folder, tmp_path / "out", boxes=boxes_file(folder, scene, []), strict=True)
    (line,) = lines_of(tmp_path / "out")
    left, top, right, bottom = line["seen"][0]["box"]
    assert f"({TEXT} at {left},{top},{right},{bottom}, not listed)" in line["error"]


def test_what_the_finder_first_misses_is_removed_in_a_further_round(folder, tmp_path, monkeypatch, finder):
    find = worker.PhotoWorker.find

    def miss(self, *arguments):
        where = find(self, *arguments)
        return replace(where, digits=sorted(where.digits, key=lambda digit: digit.box.left)[:1])

    monkeypatch.setattr(worker.PhotoWorker, "find", miss)
    assert job(folder, tmp_path / "out", strict=True).counts == {"ok": 1}
    (line,) = lines_of(tmp_path / "out")
    assert sum(len(number["boxes"]) for number in line["numbers"]) == 3 and line["seen"] == []
    assert finder.find_numbers(decode_photo((tmp_path / "out" / "0.png").read_bytes()).rgb) == []


def test_what_stays_after_some_rounds_is_refused(folder, tmp_path, monkeypatch, scene, finder):
    looks = []

    def see(finished, finder):
        looks.append(finished)
        return Look(tuple(finder.find_numbers(scene.photo)), "always", scene.photo.shape[1::-1])

    monkeypatch.setattr(cleaning, "look_at", see)
    summary = job(folder, tmp_path / "out", strict=True)
    assert summary.exit_code == 4 and len(looks) == 1 + MOST_ROUNDS
    (line,) = lines_of(tmp_path / "out")
    assert line["look"] == "always" and "not listed" not in line["error"] and "give its boxes" in line["error"]


def test_beside_listed_digits_a_further_round_removes_what_was_filled_only():
    mask = np.zeros((40, 80), bool)
    mask[:, :20] = True
    within, half, apart = (DigitBox(Box(left, 5, left + 10, 30), 1) for left in (5, 15, 50))
    listed, found = (PhotoDigits([within], found, "given") for found in (False, True))
    assert to_remove(look_of(within, half), listed, mask) == [within, half]
    assert to_remove(look_of(within, apart), listed, mask) == []  # it would be refused all the same
    assert to_remove(look_of(apart), listed, mask) == to_remove(look_of(within), listed, None) == []
    assert to_remove(look_of(apart), found, mask) == [apart]
    assert to_remove(look_of(DigitBox(Box(90, 5, 99, 30), 1)), listed, mask) == []


def look_of(*digits):
    return Look(tuple(Number((digit,)) for digit in digits), "a look", (80, 40))


def saved(image: Image.Image, format: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def by_alpha(ink: np.ndarray, name: str) -> bytes:
    """A photo of one gray, whose digits only the alpha shows."""
    alpha = np.rint(255 * (1 - ink)).astype(np.uint8)
    gray = np.full(alpha.shape, 20, np.uint8)
    if name == "16.png":
        return cv2.imencode(".png", np.dstack([gray] * 3 + [alpha]).astype(np.uint16) * 257)[1].tobytes()
    if name == "palette.png":
        image = Image.fromarray(alpha // 17, "P")
        image.putpalette([20] * 48)
        return saved(image, "PNG", transparency=bytes(range(0, 256, 17)))
    if name == "la.png":
        return saved(Image.fromarray(np.dstack([gray, alpha]), "LA"), "PNG")
    format = {"png": "PNG", "webp": "WEBP", "tif": "TIFF"}[name.split(".")[1]]
    options = {"lossless": True} if format == "WEBP" else {}
    return saved(Image.fromarray(np.dstack([gray] * 3 + [alpha]), "RGBA"), format, **options)


ALPHA = ("la.png", "16.png", "palette.png", "w.webp")


@pytest.mark.slow
def test_digits_that_only_alpha_shows_are_found_and_removed(ink, tmp_path, finder):
    (tmp_path / "in").mkdir()
    for name in ALPHA:
        (tmp_path / "in" / name).write_bytes(by_alpha(ink, name))
        assert look_at(decode_photo(by_alpha(ink, name)), finder).numbers, name
    assert job(tmp_path / "in", tmp_path / "out", strict=True).counts == {"ok": len(ALPHA)}
    for line in lines_of(tmp_path / "out"):
        assert line["look"] == "finder, whole picture, 4 views"  # colours, on white, on black, stretched
    for name in ALPHA:
        look = look_at(decode_photo((tmp_path / "out" / name).read_bytes()), finder)
        assert look.numbers == (), name


def test_listed_digits_that_only_alpha_shows_are_removed(scene, ink, tmp_path, finder):
    photo = decode_photo(by_alpha(ink, "rgba.png"))
    removed = remove_digits(DigitRemover.from_checkpoint(device="cpu"), photo, scene.digits)
    finished = decode_photo(removed.encode(photo, "keep"))
    assert look_at(photo, finder).numbers and look_at(finished, finder).numbers == ()
    np.testing.assert_array_equal(finished.pixels.native[~removed.mask], photo.pixels.native[~removed.mask])


def test_inpaint_fills_the_alpha_too(scene, ink, tmp_path, finder):
    (tmp_path / "photo.png").write_bytes(by_alpha(ink, "rgba.png"))
    write_mask(tmp_path / "mask.png", cv2.dilate((ink > 0.05).astype(np.uint8), np.ones((5, 5))) > 0)
    inpaint_photo(tmp_path / "photo.png", tmp_path / "mask.png", tmp_path / "out.png", device="cpu")
    assert look_at(decode_photo((tmp_path / "out.png").read_bytes()), finder).numbers == ()


def test_colours_under_full_transparency_are_cleared_too(scene, tmp_path, finder):
    """Some viewers show them."""
    clear = np.dstack([scene.photo, np.zeros(scene.photo.shape[:2], np.uint8)])
    clear[0, 0, 3] = 255
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.png").write_bytes(saved(Image.fromarray(clear, "RGBA"), "PNG"))
    assert job(tmp_path / "in", tmp_path / "out", strict=True).counts == {"ok": 1}
    native = decode_photo((tmp_path / "out" / "0.png").read_bytes()).pixels.native
    assert finder.find_numbers(np.ascontiguousarray(native[..., :3])) == [] and not native[1:, :, 3].any()


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_digits_in_few_bits_of_16_are_removed(scene, tmp_path, bits, finder):
    (tmp_path / "in").mkdir()
    for suffix in ("png", "tif"):
        values = scene.photo[..., ::-1].astype(np.uint16) << (bits - 8)
        (tmp_path / "in" / f"{suffix}.{suffix}").write_bytes(cv2.imencode(f".{suffix}", values)[1].tobytes())
    assert job(tmp_path / "in", tmp_path / "out").counts == {"ok": 2}
    for path in (tmp_path / "out").glob("*.*[gf]"):
        native = decode_photo(path.read_bytes()).pixels.native
        assert native.dtype == np.uint16 and native.max() < 2**bits
        assert finder.find_numbers((native >> (bits - 8)).astype(np.uint8)) == []


@pytest.mark.parametrize(
    "digits, wall",
    [((13, 13, 13), (10, 10, 10)), ((103, 103, 103), (100, 100, 100)), ((120, 20, 20), (0, 20, 255))],
    ids=["dark", "faint", "red on blue"],
)
def test_digits_that_are_hard_to_see_are_seen_and_removed(ink, tmp_path, digits, wall, finder):
    picture = np.rint(ink[..., None] * digits + (1 - ink[..., None]) * wall).astype(np.uint8)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.png").write_bytes(encode_rgb(picture))
    assert look_at(decode_photo(encode_rgb(picture)), finder).numbers
    assert job(tmp_path / "in", tmp_path / "out", strict=True).exit_code in (0, 4)
    for path in (tmp_path / "out").glob("*.png"):
        assert look_at(decode_photo(path.read_bytes()), finder).numbers == ()


def test_removed_places_are_read_again_in_the_finished_file(scene):
    """JPEG changes the colours once more; a PNG does not."""
    seen = []

    def reader(image, boxes):
        seen.append(image.copy())
        return np.full(len(boxes), 5), np.full(len(boxes), 0.9 if len(seen) == 1 or len(seen) > 2 else 0.0)

    remover = DigitRemover.from_checkpoint(device="cpu", readers=[reader])
    photo = decode_photo(encode_rgb(scene.photo, "JPEG"))
    removed = remove_digits(remover, photo, scene.digits)
    assert not removed.numbers[0].legible
    finished = decode_photo(encode_photo(photo, removed.image, removed.mask))
    assert removed.read_again(finished, remover).numbers[0].legible
    np.testing.assert_array_equal(seen[-1], finished.rgb)
    same = replace(finished, rgb=removed.image)
    assert removed.read_again(same, remover) is removed


def test_a_digit_at_the_place_of_another_makes_its_box_larger():
    known = [DigitBox(Box(10, 10, 20, 30), 5), DigitBox(Box(22, 10, 32, 30), 0)]
    near, apart = DigitBox(Box(12, 12, 22, 32), 6), DigitBox(Box(60, 10, 70, 30), 7)
    joined = join_digits(known, [near, apart], 0.0)
    assert joined == [DigitBox(Box(10, 10, 22, 32), 5), known[1], apart]
    assert join_digits(known, [near], 0.25)[0].box == Box(10, 10, 22, 32).grow(round(0.25 * 22))
    assert join_digits([], [apart]) == [apart]


def test_a_line_keeps_what_the_look_saw():
    seen = (ReadNumber("5", 0.9, [1, 2, 3, 4], (ReadDigit(5, 0.9, [1, 2, 3, 4]),)),)
    line = ReportLine("a.png", error="e", look="finder", seen=seen).finished_now(0.1)
    assert ReportLine.from_dict(line.to_dict()) == line and line.is_legible

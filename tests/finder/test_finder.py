"""The finder: pyramid, tiles, merging, and the shipped network on rendered photos."""

import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from svhn.boxes import Box, DigitBox, Number, group_digits, overlaps
from svhn.data.formats.digit_struct import DIGIT_STRUCT_FILE, DigitStruct
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.data.samples.scenes import empty_photo, lettered_photo
from svhn.errors import InputError
from svhn.finder.candidates import Candidates, Judgement, fuse, log_odds, merge
from svhn.finder.config import VIEWS, FinderConfig
from svhn.finder.digits import FoundDigit, as_drawn, in_sure_numbers, most_prominent, number_confidence
from svhn.finder.finder import Finder
from svhn.finder.halves import Halves
from svhn.finder.layout import LAYOUT
from svhn.finder.networks import find_finder, network_files
from svhn.finder.reader import FinderReader
from svhn.finder.search import Search, decode, pyramid, tiles
from svhn.jobs.reading import read_photos
from svhn.photos.photo import read_rgb, write_rgb

CONFIG = FinderConfig()
CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold", "Aileron"), layouts=("straight",))


@pytest.fixture(scope="module")
def finder() -> Finder:
    return Finder()


def candidates(*rows: tuple) -> Candidates:
    """Rows of (box, presence, label)."""
    boxes, presence, labels = zip(*rows, strict=True)
    return Candidates(
        np.array(boxes, np.float32), np.array(presence, np.float32), np.eye(10, dtype=np.float32)[list(labels)]
    )


@pytest.mark.parametrize("size", [(15, 30), (57, 128), (480, 640), (3000, 4000), (30, 4000)])
def test_every_height_is_within_reach_of_a_level(size):
    (finest, *coarser), (lowest, highest) = pyramid(size, CONFIG), CONFIG.digit_height
    for height in range(10, min(400, size[0]) + 1, 5):
        fine = CONFIG.smallest <= finest * height <= highest
        assert fine or any(lowest <= scale * height <= highest for scale in coarser), height


@pytest.mark.parametrize("size", [(15, 30), (640, 641), (1200, 700), (3000, 4000)])
def test_tiles_cover_a_level_and_no_digit_is_cut_by_all(size):
    cut = list(tiles(size, CONFIG))
    seen = np.zeros(size, bool)
    for tile in cut:
        assert tile.width <= CONFIG.tile and tile.height <= CONFIG.tile
        seen[tile.slices] = True
    assert seen.all()
    rng = np.random.default_rng(0)
    for _ in range(200):
        side = int(min(60, *size))
        left, top = int(rng.integers(size[1] - side + 1)), int(rng.integers(size[0] - side + 1))
        digit = Box(left, top, left + side, top + side)
        assert any(digit.intersection(tile) == digit for tile in cut)


def test_overlaps_are_those_of_boxes():
    rng = np.random.default_rng(1)
    corners = rng.integers(0, 50, (20, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 40, (20, 2))], axis=1)
    expected = [Box(*boxes[0].tolist()).iou(Box(*box.tolist())) for box in boxes]
    union, smaller = overlaps(boxes[0], boxes)
    np.testing.assert_allclose(union, expected)
    assert (smaller >= union).all() and smaller[0] == 1


def test_merge_keeps_one_digit_for_each_place():
    found = merge(
        [
            candidates(
                *(((10, 10, 20, 30), 0.9, 3), ((11, 10, 21, 30), 0.8, 3), ((10, 11, 20, 31), 0.5, 8)),
                *(((22, 10, 32, 30), 0.7, 5), ((60, 60, 70, 80), CONFIG.min_confidence / 2, 1)),
            )
        ],
        CONFIG,
    )
    assert found.probabilities.argmax(axis=1).tolist() == [3, 5]
    np.testing.assert_allclose(found.presence, [0.9, 0.7], atol=1e-6)
    np.testing.assert_allclose(found.boxes[1], [22, 10, 32, 30], atol=1e-4)
    assert (np.abs(found.boxes[0] - [10, 10, 20, 30]) < 1).all()


def test_merge_keeps_low_score_candidates_when_asked():
    doubtful = candidates(((10, 10, 20, 30), 0.3, 3), ((60, 60, 70, 80), 0.1, 5))
    assert len(merge([doubtful], CONFIG).presence) == 0
    assert merge([doubtful], CONFIG, 0.2).presence.tolist() == [pytest.approx(0.3)]


def test_fusion_adds_log_odds_and_averages_boxes_and_labels():
    before = candidates(((10, 10, 20, 30), 0.5, 3), ((60, 60, 70, 80), 0.9, 5))
    before = replace(before, probabilities=np.full((2, 10), 0.1, np.float32))
    likely = np.array([np.arange(1, 11), np.arange(10, 0, -1)], np.float32) / 55
    judgement = Judgement(before.boxes + 4, np.array([2.0, -2.0], np.float32), likely)
    found = fuse(before, judgement, boxes_before=0.75, labels_before=0.5)
    np.testing.assert_allclose(log_odds(found.presence), log_odds(before.presence) + judgement.evidence, atol=1e-5)
    np.testing.assert_allclose(found.boxes, before.boxes + 1, atol=1e-5)
    np.testing.assert_allclose(found.probabilities, np.sqrt(likely) / np.sqrt(likely).sum(axis=1)[:, None], atol=1e-6)
    last = fuse(before, judgement, boxes_before=0.0, labels_before=0.0)
    np.testing.assert_allclose(last.boxes, judgement.boxes)
    np.testing.assert_allclose(last.probabilities, likely, atol=1e-6)


def test_the_layout_has_a_place_for_every_channel():
    parts = [[LAYOUT.presence], *(range(LAYOUT.channels)[part] for part in (LAYOUT.labels, LAYOUT.centre, LAYOUT.size))]
    assert sorted(channel for part in parts for channel in part) == list(range(LAYOUT.channels))
    assert [*range(LAYOUT.channels)[LAYOUT.box]] == [*parts[2], *parts[3]] and len(parts[1]) == 10


def test_a_part_of_a_digit_is_no_digit():
    found = merge([candidates(((10, 10, 30, 50), 0.9, 8), ((12, 30, 28, 49), 0.8, 0))], CONFIG)
    assert found.probabilities.argmax(axis=1).tolist() == [8]


def test_merging_nothing_gives_nothing():
    nothing = decode(np.full((LAYOUT.channels, 4, 6), -9, np.float32), 0.1)
    assert merge([nothing], CONFIG).boxes.shape == (0, 4)


def test_the_smaller_a_digit_in_its_photo_the_looser_its_box():
    digit, slack = FoundDigit(Box(40, 30, 60, 70), 3, 0.9, tuple(np.eye(10)[3])), ((1.0, 0.1), (0.9, 0.2))
    config = replace(CONFIG, slack=slack, least_share=0.1)
    drawn = {height: as_drawn(digit, (height, 100), config).box for height in (80, 400, 4000)}
    assert (drawn[80].width, drawn[80].height) == (20, 42)
    assert drawn[400] == drawn[4000]  # the least share
    assert (drawn[400].width, drawn[400].height) == (28, 50)
    assert all(box.centre == digit.box.centre for box in drawn.values())
    assert replace(as_drawn(digit, (400, 100), config), box=digit.box) == digit


def test_a_drawn_box_stays_in_its_photo():
    digit = FoundDigit(Box(0, 0, 20, 38), 3, 0.9, tuple(np.eye(10)[3]))
    drawn = as_drawn(digit, (400, 22), replace(CONFIG, slack=((1.5, 0.0), (1.5, 0.0))))
    assert drawn.box == Box(0, 0, 22, 48)


def test_numbers_have_the_digits_that_are_found(finder):
    photo = render_photo(5, CLEAR).photo
    found, numbers = finder.find(photo), finder.find_numbers(photo)
    assert {digit.box for number in numbers for digit in number.digits} <= {digit.box for digit in found}


@pytest.mark.parametrize("size", [(15, 30), (1, 1), (30, 15), (17, 300), (700, 50)])
def test_photos_of_any_shape(finder, size):
    for digit in finder.find(np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)):
        assert digit.box == digit.box.clip(size[1], size[0])


def test_clear_numbers_of_every_length_are_read(finder):
    texts = ["7", "31", "504", "2968", "17530"]
    right = 0
    for i, text in enumerate(5 * texts):
        number = finder.read_number(render_photo(i, replace(CLEAR, digit_height=(18, 60), texts=(text,))).photo)
        right += number is not None and number.text == text
    assert right >= 22


def test_boxes_fit_and_are_sure(finder):
    for seed in range(10):
        rendered = render_photo(seed, replace(CLEAR, digit_height=(25, 50), texts=("28",)))
        for digit, true in zip(finder.read_number(rendered.photo).digits, rendered.digits, strict=True):
            assert digit.box.iou(true.box) > 0.5 and 0.4 < digit.confidence <= 1  # SVHN's boxes are looser


def test_several_numbers_in_one_photo(finder):
    settings = replace(CLEAR, digit_height=(30, 34), texts=("12", "408", "5"), size=(520, 240))
    found = [sorted(n.text for n in finder.find_numbers(render_photo(seed, settings).photo)) for seed in range(4)]
    assert sum(texts == ["12", "408", "5"] for texts in found) >= 3


@pytest.mark.parametrize("height", [12, 25, 60, 150, 390])
def test_digits_of_every_size_are_found(finder, height):
    rendered = render_photo(3, replace(CLEAR, digit_height=(40, 40), texts=("26",)))
    tall = max(digit.box.height for digit in rendered.digits)
    photo = cv2.resize(rendered.photo, None, fx=height / tall, fy=height / tall, interpolation=cv2.INTER_AREA)
    photo = cv2.copyMakeBorder(photo, 40, 40, 90, 90, cv2.BORDER_REPLICATE)
    assert finder.read_number(photo).text == "26"


def test_digits_of_10_pixels_are_found_in_photos_that_are_not_enlarged():
    finder, found, there = Finder(config=replace(CONFIG, min_confidence=0.5)), 0, 0
    for seed in range(12):
        rendered = render_photo(seed, replace(CLEAR, digit_height=(40, 40), texts=(("26", "408")[seed % 2],)))
        scale = 10 / max(digit.box.height for digit in rendered.digits)
        photo = cv2.resize(rendered.photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        photo = cv2.copyMakeBorder(photo, *[100] * 4, cv2.BORDER_REPLICATE)
        assert photo.shape[0] * photo.shape[1] > CONFIG.enlarge_below
        found, there = found + len(finder.find(photo)), there + len(rendered.digits)
    assert there - 1 <= found <= there + 1


def test_a_photo_in_pieces_gives_what_it_gives_whole():
    whole, pieces = Finder(), Finder(config=replace(CONFIG, tile=160, overlap=96))
    settings = replace(CLEAR, digit_height=(28, 34), texts=("12", "408"), size=(420, 200))
    rendered = render_photo(1, settings)
    assert [n.text for n in whole.find_numbers(rendered.photo)] == [n.text for n in pieces.find_numbers(rendered.photo)]


def test_a_digit_on_the_border_of_two_tiles_is_seen_whole_by_one_of_them():
    """The side is twice a tile's: without overlap the border would run through the digit's middle."""
    tile, rows = 208, []
    searches = [Search(find_finder("finder"), replace(CONFIG, tile=side), CONFIG.proposal) for side in (4 * tile, tile)]
    for seed in range(10):
        rendered = render_photo(seed, replace(CLEAR, digit_height=(40, 46), texts=(str(seed),), size=(160, 140)))
        box = rendered.digits[0].box
        left = tile - round(box.centre[0])
        right = tile - (rendered.photo.shape[1] - round(box.centre[0]))
        photo = cv2.copyMakeBorder(rendered.photo, 0, 0, left, right, cv2.BORDER_REPLICATE)
        assert photo.shape[1] == 2 * tile
        rows.append([presence_at(search, photo, box.shift(left, 0)) for search in searches])
    whole, pieces = np.array(rows).T
    assert whole.mean() > 0.6
    np.testing.assert_allclose(pieces, whole, atol=0.05)


def presence_at(search: Search, photo: np.ndarray, box: Box) -> float:
    """How sure the first network is of a digit that fits a box."""
    found = merge(search.levels(Halves(photo)), CONFIG, CONFIG.proposal)
    fitting = overlaps(np.array(box.as_list()), found.boxes)[0] > 0.5
    return float(found.presence[fitting].max(initial=0))


def test_the_number_with_the_surest_digits_is_the_prominent_one(finder):
    numbers = finder.find_numbers(
        render_photo(2, replace(CLEAR, digit_height=(30, 34), texts=("4",), size=(200, 90))).photo
    )
    assert most_prominent([]) is None and most_prominent(numbers) in numbers
    assert 0 < number_confidence(numbers[0]) <= 1


def test_the_reader_reads_given_boxes_and_nothing_where_the_digits_are_gone(finder):
    reader = FinderReader(finder)
    rendered = render_photo(4, replace(CLEAR, digit_height=(30, 34), texts=("52",)))
    boxes = [digit.box for digit in rendered.digits]
    assert reader(rendered.photo, boxes)[0].tolist() == [5, 2]
    _, inverted = reader(255 - rendered.photo, boxes)
    assert ((inverted > 0.3) & (inverted <= 1)).all()
    assert (reader(rendered.clean, boxes)[1] < 0.5).all()
    labels, confidences = reader(np.full_like(rendered.photo, 90), boxes)
    assert labels.tolist() == [0, 0] and confidences.tolist() == [0, 0]


def test_walls_without_numbers_stay_silent(finder):
    walls = [render_photo(seed, SyntheticSettings(size=(160, 120))).clean for seed in range(40)]
    assert sum(len(finder.find(wall)) for wall in walls) <= 6


def test_it_loads_without_a_framework():
    code = "import sys, svhn.jobs.reading; print({'torch', 'tensorflow', 'keras'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"


@pytest.mark.timed
def test_it_loads_quickly():
    began = time.perf_counter()
    Finder()
    assert time.perf_counter() - began < 0.3


def test_a_missing_or_damaged_network_is_named(tmp_path):
    with pytest.raises(InputError, match="no finder found"):
        Finder(tmp_path)
    (tmp_path / "finder.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable ONNX"):
        Finder(tmp_path)


def test_a_damaged_refiner_is_named(tmp_path):
    shutil.copy(find_finder("finder"), tmp_path)
    (tmp_path / "refiner.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"refiner\.onnx: not a readable ONNX network; export it again"):
        Finder(tmp_path)


def changed_network(file: Path, name: str, change) -> None:
    """Write an ONNX network, one of whose weights is changed."""
    model = onnx.load(file)
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    weight.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(weight)), name))
    onnx.save(model, file)


def weight_names(file: Path) -> list[str]:
    return [tensor.name for tensor in onnx.load(file).graph.initializer if len(tensor.dims) == 4]


@pytest.mark.parametrize("name", ["finder.onnx", *(view.file for view in VIEWS.values())])
@pytest.mark.parametrize("layer", [0, -1], ids=["first", "last"])
def test_a_network_whose_weights_are_no_numbers_is_refused(tmp_path, name, layer):
    """Behind a NaN in the first layer OpenCV's rectifiers answer with fine numbers: nothing is found anywhere."""
    for file in network_files("finder"):
        shutil.copy(file, tmp_path)
    changed_network(tmp_path / name, weight_names(tmp_path / name)[layer], lambda weight: weight * np.float32(np.nan))
    with pytest.raises(InputError, match=rf"{re.escape(name)}: weights of this network are NaN.*use another"):
        Finder(tmp_path)


@pytest.mark.parametrize("name", ["finder.onnx", VIEWS["close"].file])
def test_a_network_whose_answers_are_no_numbers_is_refused(tmp_path, name):
    """All weights are numbers, and the answers overflow."""
    for file in network_files("finder"):
        shutil.copy(file, tmp_path)
    for weight in weight_names(tmp_path / name):
        changed_network(tmp_path / name, weight, lambda values: np.full_like(values, 6e4))
    with pytest.raises(InputError, match=rf"{re.escape(name)}: this network answered NaN or infinity"):
        Finder(tmp_path)


def test_a_network_of_another_kind_is_refused(tmp_path):
    shutil.copy(find_finder("finder").with_name(VIEWS["close"].file), tmp_path / "finder.onnx")
    with pytest.raises(InputError, match=r"finder\.onnx: this network (answered|gave no answer)"):
        Finder(tmp_path)


def test_a_network_in_the_current_folder_does_not_take_the_finders_name(tmp_path, monkeypatch):
    shipped = find_finder("finder")
    (tmp_path / "finder").mkdir()
    shutil.copy(shipped, tmp_path / "finder")
    monkeypatch.chdir(tmp_path)
    assert find_finder("finder") == shipped
    assert find_finder("./finder").resolve() == tmp_path / "finder" / "finder.onnx"


@pytest.mark.slow
def test_the_wide_refiner_rejects_letters_that_are_digits_seen_alone(finder, tmp_path):
    for name in ("finder.onnx", VIEWS["close"].file):
        shutil.copy(find_finder("finder").with_name(name), tmp_path)
    close = Finder(tmp_path)
    words = [lettered_photo(np.random.default_rng(10**6 + seed), 0.0).pixels for seed in range(40)]
    seen, by_close = (
        sum(len(asked.candidates(word, least=0.65).presence) for word in words) for asked in (finder, close)
    )
    assert seen < 0.7 * by_close


@pytest.mark.slow
def test_the_refiners_reject_most_of_what_is_proposed_where_nothing_is(finder):
    scenes = [empty_photo(np.random.default_rng(10**6 + seed)).pixels for seed in range(60)]
    proposed = sum(len(finder.candidates(scene, 0).presence) for scene in scenes)
    assert sum(len(finder.find(scene)) for scene in scenes) < 0.1 * proposed


def test_a_wide_refiner_without_a_close_one_is_not_used(tmp_path):
    shutil.copy(find_finder("finder"), tmp_path)
    shutil.copy(find_finder("finder").with_name("refiner.onnx"), tmp_path / "wide-refiner.onnx")
    assert Finder(tmp_path).refiners == []


@pytest.mark.svhn
def test_training_photos_of_svhn_are_read(finder, svhn_dir):
    folder = svhn_dir / "train"
    with DigitStruct(folder / DIGIT_STRUCT_FILE) as annotations:
        truth = {name: "".join(str(digit.label) for digit in annotations[name]) for name in list(annotations)[:100]}
    read = {name: finder.read_number(read_rgb(folder / name)) for name in truth}
    assert sum(number is not None and number.text == truth[name] for name, number in read.items()) >= 80


def test_read_command(tmp_path, finder):
    from click.testing import CliRunner

    from svhn.commands import cli

    rendered = render_photo(0, replace(CLEAR, digit_height=(28, 34), texts=("36",)))
    write_rgb(tmp_path / "house.png", rendered.photo)
    arguments = ["read", str(tmp_path / "house.png"), str(tmp_path / "missing.png")]
    result = CliRunner().invoke(
        cli, [*arguments, "--output", str(tmp_path / "read.jsonl"), "--draw", str(tmp_path / "drawn")]
    )
    assert result.exit_code == 1 and "missing.png" in result.stderr
    house, missing = map(json.loads, Path(tmp_path / "read.jsonl").read_text().splitlines())
    assert house["photo"].endswith("house.png") and missing["numbers"] == [] and missing["error"]
    (number,) = house["numbers"]
    assert number["text"] == "36" and set(number) == {"text", "written", "confidence", "box", "digits"}
    assert [set(digit) for digit in number["digits"]] == [{"label", "confidence", "box"}] * 2
    assert (read_rgb(tmp_path / "drawn" / "house.png") == (255, 40, 40)).all(axis=2).any()


def test_lines_keep_the_order_of_the_photos_for_any_number_of_workers(tmp_path):
    for number, text in enumerate(("36", "507", "8", "21")):
        (tmp_path / str(number)).mkdir()
        scene = render_photo(number, replace(CLEAR, digit_height=(28, 34), texts=(text,)))
        write_rgb(tmp_path / str(number) / "house.png", scene.photo)
    photos = sorted(tmp_path.glob("*/house.png"))
    lines = []
    for workers in (1, 3):
        lines.append([])
        drawn = tmp_path / f"drawn{workers}"
        assert not any(line.error for line in read_photos(photos, draw=drawn, show=lines[-1].append, workers=workers))
        assert len(list(drawn.iterdir())) == 4
    assert lines[0] == lines[1] and [line.photo for line in lines[0]] == [str(photo) for photo in photos]


def test_a_number_is_in_or_out_and_never_cut():
    """Two numbers, each of a sure and a less sure digit, and what is shown is what is compared."""

    def digit(left, presence):
        return FoundDigit(Box(left, 0, left + 10, 20), 3, presence, (0.1,) * 3 + (0.7,) + (0.0,) * 6)

    found = [digit(0, 0.97), digit(11, 0.7), digit(100, 0.88), digit(111, 0.66)]
    assert in_sure_numbers(found, 0.9) == found[:2]
    assert in_sure_numbers(found, 0.85) == found and in_sure_numbers(found, 0.98) == []
    shown = [number_confidence(number) for number in group_digits(found)]
    assert shown == [0.97, 0.88] and found[0].confidence == 0.97 and found[0].reading_confidence < 0.97
    assert number_confidence(Number((DigitBox(Box(0, 0, 5, 9)),))) is None


@pytest.mark.parametrize("least", [0.3, 0.65, 0.9, 0.99])
def test_the_threshold_takes_whole_numbers(least):
    """What a higher threshold leaves of a photo are numbers that a lower one found, digit by digit."""
    photo = render_photo(5, replace(SyntheticSettings(), texts=("1476",))).photo
    lower = Finder(config=FinderConfig(0.65, text_reader="none")).find_numbers(photo)
    for number in Finder(config=FinderConfig(least, 0.65, text_reader="none")).find_numbers(photo):
        assert number_confidence(number) >= least
        if least >= 0.65:
            assert number in lower

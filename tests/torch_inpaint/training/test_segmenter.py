"""The segmenter: what it sees, that the shipped one tells strokes from plates, and its training."""

import csv
import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from svhn.boxes import Box
from svhn.checkpoints import find_model
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.data.samples.strokes import make_stroke_sample
from svhn.errors import InputError
from svhn.runs.record import RunRecord
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.classifier.config import DEFAULT_CHECKPOINT
from svhn.torch_inpaint.classifier.nets import load_classifier
from svhn.torch_inpaint.removal.config import KeyPixelConfig, RemovalConfig
from svhn.torch_inpaint.removal.masks.segmenter import STEP, Segmenter, load_segmenter, look, save_segmenter, segment
from svhn.torch_inpaint.training.config import SegmenterTrainConfig
from svhn.torch_inpaint.training.segmenter import (
    QUANTUM,
    TALL,
    WIDE,
    SegmenterLearner,
    make_samples,
    stroke_loss,
    train_segmenter_network,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def unsure():
    """A remover that takes key pixels from the evidence alone."""
    return DigitRemover.from_checkpoint(device="cpu", config=RemovalConfig(key_pixels=KeyPixelConfig("evidence")))


def region(height: int = 50, width: int = 61) -> tuple:
    """What `look` wants, of noise."""
    rng = np.random.default_rng(height)
    pixels = rng.integers(0, 255, (height, width, 3), np.uint8)
    maps = rng.normal(size=(2, height, width)).astype(np.float32)
    return pixels, [Box(10, 12, 20, 32), Box(22, 12, 31, 32)], *maps


def test_a_look_is_standardised_and_padded_with_nothing():
    parts = region()
    sight, planes = look(*parts)
    height, width = sight.height, sight.width
    assert all(side % STEP == 0 for side in planes.shape[1:]) and planes.shape[0] == 7
    own = planes[:, :height, :width]
    assert not planes[:, height:].any() and not planes[:, :, width:].any()
    np.testing.assert_allclose(own[:5].mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose([own[:3].std(), own[3].std(), own[4].std()], 1, atol=0.01)
    assert (own[5] == 1).sum() == 20 * 19 and own[6].all()  # the boxes
    for box in parts[1]:
        assert sight.left <= box.left - 7 and sight.bottom >= box.bottom + 7


def test_brightness_and_contrast_do_not_matter():
    pixels, *rest = region()
    faint = (pixels // 2 + 60).astype(np.uint8)
    np.testing.assert_allclose(look(faint, *rest)[1], look(pixels, *rest)[1], atol=0.02)


@pytest.mark.parametrize("box", [Box(0, 0, 3, 5), Box(0, 0, 61, 50), Box(58, 40, 61, 50)])
def test_boxes_at_the_edge_get_probabilities(box):
    pixels, _, *rest = region()
    probability = segment(Segmenter((4, 4, 4)), pixels, [box], *rest)
    assert probability.shape == pixels.shape[:2] and probability.dtype == np.float32
    assert (probability[box.slices] > 0).all() and probability.max() <= 1


def test_what_lies_far_from_the_boxes_is_not_said_to_be_a_stroke():
    pixels, _, *rest = region(80, 120)
    probability = segment(Segmenter((4, 4, 4)), pixels, [Box(10, 10, 20, 30)], *rest)
    assert probability[5:35, 5:25].all() and not probability[45:].any() and not probability[:, 40:].any()


def test_on_a_plate_hardly_larger_than_its_number_the_ground_is_background(remover, unsure):
    """There the evidence alone takes more than half of the ground for ink."""
    settings = SyntheticSettings(plates=("enamel",), plate_margin=0.02, degradation=0.3, digit_height=(24, 44))
    shares = {"strokes": [], "evidence": []}
    for seed in range(30):
        sample = render_photo(seed, settings)
        boxes = [digit.box for digit in sample.digits]
        for seen, other in zip(remover.inspect(sample.photo, boxes), unsure.inspect(sample.photo, boxes), strict=True):
            if seen.region.pixels.shape[:2] == (seen.region.box.height, seen.region.box.width):
                change = np.abs(sample.photo.astype(int) - sample.clean).max(axis=2)[seen.region.box.slices]
                inside = np.zeros(change.shape, bool)
                for box in seen.region.boxes:
                    inside[box.slices] = True
                ground = inside & (change <= 1)
                if ground.sum() >= 30:
                    shares["strokes"].append(seen.keys.key_pixels[ground].mean())
                    shares["evidence"].append(other.keys.key_pixels[ground].mean())
                    # And what is learned from shows no digit.
                    assert (change[seen.keys.key_pixels] > 40).mean() < 0.01
    assert len(shares["strokes"]) >= 10
    assert np.mean(shares["strokes"]) > 0.6 and np.mean(shares["evidence"]) < 0.5


@pytest.mark.cuda
def test_cuda_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    parts = region()
    answers = [
        segment(load_segmenter(KeyPixelConfig.segmenter, torch.device(name)), *parts) for name in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(*answers, atol=1e-4)


def test_a_saved_segmenter_is_the_same_and_a_damaged_one_is_named(tmp_path):
    segmenter, parts = Segmenter((4, 4, 4)).requires_grad_(False), region()
    torch.nn.init.normal_(segmenter.answer.weight)
    save_segmenter(tmp_path / "model.pt", segmenter, {"a": 1})
    np.testing.assert_allclose(segment(load_segmenter(tmp_path, CPU), *parts), segment(segmenter, *parts), atol=1e-5)
    (tmp_path / "bad.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:500])
    with pytest.raises(InputError, match=r"bad\.pt.*train-segmenter"):
        load_segmenter(tmp_path / "bad.pt", CPU)
    with pytest.raises(InputError, match="no model found"):
        DigitRemover.from_checkpoint(device="cpu", config=RemovalConfig(key_pixels=KeyPixelConfig(segmenter="none")))


def test_samples_are_photos_with_boxes_and_what_numbers_change():
    for seed in range(40):
        sample = make_stroke_sample(np.random.default_rng(seed))
        height, width = sample.change.shape
        assert sample.photo.shape == (height, width, 3) and sample.boxes
        assert all(box.clip(width, height) == box for box in sample.boxes)
        inside = np.zeros((height, width), bool)
        for box in sample.boxes:
            inside[box.slices] = True
        assert sample.change[inside].mean() > 3 * sample.change[~inside].mean() if not inside.all() else True


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(find_model(DEFAULT_CHECKPOINT).path)


def test_samples_depend_on_seed_and_number_only(classifier):
    told = []
    few = make_samples(classifier, 3, (0, 1), lambda *step: told.append(step))
    more = make_samples(classifier, 6, (0, 1))
    assert told[-1] == (3, 3, "rendered regions") and [step[0] for step in told] == sorted({step[0] for step in told})
    assert few.planes.shape == (3, 7, TALL, WIDE) and few.change.shape == (3, TALL, WIDE)
    assert torch.equal(few.planes, more.planes[:3]) and torch.equal(few.change, more.change[:3])
    assert (few.planes[:, 6].float() * QUANTUM == 1).any() and few.change.any()


SHORT = SegmenterTrainConfig(iterations=6, samples=12, batch_size=4, warmup=2, interval=3)


@pytest.fixture(scope="module")
def few():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("svhn.torch_inpaint.training.segmenter.VALIDATION_SAMPLES", 5)
        yield


@pytest.fixture(scope="module")
def once(few, without_pictures, tmp_path_factory):
    """The folder of a run that others have to repeat, and its record."""
    run_dir = tmp_path_factory.mktemp("runs") / "once"
    return run_dir, train_segmenter_network(SHORT, run_dir).record


def test_a_run_leaves_everything_behind_and_repeats(once, tmp_path):
    (once, record), again = once, tmp_path / "again"
    train_segmenter_network(SHORT, again)
    weights = [torch.load(path / "model.pt")["weights"] for path in (once, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert RunRecord.read(once / "record.json").metrics == record.metrics
    assert record.metrics["parameters"] == sum(weight.numel() for weight in weights[0].values())
    with (once / "history.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["3", "6"]
    settings = json.loads((once / "config.json").read_text())
    assert settings["command"] == "train-segmenter" and settings["train"] == dataclasses.asdict(SHORT)
    assert settings["data"] == {"source": "rendered", "feature_maps": DEFAULT_CHECKPOINT}
    assert load_segmenter(once, CPU).channels == Segmenter().channels


def test_a_resumed_run_ends_where_it_would_have(once, few, tmp_path):
    def stop(progress):
        if progress.iteration == 3 and progress.scores:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_segmenter_network(SHORT, tmp_path / "cut", report=stop)
    with pytest.raises(InputError, match="other settings"):
        train_segmenter_network(replace(SHORT, learning_rate=1e-3), tmp_path / "cut", resume=True)
    train_segmenter_network(SHORT, tmp_path / "cut", resume=True)
    whole, cut = (torch.load(path / "model.pt")["weights"] for path in (once[0], tmp_path / "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_run_folders_and_precision_are_checked(few, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_segmenter_network(SHORT, tmp_path)
    with pytest.raises(InputError, match="precision"):
        replace(SHORT, precision="int8")


def test_it_learns(classifier):
    samples = make_samples(classifier, 12, (0,))
    learner = SegmenterLearner(replace(SHORT, iterations=30, batch_size=12, interval=1000), samples, samples, "maps")
    before = learner.measure()
    learner.advance(30)
    after = learner.measure()
    assert after["cross_entropy"] < 0.6 * before["cross_entropy"] and after["precision"] > before["precision"]


def test_pixels_outside_the_picture_and_far_from_the_boxes_do_not_count(classifier):
    samples = make_samples(classifier, 4, (0,))
    answer = torch.randn(4, TALL, WIDE)
    counted = samples.planes[:, 5].float() * QUANTUM > 0.1
    other = torch.where(counted, answer, 50.0)
    assert stroke_loss(other, samples, 3.0) == stroke_loss(answer, samples, 3.0)
    assert stroke_loss(torch.where(counted, 50.0, answer), samples, 3.0) != stroke_loss(answer, samples, 3.0)

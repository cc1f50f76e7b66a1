"""The finisher: what it may change, that batches do not matter, that the shipped one helps, and its training."""

import csv
import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.data.samples.photos import FinderPhoto
from svhn.errors import InputError
from svhn.runs.record import RunRecord
from svhn.torch_inpaint.removal.config import FillConfig
from svhn.torch_inpaint.removal.fills.finisher import (
    MARGIN,
    STEP,
    Finisher,
    Surroundings,
    Window,
    finish,
    load_finisher,
    save_finisher,
)
from svhn.torch_inpaint.removal.masks import KeyPixels
from svhn.torch_inpaint.removal.regions import fill_regions
from svhn.torch_inpaint.training.config import FinisherTrainConfig
from svhn.torch_inpaint.training.critic import close_view
from svhn.torch_inpaint.training.finisher import (
    GRAIN_STEP,
    FinisherLearner,
    make_patches,
    square_errors,
    train_finisher_network,
    with_grain,
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]
CPU = torch.device("cpu")
DEVICES = ("cpu", "cuda")


@pytest.fixture(scope="module")
def restless() -> Finisher:
    """One that adds something everywhere."""
    torch.manual_seed(0)
    finisher = Finisher((4, 4, 4))
    torch.nn.init.normal_(finisher.answer.weight, std=0.5)
    return finisher.requires_grad_(False)


def region(height: int = 30, width: int = 37) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A picture, a hole in it, and what is known; a stripe is neither."""
    generator = torch.Generator().manual_seed(height)
    images = 60 + 90 * torch.rand((1, 3, height, width), generator=generator)
    mask = torch.zeros((1, height, width), dtype=torch.bool)
    mask[:, 8:20, 10:25] = True
    known = ~mask
    known[:, :, 30:33] = False
    return images, mask, known


def test_only_the_hole_changes_and_stays_in_the_range_of_what_is_known(restless):
    images, mask, known = region()
    images[:, :, :, 30:33] = 255
    finished = restless(images, mask, known)
    hole = mask[:, None].expand_as(images)
    assert torch.equal(finished[~hole], images[~hole])
    assert not torch.equal(finished[hole], images[hole])
    for colour in range(3):
        seen = images[0, colour][known[0]]
        assert seen.min() <= finished[0, colour][mask[0]].min() and finished[0, colour][mask[0]].max() <= seen.max()


def test_what_is_not_known_leaves_no_trace(restless):
    images, mask, known = region()
    other = images.clone()
    other[:, :, :, 30:33] = 255
    assert torch.equal(
        restless(images, mask, known)[:, :, 8:20, 10:25], restless(other, mask, known)[:, :, 8:20, 10:25]
    )


def test_contrast_and_brightness_pass_through(restless):
    """Half the contrast gives half the change, as long as there is some."""
    images, mask, known = region()
    full, half = restless(images, mask, known), restless(images / 2 + 40, mask, known)
    torch.testing.assert_close(half, full / 2 + 40, atol=1e-3, rtol=0)


def test_before_it_learns_it_adds_nothing():
    images, mask, known = region()
    images = images.masked_fill(mask[:, None], 100)
    assert torch.equal(Finisher((4, 4, 4))(images, mask, known).detach(), images)


def test_a_padded_batch_gives_each_region_what_it_gets_alone(restless):
    parts = [region(30, 37), region(41, 33)]
    images, inside = torch.zeros(3, 3, 48, 40), torch.zeros(3, 48, 40, dtype=torch.bool)
    mask, known = inside.clone(), inside.clone()
    for i, (picture, hole, around) in enumerate(parts):
        height, width = hole.shape[1:]
        images[i, :, :height, :width], inside[i, :height, :width] = picture[0], True
        mask[i, :height, :width], known[i, :height, :width] = hole[0], around[0]
    inside[2] = True  # and one without a hole
    together = finish(restless, images, mask, known, inside)
    for i, part in enumerate(parts):
        alone = finish(restless, *part, torch.ones_like(part[1]))[0]
        assert not torch.equal(alone, part[0][0])
        assert torch.equal(together[i, :, : alone.shape[1], : alone.shape[2]], alone)
    assert torch.equal(together[2], images[2])


@pytest.mark.parametrize("top, left, height, width", [(8, 10, 12, 15), (0, 0, 5, 5), (60, 70, 4, 10), (0, 30, 64, 2)])
def test_a_window_shows_the_hole_and_what_is_around_it(top, left, height, width):
    hole = np.zeros((64, 80), bool)
    hole[top : top + height, left : left + width] = True
    window = Window.of(0, hole, *hole.shape)
    for part, start, length, size in ((window.rows, top, height, 64), (window.columns, left, width, 80)):
        assert 0 <= part.start <= max(0, start - MARGIN) and min(size, start + length + MARGIN) <= part.stop <= size
    assert all(side % STEP == 0 for side in window.shape)
    batch = torch.rand(1, 3, *hole.shape)
    copy = torch.zeros_like(batch)
    cut = window.cut(batch)
    assert cut.shape == (1, 3, *window.shape)
    window.paste(cut[0], copy)
    shown = np.zeros_like(hole)
    shown[window.rows, window.columns] = True
    assert torch.equal(copy, batch * torch.from_numpy(shown)) and shown[hole].all()


def test_what_lies_far_from_the_hole_does_not_count(restless):
    images, mask, known = region(60, 90)
    inside, other = torch.ones_like(mask), images.clone()
    other[:, :, 50:] = other[:, :, :, 60:] = 255
    finished = finish(restless, images, mask, known, inside)
    assert torch.equal(finished[:, :, :40, :40], finish(restless, other, mask, known, inside)[:, :, :40, :40])


@pytest.mark.parametrize("near", [0, 20])
def test_known_pixels_far_away_are_better_than_few(restless, near):
    images, mask, known = region(60, 90)
    known[:, :50, :60] = False
    known[:, 22, 5 : 5 + near] = True
    images[:, :, 22, 5 : 5 + near] = 90
    finished = finish(restless, images, mask, known, torch.ones_like(mask))
    assert torch.isfinite(finished).all()
    hole = finished[:, :, 8:20, 10:25]
    assert hole.max() - hole.min() > 20  # not held to the one colour that is near


def test_the_shipped_finisher_comes_closer_to_the_truth_and_to_its_texture():
    """On rendered walls, which it has never seen; closer in at least three of four holes."""
    gains, textures = [], {"steered": [], "finished": []}
    for seed in range(16):
        truth = render_photo(seed, SyntheticSettings(size=(96, 64))).clean
        mask = np.zeros(truth.shape[:2], bool)
        mask[20:44, 30:36] = mask[20:26, 30:60] = True
        both, errors = mask[:, 1:] & mask[:, :-1], []
        for method, found in textures.items():
            config = FillConfig(method, grain=0)
            (filled,) = fill_regions([(truth, KeyPixels(mask, ~mask))], config, CPU)
            errors.append(np.square(filled[mask] - truth[mask]).mean())
            strengths = [np.abs(np.diff(picture.astype(float), axis=1))[both].mean() for picture in (filled, truth)]
            found.append(np.log(strengths[0] / strengths[1]))
        gains.append(10 * np.log10(errors[0] / errors[1]))
    assert np.mean(np.array(gains) > 0) >= 0.75 and np.mean(gains) > 0.15
    assert np.abs(textures["finished"]).mean() < 0.8 * np.abs(textures["steered"]).mean()


@pytest.mark.cuda
def test_cuda_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    parts = region()
    answers = [load_finisher(FillConfig.finisher, torch.device(name))(*(p.to(name) for p in parts)) for name in DEVICES]
    assert (answers[0] - answers[1].cpu()).abs().max() < 0.0255  # 1e-4 of the range


def test_a_saved_finisher_is_the_same_and_a_damaged_one_is_named(restless, tmp_path):
    save_finisher(tmp_path / "model.pt", restless, {"a": 1})
    loaded = load_finisher(tmp_path, CPU)
    parts = region()
    torch.testing.assert_close(loaded(*parts), restless(*parts), atol=1e-3, rtol=0)
    (tmp_path / "bad.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:500])
    with pytest.raises(InputError, match=r"bad\.pt.*train-finisher"):
        load_finisher(tmp_path / "bad.pt", CPU)
    with pytest.raises(InputError, match="no model found"):
        load_finisher(tmp_path / "none", CPU)


SHORT = FinisherTrainConfig(iterations=6, patches=24, batch_size=4, warmup=2, interval=3, critic_from=2)


@pytest.fixture(scope="module")
def photos() -> dict[str, FinderPhoto]:
    """Rendered photos that show more than their number."""
    rendered = [render_photo(seed, SyntheticSettings(size=(140, 90), digit_height=(14, 24))) for seed in range(40)]
    return {f"{i}.png": FinderPhoto.of(one.photo, one.digits) for i, one in enumerate(rendered)}


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("svhn.torch_inpaint.training.finisher.VALIDATION_PATCHES", 10)
        patch.setattr("svhn.torch_inpaint.training.finisher.read_labelled", lambda folder, split, steps: photos)
        yield tmp_path_factory.mktemp("photos") / "svhn"


@pytest.fixture(scope="module")
def once(folder, without_pictures, tmp_path_factory):
    """The folder of a run that others have to repeat, and its record."""
    run_dir = tmp_path_factory.mktemp("runs") / "once"
    return run_dir, train_finisher_network(folder, SHORT, run_dir).record


def test_a_run_leaves_everything_behind_and_repeats(once, folder, tmp_path):
    (once, record), again = once, tmp_path / "again"
    train_finisher_network(folder, SHORT, again)
    weights = [torch.load(path / "model.pt")["weights"] for path in (once, again)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert RunRecord.read(once / "record.json").metrics == record.metrics
    assert record.metrics["parameters"] == sum(weight.numel() for weight in weights[0].values())
    with (once / "history.csv").open() as file:
        assert [row["iteration"] for row in csv.DictReader(file)] == ["3", "6"]
    settings = json.loads((once / "config.json").read_text())
    assert settings["command"] == "train-finisher" and settings["train"] == dataclasses.asdict(SHORT)
    assert load_finisher(once, CPU).channels == Finisher().channels


def test_a_resumed_run_ends_where_it_would_have(once, folder, tmp_path):
    def stop(progress):
        if progress.iteration == 3 and progress.scores:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_finisher_network(folder, SHORT, tmp_path / "cut", report=stop)
    with pytest.raises(InputError, match="other settings"):
        train_finisher_network(folder, replace(SHORT, learning_rate=1e-3), tmp_path / "cut", resume=True)
    train_finisher_network(folder, SHORT, tmp_path / "cut", resume=True)
    whole, cut = (torch.load(path / "model.pt")["weights"] for path in (once[0], tmp_path / "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_run_folders_are_guarded(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="not empty"):
        train_finisher_network(folder, SHORT, tmp_path)
    with pytest.raises(InputError, match="no run"):
        train_finisher_network(folder, SHORT, tmp_path / "none", resume=True)
    with pytest.raises(InputError, match="precision"):
        replace(SHORT, precision="int8")


def test_holes_are_told_of_as_they_are_filled(photos):
    told = []
    make_patches(list(photos.values()), 20, (0, 1), lambda *step: told.append(step))
    assert told == [(16, 20, "holes"), (20, 20, "holes")]


@pytest.fixture
def at_once(monkeypatch):
    """A critic has its whole weight from its first iteration on."""
    monkeypatch.setattr("svhn.torch_inpaint.training.config.CRITIC_RISE", 1)


def test_it_learns(photos):
    """Sixty steps on a few holes bring the fill closer to them."""
    patches = make_patches(list(photos.values()), 8, (0,))
    config = replace(SHORT, iterations=60, batch_size=8, interval=1000, critic=0)
    learner = FinisherLearner(config, patches, patches)
    with torch.no_grad():
        before = square_errors(patches, patches.filled.permute(0, 3, 1, 2).float())
    learner.advance(60)
    with torch.no_grad():
        finished = learner.averaged(patches.filled.permute(0, 3, 1, 2).float(), patches.mask, patches.known)
    assert (square_errors(patches, finished) + 2).log().mean() < (before + 2).log().mean() - 0.1


def test_grain_goes_where_the_hole_is_and_turns_with_it(photos):
    patches = with_grain(make_patches(list(photos.values()), 8, (0,)), Finisher())
    inside = patches.mask[..., None].expand_as(patches.grain)
    assert not patches.grain[~inside].any() and patches.grain[inside].any()
    alike = replace(patches, truth=patches.grain)
    for seed in range(8):
        changed = alike.changed(torch.Generator().manual_seed(seed))
        assert torch.equal(changed.grain, changed.truth)


def test_the_critic_sees_fills_with_their_grain(photos):
    patches = make_patches(list(photos.values()), 8, (0,))
    grain = torch.randint(-40, 40, patches.grain.shape, dtype=torch.int8) * patches.mask[..., None]
    painted = patches.filled.permute(0, 3, 1, 2).float()
    grained = (painted + GRAIN_STEP * grain.permute(0, 3, 1, 2)).clamp(0, 255)
    verdicts = []
    for part, seen in [(replace(patches, grain=grain), painted), (patches, grained)]:
        learner = FinisherLearner(SHORT, part, part)
        verdicts.append(learner._criticise(part, seen).item())
    assert verdicts[0] == verdicts[1]


def test_a_run_that_runs_away_stops_before_it_spoils_anything(photos, at_once):
    patches = make_patches(list(photos.values()), 4, (0,))
    learner = FinisherLearner(replace(SHORT, critic_from=0), patches, patches)
    learner.advance(1)
    before = [weights.clone() for weights in learner.net.parameters()]
    with torch.no_grad():
        learner.critic.fine_verdict.weight.fill_(torch.nan)
    with pytest.raises(InputError, match="ran away at iteration 1"):
        learner.advance(1)
    assert all(torch.equal(old, new) for old, new in zip(before, learner.net.parameters(), strict=True))


def test_surroundings_of_one_colour_give_no_infinite_gradient():
    truth, mask = torch.full((1, 3, 16, 16), 90.0), torch.zeros(1, 16, 16, dtype=torch.bool)
    mask[:, 5:11, 5:11] = True
    view, fill = Surroundings.of(truth, mask, ~mask), truth.clone().requires_grad_()
    close_view(view, fill).square().sum().backward()
    assert torch.isfinite(fill.grad).all()


def test_the_critic_is_absent_until_its_time_and_then_gains_weight():
    config = FinisherTrainConfig(critic=2.0, critic_from=1_000)
    assert [config.critic_weight(iteration) for iteration in (0, 999, 1_249, 1_499, 9_999)] == [0, 0, 1, 2, 2]


def test_the_critic_learns_to_tell_fill_from_truth(photos, at_once):
    patches = make_patches(list(photos.values()), 16, (0,))
    config = replace(SHORT, iterations=25, batch_size=8, interval=1000, critic_from=0)
    learner = FinisherLearner(config, patches, patches)
    truth, filled = (images.permute(0, 3, 1, 2).float() for images in (patches.truth, patches.filled))
    view = Surroundings.of(truth, patches.mask, patches.known)
    learner.advance(25)
    with torch.no_grad():
        finished = learner.net(filled, patches.mask, patches.known)  # what it is trained to tell
        real, fake = (learner.critic(close_view(view, images), view.hole) for images in (truth, finished))
    assert (real > fake).float().mean() > 0.8


def test_what_pleases_the_critic_looks_more_real_to_it(photos, at_once):
    """A step of the fill down its verdict's slope raises the critic's score of it; and the critic stays trainable."""
    patches = make_patches(list(photos.values()), 4, (0,))
    learner = FinisherLearner(replace(SHORT, critic_from=0), patches, patches)
    filled = patches.filled.permute(0, 3, 1, 2).float().requires_grad_()
    verdict = learner._criticise(patches, filled)
    verdict.backward()
    view = Surroundings.of(patches.truth.permute(0, 3, 1, 2).float(), patches.mask, patches.known)
    with torch.no_grad():
        before, after = (
            learner.critic(close_view(view, images), view.hole).sum() for images in (filled, filled - 100 * filled.grad)
        )
    assert after > before
    assert all(weights.requires_grad for weights in learner.critic.parameters())


def test_the_network_that_is_kept_lies_between_those_before_and_after_the_critic(photos):
    patches = make_patches(list(photos.values()), 4, (0,))
    learner = FinisherLearner(replace(SHORT, critic_from=2, critic_share=0.25), patches, patches)
    learner.advance(2)
    assert learner.kept() is learner.averaged.module
    before = {name: value.clone() for name, value in learner.averaged.module.state_dict().items()}
    learner.advance(4)
    after, kept = learner.averaged.module.state_dict(), learner.kept().state_dict()
    assert not torch.equal(before["answer.weight"], after["answer.weight"])
    for name, value in kept.items():
        torch.testing.assert_close(value, 0.75 * before[name] + 0.25 * after[name])

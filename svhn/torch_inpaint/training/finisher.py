"""Training runs of the finisher, on holes in digit-free places of photos: nobody has to label anything."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from svhn.data import LICENCE_NOTE, Report, silent
from svhn.data.extra import UNLABELLED
from svhn.data.samples import SIDE, FinderPhoto, HoleConfig, make_patch, read_labelled, read_listed, split_validation
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.torch_inpaint.classifier import seed_of
from svhn.torch_inpaint.device import channels_last
from svhn.torch_inpaint.learner import set_rate
from svhn.torch_inpaint.removal import FillConfig, Finisher, KeyPixels, Surroundings, fill_regions, grain_like
from svhn.torch_inpaint.training.config import FINISHER_COMMAND, FinisherTrainConfig
from svhn.torch_inpaint.training.critic import PENALTY, PENALTY_EVERY, Critic, close_view, preference, steepness
from svhn.torch_inpaint.training.learner import Network, NetworkLearner

PACKAGES = ("torch", "numpy", "opencv-python-headless")
FILL_BATCH = 16
VALIDATION_PATCHES, VALIDATION_BATCH = 600, 50
# Of squared grey levels: errors smaller than this are as good as none.
ENOUGH = 2.0
GRAIN_STEP = 0.25
DECIBEL = 10 / np.log(10)
# Square error, as a share of the largest one, below which two pictures are as good as equal: 60 dB.
LEAST_ERROR = 1e-6
# What random numbers are drawn for.
TRAINING, VALIDATION, ORDER = range(3)
# Of Adam, for the critic: its learning rate beside a finisher's of 1, and how long it remembers.
CRITIC_LR, CRITIC_BETAS = 2.0, (0.5, 0.99)


@dataclass(frozen=True)
class Patches:
    """Patches padded to `SIDE` at the bottom and right.

    Attributes
    ----------
    truth, filled : torch.Tensor uint8 (N, SIDE, SIDE, 3)
        What is really there, and the same with the GRNN's fill.
    mask, known : torch.Tensor bool (N, SIDE, SIDE)
    grain : torch.Tensor int8 (N, SIDE, SIDE, 3)
        What is added to the finished hole, see `with_grain`, in steps of `GRAIN_STEP` grey levels.
    """

    truth: torch.Tensor
    filled: torch.Tensor
    mask: torch.Tensor
    known: torch.Tensor
    grain: torch.Tensor

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, index: torch.Tensor | slice) -> "Patches":
        return Patches(*(getattr(self, field.name)[index] for field in dataclasses.fields(self)))

    def changed(self, generator: torch.Generator) -> "Patches":
        """Mirror and turn all of them alike, and let the colour channels change places."""
        flip_x, flip_y, turn = (torch.rand(3, generator=generator) < 0.5).tolist()
        axes = [1] * flip_y + [2] * flip_x
        parts = {field.name: getattr(self, field.name).flip(axes) for field in dataclasses.fields(self)}
        parts = {name: part.transpose(1, 2) for name, part in parts.items()} if turn else parts
        colours = torch.randperm(3, generator=generator)
        return Patches(**{name: part[..., colours] if part.ndim == 4 else part for name, part in parts.items()})


def train_finisher_network(
    folder: str | Path,
    config: FinisherTrainConfig,
    run_dir: str | Path,
    pseudo: str | Path | None = None,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
) -> RunResult:
    """Train a finisher and leave a run folder with `model.pt`, `history.csv`, `report.png` and `record.json`.

    Parameters
    ----------
    folder : str or Path
        With SVHN's `train/` in Format 1, and where there are any, photos without labels in `unlabelled/`. Boxes are
        only used to keep away from digits.
    config : FinisherTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    pseudo : str or Path, optional
        CSV file with digits of the unlabelled photos; without it they are not used.
    resume : bool
        Go on from what was saved last, as if nothing had happened.
    report : callable
        Called with a Progress, see `svhn.runs.run_training`.
    steps : callable
        Called as `svhn.data.Report` while photos and holes are made ready.

    Raises
    ------
    InputError
        When the data are missing or show no room for holes, `run_dir` does not suit, or the training ran away.
    """
    data = {"source": Path(folder).name, "licence": LICENCE_NOTE, "split_rule": "by photo"}
    run = RunFolder(run_dir)
    run.open(FINISHER_COMMAND, config, data, resume, holes=HoleConfig())
    labelled = read_labelled(folder, "train", steps)
    training, validation = split_validation(labelled, config.seed)
    photos = [labelled[name] for name in training] + read_listed(Path(folder) / UNLABELLED, pseudo)
    held_back = [labelled[name] for name in validation]
    patches = make_patches(photos, config.patches, (config.seed, TRAINING), steps)
    checks = make_patches(held_back, VALIDATION_PATCHES, (config.seed, VALIDATION), steps)
    learner = FinisherLearner(config, patches, checks)
    counts = {"train": len(photos), "validation": len(validation)}
    record = RunRecord.new(FINISHER_COMMAND, config, data | {"photos": counts}, PACKAGES)
    record.config["holes"] = dataclasses.asdict(HoleConfig())
    return run_training(learner, run, Plan(config.iterations, config.interval), record, resume, report)


def make_patches(photos: Sequence[FinderPhoto], count: int, seed: tuple[int, ...], steps: Report = silent) -> Patches:
    """Make patches and let the GRNN, alone, fill their holes; each depends on seed and number only."""
    truth, filled = (np.zeros((count, SIDE, SIDE, 3), np.uint8) for _ in range(2))
    mask, known = (np.zeros((count, SIDE, SIDE), bool) for _ in range(2))
    config = FillConfig("steered", grain=0.0)
    for start in range(0, count, FILL_BATCH):
        numbers = range(start, min(start + FILL_BATCH, count))
        made = [make_patch(photos, np.random.default_rng([*seed, number])) for number in numbers]
        regions = [(patch.pixels, KeyPixels(patch.mask, patch.known)) for patch in made]
        for number, patch, answer in zip(
            numbers, made, fill_regions(regions, config, torch.device("cpu")), strict=True
        ):
            own = (number, slice(patch.mask.shape[0]), slice(patch.mask.shape[1]))
            truth[own], filled[own] = patch.pixels, np.clip(np.rint(answer), 0, 255)
            mask[own], known[own] = patch.mask, patch.known
        steps(numbers.stop, count, "holes")
    return Patches(*map(torch.from_numpy, (truth, filled, mask, known, np.zeros(truth.shape, np.int8))))


def with_grain(patches: Patches, finisher: Finisher) -> Patches:
    """Return the patches with the grain that a finisher's fill gets in a photo that shows no traces of JPEG."""
    grain = np.zeros(patches.truth.shape, np.int8)
    for start in range(0, len(patches), VALIDATION_BATCH):
        part = patches.take(slice(start, start + VALIDATION_BATCH))
        with torch.inference_mode():
            finished = finisher(_planes(part.filled), part.mask, part.known).permute(0, 2, 3, 1).contiguous()
        rows = (part.truth.numpy(), finished.numpy(), part.mask.numpy(), part.known.numpy())
        for number, row in enumerate(zip(*rows, strict=True), start=start):
            steps = np.rint(grain_like(*row, FillConfig.grain) / GRAIN_STEP)
            grain[number] = np.clip(steps, -127, 127)
    return dataclasses.replace(patches, grain=torch.from_numpy(grain))


def square_errors(patches: Patches, images: torch.Tensor) -> torch.Tensor:
    """Return the mean square error inside each hole, (N,), of pictures (N, 3, SIDE, SIDE) float32."""
    hole = patches.mask[:, None]
    errors = (images - _planes(patches.truth)).square() * hole
    return errors.sum(dim=(1, 2, 3)) / (3 * hole.sum(dim=(1, 2, 3)))


def decibels(errors: torch.Tensor) -> torch.Tensor:
    """Return the peak signal-to-noise ratio of square errors in grey levels; 60 dB is as good as equal."""
    return -DECIBEL * (errors / 255**2).clamp(min=LEAST_ERROR).log()


def _planes(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.permute(0, 3, 1, 2).float()


class FinisherLearner(NetworkLearner):
    """A finisher while it learns: the network, its running average, and its critic.

    Parameters
    ----------
    config : FinisherTrainConfig
    patches, validation : Patches
    """

    kind = "finisher"
    cure = "a lower --learning-rate or --critic, or fewer --iterations after --critic-from"
    parts = (*NetworkLearner.parts, "critic", "critic_optimizer")
    config: FinisherTrainConfig

    def __init__(self, config: FinisherTrainConfig, patches: Patches, validation: Patches):
        super().__init__(config, Finisher)
        self.patches, self.validation = patches, validation
        self.critic = channels_last(Critic())
        self.critic_optimizer = torch.optim.Adam(self.critic.parameters(), config.learning_rate, betas=CRITIC_BETAS)
        self.smooth: dict[str, torch.Tensor] | None = None  # weights from before the critic

    def step(self) -> torch.Tensor:
        weight = self.config.critic_weight(self.iteration)
        if weight and self.smooth is None:
            self.smooth = {name: value.clone() for name, value in self.averaged.module.state_dict().items()}
            self._add_grain(self.smooth)
        batch = self._batch()
        with self.precision():
            finished = self.net(_planes(batch.filled), batch.mask, batch.known)
        # In decibels, as the peak signal-to-noise ratio: a hole in a busy place counts no more than one in a calm one.
        loss = error = DECIBEL * (square_errors(batch, finished) + ENOUGH).log().mean()
        if weight:
            loss = error + weight * self._criticise(batch, finished)
        self.descend(loss)
        return error.detach().double()[None]

    def _add_grain(self, smooth: dict[str, torch.Tensor]) -> None:
        """Give the patches the grain that fills get of the network as it was before the critic."""
        early = channels_last(Finisher())
        early.load_state_dict(smooth)
        self.patches = with_grain(self.patches, early)

    def _criticise(self, batch: Patches, finished: torch.Tensor) -> torch.Tensor:
        """Let the critic learn to tell fill with grain from truth; return how much less real the fill looks to it."""
        truth, critic = _planes(batch.truth), self.critic
        view = Surroundings.of(truth, batch.mask, batch.known)  # of the surroundings, which are the same for both
        shown = (finished + GRAIN_STEP * _planes(batch.grain)).clamp(0, 255)
        rounded = shown + (shown.round() - shown).detach()  # as the truth; whole levels tell nothing then
        seen, painted, hole = close_view(view, truth), close_view(view, rounded), view.hole
        with self.precision():
            real = critic(seen, hole)
            loss = preference(real, critic(painted.detach(), hole))
        if self.iteration % PENALTY_EVERY == 0:
            steep = steepness(critic, seen, hole) + steepness(critic, painted, hole)
            loss = loss + PENALTY_EVERY * PENALTY / 2 * steep
        set_rate(self.critic_optimizer, CRITIC_LR * self.rate())
        self.critic_optimizer.zero_grad()
        loss.backward()
        self.critic_optimizer.step()
        critic.requires_grad_(False)
        with self.precision():
            verdict = preference(critic(painted, hole), real.detach())
        critic.requires_grad_(True)
        return verdict

    def _batch(self) -> Patches:
        """Return the batch of this iteration, a pure function of the seed."""
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, ORDER, self.iteration))
        chosen = torch.randint(len(self.patches), (self.config.batch_size,), generator=generator)
        return self.patches.take(chosen).changed(generator)

    def kept(self) -> Network:
        if self.smooth is None:
            return super().kept()
        share, kept = self.config.critic_share, channels_last(Finisher())
        late = self.averaged.module.state_dict()
        kept.load_state_dict({name: value.lerp(late[name], share) for name, value in self.smooth.items()})
        return kept

    def score(self, network: Network) -> dict[str, float]:
        """Fill the validation patches."""
        before, after = [], []
        with torch.inference_mode():
            for start in range(0, len(self.validation), VALIDATION_BATCH):
                part = self.validation.take(slice(start, start + VALIDATION_BATCH))
                filled = _planes(part.filled)
                before.append(square_errors(part, filled))
                after.append(square_errors(part, network(filled, part.mask, part.known)))
        psnr = decibels(torch.cat(after))
        gain = psnr - decibels(torch.cat(before))
        scores = {"psnr": psnr.mean(), "gain": gain.mean(), "wins": (gain > 0).float().mean()}
        return {name: float(value) for name, value in scores.items()}

    def state(self) -> dict[str, Any]:
        return super().state() | {"smooth": self.smooth}

    def set_state(self, state: dict[str, Any]) -> None:
        super().set_state(state)
        self.smooth = state["smooth"]
        if self.smooth is not None:
            self._add_grain(self.smooth)

"""Training runs of the segmenter, on rendered numbers, whose background is known: neither photos nor labels."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from svhn.checkpoints import find_model
from svhn.data import Report, silent
from svhn.data.samples import StrokeSample, make_stroke_sample
from svhn.runs import Plan, ProgressReport, RunFolder, RunRecord, RunResult, ignore, run_training
from svhn.torch_inpaint.classifier import (
    DEFAULT_CHECKPOINT,
    Classifier,
    first_layer_hash,
    load_classifier,
    reduced_maps,
    seed_of,
)
from svhn.torch_inpaint.removal import NEARNESS, PLANES, SIGHT, RemovalConfig, Segmenter, cut_numbers, look
from svhn.torch_inpaint.training.config import SEGMENTER_COMMAND, SegmenterTrainConfig
from svhn.torch_inpaint.training.learner import Network, NetworkLearner

PACKAGES = ("torch", "numpy", "opencv-python-headless")
# Size of the pictures that it learns from; larger regions are cut at random.
TALL, WIDE = 80, 112
# Planes are kept as whole numbers of this.
QUANTUM = 1 / 32
VALIDATION_SAMPLES, VALIDATION_BATCH = 400, 50
# A stroke that changes a pixel by so many grey levels more counts twice, up to four times as much as background.
HEAVIER, HEAVIEST = 15.0, 3.0
# What random numbers are drawn for.
TRAINING, VALIDATION, ORDER = range(3)
# Planes of `look`.
COLOURS, NEAR, PICTURE = slice(3), 5, 6


@dataclass(frozen=True)
class Samples:
    """Regions around numbers, padded to `TALL` x `WIDE`.

    Attributes
    ----------
    planes : torch.Tensor int8 (N, 7, TALL, WIDE)
        See `look`, in units of `QUANTUM`.
    change : torch.Tensor uint8 (N, TALL, WIDE)
        By how much the numbers change a pixel, in quarters of grey levels.
    """

    planes: torch.Tensor
    change: torch.Tensor

    def __len__(self) -> int:
        return len(self.planes)

    def take(self, index: torch.Tensor | slice) -> "Samples":
        return Samples(self.planes[index], self.change[index])


def train_segmenter_network(
    config: SegmenterTrainConfig,
    run_dir: str | Path,
    model: str | Path = DEFAULT_CHECKPOINT,
    resume: bool = False,
    report: ProgressReport = ignore,
    steps: Report = silent,
) -> RunResult:
    """Train a segmenter and leave a run folder with `model.pt`, `history.csv`, `report.png` and `record.json`.

    Parameters
    ----------
    config : SegmenterTrainConfig
    run_dir : str or Path
        A new or empty folder, or with `resume` the folder of a run with the same config.
    model : str or Path
        Checkpoint of the classifier whose first-layer feature maps it sees.
    resume : bool
        Go on from what was saved last, as if nothing had happened.
    report : callable
        Called with a Progress, see `svhn.runs.run_training`.
    steps : callable
        Called as `svhn.data.Report` while samples are made ready.

    Raises
    ------
    InputError
        When `model` or `run_dir` does not suit, or the training ran away.
    """
    classifier = load_classifier(find_model(model).path)
    folder = RunFolder(run_dir)
    folder.open(SEGMENTER_COMMAND, config, {"source": "rendered", "feature_maps": Path(model).name}, resume)
    samples = make_samples(classifier, config.samples, (config.seed, TRAINING), steps)
    held_back = make_samples(classifier, VALIDATION_SAMPLES, (config.seed, VALIDATION), steps)
    counts = {"train": len(samples), "validation": len(held_back)}
    data = {"source": "rendered", "regions": counts, "feature_maps": Path(model).name}
    record = RunRecord.new(SEGMENTER_COMMAND, config, data, PACKAGES)
    learner = SegmenterLearner(config, samples, held_back, first_layer_hash(classifier))
    return run_training(learner, folder, Plan(config.iterations, config.interval), record, resume, report)


def make_samples(classifier: Classifier, count: int, seed: tuple[int, ...], steps: Report = silent) -> Samples:
    """Render numbers and look at their regions; each photo depends on seed and number only."""
    planes = np.zeros((count, PLANES, TALL, WIDE), np.int8)
    change = np.zeros((count, TALL, WIDE), np.uint8)
    made = number = 0
    while made < count:
        rng = np.random.default_rng([*seed, number])
        for seen, changed in _regions(classifier, make_stroke_sample(rng))[: count - made]:
            rows, columns = (_draw_part(rng, *sides) for sides in zip(changed.shape, (TALL, WIDE), strict=True))
            seen, changed = seen[:, rows, columns], changed[rows, columns]
            height, width = changed.shape
            planes[made, :, :height, :width] = np.clip(np.rint(seen / QUANTUM), -127, 127)
            change[made, :height, :width] = np.clip(np.rint(4 * changed), 0, 255)
            made += 1
        number += 1
        steps(made, count, "rendered regions")
    return Samples(torch.from_numpy(planes), torch.from_numpy(change))


def _draw_part(rng: np.random.Generator, size: int, most: int) -> slice:
    """Draw a part of at most `most` pixels."""
    first = int(rng.integers(max(0, size - most) + 1))
    return slice(first, first + most)


def _regions(classifier: Classifier, sample: StrokeSample) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return what the network sees (7, h, w) of each number of a photo, and by how much it changes pixels (h, w)."""
    regions = []
    for _, region in cut_numbers(0, sample.photo, sample.boxes, RemovalConfig()):
        sight, planes = look(region.pixels, region.boxes, *reduced_maps(classifier, region.pixels))
        change = cv2.resize(sample.change[region.box.slices], region.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
        padded = np.zeros(planes.shape[1:], np.float32)
        padded[: sight.height, : sight.width] = change[sight.slices]
        regions.append((planes, padded))
    return regions


class SegmenterLearner(NetworkLearner):
    """A segmenter while it learns.

    Parameters
    ----------
    config : SegmenterTrainConfig
    samples, validation : Samples
    feature_maps : str
        `first_layer_hash` of the classifier whose maps they hold.
    """

    kind = "segmenter"
    means = ("cross_entropy",)
    config: SegmenterTrainConfig

    def __init__(self, config: SegmenterTrainConfig, samples: Samples, validation: Samples, feature_maps: str):
        super().__init__(config, Segmenter)
        self.samples, self.validation, self.feature_maps = samples, validation, feature_maps

    def origin(self) -> dict[str, str]:
        return {"feature_maps": self.feature_maps}

    def step(self) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, ORDER, self.iteration))
        chosen = torch.randint(len(self.samples), (self.config.batch_size,), generator=generator)
        batch = self.samples.take(chosen)
        planes = _planes(batch)
        planes[:, COLOURS] = planes[:, torch.randperm(3, generator=generator)]
        with self.precision():
            answer = self.net(planes.contiguous(memory_format=torch.channels_last))
        loss = stroke_loss(answer.float(), batch, self.config.visible)
        self.descend(loss)
        return loss.detach().double()[None]

    def score(self, network: Network) -> dict[str, float]:
        """Look for the strokes of the validation regions."""
        losses, hits, said, true = [], 0, 0, 0
        for start in range(0, len(self.validation), VALIDATION_BATCH):
            part = self.validation.take(slice(start, start + VALIDATION_BATCH))
            with torch.inference_mode():
                answer = network(_planes(part))
            strokes, near = _strokes(part, self.config.visible), _near(part)
            losses.append(stroke_loss(answer, part, self.config.visible).item())
            hits += int(((answer > 0) & strokes & near).sum())
            said += int(((answer > 0) & near).sum())
            true += int((strokes & near).sum())
        return {
            "cross_entropy": float(np.mean(losses)),
            "recall": hits / max(true, 1),
            "precision": hits / max(said, 1),
        }


def stroke_loss(answer: torch.Tensor, samples: Samples, visible: float) -> torch.Tensor:
    """Return the weighted mean cross entropy of logits (N, H, W) where there may be digits."""
    strokes = _strokes(samples, visible)
    more = (samples.change.float() / (4 * HEAVIER)).clamp(max=HEAVIEST)
    weight = _near(samples) * (1 + more * strokes)
    losses = functional.binary_cross_entropy_with_logits(answer, strokes.float(), reduction="none")
    return (losses * weight).sum() / weight.sum()


def _planes(samples: Samples) -> torch.Tensor:
    return samples.planes.float() * QUANTUM


def _strokes(samples: Samples, visible: float) -> torch.Tensor:
    """Return where the numbers change more than `visible` grey levels, bool (N, H, W)."""
    return samples.change.float() > 4 * visible


def _near(samples: Samples) -> torch.Tensor:
    """Return where an answer is wanted, bool (N, H, W): in the picture, not too far from the boxes."""
    least = np.exp(-SIGHT / NEARNESS)
    return (samples.planes[:, NEAR].float() * QUANTUM > least) & (samples.planes[:, PICTURE] > 0)

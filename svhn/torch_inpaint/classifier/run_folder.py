"""The folder of a training run: settings, measures, state, network, results, record."""

import csv
import dataclasses
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from svhn.errors import InputError
from svhn.files import TEMPORARY_PREFIX, ensure_folder, remove_leftovers, replacing, write_json
from svhn.runs import RunRecord
from svhn.torch_inpaint.classifier.config import TrainConfig

COMMAND = "train-torch"


@dataclass(frozen=True)
class Epoch:
    """One row of the run's measures; `loss` is the mean over the training digits, `seconds` include validation."""

    epoch: int
    loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float

    def as_row(self) -> dict[str, float]:
        return dataclasses.asdict(self)


class RunFolder:
    """The files of one run; `<stem>` is the folder's name."""

    def __init__(self, path: Path):
        self.path, self.stem = path, path.resolve().name
        self.model, self.state = path / "model.pt", path / "state.pt"
        self.measures, self.results = path / f"{self.stem}_measures.csv", path / f"{self.stem}_results.txt"

    def open(self, config: TrainConfig, provenance: dict, resume: bool) -> None:
        """Make the folder and write `config.json`, or check that this run may be resumed with these settings.

        Raises
        ------
        InputError
            When the folder is used, or holds another run than the one to resume.
        """
        settings = {"command": COMMAND, "train": dataclasses.asdict(config), "data": provenance}
        if resume:
            self._check(json.loads(json.dumps(settings, default=str)))
            remove_leftovers(self.path, older_than=0)
            return
        if any(not file.name.startswith(TEMPORARY_PREFIX) for file in ensure_folder(self.path).iterdir()):
            raise InputError(f"{self.path}: this folder is not empty; choose another --id or add --resume")
        remove_leftovers(self.path, older_than=0)
        write_json(self.path / "config.json", settings)

    def _check(self, settings: dict) -> None:
        stored = _read_settings(self.path)
        if stored["train"] != settings["train"]:
            raise InputError(f"{self.path}: this run has other settings than asked for; resume it without giving any")
        if stored.get("data", settings["data"]) != settings["data"]:
            raise InputError(f"{self.path}: this run began with other data; resume it with the same --data")
        if (self.path / "record.json").exists():
            raise InputError(f"{self.path}: this run is finished; start a new one with another --id")

    def read_state(self) -> dict[str, Any] | None:
        """Return what `write_state` was given last, or None when no epoch was finished."""
        if not self.state.exists():
            return None
        try:
            return torch.load(self.state, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises many kinds of error on damaged files
            raise InputError(f"{self.state}: damaged ({error}); delete it to begin this run anew") from error

    def write_state(self, state: dict[str, Any]) -> None:
        buffer = io.BytesIO()
        torch.save(state, buffer)
        with replacing(self.state) as temporary:
            temporary.write_bytes(buffer.getvalue())

    def write_measures(self, history: list[Epoch]) -> None:
        with replacing(self.measures) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in dataclasses.fields(Epoch)])
            writer.writeheader()
            writer.writerows(row.as_row() for row in history)

    def write_results(
        self,
        net: nn.Module,
        optimizer: torch.optim.Optimizer,
        history: list[Epoch],
        record: RunRecord,
        report: dict[str, Any] | None,
    ) -> None:
        """Write what the reference wrote after a run: the network, how it was trained, accuracy in all and by digit."""
        config, metrics = record.config, record.metrics
        lines = [
            str(net),
            "",
            f"Network: {config['net']}",
            f"Weights and biases: {metrics['parameters']:,}",
            f"Epochs: {config['epochs']}, the best by validation: {metrics['best_epoch']}",
            f"Learning rate: {config['lr']}, {config['schedule']}",
            f"Batch size: {config['batch']}",
            f"Loss function: cross-entropy, label smoothing {config['label_smoothing']}",
            f"Final loss: {history[-1].loss:.4f}",
            f"Device: {metrics['device']}, {metrics['processes']} processes of {metrics['threads']} threads",
            f"Seconds: {metrics['seconds']:.0f}",
            f"Optimizer:\n{optimizer}",
            "",
            f"Accuracy on the {record.data['digits']['validation']:,} validation digits: "
            f"{metrics['validation_accuracy']:.2%}",
        ]
        if report:
            lines += [f"Accuracy on the {report['n']:,} test digits: {report['accuracy']:.2%}", ""]
            lines += [f"Accuracy of {row['digit']}: {row['recall']:.1%}" for row in report["per_class"]]
        with replacing(self.results) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def close(self, record: RunRecord) -> None:
        """Write the record, which says that the run is finished, and drop the state."""
        record.write(self.path / "record.json")
        self.state.unlink(missing_ok=True)


def read_config(run_dir: str | Path) -> TrainConfig:
    """Read the settings of a run folder."""
    return TrainConfig(**_read_settings(Path(run_dir))["train"])


def _read_settings(run_dir: Path) -> dict:
    path = run_dir / "config.json"
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        TrainConfig(**settings["train"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the config of a train-torch run ({error}); name one with --id") from error
    return settings

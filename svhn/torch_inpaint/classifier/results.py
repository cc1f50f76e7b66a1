"""The results file that the reference wrote after every run: the network, how it was trained, accuracy by digit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from svhn.files import replacing
from svhn.runs import BY_ACCURACY, Row, best_of
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig


def write_results(
    folder: Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: ConvNetTrainConfig,
    history: Sequence[Row],
    metrics: dict[str, Any],
    report: dict[str, Any] | None,
) -> None:
    """Write `<folder's name>_results.txt`.

    Parameters
    ----------
    folder : Path
        Of the run.
    net : Module
        The network that was kept.
    optimizer : Optimizer
    config : ConvNetTrainConfig
    history : sequence of Row
    metrics : dict
        Of the run's record: `parameters`, `best_epoch`, `seconds`, `device`, `processes`, `threads`.
    report : dict or None
        See `svhn.metrics.classification_report`, on the test split; None where there is none.
    """
    lines = [
        str(net),
        "",
        f"Network: {config.net}",
        f"Weights and biases: {metrics['parameters']:,}",
        f"Epochs: {config.epochs}, the best by validation: {metrics['best_epoch']}",
        f"Learning rate: {config.learning_rate}, {config.schedule}",
        f"Batch size: {config.batch_size}",
        f"Loss function: cross-entropy, label smoothing {config.label_smoothing}",
        f"Final loss: {history[-1]['loss']:.4f}",
        f"Device: {metrics['device']}, {metrics['processes']} processes of {metrics['threads']} threads",
        f"Seconds: {metrics['seconds']:.0f}",
        f"Optimizer:\n{optimizer}",
        "",
        f"Accuracy on the validation digits: {best_of(history, BY_ACCURACY)['validation_accuracy']:.2%}",
    ]
    if report:
        lines += [f"Accuracy on the {report['n']:,} test digits: {report['accuracy']:.2%}", ""]
        lines += [f"Accuracy of {row['digit']}: {row['recall']:.1%}" for row in report["per_class"]]
    with replacing(folder / f"{folder.resolve().name}_results.txt") as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")

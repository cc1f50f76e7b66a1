"""What is left of the digits after `remove-digits` without boxes, for a reader that the removal does not know."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from benchmarks.removal.legible import SURE, read_report
from svhn.crops import crop_digit
from svhn.data.samples import FinderPhoto
from svhn.finder import Finder, FinderReader
from svhn.torch_inpaint.removal import DigitRemover


def remove_found(finder: Finder, photos: Mapping[str, FinderPhoto], judge: str) -> dict[str, Any]:
    """Find and remove as `remove-digits` does, then let `judge`, a TensorFlow model, read the annotated boxes."""
    torch.set_num_threads(1)
    remover = DigitRemover.from_checkpoint(readers=[FinderReader(finder)])
    crops, labels, seconds, numbers = {"before": [], "after": []}, [], 0.0, []
    for photo in photos.values():
        began = time.perf_counter()
        result = remover.remove(photo.pixels, finder.find(photo.pixels))
        seconds += time.perf_counter() - began
        numbers += result.numbers
        for digit in photo.digits:
            labels.append(digit.label)
            crops["before"].append(crop_digit(photo.pixels, digit.box))
            crops["after"].append(crop_digit(result.image, digit.box))
    report = read_report(crops, np.array(labels), judge)
    return report | {
        "judge": judge,
        "photos": len(photos),
        "digits": len(labels),
        "photos_per_second": len(photos) / seconds,
        "widened": float(np.mean([number.rounds > 0 for number in numbers])),
        "legible_by_own_account": float(np.mean([number.legible for number in numbers])),
    }


def describe(report: Mapping[str, Any]) -> str:
    """Return the measures of `remove_found` as a line."""
    before, after = report["before"], report["after"]
    low, high = after["interval"]
    return (
        f"after remove-digits without boxes {report['judge']} reads {after['true_digit_read']:.1%} "
        f"({low:.1%} to {high:.1%}) of {report['digits']} digits, {after[f'true_digit_read_above_{SURE}']:.1%} surely; "
        f"before {before['true_digit_read']:.1%}, chance {after['chance']:.1%}; widened {report['widened']:.1%}, "
        f"legible by its own account {report['legible_by_own_account']:.1%}; "
        f"{report['photos_per_second']:.1f} photos/s on one thread"
    )

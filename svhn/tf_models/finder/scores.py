"""Scores of found digits against annotated ones."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from svhn.boxes import DigitBox, reading_order

# Least intersection over union of a box that is right, and of one that is at the right place, but drawn otherwise.
SAME, PLACE = 0.5, 0.3


@dataclass
class Tally:
    """What was found in the photos so far.

    Attributes
    ----------
    exact : list of bool
        Per photo: the most prominent number reads exactly as annotated.
    sole : list of bool
        Per photo: that, and nothing else was found.
    detections : list of (confidence, box is right, box and label are right)
    places : list of the same
        With less asked of boxes, `PLACE`, so that what is lost to how annotators drew boxes can be told.
    digits : int
        Annotated digits.
    """

    exact: list[bool] = field(default_factory=list)
    sole: list[bool] = field(default_factory=list)
    detections: list[tuple[float, bool, bool]] = field(default_factory=list)
    places: list[tuple[float, bool, bool]] = field(default_factory=list)
    digits: int = 0

    def add(
        self, truth: Sequence[DigitBox], found: Sequence[DigitBox], confidences: Sequence[float], read: str
    ) -> None:
        """Add a photo: its annotated digits, those found, how sure each is, and the number that was read."""
        expected = text_of(truth)
        self.exact.append(read == expected)
        self.sole.append(read == expected and len(found) == len(truth))
        self.detections += match(truth, found, confidences)
        self.places += match(truth, found, confidences, PLACE)
        self.digits += len(truth)

    def report(self) -> dict[str, float]:
        """Return the scores; `_any_label` ones do not look at the label, `_iou30` ones ask less of boxes."""
        scores: dict[str, float] = {"photos": len(self.exact), "digits": self.digits}
        scores |= {"whole_number": float(np.mean(self.exact)), "nothing_else": float(np.mean(self.sole))}
        rules = (("", self.detections, 2), ("_any_label", self.detections, 1), ("_iou30", self.places, 2))
        for suffix, rows, column in rules:
            right = sum(row[column] for row in rows)
            precision = right / max(len(rows), 1)
            recall = right / max(self.digits, 1)
            scores |= {f"precision{suffix}": precision, f"recall{suffix}": recall}
            scores[f"f1{suffix}"] = 2 * precision * recall / max(precision + recall, 1e-9)
            scores[f"ap{suffix}"] = self._average_precision(rows, column)
        return scores

    def _average_precision(self, rows: list[tuple[float, bool, bool]], column: int) -> float:
        """Return the area under the precision-recall curve with precision made monotone; all detections count."""
        rows = sorted(rows, key=lambda row: -row[0])
        right = np.cumsum([row[column] for row in rows])
        precision = right / np.arange(1, len(rows) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float(np.sum(np.diff(right, prepend=0) * best) / max(self.digits, 1))


def text_of(digits: Sequence[DigitBox]) -> str:
    """Return the number that annotated digits make; SVHN's photos hold one each."""
    return "".join(str(digit.label) for digit in reading_order(digits))


def match(
    truth: Sequence[DigitBox], found: Sequence[DigitBox], confidences: Sequence[float], least: float = SAME
) -> list[tuple[float, bool, bool]]:
    """Match found digits to annotated ones, the surest first, each annotated one once, by boxes that share `least`."""
    free, rows = list(truth), []
    for i in np.argsort(-np.asarray(confidences, float), kind="stable"):
        digit = found[i]
        best = max(free, key=lambda other: digit.box.iou(other.box), default=None)
        if best is None or digit.box.iou(best.box) < least:
            rows.append((float(confidences[i]), False, False))
        else:
            free.remove(best)
            rows.append((float(confidences[i]), True, digit.label == best.label))
    return rows

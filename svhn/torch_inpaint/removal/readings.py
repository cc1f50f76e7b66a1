"""What readers read in the boxes of a number, and whether its digits are still legible."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from svhn.boxes import Box, DigitBox
from svhn.crops import LUMINANCE
from svhn.finder import check_answer

# A box still looks like before when its brightness correlates as much with what it was.
ALIKE = 0.3
# Labels (N,) int, 0..9, and confidences (N,) float, 0..1.
Answer = tuple[np.ndarray, np.ndarray]


class Reader(Protocol):
    """Looks at boxes of an image and says what digits can be read there."""

    def __call__(self, image: np.ndarray, boxes: Sequence[Box]) -> Answer:
        """Return what is read in each of N boxes.

        Parameters
        ----------
        image : ndarray (H, W, 3) uint8, RGB
        boxes : sequence of Box
            The digits of one number, in reading order, inside the image.

        Returns
        -------
        labels : ndarray (N,) int, 0..9
        confidences : ndarray (N,) float, 0..1
            0 where nothing is read.
        """


@dataclass(frozen=True)
class Reading:
    """What is read in a number's boxes: one digit and one confidence 0..1 for each box."""

    text: str
    confidences: tuple[float, ...]


@dataclass(frozen=True)
class Readings:
    """What each of R readers reads in each of a number's N boxes.

    Attributes
    ----------
    labels : ndarray (R, N) int, 0..9
    confidences : ndarray (R, N) float64, 0..1
        0 where nothing is read.
    """

    labels: np.ndarray
    confidences: np.ndarray

    @classmethod
    def of(cls, answers: Iterable[Answer], count: int) -> "Readings":
        """Stack the answers of readers, see `Reader`, for `count` boxes.

        Raises
        ------
        InputError
            When a reader has no answer for each box, or one that is no number.
        """
        checked = [_checked(*answer, f"reader {index}", count) for index, answer in enumerate(answers, 1)]
        labels, confidences = zip(*checked, strict=True)
        return cls(np.array(labels, np.int64), np.array(confidences, np.float64))

    def surest(self) -> Reading:
        """Take the surest reader's word for each box."""
        reader, box = self.confidences.argmax(axis=0), np.arange(self.labels.shape[1])
        text = "".join(str(label) for label in self.labels[reader, box])
        return Reading(text, tuple(self.confidences[reader, box].tolist()))


def found_as(digits: Sequence[DigitBox]) -> Answer | None:
    """Return what was read where all digits of a number were found; None where somebody gave a box or no label."""
    labels = [digit.label for digit in digits if digit.label is not None]
    confidences = [digit.confidence for digit in digits if digit.confidence is not None]
    if min(len(labels), len(confidences)) < len(digits):
        return None
    return np.array(labels), np.array(confidences)


def _checked(labels: np.ndarray, confidences: np.ndarray, reader: str, count: int) -> Answer:
    """Return a reader's answer if it can be believed, see `svhn.finder.check_answer`."""
    return check_answer(labels, reader, (count,)), check_answer(confidences, reader, (count,))


def looks_alike(before: np.ndarray, after: np.ndarray) -> bool:
    """Say whether a place shows some of what it did before.

    Parameters
    ----------
    before, after : ndarray (H, W, 3) uint8 or float32, RGB

    Returns
    -------
    bool
        Also True where it showed nothing but one colour before, which proves nothing.
    """
    was, now = (np.asarray(pixels, np.float32) @ np.float32(LUMINANCE) for pixels in (before, after))
    was, now = was - was.mean(), now - now.mean()
    return bool((was * now).sum() >= ALIKE * np.sqrt((was**2).sum() * (now**2).sum())) and bool(
        now.any() or not was.any()
    )


def is_legible(
    known: Sequence[int | None], before: Readings, after: Readings, least: float, alike: Sequence[bool] | None = None
) -> bool:
    """Say whether a number can still be read.

    Parameters
    ----------
    known : sequence of int or None
        The labels of its N digits, where they are known.
    before, after : Readings
        Before and after the removal.
    least : float
        Confidence with which a reader reads a digit.
    alike : sequence of bool, optional
        Whether each box still looks like before, see `looks_alike`; without it all do.

    Returns
    -------
    bool
        Whether a reader still reads a digit's known label, or what any reader read there before; or one that can find
        nothing finds any digit, for example half of an 8 that reads as a 3. The first reader, the classifier, cannot:
        it always names a digit, often a 1 where there is nothing. Its word counts where a box looks like before.
    """
    sure = ~(after.confidences < least)  # (R, N); what is no number is no proof
    if sure[1:].any():
        return True
    as_known = after.labels == [-1 if label is None else label for label in known]
    # (R, 1, N) after against (1, R, N) before
    as_before = (after.labels[:, None] == before.labels) & (before.confidences > 0)
    named = sure & (as_known | as_before.any(axis=1))
    if alike is not None:
        named[0] &= np.asarray(alike, bool)
    return bool(named.any())

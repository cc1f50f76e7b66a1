"""Writing in a photo, as a general text reader sees it: regions, what is read in them, and where each character is."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Letters, signs and ornaments that one digit alone is taken for.
LIKE_DIGITS = frozenset("OoQDIlSB|!/\\()")
DIGITS = frozenset("0123456789")


@dataclass(frozen=True)
class Character:
    """A character of a word: what it is, how sure that is (0 to 1), and its box, left, top, right, bottom in pixels."""

    text: str
    score: float
    box: np.ndarray


@dataclass(frozen=True)
class Word:
    """Characters without a space between them.

    Attributes
    ----------
    text : str
        At least one character.
    score : float
        How sure its characters are, 0 to 1: their mean.
    characters : tuple of Character
        Those of `text`.
    """

    text: str
    score: float
    characters: tuple[Character, ...]

    @functools.cached_property
    def box(self) -> np.ndarray:
        """Left, top, right, bottom (4,) of the rectangle that holds its characters."""
        boxes = np.stack([character.box for character in self.characters])
        return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])

    @property
    def letters(self) -> int:
        """How many letters it has."""
        return sum(character.isalpha() for character in self.text)

    @property
    def digits(self) -> int:
        """How many digits 0 to 9 it has."""
        return sum(character in DIGITS for character in self.text)

    @property
    def may_be_digits(self) -> bool:
        """Whether it has at most three characters, all of them such that digits are mistaken for, for example "lO"."""
        return len(self.text) <= 3 and all(character in LIKE_DIGITS | DIGITS for character in self.text)

    def holds(self, point: Sequence[float]) -> bool:
        """Return whether a point (x, y) lies in its box."""
        left, top, right, bottom = self.box
        return bool(left <= point[0] <= right and top <= point[1] <= bottom)


@dataclass(frozen=True)
class TextRegion:
    """A place where there is writing.

    Attributes
    ----------
    box : ndarray (4,) float32
        Left, top, right, bottom in pixels of the photo: the upright rectangle that holds it.
    score : float
        How sure it is that there is writing, 0 to 1.
    words : tuple of Word
        What is read there, in reading order; empty for nothing, or where nobody has read yet.
    corners : ndarray (4, 2) float32, optional
        Its corners, clockwise from the upper left one, where it is not upright.
    """

    box: np.ndarray
    score: float
    words: tuple[Word, ...] = ()
    corners: np.ndarray | None = None

    @property
    def quad(self) -> np.ndarray:
        """Its corners (4, 2) float32, clockwise from the upper left one."""
        left, top, right, bottom = self.box
        upright = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        return upright if self.corners is None else self.corners


def split_words(text: str, characters: Sequence[Character]) -> tuple[Word, ...]:
    """Split what was read at its spaces.

    Parameters
    ----------
    text : str
    characters : sequence of Character
        Those of `text` but for the spaces.
    """
    words, rest = [], list(characters)
    for part in text.split():
        own, rest = tuple(rest[: len(part)]), rest[len(part) :]
        if own:
            words.append(Word(part, float(np.mean([character.score for character in own])), own))
    return tuple(words)


class TextReader(Protocol):
    """Finds and reads writing of any kind in a photo; one object serves one thread."""

    def find(self, photo: np.ndarray) -> list[TextRegion]:
        """Return where writing is in a photo (H, W, 3) uint8 RGB; nothing is read yet."""

    def read(self, photo: np.ndarray, region: TextRegion) -> TextRegion:
        """Return a region with what is read in it."""

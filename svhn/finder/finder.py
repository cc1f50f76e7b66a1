"""Find and read the digits of any photo by small networks that OpenCV runs.

The first searches a pyramid of the photo (`svhn.finder.search`); the others (`svhn.finder.refiner`) judge every place
that the first proposes. In photos that show more than a number a general text reader is asked for a second opinion,
and both are fused (`svhn.finder.evidence`).
"""

import functools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from svhn.boxes import Box, Number
from svhn.finder.candidates import Candidates, fuse, merge
from svhn.finder.config import DEFAULT_FINDER, VIEWS, FinderConfig
from svhn.finder.digits import Findings, FoundDigit, in_sure_numbers, most_prominent, to_digits
from svhn.finder.evidence import (
    LEAST_SUPPORT,
    Evidence,
    TextReader,
    TextRegion,
    ask,
    calibrated,
    doubtful_candidates,
    doubtful_places,
    fuse_sources,
    likely_digits,
    numbers_as_written,
    reread,
    text_reader,
    worth_asking,
)
from svhn.finder.halves import Halves
from svhn.finder.networks import network_files
from svhn.finder.refiner import Refiner
from svhn.finder.search import Search


class Finder:
    """Finds digits and numbers in photos. One object serves one thread.

    Parameters
    ----------
    path : str or Path
        A `.onnx` file, a folder with `finder.onnx`, or the name of a shipped checkpoint. Refiners beside it, see
        `svhn.finder.config.VIEWS`, judge what it proposes.
    config : FinderConfig

    Raises
    ------
    InputError
        When there is no such network, or no text reader where the config asks for one.
    """

    def __init__(self, path: str | Path = DEFAULT_FINDER, config: FinderConfig = FinderConfig()):
        self.config = config
        self.path, *refiners = network_files(path)
        self.refiners = [Refiner(file, view) for file, view in zip(refiners, VIEWS.values(), strict=False)]
        # Least presence, after each network, of a place that is looked at again or, after the last, reported.
        again = [config.proposal, min(config.doubtful, config.least)]
        self._least = [*again[: len(self.refiners)], config.least]
        self._search = Search(self.path, config, self._least[0])

    def find(self, photo: np.ndarray) -> list[FoundDigit]:
        """Find the digits of a photo, the surest first.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        return list(self.find_with_doubt(photo).digits)

    def find_with_doubt(self, photo: np.ndarray) -> Findings:
        """Find the digits of a photo, and say where else there may be one; it takes no longer than `find`.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        findings = self._findings(photo).drawn(photo.shape, self.config)
        small = self._is_small(photo)
        return reread(photo, findings, self.text_reader) if small and self.text_reader else findings

    @functools.cached_property
    def text_reader(self) -> TextReader | None:
        """The general text reader, loaded when it is needed first; None where there is none."""
        return text_reader(self.config.text_reader)

    def _findings(self, photo: np.ndarray) -> Findings:
        """Find the digits, with boxes as tight as the networks see them; a number is found as a whole or not at all."""
        if self._is_read(photo):
            return self.judge(self.evidence(photo))
        candidates = self._low_candidates(photo)
        return self._likely(photo, candidates) if self._is_small(photo) else self._sure(photo, candidates)

    def _low_candidates(self, photo: np.ndarray) -> Candidates:
        return self.candidates(photo, least=min(LEAST_SUPPORT, self.config.least))

    def _sure(self, photo: np.ndarray, candidates: Candidates) -> Findings:
        """Return what candidates say that are sure enough, each by itself."""
        sure = candidates.take(candidates.presence >= self.config.least)
        return self._sorted_out(sure, doubtful_candidates(candidates, sure), photo.shape)

    def _likely(self, photo: np.ndarray, candidates: Candidates) -> Findings:
        """Return what candidates say in a photo that is expected to show a number."""
        likely = likely_digits(candidates, self.config)
        return self._sorted_out(likely, doubtful_candidates(candidates, likely), photo.shape)

    def judge(self, known: Evidence) -> Findings:
        """Return what all that is known of a photo says, with boxes as tight as the networks see them."""
        fused = fuse_sources(known)
        unsure = doubtful_places(known, fused)
        return self._sorted_out(calibrated(fused), calibrated(unsure), known.shape, known.regions)

    def _sorted_out(
        self, sure: Candidates, unsure: Candidates, shape: tuple[int, ...], regions: Sequence[TextRegion] = ()
    ) -> Findings:
        """Turn candidates of a photo of (height, width, ...) into digits and numbers."""
        digits = to_digits(sure, shape)
        found = in_sure_numbers(digits, self.config.min_confidence)
        kept = set(map(id, found))
        left_out = [digit for digit in digits if id(digit) not in kept]
        return Findings.of(numbers_as_written(found, regions), (*left_out, *to_digits(unsure, shape)))

    def _is_small(self, photo: np.ndarray) -> bool:
        """Tell whether a photo shows a number and little else."""
        return photo.shape[0] * photo.shape[1] < self.config.read_above

    def _is_read(self, photo: np.ndarray) -> bool:
        """Tell whether a photo may show more than a number, and there is a text reader to ask about it."""
        return not self._is_small(photo) and self.text_reader is not None

    def evidence(self, photo: np.ndarray) -> Evidence:
        """Return what is known of a photo before it is judged; there has to be a text reader.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        assert self.text_reader is not None
        return ask(photo, self.text_reader, self._candidates_near, self._candidates_in, self.config)

    def _candidates_near(self, photo: np.ndarray, lines: Sequence[np.ndarray]) -> Candidates:
        return self.candidates(photo, least=LEAST_SUPPORT, lines=lines)

    def _candidates_in(self, part: np.ndarray) -> Candidates:
        return self.candidates(part, least=LEAST_SUPPORT)

    def candidates(
        self,
        photo: np.ndarray,
        refiners: int | None = None,
        least: float | None = None,
        lines: Sequence[np.ndarray] | None = None,
    ) -> Candidates:
        """Return the places where the first network and the first `refiners` others, by default all, see a digit.

        If there are more networks, low-score candidates, too, which these are asked about.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        refiners : int, optional
        least : float, optional
            Least presence of a candidate after the last network; by default `FinderConfig.least`.
        lines : sequence of ndarray (4,), optional
            Boxes of writing: with them large photos are searched in places only, and the refiners are asked about
            places that can become digits.
        """
        limits = [*self._least[:-1], self._least[-1] if least is None else least]
        halves, large = Halves(photo), lines is not None and photo.shape[0] * photo.shape[1] > self.config.whole_below
        # A false digit as high as a door must not hide a number in it before somebody has looked at both.
        proposing = replace(self.config, inside=1.0) if large else self.config
        found = merge(self._search.levels(halves, lines), proposing, limits[0])
        if lines is not None:
            found = found.take(worth_asking(found, lines, photo.shape))
        weights = zip(self.config.boxes_before, self.config.labels_before, strict=True)
        for refiner, before, lowest in zip(self.refiners[:refiners], weights, limits[1:], strict=False):
            found = merge([fuse(found, refiner.judge(halves, found.boxes), *before)], self.config, lowest)
        return found

    def find_numbers(self, photo: np.ndarray) -> list[Number]:
        """Find the numbers of a photo, each in reading order; numbers are sorted by their upper left corner.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        return list(self.find_with_doubt(photo).numbers)

    def read_number(self, photo: np.ndarray) -> Number | None:
        """Return the most prominent number of a photo, or None when there is none."""
        return most_prominent(self.find_numbers(photo))

    def look(self, photo: np.ndarray, boxes: Sequence[Box], heights: Sequence[float]) -> list[Candidates]:
        """Look at one number's digits at several scales and in both polarities, see `Search.look`."""
        return self._search.look(photo, boxes, heights)

"""The look of `--strict`: can a number be read anywhere in a finished photo, whatever its boxes said?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from svhn.boxes import DigitBox, Number, group_digits, overlaps, sort_numbers, union
from svhn.files import printable
from svhn.finder import DEFAULT_FINDER, Finder, FinderConfig
from svhn.jobs.choice import Scope
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import PhotoDigits, finder_config
from svhn.jobs.tasks import IN_PLAN
from svhn.photos import Photo, views

# Digits that only the finished photo shows are removed in so many further rounds, then the photo is refused.
MOST_ROUNDS = 2
# Of what is seen beside listed digits that is removed, too, of which at least this part was filled already: it is the
# rest of a sign or of a digit whose box is too small. What lies elsewhere nobody asked to be removed.
FILLED = 0.5
# A digit is at the place of another with more than this intersection over union, or with more than this part of the
# smaller of the two inside the other; the finder's own limits, see `FinderConfig`.
SAME, INSIDE = FinderConfig.same, FinderConfig.inside
# A digit that is still seen at its place gets a box this much larger on every side, as a fraction of its height.
SLACK = 0.15


@dataclass(frozen=True)
class Look:
    """A look at a whole photo.

    Attributes
    ----------
    numbers : tuple of Number
        What can be read in it, in any view.
    made : str
        Which look it was, for the report.
    size : (width, height)
        Of the photo in pixels.
    unsure : tuple of Number
        Where perhaps there are digits, too.
    """

    numbers: tuple[Number, ...]
    made: str
    size: tuple[int, int]
    unsure: tuple[Number, ...] = ()

    @property
    def digits(self) -> list[DigitBox]:
        """Of all numbers."""
        return [digit for number in self.numbers for digit in number.digits]

    def counting(self, scope: Scope, rejected: Sequence[DigitBox]) -> "Look":
        """Return the look with the numbers of a scope only, without those whose digits all lie at rejected places."""

        def counts(number: Number) -> bool:
            return any(_place_of(digit, rejected) is None for digit in number.digits)

        numbers, unsure = (
            tuple(filter(counts, scope.numbers(seen, *self.size))) for seen in (self.numbers, self.unsure)
        )
        return replace(self, numbers=numbers, unsure=unsure)


def looks_with(job: JobConfig) -> tuple[str, FinderConfig]:
    """Return the finder that looks at finished photos, and how.

    A job without a finder of its own looks with the shipped one. What `svhn read` would read counts, and what the job
    itself would find.
    """
    least = min(job.min_confidence, FinderConfig.min_confidence)
    return job.finder or DEFAULT_FINDER, replace(finder_config(job), min_confidence=least)


def look_at(finished: Photo, finder: Finder) -> Look:
    """Let the finder read every view that people can have of a whole photo, see `svhn.photos.views`, as `read` does."""
    seen = views(finished)
    digits: list[DigitBox] = []
    unsure: list[DigitBox] = []
    for view in seen.values():
        found = finder.find_with_doubt(view)
        digits = join_digits(digits, [replace(digit, number=None) for digit in found.digits], 0.0)
        unsure = join_digits(unsure, found.unsure, 0.0)
    made = f"finder, whole picture, {len(seen)} {'view' if len(seen) == 1 else 'views'}"
    height, width = finished.rgb.shape[:2]
    perhaps = [digit for digit in unsure if _place_of(digit, digits) is None]
    return Look(tuple(group_digits(digits)), made, (width, height), tuple(group_digits(perhaps)))


def find_through_alpha(photo: Photo, digits: Sequence[DigitBox], finder: Finder) -> list[DigitBox]:
    """Add to the digits that were found in the colours of a photo those that only its alpha shows."""
    joined = list(digits)
    for name, view in views(photo, faint=False).items():
        if name != "colours":
            seen = [replace(digit, number=None) for digit in finder.find(view)]  # its numbers are others
            joined = join_digits(joined, seen, 0.0)
    return joined


def read_numbers(photo: Photo, finder: Finder) -> list[Number]:
    """Return the numbers of a photo, those included that only its alpha shows: what a job with the finder removes."""
    found = finder.find_with_doubt(photo.rgb)
    digits = find_through_alpha(photo, found.digits, finder)
    return sort_numbers([*found.numbers, *group_digits(digits[len(found.digits) :])])


def to_remove(look: Look, where: PhotoDigits, mask: np.ndarray | None) -> list[DigitBox]:
    """Return the digits of a look that a further round shall remove; none where others would stay all the same.

    Parameters
    ----------
    look : Look
    where : PhotoDigits
        The digits that were removed: where they were found, all that is seen now belongs to them; to those of a plan
        nothing is added.
    mask : ndarray (H, W) bool, optional
        True = was filled.
    """
    if where.may_grow:
        return look.digits
    if mask is None or where.boxes == IN_PLAN or not all(is_filled(digit, mask) for digit in look.digits):
        return []
    return look.digits


def is_filled(digit: DigitBox, mask: np.ndarray) -> bool:
    """Tell whether a good part of a digit's box, see `FILLED`, is True in a mask (H, W) bool."""
    inside = digit.box.clip(mask.shape[1], mask.shape[0])
    return inside is not None and bool(mask[inside.slices].mean() >= FILLED)


def join_digits(known: Sequence[DigitBox], further: Sequence[DigitBox], slack: float = SLACK) -> list[DigitBox]:
    """Add digits to others; one at the place of a known digit makes that one's box larger.

    Parameters
    ----------
    known, further : sequence of DigitBox
    slack : float
        By how much larger on every side, as a fraction of its height, than both together.
    """
    joined = list(known)
    for digit in further:
        place = _place_of(digit, joined)
        if place is None:
            joined.append(digit)
        else:
            both = union([joined[place].box, digit.box])
            joined[place] = replace(joined[place], box=both.grow(round(slack * both.height)))
    return joined


def _place_of(digit: DigitBox, others: Sequence[DigitBox]) -> int | None:
    """Return which of the others is at the place of a digit, or None."""
    if not others:
        return None
    shared, covered = overlaps(np.array(digit.box.as_list()), np.array([other.box.as_list() for other in others]))
    best = int(np.maximum(shared, covered).argmax())
    return best if shared[best] > SAME or covered[best] > INSIDE else None


def describe_doubt(photo: str, unsure: Sequence[Number], consequence: str = "so it was not written") -> str:
    """Return where perhaps a digit is left in a photo, what follows from that, and what to do.

    Parameters
    ----------
    photo : str
    unsure : sequence of Number
        At least one.
    consequence : str
    """
    return (
        f"{printable(photo)}: perhaps a digit is left ({'; '.join(_at(number) for number in unsure)}), {consequence}; "
        "look at it, and decide with find and --plan, or on the page of review"
    )


def describe_legible(
    photo: str, texts: Sequence[str], look: Look, where: PhotoDigits, consequence: str = "so it was not written"
) -> str:
    """Return what can be read in a photo still and where, what follows from that, and what to do.

    Parameters
    ----------
    photo : str
    texts : sequence of str
        What can be read at the removed places.
    look : Look
    where : PhotoDigits
        The digits that were removed.
    consequence : str
    """
    seen = [_place(number, where) for number in look.numbers]
    cure = "give its boxes" if where.found else "correct its boxes, add the finder's (--also-find)"
    return (
        f"{printable(photo)}: still legible after the removal ({'; '.join([*texts, *seen])}), {consequence}; "
        f"{cure}, or do it by hand"
    )


def _place(number: Number, where: PhotoDigits) -> str:
    """Return what is read and where, and whether nobody listed it: "47 at 10,20,50,60, not listed"."""
    place = _at(number)
    listed = where.found or any(_place_of(digit, where.digits) is not None for digit in number.digits)
    return place if listed else f"{place}, not listed"


def _at(number: Number) -> str:
    """Return what is read and where: "47 at 10,20,50,60"."""
    return f"{number.text} at {','.join(str(edge) for edge in number.box.as_list())}"

"""From a photo and its digits to the file that is published, and the look whether a number can be read in it still."""

from dataclasses import dataclass, replace

from svhn.boxes import Number, clip_digits, group_digits
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import PhotoDigits
from svhn.jobs.looking import MOST_ROUNDS, Look, is_filled, join_digits, look_at, to_remove
from svhn.jobs.networks import JobNetworks
from svhn.jobs.planes import RemovedDigits, fill_hole, remove_digits
from svhn.jobs.tasks import DOUBTFUL, NO_DIGITS, OK
from svhn.photos import Photo, decode_photo, rewrite_photo


@dataclass(frozen=True)
class CleanPhoto:
    """What is published of a photo.

    Attributes
    ----------
    content : bytes
        Of its file.
    where : PhotoDigits
        The digits that were removed, those included that only the look found.
    removed : RemovedDigits or None
        What was removed, if anything was.
    look : Look or None
        The look at the whole of it; None without `JobConfig.strict`.
    """

    content: bytes
    where: PhotoDigits
    removed: RemovedDigits | None = None
    look: Look | None = None

    @property
    def legible(self) -> list[str]:
        """What can be read where digits were removed."""
        numbers = self.removed.numbers if self.removed else ()
        return [number.after.text for number in numbers if number.legible]

    @property
    def is_legible(self) -> bool:
        """Whether a number can be read, where digits were removed or elsewhere."""
        return bool(self.legible) or (self.look is not None and bool(self.look.numbers))

    @property
    def unsure(self) -> tuple[Number, ...]:
        """Where perhaps a digit is left, though nothing can be read surely; nowhere if somebody listed all digits."""
        if not self.where.may_grow:
            return ()
        if self.look is not None:
            return self.look.unsure
        mask = self.removed.mask if self.removed else None
        return tuple(group_digits([digit for digit in self.where.unsure if mask is None or not is_filled(digit, mask)]))

    @property
    def status(self) -> str:
        """What the report says of it where it is written."""
        if self.removed is None:
            return DOUBTFUL if self.unsure else NO_DIGITS
        return OK

    @property
    def perhaps_left(self) -> bool:
        """Whether digits were removed and perhaps one is left, or can be read still."""
        return self.removed is not None and (bool(self.unsure) or self.is_legible)


class Cleaner:
    """Makes the files that are published; it serves one thread.

    Parameters
    ----------
    job : JobConfig
    networks : JobNetworks
    """

    def __init__(self, job: JobConfig, networks: JobNetworks):
        self.job, self.networks = job, networks

    def __call__(self, photo: Photo, content: bytes, where: PhotoDigits) -> CleanPhoto:
        """Remove digits from a photo and encode it; with `JobConfig.strict` look at the whole result.

        Where digits were found, what only that look finds is removed, too, and it is looked at again; see `to_remove`.

        Parameters
        ----------
        photo : Photo
        content : bytes
            The file that it was decoded from.
        where : PhotoDigits
            Inside the photo.
        """
        finished = self._make(photo, content, where)
        if not self.job.strict:
            return finished
        finished, look = self._look(finished, photo)
        for _ in range(MOST_ROUNDS):
            further = to_remove(look, where, finished.removed.mask if finished.removed else None)
            if finished.legible or not further:
                break
            digits = join_digits(finished.where.digits, further)
            inside = clip_digits(digits, photo.rgb.shape[1], photo.rgb.shape[0])
            finished, look = self._look(self._make(photo, content, replace(where, digits=inside)), photo)
        return replace(finished, look=look)

    def _make(self, photo: Photo, content: bytes, where: PhotoDigits) -> CleanPhoto:
        """Remove the digits of a photo, fill what was painted, and encode it.

        One without any becomes the same picture in a clean file.
        """
        removed = None
        if where.digits:
            removed = remove_digits(self.networks.remover(where.found or self.job.strict), photo, where.digits)
        if where.hole is not None and where.hole.any():
            removed = fill_hole(photo, where.hole, self.job.removal, self.job.device, removed)
        if removed is None:
            return CleanPhoto(rewrite_photo(photo, content, self.job.photo.kept), where)
        return CleanPhoto(removed.encode(photo, self.job.photo.kept), where, removed)

    def _look(self, finished: CleanPhoto, photo: Photo) -> tuple[CleanPhoto, Look]:
        """Read the file that was made: its removed places by all readers, and the whole of it by the finder.

        What somebody decided to keep does not count.
        """
        seen = decode_photo(finished.content, photo.format, self.job.photo.max_pixels)
        removed = finished.removed and finished.removed.read_again(seen, self.networks.remover(True))
        look = look_at(seen, self.networks.onlooker).counting(self.job.scope, finished.where.rejected)
        return replace(finished, removed=removed), look

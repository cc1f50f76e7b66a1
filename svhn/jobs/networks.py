"""The networks of a job, each loaded when it is needed first."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from svhn.errors import InputError
from svhn.finder import Finder, FinderReader
from svhn.jobs.config import JobConfig
from svhn.jobs.digit_sources import load_finder
from svhn.jobs.engines import Stage
from svhn.jobs.looking import looks_with
from svhn.jobs.tasks import CannotStart

if TYPE_CHECKING:
    from svhn.torch_inpaint.removal import DigitRemover


class JobNetworks:
    """The networks of a job; they serve one thread.

    Parameters
    ----------
    job : JobConfig
    tell : callable
        Called with `Stage.LOADING` and, when a network is there, with `Stage.WORKING`.

    Raises
    ------
    CannotStart
        When a network is asked for that cannot be used.
    """

    def __init__(self, job: JobConfig, tell: Callable[[Stage], None]):
        self.job, self.tell = job, tell
        self._removers: dict[bool, DigitRemover] = {}

    @functools.cached_property
    def finder(self) -> Finder:
        """The finder: it finds digits, and looks whether they are gone."""
        with self._loading():
            return load_finder(self.job)

    @functools.cached_property
    def onlooker(self) -> Finder:
        """The finder that looks at finished photos, see `svhn.jobs.looking`."""
        path, config = looks_with(self.job)
        if path == self.job.finder and config == self.finder.config:
            return self.finder
        with self._loading():
            return Finder(path, config)

    def remover(self, verified: bool) -> "DigitRemover":
        """Return the remover; `verified` ones let the job's finder, if it has one, look at removed places, too."""
        verified = verified and self.job.finder is not None
        if verified not in self._removers:
            self._removers[verified] = self._load_remover(verified)
        return self._removers[verified]

    def _load_remover(self, verified: bool) -> "DigitRemover":
        readers = [FinderReader(self.finder)] if verified else []
        with self._loading():
            import torch

            from svhn.torch_inpaint.removal import DigitRemover

            torch.set_num_threads(1)
            if other := self._removers.get(not verified):
                return DigitRemover(other.classifier, self.job.removal, readers)
            return DigitRemover.from_checkpoint(self.job.model, self.job.device, self.job.removal, readers)

    @contextlib.contextmanager
    def _loading(self) -> Iterator[None]:
        """Load what every photo needs: an InputError about it is the end of the job."""
        self.tell(Stage.LOADING)
        try:
            yield
        except InputError as error:
            raise CannotStart(str(error)) from error
        self.tell(Stage.WORKING)

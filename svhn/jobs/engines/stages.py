"""How far a worker is with its photo, as it tells the process that hands out the work and looks at the clock."""

import enum


class Stage(enum.Enum):
    """What a worker is at; see `svhn.jobs.engines.process.WorkerProcess`."""

    STARTING = "starting"  # or between two photos
    FETCHING = "fetching"  # it has begun a photo, and reads its file or URL
    LOADING = "loading"  # the networks, with the first photo that needs them
    WORKING = "working"  # on the photo's content

    @property
    def is_photo(self) -> bool:
        """Whether what goes wrong now, and the time that passes, are the photo's."""
        return self in (Stage.FETCHING, Stage.WORKING)

"""Settings of a job: what is done to every photo, and how the work is spread. Importable without any framework."""

from dataclasses import dataclass, field

from svhn.finder import DEFAULT_FINDER
from svhn.photos import PhotoConfig
from svhn.torch_inpaint.classifier import DEFAULT_CHECKPOINT
from svhn.torch_inpaint.removal import RemovalConfig

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class JobConfig:
    """What is done to every photo; with the photo itself and its boxes it decides the output, bit for bit.

    Attributes
    ----------
    output_dir : str
        A folder, or a URL of any file system that fsspec knows.
    boxes : str or None
        `digitStruct.mat` or COCO `.json`; None for the file that lies beside each photo.
    finder : str or None
        Network that finds the digits of photos without boxes, see `svhn.finder.finder.Finder`; None for none.
    min_confidence : float
        Least certainty that there is a digit, 0 to 1; of the finder. Lower than for reading: a digit that is missed
        stays in the photo.
    strict : bool
        A photo with a digit that stays legible is an error, and is not written. The finder looks at given boxes too.
    dry_run : bool
        Say what would be removed, and write nothing.
    save_masks : bool
        Also write `masks/<stem>.png`, white = changed.
    model : str
        Checkpoint of the classifier, see `svhn.checkpoints.find_model`.
    device : str
        "auto", "cpu" or "cuda".
    removal : RemovalConfig
    photo : PhotoConfig
    """

    output_dir: str
    boxes: str | None = None
    finder: str | None = DEFAULT_FINDER
    min_confidence: float = 0.5
    strict: bool = False
    dry_run: bool = False
    save_masks: bool = False
    model: str = DEFAULT_CHECKPOINT
    device: str = "auto"
    removal: RemovalConfig = field(default_factory=RemovalConfig)
    photo: PhotoConfig = field(default_factory=PhotoConfig)


@dataclass(frozen=True)
class RunConfig:
    """How the work is spread and when it stops; it never changes an output.

    Attributes
    ----------
    workers : int or None
        Worker processes, each with one thread and models of its own; None for one per core, 0 for none: then this
        process does the work.
    resume : bool
        Skip what the ledgers in the output folder say is done.
    shard, shards : int
        Do part `shard` (1 to `shards`) only.
    max_failure_rate : float
        Stop when more than this part of the photos has failed, looked at after `FIRST_LOOK` photos.
    engine : str
        "local", or "ray" for the nodes of a Ray cluster.
    gpus_per_worker : float
        GPUs that Ray sets aside for a worker, for example 0.25.
    """

    workers: int | None = None
    resume: bool = False
    shard: int = 1
    shards: int = 1
    max_failure_rate: float = 1.0
    engine: str = "local"
    gpus_per_worker: float = 0.0

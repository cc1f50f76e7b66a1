"""Settings of a job: what is done to every photo, and how the work is spread. Importable without any framework."""

from dataclasses import dataclass, field

from svhn.errors import InputError
from svhn.finder import DEFAULT_FINDER, FinderConfig, text_reader_setting
from svhn.jobs.choice import Scope
from svhn.photos import PhotoConfig
from svhn.settings import Settings, setting
from svhn.torch_inpaint.classifier import DEFAULT_CHECKPOINT
from svhn.torch_inpaint.removal import RemovalConfig

ENGINES = ("local", "ray")
NOTHING_FOUND = COPY, SKIP, FAIL = "copy", "skip", "error"


@dataclass(frozen=True)
class JobConfig(Settings):
    """What is done to every photo; with the photo itself and its boxes it decides the output, bit for bit.

    Attributes
    ----------
    output_dir : str
        A folder, or a URL of any file system that fsspec knows.
    report_dir : str or None
        Another one for what names the numbers or shows originals: report.jsonl, masks, and the page of `svhn report`.
    boxes : str or None
        A `digitStruct.mat`, a COCO `.json`, or a folder of YOLO or Pascal VOC labels. A photo that is not listed there
        has its boxes from the file that lies beside it, else from the finder.
    boxes_only : bool
        A photo that is not listed is an error; neither another file nor the finder is asked.
    plan : str or None
        A plan that `find` wrote and somebody may have corrected: exactly the digits that are accepted there are
        removed, and a photo that is not in it is an error; see `svhn.jobs.choice.plan`.
    also_find : bool
        Add to listed digits those that the finder finds elsewhere in the photo.
    finder : str or None
        Network that finds the digits of photos without boxes, see `svhn.finder.finder.Finder`; None for none.
    with_letters : bool
        Letters and signs that are read with a number that is found, such as those of 12a, 54-56 and No. 12, are removed
        with it. Only a text reader reads them.
    min_confidence : float
        Least certainty that there is a number, 0 to 1, as it is printed, drawn and stored; of the finder. A number is
        removed whole or not at all. Lower than for reading: a digit that is missed stays in the photo.
    text_reader : str
        General text reader that the finder asks about larger photos, see `svhn.finder.FinderConfig.text_reader`.
    strict : bool
        A photo with a digit that stays legible is an error, and is not written; nor is one in which perhaps a digit is
        left, or there is perhaps one to be found. The finder looks at the whole finished picture, whatever the boxes
        said; the shipped one where the job has none.
    nothing_found : str
        What becomes of a photo in which nothing is found, not surely: "copy" writes the same picture, "skip" writes
        nothing, with "error" it fails.
    dry_run : bool
        Say what would be removed, and write nothing.
    save_masks : bool
        Also write `masks/<stem>.png`, white = changed.
    model : str
        Checkpoint of the classifier, see `svhn.checkpoints.find_model`.
    device : str
        "auto", "cpu", "cuda", "cuda:1" or "mps".
    removal : RemovalConfig
    photo : PhotoConfig
    scope : Scope
        Which numbers count.

    Raises
    ------
    InputError
        When a plan is given together with what would change it.
    """

    output_dir: str = setting("removed", help="Where results go: a folder or a URL.")
    report_dir: str | None = setting(
        None, metavar="DIR", help="Where report.jsonl, masks and page go.  [default: OUTPUT_DIR]"
    )
    boxes: str | None = setting(
        None, metavar="FILE", help="Boxes of digits: digitStruct.mat, COCO .json, or a folder of YOLO or VOC labels."
    )
    boxes_only: bool = setting(False, help="A photo whose boxes are not listed is an error; nothing is searched.")
    plan: str | None = setting(
        None,
        metavar="FILE",
        help="Remove exactly what this plan of `find` accepts, for example plan.json.",
    )
    also_find: bool = setting(False, help="Also remove digits that the finder finds beside the listed ones.")
    finder: str | None = setting(
        DEFAULT_FINDER,
        help="Network: .onnx file, or run of train-finder or train-refiner.",
        none_help="Photos without boxes are errors; only the classifier checks, and --strict.",
    )
    with_letters: bool = setting(
        False, help="Also remove letters and signs that the text reader reads with a number: 12a, 54-56, No. 12."
    )
    min_confidence: float = setting(
        FinderConfig.min_confidence,
        above=0,
        below=1,
        help="Least certainty that there is a number; it is removed whole or not at all.",
    )
    text_reader: str = text_reader_setting()
    strict: bool = setting(
        False,
        help="Do not write a photo in which a number can be read still (exit code 4), or perhaps one is left (5).",
    )
    nothing_found: str = setting(COPY, choices=NOTHING_FOUND, help="What becomes of a photo in which nothing is found.")
    dry_run: bool = setting(False, help="Say what would be removed, and write nothing.")
    save_masks: bool = setting(False, help="Also write masks/<stem>.png, white = changed.")
    model: str = setting(DEFAULT_CHECKPOINT, expert=True, help="PyTorch checkpoint that says what is still legible.")
    device: str = setting(
        "auto", pattern=r"auto|cpu|mps|cuda(:\d+)?", metavar="auto|cpu|cuda|cuda:N|mps", help="Where to compute."
    )
    removal: RemovalConfig = field(default_factory=RemovalConfig)
    photo: PhotoConfig = field(default_factory=PhotoConfig)
    scope: Scope = field(default_factory=Scope)

    def __post_init__(self) -> None:
        super().__post_init__()
        others = {"boxes": self.boxes, "boxes_only": self.boxes_only, "also_find": self.also_find}
        if self.plan is not None and (given := [name for name, value in others.items() if value]):
            raise InputError(f"plan: it says all, expected it without {', '.join(given)}; give one of them")

    @property
    def side_dir(self) -> str:
        """Where report, masks and page go."""
        return self.output_dir if self.report_dir is None else self.report_dir


@dataclass(frozen=True)
class Shard(Settings):
    """A part of a job, for job arrays: part `part` of `parts`, counted from 1.

    Raises
    ------
    InputError
        When there is no such part.
    """

    part: int = setting(1, least=1)
    parts: int = setting(1, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.part > self.parts:
            raise InputError(f"shard: expected at most part {self.parts} of {self.parts}, received {self.part}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Turn "3/100" into part 3 of 100."""
        part, _, parts = text.partition("/")
        if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
            raise InputError(f"expected i/n with 1 <= i <= n, for example 3/100, received {text!r}")
        return cls(int(part), int(parts))

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"


@dataclass(frozen=True)
class RunConfig(Settings):
    """How the work is spread and when it stops; it never changes an output.

    Attributes
    ----------
    workers : int or None
        Worker processes, each with one thread and models of its own; None for one per core, 0 for none: then this
        process does the work.
    resume : bool
        Skip what the ledgers in the output folder say is done.
    shard : Shard
        Do this part only.
    max_failure_rate : float
        Stop when more than this part of the photos has failed, looked at after `FIRST_LOOK` photos.
    max_seconds : float
        A photo that takes longer, reading it included, is an error: its worker process is ended by the one that hands
        out the work. Nobody looks at the clock where this process does the work (0 workers).
    engine : str
        "local", or "ray" for the nodes of a Ray cluster.
    gpus_per_worker : float
        GPUs that Ray sets aside for a worker, for example 0.25.
    plan_output : str or None
        File for the plan of a dry run, see `svhn.jobs.choice.plan`; it must not be there.
    """

    workers: int | None = setting(
        None, least=0, help="Processes of one thread each; 0 = none of its own.  [default: cores]"
    )
    resume: bool = setting(False, help="Skip photos whose content, boxes, settings and output are as they were.")
    shard: Shard = setting(factory=Shard, metavar="I/N", expert=True, help="Do part I of N, for job arrays.")
    max_failure_rate: float = setting(
        1.0, least=0, most=1, expert=True, help="Stop when more than this part of the photos has failed."
    )
    max_seconds: float = setting(
        1800.0,
        above=0,
        expert=True,
        help="A photo that takes longer is an error, and its process is ended; not with --workers 0.",
    )
    engine: str = setting(
        "local",
        choices=ENGINES,
        expert=True,
        help="Where workers run: on this machine, or on the nodes of a Ray cluster (pip install 'svhn[ray]').",
    )
    gpus_per_worker: float = setting(
        0.0, least=0, expert=True, help="GPUs that Ray sets aside for each worker, for example 0.25."
    )
    plan_output: str | None = setting(
        None,
        metavar="FILE",
        spellings=("--output",),
        help="With --dry-run: a plan to correct, for --plan; for example plan.json.",
    )

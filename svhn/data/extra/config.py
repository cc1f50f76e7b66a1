"""Which training digits to make beside the labelled ones."""

from dataclasses import dataclass, field
from pathlib import Path

from svhn.cores import available_cores
from svhn.settings import Settings, setting


@dataclass(frozen=True)
class ExtraDigits(Settings):
    """What to make beside the labelled digits.

    Attributes
    ----------
    synthetic, copy_paste : int
        How many digits to render, and to paste from one training photo into another.
    pseudo : Path or None
        CSV file with the columns photo, left, top, width, height, label and others that are ignored: digits of
        the photos in the folder `unlabelled`.
    workers : int
        Processes to make them with; by default one per core.
    """

    synthetic: int = setting(0, least=0, help="Digits to render.")
    copy_paste: int = setting(0, least=0, help="Digits to move from one training photo into another.")
    pseudo: Path | None = setting(None, help="CSV of digits in DIR/unlabelled: photo,left,top,width,height,label.")
    workers: int = field(default_factory=available_cores)

    def __bool__(self) -> bool:
        return bool(self.synthetic or self.copy_paste or self.pseudo)


NO_EXTRA = ExtraDigits()

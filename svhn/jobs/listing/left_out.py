"""What of a folder is no photo: counted by suffix, so that nobody takes silence for success."""

import os
import re
from collections import Counter
from collections.abc import Mapping

from svhn.files import printable

NO_SUFFIX, FOLDERS, OTHERS = "no suffix", "folders", "others"
_MOST_KINDS = 12  # of files that are named one by one
# What lies beside photos and belongs to them, in small letters: boxes, reports and pages of jobs, what systems leave.
_SIDE_FILES = re.compile(r"boxes\.json|digitstruct\.mat|see_bboxes\.m|report.*\.(jsonl|html)|thumbs\.db|desktop\.ini")


def count_left_out(name: str, counts: Counter[str]) -> None:
    """Count a file that is no photo, by its suffix; hidden ones and those that belong to photos or jobs do not count.

    Parameters
    ----------
    name : str
        Of the file, without its folder.
    counts : Counter
    """
    if not name.startswith(".") and not _SIDE_FILES.fullmatch(name.lower()):
        counts[os.path.splitext(name)[1].lower() or NO_SUFFIX] += 1


def main_kinds(counts: Counter[str]) -> dict[str, int]:
    """Return the most frequent kinds, the others counted together."""
    kinds = dict(counts.most_common(_MOST_KINDS))
    others = counts.total() - sum(kinds.values())
    return kinds | ({OTHERS: others} if others else {})


def left_out_text(counts: Mapping[str, int]) -> str:
    """Return what was left out as "3 files left out: .heic (2), .txt (1)"; empty where there is nothing to say."""
    files = sum(counts.values()) - counts.get(FOLDERS, 0)
    kinds = sorted(counts.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))
    named = ", ".join(f"{printable(kind)} ({count})" for kind, count in kinds if kind != FOLDERS)
    texts = [f"{files} file{'s' * (files != 1)} left out: {named}"] if named else []
    if folders := counts.get(FOLDERS):
        texts.append(f"{folders} folder{'s' * (folders != 1)} not looked into (--recursive)")
    return "; ".join(texts)

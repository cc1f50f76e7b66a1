"""Photos of streets: digits found and missed, and what is changed where there is no digit; with and without each rule.

    python -m benchmarks.street ../shared/data/wild/dev --output benchmarks/records/street.json
    python -m benchmarks.street ../shared/data/wild/dev --missed

The folder has `numbers`, `text` and `plain` with photos, and `labels.json`: photo of `numbers` -> {numbers: [{text,
digits: [{label, box}]}], ignore: [box]}. A digit is found when a box shares IoU .3 with it; what is found in an ignored
region is neither right nor wrong.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

from svhn.boxes import overlaps
from svhn.finder import Finder, reader_version
from svhn.finder.candidates import Candidates
from svhn.finder.evidence.fusion import RULES, Evidence, fuse_sources
from svhn.photos import known_suffixes, read_rgb
from svhn.runs import RunRecord

PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "rapidocr")
FOUND_IOU = 0.3
DIGIT_FREE = ("text", "plain")


@dataclass(frozen=True)
class Asked:
    """A photo with what its sources say, its label (None where it has no digit), and the seconds that they took."""

    name: str
    evidence: Evidence
    label: dict[str, Any] | None
    seconds: float


def ask(folder: Path, labels: dict[str, Any], finder: Finder) -> list[Asked]:
    """Ask finder and reader about all photos of a folder."""
    asked = []
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in known_suffixes()):
        photo = read_rgb(path)
        began = time.process_time()
        evidence = remembering(finder.evidence(photo))
        fuse_sources(evidence)
        asked.append(Asked(path.name, evidence, labels.get(path.name), time.process_time() - began))
    return asked


def remembering(known: Evidence) -> Evidence:
    """Return evidence whose reader looks at each place once, whatever the rules."""
    seen: dict[bytes, Any] = {}

    def look(box: np.ndarray) -> Any:
        key = np.float32(box).tobytes()
        if key not in seen:
            seen[key] = known.look(box)
        return seen[key]

    return replace(known, look=look)


def pair(label: dict[str, Any], found: Candidates) -> tuple[list[tuple[int, int]], int]:
    """Pair labelled digits with found ones, the best overlap first; return the pairs and the number of false digits."""
    truth = [digit for number in label["numbers"] for digit in number["digits"]]
    shared = np.array([overlaps(np.array(digit["box"], float), found.boxes)[0] for digit in truth])
    pairs: list[tuple[int, int]] = []
    for place in np.argsort(-shared, axis=None) if shared.size else []:
        i, j = np.unravel_index(place, shared.shape)
        if shared[i, j] >= FOUND_IOU and all(i != a and j != b for a, b in pairs):
            pairs.append((int(i), int(j)))
    rest = set(range(len(found.boxes))) - {j for _, j in pairs}
    return pairs, sum(not is_ignored(found.boxes[j], label.get("ignore", [])) for j in rest)


def is_ignored(box: np.ndarray, regions: Sequence[Sequence[float]]) -> bool:
    """Tell whether a box (4,) is centred in one of the regions."""
    x, y = (box[:2] + box[2:]) / 2
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in regions)


Answer = Callable[[Evidence], Candidates]


def finder_alone(known: Evidence) -> Candidates:
    """Return what a job finds without a text reader."""
    return known.candidates.take(known.candidates.presence >= known.config.min_confidence)


def by_rules(names: Sequence[str]) -> Answer:
    """Return the answer by some of the rules."""
    return lambda known: fuse_sources(known, names)


def score(photos: dict[str, list[Asked]], answer: Answer) -> dict[str, Any]:
    """Return how good an answer is."""
    digits = found = named = whole = false = 0
    for photo in photos["numbers"]:
        seen = answer(photo.evidence)
        truth = [digit for number in photo.label["numbers"] for digit in number["digits"]]
        pairs, wrong = pair(photo.label, seen)
        labels = seen.probabilities.argmax(axis=1)
        digits, found, whole = digits + len(truth), found + len(pairs), whole + (len(pairs) == len(truth))
        named += sum(str(truth[i]["label"]) == str(labels[j]) for i, j in pairs)
        false += wrong
    count = len(photos["numbers"])
    return {
        "digits": digits,
        "found": found / digits,
        "named_right": named / digits,
        "photos_with_every_digit": whole / count,
        "false_digits_a_photo": false / count,
        **{f"changed_{group}": share_changed(photos[group], answer) for group in DIGIT_FREE},
    }


def share_changed(photos: list[Asked], answer: Answer) -> float:
    """Return the share of photos without digits in which one is found."""
    return sum(len(answer(photo.evidence).presence) > 0 for photo in photos) / len(photos)


def missed(photos: list[Asked]) -> list[str]:
    """Return the photos of which a digit was missed or something else was found."""
    lines = []
    for photo in photos:
        pairs, wrong = pair(photo.label, fuse_sources(photo.evidence))
        texts = [number["text"] for number in photo.label["numbers"]]
        count = sum(len(number["digits"]) for number in photo.label["numbers"])
        if len(pairs) < count or wrong:
            lines.append(f"{photo.name}: {', '.join(texts)}: {len(pairs)} of {count} digits, {wrong} others")
    return lines


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", type=click.Path(path_type=Path), help="Record to write.")
@click.option("--missed", "list_missed", is_flag=True, help="Also list what was missed.")
def main(folder: Path, output: Path | None, list_missed: bool) -> None:
    """Measure finder and text reader on labelled photos of streets."""
    cv2.setNumThreads(1)
    labels = json.loads((folder / "labels.json").read_text())
    finder = Finder()
    photos = {group: ask(folder / group, labels, finder) for group in ("numbers", *DIGIT_FREE)}
    names = list(RULES)
    answers = {"finder alone": finder_alone, "all rules": by_rules(names)}
    answers |= {f"without {name}": by_rules([rule for rule in names if rule != name]) for name in names}
    rows = {name: score(photos, answer) for name, answer in answers.items()}
    for name, row in rows.items():
        click.echo(f"{name:18} " + "  ".join(f"{key} {value:.3f}" for key, value in row.items() if key != "digits"))
    if list_missed:
        click.echo("\n".join(missed(photos["numbers"])))
    seconds = float(np.median([photo.seconds for group in photos.values() for photo in group]))
    counts = {group: len(group_photos) for group, group_photos in photos.items()}
    if output:
        settings = {"text_reader": reader_version(), "min_confidence": finder.config.min_confidence}
        record = RunRecord.new("benchmarks.street", settings, {"source": "labelled photos of streets"}, PACKAGES)
        record.metrics |= {"photos": counts, "rows": rows}
        record.metrics["median_seconds"] = seconds
        record.write(output)


if __name__ == "__main__":
    main()

"""What a data set holds, before anything is learned from it: pictures, and tables of shapes, classes and gray."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import DigitBox
from svhn.crops import GRAY_RULE
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.data.loading import SYNTHETIC
from svhn.data.prepared import PreparedData, Split
from svhn.data.render import render_photo
from svhn.errors import InputError
from svhn.files import ensure_folder, write_json
from svhn.photos import read_rgb

PHOTOS, GRAY_DIGITS = 12, 12
PICTURES = ("photos.png", "samples.png", "classes.png", "gray.png")


def explore_data(data: PreparedData, source: str, folder: str | Path, seed: int = 0) -> dict[str, Any]:
    """Write pictures of a data set, and return what is in it.

    `samples.png` (crops of every class), `classes.png` (before and after the split), `gray.png` (the conversion), with
    photos at hand also `photos.png`, and `explore.json` with what is returned.

    Parameters
    ----------
    data : PreparedData
        With the splits `train` and `validation`.
    source : str
        Where it came from, see `svhn.data.resolve_source`.
    folder : str or Path
        For the files; made when it is not there.
    seed : int
        Of the choice of samples.

    Returns
    -------
    dict
        `splits`: for each split photos, digits, digits of each class, and arrays with dtype and shape; `split`: rule,
        share of validation by class, photos on both sides; `gray`: mean and standard deviation of each channel.

    Raises
    ------
    InputError
        When a split is missing, or the folder cannot be written to.
    """
    from svhn.figures import draw_classes, draw_gray, draw_photos, draw_samples, save_figure

    facts, train = facts_of(data), data["train"]
    folder, title = ensure_folder(folder), f"{Path(source).name or source}"
    chosen = np.random.default_rng(seed).permutation(len(train))[:GRAY_DIGITS]
    counts = {name: facts["splits"][name]["classes"] for name in data.splits}
    figures = {
        "samples.png": draw_samples(train.rgb, train.labels, f"{title}: samples", seed),
        "classes.png": draw_classes(counts, f"{title}: digits of each class", facts["split"]["rule"]),
        "gray.png": draw_gray(train.rgb[chosen], train.gray[chosen], facts["gray"], f"{title}: gray conversion"),
    }
    if photos := sample_photos(source, seed):
        figures["photos.png"] = draw_photos(photos, f"{title}: samples")
    for name, figure in figures.items():
        save_figure(folder / name, figure)
    write_json(folder / "explore.json", facts)
    return facts


def facts_of(data: PreparedData) -> dict[str, Any]:
    """Return what is in a data set, see `explore_data`."""
    train, validation = data["train"], data["validation"]
    both = len(np.intersect1d(train.photos, validation.photos))
    held, learned = (np.bincount(part.labels, minlength=NUM_CLASSES) for part in (validation, train))
    assert data.statistics is not None  # there is a training part
    moments = zip(data.statistics.rgb_mean, data.statistics.rgb_std, strict=True)
    gray = (data.statistics.gray_mean, data.statistics.gray_std)
    return {
        "splits": {name: _facts_of_split(split) for name, split in data.splits.items()},
        "split": {
            "rule": f"split stratified and {data.provenance.get('split_rule', 'by photo')}",
            "validation_share": len(validation) / (len(train) + len(validation)),
            "validation_share_of_classes": (held / np.maximum(held + learned, 1)).tolist(),
            "photos_on_both_sides": both,
        },
        "gray": {**dict(zip(("red", "green", "blue"), moments, strict=True)), "gray": gray},
    }


def _facts_of_split(split: Split) -> dict[str, Any]:
    arrays = {field.name: getattr(split, field.name) for field in dataclasses.fields(split)}
    return {
        "photos": len(np.unique(split.photos)),
        "digits": len(split),
        "classes": np.bincount(split.labels, minlength=NUM_CLASSES).tolist(),
        "arrays": {
            name: {"dtype": str(values.dtype), "shape": list(values.shape)}
            for name, values in arrays.items()
            if values is not None
        },
    }


def sample_photos(source: str, seed: int = 0) -> list[tuple[np.ndarray, list[DigitBox]]]:
    """Return some photos of a source with their digits: of its folder `train`, or rendered; none where it has none."""
    if source == SYNTHETIC:
        rendered = [render_photo(seed * PHOTOS + number) for number in range(PHOTOS)]
        return [(sample.photo, sample.digits) for sample in rendered]
    struct = Path(source) / "train" / DIGIT_STRUCT_FILE
    if not struct.is_file():
        return []
    photos = []
    with DigitStruct(struct) as annotations:
        names = list(annotations)
        for place in np.sort(np.random.default_rng(seed).permutation(len(names))[:PHOTOS]):
            try:
                photos.append((read_rgb(struct.parent / names[place]), annotations.listed(names[place])))
            except InputError:  # boxes without their photo, which the crops do without
                continue
    return photos


def format_facts(facts: dict[str, Any]) -> str:
    """Return what `explore_data` returned as tables: shapes, classes before and after the split, gray levels."""
    lines = ["array                dtype  shape"]
    for split, known in facts["splits"].items():
        for name, array in known["arrays"].items():
            lines.append(f"{f'{split}/{name}':<20} {array['dtype']:<6} {tuple(array['shape'])}")
    return "\n".join([*lines, "", *_class_lines(facts), "", *_gray_lines(facts["gray"])])


def _class_lines(facts: dict[str, Any]) -> list[str]:
    splits, rule = facts["splits"], facts["split"]
    before = [a + b for a, b in zip(splits["train"]["classes"], splits["validation"]["classes"], strict=True)]
    lines = [f"{'digits of each class':<22}{'all':>7}" + "".join(f"{digit:>7}" for digit in range(NUM_CLASSES))]
    lines.append(_counts("before the split", before))
    lines += [_counts(name, known["classes"]) for name, known in splits.items()]
    shares = "".join(f"{share:>7.1%}" for share in rule["validation_share_of_classes"])
    lines.append(f"{'validation, share':<22}{rule['validation_share']:>7.1%}{shares}")
    lines.append(f"{rule['rule']}: {rule['photos_on_both_sides']} photos are on both sides")
    return lines


def _counts(name: str, counts: list[int]) -> str:
    return f"{name:<22}{sum(counts):>7}" + "".join(f"{count:>7}" for count in counts)


def _gray_lines(moments: dict[str, Any]) -> list[str]:
    lines = [f"{GRAY_RULE}; of the training part, 0 to 255:"]
    lines.append(f"{'':<20}" + "".join(f"{name:>8}" for name in moments))
    for place, name in enumerate(("mean", "standard deviation")):
        lines.append(f"{name:<20}" + "".join(f"{values[place]:>8.2f}" for values in moments.values()))
    return lines

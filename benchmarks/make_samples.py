"""Render the photos in samples/, their clean ground truth and boxes: `python -m benchmarks.make_samples`.

The seeds were chosen by eye. A change of the generator gives other pictures: look at them first.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from svhn.alphabet import DIGITS
from svhn.data.render import SyntheticPhoto, SyntheticSettings, render_photo
from svhn.files import ensure_folder, replacing
from svhn.photos import read_rgb, write_rgb

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
JPEG_QUALITY = 92

# File name -> seed, settings.
SCENES = {
    "house-1.png": (
        114,
        SyntheticSettings(
            size=(480, 360),
            digit_height=(100, 130),
            texts=("47",),
            surfaces=("plaster", "concrete"),
            plates=("enamel",),
            layouts=("straight",),
            polarity="light",
            degradation=0.1,
        ),
    ),
    "house-2.jpg": (
        115,
        SyntheticSettings(
            size=(560, 400),
            digit_height=(85, 110),
            texts=("315",),
            surfaces=("brick",),
            plates=("none",),
            layouts=("slope",),
            degradation=0.1,
        ),
    ),
    "house-3.png": (
        110,
        SyntheticSettings(
            size=(360, 480),
            digit_height=(85, 105),
            texts=("208",),
            surfaces=("boards",),
            plates=("none",),
            layouts=("vertical",),
            degradation=0.1,
        ),
    ),
    "house-4.png": (
        112,
        SyntheticSettings(
            size=(480, 360),
            digit_height=(90, 120),
            texts=("16",),
            surfaces=("plaster",),
            plates=("none",),
            layouts=("straight",),
            polarity="dark",
            degradation=0.1,
        ),
    ),
    "house-5.png": (
        109,
        SyntheticSettings(
            size=(720, 360),
            digit_height=(60, 75),
            texts=("12", "14"),
            surfaces=("brick", "tiles", "plaster"),
            plates=("enamel", "ceramic"),
            layouts=("straight",),
            degradation=0.1,
        ),
    ),
    "house-6.jpg": (
        114,
        SyntheticSettings(
            size=(640, 480),
            digit_height=(90, 110),
            texts=("1869",),
            surfaces=("tiles", "concrete"),
            plates=("none", "brushed"),
            layouts=("straight",),
            degradation=0.15,
        ),
    ),
}


def write_sample(folder: Path, name: str, rendered: SyntheticPhoto) -> None:
    """Write the photo, and its ground truth as PNG; the two agree outside the number in the files as well."""
    truth = folder / "clean" / Path(name).with_suffix(".png").name
    if name.endswith(".png"):
        write_rgb(folder / name, rendered.photo)
        write_rgb(truth, rendered.clean)
        return
    _write_jpeg(folder / name, rendered.photo)
    _write_jpeg(truth.with_suffix(".jpg"), rendered.clean)
    clean = read_rgb(truth.with_suffix(".jpg"))
    truth.with_suffix(".jpg").unlink()
    coded = _blocks(rendered.mask)
    write_rgb(truth, np.where(coded[..., None], clean, read_rgb(folder / name)))


def _write_jpeg(path: Path, rgb: np.ndarray) -> None:
    with replacing(path) as temporary:
        Image.fromarray(rgb).save(temporary, quality=JPEG_QUALITY, subsampling=0)


def _blocks(mask: np.ndarray) -> np.ndarray:
    """Grow a mask (H, W) to the whole 8 x 8 blocks that JPEG codes together."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % 8), (0, -width % 8)))
    touched = padded.reshape(padded.shape[0] // 8, 8, padded.shape[1] // 8, 8).any(axis=(1, 3))
    return np.kron(touched, np.ones((8, 8), bool))[:height, :width]


def as_coco(photos: dict[str, SyntheticPhoto]) -> dict:
    """Describe the digits of the photos in COCO's form; the category is the digit."""
    images, annotations = [], []
    for image_id, (name, rendered) in enumerate(photos.items(), start=1):
        height, width = rendered.mask.shape
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for digit in rendered.digits:
            box = [digit.box.left, digit.box.top, digit.box.width, digit.box.height]
            annotation = {"id": len(annotations) + 1, "image_id": image_id, "category_id": digit.label}
            annotations.append(annotation | {"bbox": box})
    categories = [{"id": label, "name": name} for label, name in enumerate(DIGITS)]
    return {"images": images, "annotations": annotations, "categories": categories}


def main(folder: Path) -> None:
    ensure_folder(folder / "clean")
    photos = {name: render_photo(seed, settings) for name, (seed, settings) in SCENES.items()}
    for name, rendered in photos.items():
        write_sample(folder, name, rendered)
    with replacing(folder / "boxes.json") as temporary:
        temporary.write_text(json.dumps(as_coco(photos), indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=SAMPLES, help="where to write (default: samples/)")
    main(parser.parse_args().folder)

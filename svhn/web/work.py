"""What is done in a worker process: an order with a photo in, an answer for the page out."""

import base64
import contextlib
import io
import sys
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

import cv2
import numpy as np
from PIL import Image

from svhn.errors import InputError
from svhn.figures import Explanation, tile_maps
from svhn.jobs import (
    ERROR,
    CleanPhoto,
    JobConfig,
    PhotoReading,
    ReportLine,
    StopJob,
    describe_cleaned,
    describe_found,
    describe_number,
)
from svhn.jobs.choice import PlannedDigit
from svhn.jobs.engines import Stage
from svhn.jobs.single import AskedPhoto, PhotoDesk, warning_text
from svhn.photos import Photo, encode_mask, encode_rgb

# Pictures of how it works are this wide at least, so that pixels can be told apart.
_LEAST_PANEL = 240
_MAPS_IN_ROW = 8


@dataclass(frozen=True)
class WarmUp:
    """Load the networks."""


@dataclass(frozen=True)
class Find:
    """Say what is found in a photo, with a picture for the screen of at most `view_side` pixels."""

    asked: AskedPhoto
    view_side: int | None = None


@dataclass(frozen=True)
class Remove:
    """Make what is published of a photo, see `PhotoDesk.remove`; with pictures for the screen as `Find`."""

    asked: AskedPhoto
    digits: tuple[PlannedDigit, ...] | None = None
    mask: bytes | None = None
    view_side: int | None = None


@dataclass(frozen=True)
class Read:
    """Read the numbers of a photo."""

    asked: AskedPhoto


@dataclass(frozen=True)
class Explain:
    """Show how the numbers of some digits are found and removed."""

    asked: AskedPhoto
    digits: tuple[PlannedDigit, ...]


Order: TypeAlias = WarmUp | Find | Remove | Read | Explain


@dataclass(frozen=True)
class Made:
    """What is published of a photo, and the line of the report about it with pictures for the screen."""

    content: bytes
    format: str
    line: dict[str, Any]


def serve(pipe: Connection, job: JobConfig, owner: str) -> None:
    """Answer orders until the other end is closed; an error is an answer, too."""
    desk = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            order = pipe.recv()
            pipe.send(Stage.LOADING)
            try:
                desk = desk or PhotoDesk(job, pipe.send)
                answer: Any = answer_order(desk, order)
            except (InputError, StopJob) as error:
                answer = type(error)(_without_path(str(error), order))
            except Exception as error:
                traceback.print_exc(file=sys.stderr)
                answer = RuntimeError(type(error).__name__)
            pipe.send(answer)


def answer_order(desk: PhotoDesk, order: Order) -> Any:
    """Return the answer to an order: "ready", or what the API says."""
    match order:
        case Find():
            return _find(desk, order)
        case Remove():
            return _remove(desk, order)
        case Read():
            photo, numbers = desk.read(order.asked)
            return PhotoReading(order.asked.name, tuple(map(describe_number, numbers))).to_dict() | _size(photo)
        case Explain():
            return {"numbers": [_explained(one) for one in desk.explain(order.asked, order.digits)]}
    desk.warm_up()
    return "ready"


def _without_path(text: str, order: Order) -> str:
    """Return a message without the folder that a photo lies in, which concerns nobody who asks."""
    asked = getattr(order, "asked", None)
    return text.replace(str(asked.path), asked.name) if asked is not None and asked.path is not None else text


def _find(desk: PhotoDesk, order: Find) -> dict[str, Any]:
    began = time.perf_counter()
    photo, where = desk.find(order.asked)
    line = describe_found(order.asked.name, photo, where)
    answer = line.finished_now(time.perf_counter() - began).to_dict()
    answer["rejected"] = [
        {"box": digit.box.as_list(), "label": digit.label, "confidence": digit.confidence} for digit in where.rejected
    ]
    if order.view_side is None:
        return answer
    painted = None if where.hole is None else _stencil(where.hole, max(where.hole.shape))
    return answer | {"view": _view(photo.rgb, order.view_side), "painted": painted}


def _remove(desk: PhotoDesk, order: Remove) -> Made:
    began = time.perf_counter()
    photo, finished = desk.remove(order.asked, order.digits, order.mask)
    line = _line_of(order.asked, photo, finished).finished_now(time.perf_counter() - began).to_dict()
    if order.view_side is not None:
        line |= _pictures(photo, finished, order.view_side)
    return Made(finished.content, photo.format, line)


def _line_of(asked: AskedPhoto, photo: Photo, finished: CleanPhoto) -> ReportLine:
    """Return the report's line; where a digit is left, or perhaps is, it has an error, and the photo is made."""
    warning, size = warning_text(asked, finished), (photo.rgb.shape[1], photo.rgb.shape[0])
    status = ERROR if finished.is_legible else finished.status
    line = ReportLine(asked.name, status=status, error=warning, boxes=finished.where.boxes, size=size)
    return describe_cleaned(line, finished)


def _size(photo: Photo) -> dict[str, Any]:
    return {"size": [photo.rgb.shape[1], photo.rgb.shape[0]]}


def _pictures(photo: Photo, finished: CleanPhoto, side: int) -> dict[str, Any]:
    """Return before, after, mask and key pixels as data URLs of one scale."""
    removed = finished.removed
    after = photo.rgb if removed is None else removed.image
    nowhere = np.zeros(photo.rgb.shape[:2], bool)
    keys = None if removed is None else removed.key_pixels
    return {
        "view": _view(after, side),
        "before": _view(photo.rgb, side),
        "mask": _stencil(nowhere if removed is None else removed.mask, side),
        "key_pixels": _stencil(nowhere if keys is None else keys, side),
        "mask_file": _url(encode_mask(nowhere if removed is None else removed.mask), "png"),
    }


def _view(rgb: np.ndarray, side: int) -> str:
    """Return a picture (H, W, 3) uint8 RGB as a data URL, at most `side` pixels long."""
    return _url(encode_rgb(_reduced(rgb, side, cv2.INTER_AREA), "JPEG"), "jpeg")


def _stencil(mask: np.ndarray, side: int) -> str:
    """Return a mask (H, W) bool as the data URL of a picture that is opaque where it is True."""
    alpha = _reduced(mask.astype(np.uint8) * 255, side, cv2.INTER_AREA)
    file = io.BytesIO()
    Image.merge("LA", [Image.new("L", alpha.shape[::-1], 255), Image.fromarray(alpha)]).save(file, "PNG")
    return _url(file.getvalue(), "png")


def _reduced(picture: np.ndarray, side: int, interpolation: int) -> np.ndarray:
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    return cv2.resize(
        picture, (max(1, round(scale * width)), max(1, round(scale * height))), interpolation=interpolation
    )


def _url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _explained(one: Explanation) -> dict[str, Any]:
    """Return the panels of a number: name, caption and picture of each, and what was read."""
    pictures, threshold = one.pictures, f"over {one.threshold:.2f} is digit"
    panels = [
        ("photo", "the region around the number", pictures["photo"]),
        ("feature maps", "first layer of the classifier", _gray(tile_maps(one.maps, _MAPS_IN_ROW), 0.0, 1.0)),
        ("mean", "over the feature maps", _gray(pictures["map_mean"])),
        ("std", "over the feature maps", _gray(pictures["map_std"])),
        ("mean \N{MINUS SIGN} std", "what the reference looks at", _gray(pictures["map_mean_minus_std"])),
        (one.evidence, threshold, _gray(pictures["evidence"], 0.0, 1.0)),
        ("key pixels", "background that the fill learns from", _only(pictures["photo"], pictures["key_pixels"])),
        ("mask", "what is painted", _only(pictures["photo"], ~pictures["mask"])),
        ("fill", "by the GRNN, before it is fitted in", pictures["fill"]),
        ("result", "fitted to the photo, with its detail", pictures["result"]),
    ]
    return {
        "before": one.report.before.text,
        "after": one.report.after.text,
        "confidence_after": [round(value, 3) for value in one.report.after.confidences],
        "rounds": one.report.rounds,
        "panels": [{"name": name, "caption": caption, "picture": _panel(made)} for name, caption, made in panels],
    }


def _gray(values: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return values (H, W) as gray levels uint8, stretched from the lowest, or `low`, to the highest, or `high`."""
    low, high = values.min() if low is None else low, values.max() if high is None else high
    return np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)


def _only(photo: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return a photo that is white where a mask is False."""
    return np.where(chosen[..., None], photo, np.uint8(255))


def _panel(picture: np.ndarray) -> str:
    """Return a picture of how it works as a data URL, enlarged by whole pixels where it is small."""
    times = max(1, -(-_LEAST_PANEL // picture.shape[1]))
    enlarged = cv2.resize(picture, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST)
    return _url(encode_rgb(np.ascontiguousarray(enlarged)), "png")

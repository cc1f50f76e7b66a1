"""Remove digits from many photos: a report line for each, and one bad photo never ends the batch."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svhn.boxes import DigitBox, clip_digits
from svhn.data.annotations import COCO_FILE_NAME, find_annotations, open_annotations
from svhn.data.digit_struct import FILE_NAME
from svhn.errors import InputError
from svhn.files import ensure_folder, replacing
from svhn.photos import Photo, read_mask, read_photo, write_mask, write_photo

if TYPE_CHECKING:
    from svhn.torch_inpaint.remover import DigitRemover, NumberReport, RemovalResult

OK, NO_DIGITS, ERROR = "ok", "no_digits", "error"
REPORT = "report.jsonl"
MASKS = "masks"
# Photos that are filled together.
BATCH = 8
# Threads that decode and encode while the main one computes.
THREADS = 2


@dataclass(frozen=True)
class _Loaded:
    """A photo on its way: read with its digits, or the reason why not."""

    path: Path
    photo: Photo | None = None
    digits: tuple[DigitBox, ...] = ()
    error: str | None = None
    seconds: float = 0.0


def remove_photos(
    paths: Sequence[str | Path],
    remover: "DigitRemover",
    output_dir: str | Path,
    boxes: str | Path | None = None,
    save_masks: bool = False,
    report: Callable[[dict[str, Any]], None] = lambda line: None,
) -> Counter:
    """Remove the digits from photos.

    Every photo becomes a file of the same name in `output_dir`; one without digits is copied. `report.jsonl`
    there has a line for each, in order: `photo`, `output`, `status` ("ok", "no_digits", "error"), `numbers`,
    `seconds`, `error`.

    Parameters
    ----------
    paths : sequence of str or Path
    remover : DigitRemover
    output_dir : str or Path
    boxes : str or Path, optional
        `digitStruct.mat` or COCO `.json`; without it the file that lies beside each photo.
    save_masks : bool
        Also write `masks/<stem>.png`, white = changed.
    report : callable
        Called with each line as it is written.

    Returns
    -------
    Counter
        Number of photos per status.

    Raises
    ------
    InputError
        When the job cannot start: no photos, colliding names, an output that would be an input, an unwritable
        folder, unreadable boxes. What concerns a single photo is in its line instead.
    """
    output_dir = Path(output_dir)
    paths = _checked([Path(path) for path in paths], output_dir, save_masks)
    find = BoxFinder(boxes)
    ensure_folder(output_dir)
    if save_masks:
        ensure_folder(output_dir / MASKS)
    counts: Counter = Counter()
    with (output_dir / REPORT).open("w", encoding="utf-8") as file, ThreadPoolExecutor(THREADS) as pool:
        for line in _lines(paths, find, remover, output_dir, save_masks, pool):
            file.write(json.dumps(line) + "\n")
            file.flush()
            counts[line["status"]] += 1
            report(line)
    return counts


def inpaint_photo(photo: str | Path, mask: str | Path, output: str | Path, device: str = "auto") -> None:
    """Fill the white part of a mask picture in one photo and write the result in the photo's format.

    Raises
    ------
    InputError
        When a file is unreadable, the sizes differ, the mask is all white, or `output` is an input.
    """
    from svhn.torch_inpaint.remover import inpaint

    photo, mask, output = Path(photo), Path(mask), Path(output)
    if output.resolve() in (photo.resolve(), mask.resolve()):
        raise InputError(f"{output}: the output would overwrite an input; choose another --output")
    if output.suffix.lower() != photo.suffix.lower():
        raise InputError(f"{output}: the output keeps the photo's format; expected the suffix {photo.suffix}")
    picture, hole = read_photo(photo), read_mask(mask)
    if hole.shape != picture.rgb.shape[:2]:
        raise InputError(
            f"{mask}: this mask has {hole.shape[1]} x {hole.shape[0]} pixels, expected those of {photo}, "
            f"{picture.rgb.shape[1]} x {picture.rgb.shape[0]}"
        )
    if hole.all():
        raise InputError(f"{mask}: white everywhere, expected some black, which is kept and learned from")
    write_photo(output, picture, inpaint(picture.rgb, hole, device=device), hole)


def explain_photo(
    photo: str | Path, remover: "DigitRemover", output: str | Path, boxes: str | Path | None = None
) -> None:
    """Draw how the digits of one photo are found and removed, as one figure; the photo itself is not written.

    Parameters
    ----------
    photo : str or Path
    remover : DigitRemover
    output : str or Path
        The figure, a .png, .pdf or .svg file.
    boxes : str or Path, optional
        As in `remove_photos`.

    Raises
    ------
    InputError
        When a file is unreadable, the photo has no digits, or `output` is an input or of another kind.
    """
    from svhn.torch_inpaint.explain import FORMATS, draw, explain

    photo, output = Path(photo), Path(output)
    if output.suffix.lower() not in FORMATS:
        raise InputError(
            f"{output}: expected a figure's name that ends in {', '.join(FORMATS)}; choose such an --output"
        )
    if output.resolve() == photo.resolve():
        raise InputError(f"{output}: the output would overwrite an input; choose another --output")
    loaded = _read(photo, BoxFinder(boxes)(photo))
    if loaded.error:
        raise InputError(loaded.error)
    if not loaded.digits:
        raise InputError(f"{photo}: its list of boxes is empty, so there is nothing to explain; choose another photo")
    figure = draw(explain(remover, loaded.photo.rgb, loaded.digits), photo.name)
    with replacing(output) as temporary:
        figure.savefig(temporary)


def _checked(paths: list[Path], output_dir: Path, save_masks: bool) -> list[Path]:
    """Refuse a job in which a file would be written twice or over an input."""
    if not paths:
        raise InputError("no photos given; name at least one, for example samples/*.png")
    names: dict[str, Path] = {}
    for path in paths:
        key = path.stem if save_masks else path.name
        if key in names:
            what = "mask" if save_masks else "output"
            raise InputError(f"{names[key]} and {path} would share one {what} file; put them into separate runs")
        names[key] = path
        if path.parent.resolve() == output_dir.resolve():
            raise InputError(f"{path}: its output would overwrite it; choose another --output-dir than its own folder")
    return paths


class BoxFinder:
    """Finds the digits of a photo in the given box file, or in the one beside the photo."""

    def __init__(self, boxes: str | Path | None):
        self.given = (Path(boxes), open_annotations(boxes)) if boxes else None
        self.folders: dict[Path, tuple[Path, Mapping] | InputError | None] = {}

    def __call__(self, path: Path) -> list[DigitBox]:
        source = self.given or self._beside(path.parent)
        if source is None:
            raise InputError(
                f"{path}: no boxes; give them with --boxes, or put {FILE_NAME} or {COCO_FILE_NAME} beside it"
            )
        file, annotations = source
        if path.name not in annotations:
            raise InputError(f"{path}: {file} has no entry for {path.name}; add its boxes or give another --boxes")
        return annotations[path.name]

    def _beside(self, folder: Path) -> tuple[Path, Mapping] | None:
        if folder not in self.folders:
            try:
                file = find_annotations(folder)
                self.folders[folder] = (file, open_annotations(file)) if file else None
            except InputError as error:
                self.folders[folder] = error
        found = self.folders[folder]
        if isinstance(found, InputError):
            raise found
        return found


def _lines(paths, find, remover, output_dir: Path, save_masks: bool, pool: ThreadPoolExecutor) -> Iterator[dict]:
    """Yield report lines; the next batch is decoded and the last one encoded while one is filled."""
    batches = [paths[i : i + BATCH] for i in range(0, len(paths), BATCH)]
    ahead = None
    writing: list = []
    for number, batch in enumerate(batches):
        loading = ahead or _load(batch, find, pool)
        loaded = [future.result() for future in loading]
        ahead = _load(batches[number + 1], find, pool) if number + 1 < len(batches) else None
        done = _remove(loaded, remover)
        yield from (future.result() for future in writing)
        writing = [pool.submit(_write, item, result, output_dir, save_masks) for item, result in done]
    yield from (future.result() for future in writing)


def _load(batch: Sequence[Path], find: BoxFinder, pool: ThreadPoolExecutor) -> list:
    """Look the boxes up here (HDF5 files are not for several threads) and decode in the pool."""
    futures = []
    for path in batch:
        try:
            futures.append(pool.submit(_read, path, find(path)))
        except Exception as error:
            futures.append(pool.submit(_Loaded, path, error=_reason(path, error)))
    return futures


def _read(path: Path, digits: Sequence[DigitBox]) -> _Loaded:
    began = time.perf_counter()
    try:
        photo = read_photo(path)
        height, width = photo.rgb.shape[:2]
        inside = clip_digits(digits, width, height)
        if len(inside) < len(digits):
            raise InputError(
                f"{path}: {len(digits) - len(inside)} of {len(digits)} boxes lie outside this photo of {width} x "
                f"{height} pixels; check that the boxes belong to this size of the photo"
            )
        return _Loaded(path, photo, tuple(inside), seconds=time.perf_counter() - began)
    except Exception as error:
        return _Loaded(path, error=_reason(path, error), seconds=time.perf_counter() - began)


def _remove(loaded: Sequence[_Loaded], remover: "DigitRemover") -> list[tuple[_Loaded, "RemovalResult | None"]]:
    """Fill all good photos of a batch together; if that fails, one by one, so that only the culprit fails."""
    began = time.perf_counter()
    good = [item for item in loaded if item.error is None and item.digits]
    try:
        results = remover.remove_batch([item.photo.rgb for item in good], [item.digits for item in good])
        removed = dict(zip((id(item) for item in good), results, strict=True))
    except Exception as error:
        if len(loaded) == 1:
            return [(_Loaded(loaded[0].path, error=_reason(loaded[0].path, error)), None)]
        return [pair for item in loaded for pair in _remove([item], remover)]
    share = (time.perf_counter() - began) / max(1, len(good))
    timed = [_add_seconds(item, share) if id(item) in removed else item for item in loaded]
    return [(new, removed.get(id(old))) for old, new in zip(loaded, timed, strict=True)]


def _add_seconds(item: _Loaded, seconds: float) -> _Loaded:
    return _Loaded(item.path, item.photo, item.digits, item.error, item.seconds + seconds)


def _write(item: _Loaded, result: "RemovalResult | None", output_dir: Path, save_masks: bool) -> dict[str, Any]:
    """Write a photo's output and return its report line."""
    began = time.perf_counter()
    output, status, error = output_dir / item.path.name, ERROR, item.error
    if error is None:
        try:
            status = _write_output(item, result, output)
            if save_masks and result is not None:
                write_mask(output_dir / MASKS / f"{item.path.stem}.png", result.mask)
        except Exception as failure:
            status, error = ERROR, _reason(item.path, failure)
    numbers = [_describe(number) for number in result.numbers] if result is not None and status == OK else []
    return {
        "photo": str(item.path),
        "output": str(output) if status != ERROR else None,
        "status": status,
        "numbers": numbers,
        "seconds": round(item.seconds + time.perf_counter() - began, 4),
        "error": error,
    }


def _write_output(item: _Loaded, result: "RemovalResult | None", output: Path) -> str:
    if result is None:
        with replacing(output) as temporary:
            shutil.copyfile(item.path, temporary)
        return NO_DIGITS
    write_photo(output, item.photo, result.image, result.mask)
    return OK


def _describe(number: "NumberReport") -> dict[str, Any]:
    return {
        "boxes": [box.as_list() for box in number.boxes],
        "read_before": number.before.text,
        "confidence_before": _rounded(number.before.confidences),
        "read_after": number.after.text,
        "confidence_after": _rounded(number.after.confidences),
        "rounds": number.rounds,
        "legible_after": number.legible,
    }


def _rounded(values: Iterable[float]) -> list[float]:
    return [round(value, 3) for value in values]


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    return f"{path}: {type(error).__name__}: {error}"

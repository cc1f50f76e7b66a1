"""One self-contained page about a finished job: totals, failures, and photos before and after, the doubtful first."""

import base64
import html
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Any

import cv2
import numpy as np

from svhn.boxes import Box, union
from svhn.errors import InputError
from svhn.files import printable, replacing
from svhn.jobs.ledger import last_lines
from svhn.jobs.storage import is_remote, join, local_copy
from svhn.jobs.tasks import ERROR, NO_DIGITS, OK
from svhn.photos import read_rgb, write_rgb

# Largest width and height of a picture on the page, and how much a small one is enlarged at most.
SIZE, MOST_ENLARGED = (360, 270), 4.0
MOST_FAILURES = 500

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>House numbers removed: $title</title>
<style>
:root { color-scheme: light dark; --line: #8884; --soft: light-dark(#666, #aaa); }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0 .75rem; } .soft, figcaption, small { color: var(--soft); }
.privacy { border-left: 4px solid #c60; padding: .4rem .8rem; background: #c601; }
.totals { display: flex; flex-wrap: wrap; gap: .75rem; padding: 0; margin: 1rem 0; list-style: none; }
.totals li { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; min-width: 6.5rem; }
.totals b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 1.25rem 1rem; }
figure { margin: 0; min-width: 0; }
.pair { position: relative; display: block; line-height: 0; background: #8882; overflow: hidden; border-radius: .3rem; }
.pair img { width: 100%; height: auto; image-rendering: auto; }
.pair img + img { position: absolute; inset: 0; height: 100%; clip-path: inset(0 0 0 var(--cut, 50%)); }
.pair i { position: absolute; inset: 0 auto 0 var(--cut, 50%); border-left: 2px solid #fff; box-shadow: 0 0 3px #000; }
.pair span { position: absolute; bottom: .3rem; padding: .2rem .35rem; }
.pair span { font: 11px/1 system-ui; color: #fff; background: #000a; }
.pair span:first-of-type { left: .3rem; } .pair span:last-of-type { right: .3rem; }
figure input { width: 100%; margin: .3rem 0 0; }
figcaption { font-size: .85rem; overflow-wrap: anywhere; } figcaption b { color: CanvasText; }
.bad { color: #c22; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--line); }
details { margin-top: .6rem; } td { overflow-wrap: anywhere; } td.count { white-space: nowrap; }
</style>
</head>
<body>
<h1>House numbers removed</h1>
<p class="soft">$title</p>
<p class="privacy">This page shows parts of the original photos. Keep it as private as the photos themselves.</p>
$body
<script>
document.addEventListener("input", event => {
  event.target.closest("figure").style.setProperty("--cut", event.target.value + "%");
});
</script>
</body>
</html>
""")


def write_page(output_dir: str, page: str | Path | None = None, most: int = 60) -> Path:
    """Write the page about the job whose ledgers lie in an output folder; those of all shards are merged.

    Parameters
    ----------
    output_dir : str
        Folder or URL.
    page : str or Path, optional
        The file to write; `report.html` in the output folder, or here for a URL.
    most : int
        Photos to show of those that were changed, and of those in which nothing was found.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    InputError
        When there is no ledger.
    """
    lines = list(last_lines(output_dir).values())
    if not lines:
        raise InputError(
            f"{printable(output_dir)}: no report.jsonl here; expected the --output-dir of a remove-digits job"
        )
    page = Path(page or ("report.html" if is_remote(output_dir) else join(output_dir, "report.html")))
    parts = [_totals(lines), _failures(lines), _changed(lines, output_dir, most), _untouched(lines, most)]
    title = html.escape(printable(output_dir))
    with replacing(page) as temporary:
        temporary.write_text(_PAGE.substitute(title=title, body="\n".join(filter(None, parts))), encoding="utf-8")
    return page


def doubt(line: dict[str, Any]) -> float:
    """Return how unsure the removal in a photo is: 0 to 1, and more than 1 where a digit is legible still.

    It is the largest, over all digits, of how unsure the classifier was that there is this digit (a box may be
    wrong) and of how sure it is afterwards that the same digit is there.
    """
    worst = 0.0
    for number in line["numbers"]:
        before, after = number["confidence_before"], number["confidence_after"]
        same = (a == b for a, b in zip(number["read_before"], number["read_after"], strict=True))
        still = max((sure for sure, equal in zip(after, same, strict=True) if equal), default=0.0)
        unsure = max(1 - min(before, default=1.0), still)
        worst = max(worst, unsure + (1.0 if number["legible_after"] else 0.0))
    return worst


def _totals(lines: Sequence[dict[str, Any]]) -> str:
    counts = Counter(line["status"] for line in lines)
    numbers = sum(len(line["numbers"]) for line in lines)
    legible = sum(number["legible_after"] for line in lines for number in line["numbers"])
    seconds = [line["seconds"] for line in lines if line["status"] == OK]
    values = {
        "photos": len(lines),
        "removed": counts[OK],
        "nothing found": counts[NO_DIGITS],
        "failed": counts[ERROR],
        "numbers": numbers,
        "legible still": legible,
    }
    items = "".join(f"<li><b>{value:,}</b>{name}</li>" for name, value in values.items())
    ended = max(line["finished"] for line in lines)[:16].replace("T", " ")
    speed = f"; median {statistics.median(seconds):.2f} s a photo" if seconds else ""
    return f'<ul class="totals">{items}</ul><p class="soft">Last photo finished {html.escape(ended)} UTC{speed}.</p>'


def _failures(lines: Sequence[dict[str, Any]]) -> str:
    """Return tables of the failures: by reason, and one by one."""
    failed = [line for line in lines if line["status"] == ERROR]
    if not failed:
        return ""
    reasons = Counter(_reason(line) for line in failed)
    common = reasons.most_common(50)
    rows = "".join(f'<tr><td class="count">{n:,}</td><td>{_text(reason)}</td></tr>' for reason, n in common)
    each = "".join(
        f"<tr><td>{_text(line['photo'])}</td><td>{_text(_reason(line))}</td></tr>" for line in failed[:MOST_FAILURES]
    )
    more = f"<p>And {len(failed) - MOST_FAILURES:,} more.</p>" if len(failed) > MOST_FAILURES else ""
    return (
        f"<h2>{len(failed):,} failed</h2><table><tr><th>Photos</th><th>Reason</th></tr>{rows}</table>"
        f"<details><summary>One by one</summary><table>{each}</table>{more}</details>"
    )


def _changed(lines: Sequence[dict[str, Any]], output_dir: str, most: int) -> str:
    changed = sorted((line for line in lines if line["status"] == OK), key=lambda line: (-doubt(line), line["photo"]))
    if not changed:
        return ""
    cards = "\n".join(_card(line, output_dir) for line in changed[:most])
    shown = f"{len(changed[:most]):,} of {len(changed):,}" if len(changed) > most else f"all {len(changed):,}"
    return (
        f'<h2>Before and after</h2><p class="soft">The least certain first, {shown}: digits that can be read still, '
        "then those that the classifier was unsure of. Move the slider: left of it is the photo before.</p>"
        f'<div class="cards">{cards}</div>'
    )


def _card(line: dict[str, Any], output_dir: str) -> str:
    caption = f"<figcaption><b>{_text(line['photo'])}</b><br>{_readings(line)}</figcaption>"
    try:
        with local_copy(line["photo"]) as before, local_copy(join(output_dir, line["output"])) as after:
            pictures = read_rgb(before), read_rgb(after)
    except Exception as error:  # the photo may have been moved since: the page is about the job all the same
        return f"<figure>{caption}<small>No picture: {_text(error)}</small></figure>"
    boxes = [Box(*box) for number in line["numbers"] for box in number["boxes"]]
    first, second = (_data_url(_thumbnail(picture, boxes)) for picture in pictures)
    return (
        f'<figure><div class="pair"><img src="{first}" alt="before"><img src="{second}" alt="after"><i></i>'
        '<span>before</span><span>after</span></div><input type="range" min="0" max="100" value="50" '
        f'aria-label="before or after">{caption}</figure>'
    )


def _readings(line: dict[str, Any]) -> str:
    texts = []
    for number in line["numbers"]:
        sure = min(number["confidence_before"], default=0.0)
        text = f"removed {_text(number['read_before'])} ({sure:.0%} sure)"
        if number["legible_after"]:
            text += ' <span class="bad">legible still</span>'
        texts.append(text)
    return "; ".join(texts)


def _untouched(lines: Sequence[dict[str, Any]], most: int) -> str:
    untouched = [line for line in lines if line["status"] == NO_DIGITS]
    if not untouched:
        return ""
    cards = []
    for line in untouched[:most]:
        caption = f"<figcaption>{_text(line['photo'])}</figcaption>"
        try:
            with local_copy(line["photo"]) as path:
                picture = f'<div class="pair"><img src="{_data_url(_thumbnail(read_rgb(path), []))}" alt=""></div>'
        except Exception as error:  # as in `_card`
            picture = f"<small>No picture: {_text(error)}</small>"
        cards.append(f"<figure>{picture}{caption}</figure>")
    shown = f", {most:,} of {len(untouched):,}" if len(untouched) > most else ""
    return (
        f'<h2>Nothing found{shown}</h2><p class="soft">These photos are as they were. Look for numbers that were '
        f'missed.</p><div class="cards">{"".join(cards)}</div>'
    )


def _thumbnail(photo: np.ndarray, boxes: Iterable[Box]) -> np.ndarray:
    """Return the surroundings of some boxes, or a whole photo, (H, W, 3) uint8 RGB, at the size of the page."""
    boxes = list(boxes)
    if boxes:
        height = statistics.median(box.height for box in boxes)
        part = union(boxes).grow(max(8, round(height))).clip(photo.shape[1], photo.shape[0])
        photo = photo[part.slices] if part else photo
    scale = min(SIZE[0] / photo.shape[1], SIZE[1] / photo.shape[0], MOST_ENLARGED)
    size = max(1, round(photo.shape[1] * scale)), max(1, round(photo.shape[0] * scale))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _data_url(picture: np.ndarray) -> str:
    with tempfile.TemporaryDirectory(prefix="svhn-") as folder:
        path = Path(folder) / "picture.jpg"
        write_rgb(path, picture)
        return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _reason(line: dict[str, Any]) -> str:
    """Return why a photo failed, without its name, so that equal reasons are counted together."""
    reason, name = line["error"], printable(line["photo"])
    return reason.removeprefix(f"{name}: ").replace(name, "the photo")


def _text(value: object) -> str:
    return html.escape(printable(value))

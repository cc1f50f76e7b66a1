"""Write the tables of README and docs from the records.

python -m benchmarks.make_tables

A table stands in a document between two comments, `<!-- table: NAME -->` and `<!-- end of table -->`; its text is
`benchmarks/tables/NAME.md.j2`. What a template can use: every record under benchmarks/records/ and checkpoints/ by its
name, `results` (checkpoints/results.csv), and the filters below. tests/docs compares the documents with this.
"""

import csv
import json
import re
from pathlib import Path
from typing import Any

import jinja2

from svhn.metrics import accuracy_interval

ROOT = Path(__file__).parents[1]
TEMPLATES = ROOT / "benchmarks" / "tables"
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TABLE = re.compile(r"(<!-- table: ([\w-]+) -->\n)(.*?)(<!-- end of table -->\n)", re.DOTALL)


def percent(share: float, digits: int = 1) -> str:
    """Write a share of 1 in percent: 0.116 -> "11.6 %"."""
    return f"{100 * share:.{digits}f} %"


def span(interval: dict[str, float] | list[float], digits: int = 1, scale: float = 1) -> str:
    """Write a 95 % interval: "30.6 to 32.0"; `scale` is 100 for shares that are shown in percent."""
    low, high = (interval["low"], interval["high"]) if isinstance(interval, dict) else interval
    return f"{scale * low:.{digits}f} to {scale * high:.{digits}f}"


def number(value: float, digits: int = 0) -> str:
    """Write a number with commas at the thousands."""
    return f"{value:,.{digits}f}"


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was counted on `n` items."""
    return accuracy_interval(round(share * n), n)


def records() -> dict[str, Any]:
    """Return the metrics of every record: `removal_fsr`, `tf_record`, ...; of the refiners `finder_refiner`, ..."""
    found = {}
    for path in (ROOT / "benchmarks" / "records").glob("*.json"):
        found[_identifier(path.stem)] = _metrics(path)
    for path in (ROOT / "checkpoints").glob("*/*record.json"):
        part = path.stem.removesuffix("record").strip("-")
        found[_identifier(f"{path.parent.name}-model" if not part else f"{path.parent.name}-{part}")] = _metrics(path)
    with (ROOT / "checkpoints" / "results.csv").open(newline="", encoding="utf-8") as file:
        found["results"] = list(csv.DictReader(file))
    return found


def _identifier(name: str) -> str:
    return name.replace("-", "_")


def _metrics(path: Path) -> dict[str, Any]:
    record = json.loads(path.read_text(encoding="utf-8"))
    return {**record["metrics"], "created": record["created"][:10]}


def environment() -> jinja2.Environment:
    """Return the environment of the templates; a name that no record has is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown
    )
    made.filters.update(percent=percent, span=span, number=number)
    made.globals.update(records(), wilson=wilson)
    return made


def with_tables(text: str, templates: jinja2.Environment) -> str:
    """Return a document with every table written anew."""
    return TABLE.sub(lambda found: found[1] + templates.get_template(f"{found[2]}.md.j2").render() + found[4], text)


def main() -> None:
    templates = environment()
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        document.write_text(with_tables(text, templates), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Run the notebook of the documents anew: every cell, in order, with its outputs.

    python -m benchmarks.make_notebook

Its cells are the headings, sentences and pieces of Python of docs/python.md. An output is what a notebook shows of a
cell's last line: as text, and as a picture where it has one.
"""

import ast
import base64
import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE, NOTEBOOK = ROOT / "docs" / "python.md", ROOT / "docs" / "python.ipynb"
BLOCK = re.compile(r"^```python\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
# What a cell shows besides, by what it defines: the page has it in sentences.
SHOWN = {
    'clean = svhn.remove("samples': "clean",
    "boxes, labels": "number",
    "result = remover": "result",
    "features": "features.shape",
}


def cells() -> Iterator[tuple[str, str]]:
    """Yield kind and source of each cell."""
    parts = BLOCK.split(SOURCE.read_text(encoding="utf-8"))
    for place, part in enumerate(parts):
        if not part.strip():
            continue
        shown = [last for beginning, last in SHOWN.items() if beginning in part]
        yield ("code", "\n".join([part.rstrip(), *shown[:1]])) if place % 2 else ("markdown", part.strip())


def run(source: str, names: dict[str, Any]) -> Any:
    """Run a cell and return the value of its last line, None where that is no expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def output_of(value: Any, count: int) -> list[dict[str, Any]]:
    """Return the outputs of a cell in the notebook's form."""
    if value is None:
        return []
    data = {"text/plain": _without_what_varies(repr(value))}
    if hasattr(value, "_repr_png_"):
        data["image/png"] = base64.b64encode(value._repr_png_()).decode()
    return [{"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}]


def _without_what_varies(text: str) -> str:
    """Leave out addresses, and what processors compute differently."""
    return re.sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}", re.sub(r" at 0x\w+", "", text))


@contextlib.contextmanager
def _among_the_samples() -> Iterator[None]:
    """Go into an empty folder that has the samples, and come back."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(ROOT / "samples", Path(folder) / "samples")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def make() -> dict[str, Any]:
    """Run all cells, in a folder of their own that has the samples; return the notebook."""
    made: list[dict[str, Any]] = []
    names: dict[str, Any] = {}
    with _among_the_samples():
        for kind, source in cells():
            cell = {
                "cell_type": kind,
                "id": f"cell-{len(made)}",
                "metadata": {},
                "source": source.splitlines(keepends=True),
            }
            if kind == "code":
                count = 1 + sum(other["cell_type"] == "code" for other in made)
                cell |= {"execution_count": count, "outputs": output_of(run(source, names), count)}
            made.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}


def main() -> None:
    NOTEBOOK.write_text(json.dumps(make(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

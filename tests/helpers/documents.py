"""The project's documents, and the pieces that tests look at."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "checkpoints").glob("**/*.md")),
    )
)
START = re.compile(r"(?:(?<![\w./'\[-])(?<!from )svhn|\.venv/bin/svhn|python cli\.py|-m svhn) (?=[a-z][a-z-]+)")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(name: str) -> str:
    """Return a document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def snippets(name: str, language: str) -> list[str]:
    """Return a document's fenced blocks of one language."""
    return [code for found, code in BLOCK.findall(read(name)) if found == language]


def prose(name: str) -> str:
    """Return a document without its fenced blocks."""
    return BLOCK.sub("", read(name))


def commands(name: str) -> Iterator[tuple[str, bool]]:
    """Yield every `svhn ...` of a document: command name, options and arguments, as they would be typed.

    It may stand in a block of commands, indented, in a job file, or in a line of text between backticks. There it is
    only named, which the second value says.
    """
    text = re.sub(r"\s*\\\n\s*", " ", read(name))  # a line that goes on
    text = re.sub(r"(?<=remove-digits) (.*)\n +--shard", r" \1 --shard", text)  # a command folded by YAML
    for line in text.splitlines():
        for found in re.finditer(START, line):
            named = line[: found.start()].count("`") % 2 == 1
            yield _to_the_end(line[found.end() :], named), named


def _to_the_end(rest: str, named: bool) -> str:
    """Cut what follows a command: the end of the quotation, a comment, a pipe, the next command."""
    if named:
        return rest.split("`")[0]
    return re.split(r"\s+(?:#|\||&&|&$|>)|$", rest, maxsplit=1)[0]

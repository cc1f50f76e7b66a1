"""How far a long preparation has come."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

# Called as report(done, total, what) after each step, for example report(500, 2000, "train photos").
Report = Callable[[int, int, str], None]
Item = TypeVar("Item")


def silent(done: int, total: int, what: str) -> None:
    """Report nothing."""


def counted(items: Iterable[Item], total: int, what: str, report: Report) -> Iterator[Item]:
    """Yield `items`, `total` of them, and report each once the caller is done with it."""
    for done, item in enumerate(items, start=1):
        yield item
        report(done, total, what)

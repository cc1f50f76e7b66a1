"""Registries: methods that are chosen by name, loaded when they are used, and open to a user's own."""

import importlib
from collections.abc import Collection, Iterator
from importlib import metadata
from typing import Generic, TypeVar

from svhn.errors import InputError

Entry = TypeVar("Entry")


class Registry(Collection[str], Generic[Entry]):
    """The methods of one kind, by name.

    A method is registered as the object itself, or as "module:attribute" that is imported when the method is used
    first; so the names are known without loading a framework. Packages add methods of their own by an entry point in
    the group `svhn.<kind>`, which every process finds, workers too::

        [project.entry-points."svhn.fills"]
        mean = "my_package:MeanFill"

    Parameters
    ----------
    kind : str
        What the methods are, in the plural, for example "fills".
    entries : dict of str to (object or str)
        The project's own methods, in the order in which they are shown.
    """

    def __init__(self, kind: str, entries: dict[str, Entry | str]):
        self.kind = kind
        self._entries: dict[str, Entry | str] = dict(entries)
        self._searched = False

    def register(self, name: str, entry: Entry | str) -> None:
        """Add a method for this process; ValueError when the name is taken."""
        if name in self._entries:
            raise ValueError(f"{self.kind}: {name!r} is registered already; choose another name")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Entry:
        if name not in self:
            raise InputError(f"{self.kind}: expected one of {', '.join(self)}, received {name!r}")
        entry = self._entries[name]
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = self._entries[name] = getattr(importlib.import_module(module), attribute)
        return entry

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            self._search()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._search()
        return iter(self._entries)

    def __len__(self) -> int:
        self._search()
        return len(self._entries)

    def _search(self) -> None:
        """Add what installed packages bring; names that are taken stay as they are."""
        if not self._searched:
            self._searched = True
            for point in metadata.entry_points(group=f"svhn.{self.kind.replace(' ', '_')}"):
                self._entries.setdefault(point.name, point.value)

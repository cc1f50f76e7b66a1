"""The record of a run: what was done, with what, and what came out."""

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from svhn.cores import available_cores
from svhn.files import write_json


@dataclass
class RunRecord:
    """Everything needed to repeat a run and to believe its numbers.

    Attributes
    ----------
    command : str
        What was run, for example "train-tf".
    config : dict
        The resolved settings, seed included.
    data : dict
        Where the data came from: source, SHA-256, counts, licence note.
    metrics : dict
        Results; a metric on a test split says so in its name.
    versions, hardware : dict
        Filled in by `new`.
    created : str
        UTC time in ISO 8601.
    """

    command: str
    config: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    created: str = ""

    @classmethod
    def new(
        cls, command: str, config: Any, data: dict[str, Any], packages: tuple[str, ...], **more: Any
    ) -> "RunRecord":
        """Start a record of a run that uses `packages`.

        The config is a dataclass or a dict; `more` are further settings of that kind, which go into it by their names.
        """
        settings = as_plain(config) | {name: as_plain(value) for name, value in more.items()}
        versions = {"python": platform.python_version(), "svhn": _version("svhn")}
        versions |= {name: _version(name) for name in packages}
        created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        return cls(command, settings, data, {}, versions, hardware(), created)

    def write(self, path: str | Path) -> None:
        """Write the record as JSON, whole or not at all."""
        write_json(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, path: str | Path) -> "RunRecord":
        return cls(**json.loads(Path(path).read_text(encoding="utf-8")))


def as_plain(settings: Any) -> dict[str, Any]:
    """Return settings, given as a dataclass or a dict, as a dict."""
    if dataclasses.is_dataclass(settings) and not isinstance(settings, type):
        return dataclasses.asdict(settings)
    return dict(settings)


def hardware() -> dict[str, Any]:
    """Return the processor's name and the number of cores this process may use."""
    return {"processor": _processor(), "cores": available_cores(), "system": platform.system()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

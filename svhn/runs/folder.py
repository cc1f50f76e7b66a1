"""The folder of a run: what lies in it, and the one rule by which runs begin and go on."""

import dataclasses
import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from svhn.errors import InputError
from svhn.files import TEMPORARY_PREFIX, ensure_folder, remove_leftovers, write_json
from svhn.runs.record import RunRecord, as_plain

# Of `config.json`; runs that were begun before there was this number cannot be resumed.
FORMAT = 2

Config = TypeVar("Config")


class RunFolder:
    """The files of one run.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    config : Path
        `config.json`: format, command, settings and where the data came from. It is there from the start.
    history : Path
        `history.csv`, a row per interval.
    state : Path
        All that a resumed run needs, in the framework's own format; gone when the run is finished.
    report : Path
        `report.png`, the run on one page.
    record : Path
        `record.json`; a run that has it is finished.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.state = self.path / "state"
        self.report = self.path / "report.png"
        self.record = self.path / "record.json"

    def open(
        self,
        command: str,
        train: Any,
        data: Mapping[str, Any],
        resume: bool = False,
        **more: Any,
    ) -> None:
        """Begin a run, or check that this is the one to go on with; remove what a killed process left half written.

        A new run needs a new or empty folder. A run can be resumed with the same settings and data until it is
        finished; one that was stopped before it saved anything begins from the start.

        Parameters
        ----------
        command : str
            For example "train-tf".
        train : dataclass
            The settings of the training.
        data : dict
            Where the data came from.
        resume : bool
        **more
            What else decides the run, for example the settings of samples; dataclasses or what JSON knows.

        Raises
        ------
        InputError
            When the folder is used, or holds another run than the one to resume.
        """
        if resume:
            self.check(command, train, data, **more)
        elif any(not path.name.startswith(TEMPORARY_PREFIX) for path in ensure_folder(self.path).iterdir()):
            raise InputError(f"{self.path}: this folder is not empty; choose another --run-dir or add --resume")
        remove_leftovers(self.path, older_than=0)
        if not resume:
            write_json(self.config, _content(command, train, data, more))

    def check(self, command: str, train: Any, data: Mapping[str, Any], **more: Any) -> None:
        """Raise InputError unless this run can be resumed with these settings; changes nothing. See `open`."""
        stored = self.read(command)
        # A setting that is younger than the run: without it, runs did what its default does.
        stored["train"] = as_plain(type(train)()) | stored["train"]
        stored, asked = _as_json(stored), _as_json(_content(command, train, data, more))
        if stored["data"] != asked["data"]:
            raise InputError(f"{self.path}: this run began with other data; resume it with those it began with")
        if differences := _differences(stored, asked):
            raise InputError(
                f"{self.path}: this run has other settings than asked for ({'; '.join(differences)}); resume it "
                "without giving any"
            )
        if self.record.exists():
            raise InputError(f"{self.path}: this run is finished; start a new one with another --run-dir")

    def read(self, command: str) -> dict[str, Any]:
        """Return the content of `config.json` of a run of `command`.

        Raises
        ------
        InputError
            When there is none, it is damaged, of another command, or of an earlier version of this program.
        """
        try:
            content = json.loads(self.config.read_text(encoding="utf-8"))
            found, version = content["command"], content.get("format", 1)
        except FileNotFoundError as error:
            raise InputError(
                f"{self.config}: no run of {command} to resume; name its folder with --run-dir, or start it without "
                "--resume"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self.config}: not the config of a run ({error!r}); name another folder with --run-dir"
            ) from error
        if found != command:
            raise InputError(f"{self.config}: expected a run of {command}, received one of {found}; see --run-dir")
        if version != FORMAT:
            raise InputError(
                f"{self.path}: this run was begun by another version of this program (format {version}, expected "
                f"{FORMAT}); finish it with that version, or start a new run in another --run-dir"
            )
        return content

    def read_config(self, command: str, kind: type[Config]) -> Config:
        """Return the settings of a run of `command` as the dataclass `kind`; InputError when they cannot be."""
        content = self.read(command)
        try:
            return kind(**content["train"])
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{self.config}: not the config of a {command} run ({error}); name another folder with --run-dir"
            ) from error

    def close(self, record: RunRecord) -> None:
        """Write the record, which says that the run is finished, and drop the state."""
        record.write(self.record)
        self.state.unlink(missing_ok=True)


def settle(
    command: str, defaults: Config, given: Mapping[str, Any], run_dir: str | Path | None, resume: bool
) -> tuple[Path, Config]:
    """Return the folder and the settings of a run that is about to begin or to go on.

    Parameters
    ----------
    command : str
    defaults : dataclass
        The settings of a new run.
    given : dict
        What the user gave of them. To resume nothing has to be given; what is given must be what the run has.
    run_dir : str or Path, optional
        By default a new folder in runs/, or with `resume` that of the last run of `command` there.
    resume : bool

    Raises
    ------
    InputError
        When there is no run to resume, or it has other settings than given.
    """
    if not resume:
        return Path(run_dir or new_run_dir(command)), dataclasses.replace(defaults, **given)  # type: ignore[type-var]
    path = Path(run_dir or last_run(command))
    config = RunFolder(path).read_config(command, type(defaults))
    for name, value in given.items():
        if (kept := getattr(config, name)) != value:
            raise InputError(f"{path}: this run has {name} {kept}, not {value}; resume it without another one")
    return path, config


def new_run_dir(command: str, runs: str | Path = "runs") -> Path:
    """Return a new folder name for a run of `command`, made of its name and the local time."""
    return Path(runs) / f"{command}-{datetime.datetime.now():%Y%m%d-%H%M%S}"


def last_run(command: str, runs: str | Path = "runs") -> Path:
    """Return the folder of the last run of `command` that was started.

    Raises
    ------
    InputError
        When there is none.
    """
    configs = sorted(Path(runs).glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    for path in reversed(configs):
        if json.loads(path.read_text(encoding="utf-8")).get("command") == command:
            return path.parent
    raise InputError(f"{runs}: no run of {command} to resume; name its folder with --run-dir")


def _content(command: str, train: Any, data: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: as_plain(value) if dataclasses.is_dataclass(value) else value for name, value in more.items()}
    return {"format": FORMAT, "command": command, "train": as_plain(train), **rest, "data": dict(data)}


def _as_json(content: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(content, default=str))


def _differences(stored: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Return in words which settings differ, one by one where both have them."""
    words = []
    for name in dict.fromkeys([*stored, *asked]):
        first, second = stored.get(name), asked.get(name)
        if isinstance(first, dict) and isinstance(second, dict):
            words += _differences(first, second)
        elif first != second:
            words.append(f"{name} {first}, asked for {second}")
    return words

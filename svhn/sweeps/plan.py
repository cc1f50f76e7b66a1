"""The YAML file of a sweep: a list of runs, or a grid, turned into the settings of one training per run."""

import dataclasses
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svhn.sweeps.kinds import RunConfig, kind_of
from svhn.sweeps.yaml_file import Choices, YamlFile

MOST_RUNS = 1000
LONGEST_NAME = 100


@dataclass(frozen=True)
class PlannedRun:
    """One run of a sweep; `name` is also its folder's."""

    name: str
    config: RunConfig


def read_plan(path: str | Path) -> list[PlannedRun]:
    """Read the runs of a sweep.

    The file holds a list of runs, or `defaults:` and `runs:`, or a single run. A run maps settings of `train-torch`
    to values, or, in a file that has a `graph`, settings of `train-tf`; a list of values stands for all of them, so
    that a run with lists is a grid. `name:` names a run.

    Parameters
    ----------
    path : str or Path
        YAML.

    Returns
    -------
    list of PlannedRun
        In the order of the file, the last list of a grid changing fastest.

    Raises
    ------
    InputError
        When the file is missing, no YAML, or holds an unknown setting or an impossible value; it names the line.
    """
    file = YamlFile(Path(path))
    chosen = [choice for number, run in enumerate(file.read()) for choice in _expand(file, run, number)]
    if len(chosen) > MOST_RUNS:
        raise file.error((), f"{len(chosen):,} runs, expected at most {MOST_RUNS:,}; split the file")
    return _named(file, chosen)


def _expand(file: YamlFile, run: Choices, number: int) -> list[tuple[int, dict[str, Any]]]:
    """Return a run's number in the file and its settings, once for each choice from its lists."""
    lists = [[(key, value) for value in values] for key, values in run.items()]
    choices = [dict(choice) for choice in itertools.product(*lists)]
    if "name" in run and len(choices) > 1:
        raise file.error(("runs", number, "name"), f"one name for {len(choices)} runs; leave it out of a grid")
    return [(number, choice) for choice in choices]


def _named(file: YamlFile, chosen: list[tuple[int, dict[str, Any]]]) -> list[PlannedRun]:
    """Name the runs after what they are, and by whatever else tells them apart."""
    configs = [_config(file, number, settings) for number, settings in chosen]
    others = [field.name for field in dataclasses.fields(file.kind.config) if field.name not in file.kind.named]
    varied = [key for key in others if any(getattr(config, key) != getattr(configs[0], key) for config in configs)]
    runs: dict[str, PlannedRun] = {}
    for (number, settings), config in zip(chosen, configs, strict=True):
        name = settings.get("name") or _name_of(config, varied)
        if name in runs:
            raise file.error(("runs", number), f"the run {name} is there twice; give it another seed or leave it out")
        runs[name] = PlannedRun(name, config)
    return list(runs.values())


def _config(file: YamlFile, number: int, settings: dict[str, Any]) -> RunConfig:
    try:
        return file.kind.config(**{key: value for key, value in settings.items() if key != "name"})
    except ValueError as error:
        raise file.error(("runs", number), str(error)) from error


def _name_of(config: RunConfig, varied: list[str]) -> str:
    parts = [
        getattr(config, kind_of(config).network),
        config.optimizer,
        f"b{config.batch_size}",
        f"lr{config.learning_rate:g}",
    ]
    for key in varied:
        value = getattr(config, key)
        text = "+".join(f"{name}{share:g}" for name, share in value.items()) if isinstance(value, dict) else str(value)
        parts.append(f"{key}={text}")
    return "-".join(parts)[:LONGEST_NAME]

"""The YAML file of a sweep: a list of runs, or a grid, turned into one TrainConfig per run."""

import dataclasses
import difflib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from svhn.data import SOURCES
from svhn.errors import InputError
from svhn.torch_inpaint.classifier import NETS, OPTIMIZERS, PRECISIONS, SCHEDULES, TrainConfig

CHOICES = {"net": NETS, "opt": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS}
LEAST = {"epochs": 1, "batch": 1, "warmup": 0, "seed": 0, "weight_decay": 0.0, "lr": 0.0}
SHARES = ("momentum", "average", "label_smoothing")
SETTINGS = {field.name: field.type for field in dataclasses.fields(TrainConfig)}
NAME = re.compile(r"[A-Za-z0-9][\w.+=-]{0,99}")
MOST_RUNS = 1000


@dataclass(frozen=True)
class Run:
    """One run of a sweep; `name` is also its folder's."""

    name: str
    config: TrainConfig


def read_plan(path: str | Path) -> list[Run]:
    """Read the runs of a sweep.

    The file holds a list of runs, or `defaults:` and `runs:`, or a single run. A run maps settings of `train-torch`
    to values; a list of values stands for all of them, so that a run with lists is a grid. `name:` names a run.

    Parameters
    ----------
    path : str or Path
        YAML.

    Returns
    -------
    list of Run
        In the order of the file, the last list of a grid changing fastest.

    Raises
    ------
    InputError
        When the file is missing, no YAML, or holds an unknown setting or an impossible value; it names the line.
    """
    reader = _Reader(Path(path))
    root = reader.root()
    defaults, items = {}, [root]
    if isinstance(root, yaml.SequenceNode):
        items = root.value
    elif "runs" in (parts := reader.mapping(root)):
        for key, (line, _) in parts.items():
            if key not in ("defaults", "runs"):
                raise reader.error(line, f"expected defaults and runs, received {key!r} beside runs")
        defaults = reader.settings(parts["defaults"][1]) if "defaults" in parts else {}
        runs = parts["runs"][1]
        items = runs.value if isinstance(runs, yaml.SequenceNode) else [runs]
    if not items:
        raise reader.error(1, "no runs; list at least one")
    chosen = [choice for item in items for choice in _expand(reader, item, defaults)]
    if len(chosen) > MOST_RUNS:
        raise reader.error(1, f"{len(chosen):,} runs, expected at most {MOST_RUNS:,}; split the file")
    return _named(reader, chosen)


def _expand(reader: "_Reader", item: yaml.Node, defaults: dict) -> list[tuple[int, dict[str, Any]]]:
    """Return the line of a run and its settings, once for each choice from its lists."""
    settings = defaults | reader.settings(item)
    line = item.start_mark.line + 1
    lists = [[(key, value) for value in values] for key, (_, values) in settings.items()]
    choices = [dict(choice) for choice in itertools.product(*lists)]
    if "name" in settings and len(choices) > 1:
        raise reader.error(settings["name"][0], f"one name for {len(choices)} runs; leave it out of a grid")
    return [(line, choice) for choice in choices]


def _named(reader: "_Reader", chosen: list[tuple[int, dict[str, Any]]]) -> list[Run]:
    """Name the runs after what they are, and by whatever else tells them apart."""
    plain = [{key: value for key, value in settings.items() if key != "name"} for _, settings in chosen]
    configs = [TrainConfig(**settings) for settings in plain]
    shown = [key for key in SETTINGS if key not in ("net", "opt", "batch", "lr")]
    varied = [key for key in shown if any(getattr(config, key) != getattr(configs[0], key) for config in configs)]
    runs: dict[str, Run] = {}
    for (line, settings), config in zip(chosen, configs, strict=True):
        name = settings.get("name") or _name_of(config, varied)
        if name in runs:
            raise reader.error(line, f"the run {name} is there twice; give it another seed or leave it out")
        runs[name] = Run(name, config)
    return list(runs.values())


def _name_of(config: TrainConfig, varied: list[str]) -> str:
    parts = [config.net, config.opt, f"b{config.batch}", f"lr{config.lr:g}"]
    for key in varied:
        value = getattr(config, key)
        text = "+".join(f"{name}{share:g}" for name, share in value.items()) if isinstance(value, dict) else str(value)
        parts.append(f"{key}={text}")
    return "-".join(parts)[:100]


class _Reader:
    """Reads one file as nodes, which know their lines."""

    def __init__(self, path: Path):
        self.path = path

    def error(self, line: int, message: str) -> InputError:
        return InputError(f"{self.path}, line {line}: {message}")

    def root(self) -> yaml.Node:
        try:
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}: not a readable YAML file ({error}); see sweeps/family.yaml") from error
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            problem = getattr(error, "problem", None) or error
            raise self.error(mark.line + 1 if mark else 1, f"not YAML: {problem}") from error
        if root is None or isinstance(root, yaml.ScalarNode):
            raise self.error(1, "expected a list of runs, or defaults and runs; see sweeps/family.yaml")
        return root

    def mapping(self, node: yaml.Node) -> dict[str, tuple[int, yaml.Node]]:
        """Return key -> (line, value) of a mapping."""
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            raise self.error(line, "expected settings and their values, for example {net: ConvNet48, opt: SGD}")
        parts = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in parts:
                raise self.error(line, f"{key.value} is given twice")
            parts[str(key.value)] = (line, value)
        return parts

    def settings(self, node: yaml.Node) -> dict[str, tuple[int, list[Any]]]:
        """Return setting -> (line, the values to try)."""
        found = {}
        for key, (line, value) in self.mapping(node).items():
            if key not in SETTINGS and key != "name":
                near = difflib.get_close_matches(key, SETTINGS, 1)
                cure = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(SETTINGS)}"
                raise self.error(line, f"no setting named {key!r}; {cure}")
            nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
            if not nodes:
                raise self.error(line, f"no value for {key}")
            found[key] = (line, [self.value(key, one) for one in nodes])
        return found

    def value(self, key: str, node: yaml.Node) -> Any:
        """Return a setting's value as the type it has in TrainConfig."""
        line = node.start_mark.line + 1
        given = yaml.SafeLoader("").construct_object(node, deep=True)
        if key == "name":
            if not NAME.fullmatch(str(given)):
                raise self.error(line, f"{given!r} cannot name a folder; use letters, digits and . _ + = -")
            return str(given)
        kind = SETTINGS[key]
        if kind is float and isinstance(given, int | str) and not isinstance(given, bool):
            given = _number(given)  # YAML takes 1e-3 for a text
        wrong = not isinstance(given, dict if key == "mix" else kind) or (kind is int and isinstance(given, bool))
        if wrong or (expected := _problem(key, given)):
            expected = _kind_in_words(key) if wrong else expected
            raise self.error(line, f"{key}: expected {expected}, received {given!r}")
        return given


def _number(given: int | str) -> float | str:
    try:
        return float(given)
    except ValueError:
        return str(given)


def _kind_in_words(key: str) -> str:
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a word"}
    return "one of " + ", ".join(CHOICES[key]) if key in CHOICES else words.get(SETTINGS[key], "{split: share, ...}")


def _problem(key: str, value: Any) -> str | None:
    """Return what was expected instead of a value, or None when it is fine."""
    if key in CHOICES and value not in CHOICES[key]:
        return f"one of {', '.join(CHOICES[key])}"
    if key in LEAST and (value < LEAST[key] or (key == "lr" and value == 0)):
        return f"{'more than' if key == 'lr' else 'at least'} {LEAST[key]:g}"
    if key in SHARES and not 0 <= value < 1:
        return "at least 0 and less than 1"
    if key == "mix" and (set(value) - set(SOURCES) or not all(_is_share(share) for share in value.values())):
        return f"shares of {', '.join(SOURCES)}, for example {{train: 0.7, pseudo: 0.3}}"
    if key == "mix" and "train" not in value:
        return "a share of train"
    return None


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0

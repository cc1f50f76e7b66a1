"""What may stand in the YAML file of a sweep, checked by pydantic; errors name the file, the line and the key."""

import dataclasses
import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from svhn.errors import InputError
from svhn.settings import rule_of
from svhn.sweeps.kinds import Kind, kind_of

# Where something stands in the file: keys of mappings and numbers of lists, from the outside in.
Place = tuple[str | int, ...]
# The settings of a run, or of all runs: setting -> the values to try, in the order of the file.
Choices = dict[str, list[Any]]

NAME = re.compile(r"[A-Za-z0-9][\w.+=-]{0,99}")
SETTINGS_IN_WORDS = "settings and their values, for example {net: ConvNet48, optimizer: SGD}"
# Kinds of pydantic's errors, and what was expected.
EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a word",
    "dict_type": "shares, for example {train: 0.7, pseudo: 0.3}",
}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_number(value: Any) -> Any:
    """Turn a number that YAML takes for a word, as 1e-3, into one."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot name a folder; use letters, digits and . _ + = -")
    return name


def _checked(field: dataclasses.Field) -> Callable[[Any], Any]:
    """Return a function that gives back a value of a setting, or raises InputError when the value may not be."""

    def check(value: Any) -> Any:
        if rule := rule_of(field):
            rule.check(field.name, value)
        return value

    return check


def _names(field: dataclasses.Field) -> list[str]:
    rule = rule_of(field)
    spellings = rule.spellings if rule else ()
    return [field.name, *(spelling.removeprefix("--").replace("-", "_") for spelling in spellings)]


def _adapter(field: dataclasses.Field) -> TypeAdapter:
    """Return pydantic's type of a setting in the file: a value, or a list of values to try."""
    kind: Any = Annotated[field.type, BeforeValidator(_as_number)] if field.type is float else field.type
    one: Any = Annotated[kind, AfterValidator(_checked(field))]
    many = Annotated[list[one], BeforeValidator(_as_list), Field(min_length=1)]
    return TypeAdapter(many, config=ConfigDict(strict=True))


_NAME = TypeAdapter(Annotated[list[Annotated[str, AfterValidator(_check_name)]], BeforeValidator(lambda x: [str(x)])])


class Vocabulary:
    """The settings of a training, as they may stand in a file.

    Attributes
    ----------
    adapters : dict[str, TypeAdapter]
        Setting -> pydantic's type of it.
    spellings : dict[str, str]
        Every name by which a setting may be called -> its own.
    """

    def __init__(self, kind: Kind):
        fields = dataclasses.fields(kind.config)
        self.adapters = {"name": _NAME} | {field.name: _adapter(field) for field in fields}
        self.spellings = {name: field.name for field in fields for name in _names(field)}


class SweepFile(BaseModel):
    """A file of a sweep; its settings are checked one by one, see `YamlFile`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    defaults: dict[str, Any] = {}
    runs: Annotated[list[dict[str, Any]], Field(min_length=1)]


class YamlFile:
    """A file of a sweep, and where in it everything stands; `kind` is the training that its runs are of."""

    def __init__(self, path: Path):
        self.path = path
        self._lines: dict[Place, int] = {(): 1}
        self._nodes = self._root()
        self.kind = kind_of(_keys(self._nodes))
        self._known = Vocabulary(self.kind)

    def error(self, place: Iterable[str | int], message: str) -> InputError:
        """Return the error that names the file and the line of a place, or of what that place is in."""
        place = tuple(place)
        while place not in self._lines:
            place = place[:-1]
        return InputError(f"{self.path}, line {self._lines[place]}: {message}")

    def read(self) -> list[Choices]:
        """Return the choices of every run, those of `defaults` first.

        Raises
        ------
        InputError
            When the file is missing, no YAML, or holds an unknown setting or an impossible value.
        """
        try:
            content = SweepFile.model_validate(self._content(self._nodes))
        except ValidationError as error:
            raise self._structure_error(error) from error
        defaults = self._choices(content.defaults, ("defaults",))
        return [defaults | self._choices(run, ("runs", number)) for number, run in enumerate(content.runs)]

    def _root(self) -> yaml.Node:
        try:
            text = self.path.read_text(encoding="utf-8")
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path}: not a readable YAML file ({error}); see sweeps/family.yaml") from error
        except yaml.YAMLError as error:
            raise self._yaml_error(error) from error
        if root is None or isinstance(root, yaml.ScalarNode):
            raise self.error((), "expected a list of runs, or defaults and runs; see sweeps/family.yaml")
        return root

    def _content(self, root: yaml.Node) -> dict[str, Any]:
        """Return the file's content as `SweepFile` has it, whatever its form."""
        if isinstance(root, yaml.SequenceNode):
            return {"runs": self._plain(root, ("runs",))}
        keys = {key.value: value for key, value in root.value if isinstance(key, yaml.ScalarNode)}
        if "runs" not in keys:
            return {"runs": [self._plain(root, ("runs", 0))]}
        content = self._plain(root, ())
        if isinstance(keys["runs"], yaml.MappingNode):
            content["runs"] = [self._plain(keys["runs"], ("runs", 0))]
        return content

    def _plain(self, node: yaml.Node, place: Place) -> Any:
        """Return a node's value, with settings by their own names, and keep the lines of all that is in it."""
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*place, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        try:
            return yaml.SafeLoader("").construct_object(node, deep=True)
        except yaml.YAMLError as error:
            raise self._yaml_error(error) from error

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            name = self._known.spellings.get(str(key.value), str(key.value))
            inner = (*place, name)
            content = self._plain(value, inner)
            self._lines[inner] = key.start_mark.line + 1
            if name in values:
                raise self.error(inner, f"{name} is given twice")
            values[name] = content
        return values

    def _choices(self, settings: dict[str, Any], place: Place) -> Choices:
        choices = {}
        for name, value in settings.items():
            if name not in self._known.adapters:
                near = difflib.get_close_matches(name, self._known.spellings, 1)
                cure = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(self._known.adapters)}"
                raise self.error((*place, name), f"no setting named {name!r}; {cure}")
            try:
                choices[name] = self._known.adapters[name].validate_python(value)
            except ValidationError as error:
                raise self._value_error(error, name, place) from error
        return choices

    def _value_error(self, error: ValidationError, name: str, place: Place) -> InputError:
        first = error.errors()[0]
        where = (*place, name, *first["loc"])
        if first["type"] == "value_error":
            return self.error(where, str(first["ctx"]["error"]))
        if first["type"] == "too_short":
            return self.error(where, f"no value for {name}")
        return self.error(where, f"{name}: expected {EXPECTED[first['type']]}, received {first['input']!r}")

    def _structure_error(self, error: ValidationError) -> InputError:
        first = error.errors()[0]
        where = first["loc"]
        if first["type"] == "extra_forbidden":
            return self.error(where, f"expected defaults and runs, received {where[-1]!r} beside runs")
        if first["type"] == "too_short" or (where == ("runs",) and first["input"] is None):
            return self.error(where, "no runs; list at least one")
        return self.error(where, f"expected {SETTINGS_IN_WORDS}, received {first['input']!r}")

    def _yaml_error(self, error: yaml.YAMLError) -> InputError:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        return InputError(f"{self.path}, line {line}: not YAML: {getattr(error, 'problem', None) or error}")


def _keys(node: yaml.Node) -> set[str]:
    """Return all keys of the mappings in a file."""
    if isinstance(node, yaml.SequenceNode):
        return set().union(*map(_keys, node.value))
    if isinstance(node, yaml.MappingNode):
        return {str(key.value) for key, _ in node.value}.union(*(_keys(value) for _, value in node.value))
    return set()

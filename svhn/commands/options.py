"""Options made of the fields of settings: name, type, default, help and range stand in the dataclass only.

A command takes all options of a settings class by one decorator, and gets the settings back as one object::

    @command()
    @options_of(FinderTrainConfig, "config")
    @run_dir_option
    def train_finder(config, run_dir):
        ...

`only` and `leave_out` choose among the options, by name. With `given=True` the command gets a dict of what stood on the
command line instead, without the defaults, and completes it itself, for example `dataclasses.replace(preset, **given)`.

Every field that `svhn.settings.setting` declares with a help text becomes an option. Its name is the field's. Fields of
nested settings stand beside the others, and a field called `method` goes by the name of the field that holds its
settings: `RemovalConfig.fill.method` is `--fill`. By the field's type:

=====================  ====================================================================
`bool`                 a flag; `--name/--no-name` where False has to be said as well
`int`, `float`, `str`  a value, in the rule's range or choices
`X | None`             as `X`, and `--no-name` for None where the rule has a text for that
`tuple[X, ...]`        repeated
`dict[str, float]`     NAME=SHARE, repeated
with a `parse`         what the class method `parse` makes of the text
=====================  ====================================================================
"""

import dataclasses
import functools
import signal
import types
import typing
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from svhn.errors import InputError
from svhn.settings import Rule, Settings, rule_of

Function = Callable[..., Any]


class ExpertOption(click.Option):
    """An option that the help shows in a group of its own."""


class Command(click.Command):
    """A command whose help shows the basic options first and the expert ones in a group of their own.

    While it is at work Ctrl-C is a KeyboardInterrupt; before and after, in the program, it ends the process.
    """

    def invoke(self, ctx: click.Context) -> Any:
        if signal.getsignal(signal.SIGINT) is not signal.SIG_DFL:
            return super().invoke(ctx)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return super().invoke(ctx)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_DFL)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        basic: list[tuple[str, str]] = []
        expert: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            if isinstance(parameter, click.Option) and (record := parameter.get_help_record(ctx)):
                (expert if isinstance(parameter, ExpertOption) else basic).append(record)
        for title, records in (("Options", basic), ("Expert options", expert)):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def command(**attributes: Any) -> Callable[[Function], Command]:
    """Return the decorator of a command; the attributes are those of `click.command`."""
    return click.command(cls=Command, **attributes)


class ShareType(click.ParamType):
    """NAME=SHARE -> (name, share)."""

    name = "name=share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        name, _, number = str(value).partition("=")
        try:
            return name, float(number)
        except ValueError:
            self.fail(f"expected NAME=SHARE, for example train=0.5, received {value!r}", param, ctx)


class ParsedType(click.ParamType):
    """A class that reads its own text by the class method `parse`, which raises InputError."""

    def __init__(self, kind: Any):
        self.kind = kind
        self.name = kind.__name__.lower()

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return value if isinstance(value, self.kind) else self.kind.parse(value)
        except InputError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True)
class Leaf:
    """A field, at the end of its path from the outermost settings, that becomes an option."""

    path: tuple[str, ...]
    field: dataclasses.Field
    kind: Any
    rule: Rule

    @property
    def name(self) -> str:
        """Name of the parameter, and with dashes of the option."""
        return self.path[-2] if self.path[-1] == "method" and len(self.path) > 1 else self.path[-1]

    @property
    def default(self) -> Any:
        factory = self.field.default_factory
        return self.field.default if factory is dataclasses.MISSING else factory()


def leaves(settings: type[Settings], path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yield the fields that become options, those of nested settings in their place."""
    hints = typing.get_type_hints(settings)
    for field in dataclasses.fields(settings):
        kind, rule, here = _without_none(hints[field.name]), rule_of(field), (*path, field.name)
        if rule is not None and rule.help:
            yield Leaf(here, field, kind, rule)
        elif isinstance(kind, type) and issubclass(kind, Settings):
            yield from leaves(kind, here)


def options_of(
    settings: type[Settings],
    into: str,
    *,
    only: Collection[str] | None = None,
    leave_out: Collection[str] = (),
    given: bool = False,
) -> Callable[[Function], Function]:
    """Return a decorator that adds the options of a settings class to a command.

    Parameters
    ----------
    settings : type of Settings
    into : str
        Parameter of the command that gets the settings.
    only, leave_out : collection of str
        Names of options, with underscores: take only these, or all but these. The others keep their defaults.
    given : bool
        Pass a dict of what stood on the command line instead, name -> value.

    Raises
    ------
    ValueError
        When a name in `only` or `leave_out` is none of an option.
    """
    chosen = _choose(list(leaves(settings)), only, leave_out)

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def with_settings(*args: Any, **parameters: Any) -> Any:
            values = {leaf.path: _take(leaf, parameters) for leaf in chosen}
            stated = {leaf.name: values[leaf.path] for leaf in chosen if _is_stated(leaf)} if given else None
            return function(*args, **parameters, **{into: stated if given else build(settings, values)})

        decorated: Function = with_settings
        for leaf in reversed(chosen):
            for option in reversed(list(_options(leaf, given))):
                decorated = option(decorated)
        return decorated

    return decorate


def build(settings: type[Settings], values: dict[tuple[str, ...], Any]) -> Settings:
    """Return the settings with the values at these paths, and the defaults elsewhere."""
    arguments = {path[0]: value for path, value in values.items() if len(path) == 1}
    hints = typing.get_type_hints(settings)
    for name in {path[0] for path in values if len(path) > 1}:
        inner = {path[1:]: value for path, value in values.items() if path[0] == name}
        arguments[name] = build(hints[name], inner)
    return settings(**arguments)


def _choose(found: list[Leaf], only: Collection[str] | None, leave_out: Collection[str]) -> list[Leaf]:
    names = {leaf.name for leaf in found}
    if unknown := {*(only or ()), *leave_out} - names:
        raise ValueError(f"no such options: {', '.join(sorted(unknown))}; there are {', '.join(sorted(names))}")
    return [leaf for leaf in found if leaf.name not in leave_out and (only is None or leaf.name in only)]


def _options(leaf: Leaf, both_ways: bool) -> Iterator[Callable[[Function], Function]]:
    """Yield the decorators of a field's option, and of the one that says None."""
    option = functools.partial(click.option, cls=ExpertOption if leaf.rule.expert else click.Option)
    flag = "--" + leaf.name.replace("_", "-")
    off = flag.replace("--", "--no-", 1)
    if leaf.kind is bool:
        both = both_ways or leaf.default
        name = f"{flag}/{off}" if both else flag
        yield option(name, leaf.name, is_flag=True, default=leaf.default, show_default=both, help=leaf.rule.help)
        return
    value = _value(leaf)
    yield option(flag, *leaf.rule.spellings, leaf.name, help=leaf.rule.help, metavar=leaf.rule.metavar, **value)
    if leaf.rule.none_help:
        yield option(off, f"no_{leaf.name}", is_flag=True, help=leaf.rule.none_help)


def _value(leaf: Leaf) -> dict[str, Any]:
    """Return what click has to know of an option's value: type, default, whether it is repeated."""
    default = leaf.default
    if typing.get_origin(leaf.kind) is dict:
        shares = [f"{name}={share:g}" for name, share in default.items()]
        return {"type": ShareType(), "multiple": True, "default": shares, "show_default": True}
    if typing.get_origin(leaf.kind) is tuple:
        kind = _type(typing.get_args(leaf.kind)[0], leaf.rule)
        return {"type": kind, "multiple": True, "default": default, "show_default": bool(default)}
    if default is dataclasses.MISSING:
        return {"type": _type(leaf.kind, leaf.rule), "required": True}
    return {"type": _type(leaf.kind, leaf.rule), "default": default, "show_default": default not in (None, "")}


def _type(kind: Any, rule: Rule) -> Any:
    if rule.choices is not None:
        return click.Choice(list(rule.choices), case_sensitive=False)
    if hasattr(kind, "parse"):
        return ParsedType(kind)
    if kind is Path:
        return click.Path(path_type=Path)
    if kind in (int, float):
        return _range(kind, rule)
    return kind


def _range(kind: type, rule: Rule) -> click.ParamType:
    low = rule.least if rule.above is None else rule.above
    high = rule.most if rule.below is None else rule.below
    open_low, open_high = rule.above is not None, rule.below is not None
    if kind is int:
        return click.IntRange(low, high, open_low, open_high)  # type: ignore[arg-type]
    return click.FloatRange(low, high, open_low, open_high)


def _take(leaf: Leaf, parameters: dict[str, Any]) -> Any:
    """Take a field's value out of a command's parameters."""
    value = parameters.pop(leaf.name)
    if leaf.rule.none_help and parameters.pop(f"no_{leaf.name}"):
        return None
    return dict(value) if typing.get_origin(leaf.kind) is dict else value


def _is_stated(leaf: Leaf) -> bool:
    """Tell whether a field's option, or the one that says None, stands on the command line."""
    source_of = click.get_current_context().get_parameter_source
    return click.core.ParameterSource.COMMANDLINE in (source_of(leaf.name), source_of(f"no_{leaf.name}"))


def _without_none(kind: Any) -> Any:
    """Return X of `X | None`."""
    if isinstance(kind, types.UnionType):
        kinds = [part for part in typing.get_args(kind) if part is not types.NoneType]
        return kinds[0] if len(kinds) == 1 else kind
    return kind

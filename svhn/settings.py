"""Settings: frozen dataclasses whose fields say what they mean and what may be in them, and that check themselves.

Commands make their options of the same fields (`svhn.commands.options`), so that name, default, help and range stand in
one place.
"""

import dataclasses
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from svhn.errors import InputError

KEY = "svhn"
# Seeds have 31 bits in every framework.
MOST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Rule:
    """What a setting means and what may be in it.

    Attributes
    ----------
    help : str
        One sentence or two, for the option's help; a field without is checked, but becomes no option.
    choices : collection of str, optional
        The values that may be, in capitals or not; a `Registry` is asked for its names when they are needed.
    least, most : float, optional
        Bounds that may be reached.
    above, below : float, optional
        Bounds that may not be reached.
    pattern : str, optional
        Regular expression that a text has to match; `metavar` says it in words.
    expert : bool
        Shown in a group of its own, after the basic options.
    spellings : tuple of str
        Further names of the option, for example "--lr".
    metavar : str, optional
        What stands for the value in the help.
    none_help : str, optional
        What it means when there is none: the help of the option `--no-NAME`, which sets None.
    """

    help: str = ""
    choices: Collection[str] | None = None
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    pattern: str | None = None
    expert: bool = False
    spellings: tuple[str, ...] = ()
    metavar: str | None = None
    none_help: str | None = None

    def spelled(self, value: Any) -> Any:
        """Return the choice that a text means, whatever its capitals; another value as it is."""
        if self.choices is None or not isinstance(value, str) or value in self.choices:
            return value
        return next((choice for choice in self.choices if choice.casefold() == value.casefold()), value)

    def check(self, name: str, value: Any) -> None:
        """Raise InputError when `value` may not be; None always may, where the field's default allows it."""
        if value is None:
            return
        if self.choices is not None and value not in self.choices:
            raise InputError(f"{name}: expected one of {', '.join(self.choices)}, received {value!r}")
        if self.pattern is not None and not re.fullmatch(self.pattern, str(value)):
            raise InputError(f"{name}: expected {self.metavar or self.pattern}, received {value!r}")
        if any(bound is not None for bound in (self.least, self.most, self.above, self.below)):
            self._check_number(name, value)

    def _check_number(self, name: str, value: Any) -> None:
        tests = (
            (self.least, "at least", lambda bound: value >= bound),
            (self.most, "at most", lambda bound: value <= bound),
            (self.above, "more than", lambda bound: value > bound),
            (self.below, "less than", lambda bound: value < bound),
        )
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise InputError(f"{name}: expected a number, received {value!r}")
        bounds = [(bound, words, holds) for bound, words, holds in tests if bound is not None]
        if not all(holds(bound) for bound, _, holds in bounds):
            expected = " and ".join(f"{words} {bound:,}" for bound, words, _ in bounds)
            raise InputError(f"{name}: expected {expected}, received {value}")


def setting(default: Any = dataclasses.MISSING, *, factory: Callable[[], Any] | None = None, **rule: Any) -> Any:
    """Declare a field of a `Settings` dataclass.

    Parameters
    ----------
    default : any
    factory : callable, optional
        Makes the default where it can be changed, as in `dataclasses.field`.
    **rule
        The attributes of `Rule`.
    """
    metadata = {KEY: Rule(**rule)}
    if factory is not None:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def rule_of(field: dataclasses.Field) -> Rule | None:
    """Return the rule that a field was declared with, or None for one that is no option."""
    return field.metadata.get(KEY)


@dataclass(frozen=True)
class Settings:
    """Base of the settings dataclasses: checks every field by its rule, and spells choices as the rule does.

    Raises
    ------
    InputError
        When a value may not be.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            if rule := rule_of(field):
                object.__setattr__(self, field.name, rule.spelled(getattr(self, field.name)))
                rule.check(field.name, getattr(self, field.name))

from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from svhn.commands.options import command, leaves, options_of
from svhn.errors import InputError
from svhn.settings import Settings, setting


@dataclass(frozen=True)
class Size(Settings):
    width: int = setting(1, least=1)
    height: int = setting(1, least=1)

    @classmethod
    def parse(cls, text):
        try:
            width, height = map(int, text.split("x"))
        except ValueError as error:
            raise InputError(f"expected WxH, for example 3x4, received {text!r}") from error
        return cls(width, height)

    def __str__(self):
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class PaintConfig(Settings):
    method: str = setting("brush", choices=("brush", "roller"), help="What to paint with.")
    strength: float = setting(0.5, least=0, most=1, help="Of the paint.")
    tolerance: float = setting(0.1, above=0)  # checked, but no option


@dataclass(frozen=True)
class HouseConfig(Settings):
    rooms: int = setting(3, above=0, below=10, spellings=("--chambers",), metavar="N", help="How many rooms.")
    quick: bool = setting(False, help="Build in a hurry.")
    roof: bool = setting(True, help="Put a roof on.")
    garden: str | None = setting("lawn", help="What grows around it.", none_help="Nothing grows around it.")
    folder: Path | None = setting(None, help="Where the plans go.")
    guests: tuple[str, ...] = setting((), help="Who moves in.")
    shares: dict[str, float] = setting(factory=lambda: {"mine": 0.25}, expert=True, help="Who owns it.")
    size: Size = setting(factory=Size, metavar="WxH", expert=True, help="Of the ground.")
    paint: PaintConfig = field(default_factory=PaintConfig)


def result_of(decorator, *arguments, code=0):
    """Return what the command gets as `config`, or its output where it ends with an error."""
    got = []

    @command()
    @decorator
    def build(config):
        """Build a house."""
        got.append(config)

    result = CliRunner().invoke(build, arguments)
    assert result.exit_code == code, result.output
    return result.output if code else got[0]


def config_of(*arguments, code=0):
    return result_of(options_of(HouseConfig, "config"), *arguments, code=code)


def help_text():
    @command()
    @options_of(HouseConfig, "config")
    def build(config):
        """Build a house."""

    return CliRunner().invoke(build, ["--help"]).output


def test_without_options_the_settings_are_the_defaults():
    assert config_of() == HouseConfig()


@pytest.mark.parametrize(
    "arguments, name, value",
    [
        (["--rooms", "4"], "rooms", 4),
        (["--chambers", "5"], "rooms", 5),
        (["--quick"], "quick", True),
        (["--no-roof"], "roof", False),
        (["--garden", "rose"], "garden", "rose"),
        (["--no-garden"], "garden", None),
        (["--folder", "plans"], "folder", Path("plans")),
        (["--guests", "Ann", "--guests", "Bo"], "guests", ("Ann", "Bo")),
        (["--shares", "mine=0.5", "--shares", "yours=.5"], "shares", {"mine": 0.5, "yours": 0.5}),
        (["--size", "3x4"], "size", Size(3, 4)),
        (["--paint", "roller"], "paint", PaintConfig("roller")),
        (["--strength", "1"], "paint", PaintConfig(strength=1.0)),
    ],
)
def test_an_option_sets_its_field_and_no_other(arguments, name, value):
    config = config_of(*arguments)
    assert getattr(config, name) == value and type(getattr(config, name)) is type(value)
    others = [field for field in HouseConfig.__dataclass_fields__ if field != name]
    assert all(getattr(config, other) == getattr(HouseConfig(), other) for other in others)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rooms", "0"],
        ["--rooms", "10"],
        ["--rooms", "two"],
        ["--strength", "1.1"],
        ["--paint", "spoon"],
        ["--shares", "mine"],
        ["--shares", "mine=much"],
        ["--size", "3"],
        ["--tolerance", "1"],
        ["--method", "brush"],
    ],
)
def test_what_may_not_be_is_wrong_usage(arguments):
    assert "Error: " in config_of(*arguments, code=2)


def test_expert_options_have_a_group_of_their_own_at_the_end():
    basic, expert = help_text().split("Expert options:")
    assert all(name in basic for name in ("--rooms", "--no-roof", "--garden", "--no-garden", "--paint", "--strength"))
    assert "--shares" in expert and "--size" in expert and "--shares" not in basic and "--help" in basic


@pytest.mark.parametrize(
    "line",
    [
        r"--rooms, --chambers N  How many rooms.  [default: 3; 0<x<10]",
        r"--quick  Build in a hurry.",
        r"--roof / --no-roof  Put a roof on.  [default: roof]",
        r"--garden TEXT  What grows around it.  [default: lawn]",
        r"--no-garden  Nothing grows around it.",
        r"--paint [brush|roller]  What to paint with.  [default: brush]",
        r"--shares NAME=SHARE  Who owns it.  [default: mine=0.25]",
        r"--size WxH  Of the ground.  [default: 1x1]",
    ],
)
def test_help_shows_name_meaning_default_and_range(line):
    assert " ".join(line.split()) in " ".join(help_text().split())


@pytest.mark.parametrize(
    "arguments, given",
    [
        ([], {}),
        (["--rooms", "3", "--no-quick"], {"rooms": 3, "quick": False}),
        (["--shares", "mine=1"], {"shares": {"mine": 1.0}}),
        (["--no-garden"], {"garden": None}),
    ],
)
def test_given_are_the_options_that_stand_on_the_command_line(arguments, given):
    assert result_of(options_of(HouseConfig, "config", given=True), *arguments) == given


def test_only_and_leave_out_choose_among_the_options():
    few = options_of(HouseConfig, "config", only=("rooms", "paint"))
    assert result_of(few, "--rooms", "4", "--paint", "roller").rooms == 4
    assert "No such option" in result_of(few, "--strength", "1", code=2)
    assert "No such option" in result_of(
        options_of(HouseConfig, "config", leave_out=("rooms",)), "--rooms", "4", code=2
    )


@pytest.mark.parametrize("names", [{"only": ("room",)}, {"leave_out": ("tolerance",)}])
def test_a_name_of_no_option_is_an_error_of_the_program(names):
    with pytest.raises(ValueError, match="no such options: "):
        options_of(HouseConfig, "config", **names)


def test_a_field_without_a_default_is_a_required_option():
    @dataclass(frozen=True)
    class Needy(Settings):
        name: str = setting(help="Of the house.")

    assert "Missing option '--name'" in result_of(options_of(Needy, "config"), code=2)
    assert result_of(options_of(Needy, "config"), "--name", "Rose").name == "Rose"


def test_settings_that_contradict_each_other_are_told_of_by_the_settings():
    @dataclass(frozen=True)
    class Strict(Settings):
        low: int = setting(1, help="Low.")
        high: int = setting(2, help="High.")

        def __post_init__(self):
            if self.low > self.high:
                raise InputError("low: expected less than high")

    @command()
    @options_of(Strict, "config")
    def build(config):
        """Build."""

    with pytest.raises(InputError, match="expected less than high"):
        build.main(["--low", "3"], standalone_mode=False)


def test_other_options_and_the_context_go_to_the_command_as_ever():
    @command()
    @click.option("--speed", type=int)
    @options_of(HouseConfig, "config")
    @click.pass_context
    def build(ctx, speed, config):
        """Build."""
        return ctx.info_name, speed, config.rooms

    assert build.main(["--speed", "2", "--rooms", "4"], prog_name="b", standalone_mode=False) == ("b", 2, 4)


def test_leaves_name_the_way_to_each_field():
    found = {leaf.name: leaf.path for leaf in leaves(HouseConfig)}
    assert found["paint"] == ("paint", "method") and found["strength"] == ("paint", "strength")
    assert "tolerance" not in found and "method" not in found


def test_choices_are_taken_in_any_capitals_and_spelled_as_they_are_kept():
    assert result_of(options_of(PaintConfig, "config"), "--method", "ROLLER").method == "roller"
    assert PaintConfig(method="Brush").method == "brush"
    with pytest.raises(InputError, match="expected one of brush, roller, received 'comb'"):
        PaintConfig(method="comb")

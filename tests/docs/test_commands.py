"""Every command that a document shows is one that the program takes."""

import re
import shlex

import click
import pytest
from documents import DOCUMENTS, commands, prose

from svhn.commands import cli

# What a shell puts in the place of a variable.
VARIABLE = re.compile(r"\$\(\(.*?\)\)|\$\w+")
OTHER_PROGRAMS = {"--signature_def", "--extra", "--no-deps"}
SHOWN = [(name, *command) for name in DOCUMENTS for command in commands(name)]


def parse(command: str) -> click.Context:
    name, *arguments = shlex.split(VARIABLE.sub("1", command))
    with click.Context(cli) as context:
        found = cli.get_command(context, name)
        assert found is not None, f"no command {name}"
        return found.make_context(name, arguments)


@pytest.mark.parametrize(("document", "command", "named"), SHOWN, ids=lambda value: str(value)[:60])
def test_command_parses(document, command, named):
    try:
        parse(command)
    except click.MissingParameter:
        assert named, "an example has to be complete"
    except click.exceptions.Exit as shown:  # an option that only shows something
        assert shown.exit_code == 0


def test_commands_were_found_where_they_stand():
    assert {document for document, *_ in SHOWN} >= {"README.md", "docs/scale.md", "docs/training.md"}
    shown = {command.split()[0] for _, command, _ in SHOWN}
    assert shown >= set(cli.list_commands(click.Context(cli))), "a command that no document shows"


@pytest.mark.parametrize("wrong", ["remove-digits x.png --output-dir o --wrong", "no-such-command", "read --draw"])
def test_a_command_that_does_not_parse_is_noticed(wrong):
    with pytest.raises((click.UsageError, AssertionError)):
        parse(wrong)


def known_options() -> set[str]:
    with click.Context(cli) as context:
        found = [cli.get_command(context, name) for name in cli.list_commands(context)]
    parameters = [*cli.params, *(parameter for command in found for parameter in command.params)]
    names = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    return names | {"--help"}


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name != "CHANGELOG.md"])
def test_options_named_in_the_text_exist(document):
    named = set(re.findall(r"`(--[a-z][\w-]+)", prose(document)))
    assert named <= known_options() | OTHER_PROGRAMS

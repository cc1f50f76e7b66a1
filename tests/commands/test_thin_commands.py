"""A command parses, calls one public function and shows what comes back."""

import ast
from pathlib import Path

import pytest

from svhn.commands.group import COMMANDS

FOLDER = Path(__file__).parents[2] / "svhn" / "commands"
MOST_BODY_LINES = 15


def commands_in(path: Path) -> list[ast.FunctionDef]:
    """Return the functions of a module that are commands."""
    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if any(ast.unparse(mark).startswith("command(") for mark in node.decorator_list)]


BODIES = {node.name: node for path in sorted(FOLDER.glob("*.py")) for node in commands_in(path)}


def test_every_command_is_measured():
    assert set(BODIES) == {function for _, function, _ in COMMANDS.values()}


@pytest.mark.parametrize("name", BODIES)
def test_a_command_parses_calls_and_shows(name):
    """A body has few lines, no loop, and asks nothing of a framework."""
    _, *body = BODIES[name].body  # the first is the docstring
    assert body[-1].end_lineno - body[0].lineno + 1 <= MOST_BODY_LINES
    nodes = [node for statement in body for node in ast.walk(statement)]
    assert not [node for node in nodes if isinstance(node, (ast.For, ast.While, ast.AsyncFor))]
    text = "\n".join(map(ast.unparse, body)).lower()
    assert "framework" not in text and "pytorch" not in text

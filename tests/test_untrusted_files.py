"""What docs/security.md says of files from others: they are read as data."""

import ast
import functools
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "svhn"
# Functions that run what a file holds, and the modules that may call them on what this program itself has sent.
RUNNING = {
    "pickle.load": set(),
    "pickle.loads": {"jobs/engines/ray.py"},
    "eval": set(),
    "exec": set(),
    "yaml.load": set(),
}


@functools.cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Return the module, the name and the node of every call in the package."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.append((path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), node))
    return found


def test_nothing_that_a_file_holds_is_run():
    assert [(module, name) for module, name, _ in calls() if name in RUNNING and module not in RUNNING[name]] == []


def test_pytorch_takes_tensors_only_and_keras_is_in_its_safe_mode():
    stated = {name: [] for name in ("torch.load", "keras.models.load_model")}
    for _, name, node in calls():
        if name in stated:
            stated[name].append({keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords})
    assert stated["torch.load"] and all(given.get("weights_only") == "True" for given in stated["torch.load"])
    assert stated["keras.models.load_model"]
    assert all(given.get("safe_mode", "True") == "True" for given in stated["keras.models.load_model"])

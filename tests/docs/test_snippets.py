"""Every piece of Python in the documents compiles, and what it takes from svhn exists."""

import ast
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import DOCUMENTS, ROOT, prose, read, snippets

from svhn.photos import read_rgb

SNIPPETS = [(name, code) for name in DOCUMENTS for code in snippets(name, "python")]


def resolve(module: str, name: str) -> None:
    """Look a public name up; a room that needs TensorFlow is only read, since this process has PyTorch."""
    if module.startswith("svhn.tf_models"):
        spec = importlib.util.find_spec(module)
        assert spec is not None, module
        source = Path(spec.origin).with_suffix(".pyi" if spec.submodule_search_locations else ".py")
        defined = rf"(?:as|^def|^class) {name}\b|^{name}\b.* = "
        assert re.search(defined, source.read_text(encoding="utf-8"), re.MULTILINE), f"{module} has no {name}"
    else:
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


@pytest.mark.parametrize(("document", "code"), SNIPPETS, ids=lambda text: text[:40])
def test_snippet_compiles_and_its_imports_resolve(document, code):
    for node in ast.walk(ast.parse(code, document)):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "svhn":
            for alias in node.names:
                resolve(node.module, alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                assert alias.name.split(".")[0] != "svhn" or importlib.util.find_spec(alias.name), alias.name


# Room, registry, group of entry points, and what is registered.
REGISTRIES = re.findall(r"`(svhn[.\w]+)\.([A-Z_]+)` \| `(svhn\.\w+)` \| an? `(\w+)`", read("docs/architecture.md"))
GROUPS = {group for _, _, group, _ in REGISTRIES}
NAMED = [
    (document, name)
    for document in DOCUMENTS
    for name in sorted(set(re.findall(r"`(svhn(?:\.\w+)+)[`(]", prose(document))) - GROUPS)
    if document != "CHANGELOG.md"
]


@pytest.mark.parametrize(("document", "name"), NAMED)
def test_name_in_the_text_exists(document, name):
    """As a room, a module, or a name in one."""
    path = ROOT.joinpath(*name.split("."))
    if not (path.is_dir() or path.with_suffix(".py").is_file()):
        module, _, attribute = name.rpartition(".")
        resolve(module, attribute)


def test_the_registries_in_the_architecture_page_are_those_of_the_house():
    assert len(REGISTRIES) == 6
    for room, name, group, kind in REGISTRIES:
        registry = getattr(importlib.import_module(room), name)
        assert f"svhn.{registry.kind.replace(' ', '_')}" == group
        resolve(room, kind)


def test_a_name_that_does_not_exist_is_noticed():
    with pytest.raises(AssertionError, match="has no wrong"):
        resolve("svhn.boxes", "wrong")


def test_the_removal_in_readme_runs_as_it_stands(tmp_path, monkeypatch):
    """The last piece there needs TensorFlow: tests/tf_models/export/test_export_docs.py."""
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    short, code, _ = snippets("README.md", "python")
    names: dict = {}
    exec(compile(short, "README.md", "exec"), names)
    assert names["clean"].tobytes() != read_rgb("samples/house-1.png").tobytes()
    exec(compile(code, "README.md", "exec"), names)
    before, mask = names["photo"].rgb, names["result"].mask
    written = read_rgb("without-number.png")
    assert names["result"].numbers and mask.any()
    np.testing.assert_array_equal(written[~mask], before[~mask])
    np.testing.assert_array_equal(names["filled"][~mask], before[~mask])


@pytest.mark.slow
def test_the_fill_of_ones_own_runs_as_it_stands():
    """In a process of its own, because it adds to a registry."""
    (code,) = snippets("docs/architecture.md", "python")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

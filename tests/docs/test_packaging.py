"""What pyproject, citation, changelog and licence say of the same things is the same."""

import re

import yaml
from documents import ROOT, read

import svhn

PROJECT = read("pyproject.toml")
ROOMS = sorted(path.parent for path in (ROOT / "svhn").glob("**/__init__.py"))


def test_every_room_is_a_package_of_the_wheel():
    listed = re.search(r"^packages = \[\n(.*?)^\]", PROJECT, re.MULTILINE | re.DOTALL)[1]
    rooms = {".".join(room.relative_to(ROOT).parts) for room in ROOMS}
    assert set(re.findall(r'"(.*)"', listed)) == rooms | {"svhn._checkpoints"}


def test_every_template_is_in_the_wheel():
    templates = set((ROOT / "svhn").glob("**/*.j2"))
    assert templates and all(path.parent.name == "templates" and path.parent.parent in ROOMS for path in templates)
    assert '"templates/*.j2"' in PROJECT and (ROOT / "svhn" / "py.typed").exists()


def test_the_page_is_in_the_wheel():
    static = ROOT / "svhn" / "web" / "static"
    assert all(path.is_file() for path in static.iterdir()) and (static / "index.html").exists()
    assert '"svhn.web" = ["static/*"]' in PROJECT


def test_the_version_is_said_once_and_repeated_right():
    assert yaml.safe_load(read("CITATION.cff"))["version"] == svhn.__version__
    assert re.search(r"^## (\S+)", read("CHANGELOG.md"), re.MULTILINE)[1] == svhn.__version__
    assert 'version = { attr = "svhn.__version__" }' in PROJECT


def test_constraints_pin_what_pyproject_asks_for():
    asked = {name.lower() for name in re.findall(r'"([\w-]+)(?:\[\w+\])?(?:>=[\d.]+)?"', PROJECT.split("[tool.")[0])}
    pinned = {line.split("==")[0].lower() for line in read("constraints.txt").splitlines() if "==" in line}
    dependencies = asked & {name.lower() for name in re.findall(r'"([\w-]+)(?:\[\w+\])?>=', PROJECT)}
    assert dependencies - {"setuptools"} <= pinned

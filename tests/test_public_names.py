import importlib
import subprocess
import sys

import pytest

import svhn

HOMES = {
    "Box": "svhn.boxes",
    "DigitRemover": "svhn.torch_inpaint",
    "Finder": "svhn.finder",
    "PerhapsLeft": "svhn.jobs",
    "StillLegible": "svhn.jobs",
    "inpaint": "svhn.torch_inpaint",
    "load_classifier": "svhn.classifiers",
    "read_photo": "svhn.photos",
    "remove": "svhn.jobs",
}


def test_the_names_are_listed():
    assert set(svhn.__all__) == set(HOMES)
    assert svhn.__version__.count(".") == 2


@pytest.mark.parametrize("name", HOMES)
def test_a_name_is_that_of_its_room(name):
    assert getattr(svhn, name) is getattr(importlib.import_module(HOMES[name]), name)


def test_importing_svhn_imports_none_of_its_rooms():
    script = "import sys, svhn\nprint([name for name in sys.modules if name.startswith('svhn.')])"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"

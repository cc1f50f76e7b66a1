"""The plan of the house: which room may import which, by syntax tree; which process loads what, by a look at it."""

import ast
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from PIL import Image

from svhn.data.render import render_photo

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "svhn"
# The floors, from the ground up. A room imports from its own floor and from those below it, never from above.
FLOORS = (
    ("errors", "cores", "files", "boxes", "settings", "registry", "alphabet", "checkpoints"),
    ("photos", "crops", "metrics"),
    ("finder", "finder_config", "runs", "figures"),
    ("data",),
    ("tf_models", "torch_inpaint"),
    ("jobs", "sweeps", "classifiers"),
    ("web",),
    ("commands", "__main__"),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
STRANGERS = {"tf_models": "torch_inpaint", "torch_inpaint": "tf_models"}
MOST_MODULES = 13
FRAMEWORKS = {"tensorflow", "keras", "torch"}
# Room -> the heavy packages that it may import when it is imported itself.
HEAVY = {"tensorflow", "keras", "torch", "sklearn", "matplotlib", "h5py", "cv2", "click", "scipy", "PIL", "lmdb"}
HEAVY |= {"ray", "rich", "jinja2", "pydantic", "tifffile", "yaml", "google", "fastapi", "starlette", "uvicorn"}
ALLOWED = {
    "photos": {"cv2", "PIL", "tifffile"},
    "crops": {"PIL"},
    "metrics": {"scipy", "sklearn"},
    "finder": {"cv2"},
    "figures": {"matplotlib", "jinja2", "PIL", "cv2"},
    "data": {"h5py", "scipy", "cv2", "PIL", "matplotlib", "sklearn", "pydantic"},
    "data.formats": {"yaml"},
    "data.caffe": {"lmdb", "cv2", "google"},
    "tf_models": {"tensorflow", "keras"},
    "tf_models.export": {"tensorflow", "keras", "google"},
    "torch_inpaint": {"torch", "cv2", "scipy", "PIL"},
    "jobs": {"torch", "cv2"},
    "jobs.engines": {"ray"},
    "jobs.single": {"PIL", "cv2"},
    "sweeps": {"yaml", "pydantic"},
    "web": {"fastapi", "starlette", "uvicorn", "pydantic", "cv2", "PIL"},
    "commands": {"click", "rich"},
    "__main__": set(),
}


def imports_of(path: Path) -> set[str]:
    """Return the modules, and names in them, that a file imports anywhere."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def wing_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "svhn" and len(parts) > 1 and parts[1] in FLOOR_OF else None


PACKAGES = {module_of(path) for path in PACKAGE.rglob("__init__.py")}
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def by_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=by_path)
def test_no_import_runs_upwards(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert room in FLOOR_OF, f"a new room: say in this test on which floor {room} is"
    for module in imports_of(path):
        other = wing_of(module)
        if other is not None:
            assert FLOOR_OF[other] <= FLOOR_OF[room], f"{path} imports {module}, which is above it"
            assert STRANGERS.get(room) != other, f"{path} imports {module}: the two frameworks never meet"


@pytest.mark.parametrize("path", MODULES, ids=by_path)
def test_heavy_packages_stay_in_their_rooms(path):
    parts = module_of(path).split(".")[1:]
    allowed = set().union(*(ALLOWED.get(".".join(parts[:depth]), set()) for depth in range(1, len(parts) + 1)))
    heavy = {module.split(".")[0] for module in imports_of(path)} & HEAVY
    assert heavy <= allowed, f"{path} imports {heavy - allowed}"


def room_of(module: str) -> str | None:
    """Return the innermost package that a module or a name in it belongs to, below `svhn`."""
    while module and module not in PACKAGES:
        module = module.rpartition(".")[0]
    return module if module.count(".") else None


@pytest.mark.parametrize("path", MODULES, ids=by_path)
def test_the_outside_uses_public_names(path):
    """What a room is used for from outside is named in its `__init__.pyi`."""
    me = module_of(path)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (room := room_of(node.module)):
            inside = me == room or me.startswith(room + ".")
            assert inside or node.module == room, f"{path}: imports from {node.module}; {room} should export it"


def test_no_circle():
    """No two modules import each other, by whatever way, not even inside functions."""
    names = {module_of(path) for path in MODULES}
    exports = {package: _exports(package) for package in PACKAGES}

    def target(module: str) -> str | None:
        package, _, name = module.rpartition(".")
        if module in names and module not in PACKAGES:
            return module
        if name in exports.get(package, {}):
            return exports[package][name]
        return package if package in names and package not in PACKAGES else None

    arrows = {
        module_of(path): {to for module in imports_of(path) if (to := target(module))} - {module_of(path)}
        for path in MODULES
    }
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for other in sorted(arrows.get(module, ())):
                walk(other, (*way, module))
            done.add(module)

    for module in sorted(arrows):
        walk(module, ())


def _exports(package: str) -> dict[str, str]:
    stub = ROOT / package.replace(".", "/") / "__init__.pyi"
    if not stub.exists():
        return {}
    nodes = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {alias.name: f"{package}.{node.module}" for node in nodes for alias in node.names}


def test_rooms_are_small():
    for package in PACKAGES:
        folder = ROOT / package.replace(".", "/")
        modules = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(modules) <= MOST_MODULES, f"{package} has {len(modules)} modules: {modules}"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_public_names_are_there(package):
    """Every name in a stub can be imported; modules that need a framework are looked at as text."""
    for name, module in _exports(package).items():
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        defined = {getattr(node, "name", None) for node in tree.body}
        assigned = [node.targets for node in tree.body if isinstance(node, ast.Assign)]
        assigned += [[node.target] for node in tree.body if isinstance(node, ast.AnnAssign)]
        defined |= {
            leaf.id for targets in assigned for part in targets for leaf in ast.walk(part) if isinstance(leaf, ast.Name)
        }
        assert name in defined, f"{package}: {name} is not defined in {module}"


def loaded_by(*steps: str) -> list[set[str]]:
    """Run pieces of code one after the other in a process of its own; return the packages loaded after each."""
    look = "print(*{name.split('.')[0] for name in sys.modules})"
    script = "\n".join(["import sys", *(f"{code}\n{look}" for code in steps)])
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return [set(line.split()) for line in result.stdout.splitlines()[-len(steps) :]]


# What is imported one after the other in one process, and what is not loaded then; what comes first cannot hide behind
# what comes later.
CHAINS = {
    "removal and PyTorch": {
        "import svhn.torch_inpaint, svhn.torch_inpaint.removal.config, svhn.tf_models.classifier.config": {
            "torch",
            "tensorflow",
            "numpy",
        },
        "import svhn, svhn.commands": {"tensorflow", "keras", "torch", "cv2", "h5py", "scipy", "matplotlib", "sklearn"},
        "import svhn.jobs.removal": {"tensorflow", "keras", "torch", "cv2", "h5py", "PIL", "fsspec", "rich", "ray"},
        "import svhn.sweeps.supervisor": {"tensorflow", "keras", "torch", "matplotlib"},
        "import svhn.torch_inpaint.removal.remover, svhn.jobs.worker": {
            "tensorflow",
            "keras",
            "sklearn",
            "matplotlib",
        },
        "import svhn.sweeps.worker": {"tensorflow", "keras", "matplotlib"},
        "import svhn.torch_inpaint.classifier.train": {"tensorflow", "keras"},
    },
    "data": {"import svhn.data.prepare, svhn.data.fetch": {"tensorflow", "keras", "torch", "click"}},
    "TensorFlow": {
        "import svhn.tf_models.classifier.train, svhn.tf_models.classifier.predict, svhn.figures.report": {"torch"}
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("chain", CHAINS)
def test_chains_of_imports(chain):
    steps = CHAINS[chain]
    for loaded, (code, absent) in zip(loaded_by(*steps), steps.items(), strict=True):
        assert not loaded & absent, code


@pytest.mark.slow
def test_remove_digits_never_loads_tensorflow(tmp_path):
    """The process that hands out the work loads no framework at all, the one that does it PyTorch only."""
    Image.fromarray(render_photo(2).photo).save(tmp_path / "house.png")
    arguments = ["remove-digits", str(tmp_path / "house.png"), "--output-dir", str(tmp_path / "out")]
    for workers, expected in (("1", set()), ("0", {"torch"})):
        command = [*arguments, "--workers", workers]
        start = f"from svhn.commands import cli\ntry:\n    cli({command!r})\n"
        run = f"{start}except SystemExit as end:\n    assert not end.code"
        (loaded,) = loaded_by(f"if __name__ == '__main__':\n{textwrap.indent(run, '    ')}")
        assert loaded & FRAMEWORKS == expected


@pytest.mark.timed
def test_help_is_quick():
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "cli.py", "--help"], cwd=ROOT, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.3


def test_label_ten_is_known_to_the_readers_only():
    """SVHN's label 10 is turned into 0 in data/ and nowhere else."""
    for path in MODULES:
        if "data" not in path.parts:
            assert "% 10" not in path.read_text(encoding="utf-8"), path


def test_test_files_have_names_of_their_own():
    """Helpers and tests import one another by bare names, so pytest cannot tell two files of one name apart."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))

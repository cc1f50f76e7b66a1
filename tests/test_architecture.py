"""The import directions of the plan: direct imports by syntax tree, chains by a process that looks at sys.modules."""

import ast
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOUNDATION = {"boxes", "photos", "photo_config", "crops", "metrics", "records", "errors", "files"}
# Room -> the rooms of the project that it may import, besides itself.
ROOMS = {
    "boxes": set(),
    "cores": set(),
    "errors": set(),
    "files": {"errors"},
    "crops": {"boxes"},
    "metrics": set(),
    "photos": {"errors", "files", "photo_config", "photo_formats", "photo_metadata"},
    "photo_config": set(),
    "photo_formats": {"errors", "photo_metadata"},
    "photo_metadata": set(),
    "records": {"cores", "errors", "files"},
    "checkpoints": {"errors"},
    "reports": {"files", "metrics", "records"},
    "interpretation": {"boxes", "crops", "data", "errors", "files", "photos"},
    "refiner": {"errors", "finder_config"},
    "finder": {"boxes", "checkpoints", "errors", "finder_config", "refiner"},
    "finder_config": set(),
    "data": {"boxes", "cores", "photos", "crops", "errors", "files", "finder_config", "refiner"},
    "tf_models": {
        "boxes",
        "checkpoints",
        "data",
        "crops",
        "finder",
        "finder_config",
        "interpretation",
        "metrics",
        "photos",
        "records",
        "refiner",
        "errors",
        "files",
    },
    "torch_inpaint": FOUNDATION | {"checkpoints", "interpretation"},
    "jobs": FOUNDATION | {"cores", "torch_inpaint", "data", "checkpoints", "finder", "finder_config"},
    "sweeps": {"checkpoints", "data", "errors", "files", "records", "torch_inpaint"},
}
FRAMEWORKS = {"tensorflow", "keras", "torch"}
HEAVY = {"tensorflow", "keras", "torch", "sklearn", "matplotlib", "h5py", "cv2", "click", "scipy", "PIL", "lmdb"}
HEAVY |= {"ray", "rich"}
ALLOWED = {
    "boxes": set(),
    "errors": set(),
    "cores": set(),
    "files": set(),
    "checkpoints": set(),
    "records": set(),
    "crops": {"PIL"},
    "metrics": {"scipy"},
    "photos": {"PIL"},
    "photo_config": set(),
    "photo_formats": {"cv2", "PIL"},
    "photo_metadata": {"PIL"},
    "reports": {"matplotlib"},
    "interpretation": {"matplotlib"},
    "refiner": {"cv2"},
    "finder": {"cv2"},
    "finder_config": set(),
    "data": {"h5py", "scipy", "cv2", "PIL", "matplotlib", "lmdb"},
    "tf_models": {"tensorflow", "keras", "sklearn"},
    "torch_inpaint": {"torch", "cv2", "scipy"},
    "jobs": {"torch", "cv2"},
    "sweeps": set(),
}
# What a single module may import besides.
SPECIAL = {"explain.py": {"matplotlib"}, "ray_engine.py": {"ray"}, "progress.py": {"rich"}}


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "svhn" and len(parts) > 1 else None


# Modules of torch_inpaint that train; only they read data.
LEARNING = ("train.py", "batches.py", "network_run.py", "finisher_train.py", "segmenter_train.py")
MODULES = [path for path in sorted((ROOT / "svhn").rglob("*.py")) if path != ROOT / "svhn" / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_direct_imports(path):
    room = path.relative_to(ROOT / "svhn").parts[0].removesuffix(".py")
    assert room in ROOMS, f"a new room: say in this test what {room} may import"
    imported = imports_of(path)
    rooms = {other for module in imported if (other := room_of(module))} - {room}
    rooms &= set(ROOMS)
    learns = room == "torch_inpaint" and path.name in LEARNING
    allowed = ROOMS[room] | ({"data"} if learns else set())
    assert rooms <= allowed, f"{path} imports {rooms - allowed}"
    heavy = {module.split(".")[0] for module in imported} & HEAVY
    heavy -= SPECIAL.get(path.name, set())
    assert heavy <= ALLOWED[room], f"{path} imports {heavy - ALLOWED[room]}"


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    "code, absent",
    [
        ("import cli", {"tensorflow", "keras", "torch", "cv2", "h5py", "scipy", "matplotlib", "sklearn"}),
        ("import svhn.data.prepare, svhn.data.fetch", {"tensorflow", "keras", "torch", "click"}),
        ("import svhn.torch_inpaint.remover, svhn.jobs.worker", {"tensorflow", "keras", "sklearn", "matplotlib"}),
        ("import svhn.jobs.removal", {"tensorflow", "keras", "torch", "cv2", "h5py", "PIL", "fsspec", "rich", "ray"}),
        ("import svhn.torch_inpaint.train", {"tensorflow", "keras"}),
        ("import svhn.sweeps.worker", {"tensorflow", "keras", "matplotlib"}),
        ("import svhn.sweeps.supervisor", {"tensorflow", "keras", "torch", "matplotlib"}),
        ("import svhn.tf_models.train, svhn.tf_models.predict, svhn.reports", {"torch"}),
        (
            "import svhn.torch_inpaint, svhn.torch_inpaint.config, svhn.tf_models.config",
            {"torch", "tensorflow", "numpy"},
        ),
    ],
)
def test_chains_of_imports(code, absent):
    assert not loaded_by(code) & absent


def test_remove_digits_never_loads_tensorflow(tmp_path):
    """The process that hands out the work loads no framework at all, the one that does it PyTorch only."""
    arguments = ["remove-digits", str(ROOT / "samples" / "house-1.png"), "--output-dir", str(tmp_path / "out")]
    for workers, expected in (("1", set()), ("0", {"torch"})):
        command = [*arguments, "--workers", workers]
        run = f"import cli\ntry:\n    cli.cli({command!r})\nexcept SystemExit as end:\n    assert not end.code"
        assert loaded_by(f"if __name__ == '__main__':\n{textwrap.indent(run, '    ')}") & FRAMEWORKS == expected


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

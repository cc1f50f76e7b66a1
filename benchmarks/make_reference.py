"""Make every picture and table of docs/reference.md: run its commands as they stand there, one after the other.

    python -m benchmarks.make_reference        # or: make reference

The files go to `reference/`, which git ignores; what an earlier call left there is removed. The data are `$SVHN_DATA`,
else ../shared/data/svhn, else digits of the generator; `$PHOTO` is a rendered sample, or with photos at hand one of
SVHN's test split. What the commands print goes to `reference/output.txt`, too. One that fails is told of at the end,
and does not stop the others.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT, FOLDER = ROOT / "docs" / "reference.md", ROOT / "reference"
NEAR = ROOT.parent / "shared" / "data" / "svhn"
LOG, SAMPLE = "output.txt", "samples/house-1.png"
# A test photo with two digits and something around them.
TEST_PHOTO = Path("test", "100.png")
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands_of(text: str) -> list[str]:
    """Return the `svhn ...` commands of a document's blocks, in order, without their comments."""
    lines = "\n".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    return [re.sub(r"\s+#.*", "", line).strip() for line in lines if line.startswith("svhn ")]


def environment() -> dict[str, str]:
    """Return the environment of the commands: where the data are, and the photo that is looked at."""
    found = dict(os.environ)
    if not found.get("SVHN_DATA") and (NEAR / "train_32x32.mat").is_file():
        found["SVHN_DATA"] = str(NEAR)
    photo = Path(found.get("SVHN_DATA") or "nowhere") / TEST_PHOTO
    found.setdefault("PHOTO", str(photo) if photo.is_file() else SAMPLE)
    return found


def run(command: str, variables: dict[str, str]) -> tuple[int, str]:
    """Run a command in the repository's folder; return its exit code and what it printed."""
    line = f"{shlex.quote(sys.executable)} -m {command}"
    heard = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(line, shell=True, cwd=ROOT, env=variables, **heard)
    return done.returncode, done.stdout


def begin_anew(folder: Path) -> None:
    """Make the folder, without what an earlier call left there; nobody else's files are touched."""
    if (folder / LOG).is_file():
        shutil.rmtree(folder)
    elif folder.is_dir() and any(folder.iterdir()):
        sys.exit(f"{folder}: not made by this program; move it away")
    folder.mkdir(exist_ok=True)


def main() -> int:
    begin_anew(FOLDER)
    variables, failed = environment(), []
    with open(FOLDER / LOG, "w", encoding="utf-8") as log:
        for command in commands_of(DOCUMENT.read_text(encoding="utf-8")):
            began = time.monotonic()
            code, printed = run(command, variables)
            print(f"$ {command}\n{printed}", file=log, flush=True)
            print(f"{time.monotonic() - began:6.1f} s  {command}" + (f"\n{printed}" if code else ""), flush=True)
            failed += [command] * bool(code)
    print("\n".join([*(f"failed: {command}" for command in failed), f"{FOLDER.name}/: see docs/reference.md"]))
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

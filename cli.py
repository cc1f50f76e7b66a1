"""python cli.py COMMAND: the same as svhn COMMAND, from a copy of the repository."""

import os
import sys


def fail(reason):
    """Say which Python to use instead. Written so that even Python 2 can run it."""
    python = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".venv", "bin", "python")
    cure = "use " + python if os.path.exists(python) else "make demo sets one up, or: python -m pip install -e ."
    sys.exit("cli.py: " + reason + "; " + cure)


if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036
        fail("expected Python 3.10 or newer, this is " + sys.version.split()[0])
    try:
        from svhn.commands import cli
    except ModuleNotFoundError as error:
        fail("this Python has no " + str(error.name))
    cli()

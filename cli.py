"""python cli.py COMMAND: the same as svhn COMMAND, from a copy of the repository."""

import os
import signal
import sys


def fail(reason):
    """Say which Python to use instead. Written so that even Python 2 can run it."""
    python = os.path.join(os.path.dirname(os.path.abspath(__file__)), ".venv", "bin", "python")
    cure = "use " + python if os.path.exists(python) else "make demo sets one up, or: python -m pip install -e ."
    sys.exit("cli.py: " + reason + "; " + cure)


if __name__ == "__main__":
    if sys.version_info < (3, 10):  # noqa: UP036
        fail("expected Python 3.10 or newer, this is " + sys.version.split()[0])
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as svhn.__main__ does, whose package takes a moment to load
    try:
        from svhn.__main__ import main
        from svhn.commands import cli  # noqa: F401  # it tells at once what is missing
    except ModuleNotFoundError as error:
        fail("this Python has no " + str(error.name))
    main()

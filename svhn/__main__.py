"""The program: `svhn COMMAND`, `python -m svhn COMMAND`, and what `python cli.py COMMAND` calls.

It prepares the process before anything large is loaded, and imports nothing large itself.
"""

import contextlib
import os
import signal
import sys


def main() -> None:
    """Run the command that stands on the command line."""
    _let_ctrl_c_end_it()
    _open_closed_streams()
    _keep_out_of_the_current_folder()
    from svhn.commands import cli

    cli()


def _let_ctrl_c_end_it() -> None:
    """Let Ctrl-C end the process silently until a command is at work, which wants to hear of it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _open_closed_streams() -> None:
    """Open standard streams that are closed to nowhere, so that no other file gets their numbers.

    What the encoding of a stream does not have is written as an escape, not refused.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest free one, which is the stream's
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # of another kind, set by whoever runs this function
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _keep_out_of_the_current_folder() -> None:
    """Import no module from the current folder, where photos lie and a numpy.py may, but for this program's own."""
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    with contextlib.suppress(OSError):  # the current folder is gone
        if os.path.realpath(sys.path[0]) == os.path.realpath(os.curdir) != own:
            del sys.path[0]


if __name__ == "__main__":
    main()

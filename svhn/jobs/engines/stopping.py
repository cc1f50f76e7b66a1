"""Stopping a job from outside: the first signal lets what is under way finish, the second one does not."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def keeping_handlers() -> Iterator[None]:
    """Put the handlers of the signals back that the block changes, as some libraries do when they start."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in before.items():
                signal.signal(number, handler)


class StopSignals:
    """While its block runs, SIGINT and SIGTERM are noted; the second one raises KeyboardInterrupt.

    Attributes
    ----------
    received : int or None
        The number of the first signal.
    """

    def __init__(self):
        self.received: int | None = None
        self.before: dict = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number

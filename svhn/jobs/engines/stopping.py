"""Stopping a job from outside: the first signal lets what is under way finish, the second one does not."""

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """A signal ended what was under way; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


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
    """While its block runs, SIGINT, SIGTERM and SIGHUP are noted; the second one raises Interrupted.

    Attributes
    ----------
    received : int or None
        The number of the first signal.
    at_once : bool
        Whether already the first one raises: there is nothing under way that is worth waiting for.
    """

    def __init__(self):
        self.received: int | None = None
        self.at_once = False
        self.before: dict = {}

    def __enter__(self) -> "StopSignals":
        if threading.current_thread() is threading.main_thread():
            # nohup lets its command ignore SIGHUP, and so it stays.
            ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()
            self.before = {number: signal.signal(number, self._note) for number in SIGNALS if number not in ignored}
        return self

    def __exit__(self, *exception) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def answering_at_once(self) -> Iterator[None]:
        """Let the first signal raise Interrupted while the block runs."""
        self.at_once = True
        try:
            yield
        finally:
            self.at_once = False

    def _note(self, number: int, frame) -> None:
        again = self.received is not None
        self.received = self.received or number
        if again or self.at_once:
            raise Interrupted(self.received)

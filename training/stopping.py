"""A run that is asked to stop finishes its step: Ctrl-C, SIGTERM of a scheduler, SIGHUP of a lost connection."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
NOTE = b"\nstopping after this step; Ctrl-C once more stops at once, without saving\n"


class Stop:
    """`number`: of the signal that asked, 0 as long as none did."""

    def __init__(self) -> None:
        self.number = 0

    @property
    def exit_code(self) -> int:
        """As shells report a process that a signal ended."""
        return 128 + self.number

    def note(self, number: int, _: FrameType | None) -> None:
        """The handler. torchrun sends SIGTERM after a Ctrl-C: only a second Ctrl-C means more than the first signal."""
        if self.number and number == signal.SIGINT:
            raise SystemExit(128 + number)
        if not self.number and number == signal.SIGINT:
            os.write(2, NOTE)  # print may be under way
        self.number = self.number or number


@contextlib.contextmanager
def stops_when_asked() -> Iterator[Stop]:
    """While it lasts, signals are noted and nothing else; those that are ignored, as under nohup, stay so."""
    stop, before = Stop(), {}
    if threading.current_thread() is threading.main_thread():  # which alone may change what signals do
        heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, stop.note) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def ignore_signals() -> None:
    """In processes that make samples: a terminal sends Ctrl-C to them as well, and their parent says when they end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

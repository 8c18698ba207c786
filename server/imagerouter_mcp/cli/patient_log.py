"""Log to stderr without waiting for its reader, which may have stopped reading."""

import logging
import os
import threading
import time
from contextlib import suppress
from queue import Empty, Full, Queue

_STDERR = 2
_MOST_WAITING = 1000
"""Maximum number of lines to hold; while so many are waiting, further ones are dropped."""
_GATHERING_SECONDS = 0.02
"""How long lines are gathered before they are written: waking the thread for each slows a busy server."""
_LAST_SECONDS = 0.5
"""Seconds that the process waits at its end for the last lines to be written."""


class PatientHandler(logging.Handler):
    """Writes in a thread that may block for any time and ends with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Queue[str | threading.Event] = Queue(_MOST_WAITING)
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and leave it to the thread."""
        with suppress(Full):
            self._waiting.put_nowait(self.format(record))

    def flush(self) -> None:
        """Wait briefly until everything is written; logging calls this when the process ends."""
        written = threading.Event()
        with suppress(Full):
            self._waiting.put_nowait(written)
            written.wait(_LAST_SECONDS)

    def _write_all(self) -> None:
        while True:
            first = self._waiting.get()
            if isinstance(first, str):
                time.sleep(_GATHERING_SECONDS)
            waiting = [first]
            with suppress(Empty):
                while True:
                    waiting.append(self._waiting.get_nowait())
            _write("".join(f"{each}\n" for each in waiting if isinstance(each, str)))
            for each in waiting:
                if isinstance(each, threading.Event):
                    each.set()


def _write(lines: str) -> None:
    # Not by sys.stderr, whose lock a waiting thread would hold when the interpreter ends.
    left = lines.encode("utf-8", "backslashreplace")
    with suppress(OSError):
        while left:
            left = left[os.write(_STDERR, left) :]

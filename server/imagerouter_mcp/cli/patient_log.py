"""Log to stderr without waiting for whoever reads it, who may have stopped."""

import logging
import os
import threading
from contextlib import suppress
from queue import Full, Queue

_STDERR = 2
_MOST_WAITING = 1000
"""Lines. What is logged while so many wait is dropped."""
_LAST_SECONDS = 0.5
"""How long the process waits at its end for the last lines to be written."""


class PatientHandler(logging.Handler):
    """Leaves writing to a thread that may wait for as long as it takes; it ends with the process."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Queue[str | threading.Event] = Queue(_MOST_WAITING)
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and leave it to the thread."""
        with suppress(Full):
            self._waiting.put_nowait(self.format(record))

    def flush(self) -> None:
        """Wait for what was logged, but not for long; logging calls this when the process ends."""
        written = threading.Event()
        with suppress(Full):
            self._waiting.put_nowait(written)
            written.wait(_LAST_SECONDS)

    def _write_all(self) -> None:
        while True:
            line = self._waiting.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            # Not by sys.stderr, whose lock a waiting thread would hold when the interpreter ends.
            left = line.encode("utf-8", "backslashreplace") + b"\n"
            with suppress(OSError):
                while left:
                    left = left[os.write(_STDERR, left) :]

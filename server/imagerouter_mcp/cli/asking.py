"""Ask the person who types."""

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress

from imagerouter_mcp.errors import ConfigurationError


def has_terminal() -> bool:
    """Return whether a person can type an answer."""
    return bool(sys.stdin) and sys.stdin.isatty()  # no stdin at all, if it was closed


def agrees(question: str) -> bool:
    """Ask whether to do something; an input that ends, or anything but "y" and "yes", is a no.

    Raises:
        ConfigurationError: There is no terminal.
    """
    if not has_terminal():
        raise ConfigurationError(
            "Nothing was changed, because there is no terminal to ask in.",
            "Add --yes to do it without asking.",
        )
    with ended_by_ctrl_c(), suppress(EOFError, UnicodeDecodeError):
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    print()
    return False


@contextmanager
def ended_by_ctrl_c() -> Generator[None]:
    """End a question at the first Ctrl+C, within an event loop and where SIGINT was ignored too.

    A signal that does not interrupt the read, because it arrives just before, would wait for the answer:
    a timer interrupts the read again and again. Windows needs none.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, lambda _number, _frame: None)
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        yield
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise
    finally:
        if sys.platform != "win32":
            signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before)

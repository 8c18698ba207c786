"""Ask the person who types."""

import signal
import sys

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
    # Within an event loop, the first Ctrl+C would only cancel what comes after the answer.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        print()
        return False
    finally:
        signal.signal(signal.SIGINT, before)

"""Hold the ImageRouter key that a request sends, only while the request is being answered."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(slots=True)
class _Sent:
    key: SecretStr | None


_sent: ContextVar[_Sent] = ContextVar("sent_key")


@contextmanager
def brought(key: SecretStr | None) -> Generator[None]:
    """Set the key that the current request sends, until the block ends.

    Tasks that outlive the request keep its context, so the key is removed from it at the end.

    Args:
        key: The key, or None if the request sends none.
    """
    sent = _Sent(key)
    before = _sent.set(sent)
    try:
        yield
    finally:
        sent.key = None
        _sent.reset(before)


def sent_key() -> SecretStr | None:
    """Return the key that the current request sends, or None."""
    sent = _sent.get(None)
    return sent.key if sent else None

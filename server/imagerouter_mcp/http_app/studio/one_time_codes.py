"""Make and redeem one-time codes, each of which opens the studio in one browser.

A code is signed, so that every process with the same data folder can make one for the process that serves.
Redeeming it leaves an empty file behind. So it works once, however many ask at the same time, in whichever
process.
"""

import base64
import contextlib
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.private_files import open_private, private_folder

LASTS_SECONDS = 600
_CODE = re.compile(r"[A-Za-z0-9_-]{48}")
_TIME_BYTES, _RANDOM_BYTES, _SIGNATURE_BYTES = 5, 15, 16
_MARKS_LAST_SECONDS = 24 * 3600
"""Much longer than the codes, in case the clock is set back."""

Verdict = Literal["good", "expired", "used", "wrong"]


class OneTimeCodes:
    """Makes codes and redeems them.

    Args:
        secret: Anyone who knows it can make codes.
        data_dir: Holds `studio-codes`, with a file for each code that was redeemed lately.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(self, secret: bytes, data_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._key = hmac.digest(secret, b"studio code", "sha256")
        self._folder = data_dir / "studio-codes"

    def new(self) -> str:
        """Return a code that works once within ten minutes."""
        expires = int(self._clock()) + LASTS_SECONDS
        told = expires.to_bytes(_TIME_BYTES) + secrets.token_bytes(_RANDOM_BYTES)
        return base64.urlsafe_b64encode(told + self._signature(told)).decode()

    def redeem(self, code: str) -> Verdict:
        """Use up a code; return whether it was valid.

        Raises:
            ConfigurationError: The data folder cannot note that the code was used.
        """
        if not _CODE.fullmatch(code):
            return "wrong"
        decoded = base64.urlsafe_b64decode(code)
        told, signature = decoded[:-_SIGNATURE_BYTES], decoded[-_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(told)):
            return "wrong"
        if self._clock() >= int.from_bytes(told[:_TIME_BYTES]):
            return "expired"
        return "good" if self._mark(code) else "used"

    def _signature(self, told: bytes) -> bytes:
        return hmac.digest(self._key, told, "sha256")[:_SIGNATURE_BYTES]

    def _mark(self, code: str) -> bool:
        """Record that a code was used; return False if it had been used before."""
        try:
            private_folder(self._folder)
            self._sweep()
            open_private(self._folder / hashlib.sha256(code.encode()).hexdigest(), "xb").close()
        except FileExistsError:
            return False
        except OSError as error:
            raise ConfigurationError(
                f"The code cannot be redeemed: {self._folder} cannot be written to "
                f"({error.strerror or error}).",
                "Make it writable, or make room there.",
            ) from None
        return True

    def _sweep(self) -> None:
        latest = time.time() - _MARKS_LAST_SECONDS
        for mark in self._folder.iterdir():
            with contextlib.suppress(OSError):  # another process removed it first
                if mark.stat().st_mtime < latest:
                    mark.unlink()

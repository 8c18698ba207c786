"""Signed links that expire, for clients on other machines that fetch or send pictures.

A signature covers the purpose, the name and the time of expiry. Processes that share the secret, or the data
folder that keeps it, accept each other's links.
"""

import hmac
import re
import secrets
import time
from pathlib import Path
from typing import Literal

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.files import move_new, partial_file
from imagerouter_mcp.private_files import private_folder
from imagerouter_mcp.settings import Settings

DOWNLOAD_SECONDS = 24 * 3600
UPLOAD_SECONDS = 15 * 60
_SECRET_BYTES = 32
_EXPIRES = re.compile(r"[1-9][0-9]{9,11}")

Purpose = Literal["files", "uploads"]
"""What a link is for; its path starts with it."""
Verdict = Literal["good", "expired", "wrong"]


class Links:
    """Signs links and checks them.

    Args:
        base_url: The server's address, without a slash at its end.
        secret: Anyone who knows it can make links.
        person: The id of the person whose pictures they lead to, where a server has several.
    """

    def __init__(self, base_url: str, secret: bytes, person: str = "") -> None:
        self.base_url = base_url
        self._secret = secret
        self._person = person

    def for_person(self, person: str) -> "Links":
        """Return the links of one person; they accept nobody else's."""
        return Links(self.base_url, self.derive(f"person\n{person}"), person)

    def download(self, handle: str) -> str:
        """Return the address of a picture for a day. It changes once an hour."""
        hours = int(time.time() + DOWNLOAD_SECONDS) // 3600 + 1
        return self._link("files", handle, 3600 * hours)

    def upload(self, name: str) -> str:
        """Return the address that accepts one picture, for a quarter of an hour."""
        return self._link("uploads", name, int(time.time()) + UPLOAD_SECONDS)

    def judge(self, purpose: Purpose, name: str, expires: str, signature: str) -> Verdict:
        """Check a link.

        Args:
            purpose: What it is used for.
            name: The handle or upload it names.
            expires: Its time of expiry, in seconds since 1970.
            signature: Its signature.
        """
        right = self.sign(purpose, name, expires).encode()
        if not hmac.compare_digest(signature.encode(), right) or not _EXPIRES.fullmatch(expires):
            return "wrong"
        return "good" if time.time() < int(expires) else "expired"

    def sign(self, purpose: Purpose, name: str, expires: str) -> str:
        """Return the signature of a link, in hexadecimal digits."""
        return self.derive(f"{purpose}\n{name}\n{expires}").hex()

    def derive(self, purpose: str) -> bytes:
        """Derive a secret of 32 bytes for another purpose; processes with the same secret derive the same."""
        return hmac.digest(self._secret, purpose.encode(errors="surrogatepass"), "sha256")

    def _link(self, purpose: Purpose, name: str, expires: int) -> str:
        signature = self.sign(purpose, name, str(expires))
        owner = f"person={self._person}&" if self._person else ""
        return f"{self.base_url}/{purpose}/{name}?{owner}expires={expires}&signature={signature}"


def link_secret(settings: Settings) -> bytes:
    """Return the secret that signs links: the person's own, else a random one kept in the data folder.

    Raises:
        ConfigurationError: The data folder cannot keep it.
    """
    if settings.link_secret:
        return settings.link_secret.get_secret_value().encode()
    file = settings.data_dir / "link-secret"
    try:
        if not file.exists():
            _keep(file)
        secret = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The secret that signs links cannot be kept in {file}: {error.strerror or error}.",
            "Make its folder writable, or set IMAGEROUTER_LINK_SECRET.",
        ) from None
    if len(secret) < _SECRET_BYTES:
        raise ConfigurationError(
            f"The secret that signs links, {file}, is incomplete.", "Remove the file and start again."
        )
    return secret


def _keep(file: Path) -> None:
    """Write a new secret, unless another process writes one first."""
    with partial_file(private_folder(file.parent), private=True) as partial:
        partial.file.write(secrets.token_bytes(_SECRET_BYTES))
        move_new(partial.finish(), file)

"""Make random secrets; only their hashes are stored."""

import hashlib
import re
import secrets

_LETTERS = "abcdefghjkmnpqrstvwxyz23456789"
"""Letters and digits that do not look alike."""
_GROUPS, _GROUP = 5, 5
_NOT_LETTERS = re.compile(r"[^a-z0-9]+")


def new_secret() -> str:
    """Return a random text of 43 characters, 256 bits."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Return a random code that a person can type, such as `k3fwm-…`; it has 122 bits."""
    letters = [secrets.choice(_LETTERS) for _ in range(_GROUPS * _GROUP)]
    return "-".join("".join(letters[at : at + _GROUP]) for at in range(0, len(letters), _GROUP))


def typed_code(text: str) -> str:
    """Normalise a code that a person typed to the form in which it was given out."""
    letters = _NOT_LETTERS.sub("", text.lower())
    return "-".join(letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP))


def digest(secret: str) -> str:
    """Return a secret's hash, to be stored. Random secrets need no salt and no slow hash."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()

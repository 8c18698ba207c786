"""Describe a person whose requests are served."""

import hashlib
from dataclasses import dataclass

_DIGITS = 20
API_KEY_PAGE = "/api-key"
"""The path of the page where a person stores an ImageRouter key of their own."""


@dataclass(frozen=True, slots=True)
class Person:
    """A person, identified by an issuer and its subject.

    Attributes:
        id: Names their folders and rows.
        issuer: The provider or operator that identifies them.
        subject: The issuer's name for them; it never changes.
        name: The operator's name for them.
    """

    id: str
    issuer: str
    subject: str
    name: str


LOCAL = Person("local", "", "", "The operator")
"""The person who uses this machine, or sends the token of `IMAGEROUTER_MCP_TOKEN`."""


def person_id(issuer: str, subject: str) -> str:
    """Return the id of a person, the same on every machine."""
    named = f"{len(issuer)}:{issuer}{subject}"
    return f"p_{hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]}"

"""Read a provider's claims about a person: name, address, and whether the operator's rules let them in."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

EVERYBODY = "everybody"
_NAMES = ("name", "preferred_username", "email")
_SPACED = ("scope", "scp")
"""Claims whose text lists several values."""


def vouched_name(claims: Mapping[str, Any]) -> str:
    """Return a provider's name for a person; "" if there is none."""
    return next(
        (value for name in _NAMES if isinstance(value := claims.get(name), str) and value.strip()), ""
    )


def verified_address(claims: Mapping[str, Any]) -> str:
    """Return a person's e-mail address, folded, if the provider has verified it; else ""."""
    address = claims.get("email")
    if claims.get("email_verified") is not True or not isinstance(address, str) or address.count("@") != 1:
        return ""
    return _folded(address)


def is_let_in(rules: Sequence[str], claims: Mapping[str, Any]) -> bool:
    """Return whether one of the operator's rules lets a person in.

    Args:
        rules: Each `everybody`, an address, a domain that begins with `@`, or `CLAIM=VALUE`.
        claims: The provider's claims about the person.
    """
    return any(_holds(rule, claims) for rule in rules)


def values_of(claims: Mapping[str, Any], name: str) -> list[str]:
    """Return the values of a claim. A name with dots also addresses nested claims."""
    found: Any = claims.get(name)
    if found is None:
        found = claims
        for part in name.split("."):
            found = cast("Mapping[str, Any]", found).get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return found.split() if name in _SPACED else [found]
    if isinstance(found, bool):
        return [str(found).lower()]
    return [str(each) for each in (cast("list[Any]", found) if isinstance(found, list) else [])]


def _holds(rule: str, claims: Mapping[str, Any]) -> bool:
    if rule == EVERYBODY:
        return True
    name, equals, value = rule.partition("=")
    if equals:
        return value in values_of(claims, name)
    address = verified_address(claims)
    return address.endswith(_folded(rule)) if rule.startswith("@") else address == _folded(rule)


def _folded(address: str) -> str:
    """Return an address in lower case, except for parts that are not ASCII.

    The lower case of some other characters is ASCII, such as that of the Kelvin sign: it would turn somebody
    else's address into this one.
    """
    return "@".join(part.lower() if part.isascii() else part for part in address.split("@"))

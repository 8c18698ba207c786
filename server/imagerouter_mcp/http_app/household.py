"""Name who is at the other end of a connection, before anybody has signed in."""

from ipaddress import IPv6Address, ip_address

_PREFIX = 64
"""Bits of an IPv6 address that identify a household or a company."""


def household(client: tuple[str, int] | None) -> str:
    """Return the client's address without the part that a client can choose for itself."""
    host = client[0] if client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host[:64]
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or int(address) >> (128 - _PREFIX))

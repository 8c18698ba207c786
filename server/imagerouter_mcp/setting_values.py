"""Check values of settings: addresses, names, credentials, amounts; a `ValueError` says what is expected."""

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from imagerouter_mcp.money import MOST_BUDGET_USD

PLACEHOLDER = re.compile(r"\$\{[\w.:-]{1,40}\}|\{env:\w{1,40}\}|%\w{1,40}%")
"""Where a configuration names a variable that its host does not replace."""
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+(?:%[\w.-]+)?")
"""The host of a parsed address: a name in any letters, or an IP address."""
_ORIGIN = re.compile(rf"https?://(?:{_HOST_NAME.pattern})(?::\d{{1,5}})?", re.IGNORECASE)

CLOUDS = {"s3": "aws_", "gs": "google_", "az": "azure_"}
"""The schemes of object stores, with how the variables of their clouds begin."""
_ALLOW_RULE = re.compile(r"everybody|[^\s@=]*@[^\s@=]+|[^\s=]+=\S.*")


def split_at(separator: str) -> Callable[[object], object]:
    """Return a validator that splits a text and drops empty parts."""

    def split(value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(separator) if part.strip())
        return value

    return split


def _host_name(value: str) -> str:
    if not _HOST_NAME.fullmatch(value):
        raise ValueError("it must be names such as pictures.example, without scheme, port or *")
    return value.lower()


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError("it must be origins such as https://chat.example, without a path or *")
    return value.lower()


def _network(value: str) -> str:
    try:
        ip_network(value)
    except ValueError:
        raise ValueError("it must be addresses or networks such as 127.0.0.1 or 10.0.0.0/8") from None
    return value


def _web_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError if it is not a port
    except ValueError:
        raise ValueError("it must be an http or https address") from None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or ""):
        raise ValueError("it must be an http or https address")
    if parts.username or parts.password:
        raise ValueError("it must not hold a user name or a password")
    return value.rstrip("/")


def _credential(value: SecretStr) -> SecretStr:
    """Remove spaces around a credential; refuse any within it, which an HTTP header cannot hold."""
    word = value.get_secret_value().strip()
    if not re.fullmatch(r"[!-~]+", word) or PLACEHOLDER.search(word):
        raise ValueError("it must be one word of plain letters, digits and signs")
    return SecretStr(word)


def _secret_address(value: SecretStr) -> SecretStr:
    return SecretStr(_web_address(_credential(value).get_secret_value()))


def _issuer(value: str) -> str:
    """Check a provider's address without changing it: its tokens repeat it exactly, final slash included."""
    address = _web_address(value)
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError("it must be an https address")
    if parts.query or parts.fragment or not value.isprintable() or " " in value:
        raise ValueError("it must be an address without spaces, a query or a fragment")
    return value


def _openid_scope(value: str) -> str:
    if "openid" not in value.split():
        raise ValueError("it must have the word openid in it, such as: openid profile email groups")
    return value


def _audience(value: str | None) -> str | None:
    if value is not None and (
        not value or not value.isprintable() or PLACEHOLDER.search(value) or set(value) & set(" \"'")
    ):
        raise ValueError(
            "it must be what your provider writes into aud, without spaces or quotes; if the setting is "
            "removed, that is the address of /mcp"
        )
    return value


def _allow_rule(value: str) -> str:
    if not _ALLOW_RULE.fullmatch(value):
        raise ValueError(
            "it must be addresses such as ann@corp.example, domains such as @corp.example, claims such as "
            "groups=designers, or the word everybody"
        )
    return value


def _object_store(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in CLOUDS or not parts.netloc:
        raise ValueError("it must be s3://bucket/prefix, gs://bucket/prefix or az://container/prefix")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it must hold no credentials: the variables of its cloud do")
    return value.rstrip("/")


def _postgres_address(url: SecretStr) -> SecretStr:
    """Refuse an address that PostgreSQL would parse differently, and then log parts of the password."""
    scheme, _, place = url.get_secret_value().partition("://")
    credentials = place.partition("?")[0].rpartition("@")[0]
    if scheme not in ("postgresql", "postgres"):
        msg = "it must begin with postgresql://"
        raise ValueError(msg)
    if re.search(r"\s|%(?!0[1-9A-F]|[1-9A-F][0-9A-F])", place, re.IGNORECASE) or set("@/") & set(credentials):
        raise ValueError(
            "in its user name and password, spaces and the characters @, / and % must be written as %20, "
            "%40, %2F and %25"
        )
    return url


Listed = BeforeValidator(split_at(","))
WebAddress = Annotated[str, AfterValidator(_web_address)]
HostName = Annotated[str, AfterValidator(_host_name)]
Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
IssuerAddress = Annotated[str, AfterValidator(_issuer)]
OpenIdScope = Annotated[str, AfterValidator(_openid_scope)]
Audience = Annotated[str | None, AfterValidator(_audience)]
AllowRules = Annotated[tuple[Annotated[str, AfterValidator(_allow_rule)], ...], NoDecode, Listed]
PostgresAddress = Annotated[SecretStr, AfterValidator(_postgres_address)]
ObjectStoreAddress = Annotated[str, AfterValidator(_object_store)]
Credential = Annotated[SecretStr, AfterValidator(_credential)]
Endpoint = Annotated[SecretStr, AfterValidator(_secret_address)]
Usd = Annotated[Decimal, Field(ge=0, le=MOST_BUDGET_USD)]

"""Check what a server for several people depends on: database, object store, sign-in, people's keys."""

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial

from anyio import to_thread

from imagerouter_mcp.cli.checks import Check, Finding
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.tables import SCHEMA
from imagerouter_mcp.http_app.exposure import LOOPBACK, check_exposure
from imagerouter_mcp.http_app.sign_in_paths import CALLBACK
from imagerouter_mcp.people.api_keys import check_key_settings, open_api_keys, unreadable_keys
from imagerouter_mcp.people.people_tables import PEOPLE
from imagerouter_mcp.people.register import PEOPLE_FILE, open_register
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.shared import Shared

DATABASE_SECONDS = 30.0
STORE_SECONDS = 60.0
"""Time limit of the object store, which is asked several times."""
PROVIDER_SECONDS = 45.0
"""Time limit of a provider, which is asked three times."""
_TABLES = {
    "there": "it has the tables",
    "missing": "the first server makes the tables",
    "older": "the next server migrates the tables",
}


def team_checks(settings: Settings) -> list[Check]:
    """Return checks for each of these that the settings name.

    Args:
        settings: The operator's settings.
    """
    checks = list[Check]()
    if settings.people or settings.public_url or settings.openid_issuer or settings.jwt_issuer:
        checks.append(_in_thread("serving", partial(_serving, settings), DATABASE_SECONDS))
    if settings.database_url:
        checks.append(_in_thread("database", partial(_database, settings), DATABASE_SECONDS))
    if settings.object_store:
        checks.append(_in_thread("object store", partial(_objects, settings), STORE_SECONDS))
    if settings.openid_issuer or settings.jwt_issuer:
        checks.append(Check("sign-in", partial(_provider, settings), PROVIDER_SECONDS, ("serving",)))
    if settings.own_keys != "no":
        # Wrong settings are reported even if the database fails too.
        needs = ("database",) if settings.people and settings.key_secrets else ()
        checks.append(_in_thread("people's keys", partial(_own_keys, settings), DATABASE_SECONDS, needs))
    return checks


def _in_thread(name: str, look: Callable[[], str], seconds: float, needs: tuple[str, ...] = ()) -> Check:
    """Return a check that runs in a thread.

    Args:
        name: What is checked.
        look: Does the check; returns a sentence if all is well.
        seconds: Time limit; after it, the thread is abandoned.
        needs: Names of findings whose failure explains the failure of this check.
    """

    async def run() -> Sequence[Finding]:
        return [Finding(name, "ok", await to_thread.run_sync(look, abandon_on_cancel=True))]

    return Check(name, run, seconds, needs)


def _serving(settings: Settings) -> str:
    """Check the settings that `imagerouter-mcp http` may refuse to start with."""
    check_exposure(settings, LOOPBACK[0])
    return "The settings of addresses, tokens and sign-in fit together."


def _database(settings: Settings) -> str:
    """Check the database without changing it."""
    server = Shared(settings).postgres
    if server is None:  # the settings name one
        raise AssertionError
    from imagerouter_mcp.database.inspection import inspect  # noqa: PLC0415 - loads psycopg

    with closing(server):
        found = inspect(server, (SCHEMA, PEOPLE))
    return f"PostgreSQL {found.version} has the database {server.name}, and {_TABLES[found.tables]}."


def _objects(settings: Settings) -> str:
    """Write, list, read and delete an object."""
    objects = Shared(settings).objects
    if objects:
        objects.try_out()
    return f"{settings.object_store} can be written, read and deleted from."


async def _provider(settings: Settings) -> Sequence[Finding]:
    """Check the provider at which people sign in, or whose tokens their apps send.

    Raises:
        ConfigurationError: The provider cannot be used.
    """
    shared = Shared(settings)
    issuer = shared.issuer
    if issuer is None:  # the settings name one
        raise AssertionError
    from imagerouter_mcp.sign_in.issuer import (  # noqa: PLC0415 - loads PyJWT
        IssuerSettingsError,
        IssuerUnavailableError,
    )
    from imagerouter_mcp.sign_in.openid import OpenIdProvider  # noqa: PLC0415 - as above

    callback = f"{settings.public_url or 'http://127.0.0.1:8300'}{CALLBACK}"
    try:
        if settings.jwt_issuer:
            await issuer.metadata()
            return [Finding("sign-in", "ok", f"{issuer.host} publishes the keys of its tokens.")]
        await OpenIdProvider(issuer, settings, callback).check()
    except IssuerUnavailableError as error:
        way = "JWT" if settings.jwt_issuer else "OPENID"
        is_set_wrongly = isinstance(error, IssuerSettingsError)
        raise ConfigurationError(
            f"{issuer.host} cannot be used to sign in: {error}.",
            f"Correct the settings IMAGEROUTER_{way}_… or what is registered there (docs/sign-in.md)."
            if is_set_wrongly
            else f"Check that this machine can reach it, and that IMAGEROUTER_{way}_ISSUER is right.",
        ) from None
    finally:
        await shared.close()
    what = f"{issuer.host} knows this server. {callback} must be registered there as a redirect address."
    return [Finding("sign-in", "ok", what)]


def _own_keys(settings: Settings) -> str:
    """Check that people's keys can be encrypted, and stored ones decrypted."""
    check_key_settings(settings)
    with closing(open_register(settings)) as people:
        keys = open_api_keys(settings, people)
        if not _has_people(settings):
            return "IMAGEROUTER_KEY_SECRETS can encrypt them. Nobody has access yet."
        if warning := unreadable_keys(keys):
            raise ConfigurationError(warning, "")
        _, number = keys.unreadable()
    return f"IMAGEROUTER_KEY_SECRETS decrypts all that are stored ({number})."


def _has_people(settings: Settings) -> bool:
    """Return whether there is a register of people; looking must not create or migrate one."""
    server = Shared(settings).postgres
    if server is None:
        return (settings.data_dir / PEOPLE_FILE).is_file()
    from imagerouter_mcp.database.inspection import inspect  # noqa: PLC0415 - loads psycopg

    with closing(server):
        return inspect(server, (SCHEMA, PEOPLE)).tables == "there"

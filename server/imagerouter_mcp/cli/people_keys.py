"""`imagerouter-mcp people keys`: manage people's own ImageRouter keys, without showing them."""

import argparse

import anyio
from pydantic import SecretStr

from imagerouter_mcp.cli.key import ask_for_key, checked
from imagerouter_mcp.people.api_keys import ApiKeys, in_words, open_api_keys
from imagerouter_mcp.people.register import People
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app


def run_people_keys(people: People, settings: Settings, options: argparse.Namespace) -> int:
    """Run one of the commands of `imagerouter-mcp people keys`.

    Args:
        people: The register.
        settings: The server's settings.
        options: The parsed arguments.

    Raises:
        ImageRouterError: There is no secret to encrypt with, or ImageRouter does not accept the key.
    """
    keys = open_api_keys(settings, people)
    match options.action:
        case "list":
            return _list(people, keys)
        case "set":
            return _set(people, keys, settings, options.name)
        case "remove":
            person = people.named(options.name)
            keys.remove(person.id)
            print(f"{person.name} no longer has a key of their own.")
            return 0
        case _:
            return _rotate(people, keys)


def _list(people: People, keys: ApiKeys) -> int:
    for person, _ in people.everybody():
        print(f"{person.name} · {in_words(keys.find(person.id))}")
    return 0


def _set(people: People, keys: ApiKeys, settings: Settings, name: str) -> int:
    person = people.named(name)
    key = SecretStr(checked(ask_for_key()))
    anyio.run(_check, settings, key)
    keys.store(person.id, key)
    print(f"{person.name} has {in_words(keys.find(person.id))}. It pays from the next call on.")
    return 0


async def _check(settings: Settings, key: SecretStr) -> None:
    async with open_app(settings) as app:
        await app.shared.keys.check(key)


def _rotate(people: People, keys: ApiKeys) -> int:
    number, unreadable = keys.rotate()
    counted = "1 key is" if number == 1 else f"{number} keys are"
    print(f"{counted} now encrypted with the first of IMAGEROUTER_KEY_SECRETS.")
    names = [person.name for person, _ in people.everybody() if person.id in unreadable]
    if names:
        print(f"None of the secrets decrypts the keys of {', '.join(names)}, which were left as they are.")
    return 1 if names else 0

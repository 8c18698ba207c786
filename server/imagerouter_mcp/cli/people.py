"""`imagerouter-mcp people`: who may use a server with several people."""

import argparse
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from imagerouter_mcp.cli.chosen_settings import sandbox_records
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.sign_in_paths import INVITATION
from imagerouter_mcp.http_app.studio.opening_links import running_studio
from imagerouter_mcp.people.person import Person, person_id
from imagerouter_mcp.people.register import BY_OPERATOR, People, open_register
from imagerouter_mcp.settings import Settings, expand, load_settings
from imagerouter_mcp.wiring import App, Shared, open_app

_ALL = 10**9
"""More records than anybody has."""


def run_people(options: argparse.Namespace, *, sandbox: bool) -> int:
    """Do what was typed after `imagerouter-mcp people`.

    Args:
        options: The words.
        sandbox: Whether the server makes its pictures with the sandbox.

    Raises:
        ConfigurationError: The name cannot be used, or the records cannot.
    """
    settings = load_settings()
    if sandbox:
        settings = settings.model_copy(update={"data_dir": sandbox_records(settings)})
    commands: Mapping[str, Callable[[People], int]] = {
        "add": lambda people: _add(people, options.name),
        "invite": lambda people: _invite(people, settings, options.name, options.days),
        "token": lambda people: _token(people, options.name),
        "list": _list,
        "remove": lambda people: anyio.run(
            partial(_remove, people, settings, options.name, export=options.export, yes=options.yes)
        ),
    }
    with closing(open_register(settings)) as people:
        return commands[options.what](people)


def _add(people: People, name: str) -> int:
    if people.by_id(person_id(BY_OPERATOR, name)):
        raise ConfigurationError(
            f"{name} is there already.", "imagerouter-mcp people token gives them another token."
        )
    person = people.add(BY_OPERATOR, name, name)
    return _tell_token(people, person, f"{person.name} may use this server")


def _invite(people: People, settings: Settings, name: str, days: int) -> int:
    person = people.by_id(person_id(BY_OPERATOR, name)) or people.add(BY_OPERATOR, name, name)
    with closing(Shared(settings).sign_in) as sign_in:
        code = sign_in.invitations.invite(person.id, days)
    address = _address(settings)
    print(
        f"{person.name} is invited for {days} {'day' if days == 1 else 'days'}. This link signs one browser "
        f"in, once:\n\n  {address}{INVITATION}#{code}\n\n"
        f"Then {person.name} adds {address}/mcp to an app, which opens that browser to be allowed. For "
        "another browser, run this command again."
    )
    return 0


def _address(settings: Settings) -> str:
    """Return where people reach the server."""
    if settings.public_url:
        return settings.public_url
    try:
        return running_studio(settings)
    except ConfigurationError:
        return "http://ADDRESS-OF-YOUR-SERVER"


def _token(people: People, name: str) -> int:
    person = people.named(name)
    return _tell_token(people, person, f"{person.name} has a new token; the one before has ended")


def _tell_token(people: People, person: Person, what: str) -> int:
    print(
        f"{what}. This token is shown only once:\n\n  {people.new_token(person)}\n\n"
        'A client sends it as "Authorization: Bearer …" to the server\'s /mcp. The server needs '
        "IMAGEROUTER_PEOPLE=1."
    )
    return 0


def _list(people: People) -> int:
    everybody = people.everybody()
    if not everybody:
        print("There is nobody yet. imagerouter-mcp people add NAME lets a person in.")
    for person, _ in everybody:
        print(f"{person.name} · {person.id}")
    return 0


async def _remove(people: People, settings: Settings, name: str, *, export: str | None, yes: bool) -> int:
    person = people.named(name)
    own = settings.for_person(person.id)
    async with open_app(own, person=person) as app:
        made = await to_thread.run_sync(app.gallery.count)
        if not yes and not _agreed(person, made, export):
            print("Nothing was changed.")
            return 0
        people.sign_out(person)
        with closing(Shared(settings).sign_in) as sign_in:
            await to_thread.run_sync(sign_in.end_all, person.id)
        under_way = [each for each in await to_thread.run_sync(app.journal.unfinished, _ALL) if each.open]
        if under_way:
            raise ConfigurationError(
                f"{person.name} is signed out, but calls of theirs are under way: {len(under_way)}.",
                "Run this command again in a few minutes.",
            )
        if export:
            await to_thread.run_sync(_export, app, expand(export))
        await to_thread.run_sync(app.deletion.forget_everything)
    people.remove(person)
    for folder in (own.output_dir, own.data_dir):
        _delete(folder)
    print(f"{person.name} is removed, with {_counted(made)}.")
    return 0


def _agreed(person: Person, made: int, export: str | None) -> bool:
    """Ask the operator.

    Raises:
        ConfigurationError: There is no terminal.
    """
    if not sys.stdin or not sys.stdin.isatty():
        raise ConfigurationError(
            "Nothing was changed, because nobody can be asked here.", "Add --yes to do it without a question."
        )
    kept = f" A copy goes to {export}." if export else " No copy is kept; --export FOLDER makes one."
    try:
        answer = input(f"Remove {person.name}, and delete {_counted(made)} for ever?{kept} [y/N] ")
    except EOFError:
        print()
        return False
    return answer.strip().lower() in ("y", "yes")


def _export(app: App, folder: Path) -> None:
    """Copy a person's pictures and records into a folder that is empty or new.

    Raises:
        ConfigurationError: It cannot be written, or has something in it.
    """
    from imagerouter_mcp.tools.generation_result import record_fields  # noqa: PLC0415 - few remove with a copy

    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigurationError(f"{folder} is not empty.", "Choose a new folder.")
        if app.settings.output_dir.is_dir():
            shutil.copytree(app.settings.output_dir, folder / "pictures")
        records = [record_fields(record, None) for record in app.gallery.list(None, _ALL)]
        text = json.dumps(records, ensure_ascii=False, indent=1)
        (folder / "records.json").write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"Nothing was deleted: the copy cannot be written to {folder} ({error.strerror or error}).",
            "Choose another folder, or make room there.",
        ) from None


def _delete(folder: Path) -> None:
    """Delete a folder with all that is in it.

    Raises:
        ConfigurationError: Something in it cannot be deleted.
    """
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be deleted ({error.strerror or error}).", "Delete it by hand."
        ) from None


def _counted(made: int) -> str:
    return "1 generation" if made == 1 else f"{made:,} generations"

"""`imagerouter-mcp people`: manage who may use a server with several people."""

import argparse
import json
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from imagerouter_mcp.cli.asking import agrees
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.cli.people_keys import run_people_keys
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import Record
from imagerouter_mcp.http_app.sign_in_paths import INVITATION
from imagerouter_mcp.http_app.studio.opening_links import running_studio
from imagerouter_mcp.money import dollars
from imagerouter_mcp.people.person import LOCAL, Person
from imagerouter_mcp.people.personal_limits import Limits
from imagerouter_mcp.people.register import BY_OPERATOR, People, is_same_name, open_register
from imagerouter_mcp.settings import Settings, expand
from imagerouter_mcp.shared import Shared
from imagerouter_mcp.wiring import App, open_app

_LIMITS = {"day": "day_usd", "month": "month_usd", "call": "call_usd", "calls": "calls", "models": "models"}
"""The fields of `Limits` by the options that set them."""
_ALL = 10**9
"""More records than anybody has."""


@dataclass(frozen=True, slots=True)
class _Committed:
    """What people have spent or reserved, in USD by their ids.

    Attributes:
        today: Today.
        month: This month.
        by_operator: Today, with the operator's key.
    """

    today: dict[str, Decimal]
    month: dict[str, Decimal]
    by_operator: dict[str, Decimal]


def run_people(options: argparse.Namespace, *, sandbox: bool) -> int:
    """Run one of the commands of `imagerouter-mcp people`.

    Args:
        options: The parsed arguments.
        sandbox: Whether the sandbox makes the server's pictures.

    Raises:
        ConfigurationError: The name or the records cannot be used.
    """
    with chosen_settings(sandbox=sandbox) as settings:
        return _run(settings, options)


def _run(settings: Settings, options: argparse.Namespace) -> int:
    commands: Mapping[str, Callable[[People], int]] = {
        "add": lambda people: _add(people, settings, options.name),
        "invite": lambda people: _invite(people, settings, options.name, options.days),
        "token": lambda people: _token(people, settings, options.name),
        "list": lambda people: _list(people, settings),
        "block": lambda people: _block(people, options.name),
        "allow": lambda people: _allow(people, options.name),
        "limit": lambda people: _limit(people, options),
        "keys": lambda people: run_people_keys(people, settings, options),
        "spending": lambda people: anyio.run(_spending, people, settings),
        "remove": lambda people: anyio.run(
            partial(_remove, people, settings, options.name, export=options.export, yes=options.yes)
        ),
    }
    with closing(open_register(settings)) as people:
        return commands[options.what](people)


def _add(people: People, settings: Settings, name: str) -> int:
    if known := people.find_named(name):
        raise ConfigurationError(
            f"{_already_there(known)}.",
            f'imagerouter-mcp people token "{known.name}" issues a new token. If you mean somebody else, '
            "choose another name.",
        )
    person = people.add(BY_OPERATOR, name, name)
    return _tell_token(people, settings, person, f"{person.name} may use this server")


def _invite(people: People, settings: Settings, name: str, days: int) -> int:
    person = people.find_named(name) or people.add(BY_OPERATOR, name, name)
    if person.issuer != BY_OPERATOR:
        raise ConfigurationError(
            f"{_already_there(person)}.",
            "They need no invitation. If you mean somebody else, choose another name.",
        )
    with closing(Shared(settings).sign_in) as sign_in:
        code = sign_in.invitations.invite(person.id, days)
    address = _address(settings)
    print(
        f"{person.name} is invited for {days} {'day' if days == 1 else 'days'}. This link signs one browser "
        f"in, once:\n\n  {address}{INVITATION}#{code}\n\n"
        f"Then {person.name} adds {address}/mcp to an app, which opens that browser and asks to be "
        "allowed. For another browser, run this command again."
    )
    return 0


def _already_there(person: Person) -> str:
    signs_in = "" if person.issuer == BY_OPERATOR else f", who signs in at {person.issuer}"
    return f"There is already a person called {person.name}{signs_in}"


def _address(settings: Settings) -> str:
    """Return the address at which people reach the server."""
    if settings.public_url:
        return settings.public_url
    try:
        return running_studio(settings)
    except ConfigurationError:
        return "http://ADDRESS-OF-YOUR-SERVER"


def _token(people: People, settings: Settings, name: str) -> int:
    person = people.named(name)
    what = f"{person.name} has a new token; the previous one no longer works"
    return _tell_token(people, settings, person, what)


def _tell_token(people: People, settings: Settings, person: Person, what: str) -> int:
    needed = "" if settings.people else " The server needs IMAGEROUTER_PEOPLE=1."
    print(
        f"{what}. This token is shown only once:\n\n  {people.new_token(person)}\n\n"
        f'A client sends it as "Authorization: Bearer …" to {_address(settings)}/mcp.{needed}'
    )
    return 0


def _list(people: People, settings: Settings) -> int:
    everybody, blocked = people.everybody(), people.blocked()
    if not everybody:
        print(
            "Nobody has access yet. To give it: `imagerouter-mcp people invite NAME` or `imagerouter-mcp "
            "people add NAME`."
        )
    for person, limits in everybody:
        parts = [
            person.name,
            person.id,
            "" if person.issuer == BY_OPERATOR else f"{person.subject} at {person.issuer}",
            _limit_words(limits),
            "blocked" if blocked.pop(person.id, None) else "",
        ]
        print(" · ".join(filter(None, parts)))
    for removed, name in blocked.items():
        print(f"{name} · {removed} · removed and blocked")
    if settings.keep_days is not None:
        print(f"Pictures are deleted after {settings.keep_days} days (IMAGEROUTER_KEEP_DAYS).")
    return 0


def _block(people: People, name: str) -> int:
    person = people.named(name)
    people.block(person)
    print(
        f"{person.name} no longer has access, and keeps their pictures. imagerouter-mcp people allow "
        f"{person.id} gives it back."
    )
    return 0


def _allow(people: People, named: str) -> int:
    blocked = people.blocked()
    found = [each for each, name in blocked.items() if named == each or is_same_name(named, name)]
    if len(found) != 1:
        raise ConfigurationError(
            f"{len(found)} people with this name are blocked."
            if found
            else "Nobody with this name is blocked.",
            "imagerouter-mcp people list shows who is blocked, with their ids; give an id.",
        )
    people.allow(found[0])
    print(f"{blocked[found[0]]} has access again.")
    return 0


def _limit(people: People, options: argparse.Namespace) -> int:
    person = people.named(options.name)
    typed = {
        field: getattr(options, word) for word, field in _LIMITS.items() if getattr(options, word) is not None
    }
    given: dict[str, Any] = {field: None if text == "none" else text for field, text in typed.items()}
    if "models" in given:
        patterns = (given["models"] or "").split(",")
        given["models"] = tuple(pattern.strip() for pattern in patterns if pattern.strip())
    try:
        limits = Limits.checked({**asdict(people.limits(person.id)), **given})
    except ValueError:
        raise ConfigurationError(
            "A limit cannot be read.", "Give amounts in US dollars such as 0.50, and a whole number of calls."
        ) from None
    people.limit(person, limits)
    print(f"{person.name}: {_limit_words(limits)}.")
    return 0


def _limit_words(limits: Limits) -> str:
    parts = [
        f"{dollars(limits.day_usd)} a day" if limits.day_usd is not None else "",
        f"{dollars(limits.month_usd)} a month" if limits.month_usd is not None else "",
        f"{dollars(limits.call_usd)} a call" if limits.call_usd is not None else "",
        f"{limits.calls} at once" if limits.calls is not None else "",
        f"only {', '.join(limits.models)}" if limits.models else "",
    ]
    return "; ".join(filter(None, parts)) or "no limits of their own"


async def _spending(people: People, settings: Settings) -> int:
    """Print what everybody has spent, or may have spent, the local person included."""
    everybody = [LOCAL, *(each for each, _ in people.everybody())]
    async with open_app(settings) as local:
        sums = await _committed(everybody, local)
    removed = people.committed_by_removed(today())
    for person in everybody:
        spent, in_month = (dollars(each.get(person.id, Decimal())) for each in (sums.today, sums.month))
        print(f"{person.name}: {spent} today, {in_month} this month")
    if removed:
        print(f"Removed people: {dollars(removed)} today, with the operator's key")
    spent, in_month, by_operator = (
        dollars(sum(each.values(), removed)) for each in (sums.today, sums.month, sums.by_operator)
    )
    print(f"Everybody: {spent} today, {in_month} this month")
    print(f"Paid with the operator's key: {by_operator} today, of {dollars(settings.budget_usd)}")
    return 0


async def _committed(everybody: Sequence[Person], local: App) -> _Committed:
    """Return what some people have spent or reserved."""
    day = today()
    month = day.replace(day=1)
    if local.shared.postgres:
        from imagerouter_mcp.gallery.spent_by_all import committed_by_all  # noqa: PLC0415 - few have PostgreSQL

        read = partial(committed_by_all, local.shared.postgres)
        return _Committed(
            await to_thread.run_sync(partial(read, day, day)),
            await to_thread.run_sync(partial(read, month, day)),
            await to_thread.run_sync(partial(read, day, day, own_key=False)),
        )
    sums = _Committed({}, {}, {})
    for person in everybody:
        async with _app_of(person, local) as app:
            if app.has_records:
                read = app.ledger.committed
                sums.today[person.id] = await to_thread.run_sync(read, day)
                sums.month[person.id] = await to_thread.run_sync(read, month, day)
                sums.by_operator[person.id] = await to_thread.run_sync(partial(read, day, own_key=False))
    return sums


@asynccontextmanager
async def _app_of(person: Person, local: App) -> AsyncGenerator[App]:
    if person == LOCAL:
        yield local
        return
    app = local.for_person(person)
    try:
        yield app
    finally:
        await app.close()


async def _remove(people: People, settings: Settings, name: str, *, export: str | None, yes: bool) -> int:
    person = people.named(name)
    copy = expand(export).resolve() if export else None
    async with open_app(settings) as local, _app_of(person, local) as app:
        local.shared.people = people
        own = app.settings
        made = await to_thread.run_sync(app.gallery.count)
        kept = f" A copy goes to {copy}." if copy else " No copy is kept; --export FOLDER makes one."
        if not yes and not agrees(f"Remove {person.name}, and delete {_counted(made)} permanently?{kept}"):
            print("Nothing was changed.")
            return 0
        comes_back = person.issuer != BY_OPERATOR
        if comes_back:  # before they are signed out, because their provider would let them sign in again
            people.block(person)
        people.sign_out(person)
        with closing(Shared(settings).sign_in) as sign_in:
            await to_thread.run_sync(sign_in.end_all, person.id)
        await app.calls.settle()  # what a killed server left, because nobody else asks any more
        await app.end_calls(settings.grace_seconds)
        under_way = [each for each in await to_thread.run_sync(app.journal.unfinished, _ALL) if each.open]
        if under_way:
            raise ConfigurationError(
                f"{person.name} no longer has access, but still has calls under way: {len(under_way)}.",
                "Run this command again in a few minutes.",
            )
        if copy:
            await to_thread.run_sync(_export, app, copy)
        await to_thread.run_sync(app.allowance.recount)  # what the budget counts of them from now on
        await to_thread.run_sync(_remove_objects, app)
        await to_thread.run_sync(app.deletion.forget_everything)
    people.remove(person)
    for folder in (own.output_dir, own.data_dir):
        _delete(folder)
    print(f"{person.name} is removed, with {_counted(made)}.{f' A copy is in {copy}.' if copy else ''}")
    if comes_back:
        print(
            f"They are blocked too, because {person.issuer} would let them in again; imagerouter-mcp people "
            f"allow {person.id} lifts that."
        )
    return 0


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
        found = app.gallery.list(None, _ALL)
        if app.files.objects:
            _export_objects(app, found, folder)
        elif app.settings.output_dir.is_dir():
            shutil.copytree(app.settings.output_dir, folder / "pictures")
        records = [record_fields(record, None) for record in found]
        text = json.dumps(records, ensure_ascii=False, indent=1)
        (folder / "records.json").write_text(text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"Nothing was deleted: the copy cannot be written to {folder} ({error.strerror or error}).",
            "Choose another folder, or make room there.",
        ) from None


def _export_objects(app: App, records: Sequence[Record], folder: Path) -> None:
    """Copy the files of records out of the object store, each below its key.

    Raises:
        OSError: One cannot be read or written.
    """
    images = [image for record in records for image in (*record.images, *record.originals)]
    for path in (image.path for image in images if image.path):
        target = folder / (path if not path.is_absolute() else Path("pictures", path.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # it was lost before
            shutil.copyfile(app.files.bring(path), target)


def _remove_objects(app: App) -> None:
    """Remove a person's files from the object store.

    Raises:
        ConfigurationError: The object store failed.
    """
    try:
        app.files.remove_all()
    except OSError as error:
        raise ConfigurationError(
            f"The object store may still hold their pictures: {error.strerror or error}.",
            "Run this command again when it works; the records are kept until then.",
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

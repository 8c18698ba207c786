"""`imagerouter-mcp people`, while a server runs."""

import json
import os
import re
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from anyio import run_process, to_thread

from cli.conftest import run_here
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import Metadata, Reservation, StoredImage
from imagerouter_mcp.people.register import NameNotUsableError, open_register
from imagerouter_mcp.sandbox.service.accounts import UNKNOWN_KEY
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support.http_in_process import served
from support.http_serving import COMMAND, bare_environment
from support.object_store import BUCKET, SeaweedFS, new_prefix
from support.people import let_in

FOX = {"prompt": "A fox", "model": "test/test"}


@pytest.fixture
def team(settings: Settings) -> Settings:
    return settings.model_copy(update={"people": True, "remote": True})


async def people(settings: Settings, *words: str, given: str = "") -> tuple[int, str]:
    """Type a command, and what it asks for; return its exit status, and what it says."""
    done = await to_thread.run_sync(run_here, ["people", *words], environment(settings), Path.cwd(), given)
    return done.returncode, done.stdout + done.stderr


def environment(settings: Settings) -> dict[str, str]:
    """Return what the operator has set."""
    return {
        **bare_environment(settings.data_dir.parent),
        "IMAGEROUTER_DATA_DIR": str(settings.data_dir),
        "IMAGEROUTER_OUTPUT_DIR": str(settings.output_dir),
        "IMAGEROUTER_BASE_URL": settings.base_url,
        "IMAGEROUTER_KEY_SECRETS": "a-secret-of-these-tests-0123456789abcdef",
        "IMAGEROUTER_OBJECT_STORE": settings.object_store or "",
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
    }


async def test_where_nobody_has_access_the_list_says_how_to_give_it(team: Settings) -> None:
    status, told = await people(team, "list")
    assert status == 0
    assert "`imagerouter-mcp people invite NAME` or `imagerouter-mcp people add NAME`" in told


async def test_whoever_is_added_is_known_at_once_and_limited_from_the_next_call_on(team: Settings) -> None:
    async with served(team) as (links, _):
        added = await run_process([*COMMAND, "people", "add", "Anna Berg"], env=environment(team))
        (token,) = re.findall(r"imagerouter_\S+", added.stdout.decode())
        async with httpx.AsyncClient(base_url=links.base_url, trust_env=False) as client:
            shown = {"Authorization": f"Bearer {token}"}
            assert (await client.get("/studio/gallery", headers=shown)).json()["total"] == 0
        kept = b"".join(path.read_bytes() for path in team.data_dir.rglob("people.sqlite3*"))
        assert b"Anna Berg" in kept
        assert token.encode() not in kept
        status, told = await people(team, "add", "anna berg")
        assert status == 1
        assert 'There is already a person called Anna Berg. imagerouter-mcp people token "Anna Berg"' in told
        assert "Anna Berg is invited" in (await people(team, "invite", "anna berg"))[1]
        status, told = await people(
            team, "limit", "anna berg", "--day", "0.50", "--models", "openai/*, *:free"
        )
        assert (status, told) == (0, "Anna Berg: $0.50 a day; only openai/*, *:free.\n")
        for refused in ("much", "1e400"):
            assert (await people(team, "limit", "Anna Berg", "--day", refused))[0] == 1
        status, told = await people(team, "list")
        assert "Anna Berg" in told
        assert "$0.50 a day" in told


async def test_the_operator_stores_a_key_for_a_person_that_is_tried_and_never_shown(
    team: Settings, tmp_path: Path
) -> None:
    with closing(open_register(team)) as register:
        register.add("operator", "Anna", "Anna")
    own = "annas-own-key-".ljust(64, "7")
    status, told = await people(team, "keys", "set", "anna", given=UNKNOWN_KEY)
    assert (status, "It was not stored." in told, UNKNOWN_KEY in told) == (1, True, False)
    status, told = await people(team, "keys", "set", "anna", given=own)
    assert (status, "Anna has a key that ends in …7777." in told, own in told) == (0, True, False)
    assert await people(team, "keys", "list") == (0, "Anna · a key that ends in …7777\n")
    status, _ = await people(team, "remove", "Anna", "--yes", "--export", str(tmp_path / "copy"))
    assert status == 0
    copied = b"".join(path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file())
    kept = b"".join(path.read_bytes() for path in team.data_dir.rglob("people.sqlite3*"))
    assert own[:20].encode() not in copied + kept
    assert b"gAAAA" not in copied


async def test_whoever_a_provider_vouched_for_stays_out_after_they_are_removed_until_allowed(
    team: Settings,
) -> None:
    with closing(open_register(team)) as register:
        assert register.vouched_for("https://id.example", "ann-1", "Ann")
        status, told = await people(team, "list")
        assert "ann-1 at https://id.example" in told
        status, told = await people(team, "invite", "ann")
        assert status == 1
        assert "called Ann, who signs in at https://id.example. They need no invitation." in told
        status, told = await people(team, "remove", "Ann", "--yes")
        assert (status, "people allow p_" in told) == (0, True)
        assert register.vouched_for("https://id.example", "ann-1", "Ann") is None
        assert "removed and blocked" in (await people(team, "list"))[1]
        assert (await people(team, "allow", "Ann"))[0] == 0
        assert register.vouched_for("https://id.example", "ann-1", "Ann")
        assert (await people(team, "allow", "Ann"))[0] == 1


async def test_what_a_removed_person_spent_stays_in_the_sums_and_their_copy_where_it_is_told(
    team: Settings, tmp_path: Path
) -> None:
    copy, up = tmp_path / "copy", Path(*[".."] * (len(Path.cwd().parts) - 1))
    relative = str(up / copy.relative_to("/"))
    with closing(open_register(team)) as register:
        anna = register.add("operator", "Anna", "Anna")
        async with open_app(team.for_person(anna.id)) as app:
            metadata = Metadata(prompt="A fox", model="test/paid", cost_usd=Decimal("0.04"))
            app.gallery.add(metadata, [StoredImage(url="https://x")])
        status, told = await people(team, "remove", "Anna", "--yes", "--export", relative)
        assert (status, f"A copy is in {copy}." in told) == (0, True), told
        assert (await people(team, "spending"))[1].splitlines() == [
            "The operator: $0.00 today, $0.00 this month",
            "Removed people: $0.04 today, with the operator's key",
            "Everybody: $0.04 today, $0.04 this month",
            "Paid with the operator's key: $0.04 today, of $20.00",
        ]
        with register.committing("p_of_somebody_else", today()) as committed:
            assert committed.by_others() == Decimal("0.04"), "as the budget counts"


def test_a_name_that_an_earlier_version_stored_is_found(team: Settings) -> None:
    wide = "\N{FULLWIDTH LATIN CAPITAL LETTER J}osé"
    with closing(open_register(team)) as register:
        jose = register.add("operator", wide, wide)
        with register.database.writing() as connection:
            connection.execute("UPDATE people SET folded_name = ?", (wide.casefold(),))
        assert register.named(wide) == register.named("jose\N{COMBINING ACUTE ACCENT}") == jose
        with pytest.raises(NameNotUsableError):
            register.add("operator", "José", "José")


async def test_whoever_a_provider_vouched_for_begins_nothing_while_they_are_removed(team: Settings) -> None:
    with closing(open_register(team)) as register:
        ann = register.vouched_for("https://id.example", "ann-1", "Ann")
        assert ann
        async with open_app(team.for_person(ann.id)) as app:
            app.journal.begin("a call", [("A whale", "test/test")], again=True)
            status, told = await people(team, "remove", "Ann", "--yes")
            assert (status, "still has calls under way: 1" in told) == (1, True), told
        assert register.vouched_for("https://id.example", "ann-1", "Ann") is None


async def test_whoever_had_a_call_on_a_server_that_is_gone_can_be_removed_and_it_still_counts(
    team: Settings,
) -> None:
    with closing(open_register(team)) as register:
        ann = register.add("operator", "Ann", "Ann")
        async with open_app(team.for_person(ann.id)) as app:
            (handle,), _ = app.journal.begin("a call", [("A whale", "test/test")], again=True)
            app.journal.reserve([Reservation(handle=handle, model="test/test", usd=Decimal("0.04"), plan="")])
            assert app.journal.leaves(handle)
            assert (await people(team, "remove", "Ann", "--yes"))[0] == 1
            app.journal.close()  # as the end of its process does
            assert (await people(team, "remove", "Ann", "--yes"))[0] == 0
        assert "Removed people: $0.04 today" in (await people(team, "spending"))[1]


@pytest.mark.parametrize(
    "alike",
    [
        "JOSÉ",
        "Jose\N{COMBINING ACUTE ACCENT}",
        "\N{FULLWIDTH LATIN CAPITAL LETTER J}osé",
        "\N{MATHEMATICAL BOLD CAPITAL J}osé",
    ],
)
def test_a_name_that_is_read_as_somebody_elses_cannot_be_used(team: Settings, alike: str) -> None:
    with closing(open_register(team)) as register:
        jose = register.add("operator", "José", "José")
        with pytest.raises(NameNotUsableError):
            register.add("operator", alike, alike)
        assert register.named(alike) == jose


async def test_whoever_is_removed_leaves_nothing_but_the_copy(team: Settings, tmp_path: Path) -> None:
    async with served(team) as (links, _), let_in(team, links.base_url, "Anna") as anna:
        made = await anna.call("generate_image", **FOX)
        (picture,) = made["structured_content"]["images"]
        status, told = await people(team, "remove", "Anna")
        assert (status, "--yes" in told) == (1, True)
        status, told = await people(team, "remove", "Anna", "--yes", "--export", str(tmp_path / "copy"))
        assert (status, told) == (0, f"Anna is removed, with 1 generation. A copy is in {tmp_path}/copy.\n")
        assert (await anna.client.get("/studio/gallery")).status_code == 401
        async with httpx.AsyncClient(trust_env=False) as nobody:
            assert (await nobody.get(picture["download_url"])).status_code == 403
    assert not anna.settings.output_dir.exists()
    assert not anna.settings.data_dir.exists()
    (record,) = json.loads((tmp_path / "copy" / "records.json").read_text("utf-8"))
    assert record["images"][0]["handle"] == picture["handle"]
    (copied,) = (tmp_path / "copy" / "pictures").iterdir()
    assert copied.stat().st_size == picture["bytes"]


@pytest.mark.long
async def test_whoever_is_removed_leaves_nothing_in_an_object_store_either(
    team: Settings, tmp_path: Path, object_store: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in object_store.credentials().items():
        monkeypatch.setenv(name, value)
    prefix = new_prefix()
    team = team.model_copy(update={"object_store": f"s3://{BUCKET}/{prefix}"})
    async with served(team) as (links, _):
        async with (
            let_in(team, links.base_url, "Anna") as anna,
            let_in(team, links.base_url, "Ben") as ben,
        ):
            (picture,) = (await anna.call("generate_image", **FOX))["structured_content"]["images"]
            await ben.call("generate_image", **FOX)
        copy = tmp_path / "copy"
        status, told = await people(team, "remove", "Anna", "--yes", "--export", str(copy))
        assert status == 0, told
    (copied,) = (each for each in (copy / "pictures").rglob("*") if each.is_file())
    assert copied.stat().st_size == picture["bytes"]
    (left,) = (key for key in object_store.keys(prefix) if "/pictures/" in key)
    assert f"/people/{ben.settings.data_dir.name}/" in left

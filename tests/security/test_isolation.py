"""What one person of a server tries to get of another's: all of it is answered like what does not exist."""

import asyncio
import hashlib
import io
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from mcp.types import PromptReference, ResourceTemplateReference
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.settings import Settings
from support.http_in_process import SECRET, served
from support.http_serving import INITIALIZE
from support.people import Home, let_in

Row = Callable[[str, str, str], None]

pytestmark = pytest.mark.asyncio(loop_scope="module")
SECTION = "Other people of the server"
FOX = {"prompt": "A fox", "model": "test/test"}
OWN = "OWN"
"""Stands for an upload of the caller's own."""
OPERATOR = "token-of-the-operator-0123456789abcdef"
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
UNKNOWN = {
    "picture": "img_0000",
    "original": "img_0001",
    "picture's call": "gen_0000",
    "unfinished call": "gen_0001",
    "upload": "upload_0000000000000000",
}
"""Names of the same form as another's, which nobody has."""


@dataclass
class House:
    """A server with several people: Anna has everything that somebody can have, Ben looks for it."""

    settings: Settings
    links: Links
    running: AsyncExitStack
    anna: Home = field(init=False)
    ben: Home = field(init=False)

    async def let_in(self, name: str) -> Home:
        """Let a person in, who has nothing yet."""
        return await self.running.enter_async_context(let_in(self.settings, self.links.base_url, name))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def furnished(
    session_sandbox: tuple[Sandbox, httpx.Client], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[House]:
    sandbox, control = session_sandbox
    folder = tmp_path_factory.mktemp("house")
    settings = Settings(
        base_url=sandbox.base_url,
        api_key=SecretStr(KEY),
        output_dir=folder / "pictures",
        data_dir=folder / "data",
        people=True,
        remote=True,
        mcp_token=(SecretStr(OPERATOR),),
        http_rate=1000,
        grace_seconds=0,
    )
    async with AsyncExitStack() as running:
        links, _ = await running.enter_async_context(served(settings))
        house = House(settings, links, running)
        house.anna = await house.let_in("Anna")
        control.put("/sandbox/settings", json={"latency_seconds": 0}).raise_for_status()
        await furnish(house.anna)
        control.put("/sandbox/settings", json={"latency_seconds": 600}).raise_for_status()
        await begin(house.anna)
        control.put("/sandbox/settings", json={"latency_seconds": 0}).raise_for_status()
        yield house


@pytest.fixture
async def house(furnished: House, sandbox: Sandbox, request: pytest.FixtureRequest) -> House:
    """The house, with a Ben who has just been let in."""
    del sandbox
    furnished.ben = await furnished.let_in(f"Ben of {request.node.name}"[:60])
    return furnished


async def furnish(anna: Home) -> None:
    """Give a person pictures, an original, an upload that was sent and one that was not."""
    made = await anna.call("generate_image", **FOX)
    (picture,) = made["structured_content"]["images"]
    anna.names |= {"picture": picture["handle"], "link": picture["download_url"]}
    anna.names["picture's call"] = made["structured_content"]["generation"]
    sized = await anna.call("generate_image", **FOX, size="200x200", again=True)
    anna.names["original"] = sized["structured_content"]["images"][0]["original"]["handle"]
    upload, unused = [(await anna.call("upload_link"))["structured_content"] for _ in range(2)]
    (await anna.client.put(upload["upload_url"], content=png())).raise_for_status()
    anna.names |= {"upload": upload["handle"], "upload link": unused["upload_url"]}


async def begin(anna: Home) -> None:
    """Leave a call of a person's unfinished."""
    waiting = asyncio.create_task(anna.call("generate_image", prompt="A slow whale", model="test/test"))
    unfinished: list[dict[str, Any]] = []
    while not (unfinished and unfinished[0]["state"] == "working"):
        unfinished = (await anna.call("list_images"))["structured_content"]["unfinished"]
    waiting.cancel()
    anna.names["unfinished call"] = unfinished[0]["generation"]


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 64), "red").save(file, "PNG")
    return file.getvalue()


def nameless(told: object, *names: str) -> str:
    """Return an answer with the names that it was asked for taken out, to compare it with another."""
    text = told if isinstance(told, str) else json.dumps(told)
    for name in names:
        text = text.replace(name, "NAME")
    return text


CALLS: tuple[tuple[str, dict[str, object], str], ...] = (
    ("show_image", {"handle": "NAME"}, "img gen upload"),
    ("get_generation", {"generation": "NAME"}, "img gen"),
    ("list_images", {"query": "NAME"}, "img gen upload"),
    ("edit_image", {"prompt": "Invert", "images": ["NAME"], "model": "test/test"}, "img gen upload"),
    (
        "edit_image",
        {"prompt": "x", "images": ["NAME"], "model": "test/test", "dry_run": True},
        "img gen upload",
    ),
    ("edit_image", {"prompt": "x", "images": [OWN], "mask": "NAME", "model": "test/test"}, "img gen upload"),
    ("edit_image", {"prompt": "x", "images": [OWN, "NAME"], "model": "test/test"}, "img upload"),
    ("generate_video", {"prompt": "x", "images": ["NAME"], "model": "test/test-video"}, "img gen upload"),
    ("finish_image", {"images": ["NAME"], "steps": ["resize:50%"]}, "img gen upload"),
    ("finish_image", {"images": [OWN, "NAME"], "steps": ["join:row"]}, "img upload"),
    ("preview_mask", {"image": "NAME", "mask": "box:0,0,50%,50%"}, "img gen upload"),
    ("preview_mask", {"image": OWN, "mask": "NAME"}, "img upload"),
)
"""Every argument of every tool that can name a thing, and the kinds of names that it may be given."""


async def test_no_tool_takes_what_another_person_has(house: House, row: Row) -> None:
    ben = house.ben
    async with ben.staying():
        (await ben.client.put(await upload_link(ben), content=png())).raise_for_status()
        for tool, arguments, kinds in CALLS:
            await try_names(house, row, tool, arguments, kinds.split())


async def try_names(
    house: House, row: Row, tool: str, arguments: Mapping[str, object], kinds: list[str]
) -> None:
    """Give a tool each of another's names of some kinds, and names that nobody has."""
    anna, ben = house.anna, house.ben
    for what, unknown in UNKNOWN.items():
        name = anna.names[what]
        if name.split("_")[0] not in kinds:
            continue
        theirs, nobodys = [await ben.call(tool, **named(arguments, each, ben)) for each in (name, unknown)]
        assert nameless(theirs, name) == nameless(nobodys, unknown), (tool, what)
        assert "A fox" not in nameless(theirs), (tool, what)
        row(SECTION, f"{tool}({words(arguments, what)})", "answered like a name that nobody has")


def named(arguments: Mapping[str, object], name: str, own: Home) -> dict[str, Any]:
    """Return arguments with the name that is tried, and one of the caller's own beside it."""
    replaced = json.dumps(arguments).replace("NAME", name).replace(OWN, own.names["upload"])
    return json.loads(replaced)


def words(arguments: Mapping[str, object], what: str) -> str:
    """Return arguments as a row tells them."""
    told = ", ".join(f"{name}={value}" for name, value in arguments.items() if name != "model")
    return told.replace("NAME", f"another's {what}").replace(OWN, "one's own upload")


async def upload_link(home: Home) -> str:
    """Return a new link for an upload, whose name becomes the person's own upload."""
    made = (await home.call("upload_link"))["structured_content"]
    home.names["upload"] = made["handle"]
    return made["upload_url"]


async def test_no_path_and_no_address_leads_to_what_another_person_has(house: House, row: Row) -> None:
    async with house.ben.staying():
        await try_folders(house, row)
        await try_files(house, row)


async def try_folders(house: House, row: Row) -> None:
    """Name another's folders as the place to save in."""
    anna, ben = house.anna, house.ben
    folders = {"pictures": anna.settings.output_dir, "records": anna.settings.data_dir}
    for what, folder in folders.items():
        missing = folder.with_name("p_00000000000000000000")
        for tool, arguments in (
            ("generate_image", {**FOX, "output_dir": "NAME"}),
            ("finish_image", {"images": ["NAME/x.png"], "steps": ["resize:50%"], "output_dir": "NAME"}),
            ("edit_image", {"prompt": "x", "images": [OWN], "model": "test/test", "output_dir": "NAME"}),
            ("compare_models", {"prompt": "x", "models": ["test/test", "ir/test"], "output_dir": "NAME"}),
            ("generate_video", {"prompt": "x", "model": "test/test-video", "output_dir": "NAME"}),
        ):
            ben.names.setdefault("upload", "upload_0000000000000000")
            theirs, nobodys = [
                await ben.call(tool, **named(arguments, str(each), ben)) for each in (folder, missing)
            ]
            assert theirs["is_error"], (tool, what)
            assert nameless(theirs, folder.name) == nameless(nobodys, missing.name), (tool, what)
            row(SECTION, f"{tool}(output_dir=the folder of another's {what})", "refused like any folder")


async def try_files(house: House, row: Row) -> None:
    """Name another's files as sources, and places beside them as file names."""
    anna, ben = house.anna, house.ben
    file = anna.settings.output_dir / "A-fox.jpg"
    assert file.is_file()
    before = sorted(anna.settings.output_dir.iterdir())
    sources = {
        "the file of another's picture": (str(file), str(file.with_name("A-cat.jpg"))),
        "its address as a file": (file.as_uri(), file.with_name("A-cat.jpg").as_uri()),
        "its file by way of one's own folder": (
            str(ben.settings.output_dir / ".." / anna.person.id / file.name),
            str(ben.settings.output_dir / ".." / anna.person.id / "A-cat.jpg"),
        ),
        "another's records": (
            str(anna.settings.data_dir / "gallery.sqlite3"),
            str(anna.settings.data_dir / "nothing.sqlite3"),
        ),
        "the register of people": (
            str(anna.settings.data_dir.parents[1] / "people.sqlite3"),
            str(anna.settings.data_dir.parents[1] / "nobody.sqlite3"),
        ),
        "the resource of another's picture": (
            f"imagerouter://images/{anna.names['picture']}",
            "imagerouter://images/img_0000",
        ),
    }
    for what, (theirs, nobodys) in sources.items():
        for tool, arguments in (
            ("edit_image", {"prompt": "x", "images": ["NAME"], "model": "test/test"}),
            ("finish_image", {"images": ["NAME"], "steps": ["resize:50%"]}),
            ("preview_mask", {"image": "NAME", "mask": "box:0,0,1,1"}),
        ):
            got, expected = [
                await ben.call(tool, **named(arguments, each, ben)) for each in (theirs, nobodys)
            ]
            assert got["is_error"], (tool, what)
            assert nameless(got, theirs, Path(theirs).stem) == nameless(
                expected, nobodys, Path(nobodys).stem
            ), (tool, what)
            row(SECTION, f"{tool}({what})", "answered like a file that is not there")
    for told, filename in {
        "../ANOTHER/fox": f"../{anna.person.id}/fox",
        "/PICTURES/ANOTHER/fox": f"{anna.settings.output_dir}/fox",
        "..\\ANOTHER\\fox": f"..\\{anna.person.id}\\fox",
    }.items():
        await ben.call("generate_image", **FOX, filename=filename, again=True)
        assert sorted(anna.settings.output_dir.iterdir()) == before
        row(
            SECTION,
            f"generate_image(filename={told})",
            "saved in one's own folder",
        )
    assert all(path.is_relative_to(ben.settings.output_dir) for path in new_files(ben))


def new_files(home: Home) -> list[Path]:
    """Return the files of a person's pictures."""
    return [path for path in home.settings.output_dir.rglob("*") if path.is_file()]


async def test_nothing_is_counted_listed_or_joined_across_people(
    house: House, row: Row, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    anna, ben = house.anna, house.ben
    empty = (await ben.call("list_images"))["structured_content"]
    assert empty == {"images": [], "unfinished": [], "total": 0}
    row(SECTION, "list_images()", "nothing of another's is listed or counted")
    for period in ("today", "week", "month", "all"):
        spent = (await ben.call("spending", period=period))["structured_content"]
        assert spent["total_usd"] == spent["uncertain_usd"] == spent["under_way_usd"] == 0
        assert spent["unfinished"] == spent["by_model"] == spent["by_day"] == []
        row(SECTION, f"spending(period={period})", "nothing of another's is counted")
    credit = await ben.call("get_credits")
    assert credit["is_error"]
    assert not re.search(r"\$\d", json.dumps(credit))
    row(SECTION, "get_credits()", "the operator's account is not told")
    for tool, arguments in (
        ("edit_image", {"prompt": "x", "images": ["last"], "model": "test/test"}),
        ("show_image", {"handle": "last"}),
        ("finish_image", {"images": ["last"], "steps": ["resize:50%"]}),
        ("preview_mask", {"image": "last", "mask": "box:0,0,1,1"}),
        ("generate_video", {"prompt": "x", "images": ["last"], "model": "test/test-video"}),
    ):
        for era in ("auto", "legacy"):
            assert (await ben.call(tool, era, **arguments))["is_error"], (tool, era)
            row(SECTION, f"{tool}(last), {era}", "there is no newest picture")
    for era, again in (("auto", False), ("legacy", False), ("auto", True)):
        asked = paid(journal)
        call = {"prompt": f"A fox, {era}, {again}", "model": "test/test"}
        first = await anna.call("generate_image", era, **call)
        second = await ben.call("generate_image", era, **call, again=again)
        assert paid(journal) == asked + 2
        handles = [each["structured_content"]["images"][0]["handle"] for each in (first, second)]
        links = [each["structured_content"]["images"][0]["download_url"] for each in (first, second)]
        assert links[0] != links[1]
        assert "nothing was charged again" not in json.dumps(second)
        assert (await anna.call("show_image", handle=handles[0]))["is_error"] is False
        row(
            SECTION,
            f"the same call as another's, again={again}, {era}",
            "made and paid once more, for its own person",
        )
    slow = {"prompt": "A slow whale", "model": "test/test"}
    asked = paid(journal)
    joined = await ben.call("generate_image", **slow)
    assert paid(journal) == asked + 1
    assert anna.names["unfinished call"] not in json.dumps(joined)
    row(SECTION, "the same call as another's that is under way", "not joined")


def paid(journal: Callable[[], list[dict[str, Any]]]) -> int:
    """Return how many pictures the service was asked for."""
    return sum(entry["path"].startswith("/v1/openai/") for entry in journal())


async def test_no_resource_and_no_completion_names_what_another_person_has(house: House, row: Row) -> None:
    anna, ben = house.anna, house.ben
    for era in ("auto", "legacy"):
        async with ben.staying(era):
            for what in ("picture", "original", "picture's call"):
                for path in ("", "/record", "/parts/1", "/before"):
                    name, unknown = anna.names[what], UNKNOWN[what]
                    theirs, nobodys = [
                        await ben.read(f"imagerouter://images/{each}{path}", era) for each in (name, unknown)
                    ]
                    assert nameless(theirs, name) == nameless(nobodys, unknown), (what, path, era)
                    row(
                        SECTION, f"resource images/another's {what}{path}, {era}", "not found, like any other"
                    )
            for what in await offered(ben, era, anna.names["picture"]):
                row(SECTION, f"completion of {what}, {era}", "nothing of another's")


async def offered(ben: Home, era: str, handle: str) -> list[str]:
    """Return which completions were asked for; each offers nothing but `last`."""
    asked: list[str] = []
    async with ben.agent(era) as agent:
        for ref, argument in (
            (ResourceTemplateReference(uri="imagerouter://images/{handle}"), "handle"),
            (ResourceTemplateReference(uri="imagerouter://images/{handle}/record"), "handle"),
            (PromptReference(name="edit_photo"), "image"),
            (PromptReference(name="short_video"), "image"),
        ):
            for typed in ("", "img", handle):
                told = await agent.complete(ref, {"name": argument, "value": typed})
                assert set(told.completion.values) <= {"last"}
                asked.append(f"{argument} from {typed[:4]!r} ({ref.type})")
    return asked


async def test_a_session_that_could_not_be_ended_stays_its_person_s(house: House, row: Row) -> None:
    anna, ben = house.anna, house.ben
    began = await anna.client.post("/mcp", json=INITIALIZE, headers=JSON)
    session = {**JSON, "Mcp-Session-Id": began.headers["mcp-session-id"]}
    for version in ("2026-07-28", "nonsense", ""):
        refused = await anna.client.delete("/mcp", headers={**session, "Mcp-Protocol-Version": version})
        assert refused.status_code == 405
        for method in ("POST", "GET", "DELETE"):
            answer = await ben.client.request(
                method, "/mcp", json=PING if method == "POST" else None, headers=session
            )
            assert answer.status_code == 404, (version, method)
            row(SECTION, f"{method} in another's session that was not ended with version `{version}`", "404")
    assert (await anna.client.post("/mcp", json=PING, headers=session)).status_code == 200
    assert (await anna.client.delete("/mcp", headers=session)).status_code == 200
    assert (await anna.client.post("/mcp", json=PING, headers=session)).status_code == 404


async def test_the_links_of_a_person_end_when_they_are_blocked(house: House, row: Row) -> None:
    cy = await house.let_in("Cy")
    (picture,) = (await cy.call("generate_image", **FOX))["structured_content"]["images"]
    upload = (await cy.call("upload_link"))["structured_content"]["upload_url"]
    tries: tuple[tuple[str, str, str, dict[str, str]], ...] = (
        ("a download link", "GET", picture["download_url"], {}),
        ("a download link", "HEAD", picture["download_url"], {}),
        ("a piece by a download link", "GET", picture["download_url"], {"Range": "bytes=0-1"}),
        ("an upload link", "GET", upload, {}),
        ("an upload link", "PUT", upload, {}),
    )
    async with httpx.AsyncClient(trust_env=False, timeout=30) as nobody:
        for _, method, url, headers in tries[:-1]:
            assert (await nobody.request(method, url, headers=headers)).is_success
        with closing(open_register(house.settings)) as people:
            people.block(cy.person)
        for what, method, url, headers in tries:
            answer = await nobody.request(method, url, headers=headers, content=png())
            assert answer.status_code == 403
            row(SECTION, f"{what} of a blocked person, {method}", "403")


async def test_a_link_leads_to_nothing_but_what_it_was_made_for(house: House, row: Row) -> None:
    anna, ben = house.anna, house.ben
    link, upload = (httpx.URL(anna.names[what]) for what in ("link", "upload link"))
    async with httpx.AsyncClient(trust_env=False) as nobody:
        assert (await nobody.get(link)).status_code == 200
    own = Links(house.links.base_url, SECRET).for_person(ben.person.id)
    general = Links(house.links.base_url, SECRET)
    tried = {
        "another's link with one's own person": link.copy_set_param("person", ben.person.id),
        "another's link without a person": link.copy_remove_param("person"),
        "another's link with the local person": link.copy_set_param("person", "local"),
        "another's link with an empty person": link.copy_set_param("person", ""),
        "another's link with two people": link.copy_add_param("person", ben.person.id),
        "another's link with a person who does not exist": link.copy_set_param("person", "p_" + "0" * 20),
        "one's own link with another's person": httpx.URL(own.download(anna.names["picture"])).copy_set_param(
            "person", anna.person.id
        ),
        "one's own link to another's handle": httpx.URL(own.download(anna.names["picture"])),
        "the operator's link to another's handle": httpx.URL(general.download(anna.names["picture"])),
        "the operator's link with another's person": httpx.URL(
            general.download(anna.names["picture"])
        ).copy_set_param("person", anna.person.id),
        "another's link with one's own handle": link.copy_with(path="/files/img_0000"),
        "another's upload link as a download": upload.copy_with(path=upload.path.replace("uploads", "files")),
    }
    async with httpx.AsyncClient(trust_env=False) as nobody:
        for what, url in tried.items():
            for client in (nobody, ben.client):
                answer = await client.get(url)
                assert answer.status_code in (403, 404), what
                assert "fox" not in answer.text
                row(
                    SECTION,
                    f"{what}, {'signed in' if client is ben.client else 'without a token'}",
                    f"{answer.status_code}",
                )
        for what, url in {
            "another's upload link with one's own person": upload.copy_set_param("person", ben.person.id),
            "another's upload link without a person": upload.copy_remove_param("person"),
            "another's download link as an upload": link.copy_with(path=f"/uploads/{anna.names['upload']}"),
        }.items():
            for method in ("GET", "PUT", "POST"):
                answer = await nobody.request(method, url, content=png() if method == "PUT" else b"")
                assert answer.status_code == 403, what
                row(SECTION, f"{method} {what}", "403")


async def test_the_studio_shows_and_deletes_nothing_of_another_person(house: House, row: Row) -> None:
    anna, ben = house.anna, house.ben
    nothing: dict[str, dict[str, Any]] = {
        "/studio/gallery": {"total": 0, "pictures": []},
        "/studio/gallery?query=fox": {"total": 0, "pictures": []},
        f"/studio/gallery?query={anna.names['picture']}": {"total": 0, "pictures": []},
        "/studio/gallery?anchor=9": {"total": 0, "pictures": []},
        "/studio/filters": {"models": []},
    }
    for path, empty in nothing.items():
        told = (await ben.client.get(path)).raise_for_status().json()
        assert {name: told[name] for name in empty} == empty
        row(SECTION, f"GET {path.replace(anna.names['picture'], 'HANDLE')}", "empty")
    for what in ("picture", "original", "picture's call", "upload"):
        for method, query in (("GET", ""), ("GET", "?size=320"), ("DELETE", "")):
            name, unknown = anna.names[what], UNKNOWN[what]
            theirs, nobodys = [
                await ben.client.request(method, f"/studio/pictures/{each}{query}")
                for each in (name, unknown)
            ]
            assert theirs.status_code == nobodys.status_code == 404
            assert nameless(theirs.text, name) == nameless(nobodys.text, unknown)
            row(SECTION, f"{method} /studio/pictures/another's {what}{query}", "404, like any other")
    deleted = await ben.client.post("/studio/delete", json={"before": "2999-01-01", "confirm": True})
    assert deleted.json()["pictures"] == 0
    row(SECTION, "POST /studio/delete of everything", "nothing of another's is deleted")
    async with ben.client.stream("GET", "/studio/changes") as changes:
        first = json.loads((await anext(changes.aiter_lines())).removeprefix("data: "))
    async with anna.client.stream("GET", "/studio/changes") as changes:
        hers = json.loads((await anext(changes.aiter_lines())).removeprefix("data: "))
    assert first != hers
    row(SECTION, "GET /studio/changes", "one's own state")
    sent = await ben.client.post("/studio/uploads", content=png(), headers={"Content-Type": "image/png"})
    assert (await anna.call("show_image", handle=sent.json()["handle"]))["is_error"]
    row(SECTION, "POST /studio/uploads, then named by another", "not found")
    assert (await anna.call("show_image", handle=anna.names["picture"]))["is_error"] is False


async def test_the_session_and_the_token_of_another_open_nothing(house: House, row: Row) -> None:
    anna, ben = house.anna, house.ben
    opened = await anna.client.post("/mcp", json=INITIALIZE, headers=JSON)
    session = opened.raise_for_status().headers["mcp-session-id"]
    listing: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "list_images", "arguments": {}},
    }
    for method in ("POST", "GET", "DELETE"):
        answers = [
            await ben.client.request(
                method,
                "/mcp",
                json=listing if method == "POST" else None,
                headers={**JSON, "Mcp-Session-Id": each},
            )
            for each in (session, "0" * 32)
        ]
        assert answers[0].status_code == answers[1].status_code == 404
        assert answers[0].text == answers[1].text
        row(SECTION, f"{method} /mcp in another's session", "404, like a session that nobody has")
    still = await anna.client.post("/mcp", json=listing, headers={**JSON, "Mcp-Session-Id": session})
    assert anna.names["picture"] in still.raise_for_status().text
    tokens = {
        "no token": "",
        "a person's id": anna.person.id,
        "a person's name": "Anna",
        "a token cut short": anna.token[:-1],
        "a token in capitals": anna.token.upper(),
        "two tokens": f"{ben.token},{anna.token}",
        "the hash of a token": hashlib.sha256(anna.token.encode()).hexdigest(),
        "the token of a person who was removed": open_removed(house),
    }
    async with httpx.AsyncClient(base_url=ben.client.base_url, trust_env=False) as nobody:
        for what, token in tokens.items():
            for path in ("/mcp", "/studio/gallery"):
                answer = await nobody.request(
                    "POST" if path == "/mcp" else "GET",
                    path,
                    json=INITIALIZE if path == "/mcp" else None,
                    headers={**JSON, "Authorization": f"Bearer {token}"} if token else JSON,
                )
                assert answer.status_code == 401, what
                row(SECTION, f"{path} with {what}", "401")


def open_removed(house: House) -> str:
    """Return the token of a person who was let in and removed since."""
    with closing(open_register(house.settings)) as people:
        person = people.add("operator", "Carl", "Carl")
        token = people.new_token(person)
        people.remove(person)
    return token

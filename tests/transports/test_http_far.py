"""Callers on other machines: no answer and no error tells them where this machine keeps its files."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from mcp import Client, MCPError
from mcp.types import CallToolResult
from pydantic import SecretStr

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.http_app.exposure import check_exposure
from imagerouter_mcp.settings import Settings
from support.http_in_process import served

MAKE: dict[str, object] = {"prompt": "A fox", "model": "test/test"}
EDIT: dict[str, object] = {"prompt": "Invert", "model": "test/test"}
CALLS: list[tuple[str, dict[str, object]]] = [
    ("generate_image", MAKE),
    ("generate_image", {**MAKE, "output_dir": "below"}),
    ("generate_image", {**MAKE, "output_dir": "../beside"}),
    ("generate_image", {**MAKE, "output_dir": "/elsewhere"}),
    ("edit_image", {**EDIT, "images": ["last"]}),
    ("edit_image", {**EDIT, "images": ["a.png"]}),
    ("edit_image", {**EDIT, "images": ["~/a.png"]}),
    ("edit_image", {**EDIT, "images": ["last"], "mask": "a.png"}),
    ("compare_models", {"prompt": "A fox", "models": ["test/test", "test/other"]}),
    ("generate_video", MAKE),
    ("preview_mask", {"image": "last", "mask": "box:0,0,0.5,0.5"}),
    ("preview_mask", {"image": "a.png", "mask": "b.png"}),
    ("finish_image", {"images": ["last"], "steps": ["crop 1:1"]}),
    ("finish_image", {"images": ["a.png"], "steps": ["favicon"]}),
    ("show_image", {}),
    ("list_images", {}),
    ("get_generation", {"generation": "gen_0000"}),
    ("search_models", {"query": "fox"}),
    ("describe_model", {"model": "test/test"}),
    ("popular_models", {}),
    ("get_credits", {}),
    ("spending", {}),
    ("upload_link", {}),
]
Spoil = Callable[[Settings], object]


def newer_gallery(settings: Settings) -> None:
    settings.data_dir.mkdir(parents=True)
    with closing(sqlite3.connect(settings.data_dir / "gallery.sqlite3")) as gallery:
        gallery.execute("PRAGMA user_version = 999")


def output_is_a_file(settings: Settings) -> None:
    settings.output_dir.write_text("")


SPOILED: list[tuple[str, Spoil, dict[str, object]]] = [
    ("nothing", lambda _: None, {}),
    ("no key file", lambda _: None, {"api_key": None, "api_key_file": Path("absent")}),
    ("a newer gallery", newer_gallery, {}),
    ("a file for the output folder", output_is_a_file, {}),
]


@pytest.mark.parametrize(("what", "spoil", "changed"), SPOILED, ids=[each[0] for each in SPOILED])
async def test_no_tool_and_no_resource_tells_where_files_are(
    settings: Settings, tmp_path: Path, what: str, spoil: Spoil, changed: dict[str, object]
) -> None:
    if "api_key_file" in changed:
        changed = {**changed, "api_key_file": tmp_path / "absent"}
    far = settings.model_copy(
        update={"remote": True, "data_dir": tmp_path / "data", "output_dir": tmp_path / "pictures", **changed}
    )
    spoil(far)
    async with served(far) as (links, _), Client(f"{links.base_url}/mcp") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        answers = [await client.call_tool(name, arguments) for name, arguments in CALLS]
        resources = [str(each.uri) for each in (await client.list_resources()).resources]
        read = [await told(client, uri) for uri in resources]
    assert tools <= {name for name, _ in CALLS}
    said = "".join([*map(CallToolResult.model_dump_json, answers), *read])
    assert str(tmp_path) not in said
    assert what == "nothing" or any(answer.is_error for answer in answers[:1])


async def told(client: Client, uri: str) -> str:
    """A resource, or why it cannot be read."""
    try:
        return (await client.read_resource(uri)).model_dump_json()
    except MCPError as error:
        return str(error)


def test_what_callers_wrote_themselves_stays_in_a_sentence(settings: Settings, tmp_path: Path) -> None:
    far = settings.model_copy(update={"remote": True, "data_dir": tmp_path / "data"})
    sentence = f"{tmp_path}/data/x is not https://a.example{tmp_path}/data, nor '/etc/passwd'."
    assert far.for_callers(sentence) == f"…/x is not https://a.example{tmp_path}/data, nor '/etc/passwd'."
    assert settings.for_callers(sentence) == sentence


@pytest.mark.parametrize(
    ("host", "tokens", "changed", "refused"),
    [
        ("127.0.0.1", ("short",), {}, False),
        ("0.0.0.0", ("a" * 31,), {}, True),  # noqa: S104 - nothing listens
        ("0.0.0.0", ("a" * 32,), {}, False),  # noqa: S104 - nothing listens
        ("0.0.0.0", ("a" * 32, "short"), {}, True),  # noqa: S104 - nothing listens
        ("127.0.0.1", ("short",), {"http_proxies": ("127.0.0.1",)}, True),
        ("127.0.0.1", ("short",), {"public_url": "https://pictures.example"}, True),
    ],
)
def test_a_token_that_can_be_guessed_is_refused_where_others_reach_the_server(
    settings: Settings, host: str, tokens: tuple[str, ...], changed: dict[str, object], *, refused: bool
) -> None:
    own = settings.model_copy(update={"mcp_token": tuple(map(SecretStr, tokens)), **changed})
    if refused:
        with pytest.raises(ConfigurationError, match="32"):
            check_exposure(own, host)
    else:
        check_exposure(own, host)

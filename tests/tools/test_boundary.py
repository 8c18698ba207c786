"""What is answered when a call cannot work: what happened, whether it cost anything, what to do next."""

import base64
import logging
import os
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp import events
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import KEYS_PAGE, Settings
from imagerouter_mcp.wiring import App
from support.eras import in_both_eras

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

MONEY = {
    "no": r"(Nothing was charged\.)",
    "unknown": r"(It may (?:still complete and be|have been) charged\.)",
    "yes": r"(It has been paid for\.|Up to \$[\d.]+ was kept\.|\$[\d.]+ was charged\.)",
}
"""What a sentence says about money."""
FOX: dict[str, object] = {"prompt": "A fox", "model": "test/test"}
EDIT: dict[str, object] = {"prompt": "Invert", "model": "test/test"}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Things that are no source image, and one that is, by what they are."""
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "picture.png")
    (tmp_path / "notes.txt").write_text("Not a picture.\n" * 100)
    (tmp_path / "page.png").write_text("<!DOCTYPE html><title>Not a picture</title>")
    (tmp_path / "empty.png").touch()
    whole = (tmp_path / "picture.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "large.png").write_bytes(whole)
    os.truncate(tmp_path / "large.png", 200 * 2**20 + 1)
    named = {path.stem: str(path) for path in tmp_path.iterdir() if path.is_file()}
    return {**named, "folder": str(tmp_path)}


BAD_CALLS: dict[str, tuple[str, dict[str, object], str, str]] = {
    "no prompt": ("generate_image", {"model": "test/test"}, "arguments", "'prompt' is missing"),
    "an empty prompt": ("generate_image", {**FOX, "prompt": "  "}, "plan", "The prompt is empty."),
    "too long a prompt": ("generate_image", {**FOX, "prompt": "a" * 10_001}, "plan", "10001 characters"),
    "a prompt that is an object": (
        "generate_image",
        {**FOX, "prompt": {"text": "a fox"}},
        "arguments",
        "'prompt' must be a string",
    ),
    "an unknown argument": ("generate_image", {**FOX, "seed": 7}, "arguments", "does not know 'seed'"),
    "no model id": (
        "generate_image",
        {**FOX, "model": "google gemini of last year"},
        "plan",
        "is not a model id",
    ),
    "a video model": ("generate_image", {**FOX, "model": "openai/sora-2"}, "plan", "makes videos"),
    "a size in words": ("generate_image", {**FOX, "size": "big"}, "plan", "'big' is not a size"),
    "a size of a typing error": (
        "generate_image",
        {**FOX, "size": "20000x10"},
        "plan",
        "a side has 16384 pixels at most",
    ),
    "a size without pixels": ("generate_image", {**FOX, "size": "0x0"}, "plan", "'0x0' is not a size"),
    "a strip of a picture": (
        "generate_image",
        {**FOX, "model": "openai/gpt-image-1", "size": "3000x100"},
        "plan",
        "20:1",
    ),
    "too large for a free model": (
        "generate_image",
        {**FOX, "model": "black-forest-labs/FLUX-1-schnell:free", "size": "8000x8000"},
        "plan",
        "1024x1024",
    ),
    "an unknown quality": (
        "generate_image",
        {**FOX, "quality": "superb"},
        "arguments",
        "one of auto, low, medium, high",
    ),
    "an unknown type": (
        "generate_image",
        {**FOX, "output_format": "bmp"},
        "arguments",
        "one of auto, webp, jpeg, png",
    ),
    "an unknown preview": (
        "generate_image",
        {**FOX, "preview": "huge"},
        "arguments",
        "'preview' must be one of",
    ),
    "a relative folder": (
        "generate_image",
        {**FOX, "output_dir": "pictures"},
        "plan",
        "absolute path",
    ),
    "a file for a folder": (
        "generate_image",
        {**FOX, "output_dir": "@notes"},
        "plan",
        "it is the path of a file",
    ),
    "a name with a folder": ("generate_image", {**FOX, "filename": "../up"}, "plan", "../up"),
    "no images": ("edit_image", EDIT, "arguments", "'images' is missing"),
    "images of nothing": ("edit_image", {**EDIT, "images": ""}, "plan", "There is no source image."),
    "a list of nothing": (
        "edit_image",
        {**EDIT, "images": [""]},
        "invalid_source",
        "neither an absolute path",
    ),
    "an empty list": ("edit_image", {**EDIT, "images": []}, "plan", "There is no source image."),
    "images as objects": (
        "edit_image",
        {**EDIT, "images": [{"path": "a.png"}]},
        "arguments",
        "'images' must be a list of strings",
    ),
    "17 images": ("edit_image", {**EDIT, "images": ["@picture"] * 17}, "plan", "17 were given"),
    "a folder": ("edit_image", {**EDIT, "images": ["@folder"]}, "invalid_source", "is a folder"),
    "a text file": ("edit_image", {**EDIT, "images": ["@notes"]}, "invalid_source", "not a picture"),
    "a page in a picture's clothing": (
        "edit_image",
        {**EDIT, "images": ["@page"]},
        "invalid_source",
        "not a picture",
    ),
    "an empty file": ("edit_image", {**EDIT, "images": ["@empty"]}, "invalid_source", "not a picture"),
    "half a file": ("edit_image", {**EDIT, "images": ["@half"]}, "invalid_source", "not a picture"),
    "too large a file": ("edit_image", {**EDIT, "images": ["@large"]}, "invalid_source", "200 MiB"),
    "a file that is not there": (
        "edit_image",
        {**EDIT, "images": ["/no/such.png"]},
        "invalid_source",
        "no such file",
    ),
    "a relative path": (
        "edit_image",
        {**EDIT, "images": ["picture.png"]},
        "invalid_source",
        "neither an absolute",
    ),
    "a broken data URI": (
        "edit_image",
        {**EDIT, "images": ["data:image/png;base64,%%"]},
        "invalid_source",
        "data URI",
    ),
    "a bad one among good ones": (
        "edit_image",
        {**EDIT, "images": ["@picture", "@notes"]},
        "invalid_source",
        "it is text",
    ),
    "a mask of text": (
        "edit_image",
        {**EDIT, "images": ["@picture"], "mask": "@notes"},
        "invalid_source",
        "it is text",
    ),
    "a mask that the model lacks": (
        "edit_image",
        {
            **EDIT,
            "images": ["@picture"],
            "mask": "box:0,0,50%,50%",
            "keep_outside": False,
            "model": "google/gemini-2.5-flash",
        },
        "plan",
        "takes no mask",
    ),
    "a model that does not edit": (
        "edit_image",
        {**EDIT, "images": ["@picture"], "model": "google/imagen-4"},
        "plan",
        "takes no source images",
    ),
    "an unknown handle": (
        "edit_image",
        {**EDIT, "images": ["img_0000"]},
        "not_found",
        "no picture 'img_0000'",
    ),
    "the last of none": (
        "edit_image",
        {**EDIT, "images": ["last"]},
        "not_found",
        "No picture has been made yet",
    ),
    "showing the last of none": ("show_image", {}, "not_found", "No picture has been made yet"),
    "too high a limit": ("search_models", {"limit": 1001}, "arguments", "a whole number from 1 to 1000"),
    "a limit in words": ("search_models", {"limit": "ten"}, "arguments", "'limit' must be a whole number"),
    "an unknown ability": (
        "search_models",
        {"supports": ["video"]},
        "arguments",
        "any of edit, mask, quality",
    ),
    "a negative price": (
        "search_models",
        {"max_price": -5},
        "arguments",
        "'max_price' must be a number from 0",
    ),
    "an unknown order": ("search_models", {"sort": "size"}, "arguments", "one of relevance, price, date"),
    "no popular ones": ("popular_models", {"limit": 0}, "arguments", "from 1 to 100"),
    "an argument too many": ("popular_models", {"query": "fox"}, "arguments", "does not know 'query'"),
    "too many images to list": ("list_images", {"limit": 201}, "arguments", "from 1 to 200"),
}


@pytest.mark.parametrize("case", BAD_CALLS)
async def test_a_call_that_cannot_work_gets_a_sentence_and_nothing_is_sent(
    connect: Hosts, made: Journal, files: dict[str, str], case: str
) -> None:
    tool, arguments, kind, words = BAD_CALLS[case]
    async with connect() as host:
        told = await host(tool, **{name: _filled(value, files) for name, value in arguments.items()})
    assert told.failed
    assert words in told.text
    _check_sentence(told, kind, "no")
    assert made() == []


def _filled(value: object, files: dict[str, str]) -> object:
    """A value with each `@name` replaced by the path of that file."""
    if isinstance(value, list):
        return [_filled(item, files) for item in cast("list[object]", value)]
    return files[value[1:]] if isinstance(value, str) and value.startswith("@") else value


def _check_sentence(told: Any, kind: str, charged: str) -> None:  # noqa: ANN401 - of conftest.py
    """What happened, whether money was spent, what to do: in the text and the structured content alike."""
    assert told.fields["error"] == {"kind": kind, "message": told.text, "charged": charged}
    before, money, after = re.split(MONEY[charged], told.text, maxsplit=1)
    assert money
    assert before.strip().endswith(".")
    assert after.strip().endswith(".")
    assert "pydantic" not in told.text
    assert len(told.text) < 1500


async def test_all_that_is_wrong_with_a_call_is_told_at_once(connect: Hosts) -> None:
    async with connect() as host:
        told = await host(
            "generate_image",
            model=[7, 8],
            n=99,
            quality="superb",
            dry_run="perhaps",
            seed=1,
            colour="red",
            size="big",
        )
    for words in (
        "Call it again with these arguments only: prompt, ",
        "'prompt' is missing",
        "'model' must be a string",
        "'n' must be a whole number from 1 to 8",
        "'quality' must be one of auto, low, medium, high",
        "'dry_run' must be true or false",
        "it does not know 'seed'",
        "it does not know 'colour'",
    ):
        assert told.text.count(words) == 1, words
    _check_sentence(told, "arguments", "no")


@pytest.mark.parametrize(
    ("tool", "wrong", "right"),
    [
        ("edit_image", {"images": [True, {"path": "fox.png"}]}, "'images' must be a list of strings"),
        (
            "search_models",
            {"supports": ["edit", "video", "sound"]},
            "must be a list of any of edit, mask",
        ),
        ("generate_image", {"n": 0, "prompt": "A fox", "size": "huge"}, "(give it as WIDTHxHEIGHT in pixels"),
        ("generate_image", {"n": 0, "prompt": "A fox", "aspect_ratio": "big"}, "(give it as W:H, such as"),
        ("search_models", {"max_price": "cheap"}, "'max_price' must be a number from 0."),
        ("get_generation", {"generation": "gen_0000", "wait": -1}, "'wait' must be a number from 0."),
        ("generate_video", {"prompt": "A fox", "seconds": [5]}, "'seconds' must be a number from 0."),
    ],
)
async def test_a_value_of_the_wrong_form_is_answered_with_the_right_one(
    connect: Hosts, tool: str, wrong: dict[str, object], right: str
) -> None:
    async with connect() as host:
        told = await host(tool, **wrong)
    assert told.text.count(right) == 1, told.text
    _check_sentence(told, "arguments", "no")


async def test_an_argument_that_is_null_counts_as_left_out(connect: Hosts, made: Journal) -> None:
    names = ("size", "aspect_ratio", "quality", "n", "preview", "again", "confirm_cost", "filename", "seed")
    nothing = {str(name): None for name in names}
    async with connect() as host:
        done = await host("generate_image", **FOX, **nothing)
        missing = await host("generate_image", **{**FOX, "prompt": None})
        edited = await host("edit_image", images=[None, "last"], mask=None, **EDIT)
        listed = await host("list_images", query=None, limit=None)
    assert not done.failed, done.text
    assert "'prompt' is missing" in missing.text
    assert not edited.failed, edited.text
    assert len(listed.fields["images"]) == 2
    assert len(made()) == 2


async def test_what_came_of_each_call_is_told_to_whoever_listens(connect: Hosts) -> None:
    told, level = Outcomes(), events.logger.level
    events.listen(told, logging.INFO)
    try:
        async with connect() as host:
            await host("get_credits")
            await host("show_image", handle="img_0000")
            await host("get_credits", unknown=1)
            await host.client.call_tool("draw_picture", {})
    finally:
        events.logger.removeHandler(told)
        events.logger.setLevel(level)
    assert told.outcomes == [
        "get_credits ok",
        "show_image not_found",
        "get_credits arguments",
        "unknown arguments",
    ]


class Outcomes(logging.Handler):
    """Keeps what came of each call of a tool."""

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Note a call."""
        event = events.event_of(record)
        if isinstance(event, events.ToolCalled):
            self.outcomes.append(f"{event.tool} {event.outcome}")


@pytest.mark.parametrize(("characters", "said"), [(4096, False), (4097, True)])
async def test_a_text_far_longer_than_it_should_be_is_refused_by_its_name(
    connect: Hosts, characters: int, *, said: bool
) -> None:
    async with connect() as host:
        told = await host("search_models", query="x" * characters)
    assert ("'query' has more than 4096 characters" in told.text) == said


async def test_the_name_of_an_unknown_tool_is_cut(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("draw_" + "x" * 60)
    assert f"There is no tool 'draw_{'x' * 35}'." in told.text


async def test_a_call_with_hundreds_of_unknown_arguments_gets_a_short_answer(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("get_credits", **{f"argument_{number}": number for number in range(300)})
    assert "it does not know 'argument_0'" in told.text
    assert "and 280 more" in told.text
    _check_sentence(told, "arguments", "no")


async def test_a_refusal_repeats_no_picture_data(connect: Hosts) -> None:
    data = base64.b64encode(os.urandom(3000)).decode()
    async with connect() as host:
        as_source = await host("edit_image", images=[f"data:image/png;base64,{data}"], **EDIT)
        as_quality = await host("generate_image", quality=data, **FOX)
        as_handle = await host("show_image", handle=data)
    for told in (as_source, as_quality, as_handle):
        assert told.failed
        assert len(told.text) < 1500
        assert data[200:300] not in told.text


async def test_a_folder_that_cannot_be_written_to_is_found_before_anything_is_paid(
    connect: Hosts, made: Journal, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with connect(output_dir=tmp_path / "file" / "pictures") as host:
        told = await host("generate_image", **FOX)
    _check_sentence(told, "configuration", "no")
    assert "IMAGEROUTER_OUTPUT_DIR" in told.text
    assert made() == []


async def test_a_gallery_that_cannot_be_opened_is_found_before_anything_is_paid(
    connect: Hosts, made: Journal, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    async with connect(data_dir=tmp_path / "file") as host:
        told = await host("generate_image", **FOX)
        listed = await host("list_images")
    _check_sentence(told, "configuration", "no")
    _check_sentence(listed, "configuration", "no")
    assert made() == []


async def test_without_a_key_making_names_the_variable_and_the_page(connect: Hosts, journal: Journal) -> None:
    async with connect(api_key=None) as host:
        made = await host("generate_image", **FOX)
        edited = await host("edit_image", images=["data:image/png;base64,iVBORw0KGgo="], **EDIT)
    for told in (made, edited):
        _check_sentence(told, "configuration", "no")
        assert "IMAGEROUTER_API_KEY" in told.text
        assert KEYS_PAGE in told.text
    assert journal() == []


async def test_without_a_key_everything_that_makes_nothing_works(connect: Hosts, journal: Journal) -> None:
    async with connect(api_key=None) as host:
        answers = [await host(tool) for tool in ("search_models", "popular_models", "list_images")]
    assert not any(told.failed for told in answers)
    assert {entry["authorized"] for entry in journal()} == {False}


async def test_the_key_goes_with_paid_calls_only(connect: Hosts, journal: Journal) -> None:
    async with connect(allow_private_urls=True) as host:
        told = await host("generate_image", prompt="A fox", model="test/test")
        await host("edit_image", images=[told.image["url"]], **EDIT)
        await host("popular_models")
    shown = {entry["path"] for entry in journal() if entry["authorized"]}
    assert shown == {"/v1/openai/images/generations", "/v1/openai/images/edits"}


@pytest.mark.parametrize(
    ("key", "kind", "words"),
    [
        (accounts.UNKNOWN_KEY, "authentication", "IMAGEROUTER_API_KEY"),
        (accounts.POOR_KEY, "insufficient_credits", "credits"),
        (accounts.RATE_LIMITED_KEY, "rate_limit", "wait"),
        ("two words", "configuration", "IMAGEROUTER_API_KEY"),
    ],
)
async def test_what_the_account_may_not_do_is_said_without_the_key(
    connect: Hosts, caplog: pytest.LogCaptureFixture, key: str, kind: str, words: str
) -> None:
    async with connect(api_key=SecretStr(key)) as host:
        told = await host(
            "generate_image", prompt="A fox", model="black-forest-labs/FLUX-1-schnell", size="128x128"
        )
    _check_sentence(told, kind, "no")
    assert words.lower() in told.text.lower()
    assert key not in told.text
    assert key not in caplog.text


@pytest.mark.parametrize(
    ("fault", "kind", "charged"),
    [
        ("moderated", "moderation", "no"),
        ("no-credits", "insufficient_credits", "no"),
        ("provider-error", "service", "no"),
        ("late-error", "service", "no"),
        ("deposit-required", "access_denied", "no"),
        ("status-500", "service", "no"),
        ("html-504", "outcome_unknown", "unknown"),
        ("cut", "outcome_unknown", "unknown"),
        ("garbage", "unexpected_response", "unknown"),
    ],
)
async def test_what_the_service_refuses_is_told_in_full(
    connect: Hosts, made: Journal, fault: str, kind: str, charged: str
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}")
    _check_sentence(told, kind, charged)
    assert len(made()) == 1, "a request that was sent is not sent again"


@pytest.mark.parametrize("fault", ["stalled", "stalled-after-heartbeats"])
async def test_a_silent_service_is_given_up_with_the_outcome_unknown(
    connect: Hosts, made: Journal, fault: str
) -> None:
    async with connect(stall_seconds=0.4) as host:
        told = await host("generate_image", prompt="A fox", model=f"sandbox/{fault}")
    _check_sentence(told, "outcome_unknown", "unknown")
    assert "silent for 0.4 seconds" in told.text
    assert len(made()) == 1


async def test_a_generation_may_take_only_so_long(connect: Hosts) -> None:
    async with connect(timeout=0.4) as host:
        told = await host("generate_image", prompt="A fox", model="sandbox/slow-9.5")
    _check_sentence(told, "outcome_unknown", "unknown")
    assert "within 0.4 seconds" in told.text


async def test_a_service_that_is_not_there_is_said_so(connect: Hosts) -> None:
    async with connect(base_url="http://127.0.0.1:9") as host:
        made = await host("generate_image", **FOX)
        searched = await host("search_models")
        popular = await host("popular_models")
    for told in (made, searched, popular):
        _check_sentence(told, "unreachable", "no")


async def test_an_unknown_model_that_the_service_refuses_leads_to_the_list(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="A fox", model="zzzz/qqqq")
    _check_sentence(told, "invalid_request", "no")
    assert "Use a model of the list, for example " in told.text
    assert len(made()) == 1


class _BrokenGallery:
    """In place of the gallery: fails as nobody foresaw."""

    def list(self, *_: object) -> None:
        raise KeyError("s3cret detail")


@in_both_eras
async def test_what_nobody_foresaw_is_told_without_its_words_and_logged_with_them(
    settings: Settings, era: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(settings)
    app.gallery = _BrokenGallery()  # pyright: ignore[reportAttributeAccessIssue] - broken on purpose
    async with Client(build_server(app), mode=era) as client:
        result = await client.call_tool("list_images", {})
    assert result.is_error
    assert result.structured_content
    error = result.structured_content["error"]
    assert (error["kind"], error["charged"]) == ("internal", "unknown")
    assert "a bug in imagerouter-mcp (KeyError)" in error["message"]
    assert "s3cret" not in result.model_dump_json()
    (record,) = [record for record in caplog.records if record.name == "imagerouter_mcp.tools.boundary"]
    assert record.levelno == logging.ERROR
    assert record.exc_info
    assert "s3cret detail" in str(record.exc_info[1])


@in_both_eras
async def test_a_tool_that_does_not_exist_is_refused(connect: Hosts) -> None:
    async with connect() as host:
        result = await host.client.call_tool("draw_picture", {})
    assert result.is_error
    assert "There is no tool 'draw_picture'. Nothing was charged. Use one of generate_image, " in str(result)

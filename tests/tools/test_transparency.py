"""A transparent background: asked for, or made by a second step that is announced, limited and paid once."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.gallery import journal as gallery_journal
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.generation.planning.plan import Plan
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.store import FileStore
from imagerouter_mcp.settings import Settings
from patience import until
from support.eras import in_both_eras

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

REMOVER = "bria/remove-background"
PLAIN = "google/gemini-2.5-flash"
GIVES_IT = "openai/gpt-image-1.5"
STICKER = {"prompt": "fox sticker", "model": PLAIN, "background": "transparent"}
ONCE = pytest.mark.parametrize("era", ["auto"])  # the protocol has no part in it


def alpha(path: str | Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        low, high = picture.convert("RGBA").getchannel("A").getextrema()
    assert isinstance(low, int)
    assert isinstance(high, int)
    return low, high


def models(made: Journal) -> list[str]:
    return [entry["fields"]["model"] for entry in made()]


@in_both_eras
async def test_a_background_is_removed_in_a_second_step_and_last_names_the_cut_out(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", **STICKER, filename="logo.png")
        assert models(made) == [PLAIN, REMOVER]
        assert told.path.name == "logo.png"
        assert alpha(told.path) == (0, 255)
        assert f"Made 1 picture with {PLAIN} and {REMOVER} for $0.0357" in told.text
        assert "% of the picture is transparent." in told.text
        assert "no transparency" not in told.text, "that is of no interest after the second step"
        assert told.fields["cost_usd"] == 0.0357
        assert any("is transparent" in note for note in told.fields["notes"])
        assert f"Model's own: {told.image['original']['handle']} · logo-uncut.png" in told.text
        spent = (await host("spending")).fields
        assert (spent["total_usd"], spent["under_way_usd"], spent["uncertain_usd"]) == (0.0357, 0, 0)
        listed = (await host("list_images")).fields
        original, cut = listed["images"]
        assert (cut["handle"], original["model"]) == (told.image["handle"], PLAIN)
        assert alpha(original["path"]) == (255, 255)
        assert original["path"].endswith("logo-uncut.png")
        for name in ("last", told.fields["generation"]):
            edited = await host("edit_image", prompt="a red hat", images=[name], dry_run=False, n=1)
            assert told.image["handle"] in edited.text, "the cut-out is what it builds on"
        again = await host("generate_image", **STICKER, filename="logo.png")
    assert again.image["handle"] == told.image["handle"]
    assert "nothing was charged again" in again.text
    assert models(made).count(REMOVER) == 1


@ONCE
async def test_a_model_that_gives_transparency_is_asked_for_it_and_nothing_more_is_paid(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", **{**STICKER, "model": GIVES_IT})
        (sent,) = made()
        assert "transparent" in sent["fields"]["prompt"]
        assert sent["fields"]["output_format"] == "png"
        assert alpha(told.path) == (0, 255)
        assert f"so {REMOVER} was not asked and not paid" in told.text
        assert not told.fields.get("failures"), "nothing failed"
        assert told.fields["cost_usd"] == 0.133
        later = await host("get_generation", generation=told.fields["generation"])
        assert f"so {REMOVER} was not asked and not paid" in later.text
        listed = (await host("list_images")).fields
        assert listed["images"][0]["prompt"] == "fox sticker", "the added words are not the person's"
        assert not listed.get("unfinished")
        assert (await host("spending")).fields["total_usd"] == 0.133


@ONCE
async def test_a_model_that_does_not_do_what_is_known_of_it_is_followed_by_the_second_step(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", **{**STICKER, "model": "openai/gpt-image-1-mini"})
    assert models(made) == ["openai/gpt-image-1-mini", REMOVER]
    assert alpha(told.path) == (0, 255)


@ONCE
async def test_a_dry_run_tells_both_prices_and_sends_nothing(connect: Hosts, made: Journal) -> None:
    async with connect() as host:
        told = await host("generate_image", **STICKER, dry_run=True, n=2)
        natural = await host("generate_image", **{**STICKER, "model": GIVES_IT}, dry_run=True)
    assert f"Then {REMOVER} removes its background for about $0.018" in told.text
    assert any(REMOVER in note for note in told.fields["notes"])
    assert told.fields["estimate_usd"] == {"low": 0.0712, "likely": 0.114, "high": 0.114}
    assert natural.fields["estimate_usd"]["low"] == 0.009, "the second step is hardly needed"
    assert natural.fields["estimate_usd"]["high"] == 0.218
    assert not made()


@ONCE
@pytest.mark.parametrize("limit", ["max_cost_usd", "budget_usd", "confirm_usd"])
async def test_every_limit_counts_both_steps_before_anything_is_sent(
    connect: Hosts, made: Journal, limit: str
) -> None:
    async with connect(**{limit: Decimal("0.05")}) as host:  # the picture alone is $0.039
        refused = await host("generate_image", **STICKER)
        assert refused.fields["error"]["kind"] == "budget"
        assert "$0.057" in refused.text
        assert not made()
        if limit != "confirm_usd":
            assert "finish_image" in refused.text
        assert not (await host("generate_image", prompt="a fox", model=PLAIN)).failed
        assert (await host("spending")).fields["under_way_usd"] == 0


@ONCE
@pytest.mark.parametrize("asked", [{"output_format": "jpeg"}, {"filename": "fox.jpg"}])
async def test_jpeg_is_refused_because_it_has_no_transparency(
    connect: Hosts, made: Journal, asked: dict[str, str]
) -> None:
    async with connect() as host:
        refused = await host("generate_image", **STICKER, **asked)
    assert "JPEG has no transparency" in refused.text
    assert not made()


@ONCE
async def test_each_of_several_pictures_is_cut_out_and_keeps_its_number(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", **STICKER, n=2, filename="fox.png")
        assert sorted(models(made)) == [REMOVER, REMOVER, PLAIN, PLAIN]
        pictures = told.fields["images"]
        assert [Path(each["path"]).name for each in pictures] == ["fox-1.png", "fox-2.png"]
        assert [each["number"] for each in pictures] == [1, 2]
        for number, each in enumerate(pictures, start=1):
            assert f"\n{number} · {each['handle']} · " in told.text
        assert [alpha(each["path"]) for each in pictures] == [(0, 255)] * 2
        assert told.fields["cost_usd"] == 0.0714
        second = await host("edit_image", prompt="a hat", images=["2"])
        assert f"Number 2 of the newest call is {pictures[1]['handle']}" in second.text


@ONCE
async def test_a_second_step_that_fails_leaves_the_picture_and_says_what_to_do(
    connect: Hosts, made: Journal, sandbox: Sandbox
) -> None:
    account = sandbox.app.state.sandbox.accounts.authorize(f"Bearer {KEY}")
    account.used = account.deposits - 400  # of 1/10,000 USD: enough for the picture alone
    async with connect() as host:
        told = await host("generate_image", **STICKER)
        assert models(made) == [PLAIN, REMOVER]
        handle = told.image["handle"]
        assert alpha(told.path) == (255, 255)
        assert told.text.startswith("Made 1 picture with"), told.text
        assert f"Failed: {REMOVER}: " in told.text
        assert f"edit_image with images={handle} and model={REMOVER}" in told.text
        assert 'finish_image with "cutout"' in told.text
        (failure,) = told.fields["failures"]
        assert "Nothing was charged. The picture is there with its background" in failure
        again = await host("generate_image", **STICKER)
        assert again.image["handle"] == handle, "the picture is not paid for again"
        assert told.fields["failures"] == again.fields["failures"]
    assert models(made) == [PLAIN, REMOVER]


@ONCE
async def test_a_picture_that_has_not_arrived_is_not_cut_out(
    connect: Hosts, made: Journal, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = {**STICKER, "model": "sandbox/three-pictures", "size": "256x256"}
    async with connect() as host:
        whole = await host("generate_image", **{**three, "background": "auto"})
        room = sum(image["bytes"] for image in whole.fields["images"]) - 1
        monkeypatch.setattr(sandbox.app.state.sandbox, "results", FileStore(room))  # the oldest has to go
        told = await host("generate_image", **three)
    assert models(made) == ["sandbox/three-pictures"] * 2
    assert f"Failed: {REMOVER}: The picture has not arrived, so its background was not removed." in told.text
    assert len([image for image in told.fields["images"] if "path" in image]) == 2


@ONCE
async def test_what_is_handed_off_is_cut_out_and_collected(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=0.3)
    async with connect(wait_seconds=0.1) as host:
        told = await host("generate_image", **STICKER)
        assert told.fields["state"] in ("preparing", "queued", "working")
        joined = await host("generate_image", **STICKER)
        assert joined.fields["generation"] == told.fields["generation"]
        while "ask_again_seconds" in told.fields:
            told = await host("get_generation", generation=told.fields["generation"])
    assert alpha(told.path) == (0, 255)
    assert told.fields["cost_usd"] == 0.0357
    assert models(made) == [PLAIN, REMOVER]


@ONCE
async def test_another_process_can_tell_what_a_second_step_under_way_works_on(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None], settings: Settings
) -> None:
    change_sandbox(latency_seconds=2)
    async with connect() as host:
        call = asyncio.create_task(host("generate_image", **STICKER))
        await until(lambda: len(made()) > 1)
        listed = (await host("list_images")).fields
        with closing(gallery_database(settings.data_dir)) as database:
            picture, step = gallery_journal.Journal(database, Owners(settings.data_dir / "running")).call(
                listed["unfinished"][0]["generation"]
            )
        assert (picture.state, step.state) == ("done", "working")
        plan = Plan.kept(step.plan)
        assert plan
        assert plan.follows == picture.handle
        assert plan.origins == (listed["images"][0]["handle"],)
        assert (await call).image["original"]["handle"] == plan.origins[0]


@ONCE
async def test_a_caller_who_leaves_between_the_steps_pays_for_no_second_one(
    connect: Hosts, made: Journal, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=2)
    async with connect() as host:
        call = asyncio.create_task(host("generate_image", **STICKER))
        await until(made)
        call.cancel()
        told = await host("generate_image", **STICKER)
    assert models(made) == [PLAIN]
    assert alpha(told.path) == (255, 255)
    assert "Nothing was charged." in told.fields["failures"][0]


@ONCE
async def test_an_edit_without_words_only_removes_the_background(
    connect: Hosts, made: Journal, source: Path
) -> None:
    async with connect() as host:
        told = await host("edit_image", images=[str(source)], background="transparent")
    assert models(made) == [REMOVER]
    assert f"{REMOVER} was chosen because it is the cheapest that removes backgrounds" in told.text
    assert alpha(told.path)[0] == 0
    assert "was not asked" not in told.text, "there is no second step"


@ONCE
async def test_an_edit_is_made_and_then_cut_out(connect: Hosts, made: Journal, source: Path) -> None:
    async with connect() as host:
        told = await host(
            "edit_image", prompt="make it blue", images=[str(source)], model=PLAIN, background="transparent"
        )
    assert models(made) == [PLAIN, REMOVER]
    assert f"From: {source}" in told.text, "the cut-out comes from the person's photo"


@ONCE
async def test_where_no_listed_model_removes_backgrounds_the_free_way_is_named(
    connect: Hosts, made: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="a fox", model="free", background="transparent")
    assert "names no free model that removes backgrounds" in told.text
    assert 'finish_image remove a plain background with "cutout", for free' in told.text
    assert not made()


@ONCE
async def test_a_prompt_that_asks_for_transparency_is_told_that_there_is_none_and_what_gives_it(
    connect: Hosts,
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="a fox, transparent background", model=PLAIN)
        glass = await host("generate_image", prompt="a transparent glass", model=PLAIN)
    assert "Measured: no transparency." in told.text
    assert f"model={REMOVER}" in told.text
    assert any("Measured: no transparency." in note for note in told.fields["notes"])
    assert "Measured" not in glass.text

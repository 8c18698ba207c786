"""The model list is read in three shapes, shared by all callers, and outlives the service's bad moments."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from imagerouter_mcp.api.catalogue import Catalogue, Listing, closest_ids
from imagerouter_mcp.api.model_list import ModelEntry, Price, parse_models
from imagerouter_mcp.errors import ImageRouterError, ServiceUnreachableError, UnexpectedResponseError

V1: dict[str, Any] = {
    "vendor/painter": {
        "providers": [
            {
                "id": "one",
                "pricing": {"type": "calculated", "range": {"min": 0.01, "average": 0.03, "max": 0.2}},
            },
            {"id": "two", "pricing": {"type": "fixed", "value": 0.005}},
        ],
        "sizes": ["auto", "1024x1024", "1536X1024"],
        "release_date": "2025-11-20",
        "arena_score": 1200,
        "output": ["image"],
        "supported_params": {"text": True, "quality": False, "edit": True, "mask": False},
    },
    "vendor/clip": {
        "providers": [{"id": "one", "pricing": {"type": "fixed", "value": 0.5}}],
        "output": ["video"],
        "seconds": [1.2, 5],
        "default_seconds": 5,
        "supported_params": {"quality": False, "edit": True, "mask": False},
    },
}
V2: dict[str, Any] = {
    "vendor/painter": {
        "inputs": {"image": True, "mask": False, "quality": False, "size": ["1024x1024", "1536x1024"]},
        "output": ["image"],
        "price": {"min": 0.005, "average": 0.03, "max": 0.2},
        "aliases": ["vendor/old-painter"],
    },
}
V3: list[Any] = [
    {
        "id": "vendor/painter",
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["image", "text"]},
        "parameters": {"size": ["1024x1024", "1536x1024"], "quality": ["low", "high"]},
        "pricing": {"min": 0.005, "average": 0.03, "max": 0.2},
        "aliases": ["vendor/old-painter"],
    },
    {
        "id": "vendor/chat",
        "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        "pricing": {"min": 0.001, "average": 0.001, "max": 0.001},
    },
]


def only(answer: object) -> ModelEntry:
    (entry,) = parse_models(answer)
    return entry


def with_pricing(*pricing: object) -> ModelEntry:
    return only({"a/b": {"output": ["image"], "providers": [{"id": "p", "pricing": p} for p in pricing]}})


def test_a_v1_entry_is_read_in_full() -> None:
    assert parse_models(V1)[0] == ModelEntry(
        id="vendor/painter",
        output="image",
        takes_image=True,
        takes_mask=False,
        takes_quality=False,
        takes_text=True,
        sizes=("1024x1024", "1536x1024"),
        price=Price(0.005, 0.03, 0.2),
        release_date="2025-11-20",
        score=1200.0,
        providers=("one", "two"),
        offers=(("one", Price(0.01, 0.03, 0.2)), ("two", Price(0.005, 0.005, 0.005))),
    )


def test_a_video_model_keeps_its_lengths() -> None:
    clip = parse_models(V1)[1]
    assert (clip.output, clip.seconds, clip.default_seconds) == ("video", (1.2, 5.0), 5.0)


def test_the_v2_object_and_the_v2_array_say_the_same() -> None:
    array = [{"id": model_id, **row} for model_id, row in V2.items()]
    assert parse_models(array) == parse_models(V2)
    entry = only(V2)
    assert (entry.takes_image, entry.takes_mask, entry.takes_text) == (True, False, None)
    assert entry.aliases == ("vendor/old-painter",)


def test_a_v3_array_is_read_by_its_modalities_and_chat_models_are_left_out() -> None:
    entry = only(V3)
    assert entry.id == "vendor/painter"
    assert (entry.output, entry.takes_image, entry.takes_text) == ("image", True, True)
    assert (entry.takes_mask, entry.takes_quality) == (False, True)
    assert entry.sizes == ("1024x1024", "1536x1024")
    assert entry.aliases == ("vendor/old-painter",)


def test_a_v3_entry_tells_lengths_masks_and_any_size() -> None:
    entry = only(
        [
            {
                "id": "vendor/clip",
                "architecture": {"input_modalities": ["image", "mask"], "output_modalities": ["video"]},
                "parameters": {"size": ["custom"], "quality": False, "seconds": [4, 8], "default_seconds": 4},
                "pricing": {"type": "fixed", "value": 0.5},
            }
        ]
    )
    assert (entry.takes_mask, entry.takes_text, entry.takes_quality) == (True, False, False)
    assert (entry.sizes, entry.any_size, entry.seconds, entry.default_seconds) == ((), True, (4, 8), 4)
    assert not entry.takes_prompt
    assert entry.price == Price(0.5, 0.5, 0.5)


def test_no_size_in_the_list_is_not_any_size() -> None:
    silent, custom = only({"a/b": {"output": ["image"]}}), only({"a/b": {"inputs": {"size": ["custom"]}}})
    assert silent.accepts_size("640x480")
    assert not silent.lists_size("640x480")
    assert custom.lists_size("640x480")
    assert only(V2).lists_size("1024x1024")
    assert not only(V2).lists_size("640x480")


def test_an_alias_that_only_the_backend_knows_finds_its_model_with_its_price() -> None:
    row = {"output": ["image"], "providers": [{"id": "gemini", "pricing": {"value": 0.04}}]}
    listing = Listing(parse_models({"google/gemini-2.5-flash": row}))
    found = listing.find("gemini-2.5-flash-image")
    assert found
    assert (found.id, found.price) == ("google/gemini-2.5-flash", Price(0.04, 0.04, 0.04))


def test_the_three_shapes_agree_on_the_price() -> None:
    assert parse_models(V1)[0].price == only(V2).price == only(V3).price


def test_an_entry_that_lacks_everything_optional_is_kept() -> None:
    assert only([{"id": "vendor/new", "surprise": {"deep": [1]}}]) == ModelEntry("vendor/new")
    assert only({"plain-id": {"output": "image"}}).vendor == ""


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "text",
        7,
        [],
        {},
        {"output": 7, "providers": "x", "supported_params": ["edit"], "sizes": 3, "seconds": "long"},
        {
            "output": ["image"],
            "providers": [None, {"pricing": {"range": {"min": "NaN"}}}, {"pricing": 10**400}],
        },
        {"output": ["image"], "release_date": "2025-02-31", "arena_score": True, "aliases": [1, None]},
        {"output": ["image"], "price": {"min": -1, "max": 2}, "default_seconds": [5]},
        {"output": ["audio"]},
    ],
)
def test_a_malformed_entry_does_not_lose_the_others(odd: object) -> None:
    ids = [entry.id for entry in parse_models({"bad/one": odd, **V1})]
    assert [model_id for model_id in ids if model_id != "bad/one"] == list(V1)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "models",
        3,
        {"error": {"message": "no", "type": "internal_error"}},
        ["a", "b"],
        [{"object": "x"}],
        {"providers": [{"id": "one"}], "supported_params": {"edit": True}},
    ],
)
def test_what_is_no_model_list_is_refused(answer: object) -> None:
    with pytest.raises(UnexpectedResponseError):
        parse_models(answer)


@pytest.mark.parametrize("empty", [{}, []])
def test_an_empty_model_list_is_a_model_list(empty: object) -> None:
    assert parse_models(empty) == ()


def test_an_average_below_the_minimum_does_not_make_the_likely_price_the_lowest() -> None:
    entry = with_pricing({"range": {"min": 0.0084, "average": 0.0042, "max": 0.026}})
    assert entry.price == Price(0.0084, 0.0084, 0.026)


def test_the_price_spans_all_providers() -> None:
    entry = with_pricing(
        {"value": 0.04}, {"range": {"min": 0.01, "average": 0.02, "max": 0.3}}, {"type": "fixed"}
    )
    assert entry.price == Price(0.01, 0.04, 0.3)


@pytest.mark.parametrize("pricing", [0.04, "0.04", {"value": 0.04}, {"average": 0.04}, {"max": "0.04"}])
def test_a_price_is_read_from_whatever_carries_it(pricing: object) -> None:
    assert only([{"id": "a/b", "pricing": pricing}]).price == Price(0.04, 0.04, 0.04)


def test_a_model_without_a_readable_price_has_none_and_is_not_free() -> None:
    entry = with_pricing({"value": "call us"}, {"value": "Infinity"}, {"value": True}, {"value": -1})
    assert entry.price is None
    assert not entry.free


def test_a_model_is_free_by_its_name_or_by_its_price() -> None:
    assert with_pricing({"type": "fixed", "value": 0}).free
    assert ModelEntry("a/b:free").free
    assert not with_pricing({"range": {"min": 0, "average": 0, "max": 0.1}}).free


@pytest.mark.parametrize("listed", [["custom"], ["auto"], ["custom", "64x64"], None, []])
def test_a_list_without_real_sizes_means_any_size(listed: object) -> None:
    entry = only([{"id": "a/b", "inputs": {"size": listed}}])
    assert entry.sizes == ()
    assert entry.accepts_size("123x456")


def test_a_size_is_compared_however_it_is_written() -> None:
    entry = ModelEntry("a/b", sizes=("1024x768",))
    assert entry.accepts_size("1024×768")
    assert entry.accepts_size(" 1024*768 ")
    assert entry.accepts_size("AUTO")
    assert not entry.accepts_size("768x1024")
    assert not entry.accepts_size("big")


def test_a_free_variant_refuses_what_is_larger_than_1024() -> None:
    assert ModelEntry("a/b:free").accepts_size("1024x1024")
    assert not ModelEntry("a/b:free").accepts_size("1025x64")


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("2022-04-6", "2022-04-06"),
        ("2025-01-30T10:00:00Z", "2025-01-30"),
        ("2025-13-01", None),
        ("soon", None),
        (2025, None),
    ],
)
def test_dates_are_brought_into_one_form(told: object, date: str | None) -> None:
    assert only([{"id": "a/b", "release_date": told}]).release_date == date


@pytest.mark.parametrize(
    ("model_id", "dummy"),
    [("test/test", True), ("test/other", True), ("ir/test-video", True), ("a/test", False)],
)
def test_dummies_are_known(model_id: str, dummy: bool) -> None:  # noqa: FBT001 - a table's column
    assert ModelEntry(model_id).is_dummy is dummy


@pytest.mark.parametrize("told", ["0", -5, 3601, "long", True])
def test_a_length_that_no_video_has_is_not_the_usual_one(told: object) -> None:
    assert only({"a/b": {"output": ["video"], "default_seconds": told}}).default_seconds is None


def test_a_video_may_have_a_length_of_the_list_or_none_is_told() -> None:
    clip = only({"a/b": {"output": ["video"], "seconds": [5, 8]}})
    assert [clip.accepts_seconds(seconds) for seconds in (0, 5, 8, 6)] == [True, True, True, False]
    assert only({"a/b": {"output": ["video"]}}).accepts_seconds(6)
    assert only({"a/b": {"output": ["video"], "seconds": [3600]}}).seconds == (3600,)


def test_what_makes_pictures_and_text_is_an_image_model_and_what_has_seconds_a_video_model() -> None:
    assert only({"a/b": {"output": ["text", "image"]}}).output == "image"
    assert only({"a/b": {"seconds": [5]}}).output == "video"


class Service:
    """A model list that can be slow or fail, and counts how often it is asked."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls = 0
        self.answer: object = V1
        self.error: Exception | None = None
        self.asked = anyio.Event()
        self.gate = anyio.Event()
        self.gate.set()

    def clock(self) -> float:
        """The time, which stands still until a test moves it."""
        return self.now

    async def fetch(self) -> object:
        """The answer, once the gate is open."""
        self.calls += 1
        self.asked.set()
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return self.answer

    def catalogue(self) -> Catalogue:
        """A catalogue of this service's models."""
        return Catalogue(self.fetch, clock=self.clock)


def down() -> ImageRouterError:
    return ServiceUnreachableError("ImageRouter does not answer.", "Try again.")


async def in_parallel(times: int, call: Callable[[], Any]) -> list[object]:
    outcomes: list[object] = []

    async def one() -> None:
        try:
            outcomes.append(await call())
        except ImageRouterError as error:
            outcomes.append(error)

    async with anyio.create_task_group() as group:
        for _ in range(times):
            group.start_soon(one)
    return outcomes


async def test_the_list_is_fetched_once_and_kept_for_ten_minutes() -> None:
    service = Service()
    catalogue = service.catalogue()
    first = await catalogue.models()
    service.now += 599
    assert await catalogue.models() is first
    service.now += 1
    assert (await catalogue.models()).models == first.models
    assert service.calls == 2


async def test_concurrent_callers_share_one_request() -> None:
    service = Service()
    first, *others = await in_parallel(8, service.catalogue().models)
    assert service.calls == 1
    assert all(other is first for other in others)


async def test_a_cancelled_caller_leaves_the_fetching_to_the_next() -> None:
    service = Service()
    service.gate = anyio.Event()
    catalogue = service.catalogue()
    listings: list[Listing] = []

    async def patient() -> None:
        listings.append(await catalogue.models())

    async with anyio.create_task_group() as group:
        async with anyio.create_task_group() as hasty:
            hasty.start_soon(catalogue.models)
            await service.asked.wait()
            group.start_soon(patient)
            group.start_soon(patient)
            await anyio.lowlevel.checkpoint()
            hasty.cancel_scope.cancel()
        service.gate.set()
    assert service.calls == 2
    assert len(listings) == 2
    assert listings[0] is listings[1]


async def test_a_failure_is_shared_by_those_who_waited_for_it_and_tried_again_by_the_next() -> None:
    service = Service()
    service.error = down()
    catalogue = service.catalogue()
    outcomes = await in_parallel(5, catalogue.models)
    assert outcomes == [service.error] * 5
    assert service.calls == 1
    service.error = None
    assert (await catalogue.models()).find("vendor/clip")
    assert service.calls == 2


@pytest.mark.parametrize("broken", ["down", "garbled"])
async def test_an_old_list_is_served_with_a_note_when_it_cannot_be_refreshed(broken: str) -> None:
    service = Service()
    catalogue = service.catalogue()
    fresh = await catalogue.models()
    service.now += 720
    service.error = down() if broken == "down" else None
    service.answer = {"error": {"message": "x"}}
    stale = await catalogue.models()
    assert fresh.stale_note is None
    assert stale.models is fresh.models
    assert stale.stale_note is not None
    assert stale.stale_note.startswith(
        "The model list was read 12 min ago and could not be refreshed: ImageRouter"
    )
    assert catalogue.peek() is stale


async def test_a_dead_service_is_left_alone_for_a_while() -> None:
    service = Service()
    catalogue = service.catalogue()
    await catalogue.models()
    service.now += 600
    service.error = down()
    await catalogue.models()
    service.now += 29
    assert (await catalogue.models()).stale_note
    assert service.calls == 2
    service.now += 1
    service.error = None
    assert (await catalogue.models()).stale_note is None
    assert service.calls == 3


async def test_a_mistake_of_ours_is_not_taken_for_an_old_list() -> None:
    service = Service()
    catalogue = service.catalogue()
    await catalogue.models()
    service.now += 600
    service.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        await catalogue.models()


async def test_peeking_asks_nobody() -> None:
    service = Service()
    catalogue = service.catalogue()
    assert catalogue.peek() is None
    assert service.calls == 0
    listing = await catalogue.models()
    service.now += 10_000
    assert catalogue.peek() is listing


def test_a_model_is_found_by_id_and_by_alias() -> None:
    listing = Listing(parse_models(V2))
    assert listing.find("vendor/old-painter") is listing.by_id["vendor/painter"]
    assert listing.find("Vendor/Painter") is None


def listing_of(*ids: str) -> Listing:
    return Listing(tuple(map(ModelEntry, ids)))


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("gpt-image-1.5", "openai/gpt-image-1.5"),
        ("GPT_Image 1.5", "openai/gpt-image-1.5"),
        ("OpenAI/GPT-Image-1.5", "openai/gpt-image-1.5"),
        ("google/gpt-image-1.5", "openai/gpt-image-1.5"),
        ("openai/gpt-imge-1.5", "openai/gpt-image-1.5"),
        ("flux-1-schnel", "black-forest-labs/FLUX-1-schnell"),
        ("dall-e", "openai/dall-e-3"),
    ],
)
def test_an_id_that_is_nearly_right_is_recognised(asked: str, meant: str) -> None:
    listing = listing_of(
        "openai/gpt-image-1.5:free",
        "openai/gpt-image-1",
        "openai/gpt-image-1.5",
        "openai/dall-e-3",
        "black-forest-labs/FLUX-1-schnell",
    )
    assert closest_ids(listing, asked)[0] == meant


def test_the_same_name_of_another_vendor_comes_second() -> None:
    listing = listing_of("fal/flux-pro", "black-forest-labs/FLUX-pro")
    assert closest_ids(listing, "Black_Forest_Labs/flux pro") == [
        "black-forest-labs/FLUX-pro",
        "fal/flux-pro",
    ]


def test_an_unknown_model_of_a_known_vendor_leads_to_the_vendor() -> None:
    listing = listing_of("google/veo-3", "black-forest-labs/FLUX-pro")
    assert closest_ids(listing, "black-forest-labs/quux") == ["black-forest-labs/FLUX-pro"]


def test_an_alias_that_is_nearly_right_leads_to_its_model() -> None:
    listing = Listing((ModelEntry("google/gemini-3-pro", aliases=("google/nano-banana-pro",)),))
    assert closest_ids(listing, "nano_banana_pro") == ["google/gemini-3-pro"]


def test_an_id_like_none_is_answered_with_none() -> None:
    listing = listing_of("openai/gpt-image-1", "openai/gpt-image-1.5", "google/veo-3", "google/veo-2")
    assert closest_ids(listing, "zzzz") == []
    assert closest_ids(listing, "") == []
    assert closest_ids(listing, "x" * 100_000) == []


def test_of_many_ids_that_may_be_meant_three_are_named() -> None:
    listing = listing_of(*(f"openai/gpt-image-1.{version}" for version in range(5)))
    assert len(closest_ids(listing, "gpt-image")) == 3


CAPTURES = [Path(name) for name in os.environ.get("IMAGEROUTER_TEST_CATALOGUE", "").split(os.pathsep) if name]
needs_captures = pytest.mark.skipif(not CAPTURES, reason="IMAGEROUTER_TEST_CATALOGUE names no model lists")


@needs_captures
def test_every_entry_of_a_real_list_is_read() -> None:
    for path in CAPTURES:
        answer = json.loads(path.read_text())
        entries = parse_models(answer)
        assert [entry.id for entry in entries] == list(answer)
        for entry in entries:
            assert entry.price is not None
            assert entry.price.low <= entry.price.likely <= entry.price.high
            assert None not in {entry.takes_image, entry.takes_mask, entry.takes_quality}
            assert bool(entry.seconds) == (entry.output == "video")


@needs_captures
def test_real_lists_of_different_shapes_agree() -> None:
    first, *others = [
        {entry.id: entry for entry in parse_models(json.loads(p.read_text()))} for p in CAPTURES
    ]
    for other in others:
        assert first.keys() == other.keys()
        for one, two in zip(first.values(), other.values(), strict=True):
            assert one.price
            assert two.price
            assert (one.price.low, one.price.high) == (two.price.low, two.price.high)
            # v2 tells one average and not whose; with several providers v1 tells the dearest one too.
            assert one.price.likely >= two.price.likely
            if len(one.providers) == 1:
                assert one.price == two.price
            assert (one.output, one.sizes, one.seconds) == (two.output, two.sizes, two.seconds)
            assert (one.takes_image, one.takes_mask) == (two.takes_image, two.takes_mask)
            assert (one.takes_quality, one.release_date) == (two.takes_quality, two.release_date)


NAMED = Listing(
    tuple(
        map(
            ModelEntry,
            (
                "google/gemini-2.5-flash",
                "google/gemini-3-pro",
                "black-forest-labs/FLUX-1-schnell",
                "acme/photon",
                "luma/photon",
            ),
        )
    )
)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("google/gemini-3-pro", "google/gemini-3-pro"),
        ("Gemini 2.5 Flash", "google/gemini-2.5-flash"),
        ("flux_1_schnell", "black-forest-labs/FLUX-1-schnell"),
        ("nano banana", "google/gemini-2.5-flash"),
        ("Nano-Banana Pro", "google/gemini-3-pro"),
        ("luma/photon", "luma/photon"),
        ("photon", None),
        ("gemini", None),
        ("", None),
    ],
)
def test_a_name_means_the_only_model_that_it_fits(name: str, meant: str | None) -> None:
    found = NAMED.meant(name)
    assert (found.id if found else None) == meant


def test_a_nickname_that_became_an_id_means_that() -> None:
    listing = Listing((ModelEntry("google/nano-banana"), ModelEntry("google/gemini-2.5-flash")))
    found = listing.meant("Nano Banana")
    assert found
    assert found.id == "google/nano-banana"

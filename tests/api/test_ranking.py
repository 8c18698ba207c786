"""The ranking is asked for once, kept for a while, and replaced by something honest that says so."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.popularity import LIFETIME_SECONDS, RETRY_SECONDS, SUBSTITUTES, Popularity
from imagerouter_mcp.errors import ImageRouterError, ServiceUnreachableError
from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app

Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]

RANKING = {"json": [{"model": "a/one", "count": 9}, "b/two"]}


def entry(score: float | None, kind: str = "image") -> dict[str, object]:
    return {"output": [kind], "providers": [], "arena_score": score}


MODELS = {
    "v/low": entry(900),
    "v/high": entry(1200),
    "v/unrated": entry(None),
    "v/clip": entry(1300, "video"),
    "test/test": entry(1400),
}


class Clock:
    """A clock that a test turns."""

    now = 1_000.0

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


class Service:
    """Answers the two lists from what it is given, and counts how often each was asked for."""

    def __init__(self, ranking: object = RANKING, models: object = MODELS) -> None:
        self.ranking = ranking
        self.models = models
        self.asked = {"ranking": 0, "models": 0}
        self.clock = Clock()
        catalogue = Catalogue(self._fetch_models, clock=self.clock)
        self.popularity = Popularity(self._fetch_ranking, catalogue, self.clock)

    async def _fetch_ranking(self) -> object:
        return await self._give("ranking", self.ranking)

    async def _fetch_models(self) -> object:
        return await self._give("models", self.models)

    async def _give(self, which: str, answer: object) -> object:
        self.asked[which] += 1
        await anyio.lowlevel.checkpoint()
        if isinstance(answer, Exception):
            raise answer
        return answer


def failure(what: str = "The line is dead.") -> ImageRouterError:
    return ServiceUnreachableError(what, "Try again.")


async def test_the_ranking_is_the_service_s_own_and_needs_no_note() -> None:
    service = Service()
    ranking = await service.popularity.ranking()
    assert (ranking.ids, ranking.note) == (("a/one", "b/two"), None)
    assert service.asked == {"ranking": 1, "models": 0}


async def test_the_ranking_is_kept_for_its_lifetime_and_then_asked_for_again() -> None:
    service = Service()
    first = await service.popularity.ranking()
    service.ranking = ["c/three"]
    service.clock.now += LIFETIME_SECONDS - 1
    assert await service.popularity.ranking() is first
    assert service.asked["ranking"] == 1
    service.clock.now += 1
    assert (await service.popularity.ranking()).ids == ("c/three",)
    assert service.asked["ranking"] == 2


async def test_a_clock_may_begin_anywhere() -> None:
    service = Service()
    service.clock.now = -LIFETIME_SECONDS
    assert (await service.popularity.ranking()).ids == ("a/one", "b/two")


async def test_callers_at_the_same_time_share_one_request() -> None:
    service = Service()
    seen: list[object] = []

    async def ask() -> None:
        seen.append(await service.popularity.ranking())

    async with anyio.create_task_group() as callers:
        for _ in range(5):
            callers.start_soon(ask)
    assert service.asked["ranking"] == 1
    assert len(seen) == 5
    assert all(one is seen[0] for one in seen)


async def test_a_caller_that_leaves_does_not_take_the_ranking_from_the_next() -> None:
    service = Service()
    with anyio.CancelScope() as leaving:
        leaving.cancel()
        await service.popularity.ranking()
    assert leaving.cancelled_caught
    assert (await service.popularity.ranking()).ids == ("a/one", "b/two")


@pytest.mark.parametrize("answer", [failure(), {"json": {"of": 3}}, {"json": []}, None])
async def test_without_a_ranking_the_best_rated_image_models_stand_in_with_a_note(answer: object) -> None:
    service = Service(answer)
    ranking = await service.popularity.ranking()
    assert ranking.ids == ("v/high", "v/low", "v/unrated")
    assert ranking.note
    assert "could not be read" in ranking.note
    assert "best rated and newest models of the list instead" in ranking.note


async def test_the_note_says_why() -> None:
    ranking = await Service(failure()).popularity.ranking()
    assert ranking.note
    assert ranking.note.startswith("The popularity ranking could not be read (The line is dead); ")


async def test_no_more_substitutes_stand_in_than_a_person_reads() -> None:
    models = {f"v/{number}": entry(number) for number in range(50)}
    ranking = await Service(failure(), models).popularity.ranking()
    assert ranking.ids == tuple(f"v/{number}" for number in range(49, 49 - SUBSTITUTES, -1))


async def test_after_a_failure_the_service_is_asked_again_sooner() -> None:
    service = Service(failure())
    substitute = await service.popularity.ranking()
    service.ranking = RANKING
    service.clock.now += RETRY_SECONDS - 1
    assert await service.popularity.ranking() is substitute
    assert service.asked["ranking"] == 1
    service.clock.now += 1
    ranking = await service.popularity.ranking()
    assert (ranking.ids, ranking.note) == (("a/one", "b/two"), None)
    assert RETRY_SECONDS < LIFETIME_SECONDS


async def test_with_neither_list_the_caller_is_told_of_the_model_list_and_may_ask_again_at_once() -> None:
    service = Service(failure(), failure("The list is gone."))
    with pytest.raises(ServiceUnreachableError, match="The list is gone"):
        await service.popularity.ranking()
    service.ranking = RANKING
    assert (await service.popularity.ranking()).ids == ("a/one", "b/two")


async def test_what_is_no_failure_of_the_service_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        await Service(ZeroDivisionError()).popularity.ranking()


# The same over the network


async def test_the_sandbox_s_ranking_is_asked_for_once_and_without_the_key(
    settings: Settings, journal: Journal
) -> None:
    async with open_app(settings) as app:
        ranking = await app.popularity.ranking()
        assert await app.popularity.ranking() is ranking
    assert (ranking.ids, ranking.note) == (POPULAR, None)
    assert [(entry["path"], entry["authorized"]) for entry in journal()] == [
        ("/operations/get-popular-models", False)
    ]


@pytest.mark.parametrize("shape", ["status-500", "html", "nonsense"])
async def test_a_ranking_that_fails_is_replaced_from_the_model_list(
    settings: Settings, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(popularity=shape)
    async with open_app(settings) as app:
        ranking = await app.popularity.ranking()
    assert ranking.note
    assert len(ranking.ids) == SUBSTITUTES
    assert "test/test" not in ranking.ids

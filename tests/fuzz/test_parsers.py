"""What the service may answer, whole and broken: a value or an error, never a crash or a second line."""

import json
from collections.abc import Callable
from typing import Any, cast

from hypothesis import strategies as st

from imagerouter_mcp.api.error_objects import read_error
from imagerouter_mcp.api.model_list import ModelEntry, parse_models
from imagerouter_mcp.api.model_search import search
from imagerouter_mcp.api.popularity import honest_fallback, parse_popular
from imagerouter_mcp.api.wire import Credits, GenerationAnswer, KeyCheck, read_as, read_generation
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.sandbox.service.list_shapes import v1, v2, v3
from imagerouter_mcp.sandbox.service.offered import listed
from imagerouter_mcp.tools.listed_models import listed_model, model_line
from imagerouter_mcp.tools.structured import as_json
from support.broken_json import anything, mutated, texts
from support.visible import is_visible

Fuzz = Callable[..., None]

MODELS = dict(list(listed().items())[:6])
LISTS: list[Any] = [v1(MODELS, {}, text=True), v2(MODELS, {}, aliases=True), v3(MODELS, {})]
ANSWER: dict[str, Any] = {
    "created": 1769286389027,
    "data": [{"url": "https://x.example/a.webp", "b64_json": "AAAA", "revised_prompt": "a fox"}],
    "latency": 6942,
    "cost": 0.004,
}
REFUSAL: dict[str, Any] = {
    "error": {"message": "Insufficient credits", "type": "internal_error", "code": "x", "param": None},
    "status": 402,
    "statusText": "x",
}
CREDITS: dict[str, Any] = {
    "remaining_credits": "25.5000",
    "credit_usage": "4.5",
    "total_deposits": 30,
    "usage_by_api_key": [{"api_key_name": "x", "credit_usage": "1", "total_requests": 3, "is_active": True}],
}
POPULAR: list[Any] = [
    {"json": ["a/b", "c/d"]},
    {"json": [{"model": "a/b", "count": 3, "_count": {"_all": "5"}}], "meta": {}},
    ["a/b"],
]


def one_word(text: str | None) -> bool:
    return text is None or (is_visible(text) and " " not in text)


def attempt_at(read: Callable[[object], None]) -> Callable[[object], None]:
    def attempt(body: object) -> None:
        try:
            read(body)
        except ImageRouterError as error:
            assert is_visible(str(error))  # noqa: PT017 - either outcome is right, and each is looked at
            assert len(str(error)) < 2000  # noqa: PT017 - as above

    return attempt


def test_any_answer_to_a_generation_is_read_or_refused(fuzz: Fuzz) -> None:
    def read(body: object) -> None:
        answer: GenerationAnswer = read_generation(body, sandbox=False)
        assert answer.items
        for item in answer.items:
            assert one_word(item.url)
            assert is_visible(item.revised_prompt or "")

    fuzz(anything | mutated([ANSWER]), attempt_at(read))


def test_any_model_list_is_read_or_refused(fuzz: Fuzz) -> None:
    def read(body: object) -> None:
        entries: tuple[ModelEntry, ...] = parse_models(body)
        for entry in entries:
            assert is_visible(model_line(entry))
            assert all(map(one_word, (entry.id, *entry.aliases, *entry.providers, *entry.sizes)))
            json.dumps(as_json(listed_model(entry)), allow_nan=False)
        search(entries, "fox", sort="price")
        honest_fallback(entries, 5)

    fuzz(anything | mutated(LISTS), attempt_at(read))


def test_any_ranking_is_read_or_refused(fuzz: Fuzz) -> None:
    def read(body: object) -> None:
        assert all(map(one_word, parse_popular(body)))

    fuzz(anything | mutated(POPULAR), attempt_at(read))


def test_any_error_object_becomes_a_sentence(fuzz: Fuzz) -> None:
    def read(drawn: object) -> None:
        status, headers, body = cast("tuple[int, dict[str, str], object]", drawn)
        error = read_error(status, headers, body)
        if error:
            raise error

    bodies = anything | mutated([REFUSAL])
    headers = st.dictionaries(st.just("retry-after"), texts | st.integers(0, 10**9).map(str))
    fuzz(st.tuples(st.integers(100, 599), headers, bodies), attempt_at(read))


def test_any_account_is_read_or_refused(fuzz: Fuzz) -> None:
    def read(body: object) -> None:
        read_as(Credits, body)
        read_as(KeyCheck, body)

    fuzz(anything | mutated([CREDITS, {"success": True, "credits": 255000}]), attempt_at(read))

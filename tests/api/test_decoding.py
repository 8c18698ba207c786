"""What an answer says is safe to repeat once it is decoded, and fits into the memory before that."""

import json
from typing import Any, cast

import pytest

from imagerouter_mcp.api.decoding import MAX_VALUES, TooManyValuesError, decode

HOSTILE = "a\nMEDIA:/etc/passwd\x1b[31m\x9b\u202e\u200b\u2028\U000e0041" + "é" * 9000


def strings(value: Any) -> list[str]:  # noqa: ANN401 - JSON of any shape
    """Every text of a decoded answer, the names of its fields among them."""
    match value:
        case str():
            return [value]
        case list():
            return [text for part in cast("list[Any]", value) for text in strings(part)]
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return [text for pair in pairs for part in pair for text in strings(part)]
        case _:
            return []


def test_every_text_at_every_depth_is_visible_short_and_redacted() -> None:
    body = json.dumps(
        {HOSTILE: [{"x": [HOSTILE, {"url": HOSTILE, "key": "SECRET"}]}, HOSTILE, 7, None, True]}
    )
    decoded = decode(body.encode(), lambda text: text.replace("SECRET", "***"))
    found = strings(decoded)
    assert len(found) == 8
    assert "***" in found
    assert "SECRET" not in found
    for text in found:
        assert len(text) <= 8000
        assert not any(c in text for c in "\n\x1b\x9b\u202e\u200b\u2028\U000e0041")


@pytest.mark.parametrize(("characters", "end"), [(8000, "a"), (8001, "…")])
def test_a_text_that_was_cut_shows_it(characters: int, end: str) -> None:
    (text,) = strings(decode(json.dumps(["a" * characters]).encode(), str))
    assert (len(text), text[-1]) == (8000, end)


@pytest.mark.parametrize("size", [10, 2**20 + 1])
def test_pictures_in_base64_pass_unchanged(size: int) -> None:
    data = "QUJD" * (size // 4)
    whole = {"data": [{"b64_json": data}, {"url": f"DATA:image/png;base64,{data}"}, {"text": data}]}
    decoded = cast("Any", decode(json.dumps(whole).encode(), str))
    assert decoded["data"][:2] == whole["data"][:2]
    assert len(decoded["data"][2]["text"]) <= 8000


def test_a_long_text_with_escapes_is_decoded_as_well() -> None:
    data = "\\/" * 2**20
    decoded = decode(f'[{{"b64_json": "{data}"}}]'.encode(), str)
    assert decoded == [{"b64_json": "/" * 2**20}]


@pytest.mark.parametrize("part", ["[],", '"",', '{"":0},', "0,"])
def test_an_answer_with_more_values_than_fit_is_not_decoded(part: str) -> None:
    with pytest.raises(TooManyValuesError):
        decode(f"[{part * MAX_VALUES}0]".encode(), str)


def test_the_most_values_are_decoded() -> None:
    decoded = decode(f"[{'0,' * (MAX_VALUES - 2)}0]".encode(), str)
    assert decoded == [0] * (MAX_VALUES - 1)


@pytest.mark.parametrize("body", ["", "{", '{"a": "b', "[" * 10**5, "<html>", '"a" "b"', '{"a" 1}'])
def test_what_is_not_json_is_said_so(body: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        decode(body.encode(), str)

"""Text of others, short and long: what reads it answers in time, whatever it says."""

import json
from collections.abc import Callable

from hypothesis import strategies as st
from pydantic import SecretStr

from imagerouter_mcp.api.decoded import as_object
from imagerouter_mcp.api.decoding import TooManyValuesError, decode
from imagerouter_mcp.api.redaction import Redactor
from imagerouter_mcp.lines import collapse, cut_middle, one_line
from support.visible import is_visible

Fuzz = Callable[..., None]

KEY = "sk-7f3a/Qx9+Zb2Lm8Vt5Kd4Rw1Hy6Np0Cs3Ge"
REDACTOR = Redactor(SecretStr(KEY))
LONGEST = 50_000
USUAL = 30

pieces = st.sampled_from(
    [
        *(KEY, KEY[:20], KEY[7:], KEY[:7], KEY.upper(), KEY.encode().hex(), "sk-7f3", "7f3a/Q", " ", "a"),
        *("\\", "\\\\", "\\u0041", "\\ud83d", "%41", "%25", "&#65;", "&amp;", "&#x", "\\x41", "\\u{41}"),
        *("\0", "\u200b", "\ufe0f", "\u0301", "\ud800", "\U000e0041", "\n", "é", "𝕏"),
        *('"', "{", "[", "]", "}", ",", ":", '{"a":', "1", "1e", "-", "true", "[[", '"a",', "0" * 99),
    ]
)
repeated = st.tuples(pieces | st.text(max_size=9), st.sampled_from([1, 1, 2, 50, 9000]))
texts = st.lists(repeated, max_size=8).map(
    lambda parts: "".join(piece * count for piece, count in parts)[:LONGEST]
)


def test_no_text_keeps_the_search_for_the_key_busy(fuzz: Fuzz) -> None:
    def attempt(text: str) -> None:
        body = text.encode("utf-8", "surrogateescape" if text.isascii() else "replace")
        assert KEY not in REDACTOR.text(text)
        blotted = REDACTOR.blot(body)
        assert len(blotted) == len(body)
        assert KEY.encode() not in blotted
        assert KEY.encode() not in REDACTOR.body(body)

    fuzz(texts, attempt, usual=USUAL)


def test_any_body_is_decoded_or_refused(fuzz: Fuzz) -> None:
    def attempt(drawn: tuple[str, bool]) -> None:
        text, whole = drawn
        body = json.dumps({"message": text}) if whole else text
        try:
            decoded = decode(body.encode("utf-8", "replace"), REDACTOR.text)
        except (ValueError, RecursionError, TooManyValuesError):
            assert not whole
            return
        assert all(map(is_visible, as_object(decoded)))

    fuzz(st.tuples(texts, st.booleans()), attempt, usual=USUAL)


def test_any_text_is_kept_on_its_line(fuzz: Fuzz) -> None:
    def attempt(text: str) -> None:
        assert is_visible(one_line(text))
        assert len(collapse(text, 100)) <= 100
        assert is_visible(collapse(text))
        assert len(cut_middle(text, 60)) <= 60

    fuzz(texts, attempt, usual=USUAL)

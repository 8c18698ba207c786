"""The key is found however it is spelled, and nothing else is taken for it."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from html import escape
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from imagerouter_mcp.api.redaction import STAND_IN, Redactor

KEY = "sk-7f3a/Qx9+Zb2Lm8Vt5Kd4Rw1Hy6Np0Cs3Ge"
REDACTOR = Redactor(SecretStr(KEY))


def _each(form: str) -> Callable[[str], str]:
    return lambda key: "".join(form.format(ord(c)) for c in key)


SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in upper case": str.upper,
    "in lower case": str.lower,
    "with JSON's escapes": _each("\\u{:04x}"),
    "with JSON's escapes in upper case": _each("\\u{:04X}"),
    "with some of JSON's escapes": lambda key: key.replace("7", "\\u0037").replace("/", "\\/"),
    "with JSON's escapes, escaped again": lambda key: json.dumps(_each("\\u{:04x}")(key)),
    "in JSON in JSON in JSON": lambda key: json.dumps(json.dumps(json.dumps(key))),
    "with hexadecimal escapes": _each("\\x{:02x}"),
    "in percent signs": _each("%{:02X}"),
    "in percent signs, twice": _each("%25{:02x}"),
    "as a part of a URL": lambda key: quote(key, safe=""),
    "as HTML's numbers": _each("&#{};"),
    "as HTML's hexadecimal numbers": _each("&#x{:X};"),
    "as HTML's numbers without semicolons": _each("&#{}"),
    "as HTML's numbers with zeros before them": _each("&#{:09};"),
    "as HTML's hexadecimal numbers with zeros before them": _each("&#x{:06x};"),
    "as HTML's numbers, escaped again": _each("&amp;#{};"),
    "with long escapes": _each("\\U{:08x}"),
    "with escapes in braces": _each("\\u{{{:x}}}"),
    "as URLs were once escaped": _each("%u{:04X}"),
    "with HTML's null after each character": "&#0;".join,
    "with HTML's number of no character after each character": lambda key: f"&#999999999999;{key}",
    "in HTML": lambda key: escape(f'"{key}"'),
    "in hexadecimal digits": lambda key: key.encode().hex(),
    "in upper hexadecimal digits": lambda key: key.encode().hex().upper(),
    "in base64": lambda key: b64encode(key.encode()).decode(),
    "in base64 after one other byte": lambda key: b64encode(b"x" + key.encode()).decode(),
    "in base64 between others": lambda key: b64encode(f"Bearer {key}, please".encode()).decode(),
    "in base64 of URLs": lambda key: urlsafe_b64encode(f"x:{key}".encode()).decode(),
    "with a zero-width space after each character": "\u200b".join,
    "with a null after each character": "\0".join,
    "with a variation selector after each character": "\ufe0f".join,
    "without its end": lambda key: key[:20] + "…",
    "without its beginning": lambda key: "…" + key[-20:],
    "with its middle hidden": lambda key: f"{key[:14]}***{key[-14:]}",
}


def remains(text: str) -> int:
    """The longest piece of the key that can still be read."""
    pieces = (KEY[at:end] for at in range(len(KEY)) for end in range(at, len(KEY) + 1))
    return max(len(piece) for piece in pieces if piece in text)


@pytest.mark.parametrize("way", SPELLINGS)
def test_the_key_is_removed_in_every_spelling(way: str) -> None:
    spelled = SPELLINGS[way](KEY)
    text = REDACTOR.text(f"before {spelled} behind, and é {spelled}")
    assert text.startswith("before ")
    assert " behind, and é " in text
    assert STAND_IN in text
    assert remains(text) < 12
    for piece in (spelled[at : at + 24] for at in range(len(spelled) - 23)):
        assert piece not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a fox",
        "sk-7f3a is how keys begin",
        "50% of 100%",
        "C:\\users\\me",
        "&#128512; \\ud83d\\ude00",
        "é" * 99,
    ],
)
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert Redactor(None).text(text + KEY) == text + KEY


def test_every_piece_of_twelve_characters_is_removed_and_none_of_eleven() -> None:
    for at in range(len(KEY) - 12):
        assert REDACTOR.text(f"<{KEY[at : at + 12]}>") == f"<{STAND_IN}>"
        assert STAND_IN not in REDACTOR.text(f"<{KEY[at : at + 11]}>")


def test_a_key_of_eight_characters_is_removed_whole_and_a_shorter_one_is_none() -> None:
    assert Redactor(SecretStr("abcd1234")).text("xabcd1234x") == f"x{STAND_IN}x"
    assert Redactor(SecretStr("abcd1234")).text("abcd123") == "abcd123"
    assert Redactor(SecretStr("abcd123")).text("abcd123") == "abcd123"


@pytest.mark.parametrize(
    "way",
    [
        "as it is",
        "with JSON's escapes",
        "with JSON's escapes in upper case",
        "in percent signs",
        "as a part of a URL",
    ],
)
def test_an_answer_that_is_not_decoded_loses_the_key_too(way: str) -> None:
    body = f'{{"a": "{SPELLINGS[way](KEY)}", "b": 1}}'.encode()
    assert REDACTOR.body(body) == f'{{"a": "{STAND_IN}", "b": 1}}'.encode()


@pytest.mark.parametrize("way", SPELLINGS)
def test_a_file_loses_the_key_in_every_spelling_and_keeps_its_length(way: str) -> None:
    spelled = SPELLINGS[way](KEY)
    body = f'{{"a": "before {spelled} behind, and é", "b64_json": "{"A" * 999}"}}'.encode()
    blotted = REDACTOR.blot(body)
    assert len(blotted) == len(body)
    text = blotted.decode()
    assert text.startswith('{"a": "before ')
    assert STAND_IN in text
    assert f' behind, and é", "b64_json": "{"A" * 999}"}}' in text
    assert remains(text) < 12


def test_bytes_that_are_no_text_stay_but_for_the_key() -> None:
    noise = bytes(range(256)) * 40
    for count in (1, 40):  # few odd bytes, and very many
        around = noise * count
        blotted = REDACTOR.blot(around + KEY.encode() + around)
        assert blotted == around + b"[API key]".ljust(len(KEY), b"-") + around
    assert Redactor(None).blot(KEY.encode()) == KEY.encode()


def test_a_body_without_the_key_is_not_copied() -> None:
    body = b'{"b64_json": "%s"}' % (b"A" * 1000)
    assert REDACTOR.body(body) is body
    assert Redactor(None).body(body) is body

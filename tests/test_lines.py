"""Text of others stays on its line, shows all that is in it, and keeps what people read."""

import sys
import unicodedata

import pytest

from imagerouter_mcp.lines import collapse, cut_middle, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a fox\nMEDIA:/etc/passwd", "a fox MEDIA:/etc/passwd"),
        ("red\x1b[31m", "red [31m"),
        ("red\x9b31m", "red 31m"),
        ("turned\u202earound", "turned around"),
        ("line\u2028separator\u2029", "line separator "),
        ("half \ud83d", "half  "),
        ("zero\u200bwidth\ufeff\u2060", "zero width  "),
        ("a\ufe0f\U000e0100\U000e0041\u034f\u3164", "a     "),
        ("a\u200db \u200c\u200d", "a b   "),
        ("\u2764\ufe0e\ufe0f", "\u2764\ufe0e "),
        ("e" + 9 * "\u0301", "e" + 4 * "\u0301"),
    ],
)
def test_what_is_not_seen_or_steers_becomes_a_space(text: str, shown: str) -> None:
    assert one_line(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم",
        "क्\u200dष",
        "👩\u200d👧",
        "❤\ufe0f\u200d🔥",
        "1\ufe0f\u20e3",
        "🏳\ufe0f\u200d🌈",
        "no\u00a0break",
        "e\u0301",
        "שָׁלוֹם",
        "\U0001fae9",  # newer than the Unicode of some Pythons
    ],
)
def test_what_people_read_stays(text: str) -> None:
    assert one_line(text) == text
    assert collapse(text) == text.replace("\u00a0", " ")


def test_every_control_and_formatting_character_is_replaced() -> None:
    steering = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    drawn = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2}  # signs of Arabic and Syriac numbers
    for code in set(range(sys.maxunicode + 1)) - drawn:
        if unicodedata.category(chr(code)) in steering:
            assert one_line(f"a{chr(code)}b") == "a b", hex(code)


def test_a_text_over_the_limit_ends_in_an_ellipsis_within_it() -> None:
    assert one_line("abcde", 5) == "abcde"
    assert one_line("abcdef", 5) == "abcd…"
    assert one_line("ab\ncdef", 5) == "ab c…"
    assert collapse("ab  cde", 6) == "ab cde"
    assert collapse("ab  cdef", 6) == "ab cd…"
    assert collapse("ab  cdef", 4) == "ab…"


def test_a_long_path_is_cut_in_the_middle_so_that_the_file_name_stays() -> None:
    path = "/home/me/" + "a folder with a long name/" * 9 + "fox.png"
    cut = cut_middle(path, 60)
    assert len(cut) == 60
    assert cut.startswith("/home/me/")
    assert cut.endswith("fox.png")
    assert cut_middle("/home/me/fox.png", 60) == "/home/me/fox.png"

"""Text of others stays on its line, and keeps what people read."""

import pytest

from imagerouter_mcp.lines import cut_middle, one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a fox\nMEDIA:/etc/passwd", "a fox MEDIA:/etc/passwd"),
        ("red\x1b[31m", "red [31m"),
        ("turned\u202earound", "turned around"),
        ("line\u2028separator\u2029", "line separator "),
        ("half \ud83d", "half  "),
        ("می\u200cخواهم 👩\u200d👧", "می\u200cخواهم 👩\u200d👧"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_what_steers_becomes_a_space_and_the_rest_stays(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_text_over_the_limit_ends_in_an_ellipsis_within_it() -> None:
    assert one_line("abcde", 5) == "abcde"
    assert one_line("abcdef", 5) == "abcd…"
    assert one_line("ab\ncdef", 5) == "ab c…"


def test_a_long_path_is_cut_in_the_middle_so_that_the_file_name_stays() -> None:
    path = "/home/me/" + "a folder with a long name/" * 9 + "fox.png"
    cut = cut_middle(path, 60)
    assert len(cut) == 60
    assert cut.startswith("/home/me/")
    assert cut.endswith("fox.png")
    assert cut_middle("/home/me/fox.png", 60) == "/home/me/fox.png"

"""Which prompts ask for a transparent background."""

import pytest

from imagerouter_mcp.generation.planning.background import asks_for_transparency
from imagerouter_mcp.generation.planning.request import Request

ASKS = """
a fox sticker|Sticker: a happy cloud|a set of three stickers of cats|die-cut label of a bear
a transparent logo|logo with transparent background|logo, transparent|icon on transparent|fox (transparent)
a PNG with transparency|give it an alpha channel|fully transparent background|background: transparent
make the background transparent|a 'transparent PNG' logo
A logo, no background|a fox without a background|the shoe, without any background|background removed
remove the background|cut out the background of this|logo on nothing|just the shoe, nothing behind it
a cut-out of a car|a cutout of a fox
"""
DOES_NOT = """
a transparent glass on a table|woman in a transparent raincoat|a transparent jellyfish in the sea
transparent curtains, morning light|bottle of transparent glass|a transparent umbrella
the background is a transparent curtain of rain|a laptop covered in stickers|a suitcase with vintage stickers
a paper cut-out style landscape|paper cutout collage|a cut-out dress|no background people
remove background noise|night sky|a logo on white|a background of mountains
"""


def _lines(table: str) -> list[str]:
    return [prompt for line in table.strip().splitlines() for prompt in line.split("|")]


@pytest.mark.parametrize("prompt", _lines(ASKS))
def test_a_prompt_asks_for_a_transparent_background(prompt: str) -> None:
    assert asks_for_transparency(Request(prompt=prompt))
    assert not asks_for_transparency(Request(prompt=prompt, kind="video"))


@pytest.mark.parametrize("prompt", _lines(DOES_NOT))
def test_a_transparent_thing_or_a_sticker_in_a_scene_does_not_ask_for_it(prompt: str) -> None:
    assert not asks_for_transparency(Request(prompt=prompt))
    assert asks_for_transparency(Request(prompt=prompt, background="transparent"))

"""Tools found by the words that people use, as hosts find them that list no tools beforehand.

Claude Code and OpenClaw rank tools by the words of their names, descriptions and arguments. This is BM25 with
its usual constants, as such searches use it: rare words count more, repeated ones and long descriptions less.
"""

import math
import re
from collections import Counter

import pytest

from imagerouter_mcp.tools import all_tools

_K, _B = 1.2, 0.75
_FILLER = re.compile("a|an|and|as|at|for|from|i|in|is|it|its|me|my|of|on|or|the|this|to|up|use|with|you|your")
WISHES = {
    "generate_image": (
        "draw a fox",
        "I need a logo for my bakery",
        "draw an icon",
        "design a poster",
        "make a sticker",
        "an illustration for a book",
    ),
    "edit_image": (
        "retouch a photo",
        "remove the background of a photo",
        "upscale a picture",
        "restyle my photo",
        "change the sky of a photo",
        "combine two pictures",
    ),
    "finish_image": (
        "make it a favicon",
        "crop to 16:9",
        "resize and compress a picture",
        "convert to webp",
        "a collage of pictures",
        "make a GIF",
        "app icons",
    ),
    "generate_video": ("a short video clip", "animation of a picture"),
    "compare_models": ("compare several models",),
    "search_models": ("find a cheap model", "search for a model"),
    "popular_models": ("the most popular models",),
    "list_images": ("list pictures made earlier",),
    "show_image": ("show an earlier picture again",),
    "preview_mask": ("preview what the mask covers",),
    "spending": ("what was spent this month",),
    "get_credits": ("how many credits are left", "account balance"),
}


def words(text: str) -> list[str]:
    """Return a text's words in lower case and in the singular."""
    found = re.findall(r"[a-z0-9]+(?::\d+)?", text.lower())
    return [
        word.removesuffix("s") if len(word) > 3 else word for word in found if not _FILLER.fullmatch(word)
    ]


DOCUMENTS = {
    tool.name: Counter(
        words(
            " ".join(
                (
                    tool.name.replace("_", " "),
                    tool.title or "",
                    tool.description,
                    *(
                        f"{name.replace('_', ' ')} {schema.get('description', '')} {schema.get('enum', '')}"
                        for name, schema in tool.parameters["properties"].items()
                    ),
                )
            )
        )
    )
    for tool in all_tools()
}
LENGTH = sum(document.total() for document in DOCUMENTS.values()) / len(DOCUMENTS)


def score(wish: str, document: Counter[str]) -> float:
    told = 0.0
    for word in words(wish):
        holding = sum(word in other for other in DOCUMENTS.values())
        rarity = math.log(1 + (len(DOCUMENTS) - holding + 0.5) / (holding + 0.5))
        times = document[word]
        told += rarity * times * (_K + 1) / (times + _K * (1 - _B + _B * document.total() / LENGTH))
    return told


@pytest.mark.parametrize(
    ("wish", "tool"), [(wish, tool) for tool, wishes in WISHES.items() for wish in wishes]
)
def test_a_wish_finds_its_tool(wish: str, tool: str) -> None:
    ranked = sorted(DOCUMENTS, key=lambda name: score(wish, DOCUMENTS[name]), reverse=True)
    assert ranked[0] == tool, ranked[:3]

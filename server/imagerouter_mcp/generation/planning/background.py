"""Transparent backgrounds: whether one is asked for, in which words to ask a model, what removes another."""

import math
import re

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.generation.planning.request import Request

_THING = (
    r"(?:background|bg|backdrop|png|webp|gif|image|picture|canvas|sticker|logo|icon|emoji|cut-?out|sprite)"
)
_OTHERS = (
    r"(?!\ (?:noise|people|persons?|characters?|figures?|crowd|extras|text|music|objects?|details?|blur)\b)"
)
_ASKS = re.compile(
    rf"""
    \btransparent\ {_THING}s?\b | \btransparency\b | \balpha\ channel\b
    | \bbackground\W{{1,2}}(?:is\ |be\ |must\ be\ |should\ be\ |as\ |to\ |fully\ |completely\ )*transparent\b
    | \b(?:on|with|as|in|be|it)\ (?:a\ )?transparent(?=\W*$|\ ?[,.;:!)])
    | (?:^|[,.;:(]\ ?)(?:fully\ |completely\ )?transparent(?=\W*$|\ ?[,.;:!)])
    | \b(?:no|without(?:\ an?y?|\ the)?)\ background\b{_OTHERS}
    | \bbackground[- ]?(?:free|less|removed)\b
    | \b(?:remove|erase|delete|strip|cut\ out|take\ away)\ (?:the\ |its\ |all\ )?background\b{_OTHERS}
    | (?<!paper\ )(?<!card\ )\bcut-?outs?\b(?!\ (?:dress|style|collage|art|paper|animation|top|shoulders?)\b)
    | \b(?:on|against|over)\ nothing\b | \bnothing\ (?:behind|around)\b
    | \bdie-?\ ?cut\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_STICKER = re.compile(
    r"((?:with|in|by|bearing|full of|covered in) (?:[\w-]+ ){0,2})?\bstickers?\b"
    r"(?!-| (?:on|album|covered|bomb\w*|book|wall)\b)",
    re.IGNORECASE,
)
"""A sticker is the picture itself, and not a thing in it: "a laptop covered in stickers"."""


def asks_for_transparency(request: Request) -> bool:
    """Tell whether a picture is meant to have a transparent background, by its parameters or its prompt."""
    if request.kind != "image":
        return False
    prompt = " ".join(request.prompt.split())
    sticker = any(not match[1] for match in _STICKER.finditer(prompt))
    return request.background == "transparent" or sticker or _ASKS.search(prompt) is not None


def cheapest_remover(listing: Listing | None) -> ModelEntry | None:
    """Return the cheapest listed model that removes backgrounds, of those that cost something."""
    models = listing.models if listing else ()
    removers = [entry for entry in models if entry.facts.transparency == "always" and not entry.free]
    return min(removers, key=lambda entry: entry.price.likely if entry.price else math.inf, default=None)


def what_gives_it(remover: ModelEntry | None) -> str:
    """Return which calls make the background of a finished picture transparent, as a sentence."""
    free = 'finish_image with "cutout" removes a plain background for nothing'
    if remover is None:
        return f'{free}; background="transparent" asks for it from the start.'
    return f"{free}; edit_image with model={remover.id} removes any ({price_words(remover)})."

"""Plan transparent backgrounds: detect the wish, word it for the model, choose a background remover."""

import math
import re

from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.facts import Facts
from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.model_choice import WORDS, ModelChoice
from imagerouter_mcp.generation.planning.prices import price_words
from imagerouter_mcp.generation.planning.request import Request

_ASKING = "The background is transparent: nothing but the subject, with an alpha channel."
"""Added to the prompt for a model that follows it."""
_LAYERS = ("svg", "tiff")
"""Formats whose pictures have no background to remove."""

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
"""Finds a sticker that is the picture itself, not a thing in it as in "a laptop covered in stickers"."""


def asks_for_transparency(request: Request) -> bool:
    """Tell whether a picture is meant to have a transparent background, by its parameters or its prompt."""
    if request.kind != "image":
        return False
    prompt = " ".join(request.prompt.split())
    sticker = any(not match[1] for match in _STICKER.finditer(prompt))
    return request.background == "transparent" or sticker or _ASKS.search(prompt) is not None


def sent_prompt(request: Request, facts: Facts) -> str:
    """Return the prompt to send: with words for a transparent background, to a model that follows them."""
    asked = request.background == "transparent" and facts.transparency == "asked" and not request.mask
    if not asked or _ASKS.search(request.prompt):
        return request.prompt
    return f"{request.prompt.rstrip()}\n\n{_ASKING}"


def only_removes_background(request: Request) -> bool:
    """Tell whether a request only asks for the removal of a source's background."""
    nothing_else = not request.prompt.strip() and request.model.strip().lower() in WORDS
    return request.background == "transparent" and bool(request.images) and not request.mask and nothing_else


def cheapest_remover(listing: Listing | None, *, free: bool = False) -> ModelEntry | None:
    """Return the cheapest listed model that removes backgrounds.

    Args:
        listing: The model list, or None if it cannot be read.
        free: Whether to return a free model; else a paid one, because the free ones are limited.
    """
    models = listing.models if listing else ()
    removers = [entry for entry in models if entry.facts.transparency == "always" and entry.free is free]
    return min(removers, key=lambda entry: entry.price.likely if entry.price else math.inf, default=None)


def remover_for(request: Request, entry: ModelEntry, listing: Listing | None) -> ModelEntry | None:
    """Return the model that removes a picture's background in a second step; None if none is needed.

    Args:
        request: What is asked for.
        entry: The model that makes the picture.
        listing: The model list, or None if it cannot be read.

    Raises:
        PlanError: The background has to be removed, and no listed model does that.
    """
    facts = entry.facts
    if (
        request.background != "transparent"
        or facts.transparency == "always"
        or facts.output_format in _LAYERS
    ):
        return None
    free = request.model.strip().lower() == "free" or entry.id.endswith(":free")
    remover = cheapest_remover(listing, free=free)
    if remover is None and facts.transparency != "asked":
        raise _no_remover(listing, free=free)
    return remover


def choose_remover(request: Request, listing: Listing | None) -> ModelChoice:
    """Return the model for a request that only removes a background.

    Raises:
        PlanError: No listed model does that.
    """
    free = request.model.strip().lower() == "free"
    remover = cheapest_remover(listing, free=free)
    if remover is None:
        raise _no_remover(listing, free=free)
    why = f"it is the {'free one' if free else 'cheapest'} that removes backgrounds ({price_words(remover)})"
    return ModelChoice(remover.id, remover, why)


def _no_remover(listing: Listing | None, *, free: bool) -> PlanError:
    """Return the error for a background that no listed model removes."""
    if listing is None:
        what = "The model list cannot be read, so no model can be chosen that removes the background."
    else:
        what = f"ImageRouter's list names no {'free ' if free else ''}model that removes backgrounds."
    return PlanError(
        what,
        'Leave background out, then let finish_image remove a plain background with "cutout", for free'
        f"{'; or name a paid model' if free else ''}.",
    )


def what_gives_it(remover: ModelEntry | None) -> str:
    """Return which calls make the background of a finished picture transparent, as a sentence."""
    free = 'finish_image with "cutout" removes a plain background for free'
    if remover is None:
        return f'{free}; background="transparent" asks for it from the start.'
    return f"{free}; edit_image with model={remover.id} removes any ({price_words(remover)})."

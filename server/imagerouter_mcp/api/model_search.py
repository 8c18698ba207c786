"""Find models by the words that people use for them."""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import lru_cache, partial
from itertools import pairwise
from typing import Literal

from imagerouter_mcp.api.facts import Output
from imagerouter_mcp.api.model_list import ModelEntry

Ability = Literal["edit", "mask", "quality"]
Sort = Literal["relevance", "price", "date", "name", "popularity", "score", "size"]

_FILLER = re.compile(
    "a|ai|an|and|any|are|can|create|draw|for|from|generate|generation|generator|good|i|in|into|is|it|make|me|"
    "model|models|my|of|on|or|please|some|that|the|to|use|using|want|which|with"
)
"""Words that say nothing about a model."""

_PHRASES: tuple[tuple[str, str], ...] = (
    ("nano banana", "gemini"),  # the public nickname of Gemini's image models; "pro" stays as it is
    ("text to image", "image"),
    ("text to video", "video"),
    ("image to image", "edit"),
    ("image to video", "video edit"),  # "edit" is the ability to start from a picture
    ("photo to video", "video edit"),
    ("stable diffusion", "stabilityai"),
    ("background removal", "remove background"),
    ("background remover", "remove background"),
    ("no background", "remove background"),
    ("transparent background", "remove background"),
    ("super resolution", "upscale"),
    ("highest resolution", "largest"),
    ("high resolution", "2k"),
    ("ultra hd", "4k"),
)
"""What several words mean together, applied from the top."""

_FAST = "fast flash klein lightning lite mini schnell turbo"  # what vendors call their quick variants
_SCALE = "2x 4x clarity enhance"  # the upscalers carry their factor in the name
_VECTOR = "svg vector vectorize"
_TYPE = "gemini glm gpt ideogram ovis qwen recraft reve"  # known for legible text in the picture
_REAL = "juggernaut photo real realistic @ordinary"  # every ordinary model makes photos, these nothing else
_ANIME = "animagine ghibli illustrious pony"
_SUBJECTS = (
    "art artwork avatar avatars banner banners book character characters comic concept cover design "
    "drawing food graphic interior landscape meme painting people person portrait product scenery scenes "
    "sketch sticker stickers thumbnail wallpaper watercolor watercolour"
)
"""What people want to see; every ordinary model shows it."""
_LARGE = "2k hires highres hd huge large print printable"

_SYNONYMS: dict[str, str] = {
    **dict.fromkeys(("fast", "fastest", "quick", "rapid", "instant", "speed"), _FAST),
    **dict.fromkeys(("upscale", "upscaler", "upscaling", "enlarge", "sharpen", "enhance"), _SCALE),
    **dict.fromkeys(("vector", "svg", "vectorize", "vectorise", "vectorizer"), _VECTOR),
    **dict.fromkeys(("text", "typography", "lettering", "words", "poster"), _TYPE),
    # Logos need legible letters or vectors; these vendors name logos as a purpose.
    **dict.fromkeys(("logo", "icon", "branding"), "ideogram recraft svg vector"),
    **dict.fromkeys(("photo", "photorealistic", "realistic", "realism", "photography"), _REAL),
    **dict.fromkeys(("anime", "manga", "cartoon"), _ANIME),
    **dict.fromkeys(("edit", "editing", "modify", "retouch", "restyle", "img2img", "i2i"), "edit @edit"),
    # Inpainting is an edit with a mask.
    **dict.fromkeys(("mask", "inpaint", "inpainting", "masking"), "@mask"),
    **dict.fromkeys(("video", "animate", "animation", "clip", "movie", "film", "i2v"), "@video"),
    **dict.fromkeys(("image", "picture", "illustration"), "@image"),
    **dict.fromkeys(_SUBJECTS.split(), "@ordinary"),
    **dict.fromkeys(_LARGE.split(), "@2k"),
    **dict.fromkeys(("4k", "uhd"), "@4k"),
    "free": "@free",
    "quality": "@quality",
    "banana": "gemini",  # "nano banana" written shorter or in one word
    "nanobanana": "gemini",
    "chatgpt": "gpt",  # ChatGPT draws with GPT Image
    "4o": "gpt",  # GPT Image came out as "4o image generation"
    "bfl": "flux",  # Black Forest Labs
    "sd": "stabilityai",  # Stable Diffusion's vendor
    "cutout": "remove",
    "rmbg": "remove",
    "transparent": "remove @transparent",  # removing the background is one way to it
    "erase": "remove",
    "layers": "layered",
    "psd": "layered",
}
"""What a word also means: other words of ids, or `@` and an ability."""

_ORDERS: dict[str, Sort] = {
    **dict.fromkeys(("cheap", "cheapest", "budget", "inexpensive", "affordable"), "price"),
    **dict.fromkeys(("new", "newest", "latest", "recent"), "date"),
    **dict.fromkeys(("best", "top"), "score"),
    **dict.fromkeys(("popular", "trending"), "popularity"),
    **dict.fromkeys(("largest", "biggest"), "size"),
}
"""Words that choose the order, not what is found."""

_LONGEST_SIDES = {"@2k": 2048, "@4k": 3840}
"""Pixels from which a model counts as making this resolution."""
_WEIGHTS = {
    **dict.fromkeys(("@free", "@image", "@video", *_LONGEST_SIDES), 1.0),
    "@transparent": 0.8,
    "@ordinary": 0.4,
}
"""Weights of synonyms other than names. Some count as much as the word itself: a video model need not
have "video" in its name. What every ordinary model can do counts little."""
_SYNONYM, _PREFIX, _NUMBER = 0.9, 0.8, 0.5
"""Weights relative to 1 for an exact word: a synonym, the beginning of a word, a number (vague without a
name)."""
_NEAR = 0.75
"""The lowest difflib ratio of a misspelt word: "gemeni" and "gemini" have 0.83."""
_SHORTEST_PREFIX, _SHORTEST_NEAR = 3, 4
"""Fewest letters for which a word's beginning, or a misspelling, is more than chance."""
_WORTH = 0.6
"""A model that lacks some of the words is still shown with this share of the best one's weight."""
_MOST_WORDS = 24
"""A longer query is a prompt by mistake; reading all of it would delay every other call."""
_WORD = re.compile(r"[^\W_]+(?:\.\d+)*")
_NUMBERED = re.compile(r"([a-z]+)(\d.*)")
_CAMEL = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])")
_AFTER_LETTER = re.compile(r"(?<=[a-z])\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class _Names:
    words: frozenset[str]
    whole: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Hit:
    entry: ModelEntry
    named: bool
    """Whether the query is this model's id."""
    words: int = 0
    weight: float = 0.0


def search(
    models: Sequence[ModelEntry],
    query: str | None = None,
    *,
    kind: Output | None = None,
    free: bool = False,
    supports: Collection[Ability] = (),
    vendor: str | None = None,
    max_price: float | None = None,
    size: str | None = None,
    sort: Sort = "relevance",
    popularity: Sequence[str] = (),
) -> list[ModelEntry]:
    """Return the models that fit, best first; dummies come last unless their id is asked for.

    Models that match more words of the query come first. An unknown word is read as the nearest known one,
    or ignored; if no word is known, nothing is found. Ties go to the model whose list entry says itself that
    it takes what is asked for, then to the more popular, the higher score, the newer, the cheaper.

    Args:
        models: Where to look.
        query: Words; None, or only filler such as "a model for", finds all.
        kind: Only models that make this; a word for videos in the query means videos.
        free: Only free ones.
        supports: What the model must take, as the list says.
        vendor: Only this vendor's, in any capitalisation.
        max_price: Upper bound on the likely price, in USD; models of unknown price are left out.
        size: `WIDTHxHEIGHT` that the list must not exclude.
        sort: What comes first.
        popularity: Ids, most popular first.
    """
    words = _query_words(query or "")
    terms = _terms(words, models)
    if kind is None and any("@video" in term for term in terms or ()):
        kind = "video"
    kept = [
        entry
        for entry in models
        if (kind is None or entry.output == kind)
        and (entry.free or not free)
        and all(_supports(entry, ability) for ability in supports)
        and (vendor is None or _squash(entry.vendor) == _squash(vendor))
        and (max_price is None or (entry.price is not None and entry.price.likely <= max_price))
        and (size is None or entry.accepts_size(size))
    ]
    orders: list[Sort] = [_ORDERS[word] for word in words if word in _ORDERS]
    order = orders[0] if orders and sort == "relevance" else sort
    ranks = {model_id: rank for rank, model_id in enumerate(popularity)}
    listing = {entry.id for entry in kept if size is None or entry.lists_size(size)}
    key = partial(_sort_key, by_match=sort == "relevance", order=order, listing=listing, ranks=ranks)
    return [hit.entry for hit in sorted(_hits(kept, query or "", terms), key=key)]


def _supports(entry: ModelEntry, ability: Ability) -> bool:
    abilities = {"edit": entry.takes_image, "mask": entry.takes_mask, "quality": entry.takes_quality}
    return bool(abilities[ability])


def _hits(
    models: Sequence[ModelEntry], query: str, terms: Sequence[Mapping[str, float]] | None
) -> list[_Hit]:
    """Return what the terms find among the models; None finds all of them."""
    if terms is None:
        return [_Hit(entry, named=False) for entry in models]
    asked = _squash(query)
    meanings = [_meanings(entry) for entry in models]
    strengths = [
        [max((term[word] for word in term.keys() & has), default=0.0) for has in meanings] for term in terms
    ]
    # Rare words weigh more.
    weights = [math.log1p(len(models) / (sum(map(bool, row)) or 1)) for row in strengths]
    hits = [
        _Hit(
            entry,
            named=asked in _names(entry.id, entry.aliases).whole,
            words=sum(map(bool, column)),
            weight=sum(map(math.prod, zip(column, weights, strict=True))),
        )
        for entry, column in zip(models, zip(*strengths, strict=True), strict=True)
    ]
    found = [hit for hit in hits if hit.words or hit.named]
    real = [(hit.words, hit.weight) for hit in found if not hit.entry.is_dummy]
    words, weight = max(real, default=(0, 0.0))
    return [hit for hit in found if hit.named or hit.words >= words or hit.weight >= _WORTH * weight]


def _sort_key(
    hit: _Hit, *, by_match: bool, order: Sort, listing: Collection[str], ranks: Mapping[str, int]
) -> tuple[float | str, ...]:
    entry = hit.entry
    match = (not hit.named, -hit.words, -round(hit.weight, 6)) if by_match else ()
    merits = {
        "popularity": min(ranks.get(name, math.inf) for name in (entry.id, *entry.aliases)),
        "score": -(entry.score or 0.0),
        "date": -date.fromisoformat(entry.release_date).toordinal() if entry.release_date else 0,
        "price": entry.price.likely if entry.price else math.inf,
        "name": entry.id.lower(),
        "size": -math.prod(entry.largest_size or (0, 0)),
    }
    first = () if order == "relevance" else (merits[order],)
    return (entry.is_dummy and not hit.named, *match, *first, entry.id not in listing, *merits.values())


def _query_words(query: str) -> list[str]:
    """Return the query's words in order, each once, with phrases replaced by what they mean."""
    text = f" {' '.join(_WORD.findall(query.lower()))} "
    for phrase, meaning in _PHRASES:
        text = text.replace(f" {phrase} ", f" {meaning} ")
    return list(dict.fromkeys(text.split()))[:_MOST_WORDS]


def _terms(words: Sequence[str], models: Sequence[ModelEntry]) -> list[Mapping[str, float]] | None:
    """Return what each telling word may mean in a model's words, with its weight; None without any."""
    telling = [word for word in words if word not in _ORDERS and not _FILLER.fullmatch(word)]
    if not telling:
        return None
    vocabulary = frozenset(_SYNONYMS).union(*(_names(entry.id, entry.aliases).words for entry in models))
    return [_term(part, vocabulary) for word in telling for part in _parts(word, vocabulary)]


def _parts(word: str, vocabulary: frozenset[str]) -> Sequence[str]:
    """Split `flux2` into `flux` and `2`, unless it is a known word."""
    found = None if word in vocabulary else _NUMBERED.fullmatch(word)
    return found.groups() if found and found[1] in vocabulary else (word,)


def _term(word: str, vocabulary: frozenset[str]) -> Mapping[str, float]:
    if word in vocabulary:
        others = _SYNONYMS.get(word, "").split()
        return {
            **{other: _WEIGHTS.get(other, _SYNONYM) for other in others},
            word: 1.0 if word[0].isalpha() else _NUMBER,
        }
    if not word[0].isalpha():  # a number near another one means another model
        return {}
    if len(word) >= _SHORTEST_PREFIX:
        longer = [known for known in vocabulary - _SYNONYMS.keys() if known.startswith(word)]
        if longer:
            return dict.fromkeys(longer, _PREFIX)
    near = get_close_matches(word, sorted(vocabulary), 1, _NEAR) if len(word) >= _SHORTEST_NEAR else []
    return {meant: _SYNONYM * by for known in near for meant, by in _term(known, vocabulary).items()}


def _meanings(entry: ModelEntry) -> frozenset[str]:
    abilities = {
        "@edit": entry.takes_image,
        "@mask": entry.takes_mask,
        "@quality": entry.takes_quality,
        "@free": entry.free,
        "@ordinary": entry.output == "image" and entry.takes_prompt and not entry.facts.does,
        "@transparent": bool(entry.facts.transparency),
        f"@{entry.output}": True,
        **{word: max(entry.largest_size or (0,)) >= side for word, side in _LONGEST_SIDES.items()},
    }
    return _names(entry.id, entry.aliases).words.union(name for name, told in abilities.items() if told)


@lru_cache(maxsize=2048)  # a few times the number of models; the words of an id never change
def _names(model_id: str, aliases: tuple[str, ...]) -> _Names:
    """Return the words of an id and its aliases, and their spellings as a whole."""
    ids = (model_id, *aliases)
    words = frozenset(word for name in ids for word in _id_words(name))
    whole = frozenset(_squash(spelling) for name in ids for spelling in (name, name.rpartition("/")[2]))
    return _Names(words, whole - {""})


def _id_words(name: str) -> Iterator[str]:
    """Split `RealVisXL-v3` into `realvisxl`, `real`, `vis`, `xl`, `v3`, `3`; join neighbours: `dalle`."""
    pieces = [piece for piece in re.split(r"[^A-Za-z0-9.]+", name) if piece]
    for piece, following in pairwise([*pieces, ""]):
        yield piece.lower()
        yield from (part.lower() for part in _CAMEL.findall(piece))
        yield from _AFTER_LETTER.findall(piece.lower())
        if piece.isalpha() and following.isalpha():
            yield (piece + following).lower()


def _squash(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())

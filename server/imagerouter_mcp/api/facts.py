"""Read from `model_facts.toml` what ImageRouter's model list does not say about its models."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Literal

from imagerouter_mcp.api.decoded import as_list

Output = Literal["image", "video"]

MAX_PROMPT = 10_000
"""UTF-16 units; the lower of the two limits that the service was seen to have."""
_ABOUT_THE_ROW = frozenset({"models", "provider", "output", "source", "seen"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one model beside the list.

    Attributes:
        max_sources: The most source images that it takes.
        sources_used: How many of these it really uses, where fewer.
        takes_prompt: Whether it takes a prompt.
        min_prompt: UTF-16 units of the shortest prompt.
        max_prompt: UTF-16 units of the longest prompt.
        needs_source: Whether it only works on a source image.
        does: The one special thing that it does, as the end of "this model …"; "" for an ordinary model.
        qualities: The only qualities that it takes beside "auto"; empty where nothing is known.
        size_step: Sides have to be multiples of this many pixels.
        min_side: The shortest side, in pixels; None where nothing is known.
        max_side: The longest side, in pixels; None where nothing is known.
        ignores_size: Whether it makes its own size, whatever is asked for.
        needs_size: Whether it fails without a size.
        enlarges: By how much it multiplies the sides of its source.
        output_format: The format that it always answers with; None if it follows the request.
        takes_output_format: Whether a request may name a format; some providers refuse one that does.
        transparency: Whether its pictures have a transparent background: "always", because it removes the
            background of its source; "asked", if the prompt asks for it; "" where nothing is known.
        aliases: Other ids that the service accepts for it.
        region_words: The sentence after a prompt that says which part of a picture to change, with `{area}`
            and `{place}` for it; "" leaves it out.
        surroundings_words: The same for what is to stay, where that is easier to name.
    """

    max_sources: int
    sources_used: int | None = None
    takes_prompt: bool = True
    min_prompt: int = 1
    max_prompt: int = MAX_PROMPT
    needs_source: bool = False
    does: str = ""
    qualities: tuple[str, ...] = ()
    size_step: int = 1
    min_side: int | None = None
    max_side: int | None = None
    ignores_size: bool = False
    needs_size: bool = False
    enlarges: int = 1
    output_format: str | None = None
    takes_output_format: bool = True
    transparency: Literal["", "asked", "always"] = ""
    aliases: tuple[str, ...] = ()
    region_words: str = ""
    surroundings_words: str = ""

    def accepts_sides(self, width: int, height: int) -> bool:
        """Tell whether a picture of this many pixels may be asked for."""
        least, most = self.min_side or 1, self.max_side or width + height
        return all(side % self.size_step == 0 and least <= side <= most for side in (width, height))


@lru_cache(maxsize=2048)  # a few times the number of models
def facts_of(model_id: str, provider: str | None = None, output: Output = "image") -> Facts:
    """Return what is known of a model.

    Args:
        model_id: Its id.
        provider: The provider that serves it first, if known.
        output: What it makes.
    """
    known: dict[str, Any] = {}
    for row in rows():
        if _applies(row, model_id, provider, output):
            known |= row
    return Facts(**{name: known[name] for name in known.keys() - _ABOUT_THE_ROW})


def prompt_length(prompt: str) -> int:
    """Return a prompt's length as the service counts it, in UTF-16 units."""
    return len(prompt.encode("utf-16-le", "surrogatepass")) // 2


@cache
def rows() -> Sequence[Mapping[str, Any]]:
    """Return the rows of the data file, in their order."""
    text = resources.files("imagerouter_mcp.api").joinpath("model_facts.toml").read_text("utf-8")
    return [{name: _frozen(value) for name, value in row.items()} for row in tomllib.loads(text)["row"]]


def _frozen(value: object) -> Any:  # noqa: ANN401 - any field's type
    return tuple(as_list(value)) or value


def _applies(row: Mapping[str, Any], model_id: str, provider: str | None, output: Output) -> bool:
    return (
        any(fnmatchcase(model_id, pattern) for pattern in row.get("models", ("*",)))
        and row.get("provider", provider) == provider
        and row.get("output", output) == output
    )

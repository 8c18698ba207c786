"""Tell a person about a plan: what was changed, and how the model will differ from what was asked."""

from imagerouter_mcp.generation.planning.finishing import Finishing
from imagerouter_mcp.generation.planning.model_choice import ModelChoice
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.generation.planning.sizes import read_wish, shape_in_words, sides

_SAME_FORMAT = {"jpg": "jpeg"}


def plan_notes(
    request: Request, choice: ModelChoice, size: str, finishing: Finishing | None, *, listed: bool
) -> list[str]:
    """Return what was changed in a request, a sentence each.

    Args:
        request: What is asked for.
        choice: The model.
        size: What is sent as the size.
        finishing: What is done here with the picture that the model makes.
        listed: Whether the model list could be read.
    """
    known = choice.known
    notes = _about_the_list(choice, listed=listed)
    if request.quality != "auto" and known.takes_quality is False:
        notes.append(f"{choice.id} has no quality setting; quality={request.quality} was left out.")
    if request.output_format not in ("auto", request.format):
        notes.append(f"{request.format} was asked for, as the filename says, not {request.output_format}.")
    if request.format != "auto" and not known.facts.takes_output_format and not request.is_cut:
        notes.append(
            f"{choice.id} has no output_format setting; output_format={request.format} was left out."
        )
    if request.prompt and not known.takes_prompt:
        does = f"{known.facts.does} and " if known.facts.does else ""
        notes.append(f"{choice.id} {does}ignores the prompt.")
    if request.fit != "auto" and not finishing:
        notes.append(f"fit={request.fit} was left out: it takes a size or an aspect_ratio.")
    wish = read_wish(request.size, request.aspect_ratio)
    if (
        finishing
        and finishing.cut
        and (wish.size or wish.shape not in ("", "match") or request.fit != "auto")
    ):
        notes.append(
            "A masked edit keeps its source's size and shape, whatever is asked for; finish_image changes "
            "them afterwards, free."
        )
    if not finishing and str(wish) and size != "auto":
        nearest = str(wish).replace("match", "the source's shape")
        shape = shape_in_words(size)
        sent_size = size if shape in str(wish) else f"{size} ({shape})"
        notes.append(f"{choice.id} was asked for {sent_size}, its nearest to {nearest}.")
    used = known.facts.sources_used
    if used is not None and len(request.images) > used:
        notes.append(f"{choice.id} is known to use only {_first(used)} of its source images.")
    return notes


def expectations(request: Request, choice: ModelChoice, size: str, finishing: Finishing | None) -> list[str]:
    """Return how the model's picture will differ from what was asked and what is then done here.

    Each is a sentence. Only a dry run tells these; a delivery says what was really made.

    Args:
        request: What is asked for.
        choice: The model.
        size: What is sent as the size.
        finishing: What is done here with the picture that the model makes.
    """
    facts = choice.known.facts
    expected: list[str] = []
    if finishing and (cut := finishing.cut):
        part = f"{cut.box[2] - cut.box[0]}x{cut.box[3] - cut.box[1]}"
        gets = f"{choice.id} gets the {part} part around the mask."
        return [f"{gets} Its answer is laid back into the source, free; the rest of it stays as it is."]
    if size != "auto" and request.kind == "image":
        if facts.ignores_size:
            expected.append(f"{choice.id} makes its own size, whatever is asked for.")
        elif facts.enlarges > 1:
            expected.append(f"{choice.id} makes {facts.enlarges} times the size of its source.")
    if finishing and finishing.applies(sides(size)):
        done = finishing.words(sides(size))
        expected.append(f"The picture made at {size} is then {done}. That is free, and the original is kept.")
    wanted = _SAME_FORMAT.get(request.format, request.format)
    if facts.output_format and wanted not in ("auto", facts.output_format):
        expected.append(f"{choice.id} answers {facts.output_format.upper()}, whatever is asked for.")
    return expected


def _about_the_list(choice: ModelChoice, *, listed: bool) -> list[str]:
    if not listed:
        return ["The model list could not be read, so the request was not checked against it."]
    if choice.entry is None:
        return [f"{choice.id} is not in ImageRouter's model list, so its price is not known."]
    if choice.alias:
        return [f"{choice.alias} is {choice.id}."]
    return []


def _first(count: int) -> str:
    return "the first" if count == 1 else f"the first {count}"

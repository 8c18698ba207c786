"""Build the result of a generation that is done: text, structured content, preview, resource links."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mcp.types import CallToolResult, ContentBlock, ResourceLink

from imagerouter_mcp.gallery.entries import GalleryImage, Record
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.generation.calls.outcome import Finished, Result
from imagerouter_mcp.generation.planning.prices import total
from imagerouter_mcp.generation.planning.request import THINGS
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.inline_preview import PreviewChoice, draw_preview
from imagerouter_mcp.tools.listed_models import PriceRange, price_range
from imagerouter_mcp.tools.pictures import (
    GenerationContent,
    Picture,
    cost_words,
    description,
    is_video,
    picture_fields,
    place,
    summary,
)
from imagerouter_mcp.tools.structured import as_json, tool_result

_AT_LEAST = "cost_usd is the least that it cost; not every part is known."
"""For the structured content, where the text says "at least"."""


class DoneContent(GenerationContent, total=False):
    """A generation that is done; `cost_usd` is the sum of its pictures and of failures that were charged."""

    prompt: str
    revised_prompt: str | None
    latency_ms: int | None
    why: str | None
    estimate_usd: PriceRange | None
    failures: list[str]
    sources: list[str]
    media: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How to present a call's result to a host.

    Attributes:
        preview: How large the inline preview is.
        media: The `MEDIA:` lines that the agent should repeat, if this host wants any.
        links: Makes download links for callers on other machines; None names files by their paths.
        resource_links: Whether the host knows resource links.
        sources: What the pictures were made from, each with what helps to recognise it.
        last: Whether `last` names the only picture from now on.
    """

    preview: PreviewChoice
    media: Sequence[str] = ()
    links: Links | None = None
    resource_links: bool = True
    sources: Sequence[str] = ()
    last: bool = True


async def done_result(finished: Finished, answer: Answer) -> CallToolResult:
    """Return what a call made, as text, structured content, inline preview and resource links."""
    shown = list(_pictures(finished))
    content = _done_content(finished, answer)
    blocks: list[ContentBlock] = []
    lines = _done_lines(finished, answer)
    if answer.preview != "none":
        pairs = zip(_numbers(finished), shown, strict=True)
        files = [(image.path, _label(number, made, image)) for number, (made, image) in pairs]
        ready = {path: preview for made in finished.results for path, preview in made.previews.items()}
        drawn, stopped = await draw_preview(files, answer.preview, ready)
        blocks += [drawn] if drawn else []
        lines += [stopped] if stopped else []
    if answer.resource_links:
        blocks.extend(
            _resource_link(image, made.record) for made, image in shown if image.path and image.handle
        )
    return tool_result(lines, content, *blocks)


def record_fields(record: Record, links: Links | None) -> dict[str, Any]:
    """Return all that the gallery knows of a generation, as JSON."""
    return {
        **as_json(_record_content(record, links)),
        "created": record.created_at.isoformat(timespec="seconds"),
        "parameters": record.parameters,
        "sources": list(record.sources),
    }


def _pictures(finished: Finished) -> Iterator[tuple[Result, GalleryImage]]:
    return ((made, image) for made in finished.results for image in made.record.images)


def _numbers(finished: Finished) -> list[int]:
    """Return each picture's number: its request's, as in its file's name, or its place if one gave many."""
    if any(len(made.record.images) > 1 for made in finished.results):
        return list(range(1, len(list(_pictures(finished))) + 1))
    return [made.number for made in finished.results]


def _label(number: int, made: Result, image: GalleryImage) -> str:
    """Return a picture's label on a contact sheet: its model, or its size if it was made here."""
    second = f"{image.width}x{image.height}" if made.record.made_here else made.model
    return f"{number} · {image.handle}\n{second}"


def _record_content(record: Record, links: Links | None) -> DoneContent:
    return {
        "state": "done",
        "images": [picture_fields(image, links) for image in record.images],
        "generation": record.generation or None,
        "model": record.model,
        "prompt": record.prompt,
        "revised_prompt": record.revised_prompt,
        "cost_usd": record.cost_usd,
        "latency_ms": record.latency_ms,
    }


def _done_content(finished: Finished, answer: Answer) -> DoneContent:
    first = finished.results[0]
    content = _record_content(first.record, answer.links)
    content["model"] = ", ".join(dict.fromkeys(made.model for made in finished.results))
    content["revised_prompt"] = first.records[0].revised_prompt
    content["latency_ms"] = first.latency_ms
    content["why"] = first.why or None
    content["estimate_usd"] = price_range(total(made.estimate for made in finished.results))
    at_least = _total(finished) is not None and not _is_certain(finished)
    content["notes"] = [*_notes(finished), *([_AT_LEAST] if at_least else [])]
    content["cost_usd"] = _total(finished)
    if finished.call:
        content["generation"] = finished.call
    if finished.failures:
        content["failures"] = list(map(str, finished.failures))
    shown = list(_pictures(finished))
    if len(finished.results) > 1:
        content["images"] = [_picture_of_several(made, image, answer.links) for made, image in shown]
    if len(shown) > 1:
        for number, image in zip(_numbers(finished), content.get("images", ()), strict=True):
            image["number"] = number
    if answer.sources:
        content["sources"] = list(answer.sources)
    if answer.media:
        content["media"] = list(answer.media)
        content["next_step"] = "To show it in the chat, end your reply with the lines in media."
    return content


def _picture_of_several(made: Result, image: GalleryImage, links: Links | None) -> Picture:
    """Return a picture with what the others of its call do not share."""
    own: Picture = {
        "model": made.model,
        "revised_prompt": made.records[0].revised_prompt,
        "cost_usd": made.cost_usd,
        "latency_ms": made.latency_ms,
    }
    return {**picture_fields(image, links), **own}


def _done_lines(finished: Finished, answer: Answer) -> list[str]:
    """Return what was made, where it is and what it cost, in lines that a person could read aloud."""
    shown = list(_pictures(finished))
    lines = [_heading(finished)]
    for number, (made, image) in zip(_numbers(finished), shown, strict=True):
        if len(shown) > 1:
            lines.append(" · ".join(filter(None, (str(number), image.handle, summary(made)))))
        lines.extend(_file_lines(image, answer.links))
    if answer.sources:
        lines.append(f"From: {'; '.join(answer.sources)}")
    handle = shown[0][1].handle
    if len(shown) > 1:
        lines.append("Each handle names its picture as a source image.")
    elif is_video(shown[0][1]):
        lines.append(f"Handle: {handle} finds it again with show_image.")
    elif handle:
        or_last = ' (or "last")' if answer.last else ""
        lines.append(f"Handle: {handle}{or_last} names it as a source image.")
    lines.extend(_revised_prompts(finished))
    lines.extend(f"Note: {note}" for note in _notes(finished))
    lines.extend(f"Failed: {failure}" for failure in finished.failures)
    if answer.media:
        lines.extend(["To show it in the chat, end your reply with:", *answer.media])
    return lines


def _heading(finished: Finished) -> str:
    """Return what was made for how much: "Made 1 picture with x/y for $0.04 in 6.9 s."."""
    first = finished.results[0]
    count = _count(finished)
    if first.record.made_here:
        return f"{count}, made without a model, free." if finished.shown else f"Made {count}, free."
    models = {made.model for made in finished.results}
    with_what = first.model if len(models) == 1 else f"{len(models)} models"
    took = max((made.latency_ms or 0 for made in finished.results), default=0)
    time = f" in {took / 1000:.1f} s" if took else ""
    why = f" {first.records[0].model} was chosen because {first.why}." if first.why else ""
    made = f"with {with_what}{_total_words(finished)}{time}.{why}"
    if finished.repeated:
        return f"Made before, not charged again: {count} {made}"
    return f"{count}, made {made}" if finished.shown else f"Made {count} {made}"


def _count(finished: Finished) -> str:
    shown = list(_pictures(finished))
    video = any(is_video(image) for _, image in shown)
    thing = THINGS["video" if video else "image"]
    failed = sum(not failure.second_step for failure in finished.failures)
    if failed:
        made, asked = len(finished.results), len(finished.results) + failed
        return f"{made} of {asked} {thing}s"
    return f"{len(shown)} {thing}{'s' if len(shown) > 1 else ''}"


def _total_words(finished: Finished) -> str:
    """Return the sum for the heading; "at least" where a part of it is not known."""
    spent, certain = _total(finished), _is_certain(finished)
    if spent is None or not (spent or certain):
        return ""
    return f" for {'' if certain else 'at least '}{cost_words(spent)}"


def _is_certain(finished: Finished) -> bool:
    """Return whether it is known what every part cost."""
    return all(made.cost_usd is not None for made in finished.results) and not any(
        failure.error.unknown_cost or failure.error.up_to_usd for failure in finished.failures
    )


def _file_lines(image: GalleryImage, links: Links | None) -> list[str]:
    lines: list[str] = []
    if where := place(image, links):
        lines.append(f"{'Download within a day' if links else 'Saved'}: {where} ({description(image)})")
    original = image.original
    if original:
        name = original.path.name if original.path else ""
        lines.append(
            f"Model's own: {' · '.join(filter(None, (original.handle, name)))} ({description(original)})"
        )
    if image.url:
        lines.append(f"Link: {image.url} (anyone who has it can open it)")
    if original and original.url:
        lines.append(f"Link: {original.url} (the model's own; anyone who has it can open it)")
    return lines


def _revised_prompts(finished: Finished) -> list[str]:
    revised = dict.fromkeys(
        first.revised_prompt
        for first in (made.records[0] for made in finished.results)
        if first.revised_prompt and first.revised_prompt != first.prompt
    )
    return [f"The model read the prompt as: {prompt}" for prompt in revised]


def _notes(finished: Finished) -> list[str]:
    """Return each note once; one that is about some of several pictures begins with their numbers."""
    about: dict[str, dict[int, None]] = {}
    for made in finished.results:
        for note in (*_cost_notes(made), *made.notes):
            about.setdefault(note, {})[made.number] = None
    of_results = (
        note if len(numbers) == len(finished.results) else f"Picture {', '.join(map(str, numbers))}: {note}"
        for note, numbers in about.items()
    )
    return list(dict.fromkeys((*finished.notes, *of_results)))


def _cost_notes(made: Result) -> list[str]:
    """Return a note where the cost is not what the model list led to expect."""
    cost, estimate, model = made.cost_usd, made.estimate, made.model
    if estimate is None:
        return []
    if cost is None:
        return [f"ImageRouter did not say what {model} cost; by the model list it costs {estimate}."]
    if cost > estimate.high:
        return [f"{model} cost {dollars(cost)}, but the model list says at most {dollars(estimate.high)}."]
    return []


def _total(finished: Finished) -> Decimal | None:
    costs = [
        *(record.cost_usd for made in finished.results for record in made.records),
        *(failure.error.charged_usd for failure in finished.failures),
    ]
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal()) if known else None


def _resource_link(image: GalleryImage, record: Record) -> ResourceLink:
    return ResourceLink(
        type="resource_link",
        uri=f"imagerouter://images/{image.handle}",
        name=image.path.name if image.path else image.handle,
        description=one_line(record.prompt[:100]) or None,
        mime_type=image.media_type,
        size=image.bytes,
    )

"""Build the results of generation tools that made nothing yet: still under way, or only planned."""

from typing import TYPE_CHECKING

from mcp.types import CallToolResult

from imagerouter_mcp.generation.calls.outcome import Pending
from imagerouter_mcp.generation.planning.prices import total
from imagerouter_mcp.generation.planning.request import THINGS
from imagerouter_mcp.tools.listed_models import PriceRange, price_range
from imagerouter_mcp.tools.pictures import GenerationContent
from imagerouter_mcp.tools.structured import tool_result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagerouter_mcp.generation.planning.plan import Plan


class PendingContent(GenerationContent):
    """A generation that goes on."""

    prompt: str
    ask_again_seconds: int
    elapsed_seconds: int
    usual_seconds: int | None


class PlanContent(GenerationContent):
    """The result of a dry run."""

    dry_run: bool
    why: str
    size: str
    estimate_usd: PriceRange | None


def pending_result(pending: Pending) -> CallToolResult:
    """Return the state of a call and how to collect it."""
    paid_once = "It keeps running, and is paid for only once."
    collect = (
        f"Call get_generation with {pending.call} in about {pending.ask_again} s to collect it (no charge)."
    )
    content: PendingContent = {
        "generation": pending.call,
        "state": pending.state,
        "model": pending.model,
        "prompt": pending.prompt,
        "next_step": collect,
        "ask_again_seconds": pending.ask_again,
        "elapsed_seconds": round(pending.elapsed),
        "usual_seconds": None if pending.usual is None else round(pending.usual),
        "notes": [paid_once, *pending.notes],
    }
    notes = (f"Note: {note}" for note in pending.notes)
    return tool_result([f"Not done yet: {pending.words}. {paid_once}", collect, *notes], content)


def plan_result(plans: "Sequence[Plan]", count: int) -> CallToolResult:
    """Return what a call would send and cost.

    Args:
        plans: The plan of one of its results, and of the step that follows it; all results are alike.
        count: How many results it has.
    """
    plan, *steps = plans
    cost = total([each.estimate for each in plans] * count)
    size = plan.fields.get("size", "auto")
    thing = THINGS[plan.kind]
    second = [_second_step(step) for step in steps]
    again = "Nothing was sent. Call it again without dry_run to make it."
    content: PlanContent = {
        "dry_run": True,
        "model": plan.model,
        "why": plan.why,
        "size": size,
        "estimate_usd": price_range(cost),
        "notes": [*second, *plan.notes, *plan.expected],
        "next_step": again,
    }
    what = f"a {thing}" if count == 1 else f"{count} {thing}s"
    at_size = "" if size == "auto" else f" at {size}"
    why = f", because {plan.why}" if plan.why else ""
    lines = [
        f"This would ask {plan.model} for {what}{at_size}{why}.",
        *second,
        f"It would cost {cost}{' in all' if steps else ''}." if cost else "What it would cost is not known.",
        again,
        *(f"Note: {note}" for note in (*plan.notes, *plan.expected)),
    ]
    return tool_result(lines, content)


def _second_step(step: "Plan") -> str:
    """Return what is done with the picture once it is made, and what that costs."""
    price = f"for {step.estimate}" if step.estimate else "at an unknown price"
    return f"Then {step.model} removes its background {price}, unless it comes transparent."

"""Ask the person before an expensive call, where the host can show a question."""

from decimal import Decimal
from typing import Annotated, ClassVar

from mcp.server.mcpserver.resolve import AcceptedElicitation, Elicit, ElicitationResult
from mcp_types.version import is_version_at_least
from pydantic import BaseModel, Field, create_model

from imagerouter_mcp.errors import BudgetError
from imagerouter_mcp.generation.planning.prices import Estimate
from imagerouter_mcp.generation.planning.request import ANY_PRICE, THINGS, Order
from imagerouter_mcp.money import dollars
from imagerouter_mcp.tools.parameters import AppContext

ASKS_IN_THE_RESULT = "2026-07-28"
"""From this protocol version on, a question travels in the result and needs no channel to the client."""


class Consent(BaseModel):
    """The person's answer.

    Attributes:
        up_to_usd: The price that the question named, which is all that they agree to.
    """

    up_to_usd: ClassVar[Decimal] = ANY_PRICE
    go_ahead: Annotated[bool, Field(title="Go ahead", description="Spend this.")] = False


Answered = ElicitationResult[Consent]
Asked = Consent | Elicit[Consent]


async def ask_person(ctx: AppContext, order: Order, *, dry_run: bool = False) -> Asked:
    """Return the question to ask, where the person wants to be asked and the host can ask.

    Args:
        ctx: The call's context.
        order: What is asked for.
        dry_run: Whether nothing will be sent, so that there is nothing to ask.

    Returns:
        The question; without one, an answer that agrees to nothing.
    """
    app = ctx.request_context.lifespan_context.present()
    limit = app.settings.confirm_usd
    if dry_run or limit is None or not can_ask(ctx):
        return Consent()
    cost = await app.planner.expected_cost(order)
    if cost and cost.high <= limit:
        return Consent()
    return Elicit(f"{_price_words(order, cost)} Go ahead?", _consent_to(cost))


def _consent_to(cost: Estimate | None) -> type[Consent]:
    consent = create_model("Consent", __base__=Consent)
    if cost:
        consent.up_to_usd = cost.high
    return consent


def _price_words(order: Order, cost: Estimate | None) -> str:
    count, thing = len(order.requests), THINGS[order.kind]
    if cost is None:
        what = f"this {thing} costs" if count == 1 else f"these {count} {thing}s cost"
        return f"Nobody knows beforehand what {what}."
    what = f"This {thing}" if count == 1 else f"These {count} {thing}s"
    return f"{what} may cost up to {dollars(cost.high)}."


def agreed(answer: Answered) -> Decimal | None:
    """Return what the person agreed to pay at most, in USD; None if there was no question.

    Raises:
        BudgetError: They said no.
    """
    if not isinstance(answer, AcceptedElicitation):
        raise BudgetError("The person was asked about the price and did not agree.", "Ask them what to do.")
    return answer.data.up_to_usd if answer.data.go_ahead else None


def can_ask(ctx: AppContext) -> bool:
    """Return whether the host can show questions; unknown means no."""
    capabilities = ctx.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    in_the_result = is_version_at_least(ctx.session.protocol_version, ASKS_IN_THE_RESULT)
    return in_the_result or ctx.session.can_send_request

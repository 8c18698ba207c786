"""The tool `get_credits`: tell what the account has left."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, TypedDict

from mcp.types import CallToolResult

from imagerouter_mcp.errors import AuthenticationError, PlanError
from imagerouter_mcp.money import dollars
from imagerouter_mcp.people.person import LOCAL
from imagerouter_mcp.tools.declare import READS, tool
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.structured import tool_result

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Listing
    from imagerouter_mcp.api.wire import Credits, KeyUsage


class Key(TypedDict):
    """An API key of the account."""

    name: str | None
    active: bool | None
    used_usd: Decimal | None
    requests: int | None
    limit_usd: Decimal | None
    period: str | None
    period_used_usd: Decimal | None
    expires: str | None


class CreditsContent(TypedDict):
    """The account's balance and its keys; the notes say what the balance allows."""

    remaining_usd: Decimal | None
    used_usd: Decimal | None
    deposited_usd: Decimal | None
    keys: list[Key]
    notes: list[str]


@tool("Get credits", READS)
async def get_credits(*, ctx: AppContext) -> Annotated[CallToolResult, CreditsContent]:
    """Tell the credits left, the balance and the limits of the API keys. Free."""
    app = ctx.request_context.lifespan_context.present()
    payer = await app.payers.present()
    if app.person != LOCAL and not payer.own:
        raise PlanError(
            "The account at ImageRouter belongs to the operator of this server.",
            "spending tells what is left of the person's own budget.",
        )
    try:
        account = await payer.key.client.credits(by_key=True)
    except AuthenticationError as error:
        raise await payer.refused(error) from None
    note = credit_note(account, await app.catalogue.known())
    notes = [note] if note else []
    keys = account.usage_by_api_key or []
    content = CreditsContent(
        remaining_usd=account.remaining_credits,
        used_usd=account.credit_usage,
        deposited_usd=account.total_deposits,
        keys=[_key(key) for key in keys],
        notes=notes,
    )
    return tool_result([_balance(account), *notes, *map(_key_line, keys)], content)


def credit_note(account: "Credits", listing: "Listing | None") -> str:
    """Say what the balance allows, "" where it allows everything.

    Args:
        account: The balance.
        listing: The model list, or None if it cannot be read.
    """
    from imagerouter_mcp.api.error_objects import DEPOSIT_PAGE

    left = account.remaining_credits
    if left is None:
        return ""
    if left <= 0:
        return (
            "Without credits nothing can be made, not even with models that end in :free. Add credits at "
            f"{DEPOSIT_PAGE}."
        )
    highest = [Decimal(str(entry.price.high)) for entry in listing.models if entry.price] if listing else []
    enough = sum(price <= left for price in highest)
    if enough == len(highest):
        return ""
    return (
        f"ImageRouter sets aside a model's highest price before it makes anything: {dollars(left)} is enough "
        f"for {enough} of {len(highest)} models, those that end in :free included. Several pictures at once "
        "need the sum."
    )


def _balance(account: "Credits") -> str:
    left = account.remaining_credits
    parts = [
        "ImageRouter does not say how much is left."
        if left is None
        else f"{dollars(left)} of credit is left.",
        "" if account.credit_usage is None else f"{dollars(account.credit_usage)} was used",
        "" if account.total_deposits is None else f"of {dollars(account.total_deposits)} deposited.",
    ]
    return " ".join(part for part in parts if part)


def _key_line(key: "KeyUsage") -> str:
    parts = [
        f"used {dollars(key.credit_usage)}" if key.credit_usage is not None else "",
        _limit(key),
        f"expires {key.expires_at}" if key.expires_at else "",
        "not active" if key.is_active is False else "",
    ]
    return f"Key {key.api_key_name or 'without a name'}: {'; '.join(part for part in parts if part)}."


def _limit(key: "KeyUsage") -> str:
    if key.spend_limit is None:
        return "no limit of its own"
    period = f" a {key.spend_limit_period}" if key.spend_limit_period else ""
    spent = f", {dollars(key.period_spend)} of it spent" if key.period_spend is not None else ""
    return f"may spend {dollars(key.spend_limit)}{period}{spent}"


def _key(key: "KeyUsage") -> Key:
    return Key(
        name=key.api_key_name,
        active=key.is_active,
        used_usd=key.credit_usage,
        requests=key.total_requests,
        limit_usd=key.spend_limit,
        period=key.spend_limit_period,
        period_used_usd=key.period_spend,
        expires=key.expires_at,
    )

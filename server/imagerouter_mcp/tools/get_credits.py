"""The tool `get_credits`: what the account has left."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mcp.types import CallToolResult

from imagerouter_mcp.generation.planning.prices import dollars
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import text_block

if TYPE_CHECKING:
    from imagerouter_mcp.api.wire import Credits, KeyUsage

CREDITS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "remaining_usd": {"type": "number"},
        "used_usd": {"type": "number"},
        "deposited_usd": {"type": "number"},
        "keys": {"type": "array", "items": {"type": "object"}},
    },
}
"""Of the structured content; a key is {name, active, used_usd, requests, limit_usd, period, period_used_usd,
expires}."""


async def get_credits(*, ctx: AppContext) -> CallToolResult:
    """Tell the ImageRouter account's balance, use and the limits of its API keys. Free of charge."""
    account = await ctx.request_context.lifespan_context.client.credits(by_key=True)
    keys = [_key_fields(key) for key in account.usage_by_api_key or []]
    fields = {
        "remaining_usd": _number(account.remaining_credits),
        "used_usd": _number(account.credit_usage),
        "deposited_usd": _number(account.total_deposits),
        "keys": keys,
    }
    lines = [_balance(account), *(_key_line(key) for key in account.usage_by_api_key or [])]
    return CallToolResult(content=[text_block(lines)], structured_content=_known(fields))


def _balance(account: "Credits") -> str:
    left = account.remaining_credits
    told = [
        "ImageRouter does not tell what is left." if left is None else f"{dollars(left)} of credit is left.",
        "" if account.credit_usage is None else f"{dollars(account.credit_usage)} was used",
        "" if account.total_deposits is None else f"of {dollars(account.total_deposits)} deposited.",
    ]
    return " ".join(part for part in told if part)


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


def _key_fields(key: "KeyUsage") -> dict[str, Any]:
    return _known(
        {
            "name": key.api_key_name,
            "active": key.is_active,
            "used_usd": _number(key.credit_usage),
            "requests": key.total_requests,
            "limit_usd": _number(key.spend_limit),
            "period": key.spend_limit_period,
            "period_used_usd": _number(key.period_spend),
            "expires": key.expires_at,
        }
    )


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

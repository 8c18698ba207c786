"""The models that a person may use, which are the only ones that are offered."""

from typing import TYPE_CHECKING

from imagerouter_mcp.wiring import App

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Listing
    from imagerouter_mcp.people.personal_limits import Limits


async def limits_of(app: App) -> "Limits":
    """Return the limits of the person whom an App serves."""
    if app.shared.people is None:  # the usual case, for which no gallery is loaded
        from imagerouter_mcp.people.personal_limits import NO_LIMITS

        return NO_LIMITS
    return await app.allowance.present_limits()


def offered(listing: "Listing", limits: "Limits") -> "Listing":
    """Return the model list without the models that the person may not use."""
    return listing.restricted(limits.permits) if limits.models else listing


def restriction_notes(limits: "Limits") -> list[str]:
    """Return a sentence that says which models are left out, if any are."""
    if not limits.models:
        return []
    return [f"This person may use only models of the form {', '.join(limits.models)}; others are left out."]

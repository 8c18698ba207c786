"""Check and reserve what one person may spend, within their own limits and the budget that all share."""

from collections.abc import Sequence
from dataclasses import replace

from anyio import to_thread

from imagerouter_mcp.errors import NotSentError
from imagerouter_mcp.gallery.days import today
from imagerouter_mcp.gallery.entries import Reservation
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.ledger import Ledger
from imagerouter_mcp.money import Budget, Exceeded
from imagerouter_mcp.people.person import Person
from imagerouter_mcp.people.personal_limits import NO_LIMITS, Limits
from imagerouter_mcp.people.register import People
from imagerouter_mcp.settings import Settings


class Allowance:
    """Reserves money for one person's calls. Raises `ConfigurationError` if records cannot be used.

    Args:
        person: The person.
        settings: Hold the daily budget that all people share.
        journal: Records the reservations.
        ledger: Sums up what the person has spent.
        people: Knows the limits and what everybody has committed; None if there is only the local person.
    """

    def __init__(
        self, person: Person, settings: Settings, journal: Journal, ledger: Ledger, people: People | None
    ) -> None:
        self._person = person.id
        self._settings = settings
        self._journal = journal
        self._ledger = ledger
        self._people = people

    def limits(self) -> Limits:
        """Return the person's current limits."""
        return self._people.limits(self._person) if self._people else NO_LIMITS

    async def present_limits(self) -> Limits:
        """Return what `limits` does, without holding up the event loop."""
        return await to_thread.run_sync(self.limits) if self._people else NO_LIMITS

    @property
    def shares_budget(self) -> bool:
        """Whether the operator's budget is shared with other people."""
        return self._people is not None

    def budgets(self, *, own_key: bool = False) -> list[Budget]:
        """Return the person's own budgets, then the operator's.

        Args:
            own_key: Whether the person's own API key pays; then only their own budgets apply.
        """
        *own, operators = _budgets(self.limits(), self._settings)
        return own if own_key else [*own, operators]

    def reserve(self, reservations: Sequence[Reservation], *, own_key: bool = False) -> Exceeded | None:
        """Reserve money for a call; return the limit that it would exceed, if any.

        Reservations are made one at a time, so that two calls cannot both take what is left.

        Args:
            reservations: One for each generation of the call.
            own_key: Whether the person's own API key pays; then only their own budgets apply.

        Raises:
            NotSentError: The person was removed or blocked since the request came in.
        """
        limits = self.limits()
        *own, shared = _budgets(limits, self._settings)
        if self._people is None:
            return self._journal.reserve(reservations, [shared])
        with self._people.committing(self._person, shared.last) as committed:
            if not committed.is_let_in():
                raise NotSentError("This person no longer has access to the server.", "Ask whoever runs it.")
            of_all = [] if own_key else [replace(shared, others_usd=committed.by_others())]
            budgets = [*own, *of_all]
            exceeded = self._journal.reserve(reservations, budgets, limits.calls)
            committed.note(*self._ledger.parts(shared.last))
        return exceeded

    def recount(self) -> None:
        """Update the shared budget with what this person has committed so far."""
        if self._people:
            with self._people.committing(self._person, today()) as committed:
                committed.note(*self._ledger.parts(today()))


def _budgets(limits: Limits, settings: Settings) -> list[Budget]:
    day = today()
    own = [Budget(limits.day_usd, day, own=True)] if limits.day_usd is not None else []
    if limits.month_usd is not None:
        own.append(Budget(limits.month_usd, day, "month", own=True))
    return [*own, Budget(settings.budget_usd, day)]

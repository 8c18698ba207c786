"""What one person may spend: within their own limits, and within what all people may spend together."""

from collections.abc import Sequence
from dataclasses import replace

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
    """The allowance of one person. Its methods raise `ConfigurationError` if records cannot be used.

    Args:
        person: Whose it is.
        settings: Say what all people may spend on a day.
        journal: Reserves the person's money.
        ledger: Says what the person spent.
        people: Knows the limits, and what everybody has committed; None if there is only the local person.
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
        """Return the person's own limits, as they are now."""
        return self._people.limits(self._person) if self._people else NO_LIMITS

    def budgets(self) -> list[Budget]:
        """Return the person's own budgets, and last the one that all people share."""
        return _budgets(self.limits(), self._settings)

    def reserve(self, reservations: Sequence[Reservation], *, own_key: bool = False) -> Exceeded | None:
        """Reserve money for a call; return what it does not fit into, if anything.

        While one person reserves, nobody else does: two calls must not both take what is left.

        Args:
            reservations: One for each generation of the call.
            own_key: Whether the person's own API key pays, so that only their own budgets hold.
        """
        limits = self.limits()
        *own, shared = _budgets(limits, self._settings)
        if self._people is None:
            return self._journal.reserve(reservations, [shared])
        with self._people.committing(self._person, shared.last) as committed:
            of_all = [] if own_key else [replace(shared, others_usd=committed.by_others())]
            budgets = [*own, *of_all]
            exceeded = self._journal.reserve(reservations, budgets, limits.calls)
            committed.note(*self._ledger.parts(shared.last))
        return exceeded

    def recount(self) -> None:
        """Have the budget of all people count what this person has committed by now."""
        if self._people:
            with self._people.committing(self._person, today()) as committed:
                committed.note(*self._ledger.parts(today()))


def _budgets(limits: Limits, settings: Settings) -> list[Budget]:
    day = today()
    own = [
        Budget(usd, first, day, own=True)
        for usd, first in ((limits.day_usd, day), (limits.month_usd, day.replace(day=1)))
        if usd is not None
    ]
    return [*own, Budget(settings.budget_usd, day, day)]

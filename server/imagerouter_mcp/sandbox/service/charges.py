"""What one generation costs: the highest price is taken at the start, and the rest given back afterwards."""

import math
from dataclasses import dataclass
from typing import Final

from imagerouter_mcp.sandbox.service.accounts import UNITS_A_DOLLAR, Account
from imagerouter_mcp.sandbox.service.error_answers import insufficient_credits
from imagerouter_mcp.sandbox.service.sandbox_journal import Entry

_FREE: Final = 0


def units_of(dollars: float) -> int:
    """Round up to whole units, as the service does: 0.4 × 6 is 2.4000000000000004, and so 24,001."""
    return math.ceil(dollars * UNITS_A_DOLLAR)


@dataclass(slots=True)
class Charge:
    """The money of one generation; the journal's entry always shows what the account has lost."""

    account: Account
    entry: Entry
    units: int

    @classmethod
    def begin(cls, account: Account, entry: Entry, highest_price: float) -> "Charge":
        """Take the model's highest price.

        Raises:
            RefusedError: The account does not hold it; nothing was taken.
        """
        wanted = units_of(highest_price)
        if wanted > account.units:
            raise insufficient_credits(highest_price)
        charge = cls(account, entry, _FREE)
        charge._take(wanted)
        account.requests += 1
        entry.paid = True
        return charge

    def settle(self, cost: float) -> float:
        """Charge what it cost, which may be more than was taken, and return that in USD."""
        self._take(units_of(cost) - self.units)
        return self.units / UNITS_A_DOLLAR

    def refund(self) -> None:
        """Give everything back."""
        self._take(-self.units)
        self.entry.paid = False

    def _take(self, units: int) -> None:
        self.account.used += units
        self.units += units
        self.entry.cost_usd = self.units / UNITS_A_DOLLAR

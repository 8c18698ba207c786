"""What one generation costs its account, told in the journal too."""

from dataclasses import dataclass
from decimal import Decimal

from imagerouter_mcp.sandbox.service.accounts import Account
from imagerouter_mcp.sandbox.service.sandbox_journal import Entry


@dataclass(frozen=True, slots=True)
class Purchase:
    """A price that was taken, and may be given back; the entry always tells what the account knows."""

    account: Account
    entry: Entry
    price: Decimal

    @classmethod
    def begin(cls, account: Account, entry: Entry, price: Decimal) -> "Purchase":
        """Take the price before the generation begins.

        Raises:
            RefusedError: The account cannot pay; nothing was taken.
        """
        account.charge(price)
        entry.paid, entry.cost_usd = True, float(price)
        return cls(account, entry, price)

    def refund(self) -> None:
        """Give the price back: the generation failed."""
        self.account.refund(self.price)
        self.entry.paid, self.entry.cost_usd = False, 0.0

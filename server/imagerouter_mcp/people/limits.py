"""What one person may spend and use, as the operator decides."""

import json
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Limits:
    """A person's limits, beside those of the operator's settings, which hold too. None is no limit.

    Attributes:
        day_usd: The most that a day's calls may cost together.
        month_usd: The same for a calendar month.
        call_usd: The most that one call may cost.
        calls: How many calls may be under way.
        models: Patterns of the ids of models that may be used, such as `openai/*`; none allow every model.
    """

    day_usd: Decimal | None = None
    month_usd: Decimal | None = None
    call_usd: Decimal | None = None
    calls: int | None = None
    models: tuple[str, ...] = ()

    def permits(self, model: str) -> bool:
        """Return whether a model may be used."""
        lowered = model.lower()
        return not self.models or any(fnmatchcase(lowered, pattern.lower()) for pattern in self.models)

    def to_json(self) -> str:
        """Return the limits that there are, as JSON."""
        kept = {name: value for name, value in asdict(self).items() if value not in (None, ())}
        return json.dumps(kept, default=str)

    @classmethod
    def from_json(cls, text: str) -> "Limits":
        """Read the limits from JSON."""
        kept = json.loads(text)
        amounts = {each.name for each in fields(cls) if each.name.endswith("_usd")}
        read = {name: Decimal(value) if name in amounts else value for name, value in kept.items()}
        return cls(**{**read, "models": tuple(read.get("models", ()))})


NO_LIMITS = Limits()

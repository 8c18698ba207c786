"""What stands behind a model: a provider makes the result or fails, and tells what it cost."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service.validation import ValidRequest

_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider answered.

    Attributes:
        data: The results: files, which the service stores or encodes, or items that it passes on unchanged.
        cost: In USD. None when the provider told none: the service then fails to book it, and keeps all that
            it took at the start.
        error: An error object. The cost is charged nevertheless.
    """

    data: Sequence[MadeFile | Mapping[str, object]] = ()
    cost: float | None = None
    error: Mapping[str, object] | None = None


class ProviderError(Exception):
    """A failure that the service's adapter for a provider throws; the service gives the money back.

    Args:
        error: The error object of the answer.
        beside: What stands beside it, such as the provider's `status` and `statusText`.
        refund_fails: Whether the service fails to give the money back.
    """

    def __init__(
        self,
        error: Mapping[str, object],
        beside: Mapping[str, object] | None = None,
        *,
        refund_fails: bool = False,
    ) -> None:
        super().__init__(str(error.get("message")))
        self.error = error
        self.beside = beside or {}
        self.refund_fails = refund_fails

    @property
    def tries_next(self) -> bool:
        """Whether the service asks the model's next provider: when this one had too many requests."""
        return self.beside.get("status") == _TOO_MANY


Provider = Callable[[ValidRequest, str], Awaitable[ProviderAnswer]]
"""Makes what a request asks for; the second argument is the provider's id in the model list.

Raises `ProviderError` for a failure that costs nothing.
"""


def status_error(status: int, status_text: str, message: str, kind: str | None = None) -> ProviderError:
    """Build the failure of a provider that answered with an HTTP error of its own."""
    beside = {"status": status, "statusText": status_text}
    return ProviderError({"message": message, "type": kind or status_text}, beside)


async def ask_providers(request: ValidRequest, provider: Provider) -> ProviderAnswer:
    """Ask the model's providers, the preferred one first, until one answers or fails for good.

    Raises:
        ProviderError: The last one's failure.
    """
    *others, last = request.model.provider_ids
    for provider_id in others:
        try:
            return await provider(request, provider_id)
        except ProviderError as error:
            if not error.tries_next:
                raise
    return await provider(request, last)

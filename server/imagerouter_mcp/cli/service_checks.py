"""What the doctor asks of ImageRouter: whether it is reached, what it thinks of the key, what is left."""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.api.reach import reach
from imagerouter_mcp.api.refusals import DEPOSIT_PAGE
from imagerouter_mcp.cli.findings import Check, Finding
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.settings import KEYS_PAGE, Settings

REACH_SECONDS = 10.0
ASK_SECONDS = 20.0
STORAGE_URL = "https://storage.imagerouter.io"
"""Where ImageRouter keeps its results."""
_SLOW_MS = 3000.0
"""An answer that takes longer is worth a word: it is the connection, for a good one takes a tenth."""


class ServiceChecks:
    """Looks at the service with one HTTP client, which `close` closes.

    Args:
        settings: The addresses and the key.

    Raises:
        ConfigurationError: The proxy settings or the key file cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = http_client()
        service = ServiceHTTP(self._http, settings.key, settings.stall_seconds)
        self._client = ImageRouterClient(service, settings)

    async def close(self) -> None:
        """Close the client."""
        await self._http.aclose()

    def checks(self) -> list[Check]:
        """What to look at; what needs a key is left out where there is none."""
        base = self._settings.base_url
        addresses = {"api": base, "popularity": self._settings.popular_url}
        if base == Settings.model_fields["base_url"].default:
            addresses["storage"] = STORAGE_URL
        always = [self._reaching(name, url) for name, url in addresses.items()]
        asking = [Check("models", self._models, ASK_SECONDS)]
        if self._settings.key:
            asking = [
                Check("key accepted", self._key, ASK_SECONDS),
                Check("credits", self._credits, ASK_SECONDS),
                *asking,
            ]
        return [*always, *asking]

    def _reaching(self, name: str, url: str) -> Check:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"

        async def look() -> Sequence[Finding]:
            latency = await reach(self._http, origin, REACH_SECONDS)
            what = f"{parts.netloc} answers in {latency:.0f} ms."
            slow = latency > _SLOW_MS
            return [
                Finding(
                    name, "warning" if slow else "ok", what, "That is slow: look at the connection." * slow
                )
            ]

        return Check(name, look, REACH_SECONDS + 1)

    async def _models(self) -> Sequence[Finding]:
        models = (await Catalogue(self._client.models).models()).models
        if not models:
            return [Finding("models", "failure", "The model list is empty.", "Try again in a minute.")]
        return [Finding("models", "ok", f"The model list has {len(models)} models.")]

    async def _key(self) -> Sequence[Finding]:
        if (await self._client.check_key()).success:
            return [Finding("key accepted", "ok", "ImageRouter accepts the key.")]
        remedy = f"Make a new key at {KEYS_PAGE} and store it: imagerouter-mcp key"
        return [Finding("key accepted", "failure", "ImageRouter does not accept the key.", remedy)]

    async def _credits(self) -> Sequence[Finding]:
        told = await self._client.credits()
        left, deposits = told.remaining_credits, told.total_deposits
        return [_balance(left), _free_models(deposits)]


def _balance(left: Decimal | None) -> Finding:
    if left is None:
        return Finding(
            "credits", "warning", "ImageRouter does not say what is left.", f"Look at {DEPOSIT_PAGE}."
        )
    if left <= 0:
        remedy = f"Only free models work until credits are added at {DEPOSIT_PAGE}."
        return Finding("credits", "warning", "The account has no credits left.", remedy)
    return Finding("credits", "ok", f"The account has ${left:.2f} left.")


def _free_models(deposits: Decimal | None) -> Finding:
    if deposits:
        return Finding(
            "free models", "ok", "The account has made a deposit: models ending in :free may be used."
        )
    return Finding(
        "free models",
        "warning",
        "The account has made no deposit so far: models ending in :free may be refused.",
        f"Any deposit at {DEPOSIT_PAGE} opens them.",
    )

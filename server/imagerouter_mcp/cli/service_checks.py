"""Check ImageRouter: whether it can be reached, whether it accepts the key, how many credits are left."""

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlsplit

from imagerouter_mcp.api.catalogue import Catalogue
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.error_objects import DEPOSIT_PAGE
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.api.reach import reach
from imagerouter_mcp.cli.checks import Check, Finding
from imagerouter_mcp.fetch import http_client
from imagerouter_mcp.money import dollars
from imagerouter_mcp.settings import KEYS_PAGE, Settings

REACH_SECONDS = 10.0
ASK_SECONDS = 20.0
STORAGE_URL = "https://storage.imagerouter.io"
"""Where ImageRouter stores results."""
_SLOW_MS = 3000.0
"""Above this latency the connection is called slow; a good one takes a tenth of it."""


class ServiceChecks:
    """The checks of the service, over one HTTP client, which `close` closes.

    Args:
        settings: Holds the addresses and the key.
        sandbox: Whether they are a sandbox's.

    Raises:
        ConfigurationError: The proxy settings or the key file cannot be used.
    """

    def __init__(self, settings: Settings, *, sandbox: bool = False) -> None:
        self._settings = settings
        self._named = "The sandbox" if sandbox else "ImageRouter"
        self._http = http_client()
        service = ServiceHTTP(self._http, settings.key, settings.stall_seconds)
        self._client = ImageRouterClient(service, settings)

    async def close(self) -> None:
        """Close the client."""
        await self._http.aclose()

    def checks(self) -> list[Check]:
        """Return the checks. Without a key, those that need one are left out."""
        base = self._settings.base_url
        addresses = {"api": base, "popularity": self._settings.popular_url}
        if base == Settings.model_fields["base_url"].default:
            addresses["storage"] = STORAGE_URL
        always = [self._reaching(name, url) for name, url in addresses.items()]
        asking = [Check("models", self._models, ASK_SECONDS, ("api",))]
        if self._settings.key:
            asking = [
                Check("key accepted", self._key, ASK_SECONDS, ("api",)),
                Check("credits", self._credits, ASK_SECONDS, ("api", "key accepted")),
                *asking,
            ]
        return [*always, *asking]

    def _reaching(self, name: str, url: str) -> Check:
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        same = name != "api" and self._settings.base_url.startswith(origin)

        async def run() -> Sequence[Finding]:
            latency = await reach(self._http, origin, REACH_SECONDS)
            what = f"{parts.netloc} answers in {latency:.0f} ms."
            slow = latency > _SLOW_MS
            return [
                Finding(name, "warning" if slow else "ok", what, "That is slow. Check the connection." * slow)
            ]

        return Check(name, run, REACH_SECONDS + 1, ("api",) if same else ())

    async def _models(self) -> Sequence[Finding]:
        models = (await Catalogue(self._client.models).models()).models
        if not models:
            return [Finding("models", "failure", "The model list is empty.", "Try again in a minute.")]
        return [Finding("models", "ok", f"The model list has {len(models)} models.")]

    async def _key(self) -> Sequence[Finding]:
        if (await self._client.check_key()).success:
            return [Finding("key accepted", "ok", f"{self._named} accepts the key.")]
        remedy = f"Make a new key at {KEYS_PAGE} and store it: imagerouter-mcp key"
        return [Finding("key accepted", "failure", f"{self._named} does not accept the key.", remedy)]

    async def _credits(self) -> Sequence[Finding]:
        return [_balance((await self._client.credits()).remaining_credits)]


def _balance(left: Decimal | None) -> Finding:
    if left is None:
        what = "ImageRouter does not say how many credits are left."
        return Finding("credits", "warning", what, f"Look at {DEPOSIT_PAGE}.")
    if left <= 0:
        what = "The account has no credits left, so nothing can be made, not even with :free models."
        return Finding("credits", "failure", what, f"Add credits at {DEPOSIT_PAGE}.")
    what = (
        f"The account has {dollars(left)} left. A model runs only if the account holds at least its highest "
        "price."
    )
    return Finding("credits", "ok", what)

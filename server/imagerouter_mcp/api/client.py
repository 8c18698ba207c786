"""ImageRouter's endpoints, one method each."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import anyio
from pydantic import SecretStr

from imagerouter_mcp.api.http import Call, Heartbeat, ServiceHTTP, no_heartbeat
from imagerouter_mcp.api.rate_limit import RateLimit
from imagerouter_mcp.api.request_body import form, json_with_images
from imagerouter_mcp.api.wire import (
    Credits,
    GenerationAnswer,
    KeyCheck,
    Upload,
    read_as,
    read_generation,
)
from imagerouter_mcp.errors import ImageRouterError, InvalidRequestError, UnexpectedResponseError
from imagerouter_mcp.settings import Settings

PICTURE_SECONDS, VIDEO_SECONDS = 300.0, 900.0
"""Upper bound on a generation, unless `IMAGEROUTER_TIMEOUT` is set."""
LOOKUP_SECONDS = 30.0
"""Upper bound on a call that makes nothing: the model list is about 100 kB."""
POPULAR_SECONDS = 8.0
"""Shorter, because there is a substitute."""
_VIDEOS = "videos/generations"


@dataclass(slots=True)
class _Service:
    """What is known about the service, whichever key is used."""

    newer: bool | None = None
    asking: anyio.Lock = field(default_factory=anyio.Lock)


class ImageRouterClient:
    """Calls the service.

    Every method raises what `ServiceHTTP.send` raises. The generating methods call `heartbeat` at each sign
    of life, about every three seconds.

    Args:
        service: Sends the calls.
        settings: The addresses and the time limit.
    """

    def __init__(self, service: ServiceHTTP, settings: Settings) -> None:
        self._service = service
        self._base = settings.base_url
        self._popular_url = settings.popular_url
        self._timeout = settings.timeout
        self._known = _Service()

    @property
    def rate_limit(self) -> RateLimit:
        """Return how often the account may ask for pictures and videos."""
        return self._service.rate_limit

    def with_key(self, key: SecretStr, limit: RateLimit) -> "ImageRouterClient":
        """Return a client that sends another key.

        Args:
            key: The key.
            limit: What is known of that key's limit.
        """
        other = copy(self)
        other._service = self._service.with_key(key, limit)  # noqa: SLF001 - of its own class
        return other

    def require_key(self) -> None:
        """Check before any other work that there is an API key.

        Raises:
            ConfigurationError: There is none, or it cannot be one.
        """
        self._service.authorization()

    async def generate(
        self, fields: Mapping[str, str], heartbeat: Heartbeat = no_heartbeat, *, kept: Path | None = None
    ) -> GenerationAnswer:
        """Make a picture from text.

        Args:
            fields: `model`, `prompt`, `size`, `quality`, `output_format`, `response_format`.
            heartbeat: Called at each sign of life.
            kept: The file that stores the answer as it arrives.
        """
        return await self._make("images/generations", {"json": _with_kept_prompt(fields)}, heartbeat, kept)

    async def edit(
        self,
        fields: Mapping[str, str],
        images: Sequence[Upload],
        mask: Upload | None = None,
        heartbeat: Heartbeat = no_heartbeat,
        *,
        kept: Path | None = None,
    ) -> GenerationAnswer:
        """Make a picture from source images; without any, from text.

        The files are streamed from where they are.

        Args:
            fields: As for `generate`.
            images: Up to 16 source images; several fit into `request_body.MAX_JSON_BYTES` in base64.
            mask: What to change, in the convention of the model's provider.
            heartbeat: Called at each sign of life.
            kept: The file that stores the answer as it arrives.

        Raises:
            InvalidSourceError: The source images together are too large; nothing was sent.
        """
        return await self._make("images/edits", await self._body(fields, images, mask), heartbeat, kept)

    async def generate_video(
        self,
        fields: Mapping[str, str],
        images: Sequence[Upload] = (),
        heartbeat: Heartbeat = no_heartbeat,
        *,
        kept: Path | None = None,
    ) -> GenerationAnswer:
        """Make a video from text, or from a picture.

        Args:
            fields: `model`, `prompt`, `size`, `quality`, `seconds`, `response_format`.
            images: The picture to begin with, if any.
            heartbeat: Called at each sign of life.
            kept: The file that stores the answer as it arrives.
        """
        return await self._make(_VIDEOS, await self._body(fields, images), heartbeat, kept)

    def kept_answer(self, kept: Path) -> GenerationAnswer:
        """Read the answer that a process stored before it ended.

        Args:
            kept: The file that was given to the generating method.
        """
        call = Call("POST", self._base, 0, paid=True, kept=kept)
        answer = self._service.read_kept(call)
        return read_generation(answer.body, sandbox=answer.sandbox)

    def clean_kept(self, kept: Path) -> None:
        """Remove the API key from an answer that stays on disk; see `kept_answer`."""
        self._service.clean_kept(kept)

    async def models(
        self, shape: Literal["v1", "v2", "v3"] = "v1", query: Mapping[str, str] | None = None
    ) -> object:
        """Return the model list in one of its shapes; `model_list` reads all three."""
        content = {"params": dict(query)} if query else None
        url = f"{self._base}/{shape}/models"
        call = Call("GET", url, LOOKUP_SECONDS, authorized=False, content=content)
        return (await self._service.send(call)).body

    async def is_newer(self) -> bool:
        """Return whether this is the newer generation of the service, which alone has `GET /v3/models`.

        The service is asked once. Until it answers, it counts as the older generation and is asked again.
        """
        known = self._known
        async with known.asking:
            if known.newer is None:
                try:
                    await self.models("v3", {"limit": "1"})
                    known.newer = True
                except (UnexpectedResponseError, InvalidRequestError):
                    known.newer = False
                except ImageRouterError:
                    return False
            return known.newer

    async def popular(self) -> object:
        """Return the service's ranking, in whatever shape; `popularity` reads it."""
        call = Call("POST", self._popular_url, POPULAR_SECONDS, authorized=False)
        return (await self._service.send(call)).body

    async def credits(self, *, by_key: bool = False) -> Credits:
        """Return what the account has left, in USD."""
        call = Call(
            "GET",
            f"{self._base}/v1/credits",
            LOOKUP_SECONDS,
            content={"params": {"by_api_key": "true"}} if by_key else None,
        )
        return read_as(Credits, (await self._service.send(call)).body)

    async def check_key(self) -> KeyCheck:
        """Ask whether the key is valid."""
        call = Call("POST", f"{self._base}/v1/auth/test", LOOKUP_SECONDS)
        return read_as(KeyCheck, (await self._service.send(call)).body)

    async def _body(
        self, fields: Mapping[str, str], images: Sequence[Upload], mask: Upload | None = None
    ) -> Mapping[str, Any]:
        """Choose how to send the source images.

        The newer generation of the service loses all but the first file of a form, the older one ignores
        images in JSON; both answer with status 200 and charge. A single image in a form works with both.
        """
        fields = _with_kept_prompt(fields)
        if len(images) > 1 and await self.is_newer():
            return json_with_images(fields, images, mask)
        return form(fields, images, mask)

    async def _make(
        self, what: str, content: Mapping[str, Any], heartbeat: Heartbeat, kept: Path | None
    ) -> GenerationAnswer:
        seconds = self._timeout or (VIDEO_SECONDS if what == _VIDEOS else PICTURE_SECONDS)
        url = f"{self._base}/v1/openai/{what}"
        call = Call("POST", url, seconds, paid=True, content=content, kept=kept)
        answer = await self._service.send(call, heartbeat)
        return read_generation(answer.body, sandbox=answer.sandbox)


def _with_kept_prompt(fields: Mapping[str, str]) -> dict[str, str]:
    """Change a prompt that is exactly "auto", which the service would drop."""
    dropped = fields.get("prompt", "").strip() == "auto"
    return {**fields, "prompt": "auto."} if dropped else dict(fields)

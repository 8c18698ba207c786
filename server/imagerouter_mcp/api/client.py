"""ImageRouter's endpoints, a method each."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from imagerouter_mcp.api.http import Answer, Call, Heartbeat, ServiceHTTP, no_heartbeat
from imagerouter_mcp.api.rate import RateLimits
from imagerouter_mcp.api.wire import (
    Credits,
    GenerationAnswer,
    KeyCheck,
    Upload,
    read_as,
    read_generation,
)
from imagerouter_mcp.settings import Settings

PICTURE_SECONDS, VIDEO_SECONDS = 300.0, 900.0
"""How long a generation may take where `IMAGEROUTER_TIMEOUT` does not say."""
LOOKUP_SECONDS = 30.0
"""How long a call that makes nothing may take: the model list is some 100 kB."""
POPULAR_SECONDS = 8.0
"""Shorter, for there is a substitute."""
_VIDEOS = "videos/generations"


class ImageRouterClient:
    """Calls the service; knows its addresses and forms, and nothing of what the caller does with answers.

    Every method raises what `ServiceHTTP.send` raises. The generating methods call `heartbeat` at each sign
    of life, every three seconds or so.

    Args:
        service: Sends the calls.
        settings: The addresses and the time limit.
    """

    def __init__(self, service: ServiceHTTP, settings: Settings) -> None:
        self._service = service
        self._base = settings.base_url
        self._popular_url = settings.popular_url
        self._timeout = settings.timeout

    @property
    def rate(self) -> RateLimits:
        """How often the account may ask for pictures and videos."""
        return self._service.rate

    def require_key(self) -> None:
        """Find out before any other work whether a key is there.

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
            kept: Where the answer's bytes go as they arrive.
        """
        return await self._make("images/generations", {"json": dict(fields)}, heartbeat, kept)

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

        The files are streamed from where they are. Older deployments ignore an `image` that is not an
        uploaded file and charge for a plain text-to-image result, so images always go as files.

        Args:
            fields: As for `generate`.
            images: Up to 16 source images.
            mask: What to change, in the convention of the model's provider.
            heartbeat: Called at each sign of life.
            kept: Where the answer's bytes go as they arrive.
        """
        form = _form(fields, images)
        if mask:
            form.append(("mask[]", _file(mask)))
        return await self._make("images/edits", {"files": form}, heartbeat, kept)

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
            kept: Where the answer's bytes go as they arrive.
        """
        return await self._make(_VIDEOS, {"files": _form(fields, images)}, heartbeat, kept)

    def kept_answer(self, kept: Path) -> GenerationAnswer:
        """The answer of a generation whose process ended, from the bytes that it kept.

        Args:
            kept: As it was given to the method that asked.
        """
        call = Call("POST", self._base, 0, paid=True, kept=kept)
        answer = self._service.read_kept(call)
        return read_generation(answer.body, sandbox=answer.sandbox)

    async def models(
        self, shape: Literal["v1", "v2", "v3"] = "v1", query: Mapping[str, str] | None = None
    ) -> object:
        """The model list, as the service words it in that shape; `api.catalogue` reads all three."""
        return (await self._look_up(f"/{shape}/models", query)).body

    async def model(self, model_id: str) -> object:
        """One model of the list, without its id."""
        return (await self._look_up(f"/v1/models/{quote(model_id)}")).body

    async def popular(self) -> object:
        """The service's ranking, in whatever shape; `api.popularity` reads it."""
        call = Call("POST", self._popular_url, POPULAR_SECONDS, authorized=False)
        return (await self._service.send(call)).body

    async def credits(self, *, by_key: bool = False) -> Credits:
        """What the account has left, in USD."""
        call = Call(
            "GET",
            f"{self._base}/v1/credits",
            LOOKUP_SECONDS,
            content={"params": {"by_api_key": "true"}} if by_key else None,
        )
        return read_as(Credits, (await self._service.send(call)).body)

    async def check_key(self) -> KeyCheck:
        """Ask whether the key is good."""
        call = Call("POST", f"{self._base}/v1/auth/test", LOOKUP_SECONDS)
        return read_as(KeyCheck, (await self._service.send(call)).body)

    async def _look_up(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        content = {"params": dict(query)} if query else None
        call = Call("GET", f"{self._base}{path}", LOOKUP_SECONDS, authorized=False, content=content)
        return await self._service.send(call)

    async def _make(
        self, what: str, content: Mapping[str, Any], heartbeat: Heartbeat, kept: Path | None
    ) -> GenerationAnswer:
        seconds = self._timeout or (VIDEO_SECONDS if what == _VIDEOS else PICTURE_SECONDS)
        url = f"{self._base}/v1/openai/{what}"
        call = Call("POST", url, seconds, paid=True, content=content, kept=kept)
        answer = await self._service.send(call, heartbeat)
        return read_generation(answer.body, sandbox=answer.sandbox)


def _form(fields: Mapping[str, str], images: Sequence[Upload]) -> list[tuple[str, Any]]:
    """A multipart form, also where there are no files: a part without a file name is a plain field."""
    plain: list[tuple[str, Any]] = [(name, (None, value)) for name, value in fields.items()]
    return [*plain, *(("image[]", _file(image)) for image in images)]


def _file(upload: Upload) -> tuple[str, Any, str]:
    return (upload.filename, upload.file, upload.media_type)

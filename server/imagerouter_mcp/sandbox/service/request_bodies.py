"""Request bodies, JSON or form, as the service's own parsers take them apart."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from imagerouter_mcp.sandbox.service.error_answers import INVALID, RefusedError, internal_error

MAX_IMAGES: Final = 16
"""Source images in one request."""
MAX_MASKS: Final = 1
MAX_FILE_BYTES: Final = 25 * 2**20
"""25 MiB."""

_LIMITS: Final = {"image": MAX_IMAGES, "mask": MAX_MASKS}
_LONGEST_FIELD: Final = 32 * 2**20
"""Bytes of one plain field; the service's own limit is not known, and newer ones take data URIs here."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file; `field` as it was sent, such as `image[]`."""

    field: str
    filename: str
    content_type: str
    data: bytes

    @property
    def role(self) -> str:
        """`image` or `mask`."""
        return self.field.removesuffix("[]")


@dataclass(frozen=True, slots=True)
class Received:
    """A request's body, taken apart."""

    fields: dict[str, Any]
    files: tuple[UploadedFile, ...] = ()

    def of(self, role: str) -> tuple[bytes, ...]:
        """The files of a role."""
        return tuple(file.data for file in self.files if file.role == role)


async def receive(request: Request) -> Received:
    """Read a request's body.

    Raises:
        RefusedError: Malformed, or files that the service does not take: too many, too large, misnamed.
    """
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        return Received(_object(await request.body()))
    if content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return await _form(request)
    await request.body()
    return Received({})


def _object(body: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise internal_error() from None
    if isinstance(value, dict):
        return {str(name): item for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    if isinstance(value, list):
        return {}
    raise internal_error()


async def _form(request: Request) -> Received:
    try:
        async with request.form(max_part_size=_LONGEST_FIELD) as form:
            return await _read(form)
    except HTTPException:  # what Starlette makes of a malformed form
        raise internal_error() from None


async def _read(form: FormData) -> Received:
    fields: dict[str, Any] = {}
    files: list[UploadedFile] = []
    counts: Counter[str] = Counter()
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            fields[name] = value
            continue
        role = name.removesuffix("[]")
        counts[role] += 1
        if counts[role] > _LIMITS.get(role, 0):
            raise _upload_error("Unexpected field")
        if (value.size or 0) > MAX_FILE_BYTES:
            raise _upload_error("File too large")
        media_type = value.content_type or "application/octet-stream"
        files.append(UploadedFile(name, value.filename or "", media_type, await value.read()))
    return Received(fields, tuple(files))


def _upload_error(what: str) -> RefusedError:
    return RefusedError(400, f"File upload error: {what}", INVALID, typed=True)

"""Request bodies, JSON or multipart form, as each edition of the service reads them."""

import binascii
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from imagerouter_mcp.sandbox.service.editions import Edition
from imagerouter_mcp.sandbox.service.error_answers import internal_error, late, upload_error

MAX_IMAGES: Final = 16
"""Source images in one request for an image."""
MAX_VIDEO_FILES: Final = 6
MAX_FILE_BYTES: Final = 25 * 2**20
"""25 MiB."""
_IMAGE_LIMITS: Final = {"image": MAX_IMAGES, "image[]": MAX_IMAGES, "mask": 1, "mask[]": 1}
_VIDEO_LIMITS: Final = {"image": MAX_VIDEO_FILES, "image[]": MAX_VIDEO_FILES}
_LONGEST_FIELD: Final = 32 * 2**20
"""Bytes of one plain field of a form; the service's own limit is not known."""
_DATA_URI: Final = "data:"


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
    """A request's body: its fields, its files in their order, and whether it was JSON."""

    fields: dict[str, Any]
    files: tuple[UploadedFile, ...] = ()
    is_json: bool = False

    def masks(self) -> tuple[bytes, ...]:
        """Return the masks."""
        return tuple(file.data for file in self.files if file.role == "mask")

    def images(self, edition: Edition) -> tuple[bytes, ...]:
        """Return the source images that the edition uses, which may be fewer than were sent.

        Raises:
            RefusedError: An image in JSON is neither a data URI nor a picture of the sandbox's own.
        """
        if self.is_json and edition.takes_json_images:
            return tuple(_picture(one) for one in _several(self.fields.get("image")))
        sent = [file for file in self.files if file.role == "image"]
        if not edition.takes_every_file:
            return tuple(file.data for file in sent[:1])
        plain = [file.data for file in sent if file.field == "image"]
        return tuple(plain or [file.data for file in sent])

    def unpacked(self) -> "Received":
        """Return it with the data URIs of its `image` field as files, for the journal."""
        sources = _several(self.fields.get("image")) if self.is_json else ()
        files = tuple(_file(one) for one in sources if isinstance(one, str) and one.startswith(_DATA_URI))
        if not files:
            return self
        return replace(self, fields={**self.fields, "image": f"{len(files)} data URIs"}, files=files)


async def read_body(request: Request, edition: Edition, *, video: bool) -> Received:
    """Read a request's body.

    Raises:
        RefusedError: It is malformed or too long, or has files that the service does not take: too many, too
            large, misnamed.
    """
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type == "application/json":
        return Received(_object(await request.body(), edition), is_json=True)
    if content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        return await _form(request, _VIDEO_LIMITS if video else _IMAGE_LIMITS)
    await request.body()
    return Received({})


def _object(body: bytes, edition: Edition) -> dict[str, Any]:
    if len(body) > edition.largest_json:
        raise internal_error()
    try:
        value: Any = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise internal_error() from None
    if isinstance(value, dict):
        return {str(name): item for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - JSON
    if isinstance(value, list):
        return {}
    raise internal_error()


async def _form(request: Request, limits: dict[str, int]) -> Received:
    try:
        async with request.form(max_part_size=_LONGEST_FIELD) as form:
            return await _read(form, limits)
    except HTTPException:  # what Starlette makes of a malformed form
        raise internal_error() from None


async def _read(form: FormData, limits: dict[str, int]) -> Received:
    fields: dict[str, Any] = {}
    files: list[UploadedFile] = []
    counts: Counter[str] = Counter()
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            fields[name] = value
            continue
        counts[name] += 1
        if counts[name] > limits.get(name, 0):
            raise upload_error("Unexpected field")
        if (value.size or 0) > MAX_FILE_BYTES:
            raise upload_error("File too large")
        media_type = value.content_type or "application/octet-stream"
        files.append(UploadedFile(name, value.filename or "", media_type, await value.read()))
    return Received(fields, tuple(files))


def _several(value: Any) -> Sequence[Any]:  # noqa: ANN401 - JSON
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)  # pyright: ignore[reportUnknownVariableType] - JSON


def _picture(source: Any) -> bytes:  # noqa: ANN401 - JSON
    if isinstance(source, str) and source.startswith(_DATA_URI):
        return _file(source).data
    raise late("Failed to fetch the image: the sandbox opens data URIs only.")


def _file(data_uri: str) -> UploadedFile:
    head, _, encoded = data_uri.removeprefix(_DATA_URI).partition(",")
    try:
        data = b64decode(encoded)
    except (binascii.Error, ValueError):
        data = b""
    return UploadedFile("image", "", head.removesuffix(";base64"), data)

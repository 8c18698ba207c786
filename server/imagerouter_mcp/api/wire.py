"""ImageRouter's JSON as it arrives, read leniently: no odd field may lose a paid answer."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, BinaryIO, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from imagerouter_mcp.api.decoded import as_list, as_object, as_usd
from imagerouter_mcp.api.error_objects import LOOK_FIRST, message_of
from imagerouter_mcp.api.quoting import quoted
from imagerouter_mcp.errors import UnexpectedResponseError
from imagerouter_mcp.lines import one_line

_MAX_URL = 4096
"""Characters; signed URLs of storage services have some 1,500."""
_MAX_REVISED_PROMPT = 2000
_LONGEST_NAME = 100
"""Characters of the name of a key, of a period, of a date."""
_MOST_RESULTS = 100
"""Results of one answer that are stored; layered models answer some ten."""
_MOST_KEYS = 100
"""API keys of an account that are listed."""

T = TypeVar("T", bound=BaseModel)


def _or_none(value: object, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any field's type
    try:
        return handler(value)
    except ValidationError:
        return None


def _openable(url: object) -> str | None:
    """Return a web address that a person may be told to open; None for anything else."""
    if not isinstance(url, str) or len(url) > _MAX_URL or re.search(r"\s", one_line(url)):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return url


def _short(text: object) -> str | None:
    return quoted(text, limit=_LONGEST_NAME, marks="") or None if isinstance(text, str) else None


def _first_keys(keys: object) -> object:
    return list(as_list(keys)[:_MOST_KEYS]) or keys


def _one_line(text: object) -> str | None:
    return quoted(text, limit=_MAX_REVISED_PROMPT, marks="") or None if isinstance(text, str) else None


_Lenient = WrapValidator(_or_none)
_Milliseconds = Annotated[float, Field(ge=0, le=10**10, allow_inf_nan=False)]
_Text = Annotated[str | None, _Lenient]
_Name = Annotated[str | None, BeforeValidator(_short)]
_Money = Annotated[Decimal | None, BeforeValidator(partial(as_usd, written=True))]
_Balance = Annotated[Decimal | None, BeforeValidator(partial(as_usd, written=True, signed=True))]
_Number = Annotated[int | None, Field(ge=0, le=10**15), _Lenient]


class Upload(NamedTuple):
    """A picture to send: an open binary file, its name and its media type."""

    file: BinaryIO
    filename: str
    media_type: str


class ResultItem(BaseModel):
    """One picture or video of an answer: at `url`, or in `b64_json`.

    A `url` that is a data URI counts as base64; a `url` that cannot be opened is left out.
    """

    url: Annotated[str | None, BeforeValidator(_openable)] = None
    b64_json: _Text = None
    revised_prompt: Annotated[str | None, BeforeValidator(_one_line)] = None

    @model_validator(mode="before")
    @classmethod
    def _data_uri(cls, item: Mapping[str, object]) -> Mapping[str, object]:
        url = item.get("url")
        is_data = isinstance(url, str) and url[:5].lower() == "data:"
        return {**item, "url": None, "b64_json": url} if is_data else item


class GenerationAnswer(BaseModel):
    """A successful generation.

    Attributes:
        items: At least one; layered models answer several.
        cost: In USD; None when the answer does not tell.
        latency: In milliseconds.
        sandbox: Whether our own sandbox made it.
        left_out: How many more results there were than are stored.
        failure: What the answer says of a failure beside its pictures, quoted.
    """

    items: list[ResultItem]
    cost: Annotated[Decimal | None, BeforeValidator(as_usd)] = None
    latency: Annotated[_Milliseconds | None, _Lenient] = None
    sandbox: bool = False
    left_out: int = 0
    failure: str | None = None


def read_generation(body: object, *, sandbox: bool) -> GenerationAnswer:
    """Read a generation's answer.

    Raises:
        UnexpectedResponseError: It contains no picture.
    """
    fields = as_object(body)
    results = as_list(fields.get("data"))
    items = [ResultItem.model_validate(as_object(item)) for item in results[:_MOST_RESULTS]]
    usable = [item for item in items if item.url or item.b64_json]
    left_out = max(0, len(results) - _MOST_RESULTS)
    answer = GenerationAnswer.model_validate(
        {
            **fields,
            "items": usable,
            "sandbox": sandbox,
            "left_out": left_out,
            "failure": quoted(message_of(fields)) if fields.get("error") else None,
        }
    )
    if not usable:
        raise _without_picture(answer.cost)
    return answer


def _without_picture(cost: Decimal | None) -> UnexpectedResponseError:
    what = "ImageRouter answered without a picture."
    if cost is None:
        return UnexpectedResponseError(what, LOOK_FIRST, charged="unknown")
    if not cost:
        return UnexpectedResponseError(what, "Try once more, or use another model.")
    error = UnexpectedResponseError(
        what, "Asking again would cost again; another model may do better.", charged="yes"
    )
    error.cost_usd = cost
    return error


class KeyUsage(BaseModel):
    """What one API key has used, in USD."""

    api_key_name: _Name = None
    credit_usage: _Money = None
    total_requests: _Number = None
    is_active: Annotated[bool | None, _Lenient] = None
    spend_limit: _Money = None
    spend_limit_period: _Name = None
    period_spend: _Money = None
    expires_at: _Name = None


class Credits(BaseModel):
    """The account's credits in USD, and each key's use of them when that was asked for."""

    remaining_credits: _Balance = None
    credit_usage: _Money = None
    total_deposits: _Money = None
    usage_by_api_key: Annotated[list[KeyUsage] | None, BeforeValidator(_first_keys), _Lenient] = None


class KeyCheck(BaseModel):
    """Whether the service accepts the key."""

    success: bool


def read_as(shape: type[T], body: object) -> T:
    """Read an answer of the given shape.

    Raises:
        UnexpectedResponseError: It has another shape.
    """
    try:
        return shape.model_validate(body)
    except ValidationError:
        raise UnexpectedResponseError(
            "ImageRouter's answer does not have the documented shape.",
            "Try again; if it persists, a newer version of imagerouter-mcp may know the new shape.",
        ) from None

"""What a generation request asks for, checked in the service's order and refused with its texts."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagerouter_mcp.sandbox.pictures.media import DEFAULT_SIZE, JPEG, PNG, WEBP, Size
from imagerouter_mcp.sandbox.service import traits
from imagerouter_mcp.sandbox.service.editions import Edition
from imagerouter_mcp.sandbox.service.error_answers import RefusedError, late
from imagerouter_mcp.sandbox.service.offered import Model, resolve
from imagerouter_mcp.sandbox.service.request_bodies import Received

FREE_SIDE: Final = 1024
"""The longest side that a `:free` model draws, in pixels."""
LONGEST_VIDEO: Final = 60
"""Seconds."""

QUALITIES: Final = ("auto", "low", "medium", "high")
RESPONSE_FORMATS: Final = ("url", "b64_json", "b64_ephemeral")
_MEDIA_TYPES: Final = {"webp": WEBP, "jpeg": JPEG, "jpg": JPEG, "png": PNG, "": WEBP}
_SIZE: Final = re.compile(r"(\d{1,6})[xX×*](\d{1,6})")
_DROPPED_PROMPT: Final = "auto"


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request that has passed the service's validation.

    Attributes:
        model: Resolved from its alias.
        prompt: None when there is none. A prompt of exactly `auto` is dropped and leaves an empty one.
        size: In pixels; None is `auto`.
        quality: One of `QUALITIES`.
        response_format: One of `RESPONSE_FORMATS`.
        seconds: The duration of a video.
        media_type: What `output_format` asks for.
        images: The source images.
        mask: Where to edit.
        take: How often the same prompt came before; the results differ.
    """

    model: Model
    prompt: str | None
    size: Size | None
    quality: str
    response_format: str
    seconds: int | None
    media_type: str
    images: tuple[bytes, ...]
    mask: bytes | None
    take: int = 0

    @property
    def drawn_size(self) -> Size:
        """The size of a picture from text."""
        return self.size or DEFAULT_SIZE

    @property
    def video_size(self) -> Size | None:
        """The size of a video; None leaves it to the sandbox."""
        if self.size or not self.model.sizes:
            return self.size
        return pixels(self.model.sizes[0])

    def cost(self, provider_id: str) -> float:
        """Return what a provider takes for it, in USD.

        The lowest quality, or the shortest video, costs the lowest price; the highest, the highest.
        """
        if self.model.id in traits.PRICE_PER_MEGAPIXEL:
            width, height = self.drawn_size
            return traits.PRICE_PER_MEGAPIXEL[self.model.id] * width * height / 1_000_000
        prices = self.model.prices(provider_id)
        if not self.model.is_video:
            return {"low": prices.low, "high": prices.high}.get(self.quality, prices.usual)
        if not self.model.seconds or self.seconds is None:
            return prices.usual
        ends = {max(self.model.seconds): prices.high, min(self.model.seconds): prices.low}
        return ends.get(self.seconds, prices.usual)


def validate(
    received: Received, models: Mapping[str, Model], edition: Edition, *, video: bool
) -> ValidRequest:
    """Check a request as far as the service does before anything is charged.

    Args:
        received: The body.
        models: Those that are offered, by id.
        edition: Which generation of the service this is.
        video: Whether it came to the endpoint for videos.

    Raises:
        RefusedError: It is refused; with status 200 where the price cannot be calculated.
    """
    fields = received.fields
    prompt = _prompt(fields, edition)
    model_id = _model_id(fields, video=video)
    response_format = _one_of(fields, "response_format", RESPONSE_FORMATS)
    quality = _one_of(fields, "quality", QUALITIES)
    size = _size(fields)
    media_type = WEBP if video else _media_type(fields)
    seconds = _seconds(fields) if video else None
    model = _model(model_id, models, video=video)
    if model.is_free and size and max(size) > FREE_SIDE:
        raise RefusedError(
            400,
            "Free models support maximum size of 1024x1024. Please use the paid models for higher quality.",
        )
    if video:
        _check_price(model, size, seconds)
    return ValidRequest(
        model=model,
        prompt=prompt,
        size=size,
        quality=quality,
        response_format=response_format,
        seconds=int(seconds) if seconds in model.seconds else model.default_seconds or _whole(seconds),
        media_type=media_type,
        images=received.images(edition),
        mask=next(iter(received.masks()), None),
    )


def check_abilities(request: ValidRequest, edition: Edition) -> None:
    """Check what the service notices after the charge, and gives the money back for.

    Raises:
        RefusedError: With status 200.
    """
    model = request.model
    if request.images and not model.takes_image:
        raise late("This model does not support image inputs")
    if request.mask is not None and not (edition.takes_masks and model.takes_mask):
        raise late("Mask editing is not supported for this model")
    if len(request.images) > 1 and model.takes_one_image:
        raise late("This model supports only one image input")
    if request.quality not in traits.FREE_QUALITIES.get(model.id, QUALITIES):
        raise late(
            "High and medium quality are available in the paid model. For this free model, please use 'low' "
            "quality."
        )


def pixels(written: str) -> Size | None:
    """Return a written size such as `1024x768` in pixels, or None when it is none."""
    found = _SIZE.fullmatch(written)
    return (int(found[1]), int(found[2])) if found else None


def _prompt(fields: Mapping[str, Any], edition: Edition) -> str | None:
    prompt = fields.get("prompt")
    if prompt is None:
        return None
    if not isinstance(prompt, str):
        raise RefusedError(400, "'prompt' must be a string")
    if len(prompt.encode("utf-16-le", "surrogatepass")) // 2 > edition.longest_prompt:
        raise RefusedError(
            400,
            f"'prompt' must be {edition.longest_prompt:,} characters or less. Please contact ImageRouter "
            "support if you need a higher limit.",
        )
    return "" if prompt == _DROPPED_PROMPT else prompt or None


def _model_id(fields: Mapping[str, Any], *, video: bool) -> str:
    model_id = fields.get("model")
    if model_id is None or model_id == "":
        raise RefusedError(400, "Required" if video else "'model' is a required parameter")
    if not isinstance(model_id, str):
        raise RefusedError(400, "'model' must be a string")
    return resolve(model_id)


def _one_of(fields: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = fields.get(name, allowed[0])
    if value not in allowed:
        expected = " | ".join(f"'{one}'" for one in allowed)
        raise RefusedError(400, f"Invalid enum value. Expected {expected}, received '{value}'")
    return value


def _media_type(fields: Mapping[str, Any]) -> str:
    media_type = _MEDIA_TYPES.get(str(fields.get("output_format", "webp")).lower())
    if media_type is None:
        raise RefusedError(400, "'output_format' must be one of: 'png', 'jpeg' (or 'jpg'), 'webp'")
    return media_type


def _size(fields: Mapping[str, Any]) -> Size | None:
    value = fields.get("size", "auto")
    if value == "auto":
        return None
    found = pixels(value) if isinstance(value, str) else None
    if not found:
        raise RefusedError(400, "'size' must be 'auto' or in the format 'WIDTHxHEIGHT' (e.g. '1024x768')")
    return found


def _model(model_id: str, models: Mapping[str, Model], *, video: bool) -> Model:
    if model_id in traits.RETIRED:
        raise RefusedError(400, traits.RETIRED[model_id])
    model = models.get(model_id)
    if model is None:
        raise RefusedError(400, f"model '{model_id}' is not available")
    if model.is_video and not video:
        raise RefusedError(400, f"'{model_id}' is a video model. Please use the video generation endpoint.")
    if video and not model.is_video:
        raise RefusedError(400, f"'{model_id}' is an image model. Please use the image generation endpoint.")
    return model


def _seconds(fields: Mapping[str, Any]) -> float | None:
    value = fields.get("seconds", "auto")
    if value == "auto":
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not math.isfinite(seconds):
        raise RefusedError(400, "Invalid input")
    if seconds < 1:
        raise RefusedError(400, "'seconds' must be at least 1")
    if seconds > LONGEST_VIDEO:
        raise RefusedError(400, f"'seconds' must be {LONGEST_VIDEO} or less")
    return seconds


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)


def _check_price(model: Model, size: Size | None, seconds: float | None) -> None:
    if model.id in traits.NEEDS_SIZE_AND_SECONDS and (size is None or seconds is None):
        raise late(f"Invalid size for {model.id} - price calculation failed")
    if model.id in traits.NEEDS_SECONDS_WITH_SIZE and size and seconds is None:
        raise late("Invalid `prisma.user.update()` invocation: Argument `decrement` is missing.")

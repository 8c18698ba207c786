"""What a generation request asks for, checked in the service's order and refused in its words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from imagerouter_mcp.sandbox.pictures.media import DEFAULT_SIZE, JPEG, PNG, WEBP, Size
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.error_answers import RefusedError, late, provider_error
from imagerouter_mcp.sandbox.service.faults import Fault, fault_model, fault_of
from imagerouter_mcp.sandbox.service.offered import Model
from imagerouter_mcp.sandbox.service.request_bodies import Received

LONGEST_PROMPT: Final = 10_000
"""Characters."""
FREE_SIDE: Final = 1024
"""The longest side that a `:free` model draws, in pixels."""
LARGEST_SIDE: Final = 8192
"""No provider draws a longer side, in pixels."""
LARGEST_AREA: Final = 4096 * 4096
"""Nor more pixels."""
LONGEST_VIDEO: Final = 60
"""Seconds."""

QUALITIES: Final = ("auto", "low", "medium", "high")
RESPONSE_FORMATS: Final = ("url", "b64_json", "b64_ephemeral")
OUTPUT_FORMATS: Final = ("webp", "jpeg", "png")

_MEDIA_TYPES: Final = {"webp": WEBP, "jpeg": JPEG, "png": PNG}
_SIZE: Final = re.compile(r"(\d{1,6})[xX×*](\d{1,6})")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """A valid request.

    Attributes:
        model: Resolved from its alias.
        fault: What goes wrong on purpose, for a `sandbox/` model.
        size: In pixels; None is `auto`.
        seconds: How long a video is to be; None leaves it to the sandbox.
        media_type: What `output_format` asks for.
        images: Source images.
        mask: What to edit.
    """

    model: Model
    fault: Fault | None
    prompt: str
    size: Size | None
    quality: str
    response_format: str
    seconds: int | None
    media_type: str
    images: tuple[bytes, ...]
    mask: bytes | None

    @property
    def price(self) -> Decimal:
        """In USD."""
        return self.model.video_price(self.seconds) if self.model.is_video else self.model.price(self.quality)

    @property
    def drawn_size(self) -> Size:
        """The size of a picture from text."""
        return self.size or DEFAULT_SIZE

    @property
    def video_size(self) -> Size | None:
        """The size at which a video is shown; None leaves it to the sandbox."""
        if self.size or not self.model.sizes:
            return self.size
        return _pixels(self.model.sizes[0])


def validate(received: Received, *, video: bool) -> GenerationRequest:
    """Check a request as far as the service does before it answers with status 200.

    Args:
        received: The body.
        video: Whether it came to the endpoint for videos.

    Raises:
        RefusedError: 400, with the service's words.
    """
    fields = received.fields
    prompt = _prompt(fields)
    model_id = _model_id(fields)
    response_format = _one_of(fields, "response_format", RESPONSE_FORMATS)
    quality = _one_of(fields, "quality", QUALITIES)
    size = _size(fields)
    output_format = _one_of(fields, "output_format", OUTPUT_FORMATS)
    model, fault = _model(model_id, video=video)
    seconds = _seconds(fields, model) if video else None
    if model.is_free and size and max(size) > FREE_SIDE:
        raise RefusedError(
            400,
            "Free models support maximum size of 1024x1024. Please use the paid models for higher quality.",
        )
    masks = received.of("mask")
    return GenerationRequest(
        model=model,
        fault=fault,
        prompt=prompt,
        size=size,
        quality=quality,
        response_format=response_format,
        seconds=seconds,
        media_type=_MEDIA_TYPES[output_format],
        images=received.of("image"),
        mask=masks[0] if masks else None,
    )


def check_abilities(wish: GenerationRequest) -> None:
    """Check what the service, or the provider, notices only after it has begun to answer.

    Raises:
        RefusedError: With status 200.
    """
    model = wish.model
    if wish.images and not model.takes_image:
        raise late("Image editing is not supported for this model")
    if wish.mask is not None and not model.takes_mask:
        raise late("Mask editing is not supported for this model")
    if model.needs_image and not wish.images:
        raise provider_error(400, "Bad Request", "This model requires an input image.")
    if wish.size:
        _check_size(model, wish.size)


def _check_size(model: Model, size: Size) -> None:
    written = f"{size[0]}x{size[1]}"
    if model.sizes and written not in model.sizes:
        raise provider_error(
            400, "Bad Request", f"Invalid size: '{written}'. Supported sizes are: {', '.join(model.sizes)}."
        )
    if min(size) < 1 or max(size) > LARGEST_SIDE or size[0] * size[1] > LARGEST_AREA:
        raise provider_error(400, "Bad Request", f"Invalid size: '{written}' is out of range.")


def _prompt(fields: Mapping[str, Any]) -> str:
    prompt = fields.get("prompt")
    if prompt is None:
        return ""
    if not isinstance(prompt, str):
        raise RefusedError(400, "'prompt' must be a string")
    if len(prompt) > LONGEST_PROMPT:
        raise RefusedError(400, f"'prompt' is too long. Maximum length is {LONGEST_PROMPT} characters.")
    return prompt


def _model_id(fields: Mapping[str, Any]) -> str:
    model_id = fields.get("model")
    if model_id is None or model_id == "":
        raise RefusedError(400, "'model' is a required parameter")
    if not isinstance(model_id, str):
        raise RefusedError(400, "'model' must be a string")
    return offered.resolve(model_id)


def _one_of(fields: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    value = fields.get(name, allowed[0])
    value = "jpeg" if name == "output_format" and value == "jpg" else value
    if value not in allowed:
        expected = " | ".join(f"'{one}'" for one in allowed)
        raise RefusedError(400, f"Invalid enum value. Expected {expected}, received '{value}'")
    return value


def _size(fields: Mapping[str, Any]) -> Size | None:
    value = fields.get("size", "auto")
    if value == "auto":
        return None
    found = _pixels(value) if isinstance(value, str) else None
    if not found:
        raise RefusedError(400, "'size' must be 'auto' or in the format 'WIDTHxHEIGHT' (e.g. '1024x768')")
    return found


def _pixels(written: str) -> Size | None:
    found = _SIZE.fullmatch(written)
    return (int(found[1]), int(found[2])) if found else None


def _model(model_id: str, *, video: bool) -> tuple[Model, Fault | None]:
    if model_id in offered.RETIRED:
        raise RefusedError(400, offered.RETIRED[model_id])
    fault = fault_of(model_id)
    model = fault_model(model_id, video=video) if fault else offered.listed().get(model_id)
    if model is None:
        raise RefusedError(400, f"model '{model_id}' is not available")
    if model.is_video and not video:
        raise RefusedError(400, f"'{model_id}' is a video model. Please use the video generation endpoint.")
    if video and not model.is_video:
        raise RefusedError(400, f"'{model_id}' is an image model. Please use the image generation endpoint.")
    return model, fault


def _seconds(fields: Mapping[str, Any], model: Model) -> int | None:
    value = fields.get("seconds", "auto")
    if value == "auto":
        return model.default_seconds
    written = str(value)
    if not written.isdecimal() or not 1 <= int(written) <= LONGEST_VIDEO:
        raise RefusedError(400, "'seconds' must be 'auto' or a number between 1 and 60")
    if model.seconds and int(written) not in model.seconds:
        accepted = ", ".join(str(one) for one in model.seconds)
        raise RefusedError(400, f"'seconds' must be one of {accepted} for model '{model.id}'")
    return int(written)

"""The providers' imitation: it refuses what they refuse, and draws what they would make."""

import asyncio
from typing import Final

from imagerouter_mcp.sandbox.pictures.media import WEBP, MadeFile, Size
from imagerouter_mcp.sandbox.service import traits
from imagerouter_mcp.sandbox.service.providers import ProviderAnswer, ProviderError, status_error
from imagerouter_mcp.sandbox.service.validation import ValidRequest

RUNWARE: Final = "runware"
SHORTEST_PROMPT: Final = 2
LONGEST_PROMPT: Final = 3000
"""Characters that Runware accepts."""
SMALLEST_SIDE: Final = 128
LARGEST_SIDE: Final = 2048
SIDE_STEP: Final = 64
"""Pixels that Runware accepts."""
LARGEST_AREA: Final = 4096 * 4096
"""No provider draws more pixels, and no side longer than `LONGEST_SIDE`."""
LONGEST_SIDE: Final = 8192


async def imitate(request: ValidRequest, provider_id: str) -> ProviderAnswer:
    """Refuse a request as its provider does, or draw the result; this is the sandbox's `Provider`.

    Raises:
        ProviderError: The provider refuses it.
    """
    if not request.model.is_video and provider_id == RUNWARE and request.model.takes_prompt:
        _check_prompt(request.prompt)
    if request.model.id in traits.REFUSES_OUTPUT_FORMAT and request.media_type != WEBP:
        raise ProviderError(
            {
                "message": "Unknown parameter: 'output_format'.",
                "type": "invalid_request_error",
                "param": "output_format",
                "code": "unknown_parameter",
            }
        )
    if request.size and not request.model.ignores_size:
        _check_size(request, request.size, provider_id)
    made = await asyncio.to_thread(_draw, request)
    return ProviderAnswer(made, request.cost(provider_id))


def _draw(request: ValidRequest) -> list[MadeFile]:
    from imagerouter_mcp.sandbox.service.drawn_results import draw_result  # noqa: PLC0415 - Pillow is slow to import

    return draw_result(request)


def _check_prompt(prompt: str | None) -> None:
    if prompt is None:
        kind = "missingPositivePrompt"
        raise status_error(400, kind, "Missing required parameter 'prompt'.")
    if prompt and not SHORTEST_PROMPT <= len(prompt) <= LONGEST_PROMPT:
        raise status_error(
            400,
            "invalidPositivePrompt",
            f"Invalid value for 'prompt' parameter. Prompt must be a string between {SHORTEST_PROMPT} and "
            f"{LONGEST_PROMPT} characters.",
        )


def _check_size(request: ValidRequest, size: Size, provider_id: str) -> None:
    model, written = request.model, f"{size[0]}x{size[1]}"
    if model.sizes:
        if written not in model.sizes:
            accepted = ", ".join(model.sizes)
            raise status_error(
                400, "Bad Request", f"Invalid size: '{written}'. Supported sizes are: {accepted}."
            )
        return
    if min(size) < 1 or max(size) > LONGEST_SIDE or size[0] * size[1] > LARGEST_AREA:
        raise status_error(400, "Bad Request", f"Invalid size: '{written}' is out of range.")
    if provider_id == RUNWARE and not model.is_video:
        for name, side in zip(("width", "height"), size, strict=True):
            if side % SIDE_STEP or not SMALLEST_SIDE <= side <= LARGEST_SIDE:
                raise status_error(
                    422,
                    f"invalid{name.capitalize()}",
                    f"{name} must be multiples of {SIDE_STEP}, from {SMALLEST_SIDE} to {LARGEST_SIDE}.",
                )

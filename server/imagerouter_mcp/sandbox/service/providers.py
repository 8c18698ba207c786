"""From a valid request to the files that answer it."""

from imagerouter_mcp.sandbox.pictures.clips import clip
from imagerouter_mcp.sandbox.pictures.conversions import (
    UnusableSourceError,
    cut_out,
    layers,
    upscale,
    vectorise,
)
from imagerouter_mcp.sandbox.pictures.edits import Edit, edit
from imagerouter_mcp.sandbox.pictures.encoding import encode
from imagerouter_mcp.sandbox.pictures.media import DEFAULT_SIZE, JPEG, PNG, SVG, MadeFile
from imagerouter_mcp.sandbox.pictures.scene import draw
from imagerouter_mcp.sandbox.pictures.vectors import draw_svg
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.error_answers import provider_error
from imagerouter_mcp.sandbox.service.oddities import ODD_PICTURES
from imagerouter_mcp.sandbox.service.validation import GenerationRequest


def make(wish: GenerationRequest, take: int) -> list[MadeFile]:
    """Make what was asked for; takes some 100 ms for 1024x1024 pixels, so call it in a thread.

    Args:
        wish: What was asked for.
        take: How often the same prompt came before: the results differ.

    Raises:
        RefusedError: A source image cannot be used.
    """
    try:
        return _make(wish, take)
    except UnusableSourceError as error:
        raise provider_error(400, "Bad Request", str(error)) from error


def _make(wish: GenerationRequest, take: int) -> list[MadeFile]:
    if wish.fault and wish.fault.name in ODD_PICTURES:
        return [ODD_PICTURES[wish.fault.name](wish.prompt, wish.drawn_size)]
    if wish.model.is_video:
        return [clip(wish.prompt, wish.video_size, wish.seconds)]
    if wish.model.id in offered.SVG_MODELS:
        return [_vector(wish, take)]
    if wish.model.id == offered.CUTOUT_MODEL:
        return [encode(cut_out(wish.images[0]), PNG)]
    if wish.model.id == offered.LAYERED_MODEL:
        return [encode(layer, PNG) for layer in layers(wish.images[0], wish.size)]
    return [_raster(wish, take)]


def _vector(wish: GenerationRequest, take: int) -> MadeFile:
    if wish.images:
        return MadeFile(vectorise(wish.images[0], wish.size), SVG)
    return MadeFile(draw_svg(wish.prompt, wish.drawn_size, take), SVG)


def _raster(wish: GenerationRequest, take: int) -> MadeFile:
    model = wish.model
    media_type = JPEG if model.id in offered.JPEG_MODELS else wish.media_type
    if model.upscales:
        return encode(upscale(wish.images[0]), media_type)
    size = None if model.id in offered.SIZE_IGNORING_MODELS else wish.size
    if wish.images:
        change = Edit(wish.prompt, size, model.edits_where_transparent, take)
        return encode(edit(change, wish.images, wish.mask), media_type)
    return encode(draw(wish.prompt, size or DEFAULT_SIZE, wish.quality, take), media_type)

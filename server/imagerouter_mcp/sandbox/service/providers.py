"""From a valid request to the files that answer it."""

from imagerouter_mcp.sandbox.pictures.clips import clip
from imagerouter_mcp.sandbox.pictures.drawing import draw, draw_svg
from imagerouter_mcp.sandbox.pictures.editing import (
    Edit,
    UnusableSourceError,
    cut_out,
    edit,
    layers,
    upscale,
    vectorise,
)
from imagerouter_mcp.sandbox.pictures.encoding import encode
from imagerouter_mcp.sandbox.pictures.media import DEFAULT_SIZE, JPEG, PNG, SVG, MadeFile
from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.error_answers import provider_error
from imagerouter_mcp.sandbox.service.oddities import ODD_PICTURES
from imagerouter_mcp.sandbox.service.validation import GenerationRequest


def make(wish: GenerationRequest) -> list[MadeFile]:
    """Make what was asked for; takes some 50 ms for 1024x1024 pixels, so call it in a thread.

    Raises:
        RefusedError: A source image cannot be used.
    """
    try:
        return _make(wish)
    except UnusableSourceError as error:
        raise provider_error(400, "Bad Request", str(error)) from error


def _make(wish: GenerationRequest) -> list[MadeFile]:
    if wish.fault and wish.fault.name in ODD_PICTURES:
        return [ODD_PICTURES[wish.fault.name](wish.prompt, wish.drawn_size)]
    if wish.model.is_video:
        return [clip(wish.video_size, wish.seconds)]
    if wish.model.id in offered.SVG_MODELS:
        return [_vector(wish)]
    if wish.model.id == offered.CUTOUT_MODEL:
        return [encode(cut_out(wish.images[0]), PNG)]
    if wish.model.id == offered.LAYERED_MODEL:
        return [encode(layer, PNG) for layer in layers(wish.images[0], wish.size)]
    return [_raster(wish)]


def _vector(wish: GenerationRequest) -> MadeFile:
    if wish.images:
        return MadeFile(vectorise(wish.images[0], wish.size), SVG)
    return MadeFile(draw_svg(wish.prompt, wish.model.id, wish.drawn_size), SVG)


def _raster(wish: GenerationRequest) -> MadeFile:
    model = wish.model
    media_type = JPEG if model.id in offered.JPEG_MODELS else wish.media_type
    if model.upscales:
        return encode(upscale(wish.images[0]), media_type)
    size = None if model.id in offered.SIZE_IGNORING_MODELS else wish.size
    if wish.images:
        change = Edit(wish.prompt, model.id, size, model.edits_where_transparent)
        return encode(edit(change, wish.images, wish.mask), media_type)
    return encode(draw(wish.prompt, model.id, size or DEFAULT_SIZE, wish.quality), media_type)

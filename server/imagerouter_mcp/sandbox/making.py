"""From a valid request to the files that answer it."""

from imagerouter_mcp.sandbox import catalogue
from imagerouter_mcp.sandbox.clips import clip
from imagerouter_mcp.sandbox.drawing import draw, draw_svg
from imagerouter_mcp.sandbox.editing import Edit, cut_out, edit, layers, upscale, vectorise
from imagerouter_mcp.sandbox.encoding import encode
from imagerouter_mcp.sandbox.media import DEFAULT_SIZE, JPEG, PNG, SVG, MadeFile
from imagerouter_mcp.sandbox.oddities import ODD_PICTURES
from imagerouter_mcp.sandbox.requests import GenerationRequest


def make(wish: GenerationRequest) -> list[MadeFile]:
    """Make what was asked for; takes some 50 ms for 1024x1024 pixels, so call it in a thread.

    Raises:
        RefusedError: A source image cannot be used.
    """
    if wish.fault and wish.fault.name in ODD_PICTURES:
        return [ODD_PICTURES[wish.fault.name](wish.prompt, wish.drawn_size)]
    if wish.model.is_video:
        return [clip(wish.video_size, wish.seconds)]
    if wish.model.id in catalogue.SVG_MODELS:
        return [_vector(wish)]
    if wish.model.id == catalogue.CUTOUT_MODEL:
        return [encode(cut_out(wish.images[0]), PNG)]
    if wish.model.id == catalogue.LAYERED_MODEL:
        return [encode(layer, PNG) for layer in layers(wish.images[0], wish.size)]
    return [_raster(wish)]


def _vector(wish: GenerationRequest) -> MadeFile:
    if wish.images:
        return MadeFile(vectorise(wish.images[0], wish.size), SVG)
    return MadeFile(draw_svg(wish.prompt, wish.model.id, wish.drawn_size), SVG)


def _raster(wish: GenerationRequest) -> MadeFile:
    model = wish.model
    media_type = JPEG if model.id in catalogue.JPEG_MODELS else wish.media_type
    if model.upscales:
        return encode(upscale(wish.images[0]), media_type)
    size = None if model.id in catalogue.SIZE_IGNORING_MODELS else wish.size
    if wish.images:
        change = Edit(wish.prompt, model.id, size, model.edits_where_transparent)
        return encode(edit(change, wish.images, wish.mask), media_type)
    return encode(draw(wish.prompt, model.id, size or DEFAULT_SIZE, wish.quality), media_type)

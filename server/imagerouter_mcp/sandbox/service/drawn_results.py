"""From a valid request to the files that answer it; needs Pillow."""

from imagerouter_mcp.sandbox.pictures.clips import clip
from imagerouter_mcp.sandbox.pictures.conversions import (
    UnusableSourceError,
    cut_out,
    layers,
    open_picture,
    upscale,
    vectorise,
)
from imagerouter_mcp.sandbox.pictures.edits import Edit, edit
from imagerouter_mcp.sandbox.pictures.encoding import encode, encode_pages, resized
from imagerouter_mcp.sandbox.pictures.media import DEFAULT_SIZE, JPEG, PNG, SVG, MadeFile
from imagerouter_mcp.sandbox.pictures.scene import draw
from imagerouter_mcp.sandbox.pictures.vectors import draw_svg
from imagerouter_mcp.sandbox.service import traits
from imagerouter_mcp.sandbox.service.providers import status_error
from imagerouter_mcp.sandbox.service.validation import ValidRequest


def draw_result(request: ValidRequest) -> list[MadeFile]:
    """Draw what was asked for; takes some 100 ms for 1024x1024 pixels, so call it in a thread.

    Raises:
        ProviderError: A source image cannot be used.
    """
    try:
        return _drawn(request)
    except UnusableSourceError as error:
        raise status_error(400, "Bad Request", str(error)) from error


def _drawn(request: ValidRequest) -> list[MadeFile]:
    model = request.model
    if model.is_video:
        return [clip(request.prompt or "", request.video_size, request.seconds)]
    if model.fixed_format == SVG:
        return [_vector(request)]
    if request.images and model.paid_id == traits.CUTOUT_MODEL:
        return [encode(cut_out(request.images[0]), PNG)]
    if request.images and model.id == traits.LAYERED_MODEL:
        return [encode_pages(layers(request.images[0], request.size))]
    if request.images and model.id in traits.ECHOES:
        source = open_picture(request.images[0])
        return [encode(resized(source, request.size or source.size), request.media_type)]
    return [_raster(request)]


def _vector(request: ValidRequest) -> MadeFile:
    if request.images:
        return MadeFile(vectorise(request.images[0], request.size), SVG)
    return MadeFile(draw_svg(request.prompt or "", request.drawn_size, request.take), SVG)


def _raster(request: ValidRequest) -> MadeFile:
    model, prompt = request.model, request.prompt or ""
    media_type = model.fixed_format or request.media_type
    if request.images and model.upscales:
        return encode(upscale(request.images[0]), media_type)
    size = None if model.ignores_size else request.size
    if request.images:
        change = Edit(prompt, size, where_transparent=False, take=request.take)
        picture = edit(change, request.images, request.mask)
    else:
        picture = draw(prompt, size or DEFAULT_SIZE, request.quality, request.take)
    asked = "transparent" in prompt.lower() and media_type != JPEG
    if asked and model.paid_id in traits.TRANSPARENT_IF_ASKED:
        picture = cut_out(encode(picture, PNG).data)
    return encode(picture, media_type)

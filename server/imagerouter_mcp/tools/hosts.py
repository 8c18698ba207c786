"""What differs from host to host: the preview, and how a picture reaches a chat."""

from collections.abc import Sequence

from mcp.types import CallToolResult

from imagerouter_mcp.gallery.entries import GalleryImage
from imagerouter_mcp.gallery.places import openclaw_folders
from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.generation.calls.outcome import Finished
from imagerouter_mcp.tools.parameters import AppContext
from imagerouter_mcp.tools.results import PreviewChoice, generation_result, place

OPENCLAW = "openclaw-bundle-mcp"
"""OpenClaw's name for itself as a client. It cuts results at 20,000 characters, and relays no picture to the
chat, only what a `MEDIA:` line in the agent's own reply names."""


def seconds_to_wait(ctx: AppContext) -> float:
    """Return after how many seconds a call is answered, with the result or with how to collect it."""
    return ctx.request_context.lifespan_context.settings.wait_seconds


async def host_result(ctx: AppContext, finished: Finished, preview: PreviewChoice) -> CallToolResult:
    """Return a generation tool's result in the form that suits the host.

    Args:
        ctx: The call's context.
        finished: What came of the call.
        preview: As the caller said.
    """
    app = ctx.request_context.lifespan_context
    settings, links = app.settings, app.links
    openclaw = _client_name(ctx) == OPENCLAW
    if preview == "auto":
        preview = "none" if openclaw else settings.preview
    media: list[str] = []
    if openclaw or settings.media_lines:
        images = [image for made in finished.results for image in made.record.images]
        media = media_lines(images, links, openclaw=openclaw)
    return await generation_result(finished, preview, media, links)


def media_lines(images: Sequence[GalleryImage], links: Links | None, *, openclaw: bool) -> list[str]:
    """The lines by which an agent attaches pictures to its reply.

    Args:
        images: The pictures.
        links: How who is far away reaches them, or None.
        openclaw: Whether only its own folders may be named by path, and all else by a public https address.
    """
    if links:
        named = [_public(place(image, links), image.url) for image in images]
    else:
        named = [_named(image, openclaw=openclaw) for image in images]
    return [f"MEDIA:{place}" for place in named if place]


def _public(*addresses: str | None) -> str | None:
    """The first address that a chat on another machine can open."""
    return next((each for each in addresses if each and each.startswith("https://")), None)


def _named(image: GalleryImage, *, openclaw: bool) -> str | None:
    public = _public(image.url)
    if image.path is None:
        return public
    if openclaw and public and not any(image.path.is_relative_to(folder) for folder in openclaw_folders()):
        return public
    return str(image.path)


def _client_name(ctx: AppContext) -> str | None:
    params = ctx.session.client_params
    return params.client_info.name if params else None

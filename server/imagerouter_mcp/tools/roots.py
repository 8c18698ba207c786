"""MCP roots: the folders that a host works in.

Relative paths begin there, and pictures may be read and saved there. A host is asked only where a call's
paths depend on it, and only over stdio: over HTTP its folders are on another machine.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anyio
from anyio import to_thread
from mcp import MCPError
from mcp.server.mcpserver.resolve import ListRoots
from mcp.types import ListRootsRequest, ListRootsResult
from mcp_types.version import is_version_at_least
from pydantic import ValidationError

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.settings import Settings, expand
from imagerouter_mcp.tools.consent import ASKS_IN_THE_RESULT
from imagerouter_mcp.tools.parameters import AppContext

_PATIENCE_SECONDS = 5.0
"""How long to wait for a host that says that it has roots, but does not send them."""
_SCHEME = re.compile(r"\w{2,}:")
"""Begins an address, a data URI or a mask in words; a drive of Windows has one letter."""
_LONGEST_PATH = 4096

Roots = ListRootsResult | ListRoots
"""What a resolver returns: the roots, or a request for them."""


async def ask_roots(ctx: AppContext, sources: Iterable[str], output_dir: str = "") -> Roots:
    """Return the host's roots, or ask for them; none where this call does not need them.

    Args:
        ctx: The call's context.
        sources: Source images and mask, as the caller named them.
        output_dir: Where to save, as the caller named it.
    """
    capabilities = ctx.client_capabilities
    has_roots = capabilities is not None and capabilities.roots is not None
    over_stdio = ctx.request_context.request is None
    settings = ctx.request_context.lifespan_context.present().settings
    if not (has_roots and over_stdio and await to_thread.run_sync(_matter, settings, [*sources], output_dir)):
        return ListRootsResult(roots=[])
    if is_version_at_least(ctx.session.protocol_version, ASKS_IN_THE_RESULT):
        return ListRoots()
    with anyio.move_on_after(_PATIENCE_SECONDS):
        try:
            return await ctx.session.send_request(ListRootsRequest(), ListRootsResult)
        except (MCPError, ValidationError):  # it has none after all
            pass
    return ListRootsResult(roots=[])


async def within_roots(order: Order, answer: ListRootsResult) -> Order:
    """Return an order whose relative paths begin in the host's roots, and which may use these folders."""
    roots = await to_thread.run_sync(_folders, answer) if answer.roots else ()
    if not roots:
        return order
    located = await to_thread.run_sync(_located, order.requests[0], roots)
    requests = [
        replace(request, images=located.images, mask=located.mask, output_dir=located.output_dir, roots=roots)
        for request in order.requests
    ]
    return replace(order, requests=tuple(requests))


def _matter(settings: Settings, sources: Sequence[str], output_dir: str) -> bool:
    from imagerouter_mcp.gallery.output_folders import output_places, permitted

    if any(_is_relative(text) for text in sources) or (settings.input_dirs and any(sources)):
        return True
    try:
        if output_dir:
            permitted(output_dir, output_places(settings))
    except PlanError:
        return True
    return False


def _folders(answer: ListRootsResult) -> tuple[Path, ...]:
    """Return the roots that are folders on this machine; the root of a file system does not count."""
    addresses = [urlsplit(str(root.uri)) for root in answer.roots]
    paths = [Path(url2pathname(parts.path)) for parts in addresses if parts.netloc in ("", "localhost")]
    return tuple(path for path in paths if _is_folder(path) and path.resolve() != Path(path.anchor))


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - `is_dir` raises for a name that is too long


def _located(request: Request, roots: Sequence[Path]) -> Request:
    """Return a request with absolute paths in place of relative ones."""
    folder = request.output_dir
    if _is_relative(folder):
        places = [root / expand(folder) for root in roots]
        folder = str(next((place for place in places if _is_folder(place)), places[0]))
    images = tuple(_found(text, roots) or _missing(text, roots) for text in request.images)
    mask = _found(request.mask, roots) or request.mask
    return replace(request, images=images, mask=mask, output_dir=folder)


def _found(text: str, roots: Sequence[Path]) -> str | None:
    """Return the path of the file that a relative path means, if there is one."""
    from imagerouter_mcp.images.written_paths import meant_file

    if not _is_relative(text) or not Path(text).suffix:
        return None
    return next((str(found) for root in roots if (found := meant_file(root / expand(text)))), None)


def _missing(text: str, roots: Sequence[Path]) -> str:
    """Return where a missing file was looked for first; any other text as it is."""
    return str(roots[0] / expand(text)) if _is_relative(text) and Path(text).suffix else text


def _is_relative(text: str) -> bool:
    """Return whether a text may be a relative path: no handle, address, data or mask in words."""
    from imagerouter_mcp.gallery.uploads import is_upload
    from imagerouter_mcp.generation.handles import is_handle
    from imagerouter_mcp.images.source_images import is_data

    text = text.strip()
    if not text or len(text) > _LONGEST_PATH or _SCHEME.match(text):
        return False
    if is_handle(text) or is_upload(text) or is_data(text):
        return False
    try:
        return not expand(text).is_absolute()
    except RuntimeError:  # no home folder
        return False

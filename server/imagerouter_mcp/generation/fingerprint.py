"""When two calls ask for the same: equal tools, equal arguments, equal sources."""

import hashlib
import json
from dataclasses import asdict, replace

from anyio import to_thread

from imagerouter_mcp.generation.recall import is_last
from imagerouter_mcp.generation.request import Order
from imagerouter_mcp.generation.studio import Studio
from imagerouter_mcp.settings import expand


async def fingerprint_of(studio: Studio, order: Order) -> str:
    """The same for calls that ask for the same.

    A file that has changed since is another source. `last` is the newest result that somebody was told of:
    a call that is repeated because its answer was lost does not build on its own result.

    Args:
        studio: Holds the gallery.
        order: A call.
    """
    first = order.requests[0]
    sources = [await to_thread.run_sync(_source, studio, text) for text in (*first.images, first.mask)]
    requests = [asdict(replace(request, images=(), mask="")) for request in order.requests]
    whole = json.dumps([order.tool, requests, sources])
    return hashlib.sha256(whole.encode()).hexdigest()


def _source(studio: Studio, text: str) -> list[object]:
    if is_last(text):
        newest = studio.gallery.newest_told()
        return [newest.generation if newest else text]
    path = expand(text)
    try:
        found = path.stat() if path.is_absolute() else None
    except (OSError, ValueError):  # not a path, or not one of this machine
        found = None
    if found is None:
        return [text]
    return [text, found.st_size, found.st_mtime_ns]

"""Serve the gallery page by page, for people who look through it."""

from datetime import date
from typing import Any, get_args

from anyio import to_thread
from mcp.server import MCPServer
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.browsing import MOST_ON_A_PAGE, Kind, Shown, Wanted
from imagerouter_mcp.gallery.days import named_day
from imagerouter_mcp.http_app.error_response import error_response
from imagerouter_mcp.http_app.exposure import STUDIO
from imagerouter_mcp.http_app.studio.small_json import answer, unusable
from imagerouter_mcp.wiring import App

_USUAL_LIMIT = 120
_LONGEST_QUERY = 1000
_PROMPT = 400
"""Characters of a prompt in a list; the record's resource has all of it."""


def add_browsing(server: MCPServer[Apps], apps: Apps) -> None:
    """Add `/studio/gallery` and `/studio/filters`.

    Args:
        server: The server being built.
        apps: Hold the galleries.
    """

    @server.custom_route(f"{STUDIO}gallery", methods=["GET"])
    async def gallery(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        try:
            which, anchor, offset, limit = _read(request.query_params)
        except ValueError as error:
            return error_response(400, f"{error}")
        app = apps.present()
        try:
            return answer(await to_thread.run_sync(_page, app, which, anchor, offset, limit))
        except ImageRouterError as error:
            return unusable(app, error)

    @server.custom_route(f"{STUDIO}filters", methods=["GET"])
    async def filters(_: Request) -> Response:  # pyright: ignore[reportUnusedFunction] - the route holds it
        app = apps.present()
        try:
            models = await to_thread.run_sync(app.browsing.models)
        except ImageRouterError as error:
            return unusable(app, error)
        return answer({"models": [{"model": model, "generations": made} for model, made in models]})


def _page(app: App, which: Wanted, anchor: int | None, offset: int, limit: int) -> dict[str, object]:
    page = app.browsing.page(which, anchor, offset, limit)
    pictures = [_fields(picture) for picture in page.pictures]
    return {"total": page.total, "anchor": page.anchor, "pictures": pictures}


def _fields(picture: Shown) -> dict[str, Any]:
    return {
        "handle": picture.handle,
        "number": picture.number,
        "kind": picture.kind,
        "width": picture.width,
        "height": picture.height,
        "seconds": picture.seconds,
        "bytes": picture.bytes,
        "media_type": picture.media_type,
        "prompt": picture.prompt[:_PROMPT],
        "model": picture.model,
        "cost_usd": picture.cost_usd,
        "created": picture.created_at.isoformat(timespec="seconds"),
        "missing": not picture.here,
        "generation": picture.generation,
        "call": picture.call,
    }


def _read(query: QueryParams) -> tuple[Wanted, int | None, int, int]:
    """Return which pictures are asked for, and the anchor, the offset and the limit of the page.

    Raises:
        ValueError: A value cannot be read; the text is a sentence.
    """
    text, kind = query.get("query", ""), query.get("kind") or None
    if len(text) > _LONGEST_QUERY:
        raise ValueError(f"Search for at most {_LONGEST_QUERY} characters.")
    kinds: dict[str, Kind] = {each: each for each in get_args(Kind)}
    if kind is not None and kind not in kinds:
        raise ValueError(f"A kind is {' or '.join(kinds)}.")
    which = Wanted(
        text.strip(),
        kinds[kind] if kind else None,
        query.get("model") or None,
        _day(query, "since"),
        _day(query, "until"),
    )
    anchor = _number(query, "anchor", -1)
    return (
        which,
        None if anchor < 0 else anchor,
        _number(query, "offset", 0),
        min(_number(query, "limit", _USUAL_LIMIT), MOST_ON_A_PAGE),
    )


def _number(query: QueryParams, name: str, usual: int) -> int:
    text = query.get(name)
    if text is None:
        return usual
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):  # noqa: PLR2004 - fits SQLite's integers
        raise ValueError(f"{name} is a whole number from 0 on.")
    return int(text)


def _day(query: QueryParams, name: str) -> date | None:
    text = query.get(name)
    try:
        return named_day(text) if text else None
    except ValueError:
        raise ValueError(f"{name} is a day such as 2026-11-23.") from None

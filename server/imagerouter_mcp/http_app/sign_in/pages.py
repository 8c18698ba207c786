"""Render the sign-in pages from the files in `views/sign_in/`, with escaped texts."""

from collections.abc import Awaitable, Callable
from functools import cache
from html import escape
from string import Template

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from imagerouter_mcp.http_app.sign_in_paths import SCRIPT, STYLE
from imagerouter_mcp.http_app.studio.static_page import PAGE_HEADERS
from imagerouter_mcp.views.document import joined_sheet, short

_FOLDER = "sign_in/"
# There is no `form-action`: Chromium applies it to every redirect after a form, and hosts redirect from their
# registered address to further ones of their own, such as `claude://`.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_HEADERS = {
    **PAGE_HEADERS,
    "Content-Security-Policy": _POLICY,
    # Without a referrer, browsers would send this page's own forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page(file: str, /, status: int = 200, **texts: str) -> Response:
    """Return a page.

    Args:
        file: The page's file name without its extension.
        status: The HTTP status.
        texts: Values for the file's placeholders.
    """
    shown = {place: escape(text) for place, text in texts.items()}
    content = _template("frame").substitute(content=_template(file).substitute(shown), title=shown["title"])
    return HTMLResponse(content, status, _HEADERS)


def notice_page(status: int, title: str, sentence: str) -> Response:
    """Return a page that only shows a message."""
    return page("notice", status, title=title, sentence=sentence)


def shown_if(condition: object) -> str:
    """Return the attribute that hides a part unless the condition holds."""
    return "" if condition else "hidden"


@cache
def _template(name: str) -> Template:
    return Template(short(f"{_FOLDER}{name}.html"))


def file_routes() -> list[Route]:
    """Return the routes of the pages' style sheet and script."""
    return [
        Route(STYLE, _file(joined_sheet, "sign_in.css", "text/css"), methods=["GET"]),
        Route(SCRIPT, _file(short, "invitation.js", "text/javascript"), methods=["GET"]),
    ]


def _file(read: Callable[[str], str], name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    read_once = cache(read)

    async def answer(_: Request) -> Response:
        headers = {**PAGE_HEADERS, "Cache-Control": "max-age=300"}
        return Response(read_once(_FOLDER + name), media_type=media_type, headers=headers)

    return answer

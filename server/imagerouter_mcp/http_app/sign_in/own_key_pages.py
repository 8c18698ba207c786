"""Serve the page where people store, replace or remove their own ImageRouter key.

People without a usable key see it before the consent page. Anyone who is signed in can open it.
"""

from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlencode

from anyio import to_thread
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.generation.calls.keys_in_use import KeysInUse
from imagerouter_mcp.http_app.sign_in.limit import Limit
from imagerouter_mcp.http_app.sign_in.pages import notice_page, page, shown_if
from imagerouter_mcp.http_app.sign_in_paths import CONSENT, SIGN_IN_PAGE
from imagerouter_mcp.people.api_keys import ApiKeys, StoredKey, ending
from imagerouter_mcp.people.person import API_KEY_PAGE
from imagerouter_mcp.settings import KEYS_PAGE, key_complaint

KEYS_PER_SECOND = 0.5
"""Keys per second that one network may try, with bursts of five."""
_LONGEST = 4096
_SEE_OTHER = 303
_LATER = "later"


class Visits(Protocol):
    """Recognises who opens a page."""

    async def person(self, request: Request, /) -> tuple[str, str] | None:
        """Return the id and name of the signed-in person, or None."""
        ...

    async def is_from_our_page(self, request: Request, /) -> bool:
        """Return whether a form can have come from our own page."""
        ...


class OwnKeyPages:
    """Asks people for their keys.

    Args:
        stored: Stores the keys.
        keys: Returns the keys in use, which can check a new one.
        required: Whether people must pay with their own keys.
    """

    def __init__(self, stored: ApiKeys, keys: Callable[[], KeysInUse], *, required: bool) -> None:
        self._stored = stored
        self._keys = keys
        self._required = required
        self._tries = Limit(KEYS_PER_SECOND)

    def routes(self, visits: Visits) -> list[Route]:
        """Return the routes of the page."""

        async def show(request: Request) -> Response:
            handle = request.query_params.get("request", "")
            person = await visits.person(request)
            if person is None:
                return RedirectResponse(_with(SIGN_IN_PAGE, request=handle), _SEE_OTHER)
            return await self._page(person[0], handle)

        async def change(request: Request) -> Response:
            if not await visits.is_from_our_page(request):
                return notice_page(403, "This did not come from our page", "Start again in your app.")
            form = await request.form()
            handle = str(form.get("request", ""))
            person = await visits.person(request)
            if person is None:
                return RedirectResponse(_with(SIGN_IN_PAGE, request=handle), _SEE_OTHER)
            if form.get("decision") == "remove":
                await to_thread.run_sync(self._stored.remove, person[0])
                return RedirectResponse(_with(API_KEY_PAGE, request=handle), _SEE_OTHER)
            return await self._store(request, person[0], str(form.get("api_key", "")).strip(), handle)

        return [
            Route(API_KEY_PAGE, show, methods=["GET"]),
            Route(API_KEY_PAGE, change, methods=["POST"]),
        ]

    async def ask(self, request: Request, person: str, handle: str) -> Response | None:
        """Redirect to this page if the person must be asked for a key before they allow an app."""
        if request.query_params.get("key") == _LATER and not self._required:
            return None
        stored = await to_thread.run_sync(self._stored.find, person)
        usable = stored and stored.key and not stored.refused
        return None if usable else RedirectResponse(_with(API_KEY_PAGE, request=handle), _SEE_OTHER)

    async def _store(self, request: Request, person: str, key: str, handle: str) -> Response:
        """Check a key, and store it if the service accepts it."""
        if self._tries.refuses(request):
            told = "Too many keys were tried. Wait a minute, then try again."
            return await self._page(person, handle, told, 429)
        complaint = "is missing" if not key else key_complaint(key)
        if complaint or len(key) > _LONGEST:
            told = f"The key {complaint or 'is too long'}. Copy it again from {KEYS_PAGE}."
            return await self._page(person, handle, told, 400)
        try:
            await self._keys().check(SecretStr(key))
            await to_thread.run_sync(self._stored.store, person, SecretStr(key))
        except ImageRouterError as error:
            return await self._page(person, handle, f"{error.what} {error.remedy}", 400)
        return RedirectResponse(_with(CONSENT if handle else API_KEY_PAGE, request=handle), _SEE_OTHER)

    async def _page(self, person: str, handle: str, complaint: str = "", status: int = 200) -> Response:
        stored = await to_thread.run_sync(self._stored.find, person)
        return page(
            "api_key",
            status,
            title="Your ImageRouter key",
            optional=shown_if(not self._required),
            required=shown_if(self._required),
            stored=shown_if(stored),
            state=_state(stored),
            skip="Keep it as it is" if stored else "Continue without a key",
            button="Replace the key" if stored else "Store the key",
            handle=handle,
            complaint=complaint,
            wrong=shown_if(complaint),
            waiting=shown_if(handle and not self._required),
            other=shown_if(stored or (handle and not self._required)),
        )


def _state(stored: StoredKey | None) -> str:
    if stored is None:
        return ""
    if stored.key is None:
        return "Your key can no longer be decrypted. Store it again."
    if stored.refused:
        return (
            f"ImageRouter refused your key {ending(stored.key)}, so it is no longer used. Store another one."
        )
    return f"Your key {ending(stored.key)} pays for your pictures."


def _with(path: str, **parameters: str) -> str:
    given = {name: value for name, value in parameters.items() if value}
    return f"{path}?{urlencode(given)}" if given else path

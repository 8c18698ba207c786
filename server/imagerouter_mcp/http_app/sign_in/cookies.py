"""Set and read the two sign-in cookies: who is signed in, and which browser sent a request.

Over https their names begin with `__Host-`, so that no other host can set them. Over http, which is used only
on this machine, browsers reject such names.
"""

from starlette.requests import Request
from starlette.responses import Response

from imagerouter_mcp.sign_in.invitations import BROWSER_SECONDS
from imagerouter_mcp.sign_in.waiting import DECIDE_SECONDS, Asked

_NAMED_BY = 16
"""Characters of a handle that name its cookie, so that several requests can wait in one browser."""
MOST_WAITING = 20
"""How many of them may: proxies refuse requests with too many cookies."""


class Cookies:
    """Sets the cookies and reads them.

    Args:
        secure: Whether browsers connect over https.
    """

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        self._prefix = "__Host-imagerouter" if secure else "imagerouter"

    def bind(self, request: Request, answer: Response, asked: Asked) -> None:
        """Bind a request to the browser that sent it; the oldest one gives way if many wait there."""
        begin = self._of_request("")
        waiting = [name.removeprefix(begin) for name in request.cookies if name.startswith(begin)]
        for handle in waiting[: 1 - MOST_WAITING]:  # browsers send the oldest cookie first
            self.unbind(answer, handle)
        self._set(answer, self._of_request(asked.handle), asked.browser, DECIDE_SECONDS)

    def asked(self, request: Request, handle: str) -> Asked:
        """Return a request's handle with the secret in the browser's cookie."""
        return Asked(handle, request.cookies.get(self._of_request(handle), ""))

    def unbind(self, answer: Response, handle: str) -> None:
        """Delete the cookie of a decided request."""
        self._set(answer, self._of_request(handle), "", 0)

    def sign_in(self, answer: Response, secret: str) -> None:
        """Keep the browser signed in."""
        self._set(answer, f"{self._prefix}-person", secret, BROWSER_SECONDS)

    def signed_in(self, request: Request) -> str:
        """Return the secret of a signed-in browser, or an empty string."""
        return request.cookies.get(f"{self._prefix}-person", "")

    def sign_out(self, answer: Response) -> None:
        """Delete the cookie that keeps the browser signed in."""
        self._set(answer, f"{self._prefix}-person", "", 0)

    def _of_request(self, handle: str) -> str:
        # The handle comes from the URL, so it may hold characters that would end the cookie's name.
        letters = "".join(c for c in handle[:_NAMED_BY] if c.isascii() and (c.isalnum() or c in "-_"))
        return f"{self._prefix}-request-{letters}"

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name, value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

"""How a request is refused before any tool sees it."""

from collections.abc import Mapping

from starlette.responses import JSONResponse


def refusal(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that says why a request is not served.

    Args:
        status: Of HTTP.
        sentence: What is wrong and what to do; without anything that the request said.
        headers: Further ones.
    """
    return JSONResponse({"error": sentence}, status, {"Cache-Control": "no-store", **(headers or {})})

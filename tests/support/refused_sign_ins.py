"""How an attempt to sign in was refused, in a few words."""

import re

import httpx

from support.signing_in import REDIRECT

WEB = "https://app.example/callback"
"""A redirect address that the attacked clients register."""


def said(answer: httpx.Response) -> str:
    """Return how an attempt was refused; fail if it was not."""
    if answer.is_redirect:
        location = httpx.URL(answer.headers["location"])
        assert "error" in location.params, location
        assert str(location).startswith((REDIRECT, WEB)), location
        return f"the client is told {location.params['error']}"
    assert answer.status_code >= 400, answer.text
    if answer.headers["content-type"].startswith("application/json"):
        return f"{answer.status_code}, {answer.json()['error']}"
    heading = re.search(r"<h1>(.*?)</h1>", answer.text)
    assert heading, answer.text
    return f"{answer.status_code}, a page: {heading[1]}"

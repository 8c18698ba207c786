"""Check signing in from outside: metadata, registration, the token endpoint, the authorization endpoint."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from imagerouter_mcp.cli.checks import Finding
from imagerouter_mcp.cli.remote_requests import NoReplyError, Reply, Request, ask, post_json

_RESOURCE = "/.well-known/oauth-protected-resource"
_SERVER = "/.well-known/oauth-authorization-server"
_OPENID = "/.well-known/openid-configuration"
_PROVIDER = "/sign-in/openid"
"""Where the sign-in page sends a browser on to an OpenID provider."""
_GUESSED = ("/authorize", "/token", "/register")
"""Paths that hosts have guessed in place of reading the metadata."""
_REDIRECTS = 3
_CALLBACK = "http://127.0.0.1:33418/callback"
_ELSEWHERE = "http://elsewhere.example/callback"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""That of RFC 7636's appendix B."""


def sign_in_findings(url: str, asked: str) -> Iterator[Finding]:
    """Check how people sign in.

    Args:
        url: The MCP address, as people type it.
        asked: The `WWW-Authenticate` of its 401.
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    named = re.search(r'resource_metadata="([^"]+)"', asked)
    document = ask(Request(named[1])) if named else Reply(0, {})
    yield _resource(url, document)
    yield _same(document, {path: ask(Request(origin + path)) for path in (_RESOURCE, _RESOURCE + parts.path)})
    servers = _list(document.json, "authorization_servers")
    if not servers:
        return
    issuer = str(servers[0])
    yield _issuer(origin, servers)
    if not issuer.startswith(("https://", "http://")):
        return
    if issuer != origin:
        yield _company(issuer)
        return
    metadata = ask(Request(f"{urlsplit(issuer).scheme}://{urlsplit(issuer).netloc}{_SERVER}")).json
    yield _metadata(issuer, metadata)
    yield from _registration(url, issuer, metadata)
    yield Finding("hosts", "ok", "Hosts that sign in, such as claude.ai, need only the address.")


def _resource(url: str, document: Reply) -> Finding:
    resource = document.json.get("resource")
    if resource == url:
        return Finding("resource", "ok", "The resource's metadata names this address exactly.")
    what = f"The resource's metadata names {str(resource)[:100]!r} and not {url}."
    remedy = "Set IMAGEROUTER_PUBLIC_URL to the address that people type, without /mcp."
    return Finding("resource", "failure", what, remedy)


def _same(document: Reply, others: dict[str, Reply]) -> Finding:
    lacking = [path for path, reply in others.items() if reply.json != document.json]
    if lacking:
        what = f"The metadata is not at {' and '.join(lacking)}."
        return Finding("resource paths", "failure", what, "Have the proxy pass on /.well-known/.")
    return Finding("resource paths", "ok", "The metadata is at both of its addresses.")


def _issuer(origin: str, servers: list[Any]) -> Finding:
    if len(servers) > 1:
        what = "The metadata names several authorization servers; hosts only use the first."
        return Finding("issuer", "warning", what, "Name one.")
    if servers[0] != origin:
        what = f"People sign in at {str(servers[0])[:100]}, which is another origin."
        return Finding("issuer", "warning", what, "Some hosts only look for it at this origin.")
    return Finding("issuer", "ok", "People sign in at the same origin.")


def _company(issuer: str) -> Finding:
    """Check a company's own authorization server; register no client there, because it would stay."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    origin = f"{parts.scheme}://{parts.netloc}"
    described = [
        ask(Request(address)).json for address in (f"{origin}{_SERVER}{path}", f"{origin}{path}{_OPENID}")
    ]
    metadata = next((each for each in described if each.get("issuer") == issuer), None)
    if metadata is None:
        what = f"Neither {_SERVER} nor {_OPENID} there names {issuer} as its issuer."
        return Finding("company", "failure", what, "Correct IMAGEROUTER_JWT_ISSUER, to the letter.")
    if "S256" not in _list(metadata, "code_challenge_methods_supported"):
        what = f"{parts.netloc} does not offer PKCE with S256."
        return Finding("company", "failure", what, "Hosts refuse that. Turn it on there.")
    if not (metadata.get("registration_endpoint") or metadata.get("client_id_metadata_document_supported")):
        what = f"Apps cannot register themselves at {parts.netloc}, nor be described by a document."
        remedy = "Turn that on there, or sign people in here with IMAGEROUTER_OPENID_ISSUER instead."
        return Finding("company", "failure", what, remedy)
    return Finding("company", "ok", f"Apps can register at {parts.netloc}, and get their tokens there.")


def _metadata(issuer: str, metadata: dict[str, Any]) -> Finding:
    requirements = {
        f"issuer is not {issuer}": metadata.get("issuer") == issuer,
        "S256 is not offered": "S256" in _list(metadata, "code_challenge_methods_supported"),
        'clients cannot be public ("none")': "none"
        in _list(metadata, "token_endpoint_auth_methods_supported"),
        "clients' own metadata documents are not accepted": metadata.get(
            "client_id_metadata_document_supported"
        )
        is True,
        "answers have no iss": metadata.get("authorization_response_iss_parameter_supported") is True,
        **{
            f"{name} is not at {path}": metadata.get(f"{name}_endpoint") == issuer.rstrip("/") + path
            for name, path in zip(("authorization", "token", "registration"), _GUESSED, strict=True)
        },
    }
    wrong = [what for what, holds in requirements.items() if not holds]
    if wrong:
        what = f"The authorization server's metadata: {'; '.join(wrong)}."
        return Finding("sign-in metadata", "failure", what, "Hosts refuse it, or guess. Correct it there.")
    return Finding("sign-in metadata", "ok", "The authorization server's metadata has what hosts look for.")


def _list(metadata: dict[str, Any], name: str) -> list[Any]:
    found = metadata.get(name)
    return list(found) if isinstance(found, list) else []  # pyright: ignore[reportUnknownArgumentType] - JSON


def _registration(url: str, issuer: str, metadata: dict[str, Any]) -> Iterator[Finding]:
    endpoint = metadata.get("registration_endpoint")
    if not isinstance(endpoint, str):
        what = "Clients cannot register themselves."
        yield Finding("registration", "unknown", what, "opencode, Cursor and others need that.")
        return
    made = _registered(endpoint, _CALLBACK)
    client = made.json.get("client_id")
    lacking = [name for name, value in made.json.items() if value is None]
    expires = made.json.get("client_secret_expires_at", 0)
    if (
        made.status != HTTPStatus.CREATED
        or not isinstance(client, str)
        or lacking
        or not isinstance(expires, int)
    ):
        what = f"Registering a client gives status {made.status}" + (
            f" and null for {', '.join(lacking)}." if lacking else ", or not what RFC 7591 says."
        )
        yield Finding("registration", "failure", what, "Hosts give up here.")
        return
    yield Finding("registration", "ok", "Clients can register, with offline_access too.")
    if _registered(endpoint, _ELSEWHERE).status == HTTPStatus.CREATED:
        what = "A client may be answered at an http address elsewhere, where codes can be read."
        yield Finding("redirect addresses", "failure", what, "Allow https and loopback only.")
    else:
        yield Finding("redirect addresses", "ok", "Only https and loopback addresses are accepted.")
    yield _token(str(metadata.get("token_endpoint", f"{issuer}/token")), client)
    yield from _authorize(
        str(metadata.get("authorization_endpoint", f"{issuer}/authorize")), client, url, issuer
    )


def _registered(endpoint: str, callback: str) -> Reply:
    return post_json(
        endpoint,
        {
            "client_name": "imagerouter-mcp doctor",
            "redirect_uris": [callback],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": "offline_access",
        },
    )


def _token(endpoint: str, client: str) -> Finding:
    dead = _refreshed(endpoint, client)
    unknown = _refreshed(endpoint, "nobody")
    shown = [
        (dead, 400, "invalid_grant", "a dead refresh token"),
        (unknown, 401, "invalid_client", "a client that was deleted"),
    ]
    wrong = [
        f"{what} gets {reply.status} {str(reply.json.get('error'))[:40]} in place of {status} {error}"
        for reply, status, error, what in shown
        if (reply.status, reply.json.get("error")) != (status, error)
    ]
    if wrong:
        what = f"At the token endpoint {'; '.join(wrong)}."
        return Finding("token", "failure", what, "Hosts only sign in again after these errors.")
    return Finding("token", "ok", "Dead tokens and deleted clients get the errors that hosts expect.")


def _refreshed(endpoint: str, client: str) -> Reply:
    form = {"grant_type": "refresh_token", "refresh_token": "none", "client_id": client}
    return ask(Request(endpoint, "POST", _FORM, urlencode(form).encode()))


def _authorize(endpoint: str, client: str, url: str, issuer: str) -> Iterator[Finding]:
    asking = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": _CALLBACK,
        "code_challenge": _CHALLENGE,
        "code_challenge_method": "S256",
        "resource": url,
        "state": "doctor",
    }
    shown = _page(f"{endpoint}?{urlencode(asking)}")
    if shown.status >= HTTPStatus.BAD_REQUEST:
        what = f"A new sign-in ends with status {shown.status}."
        yield Finding("sign-in page", "failure", what, "Look at the server's log.")
    elif shown.location.netloc == urlsplit(_CALLBACK).netloc:
        what = "A new client gets a code, and nobody is asked."
        yield Finding("sign-in page", "failure", what, "Every new client needs the person's consent.")
    elif shown.status == HTTPStatus.OK and not _cannot_be_framed(shown):
        what = "Other pages can show the sign-in page in a frame, and have people click there."
        yield Finding("sign-in page", "failure", what, "Have the proxy pass on Content-Security-Policy.")
    else:
        yield Finding("sign-in page", "ok", "A person is asked, on a page that cannot be framed.")
    yield from _provider(issuer)
    refused = ask(Request(f"{endpoint}?{urlencode({**asking, 'response_type': 'token'})}"))
    answer = parse_qs(refused.location.query)
    if "error" not in answer:
        remedy = "A refusal should come back to the client."
        yield Finding("iss", "unknown", "The server answers a wrong request itself.", remedy)
    elif answer.get("iss") != [issuer]:
        what = "Refusals come back to clients without iss."
        yield Finding("iss", "failure", what, "ChatGPT needs it in every answer (RFC 9207).")
    else:
        yield Finding("iss", "ok", "Refusals come back to clients with iss.")


def _provider(issuer: str) -> Iterator[Finding]:
    """Begin a sign-in at the OpenID provider, up to its own page; find nothing if there is no provider."""
    sent = ask(Request(issuer + _PROVIDER, "POST", _FORM))
    there = sent.location.netloc
    if sent.status == HTTPStatus.SERVICE_UNAVAILABLE:
        what = "The server cannot ask its OpenID provider."
        yield Finding("provider", "failure", what, "Press the button on the sign-in page: it says why.")
    elif sent.status == HTTPStatus.SEE_OTHER and there:
        try:
            shown = ask(Request(sent.headers["location"])).status
        except NoReplyError:
            what = f"People can sign in at {there}, which does not answer here."
            yield Finding("provider", "unknown", what, "It has to answer where their browsers are.")
            return
        if shown >= HTTPStatus.BAD_REQUEST:
            what = f"{there} refuses this server's sign-ins (status {shown})."
            remedy = f"Register {issuer}/sign-in/callback there, and check the client id."
            yield Finding("provider", "failure", what, remedy)
        else:
            yield Finding("provider", "ok", f"People can sign in at {there} too.")


def _page(address: str) -> Reply:
    """Return what an address shows, after redirects within its origin, with cookies as a browser has them."""
    shown = ask(Request(address))
    for _ in range(_REDIRECTS):
        there = urljoin(address, shown.headers.get("location", address))
        if there == address or urlsplit(there).netloc != urlsplit(address).netloc:
            break
        address, shown = there, ask(Request(there, headers={"Cookie": shown.cookies}))
    return shown


def _cannot_be_framed(page: Reply) -> bool:
    policy = page.headers.get("content-security-policy", "")
    return "frame-ancestors 'none'" in policy or page.headers.get("x-frame-options", "").upper() == "DENY"

"""A small OpenID provider, as a process of its own, that is strict with its clients and lies on demand.

Whoever opens `/authorize` is signed in at once. `Provider.told` changes what it says, and how it cheats.
"""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus, unquote_plus, urlencode

import httpx
import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

CLIENT = "pictures server"
"""With a space, which has to be encoded where a client shows it."""
SECRET = "a secret: with a colon, and 100%"  # noqa: S105 - it opens nothing
ANN = {"sub": "ann-1", "name": "Ann", "email": "ann@corp.example", "email_verified": True}
_LIFE_SECONDS = 300


class Provider:
    """Controls a provider that runs.

    Args:
        issuer: Its address.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._http = httpx.Client(base_url=issuer, trust_env=False, timeout=60)

    def told(self, **changes: object) -> None:
        """Have it behave as it does at first, but for some changes; see `_Behaviour`."""
        content = json.dumps(changes)  # httpx would refuse half a surrogate pair
        self._http.post("/control", content=content).raise_for_status()

    def rotate(self) -> None:
        """Have it sign with new keys, and publish only these."""
        self._http.post("/rotate").raise_for_status()

    def token(self, claims: dict[str, Any], **header: object) -> str:
        """Have it sign claims."""
        wanted = json.dumps({"claims": claims, "header": header})  # httpx would refuse an infinity
        return self._http.post("/sign", content=wanted).json()["token"]

    def asked(self) -> dict[str, int]:
        """Return how often each path was requested."""
        return self._http.get("/asked").json()

    def authorize(self, address: str) -> str:
        """Open the address to which a browser was sent, and return where the browser is sent back to."""
        answer = self._http.get(address)
        assert answer.is_redirect, answer.text
        return answer.headers["location"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


@contextmanager
def openid_provider() -> Generator[Provider]:
    """Run a provider on loopback until the block ends."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - this file
        assert process.stdout
        provider = Provider(process.stdout.readline().strip())
        try:
            yield provider
        finally:
            provider.close()
            process.terminate()


class _Behaviour:
    """What the provider does; `/control` sets these fields anew."""

    def __init__(self, changes: dict[str, Any]) -> None:
        self.claims: dict[str, Any] = {**ANN, **changes.get("claims", {})}
        """What it says of whoever signs in."""
        self.token: dict[str, Any] = changes.get("token", {})
        """What an ID token says in place of what is right; null leaves a claim out."""
        self.header: dict[str, Any] = changes.get("header", {})
        """The same of its header."""
        self.signature: str = changes.get("signature", "right")
        """`right`, `none`, `hmac` with the public key, `stranger`, or `broken`."""
        self.answer: dict[str, Any] = changes.get("answer", {})
        """What its redirect says in place of what is right."""
        self.metadata: dict[str, Any] = changes.get("metadata", {})
        """What its description says in place of what is right."""
        self.further: dict[str, Any] | None = changes.get("further")
        """What it tells at the endpoint for that, if anything."""
        self.down: list[str] = changes.get("down", [])
        """Paths that answer with 503."""
        self.keys: list[Any] | None = changes.get("keys")
        """What it publishes in place of its keys."""


class _Service:
    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.behaviour = _Behaviour({})
        self.codes: dict[str, dict[str, str]] = {}
        self.counts: dict[str, int] = {}
        self.stranger = rsa.generate_private_key(65537, 2048)
        self.rotate()

    def rotate(self) -> None:
        self.key = rsa.generate_private_key(65537, 2048)
        self.curve = ec.generate_private_key(ec.SECP256R1())
        self.kid = secrets.token_hex(8)

    def described(self) -> dict[str, Any]:
        return _changed(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "authorization_response_iss_parameter_supported": True,
            },
            self.behaviour.metadata,
        )

    def published(self) -> dict[str, Any]:
        if self.behaviour.keys is not None:
            return {"keys": self.behaviour.keys}
        keys = [
            RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True),
            ECAlgorithm.to_jwk(self.curve.public_key(), as_dict=True),
        ]
        return {"keys": [{**key, "kid": f"{self.kid}-{key['kty']}", "use": "sig"} for key in keys]}

    def signed(self, claims: dict[str, Any], header: dict[str, Any]) -> str:
        kind = self.behaviour.signature
        on_curve = header.get("alg") == "ES256"
        head = _changed(
            {"typ": "JWT", "alg": "RS256", "kid": f"{self.kid}-{'EC' if on_curve else 'RSA'}"}, header
        )
        if kind == "none":
            return f"{_encoded({**head, 'alg': 'none'})}.{_encoded(claims)}."
        if kind == "hmac":
            public = self.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            begun = f"{_encoded({**head, 'alg': 'HS256'})}.{_encoded(claims)}"
            return f"{begun}.{_base64(_hmac(public, begun))}"
        key = self.stranger if kind == "stranger" else self.curve if on_curve else self.key
        token = jwt.encode(claims, key, algorithm=str(head["alg"]), headers=head)
        return token[:-8] + "AAAAAAAA" if kind == "broken" else token

    async def describe(self, request: Request) -> Response:
        """Describe it; where a company's own server is one of several, as that one (RFC 8414)."""
        one = request.path_params.get("one")
        return JSONResponse({**self.described(), **({"issuer": f"{self.issuer}/{one}"} if one else {})})

    async def keys(self, _: Request) -> Response:
        return JSONResponse(self.published())

    async def authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        lacking = [
            name for name in ("state", "nonce", "code_challenge", "redirect_uri") if not asked.get(name)
        ]
        if lacking or any(asked.get(name) != value for name, value in wanted.items()):
            return JSONResponse({"error": "invalid_request", "lacking": lacking}, 400)
        if "openid" not in asked["scope"].split():
            return JSONResponse({"error": "invalid_scope"}, 400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked
        usual = {"code": code, "state": asked["state"], "iss": self.issuer}
        said = _changed(usual, self.behaviour.answer)
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(said)}")

    async def token(self, request: Request) -> Response:
        form = await request.form()
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        named = base64.b64decode(shown).decode().split(":") if scheme == "Basic" else ["", ""]
        if self.described().get("token_endpoint_auth_methods_supported") == ["client_secret_post"]:
            named = (
                [] if scheme else [quote_plus(str(form.get(f"client_{part}"))) for part in ("id", "secret")]
            )
        if [unquote_plus(part) for part in named] != [CLIENT, SECRET]:
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self.codes.pop(str(form.get("code")), None)
        digest = hashlib.sha256(str(form.get("code_verifier")).encode()).digest()
        if (
            asked is None
            or form.get("grant_type") != "authorization_code"
            or form.get("redirect_uri") != asked["redirect_uri"]
            or _base64(digest) != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        behaviour, now = self.behaviour, _now()
        usual = {
            "iss": self.issuer,
            "aud": CLIENT,
            "exp": now + _LIFE_SECONDS,
            "iat": now,
            "nonce": asked["nonce"],
            **behaviour.claims,
        }
        signed = self.signed(_changed(usual, behaviour.token), behaviour.header)
        return JSONResponse({"access_token": "an-access-token", "token_type": "Bearer", "id_token": signed})

    async def userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer an-access-token" or not self.behaviour.further:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(self.behaviour.further)

    async def control(self, request: Request) -> Response:
        self.behaviour = _Behaviour(await request.json())
        return JSONResponse({})

    async def rotate_keys(self, _: Request) -> Response:
        self.rotate()
        return JSONResponse({})

    async def sign(self, request: Request) -> Response:
        wanted = await request.json()
        return JSONResponse({"token": self.signed(wanted["claims"], wanted["header"])})

    async def counted(self, _: Request) -> Response:
        return JSONResponse({path: count for path, count in self.counts.items() if path != "/asked"})

    @property
    def routes(self) -> list[Route]:
        served = {
            "/.well-known/openid-configuration": self.describe,
            "/.well-known/oauth-authorization-server/{one}": self.describe,
            "/keys": self.keys,
            "/authorize": self.authorize,
            "/token": self.token,
            "/userinfo": self.userinfo,
            "/control": self.control,
            "/rotate": self.rotate_keys,
            "/sign": self.sign,
            "/asked": self.counted,
        }
        return [Route(path, answer, methods=["GET", "POST"]) for path, answer in served.items()]


def _application(service: _Service) -> ASGIApp:
    application = Starlette(routes=service.routes)

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        service.counts[path] = service.counts.get(path, 0) + 1
        answer = JSONResponse({}, 503) if path in service.behaviour.down else application
        await answer(scope, receive, send)

    return served


def _changed(usual: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def _now() -> int:
    return int(time.time())


def _encoded(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        sys.stdout.write(f"{issuer}\n")
        sys.stdout.flush()
        config = uvicorn.Config(_application(_Service(issuer)), log_config=None, timeout_graceful_shutdown=1)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    _main()

"""`imagerouter-mcp doctor --remote`: what it says of servers that break one point each, and of ours."""

import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from imagerouter_mcp.cli import remote_checks
from imagerouter_mcp.cli.checks import Finding
from imagerouter_mcp.cli.remote_checks import examine
from support.http_serving import bare_environment, serving

TOKEN = "doctors-token-0123456789abcdef0123456789"  # noqa: S105 - of these tests
GAP_SECONDS = 0.2
"""More than what counts as a stream that is not held back."""
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass
class Asked:
    """A request that a small server got."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    base: str


@dataclass
class Said:
    """What it answers; `pieces` are sent with a pause between them."""

    status: int = 200
    content: dict[str, object] = field(default_factory=dict[str, object])
    headers: dict[str, str] = field(default_factory=dict[str, str])
    pieces: tuple[bytes, ...] = ()


Answer = Callable[[Asked], Said]


def refused(asked: Asked) -> Said:
    where = f"{asked.base}/.well-known/oauth-protected-resource/mcp"
    return Said(401, {}, {"WWW-Authenticate": f'Bearer resource_metadata="{where}"'})


def health(asked: Asked) -> Said:
    if asked.headers.get("Accept") == "text/event-stream":
        return Said(headers={"Content-Type": "text/event-stream"}, pieces=(b"data: 1\n\n", b"data: 2\n\n"))
    same = {"X-Request-Id": asked.headers.get("X-Request-Id", "-")}
    return Said(200, {"status": "ok", "version": "1.0"}, same)


def resource(asked: Asked) -> Said:
    return Said(200, {"resource": f"{asked.base}/mcp", "authorization_servers": [asked.base]})


def metadata(asked: Asked) -> Said:
    return Said(
        200,
        {
            "issuer": asked.base,
            "authorization_endpoint": f"{asked.base}/authorize",
            "token_endpoint": f"{asked.base}/token",
            "registration_endpoint": f"{asked.base}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
        },
    )


def register(asked: Asked) -> Said:
    (callback,) = json.loads(asked.body)["redirect_uris"]
    if not callback.startswith("http://127.0.0.1:"):
        return Said(400, {"error": "invalid_redirect_uri"})
    return Said(201, {"client_id": "a-client", "redirect_uris": [callback]})


def token(asked: Asked) -> Said:
    known = parse_qs(asked.body.decode())["client_id"] == ["a-client"]
    return Said(400, {"error": "invalid_grant"}) if known else Said(401, {"error": "invalid_client"})


def authorize(asked: Asked) -> Said:
    if asked.query["response_type"] != ["code"]:
        back = f"{asked.query['redirect_uri'][0]}?error=unsupported_response_type&iss={asked.base}"
        return Said(302, headers={"Location": back})
    return Said(302, headers={"Location": "/consent?handle=1", "Set-Cookie": "handle=2; HttpOnly; Path=/"})


def consent(asked: Asked) -> Said:
    if asked.headers.get("Cookie") != "handle=2":
        return Said(400)
    return Said(200, {}, {"Content-Security-Policy": "frame-ancestors 'none'"})


IN_ORDER: dict[str, Answer] = {
    "/mcp": refused,
    "/health": health,
    "/ready": lambda _: Said(200, {"status": "ready", "lacking": []}),
    "/uploads/none": lambda _: Said(403, {}),
    "/.well-known/oauth-protected-resource": resource,
    "/.well-known/oauth-protected-resource/mcp": resource,
    "/.well-known/oauth-authorization-server": metadata,
    "/register": register,
    "/token": token,
    "/authorize": authorize,
    "/consent": consent,
}
"""A server that does all that web hosts need."""


@contextmanager
def small_server(answers: Mapping[str, Answer], context: ssl.SSLContext | None = None) -> Generator[str]:
    """Serve some answers by their paths; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            announced = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(announced) if announced < 2**20 else b""
            asked = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers), body, base)
            said = answers.get(parts.path, lambda _: Said(404, {}))(asked)
            pieces = said.pieces or (json.dumps(said.content).encode(),)
            self.send_response(said.status)
            size = {"Content-Length": str(sum(map(len, pieces))), "Connection": "close"}
            for name, value in {**size, **said.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = True
            self.wfile.write(pieces[0])
            for piece in pieces[1:]:
                threading.Event().wait(GAP_SECONDS)  # as a stream has it whose events are apart
                self.wfile.write(piece)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        scheme = "http"
        if context:
            scheme, server.socket = "https", context.wrap_socket(server.socket, server_side=True)
        base = f"{scheme}://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield base
        finally:
            server.shutdown()
            thread.join()


def found(answers: Mapping[str, Answer]) -> dict[str, Finding]:
    with small_server(answers) as base:
        return {finding.name: finding for finding in examine(f"{base}/mcp")}


def failures(findings: Mapping[str, Finding]) -> set[str]:
    assert all(finding.remedy for finding in findings.values() if finding.state != "ok")
    return {name for name, finding in findings.items() if finding.state == "failure"}


def test_a_server_that_does_all_that_hosts_need_passes() -> None:
    findings = found(IN_ORDER)
    assert failures(findings) == set()
    others = {name: finding.state for name, finding in findings.items() if finding.state != "ok"}
    assert others == {"address": "warning"}, "loopback is no public address"
    assert {"resource", "sign-in metadata", "registration", "token", "sign-in page", "iss"} <= findings.keys()


def test_an_address_that_others_may_reach_without_encryption_is_warned_of() -> None:
    with small_server(IN_ORDER) as base:
        findings = examine(f"{base.replace('127.0.0.1', '0.0.0.0')}/mcp")  # noqa: S104 - leads to loopback
    (tls,) = (finding for finding in findings if finding.name == "tls")
    assert (tls.state, "not encrypted" in tls.what) == ("warning", True)


def _changed(answer: Answer, **changes: object) -> Answer:
    """The same answer with other fields."""

    def change(asked: Asked) -> Said:
        said = answer(asked)
        return Said(said.status, {**said.content, **changes}, said.headers)

    return change


def _with_status(answer: Answer, status: int) -> Answer:
    return lambda asked: Said(status, answer(asked).content, answer(asked).headers)


def _held_back(asked: Asked) -> Said:
    said = health(asked)
    return Said(said.status, said.content, said.headers, (b"".join(said.pieces),) if said.pieces else ())


WRONG: list[tuple[str, str, Answer]] = [
    ("health", "/health", lambda _: Said(200, {"hello": "nginx"})),
    ("ready", "/ready", lambda _: Said(503, {"status": "not ready", "lacking": ["key"]})),
    (
        "clock",
        "/health",
        lambda asked: Said(200, health(asked).content, {"Date": "Thu, 01 Jan 2026 00:00:00 GMT"}),
    ),
    ("event streams", "/health", _held_back),
    ("redirects", "/mcp", lambda _: Said(307, {}, {"Location": "https://elsewhere.example/mcp"})),
    ("uploads", "/uploads/none", lambda _: Said(413, {})),
    (
        "bot filter",
        "/mcp",
        lambda asked: Said(403, {}) if "Claude" in asked.headers["User-Agent"] else refused(asked),
    ),
    ("name", "/mcp", lambda _: Said(421, {})),
    ("access", "/mcp", lambda _: Said(403, {})),
    ("access", "/mcp", lambda _: Said(401, {})),
    ("401", "/mcp", lambda asked: refused(asked) if asked.method == "POST" else Said(405, {})),
    (
        "resource",
        "/.well-known/oauth-protected-resource /.well-known/oauth-protected-resource/mcp",
        _changed(resource, resource="https://other.example/mcp"),
    ),
    ("resource paths", "/.well-known/oauth-protected-resource", lambda _: Said(404, {})),
    *(
        ("sign-in metadata", "/.well-known/oauth-authorization-server", _changed(metadata, **{name: value}))
        for name, value in (
            ("issuer", "http://127.0.0.1/"),
            ("code_challenge_methods_supported", ["plain"]),
            ("token_endpoint_auth_methods_supported", ["client_secret_basic"]),
            ("client_id_metadata_document_supported", False),
            ("authorization_response_iss_parameter_supported", None),
        )
    ),
    ("registration", "/register", _changed(register, client_secret=None)),
    ("registration", "/register", _with_status(register, 200)),
    ("redirect addresses", "/register", lambda _: Said(201, {"client_id": "a-client"})),
    ("token", "/token", lambda _: Said(400, {"error": "invalid_request"})),
    ("sign-in page", "/authorize", lambda _: Said(500, {})),
    ("sign-in page", "/consent", lambda _: Said(200, {})),
    (
        "sign-in page",
        "/authorize",
        lambda asked: Said(302, headers={"Location": f"{asked.query['redirect_uri'][0]}?code=1"}),
    ),
    (
        "iss",
        "/authorize",
        lambda asked: (
            Said(302, headers={"Location": f"{asked.query['redirect_uri'][0]}?error=x"})
            if asked.query["response_type"] != ["code"]
            else authorize(asked)
        ),
    ),
]


@pytest.mark.parametrize(
    ("name", "path", "answer"), WRONG, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(WRONG)]
)
def test_a_server_that_breaks_one_point_is_told_so(name: str, path: str, answer: Answer) -> None:
    findings = found({**IN_ORDER, **dict.fromkeys(path.split(), answer)})
    assert failures(findings) == {name}


def test_a_proxy_without_a_server_and_answers_that_take_long_end_the_examination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def nobody(request: Asked) -> Said:
        asked.append(request.path)
        return Said(503, {})

    findings = found(dict.fromkeys(IN_ORDER, nobody))
    assert failures(findings) == {"health"}
    assert "has no server that is ready" in findings["health"].what
    assert asked == ["/health"], "each more would wait as long"
    monkeypatch.setattr(remote_checks, "MOST_SECONDS", 0.0)
    assert failures(found(IN_ORDER)) == {"time"}


@contextmanager
def certified(folder: Path, days: int) -> Generator[ssl.SSLContext]:
    """A certificate for loopback that signs itself, and the context of a server that shows it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    yield context


def test_a_certificate_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with certified(tmp_path, 5) as context, small_server(IN_ORDER, context) as base:
        unknown = {finding.name: finding for finding in examine(f"{base}/mcp")}
        assert failures(unknown) == {"reached"}
        assert "certificate" in unknown["reached"].what
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        trusted = {finding.name: finding for finding in examine(f"{base}/mcp")}
    assert trusted["tls"].state == "warning"
    assert "expires in 5 days" in trusted["tls"].what
    assert failures(trusted) == set()


def test_a_server_with_a_token_and_one_without_are_told_apart(command: Command, tmp_path: Path) -> None:
    environment = bare_environment(tmp_path)
    with serving({**environment, "IMAGEROUTER_MCP_TOKEN": TOKEN}, "--sandbox") as running:
        ended = command("doctor", "--remote", running.url, "--json")
        assert TOKEN not in running.said
    told = json.loads(ended.stdout)
    findings = {finding["name"]: finding for finding in told["findings"]}
    assert ended.returncode == 0, ended.stdout
    assert {"health", "ready", "clock", "event streams", "uploads", "401"} <= {
        name for name, finding in findings.items() if finding["state"] == "ok"
    }
    assert "claude.ai and ChatGPT cannot" in findings["hosts"]["what"]
    with serving(environment, "--sandbox") as running:
        ended = command("doctor", "--remote", running.url)
    assert "note  access" in ended.stdout
    assert "Anyone who reaches this address has access" in ended.stdout


@pytest.mark.parametrize(
    "address", ["pictures.example", "https://pictures.example:70000/mcp", "https://[::1/mcp"]
)
def test_what_is_no_address_is_refused(command: Command, address: str) -> None:
    ended = command("doctor", "--remote", address)
    assert ended.returncode == 2
    assert "is not an http or https address" in ended.stderr


def test_an_address_where_nothing_answers_is_told(command: Command) -> None:
    ended = command("doctor", "--remote", "http://127.0.0.1:9/mcp")
    assert ended.returncode == 1
    assert "FAIL  reached" in ended.stdout

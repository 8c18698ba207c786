"""Addresses that a prompt-injected agent, a web page or an answer of the service may name."""

import asyncio
import io
import re
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpcore
import pytest

from imagerouter_mcp import name_lookup
from imagerouter_mcp.addresses import Network, Policy, Purpose, is_public, origin_of, system_network
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.fetch import Fetcher, FetchError, http_client
from imagerouter_mcp.settings import Settings
from patience import until

Row = Callable[[str, str, str], None]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

SECTION = "Addresses"
PUBLIC = "93.184.215.14"
SECRET = b"what only this machine may read"
NAMES = {
    "public.example": (PUBLIC,),
    "second.example": ("2606:2800:21f:cb07:6820:80da:af6b:8b2c",),
    "loopback.example": ("127.0.0.1",),
    "loopback6.example": ("::1",),
    "mixed.example": (PUBLIC, "10.0.0.1"),
    "mixed6.example": (PUBLIC, "fd00::1"),
    "metadata.google.internal": ("169.254.169.254",),
    "127.0.0.1.": ("127.0.0.1",),
    "localhost.": ("127.0.0.1",),
    "localhost.localdomain": ("127.0.0.1",),
    "dotted.example.": ("192.168.1.1",),
    "printer.local": ("192.168.1.20",),
    "zone.example": ("fe80::1%eth0",),
}
"""What the tests' own resolver knows; whatever else looks like an address is for the system's."""


@dataclass
class Internet(httpcore.AsyncNetworkBackend):
    """Where guarded connections end: each is noted, and reaches a server of the test instead."""

    server: str = ""
    names: dict[str, Sequence[str]] = field(default_factory=lambda: dict[str, Sequence[str]](NAMES))
    dialled: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Note the address, and connect to the test's server."""
        self.dialled.append(host)
        there = urlsplit(self.server)
        assert there.hostname
        return await system_network().backend.connect_tcp(
            there.hostname, there.port or port, timeout, local_address, socket_options
        )

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Look a name up; nothing leaves the machine for it."""
        self.asked.append(host)
        if host in self.names:
            return self.names[host]
        if not re.fullmatch(r"[0-9a-fx.:]+(%\w+)?|localhost", host, re.IGNORECASE):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return await system_network().resolve(host, port)


@pytest.fixture
async def internet(loopback: Loopback) -> Internet:
    """An internet of one server, which redirects `/to?<address>` and answers everything else."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0]
        target = line.split(b" ")[1].decode()
        to, _, address = target.partition("?")
        location = address if to == "/to" else ""
        if to == "/chain":  # three hops on the public internet, and then away
            left, _, away = address.partition("&")
            again = f"http://second.example/chain?{int(left) - 1}&{away}"
            location = again if int(left) else away
        status = "302 Found\r\nLocation: " + location if location else "200 OK"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine".encode())

    return Internet(await loopback(script))


@pytest.fixture
async def canary(answering: Answering) -> tuple[str, list[bytes]]:
    """A server of this machine that holds a secret, and what it was asked."""
    heard: list[bytes] = []
    body = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(SECRET), SECRET)
    return await answering(body, heard=heard), heard


@asynccontextmanager
async def opened(internet: Internet, policy: Policy) -> AsyncGenerator[Fetcher]:
    async with aclosing(Fetcher(policy, 2, network=Network(internet.resolve, internet))) as fetcher:
        yield fetcher


async def fetched(
    internet: Internet, url: str, purpose: Purpose = "source", policy: Policy | None = None
) -> str:
    """What was fetched, or why nothing was."""
    target = io.BytesIO()
    async with opened(internet, policy or Policy()) as fetcher:
        try:
            await fetcher.download(url, target, max_bytes=2**20, seconds=10, purpose=purpose)
        except FetchError as error:
            assert not target.getvalue()
            return error.reason
    return target.getvalue().decode()


def told(reason: str) -> str:
    """A reason without the hint behind it, and without a system's own words."""
    return re.sub(r", and only public.*| \(\[Errno.*", "", reason)


FORMS = (
    # IPv4 in every way of writing it
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7F.1", "0177.0.0.1"),
    *("017700000001", "0177.0x0.1", "127.0.0.001", "0", "0.0.0.0", "127.255.255.254", "10.0.0.1"),  # noqa: S104 - to be refused
    *("0xa.1", "167772161", "172.16.0.1", "172.31.255.255", "192.168.1.1", "0xC0A80101", "169.254.169.254"),
    *("2852039166", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "100.64.0.1", "100.100.100.200"),
    *("192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1"),
    *("168.63.129.16", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    # IPv6, and IPv4 within it
    *("[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
    *("[::ffff:0:127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]"),
    *("[2002:7f00:1::]", "[2001:0:53aa:64c:0:0:80ff:fffe]", "[fe80::1]", "[fec0::1]", "[fc00::1]"),
    *(
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
        "[3fff::1]",
        "[100::1]",
        "[2606:4700::5efe:127.0.0.1]",
    ),
    # Names
    *("localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "localhost.localdomain", "loopback.example"),
    *("loopback6.example", "mixed.example", "mixed6.example", "metadata.google.internal", "printer.local"),
    *("zone.example", "dotted.example.", "①②⑦.⓪.⓪.①", "127。0。0。1", "loc\u00adalhost", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"),
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("purpose", ["source", "result"])
async def test_no_form_of_a_private_address_is_dialled(
    internet: Internet, canary: tuple[str, list[bytes]], row: Row, form: str, purpose: Purpose
) -> None:
    url, heard = canary
    reason = await fetched(internet, f"http://{form}:{urlsplit(url).port}/", purpose)
    assert (internet.dialled, heard) == ([], [])
    assert reason.startswith(("its address is private", "it is not a web address", "the connection failed"))
    if purpose == "source":
        row(SECTION, f"`http://{form}/`", told(reason))


TRICKS = (
    "file:///etc/passwd",
    "FILE:///etc/passwd",
    "ftp://127.0.0.1/x",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stats",
    "ldap://127.0.0.1/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "jar:http://127.0.0.1!/x",
    "javascript:alert(1)",
    "//127.0.0.1/",
    "http:/\\127.0.0.1/",
    "http:127.0.0.1/",
    "http:///127.0.0.1/",
    "http://public.example@127.0.0.1/",
    "http://public.example:pw@127.0.0.1/",
    "http://127.0.0.1@public.example/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%2f@public.example/",
    "http://127.0.0.1%00.public.example/",
    "http://127.0.0.1\t.public.example/",
    "http://127.0.0.1\r\nHost: public.example/",
    "http://[::1",
    "http://[::1]x.public.example/",
    "http://[fe80::1%25eth0]/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://@/",
    "http://.../",
)


@pytest.mark.parametrize("url", TRICKS)
async def test_what_is_no_plain_web_address_is_not_asked_for(internet: Internet, row: Row, url: str) -> None:
    reason = await fetched(internet, url)
    assert internet.dialled == []
    row(SECTION, f"`{url}`", told(reason))


REDIRECTS = (
    "http://127.0.0.1:{port}/",
    "http://2130706433:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://localhost:{port}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://mixed.example/",
    "//127.0.0.1:{port}/",
    "\\\\127.0.0.1:{port}\\",
    "http://public.example@127.0.0.1:{port}/",
    "https://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "data:image/png;base64,AAAA",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "http://[",
)


@pytest.mark.parametrize("way", ["/to?", "/chain?3&"])
@pytest.mark.parametrize("location", REDIRECTS)
async def test_every_hop_of_a_redirect_is_judged(
    internet: Internet, canary: tuple[str, list[bytes]], row: Row, location: str, way: str
) -> None:
    url, heard = canary
    away = location.format(port=urlsplit(url).port)
    reason = await fetched(internet, f"http://public.example{way}{away}", "result")
    assert set(internet.dialled) <= {PUBLIC, *NAMES["second.example"]}
    assert heard == []
    assert reason != SECRET.decode()
    if reason == "fine":  # as urllib reads it, a path on the host that sent it
        reason = "it is another path of the public server"
    hops = "three hops" if "chain" in way else "a redirect"
    row(SECTION, f"{hops} to `{location.format(port='PORT')}`", told(reason))


async def test_a_public_address_is_dialled_as_it_was_judged(internet: Internet) -> None:
    assert await fetched(internet, "http://public.example/") == "fine"
    assert internet.dialled == [PUBLIC]
    assert await fetched(internet, "http://public.example/chain?2&http://public.example/") == "fine"
    assert set(internet.dialled) == {PUBLIC, *NAMES["second.example"]}


async def test_a_name_that_changes_its_address_gains_nothing(
    internet: Internet, canary: tuple[str, list[bytes]], row: Row
) -> None:
    _, heard = canary
    answers = iter([(PUBLIC,), ("127.0.0.1",), (PUBLIC,), ("::ffff:127.0.0.1",)])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        del host, port
        return next(answers)

    async with aclosing(Fetcher(Policy(), 2, network=Network(rebinding, internet))) as fetcher:
        for attempt in range(4):
            target = io.BytesIO()
            try:
                await fetcher.download("http://rebind.example/", target, max_bytes=99, seconds=5)
            except FetchError as error:
                assert attempt % 2
                row(
                    SECTION, f"a name that resolves differently the next time ({attempt})", told(error.reason)
                )
            else:
                assert not attempt % 2
    assert internet.dialled == [PUBLIC, PUBLIC], "looked up once for each connection, and never by name"
    assert heard == []


async def test_a_name_that_changes_between_redirects_gains_nothing(internet: Internet, row: Row) -> None:
    answers = iter([(PUBLIC,), ("169.254.169.254",)])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        del host, port
        return next(answers)

    async with aclosing(Fetcher(Policy(), 2, network=Network(rebinding, internet))) as fetcher:
        with pytest.raises(FetchError, match="private") as caught:
            await fetcher.download(
                "http://rebind.example/to?http://rebind.example/", io.BytesIO(), max_bytes=99, seconds=5
            )
    assert internet.dialled == [PUBLIC]
    row(SECTION, "a name that resolves differently for its own redirect", told(caught.value.reason))


async def test_the_name_stays_what_the_server_is_asked_and_verified_by(loopback: Loopback) -> None:
    hello: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.append(await reader.read(4096))
        writer.close()

    internet = Internet(await loopback(script))
    assert (await fetched(internet, "https://public.example/")).startswith("the connection failed")
    await fetched(internet, "http://public.example/")
    assert b"public.example" in hello[0], "the server's name in TLS"
    assert b"Host: public.example\r\n" in hello[1]
    assert internet.dialled == [PUBLIC, PUBLIC]


NEAR_MISSES = (
    "http://127.0.0.1:{other}/",
    "https://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://127.0.0.2:{port}/",
    "http://x@127.0.0.1:{port}/",
    "http://127.0.0.1/",
)


@pytest.mark.parametrize("form", NEAR_MISSES)
async def test_a_result_lies_at_the_service_s_own_origin_or_at_a_public_address(
    internet: Internet, canary: tuple[str, list[bytes]], row: Row, form: str
) -> None:
    url, heard = canary
    port = urlsplit(url).port or 0
    policy = Policy(origin_of(url))
    near = form.format(port=port, other=port + 1)
    reason = await fetched(internet, near, "result", policy)
    assert (internet.dialled, heard) == ([], [])
    row(SECTION, f"result at `{form.format(port='PORT', other='PORT+1')}`, service at loopback", told(reason))


async def test_the_service_s_own_origin_gives_results_and_no_sources(
    internet: Internet, canary: tuple[str, list[bytes]], row: Row
) -> None:
    url, heard = canary
    policy = Policy(origin_of(url))
    async with opened(internet, policy) as fetcher:
        target = io.BytesIO()
        await fetcher.download(f"{url}/x", target, max_bytes=99, seconds=5, purpose="result")
        assert target.getvalue() == SECRET
        with pytest.raises(FetchError, match="private"):
            await fetcher.download(f"{url}/x", io.BytesIO(), max_bytes=99, seconds=5, purpose="source")
    assert len(heard) == 1
    row(SECTION, "source image at the service's own origin on loopback", "its address is private")
    reason = await fetched(internet, f"http://public.example/to?{url}/x", "source", policy)
    assert len(heard) == 1
    row(SECTION, "source image that redirects to the service's own origin on loopback", told(reason))


async def test_a_kept_connection_of_a_result_serves_no_source(loopback: Loopback, row: Row) -> None:
    heard: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    url = await loopback(keep)
    async with opened(Internet(), Policy(origin_of(url))) as fetcher:
        for _ in range(2):
            await fetcher.download(url, io.BytesIO(), max_bytes=99, seconds=5, purpose="result")
        with pytest.raises(FetchError, match="private"):
            await fetcher.download(url, io.BytesIO(), max_bytes=99, seconds=5)
    assert len(heard) == 2
    row(SECTION, "source image through a connection that a result left open", "its address is private")


async def test_a_person_may_allow_private_addresses(
    internet: Internet, canary: tuple[str, list[bytes]]
) -> None:
    url, heard = canary
    assert await fetched(internet, url, policy=Policy(allow_private=True)) == SECRET.decode()
    assert len(heard) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://2852039166/",
        "http://[::ffff:10.0.0.1]/",
        "http://metadata.google.internal/",
        "http://unknown.internal/",
        "http://intranet/",
        "http://mixed.example/",
    ],
)
async def test_a_proxy_is_not_asked_for_what_is_private(
    internet: Internet,
    canary: tuple[str, list[bytes]],
    row: Row,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
) -> None:
    proxy, heard = canary
    monkeypatch.setenv("HTTP_PROXY", proxy)
    reason = await fetched(internet, url)
    assert (heard, internet.dialled) == ([], [])
    row(SECTION, f"`{url}` through a proxy", told(reason))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
async def test_a_proxy_is_asked_for_what_is_public(
    internet: Internet, canary: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    proxy, heard = canary
    monkeypatch.setenv(variable, proxy)
    for url in ("http://public.example/x", "http://known-to-the-proxy.example/x"):
        assert await fetched(internet, url) == SECRET.decode()
        assert heard.pop().startswith(f"GET {url} ".encode())
    assert internet.dialled == []
    monkeypatch.setenv("NO_PROXY", "public.example")
    assert await fetched(internet, "http://public.example/x") == "fine"
    assert (heard, internet.dialled) == ([], [PUBLIC])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_key_follows_no_redirect(
    answering: Answering, settings: Settings, row: Row, status: int
) -> None:
    heard: list[bytes] = []
    thief = await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", heard=heard)
    answer = (
        f"HTTP/1.1 {status} Moved\r\nLocation: {thief}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    moved = settings.model_copy(update={"base_url": await answering(answer.encode())})
    async with http_client() as http:
        client = ImageRouterClient(ServiceHTTP(http, moved.key, 2), moved)
        for call in (client.credits, client.check_key, client.models):
            with pytest.raises(ImageRouterError):
                await call()
        with pytest.raises(ImageRouterError):
            await client.generate({"model": "test/test", "prompt": "a fox"})
    assert heard == []
    row(SECTION, f"the service redirects calls that carry the key ({status})", "no redirect is followed")


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "1.1.1.1", "100.63.255.255", "172.32.0.1", "192.167.1.1", "2606:4700::1111", "2a00:1450::1"],
)
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Name servers that never answer for `*.silent.example`; every other lookup is the system's."""
    asked: list[str] = []
    over = threading.Event()
    real: Callable[..., Any] = socket.getaddrinfo

    def getaddrinfo(host: str | bytes, *arguments: object, **more: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if not name.endswith("silent.example"):
            return real(host, *arguments, **more)
        asked.append(name)
        over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(name_lookup, "getaddrinfo", getaddrinfo)
    yield asked
    over.set()


@pytest.mark.parametrize("allow_private", [False, True])
async def test_silent_names_hold_up_nobody_else(
    answering: Answering, silence: list[str], row: Row, *, allow_private: bool
) -> None:
    port = urlsplit(
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine")
    ).port
    own = f"http://localhost:{port}"
    async with aclosing(Fetcher(Policy(origin_of(own), allow_private=allow_private), 30)) as fetcher:

        async def fetch(url: str, purpose: Purpose) -> str:
            target = io.BytesIO()
            try:
                await fetcher.download(url, target, max_bytes=100, seconds=60, purpose=purpose)
            except FetchError as error:
                return error.reason
            return target.getvalue().decode()

        urls = [f"http://{n}.silent.example/x.png" for n in range(48)]
        waiting = [asyncio.create_task(fetch(url, "source")) for url in urls]
        await until(lambda: len(silence) == name_lookup.AT_ONCE)
        async with asyncio.timeout(30):
            assert await fetch(f"{own}/x.png", "result") == "fine"
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        refused = sum(task.done() and "too many names" in task.result() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert refused == 48 - name_lookup.AT_ONCE
    private = ", private addresses allowed" if allow_private else ""
    row(
        SECTION,
        f"48 names that are never answered{private}",
        "results and ImageRouter's name do not wait for them",
    )

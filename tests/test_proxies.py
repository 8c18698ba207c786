"""Proxies of the environment: what no request needs stops nothing, what cannot be read is named."""

import asyncio
import io
import ssl
import sys
from collections.abc import Awaitable, Callable

import httpx
import pytest

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.fetch import Fetcher, FetchError, http_client
from imagerouter_mcp.proxies import Proxies

SOCKS = "socks5://user:s3cret@127.0.0.1:9"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nfine"

Answering = Callable[..., Awaitable[str]]


@pytest.fixture
def no_socks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra `socks` is not installed."""
    monkeypatch.setitem(sys.modules, "socksio", None)


def is_proxied(url: str) -> bool:
    return Proxies(ssl.create_default_context()).transport(httpx.URL(url)) is not None


@pytest.mark.usefixtures("no_socks")
@pytest.mark.parametrize("other", [{"NO_PROXY": "127.0.0.1"}, {"HTTP_PROXY": "PROXY"}])
async def test_a_socks_proxy_that_no_request_needs_is_ignored(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, other: dict[str, str]
) -> None:
    address = await answering(FINE)
    monkeypatch.setenv("ALL_PROXY", SOCKS)
    for name, value in other.items():
        monkeypatch.setenv(name, value.replace("PROXY", address))
    url = "http://public.example/" if "HTTP_PROXY" in other else address
    async with http_client() as http:
        assert (await http.get(url)).text == "fine"
    fetcher = Fetcher(Policy(allow_private=True), 5)
    target = io.BytesIO()
    assert await fetcher.download(url, target, max_bytes=10, seconds=10) == 4
    await fetcher.aclose()


@pytest.mark.usefixtures("no_socks")
@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        (SOCKS, "extra `socks`"),
        ("ftp://user:s3cret@127.0.0.1:9", "is not an http://"),
        ("http://127.0.0.1:port", "ALL_PROXY"),
    ],
)
async def test_a_proxy_that_cannot_be_used_is_named_by_the_request_that_needs_it(
    monkeypatch: pytest.MonkeyPatch, proxy: str, said: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    async with http_client() as http:
        with pytest.raises(ConfigurationError, match=said) as caught:
            await http.get("https://service.invalid")
    assert "s3cret" not in str(caught.value)
    fetcher = Fetcher(Policy(allow_private=True), 5)
    with pytest.raises(FetchError, match="proxy") as refused:
        await fetcher.download("http://service.invalid", io.BytesIO(), max_bytes=10, seconds=10)
    await fetcher.aclose()
    assert "s3cret" not in str(refused.value)


async def test_with_the_extra_a_socks_proxy_is_asked_for_the_name(
    loopback: Callable[..., Awaitable[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(b"\x05\x00")
        length = (await reader.readexactly(5))[4]
        asked.append(await reader.readexactly(length))
        await reader.readexactly(2)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(FINE)
        await writer.drain()

    monkeypatch.setenv("ALL_PROXY", (await loopback(proxy)).replace("http://", "socks5://"))
    async with http_client() as http:
        assert (await http.get("http://service.invalid/")).text == "fine"
    assert asked == [b"service.invalid"]


@pytest.mark.parametrize(
    ("no_proxy", "url", "proxied"),
    [
        ("fd00::/8, [fe80::]/10,10.0.0.0/8", "http://[fd00::1]/", False),
        ("fd00::/8, [fe80::]/10,10.0.0.0/8", "http://[fe80::1]:8000/", False),
        ("fd00::/8, [fe80::]/10,10.0.0.0/8", "http://10.1.2.3/", False),
        ("fd00::/8, [fe80::]/10,10.0.0.0/8", "http://11.1.2.3/", True),
        ("[2001:4860::8888]", "http://[2001:4860::8888]/", False),
        (".example", "http://public.example/", False),
        ("public.example:81", "http://public.example/", True),
        ("*", "http://public.example/", False),
        ("other.example", "http://localhost/", False),
    ],
)
def test_what_no_proxy_names_is_reached_directly(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, *, proxied: bool
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert is_proxied(url) is proxied


async def test_an_entry_of_no_proxy_that_cannot_be_read_is_skipped_and_named_in_the_log(
    answering: Answering, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", await answering(FINE))
    monkeypatch.setenv("NO_PROXY", "fd00::/8,[fd00::,10.0.0.0/33,public.example")
    async with http_client() as http:
        assert (await http.get("http://service.invalid/")).text == "fine"
    assert [record.getMessage() for record in caplog.records if "NO_PROXY" in record.getMessage()] == [
        f"NO_PROXY: {entry!r} is skipped, because it cannot be read" for entry in ("[fd00::", "10.0.0.0/33")
    ]

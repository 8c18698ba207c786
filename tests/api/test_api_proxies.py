"""Proxies and certificates of the environment."""

import json

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.fetch import http_client, tls_context
from imagerouter_mcp.settings import Settings
from support.service_calls import Answering, failure, lookup, paid, raw, service


async def test_a_proxy_of_the_environment_serves_other_hosts_but_never_this_machine(
    answering: Answering, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    proxy = await answering(raw(json.dumps({"by": "proxy"}).encode()), heard=heard)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(variable, proxy)
    port = settings.base_url.rpartition(":")[2]
    async with service(settings) as http:
        direct = [
            await http.send(lookup(f"http://{host}:{port}/v1/models/test/test"))
            for host in ("127.0.0.1", "localhost")
        ]
        proxied = await http.send(lookup("http://service.invalid/v1/models"))
    assert all(answer.sandbox for answer in direct)
    assert proxied.body == {"by": "proxy"}
    assert [head.split(b"\r\n")[0] for head in heard] == [b"GET http://service.invalid/v1/models HTTP/1.1"]


async def test_a_proxy_that_refuses_to_connect_means_never_sent(
    answering: Answering, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = await answering(raw(b"", status="407 Proxy Authentication Required"))
    monkeypatch.setenv("HTTPS_PROXY", refusing)
    error = await failure(settings, paid("https://service.invalid/v1"))
    assert type(error) is errors.ServiceUnreachableError
    assert "407" in error.what


def test_a_certificate_file_that_is_not_there_is_a_matter_of_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls_context.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/at/all.pem")
    with pytest.raises(errors.ConfigurationError, match="SSL_CERT_FILE"):
        http_client()

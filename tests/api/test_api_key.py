"""The API key: where it comes from, and where it is never shown."""

import logging
import traceback

import pytest
from pydantic import SecretStr

from imagerouter_mcp import errors
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.settings import KEYS_PAGE, Settings
from support.service_calls import Answering, Journal, failure, generation, paid, raw, service


async def test_without_a_key_the_sentence_tells_where_to_get_one_and_where_to_put_it(
    settings: Settings, journal: Journal
) -> None:
    error = await failure(settings, generation(settings), api_key=None)
    assert type(error) is errors.ConfigurationError
    assert "IMAGEROUTER_API_KEY" in str(error)
    assert KEYS_PAGE == "https://imagerouter.io/api-keys"
    assert KEYS_PAGE in str(error)
    assert journal() == []


@pytest.mark.parametrize(
    "key", ["two words", "line\nbreak", "ключ", "schlüssel", "nul\0", "tab\t", "\x7f", ""]
)
async def test_a_key_that_can_be_none_is_a_matter_of_configuration(
    settings: Settings, journal: Journal, key: str
) -> None:
    error = await failure(settings, generation(settings), api_key=SecretStr(key))
    assert type(error) is errors.ConfigurationError
    assert KEYS_PAGE in error.remedy
    assert not key or key not in str(error)
    assert journal() == []


ECHOES = [
    raw(b'{"error": {"message": "no such key: KEY", "type": "unauthorized"}}', status="401 Unauthorized"),
    raw(b'{"error": {"message": "KEY", "code": "KEY"}}'),
    raw(b"<html>You sent KEY</html>", status="502 Bad Gateway"),
    raw(b"<html>You sent KEY</html>", status="404 Not Found"),
    raw(b"you sent KEY"),
    b"KEY is no status line\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n: KEY is no header\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nKEY is no length\r\n",
]


@pytest.mark.parametrize("echo", ECHOES)
async def test_the_key_is_in_no_sentence_even_when_the_service_repeats_it(
    answering: Answering, settings: Settings, echo: bytes
) -> None:
    url = await answering(echo.replace(b"KEY", accounts.KEY.encode()).replace(b"Content-Length: ", b"X: "))
    error = await failure(settings, paid(url))
    assert accounts.KEY not in f"{error} {error!r} {error.what} {error.remedy}"
    assert "[API key]" in str(error)


async def test_the_key_is_in_no_log_no_representation_and_no_traceback(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(settings)]
    for model in ("test/test", "sandbox/cut", "sandbox/status-500", "sandbox/garbage", "nobody/nothing"):
        async with service(settings) as http:
            shown += [repr(http), str(http)]
            try:
                shown.append(repr(await http.send(generation(settings, model))))
            except errors.ImageRouterError as error:
                shown += traceback.format_exception(error)
    shown += [f"{record.name} {record.getMessage()} {record.args}" for record in caplog.records]
    assert any("OutcomeUnknownError" in line for line in shown)
    assert any("httpcore" in line for line in shown)
    assert accounts.KEY not in "\n".join(shown)

"""Write the log as JSON, one object per line, without private parts of messages."""

import json
import logging
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from imagerouter_mcp import events
from imagerouter_mcp.errors import ConfigurationError, ImageRouterError
from imagerouter_mcp.http_app.request_log import person_id, request_id
from imagerouter_mcp.lines import one_line
from imagerouter_mcp.settings import Settings

_HIDDEN = "[hidden]"


class JsonFormatter(logging.Formatter):
    """Formats log records as JSON.

    An error's sentence may quote a prompt, and a file's name begins with one: of errors only the kind is
    logged, unless they are about the configuration, and of files only the folder. Of an exception that nobody
    foresaw the class and the stack are logged, without its words.

    Args:
        secrets: What no line may contain: the key, tokens.
    """

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        super().__init__()
        self._secrets = [secret.get_secret_value() for secret in secrets]

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": one_line(_message(record)),
            "request_id": request_id.get(),
            "person": person_id.get(),
            **_facts(record),
            **_exception(record),
        }
        text = json.dumps({name: value for name, value in line.items() if value is not None}, default=str)
        for secret in self._secrets:
            text = text.replace(json.dumps(secret)[1:-1], _HIDDEN)
        return text


def log_as_json(settings: Settings) -> None:
    """Log as JSON where the process logs, and log calls and results too.

    Args:
        settings: Hold the secrets that no line may contain.
    """
    secrets = (
        settings.key,
        *settings.key_secrets,
        *settings.mcp_token,
        settings.link_secret,
        settings.openid_client_secret,
        settings.database_url,
    )
    logging.getLogger("imagerouter_mcp").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter(filter(None, secrets)))
        events.listen(handler, logging.INFO)


def _message(record: logging.LogRecord) -> str:
    if not isinstance(record.args, tuple):
        return record.getMessage()
    return str(record.msg) % tuple(map(_public, record.args)) if record.args else str(record.msg)


def _public(value: object) -> object:
    """Return what the log may contain of a message's argument."""
    match value:
        case ConfigurationError():
            return value
        case ImageRouterError():
            return f"An answer was an error of the kind {value.kind}"
        case Path():
            return value.parent / f"…{value.suffix}"
        case _:
            return value


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    event = events.event_of(record)
    return asdict(event) if event else {}


def _exception(record: logging.LogRecord) -> dict[str, Any]:
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, _, found = record.exc_info
    frames = traceback.extract_tb(found)
    return {
        "exception": f"{kind.__module__}.{kind.__qualname__}",
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }

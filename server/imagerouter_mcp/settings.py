"""What the person set: one frozen `Settings`, the only reader of the environment."""

import logging
import os
import re
import stat
from decimal import Decimal
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from imagerouter_mcp.errors import ConfigurationError

logger = logging.getLogger(__name__)

APP = "imagerouter-mcp"
KEYS_PAGE = "https://imagerouter.io/api-keys"
"""Where a person makes an API key."""

_UNSET = re.compile(r"\s*(\$\{[^}]*\})?\s*")
"""An empty value, or a `${VARIABLE}` that a host passed on without expanding it: both mean "not set"."""

_HOME = re.compile(r"(?:~|%USERPROFILE%|\$HOME|\$\{HOME\})(?=[/\\]|\Z)", re.IGNORECASE)

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?", re.IGNORECASE)
_SECRET_CHARACTERS = 32

PreviewSize = Literal["auto", "none", "large"]
ResponseFormat = Literal["url", "b64_json", "b64_ephemeral"]


KEY_FILE = "api-key"
"""The file in the configuration folder that may hold the API key."""


def config_folder() -> Path:
    """The folder of this user's configuration, which may hold the key file."""
    return Path(platformdirs.user_config_path(APP, appauthor=False))


class _Environment(EnvSettingsSource):
    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        found.pop("remote", None)
        return found


class Settings(BaseSettings):
    """Everything that the environment decides; each field is the variable `IMAGEROUTER_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="IMAGEROUTER_", frozen=True, extra="ignore")

    api_key: SecretStr | None = None
    """The key itself; else `api_key_file` holds it, else the file `api-key` in the configuration folder."""
    api_key_file: Path | None = None
    base_url: str = "https://api.imagerouter.io"
    """The service's origin, without `/v1`."""
    popular_url: str = "https://backend.imagerouter.io/operations/get-popular-models"
    """The whole address of the popularity operation."""
    allow_private_urls: bool = False
    """Whether source images and results may be fetched from private addresses too."""
    input_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders that source images may be read from, separated as in PATH; none means any."""
    output_dir: Path = Field(default_factory=lambda: platformdirs.user_pictures_path() / "imagerouter")
    """Where generated images go."""
    output_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders that callers may save in beside it, separated as in PATH; none means the usual ones."""
    data_dir: Path = Field(default_factory=lambda: platformdirs.user_data_path(APP, appauthor=False))
    """Where the gallery keeps its records."""
    model: str | None = None
    """The model for calls that name none."""
    edit_model: str | None = None
    """The same for edits."""
    video_model: str | None = None
    """The same for videos."""
    auto_max_usd: Annotated[float, Field(ge=0)] = 0.05
    """The likely price up to which a model is chosen for a call that names none."""
    response_format: ResponseFormat = "url"
    preview: PreviewSize = "auto"
    media_lines: bool = False
    """End each result with `MEDIA:` lines, whatever the host."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Seconds that a generation may take in all; unset, pictures have 300 and videos 900."""
    stall_seconds: Annotated[float, Field(gt=0)] = 30
    """Seconds without a byte after which a connection counts as dead; heartbeats come every 3 s."""
    remote: bool = False
    """Whether callers are on other machines, where a path of this one is nobody's; set by who serves them."""
    wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 45
    """Seconds after which a call answers with a handle, for hosts give up after 60."""
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 20
    """Seconds that requests under way have to arrive once the server is to end."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    """Requests for pictures and videos side by side."""
    max_cost_usd: Annotated[Decimal, Field(ge=0)] | None = None
    """What one call may cost at most; unset, 1.00 for pictures and 5.00 for a video."""
    budget_usd: Annotated[Decimal, Field(ge=0)] = Decimal(20)
    """What all of a day's calls may cost at most, over all of the person's processes."""
    confirm_usd: Annotated[Decimal, Field(ge=0)] | None = None
    """What a call may cost before the person is asked; unset, nobody is asked."""
    mcp_token: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Bearer tokens that HTTP clients must show, separated by commas: two while one is being replaced."""
    public_url: str | None = None
    """Where others reach the HTTP server, if not at the address that it binds to; links begin with it."""
    link_secret: SecretStr | None = None
    """What links are signed with; else a random one is kept in `data_dir`."""
    http_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further host names under which the HTTP server may be addressed, separated by commas."""
    http_origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may call the HTTP server, separated by commas."""
    http_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks of reverse proxies that are believed who the client is, separated by commas."""
    http_rate: Annotated[float, Field(gt=0)] = 100
    """Requests a second that each HTTP client may make on average."""
    http_requests: Annotated[int, Field(gt=0)] = 500
    """HTTP requests that may be under way at once, open streams among them."""
    http_stateless: bool = False
    """Keep no sessions, so that several HTTP servers can serve one client of the older protocol."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: PydanticBaseSettingsSource,
        **__: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Whoever makes the settings, then the environment, which has no say in `remote`."""
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
            if not (isinstance(value, str) and _UNSET.fullmatch(value))
        }

    @field_validator("mcp_token", "http_hosts", "http_origins", "http_proxies", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(each.strip() for each in value.split(",") if each.strip())
        return value

    @field_validator("input_dirs", "output_dirs", mode="before")
    @classmethod
    def _split_folders(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(folder for folder in value.split(os.pathsep) if folder.strip())
        return value

    @field_validator("http_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_HOST_NAME.fullmatch, value)):
            raise ValueError("it must be names such as pictures.example, without scheme, port or *")
        return tuple(name.lower() for name in value)

    @field_validator("http_origins")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_ORIGIN.fullmatch, value)):
            raise ValueError("it must be origins such as https://chat.example, without a path or *")
        return tuple(origin.lower() for origin in value)

    @field_validator("http_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network)  # raises ValueError when it is none
        return value

    @field_validator("link_secret")
    @classmethod
    def _hard_to_guess(cls, value: SecretStr | None) -> SecretStr | None:
        if value and len(value.get_secret_value()) < _SECRET_CHARACTERS:
            raise ValueError(f"it must have at least {_SECRET_CHARACTERS} characters")
        return value

    @field_validator("base_url", "popular_url", "public_url")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError when it is none
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("it must be an http or https address")
        if parts.username or parts.password:
            raise ValueError("it must not hold a user name or a password")
        return value.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _can_begin_a_link(cls, value: str | None) -> str | None:
        if value and (not value.isprintable() or set(value) & set("?# ")):
            raise ValueError("it must be an address without spaces, a query or a fragment")
        return value

    @field_validator("base_url")
    @classmethod
    def _without_version(cls, value: str) -> str:
        return re.sub(r"/v\d+(/openai)?$", "", value)

    @field_validator("output_dir", "data_dir", "api_key_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else _expanded(value)

    @field_validator("input_dirs", "output_dirs")
    @classmethod
    def _all_absolute(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(map(_expanded, value))

    @property
    def source_folders(self) -> tuple[Path, ...] | None:
        """Where source images may be read from: none for nowhere, None for anywhere."""
        return self.input_dirs or (() if self.remote else None)

    @cached_property
    def key(self) -> SecretStr | None:
        """The API key from wherever it was set, or None.

        Raises:
            ConfigurationError: `IMAGEROUTER_API_KEY_FILE` names a file that cannot be read.
        """
        if self.api_key:
            return self.api_key
        warning = key_file_warning(self)
        if warning:
            logger.warning(warning)
        if self.api_key_file or self.key_file.is_file():
            return _read_key(self.key_file)
        return None

    @property
    def key_file(self) -> Path:
        """The file that may hold the API key."""
        return self.api_key_file or config_folder() / KEY_FILE


def key_file_warning(settings: Settings) -> str | None:
    """What is wrong with who may read the file that holds the API key, as a sentence; None if nothing is.

    Windows keeps a person's folders from others by itself, and has no such bits.
    """
    file = settings.key_file
    try:
        shared = not settings.api_key and os.name == "posix" and file.stat().st_mode & _OTHERS
    except OSError:  # there is none, or what is wrong is said where it is read
        return None
    return f"The API key file {file} can be read by others. Run: chmod 600 {file}" if shared else None


def _read_key(file: Path) -> SecretStr | None:
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        raise ConfigurationError(
            f"The API key file {file} cannot be read: {reason}.",
            "Correct IMAGEROUTER_API_KEY_FILE or the file's permissions, then try again.",
        ) from None
    return SecretStr(text) if text else None


def _expanded(folder: Path) -> Path:
    expanded = expand(str(folder))
    if not expanded.is_absolute():
        raise ValueError("it must be an absolute path, for each host has another working directory")
    return expanded


def expand(text: str) -> Path:
    """Expand `~`, `$HOME` and `%USERPROFILE%` at the beginning of a path.

    Args:
        text: A path as a person or a model writes it.
    """
    text = text.strip()
    start = _HOME.match(text)
    return Path.home() / text[start.end() :].lstrip("/\\") if start else Path(text)


def load_settings(**overrides: object) -> Settings:
    """Read the environment.

    Args:
        overrides: Fields that a command-line option sets; they win over the environment.

    Raises:
        ConfigurationError: A variable has a value that it cannot have; the sentence names the variable.
    """
    try:
        return Settings(**overrides)  # pyright: ignore[reportArgumentType] - pydantic checks them
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        variable = "_".join(["IMAGEROUTER", *(str(part).upper() for part in first["loc"][:1])])
        reason = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(
            f"{variable} cannot be used: {reason}.", f"Correct or remove {variable} and start again."
        ) from None

"""The person's settings: one frozen `Settings`, the only reader of the environment."""

import logging
import os
import re
import stat
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.setting_values import (
    CLOUDS,
    PLACEHOLDER,
    AllowRules,
    Audience,
    Credential,
    Endpoint,
    HostName,
    IssuerAddress,
    Listed,
    Network,
    ObjectStoreAddress,
    OpenIdScope,
    Origin,
    PostgresAddress,
    Usd,
    WebAddress,
    split_at,
)

logger = logging.getLogger(__name__)

APP = "imagerouter-mcp"
KEYS_PAGE = "https://imagerouter.io/api-keys"
"""Where a person makes an API key."""
AUTO_MAX_USD = Decimal("0.05")
"""The highest likely price at which "auto" chooses a model for a picture, unless the person sets another."""
AUTO_VIDEO_USD = Decimal("0.50")
"""The same for a video: half of the models of November 2026 cost no more."""
KEY_FILE = "api-key"
"""The file in the configuration folder that may hold the API key."""
_LONGEST_KEY = 4096
"""Characters that a key may have; a temporary key has some hundreds."""

_SERVICE = "https://api.imagerouter.io"
_POPULAR_PATH = "/operations/get-popular-models"
_UNSET = re.compile(r"\s*+(\$\{[^}]*+\})?+\s*+")
"""An empty value, or a `${VARIABLE}` that a host passed on without expanding it: both mean "not set"."""
_NEVER_BLANK = ("jwt_audience",)
"""Settings that are refused when blank: a blank audience could be meant as any audience."""
_HOME = re.compile(r"(?:~|%USERPROFILE%|\$HOME|\$\{HOME\})(?=[/\\]|\Z)", re.IGNORECASE)
_EXAMPLE_KEY = re.compile(
    r"<[^<>]{0,60}>|\$\w{1,60}|x{3,}|\.{3}|…|[\w-]{0,20}(?:your|my|the)[\w-]{0,30}key[\w-]{0,10}",
    re.IGNORECASE,
)
"""Placeholders for a key in instructions; a key is longer."""
_FORMS = {
    "bool_parsing": "it must be true or false",
    "int_parsing": "it must be a whole number such as 4",
    "float_parsing": "it must be a plain number such as 45, without a unit",
    "decimal_parsing": "it must be an amount in US dollars such as 0.50, without a sign",
    "too_short": "it must have at least 32 characters",
    "too_long": "it is longer than any key",
}
"""What values must look like, by pydantic's error types, where pydantic does not say it plainly."""
_QUOTED = re.compile(r"(['\"])(.+)\1", re.DOTALL)
_WSL_SHARE = re.compile(r"[\\/]{2}wsl(?:\.localhost|\$)[\\/][^\\/]+(?=[\\/])", re.IGNORECASE)
"""How Windows names the root of a Linux that runs in it."""
_WINDOWS_DRIVE = re.compile(r"([a-z]):[\\/]", re.IGNORECASE)
_DRIVES = Path("/mnt")
"""Where that Linux mounts the Windows drives."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO

_OF_PYTHON = (
    *("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"),
    *("SYSTEMROOT", "TEMP", "TMP"),  # Windows
)
_OF_PROGRAMS = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|COLORTERM|LANG|LC_\w+|TZ|TMPDIR|XDG_\w+|\w+_(?:HOME|DIR|PATH)"
    r"|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|DBUS_SESSION_BUS_ADDRESS|BROWSER|WSL_\w+"
    r"|SSL_CERT_FILE|NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|ALL_PROXY|NO_PROXY"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|TEMP|TMP|PATHEXT|COMSPEC|OS|USERNAME|USERPROFILE|HOMEDRIVE|HOMEPATH"
    r"|APPDATA|LOCALAPPDATA|PROGRAM(?:FILES|DATA|W6432)(?:\(X86\))?",
    re.IGNORECASE,
)
"""Where programs find their files, their configuration, the screen and the network."""

PreviewSize = Literal["auto", "none", "large"]
LogFormat = Literal["text", "json"]
OwnKeys = Literal["no", "allowed", "required"]
ResponseFormat = Literal["url", "b64_json", "b64_ephemeral"]


def config_folder() -> Path:
    """Return the folder of this user's configuration, which may hold the key file."""
    return Path(platformdirs.user_config_path(APP, appauthor=False))


def bare_environment() -> dict[str, str]:
    """Return the variables that Python itself needs, for a process that should get nothing else."""
    return {name: os.environ[name] for name in _OF_PYTHON if name in os.environ}


def program_environment(*further: str) -> dict[str, str]:
    """Return the variables that one of the person's programs needs, without any secrets.

    Args:
        further: Names of variables that this program needs too.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in further or (_OF_PROGRAMS.fullmatch(name) and not name.upper().startswith("IMAGEROUTER_"))
    }


def expand(text: str) -> Path:
    """Return the path that a text means: without quotes, with the home folder expanded at its beginning.

    Where Linux runs within Windows (WSL), paths as Windows writes them are translated.

    Args:
        text: A path as a person or a model writes it.
    """
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[2]
    if start := _HOME.match(text):
        return Path.home() / text[start.end() :].lstrip("/\\")
    return Path(text if os.name == "nt" else _within_linux(text))


def _within_linux(text: str) -> str:
    """Translate a Windows path for the Linux inside Windows; return any other text unchanged."""
    if share := _WSL_SHARE.match(text):
        return text[share.end() :].replace("\\", "/")
    drive = _WINDOWS_DRIVE.match(text)
    root = _DRIVES / drive[1].lower() if drive else None
    if drive is None or root is None or not root.is_dir():
        return text
    return str(root / text[drive.end() :].replace("\\", "/"))


def _absolute(folder: Path) -> Path:
    expanded = expand(str(folder))
    if not expanded.is_absolute():
        raise ValueError(f"it must be an absolute path such as {Path.home() / 'Pictures'}")
    return expanded


_Folder = Annotated[Path, AfterValidator(_absolute)]
_Folders = Annotated[tuple[_Folder, ...], NoDecode, BeforeValidator(split_at(os.pathsep))]
_ALIKE = 0.9
"""How similar, up to 1, a variable's name must be to a setting's to count as a misspelling."""


SET_IN_CODE = frozenset({"remote", "sandbox"})
"""Fields that no variable sets."""


class _Environment(EnvSettingsSource):
    """Read the variables as texts; the library would first look in each type for JSON."""

    def __call__(self) -> dict[str, Any]:
        names = [name for name in self.settings_cls.model_fields if name not in SET_IN_CODE]
        variables = {name: f"{self.env_prefix}{name}".lower() for name in names}
        return {name: self.env_vars[key] for name, key in variables.items() if key in self.env_vars}


class Settings(BaseSettings):
    """Everything the environment decides; each field is the variable `IMAGEROUTER_<FIELD>`.

    Variables that are no field, such as those of older versions, are ignored.
    """

    model_config = SettingsConfigDict(env_prefix="IMAGEROUTER_", frozen=True, extra="ignore")

    api_key: Annotated[SecretStr, Field(max_length=_LONGEST_KEY)] | None = None
    """The key itself; else `api_key_file` holds it, else the file `api-key` in the configuration folder."""
    api_key_file: _Folder | None = None
    base_url: WebAddress = _SERVICE
    """The service's origin, without `/v1`."""
    allow_private_urls: bool = False
    """Whether source images and results may also be fetched from private addresses."""
    input_dirs: _Folders = ()
    """Folders that source images may be read from, separated as in PATH; none means any."""
    output_dir: _Folder = Field(default_factory=lambda: platformdirs.user_pictures_path() / "imagerouter")
    """Where generated images go."""
    output_dirs: _Folders = ()
    """Further folders that callers may save in, separated as in PATH; none means the usual ones."""
    data_dir: _Folder = Field(default_factory=lambda: platformdirs.user_data_path(APP, appauthor=False))
    """Where the gallery keeps its records."""
    database_url: PostgresAddress | None = None
    """The PostgreSQL database that keeps the records in place of `data_dir`, for several servers."""
    object_store: ObjectStoreAddress | None = None
    """Where pictures are kept in place of `output_dir`, for several servers: `s3://`, `gs://` or `az://`."""
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = 30
    """Seconds of silence, by that database's clock, after which others take a server's calls over."""
    model: str | None = None
    """The model for calls that name none."""
    edit_model: str | None = None
    """The same for edits."""
    video_model: str | None = None
    """The same for videos."""
    auto_max_usd: Usd = AUTO_MAX_USD
    """The highest likely price of a model that is chosen for a call that names none."""
    response_format: ResponseFormat = "url"
    preview: PreviewSize = "auto"
    media_lines: bool = False
    """End each result with `MEDIA:` lines, whatever the host."""
    resource_links: bool = True
    """Link each result's resource, for hosts that know such links."""
    timeout: Annotated[float, Field(gt=0)] | None = None
    """Total time limit of a generation, in seconds; unset, pictures have 300 and videos 900."""
    stall_seconds: Annotated[float, Field(gt=0)] = 30
    """Seconds without a byte after which a connection counts as dead; heartbeats come every 3 s."""
    remote: bool = False
    """Whether callers are on other machines, where paths of this one mean nothing."""
    sandbox: bool = False
    """Whether all that is recorded is of a sandbox, so that none of it cost anything."""
    wait_seconds: Annotated[float, Field(ge=0, le=3600)] = 45
    """Seconds after which a call answers with a handle, because hosts give up after 60."""
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 20
    """Seconds that unfinished requests may still take when the server shuts down."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 4
    """How many pictures and videos are requested at the same time."""
    max_cost_usd: Usd | None = None
    """The most that one call may cost; unset, 1.00 for pictures and 5.00 for a video."""
    budget_usd: Usd = Decimal(20)
    """The most that all calls of a day may cost together, over all of the person's processes."""
    confirm_usd: Usd | None = None
    """The most that a call may cost without asking the person; unset, nobody is asked."""
    people: bool = False
    """Serve several people over HTTP, each with a gallery of their own; whoever is not known is refused."""
    own_keys: OwnKeys = "no"
    """Whether people pay with ImageRouter keys of their own: nobody, those who have one, or everybody."""
    key_secrets: Annotated[tuple[Annotated[SecretStr, Field(min_length=32)], ...], NoDecode, Listed] = ()
    """What those keys are encrypted with, separated by commas: the first encrypts, all decrypt."""
    openid_issuer: IssuerAddress | None = None
    """The OpenID provider that people sign in with, as its tokens write it."""
    openid_client_id: str | None = None
    """This server's client id there."""
    openid_client_secret: SecretStr | None = None
    """This server's client secret there, unless it is a public client."""
    openid_allow: AllowRules = ()
    """Who gets access: addresses, @domains, CLAIM=VALUE, or everybody; separated by commas."""
    openid_scope: OpenIdScope = "openid profile email"
    """The scopes to request there."""
    openid_name: str | None = None
    """What the sign-in page calls it; unset, the host of its address."""
    jwt_issuer: IssuerAddress | None = None
    """The authorization server whose JWTs are accepted instead of this server's own tokens."""
    jwt_audience: Audience = None
    """The audience that these JWTs must have; unset, the address of `/mcp`."""
    jwt_scope: str | None = None
    """A scope that they must have."""
    jwt_allow: AllowRules = ()
    """Who gets access with them, as for `openid_allow`."""
    allow_private_issuer: bool = False
    """Whether these two providers may have private addresses."""
    mcp_token: Annotated[tuple[SecretStr, ...], NoDecode, Listed] = ()
    """Bearer tokens that HTTP clients must send, separated by commas: two while one is being replaced."""
    public_url: WebAddress | None = None
    """Where others reach the HTTP server, if not at the address it binds to; links begin with it."""
    link_secret: SecretStr | None = Field(default=None, min_length=32)
    """The secret for signing links; unset, a random one is kept in `data_dir`."""
    http_hosts: Annotated[tuple[HostName, ...], NoDecode, Listed] = ()
    """Further host names that the HTTP server accepts, separated by commas."""
    http_origins: Annotated[tuple[Origin, ...], NoDecode, Listed] = ()
    """Origins whose pages may call the HTTP server, separated by commas."""
    http_proxies: Annotated[tuple[Network, ...], NoDecode, Listed] = ()
    """Addresses or networks of reverse proxies whose `X-Forwarded-For` is believed, separated by commas."""
    http_rate: Annotated[float, Field(gt=0)] = 10
    """Requests per second that each HTTP client may make on average."""
    http_requests: Annotated[int, Field(gt=0)] = 500
    """How many HTTP requests are served at the same time, not counting event streams."""
    log_format: LogFormat = "text"
    """How the HTTP server logs: lines for people, or one JSON object per line."""
    metrics_port: Annotated[int, Field(gt=0, le=65535)] | None = None
    """Where the HTTP server serves metrics for Prometheus; unset, there are none."""
    metrics_host: str = "127.0.0.1"
    """The address that metrics are served at; whoever reaches it can read them."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 0
    """Seconds that the HTTP server keeps accepting requests after a signal, while `/ready` says 503."""
    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days that servers keep pictures, which they then delete with their records; unset, they delete none."""
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
        """Read the arguments first, then the environment, except for `SET_IN_CODE`."""
        return init_settings, _Environment(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _drop_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value.strip() if isinstance(value, str) else value
            for name, value in values.items()
            if name in _NEVER_BLANK or not (isinstance(value, str) and _UNSET.fullmatch(value))
        }

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

    @property
    def popular_url(self) -> str:
        """The address of the popularity operation, which the service has on a host of its own."""
        host = "https://backend.imagerouter.io" if self.base_url == _SERVICE else self.base_url
        return host + _POPULAR_PATH

    @property
    def source_folders(self) -> tuple[Path, ...] | None:
        """Folders that source images may be read from: empty means none, None means any."""
        return self.input_dirs or (() if self.remote else None)

    def for_person(self, person: str) -> "Settings":
        """Return the settings of one of several people: the same, with folders of their own.

        Args:
            person: The person's id.
        """
        folders = {"data_dir": self.data_dir / "people" / person, "output_dir": self.output_dir / person}
        own = self.model_copy(update=folders)
        vars(own).pop("_folders", None)  # a copy brings along what was computed from the folders before
        return own

    def for_callers(self, text: str) -> str:
        """Return a text as callers may read it: without this machine's folders, if they are on another one.

        Args:
            text: A sentence about what went wrong.
        """
        return self._folders.sub("…", text) if self.remote else text

    @cached_property
    def _folders(self) -> re.Pattern[str]:
        """Where this machine keeps things, the innermost first, as paths and as Python writes them."""
        kept = [self.data_dir, self.output_dir, *self.output_dirs, *self.input_dirs, self.key_file.parent]
        folders = {str(each) for each in (*kept, Path.home(), Path.cwd(), Path(gettempdir())) if each.name}
        spelled = sorted(folders | {repr(each)[1:-1] for each in folders}, key=len, reverse=True)
        return re.compile(rf"(?<![\w.:/\\-])(?:{'|'.join(map(re.escape, spelled))})(?=[/\\]|\b)")

    @cached_property
    def key(self) -> SecretStr | None:
        """The API key, wherever it is set, or None.

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


class ObjectStoreSettings(BaseSettings):
    """The clouds' own variables that open the object store; each field is a variable in lower case.

    obstore reads what else its cloud has, such as the variables and the roles that a platform gives a server.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    aws_access_key_id: Credential | None = None
    """S3: the access key; unset, the server's role."""
    aws_secret_access_key: Credential | None = None
    """S3: its secret."""
    aws_session_token: Credential | None = None
    """S3: what temporary keys need too."""
    aws_region: Credential | None = None
    """S3: where the bucket is."""
    aws_endpoint: Endpoint | None = None
    """S3: the address of a server other than Amazon's."""
    google_application_credentials: SecretStr | None = None
    """Google: the file of a service account, or what `gcloud auth application-default login` wrote."""
    google_service_account_key: SecretStr | None = None
    """Google: the content of a service account's file."""
    azure_storage_account_name: Credential | None = None
    """Azure: the storage account."""
    azure_storage_account_key: Credential | None = None
    """Azure: its key; unset, an application, or the server's identity."""
    azure_storage_sas_token: Credential | None = None
    """Azure: a shared access signature in place of the key."""
    azure_tenant_id: Credential | None = None
    """Azure: the directory of an application."""
    azure_client_id: Credential | None = None
    """Azure: the application."""
    azure_client_secret: Credential | None = None
    """Azure: its secret."""

    def of(self, address: str) -> dict[str, SecretStr]:
        """Return the variables of the cloud that an object store is in, those that are set.

        Args:
            address: The object store's.
        """
        cloud = CLOUDS[address.partition("://")[0]]
        return {name: value for name, value in self if value is not None and name.startswith(cloud)}


class TerminalSettings(BaseSettings):
    """What the environment says of the terminal."""

    term: str = ""
    """Its kind; "dumb" has no cursor to move."""
    no_color: str = ""
    """Whether to leave out colours, if it is not empty; see https://no-color.org."""


def key_file_warning(settings: Settings) -> str | None:
    """Return a warning if other users may read the API key's file, else None.

    Windows protects a person's folders by itself and has no permission bits.
    """
    file = settings.key_file
    try:
        shared = not settings.api_key and os.name == "posix" and file.stat().st_mode & _OTHERS
    except OSError:  # a missing file is no danger; reading it reports what is wrong
        return None
    return f"The API key file {file} can be read by others. Run: chmod 600 {file}" if shared else None


def _read_key(file: Path) -> SecretStr | None:
    try:
        with file.open(encoding="utf-8-sig") as opened:  # perhaps of a device, which never ends
            text = opened.read(_LONGEST_KEY + 1).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        raise ConfigurationError(
            f"The API key file {file} cannot be read: {reason}.",
            "Correct IMAGEROUTER_API_KEY_FILE or the file's permissions, then try again.",
        ) from None
    return SecretStr(text) if text else None


def load_settings(**overrides: object) -> Settings:
    """Read the environment.

    Args:
        overrides: Fields that a command-line option sets; they override the environment.

    Raises:
        ConfigurationError: A variable has an invalid value; the message names the variable.
    """
    try:
        return Settings(**overrides)  # pyright: ignore[reportArgumentType] - pydantic checks them
    except ValidationError as error:
        raise _unusable(error, "IMAGEROUTER_") from None


def load_object_store_settings() -> ObjectStoreSettings:
    """Read the clouds' own variables.

    Raises:
        ConfigurationError: A variable has an invalid value; the message names the variable.
    """
    try:
        return ObjectStoreSettings()
    except ValidationError as error:
        raise _unusable(error) from None


def _unusable(error: ValidationError, prefix: str = "") -> ConfigurationError:
    """Return a sentence for each variable with an invalid value, without the values."""
    reasons = {str(fault["loc"][0]): _reason(fault) for fault in reversed(error.errors(include_url=False))}
    variables = {f"{prefix}{field.upper()}": reason for field, reason in sorted(reasons.items())}
    return ConfigurationError(
        ". ".join(f"{name} cannot be used: {reason}" for name, reason in variables.items()) + ".",
        f"Correct or remove {' and '.join(variables)} where {'it is' if len(variables) == 1 else 'they are'} "
        "set, and start it again.",
    )


def misspelt_settings() -> dict[str, str]:
    """Return variables that are not settings but almost spelled like one, each with that setting."""
    settings = [f"IMAGEROUTER_{field.upper()}" for field in Settings.model_fields]
    unknown = [name for name in os.environ if name.upper().startswith("IMAGEROUTER_")]
    alike = {name: get_close_matches(name.upper(), settings, 1, _ALIKE) for name in sorted(unknown)}
    return {name: meant[0] for name, meant in alike.items() if meant and name.upper() not in settings}


def _reason(fault: Mapping[str, object]) -> str:
    """Return what a value must look like; never the value, which may be a secret in the wrong place."""
    said = str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    unreplaced = PLACEHOLDER.search(str(fault["input"]))
    begin = f"it contains {unreplaced[0]}, which the host has not replaced; " if unreplaced else ""
    return begin + _FORMS.get(str(fault["type"]), said)


def key_complaint(key: str) -> str | None:
    """Return why a text cannot be an API key, as the end of a sentence without the text, or None."""
    if key[:1] in ("'", '"', "`", "“"):
        return "is in quotes, which do not belong to it"
    if found := PLACEHOLDER.fullmatch(key):
        return f"is {found[0]}, which the host has not replaced"
    if _EXAMPLE_KEY.fullmatch(key):
        return "is the placeholder of an example, not a key"
    if len(key) > _LONGEST_KEY:
        return "is longer than any key"
    return None if re.fullmatch(r"[!-~]+", key) else "contains spaces or characters that no key has"

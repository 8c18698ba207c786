"""One person in front of one sandbox: folders of their own, servers, and everything that can be counted."""

import itertools
import os
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from mcp.client.stdio import StdioServerParameters

from faults.hosts import Era, Host, RawHost, SdkHost, Told
from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.state import SandboxState
from support.faulty_sandbox import running_faulty_sandbox
from support.http_serving import serving

HEARTBEAT_SECONDS = 0.1
STALL_SECONDS = 2.0
"""After so long without a byte the server takes a connection for dead: twenty heartbeats."""
QUICK, SOON = "sandbox/slow-0", "sandbox/slow-1"
"""Models that work, at once and after a second."""
COMMAND = (sys.executable, "-m", "imagerouter_mcp")
_PATIENCE_SECONDS = 120.0
_LOOK_SECONDS = 0.005
_GENERATIONS = "/v1/openai/"
_Kept = TypeVar("_Kept")
_Of = TypeVar("_Of")
_BEGINS_AT = 6
"""The hour of the person's day: no clock that is set back or ahead brings a budget of another day."""
_numbers = itertools.count(1)


@dataclass(eq=False, slots=True)
class Scene:
    """What one test, or several after one another, play in.

    Attributes:
        folder: Everything of this person's is in it.
        sandbox: The service.
        environment: What the next server is started with.
        command: What starts it.
        records_lost: Whether records were destroyed, so that no sum can be right any more.
    """

    folder: Path
    sandbox: Sandbox
    environment: dict[str, str] = field(default_factory=dict[str, str])
    command: Sequence[str] = COMMAND
    records_lost: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)
    _kept: dict[object, Any] = field(default_factory=dict[object, Any])
    _running: "tuple[object, RawHost] | None" = None
    _shared: "tuple[Mapping[str, str], Sequence[str], SdkHost] | None" = None

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if name == "PATH" or name[:3] == "COV"}
        self.environment = {
            **kept,
            "TZ": f"MORNING{datetime.now(UTC).hour - _BEGINS_AT}",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "IMAGEROUTER_API_KEY": KEY,
            "IMAGEROUTER_BASE_URL": self.sandbox.base_url,
            "IMAGEROUTER_OUTPUT_DIR": str(self.pictures),
            "IMAGEROUTER_DATA_DIR": str(self.data),
            "IMAGEROUTER_ALLOW_PRIVATE_URLS": "1",  # for a source image that is slow to come
            "IMAGEROUTER_STALL_SECONDS": str(STALL_SECONDS),
            "IMAGEROUTER_TIMEOUT": "20",
            "IMAGEROUTER_GRACE_SECONDS": "4",
        }

    @property
    def pictures(self) -> Path:
        """The output folder."""
        return self.folder / "pictures"

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    @property
    def state(self) -> SandboxState:
        """The sandbox from inside."""
        return self.sandbox.app.state.sandbox

    def sdk_host(self, era: Era = "auto") -> SdkHost:
        """The SDK's client with a server of its own over stdio; closed with the scene."""
        command, *rest = self.command
        host = SdkHost(StdioServerParameters(command=command, args=rest, env=self.environment, cwd="/"), era)
        self._stack.callback(host.close)
        return host

    def shared_host(self, era: Era = "auto") -> SdkHost:
        """One host for the whole scene, begun anew when what starts the server has changed."""
        wanted = (dict(self.environment), tuple(self.command))
        if self._shared and self._shared[:2] == wanted:
            return self._shared[2]
        self.end_shared_host()
        self._shared = (*wanted, self.sdk_host(era))
        return self._shared[2]

    def end_shared_host(self) -> None:
        """Let the next call meet a server that has just begun."""
        if self._shared:
            self._shared[2].close()
        self._shared = None

    def keep(self, what: AbstractContextManager[_Kept]) -> _Kept:
        """Leave something in place until the scene ends."""
        return self._stack.enter_context(what)

    def keep_once(self, make: Callable[[_Of], AbstractContextManager[_Kept]], of: _Of) -> _Kept:
        """Leave something in place until the scene ends, and find it there when it is wanted again."""
        key = (make, of)
        if key not in self._kept:
            self._kept[key] = self.keep(make(of))
        return self._kept[key]

    def raw_host(self, era: Era = "auto", **environment: str) -> RawHost:
        """JSON-RPC with a server of its own; closed with the scene."""
        host = RawHost(self.command, {**self.environment, **environment}, self.folder / "stderr", era)
        self._stack.callback(_end, host)
        return host

    def running_host(self, era: Era = "auto") -> RawHost:
        """The scene's one raw host; another one when its server has ended or begins otherwise."""
        wanted = (dict(self.environment), era)
        if self._running and self._running[0] == wanted and self._running[1].process.poll() is None:
            return self._running[1]
        self._running = (wanted, self.raw_host(era))
        return self._running[1]

    def another_running_host(self, era: Era = "auto") -> RawHost:
        """Another raw host in place of the running one, whose server may take its time to end."""
        self._running = None
        return self.running_host(era)

    @contextmanager
    def serving(self) -> Generator[str]:
        """A server over HTTP; gives its address."""
        with serving(self.environment) as running:
            yield running.url

    def close(self) -> None:
        """End everything that was started."""
        self._stack.close()

    def lose_records(self, how: Callable[[Path], None]) -> None:
        """Do something to the data folder that destroys records."""
        self.records_lost = True
        how(self.data)

    def requests(self, prompt: str) -> list[Mapping[str, Any]]:
        """Which generations the service was asked for with a prompt; where to edit may be said after it."""

        def asked(entry: Mapping[str, Any]) -> str:
            return str(entry["fields"].get("prompt", "")).partition("\n\n")[0]

        return [entry for entry in self.journal() if asked(entry) == prompt]

    def journal(self) -> list[dict[str, Any]]:
        """The requests for generations that arrived at the service."""
        return [
            entry for entry in self.state.journal.as_json() if str(entry["path"]).startswith(_GENERATIONS)
        ]

    def wait_asked(self, prompt: str, times: int = 1) -> None:
        """Wait until the service has been asked."""
        self.wait_until(
            lambda: len(self.requests(prompt)) >= times, f"the service was not asked for {prompt}"
        )

    def wait_settled(self, prompt: str) -> None:
        """Wait until the service has made, or refused, all that it was asked for with a prompt."""
        self.wait_until(
            lambda: all(entry["outcome"] not in (None, "status 200") for entry in self.requests(prompt)),
            f"the service has not done {prompt}",
        )

    def fetches(self) -> int:
        """How often a result was asked for."""
        return sum(str(entry["path"]).startswith("/files/") for entry in self.state.journal.as_json())

    def wait_fetching(self, before: int) -> None:
        """Wait until a result is being fetched, beyond the fetches that there had been before."""
        self.wait_until(lambda: self.fetches() > before, "nothing was fetched")

    def wait_state(self, host: Host, prompt: str, state: str) -> None:
        """Wait until `list_images` says that work is in a certain state."""
        self.wait_until(
            lambda: any(
                each["prompt"] == prompt and each["state"] == state
                for each in host.call("list_images").fields.get("unfinished", ())
            ),
            f"{prompt} is never {state}",
        )

    def wait_until(self, true: Callable[[], bool], otherwise: str) -> None:
        """Wait until something is true.

        Raises:
            TimeoutError: It does not come true; says `otherwise`.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(otherwise)
            time.sleep(_LOOK_SECONDS)


Interrupt = Callable[[], None]
"""What happens while the service works."""
Setting = Callable[[Scene], AbstractContextManager[Interrupt | None]]
"""Makes things bad before the server starts, and good again at its end."""


def new_prompt(what: str) -> str:
    """A prompt that is like no other of this run."""
    return f"{what} {next(_numbers):06}"


def make(host: Host, prompt: str, model: str, **arguments: object) -> Told:
    """Have a small picture made."""
    return host.call("generate_image", **picture(prompt, model, **arguments))


def picture(prompt: str, model: str, **arguments: object) -> dict[str, object]:
    """The arguments for a small picture."""
    return {"prompt": prompt, "model": model, "size": "256x256", "preview": "none", **arguments}


def clip(prompt: str, model: str, **arguments: object) -> dict[str, object]:
    """The arguments for a video."""
    return {"prompt": prompt, "model": model, **arguments}


@contextmanager
def scene(folder: Path) -> Generator[Scene]:
    """A scene with a sandbox of its own, which lists the models that fail."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_faulty_sandbox(heartbeat_seconds=HEARTBEAT_SECONDS) as sandbox:
        sandbox.app.state.sandbox.settings.models = "with-faults"
        made = Scene(folder, sandbox)
        try:
            yield made
        finally:
            made.close()


def _end(host: RawHost) -> None:
    with suppress(OSError):
        host.signal(9)
    host.wait()
    host.close()

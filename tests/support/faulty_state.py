"""What the faulty sandbox can be told while it runs, and what it remembers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from starlette.applications import Starlette

from imagerouter_mcp.sandbox.service.accounts import Accounts
from imagerouter_mcp.sandbox.service.editions import EDITIONS
from imagerouter_mcp.sandbox.service.state import SandboxSettings, SandboxState

Popularity = Literal[
    "json-ids",
    "json-objects-model",
    "json-objects-id",
    "json-objects-modelId",
    "json-objects-name",
    "bare-ids",
    "bare-objects",
    "with-meta",
    "nonsense",
    "status-500",
    "html",
]
Models = Literal[
    "normal", "with-faults", "with-dearer-faults", "v1", "v2", "v3", "status-500", "html", "slow"
]
Service = Literal["live", "february"]

POPULARITY: Final[tuple[Popularity, ...]] = get_args(Popularity)
MODELS: Final[tuple[Models, ...]] = get_args(Models)
SERVICE: Final[tuple[Service, ...]] = get_args(Service)


@dataclass(slots=True)
class FaultySettings(SandboxSettings):
    """How the faulty sandbox behaves.

    Attributes:
        popularity: How `POST /operations/get-popular-models` answers.
        models: How `GET /v1/models` answers: in which shape, or how it fails.
        service: Which generation of the service it is.
        held: Whether `sandbox/held` waits with its answers.
    """

    popularity: Popularity = "json-objects-model"
    models: Models = "normal"
    service: Service = "february"
    held: bool = True


def first_time(app: Starlette, what: str) -> bool:
    """Whether something happens for the first time since the journal was last cleared."""
    seen: set[str] = app.state.seen
    if what in seen:
        return False
    seen.add(what)
    return True


def change_settings(app: Starlette, wanted: Mapping[str, object]) -> None:
    """Change some settings of a faulty sandbox."""
    state: SandboxState = app.state.sandbox
    for name, value in wanted.items():
        setattr(state.settings, name, value)
    settings = state.settings
    assert isinstance(settings, FaultySettings)
    state.edition = EDITIONS[settings.service]


def forget(app: Starlette) -> None:
    """Forget what arrived, what happened, and what was charged."""
    state: SandboxState = app.state.sandbox
    state.reset()
    state.accounts = Accounts()
    app.state.seen.clear()

"""Models with habits, a server that edits with them, and the sheet, written where `REGIONS_SHEETS` says."""

import asyncio
import io
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.sandbox.pictures.media import MadeFile
from imagerouter_mcp.sandbox.service.imitation import imitate
from imagerouter_mcp.sandbox.service.providers import Provider, ProviderAnswer
from imagerouter_mcp.sandbox.service.serve import Sandbox
from imagerouter_mcp.sandbox.service.validation import ValidRequest
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from regions.sheet import Sheet
from support.models_at_work import Habit, answered

Edit = Callable[..., Coroutine[Any, Any, tuple[str, dict[str, Any]]]]


@dataclass
class HabitualModels(Mapping[str, Provider]):
    """What makes the results of all models: the sandbox's imitation, with one habit.

    Attributes:
        habit: How the answers differ from what was asked.
        charged_refusal: What is answered in place of a picture, and charged; "" to make one.
    """

    habit: Habit = field(default_factory=Habit)
    charged_refusal: str = ""

    def __getitem__(self, model: str) -> Provider:
        return self._provide

    def __contains__(self, model: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0

    async def _provide(self, request: ValidRequest, provider_id: str) -> ProviderAnswer:
        if self.charged_refusal:
            return ProviderAnswer(cost=0.01, error={"message": self.charged_refusal, "type": "failed"})
        made = await imitate(request, provider_id)
        (picture,) = made.data
        assert isinstance(picture, MadeFile)
        source = request.images[0] if self.habit.echo else picture.data
        return replace(made, data=[await asyncio.to_thread(self._altered, source)])

    def _altered(self, data: bytes) -> MadeFile:
        with Image.open(io.BytesIO(data)) as picture:
            made = answered(picture, replace(self.habit, echo=True), (0, 0, 0, 0))
        file = io.BytesIO()
        made.save(file, "PNG", compress_level=1)
        return MadeFile(file.getvalue(), "image/png")


@pytest.fixture
def behave(sandbox: Sandbox, change_sandbox: Callable[..., None]) -> Iterator[Callable[..., None]]:
    """Return a function that gives all models a habit, on the live generation of the service or the older."""
    state = sandbox.app.state.sandbox
    usual, habitual = state.providers, HabitualModels()

    def begin(habit: Habit, *, live: bool = False, charged_refusal: str = "") -> None:
        change_sandbox(service="live" if live else "february")
        habitual.habit, habitual.charged_refusal = habit, charged_refusal
        state.providers = habitual

    yield begin
    state.providers = usual


@pytest.fixture
def edit(settings: Settings) -> Edit:
    """Return a function that calls `edit_image`, and returns its text and structured content."""

    async def call(**arguments: object) -> tuple[str, dict[str, Any]]:
        wanted = {"prompt": "Paint a big red balloon", "preview": "none", **arguments}
        async with open_app(settings) as app, Client(build_server(app)) as client:
            result = await client.call_tool("edit_image", wanted)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        return text, result.structured_content or {}

    return call


@pytest.fixture(scope="session")
def sheet() -> Iterator[Sheet]:
    sheet = Sheet()
    yield sheet
    if folder := os.environ.get("REGIONS_SHEETS"):
        sheet.save(Path(folder))

"""Conversations of an agent: every fact that it needs is in an answer that it has had.

Some hosts give it the text alone, as opencode and Gemini CLI do, others the structured content alone, as
Claude Code and Codex do: both have to tell it the same. Nothing else passes from call to call.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PIL import Image, ImageChops

from tools.conftest import Told

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

QUIET = {"preview": "none"}


@dataclass(frozen=True)
class Model:
    """What an agent learns of a listed model."""

    id: str
    price: float
    seconds: list[float]


@dataclass(frozen=True)
class Answer:
    """What an agent learns from an answer: the same from its text as from its structured content."""

    told: Told

    def handle(self, number: int = 1) -> str:
        """Return the handle of a picture."""
        numbered = re.search(rf"^{number} · (img_\w+)", self.told.text, re.MULTILINE)
        return _both((numbered or self._found(r"^Handle: (img_\w+)"))[1], self._picture(number)["handle"])

    def path(self, number: int = 1) -> Path:
        """Return where a picture is."""
        return Path(_both(self._found(r"^Saved: (.+) \(", number - 1)[1], self._picture(number)["path"]))

    def size(self, number: int = 1) -> tuple[int, int]:
        """Return a picture's width and height."""
        found, picture = self._found(r"^Saved: .+ \((\d+)×(\d+) ", number - 1), self._picture(number)
        return _both((int(found[1]), int(found[2])), (picture["width"], picture["height"]))

    def model(self) -> str:
        """Return the model that made it, or that would."""
        found = self._found(r"(?:made|Made \d+ \w+|would ask) (?:with )?(\S+/\S+) for ")
        return _both(found[1], self.told.fields["model"])

    def cost(self) -> float:
        """Return what it cost."""
        found = self._found(r"^Made .*?(?: for \$([\d.]+)|free)(?: in|\.)")
        return _both(float(found[1] or 0), self.told.fields["cost_usd"])

    def highest_cost(self) -> float:
        """Return what it would cost at most."""
        found = self._found(r"^It would cost .*?\$([\d.]+)\)?\.$")
        return _both(float(found[1]), self.told.fields["estimate_usd"]["high"])

    def planned_size(self) -> str:
        """Return the size that would be asked for."""
        return _both(self._found(r"^This would ask .* at (\d+x\d+)")[1], self.told.fields["size"])

    def models(self) -> list[Model]:
        """Return the models that were found."""
        lines = re.findall(r"^(\S+/\S+): (?:free|\$([\d.]+))(.*)$", self.told.text, re.MULTILINE)
        return _both(
            [Model(name, float(price or 0), _lengths(rest)) for name, price, rest in lines],
            [
                Model(each["id"], each["price_usd"]["likely"], each.get("seconds", []))
                for each in self.told.fields["models"]
            ],
        )

    def sources(self) -> str:
        """Return what it was made from."""
        return _both(self._found(r"^From: (.*)$")[1], "; ".join(self.told.fields["sources"]))

    def notes(self) -> str:
        """Return the notes."""
        notes = re.findall(r"^Note: (.*)$", self.told.text, re.MULTILINE)
        return "\n".join(_both(notes, self.told.fields["notes"]))

    def next_step(self) -> str:
        """Return what to do to get what is not done yet; "" if it is done."""
        done = self.told.fields.get("state", "done") == "done"
        _both(not self.told.text.startswith("Not done yet"), done)
        if done:
            return ""
        assert self.told.fields["next_step"] in self.told.text
        return self.told.fields["next_step"]

    def spent(self) -> float:
        """Return what was spent in a week."""
        assert self.told.fields["period"] == "week"
        found = self._found(r"^\$([\d.]+) was spent in the last 7 days")
        return _both(float(found[1]), self.told.fields["total_usd"])

    def _picture(self, number: int) -> dict[str, Any]:
        return next(each for each in self.told.fields["images"] if each.get("number", 1) == number)

    def _found(self, pattern: str, place: int = 0) -> re.Match[str]:
        found = list(re.finditer(pattern, self.told.text, re.MULTILINE))
        assert len(found) > place, f"{pattern} is not in {self.told.text}"
        return found[place]


T = TypeVar("T")


def _both(in_text: T, in_fields: T) -> T:
    """Return what text and structured content agree on."""
    assert in_text == in_fields
    return in_fields


def _lengths(words: str) -> list[float]:
    told = re.search(r"; ([\d., ]+) s\b", words)
    return [float(length) for length in told[1].split(", ")] if told else []


@dataclass
class Agent:
    """Calls tools, and counts its calls and what they cost."""

    host: Any
    calls: int = 0
    costs: list[float] = field(default_factory=list[float])

    async def __call__(self, tool: str, **arguments: object) -> Answer:
        """Call a tool that must succeed."""
        told = await self.host(tool, **arguments)
        assert not told.failed, told.text
        self.calls += 1
        return Answer(told)

    async def made(self, tool: str, **arguments: object) -> Answer:
        """Call a tool that makes pictures, and note what it cost."""
        answer = await self(tool, **QUIET, **arguments)
        self.costs.append(answer.cost())
        return answer

    async def collected(self, answer: Answer) -> Answer:
        """Collect what is not done yet, as the answers say it."""
        while step := answer.next_step():
            handle = re.search(r"[Cc]all get_generation with (gen_\w+)", step)
            assert handle, step
            answer = await self("get_generation", generation=handle[1], **QUIET)
        return answer


Begin = Callable[..., AbstractAsyncContextManager[Agent]]


@pytest.fixture
def begin(connect: Hosts) -> Begin:
    """Begin a conversation with an agent."""

    @asynccontextmanager
    async def conversation(**settings: object) -> AsyncGenerator[Agent]:
        async with connect(**settings) as host:
            yield Agent(host)

    return conversation


def transparent(path: Path) -> float:
    """Return how much of a picture is transparent, of 1."""
    with Image.open(path) as picture:
        return picture.convert("RGBA").getchannel("A").histogram()[0] / (picture.width * picture.height)


async def photo_of(agent: Agent, prompt: str) -> Answer:
    return await agent.made("generate_image", prompt=prompt, aspect_ratio="4:3")


async def test_a_logo_with_a_transparent_background(begin: Begin) -> None:
    async with begin() as agent:
        logo = await agent.made("generate_image", prompt="A flat logo of a fox", background="transparent")
        assert re.search(r"Measured: \d+ % of the picture is transparent", logo.notes())
        assert transparent(logo.path()) > 0.2
        icons = await agent("finish_image", images=[logo.handle()], steps=["favicon"], **QUIET)
        assert icons.cost() == 0
        assert agent.calls == 2


async def test_the_largest_picture_of_16_to_9_below_5_cents(begin: Begin) -> None:
    async with begin() as agent:
        found = await agent("search_models", query="largest", kind="image", max_price=0.05, limit=3)
        best = found.models()[0]
        asked = {"prompt": "A canyon at dawn", "model": best.id, "aspect_ratio": "16:9", "size": "4K"}
        planned = await agent("generate_image", dry_run=True, **asked)
        assert planned.highest_cost() <= 0.05
        made = await agent.made("generate_image", **asked)
        width, height = made.size()
        assert planned.planned_size() == f"{width}x{height}"
        assert abs(width / height - 16 / 9) < 0.01
        assert width >= 3840
        assert made.cost() <= planned.highest_cost()


async def test_only_the_sky_with_a_model_that_takes_no_mask(begin: Begin) -> None:
    async with begin() as agent:
        photo = await photo_of(agent, "A lighthouse by the sea at noon")
        model = photo.model()
        sky = "box:0,0,100%,40%"
        edited = await agent.made(
            "edit_image", images=[photo.handle()], mask=sky, prompt="A sky at sunset", model=model
        )
        assert "Outside the mask every pixel is the source's" in edited.notes()
        assert photo.handle() in edited.sources()
        with Image.open(photo.path()) as before, Image.open(edited.path()) as after:
            below = (0, round(before.height * 0.4) + 1, *before.size)
            same = ImageChops.difference(before.convert("RGB").crop(below), after.convert("RGB").crop(below))
            assert same.getbbox() is None
            assert ImageChops.difference(before.convert("RGB"), after.convert("RGB")).getbbox()
        assert agent.calls == 2


async def test_one_character_in_three_scenes(begin: Begin, made: Journal) -> None:
    async with begin() as agent:
        reference = await photo_of(agent, "A girl in a yellow raincoat, whole figure, plain background")
        first = await agent.made("edit_image", images=[reference.handle()], prompt="The same girl at a pond")
        again = {"images": [reference.handle()], "model": first.model()}
        second = await agent.made("edit_image", prompt="The same girl on a tram", **again)
        third = await agent.made("edit_image", prompt="The same girl in a library", **again)
        scenes = (first, second, third)
        assert all(reference.handle() in scene.sources() for scene in scenes)
        assert len({scene.path() for scene in scenes}) == 3
    assert len({entry["fields"]["model"] for entry in made()[1:]}) == 1


async def test_two_products_on_a_table(begin: Begin, tmp_path: Path, made: Journal) -> None:
    bottle, cup = tmp_path / "bottle.png", tmp_path / "cup.png"
    Image.new("RGB", (300, 400), "seagreen").save(bottle)
    Image.new("RGB", (400, 300), "tan").save(cup)
    async with begin() as agent:
        table = await agent.made(
            "edit_image", images=[str(bottle), str(cup)], prompt="The bottle and the cup on an oak table"
        )
        assert table.path().is_file()
        assert all(name in table.sources() for name in ("bottle.png", "cup.png"))
        smaller = await agent("finish_image", images=[table.handle()], steps=["resize 400"], **QUIET)
        assert smaller.size()[0] == 400
    assert len(made()[0]["files"]) == 2


async def test_the_background_off(begin: Begin) -> None:
    async with begin() as agent:
        photo = await photo_of(agent, "A red apple on a table")
        cut = await agent.made("edit_image", images=[photo.handle()], background="transparent")
        assert "% of the picture is transparent" in cut.notes()
        assert transparent(cut.path()) > 0.2
        assert agent.calls == 2


async def test_the_cheapest_model_that_takes_a_mask(begin: Begin, made: Journal) -> None:
    async with begin() as agent:
        photo = await photo_of(agent, "A house by a lake")
        found = await agent("search_models", kind="image", supports=["mask"], sort="price")
        cheapest = next(model for model in found.models() if model.price)
        edited = await agent.made(
            "edit_image",
            images=[photo.handle()],
            mask="box:50%,50%,30%,30%",
            prompt="A red door",
            model=cheapest.id,
        )
        assert edited.model() == cheapest.id
        assert edited.cost() <= cheapest.price
    assert any(file["field"].startswith("mask") for file in made()[-1]["files"])


async def four_and_the_third_upscaled(agent: Agent) -> Answer:
    four = await agent.made("generate_image", prompt="A tin robot", n=4, size="512x512", model="cheapest")
    upscaler = (await agent("search_models", query="upscale", sort="price", limit=1)).models()[0]
    large = await agent.made("edit_image", images=[four.handle(3)], model=upscaler.id)
    assert large.size() == tuple(2 * side for side in four.size(3))
    assert four.handle(3) in large.sources()
    assert "robot-3" in four.path(3).name
    return large


async def test_four_variations_and_number_three_upscaled(begin: Begin) -> None:
    async with begin() as agent:
        await four_and_the_third_upscaled(agent)
        assert agent.calls == 3


async def test_a_video_of_five_seconds_of_it_collected_later(
    begin: Begin, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=1)
    async with begin(wait_seconds=0.3) as agent:
        begun = await agent("generate_image", prompt="Waves against a cliff", aspect_ratio="16:9")
        picture = await agent.collected(begun)
        found = await agent("search_models", kind="video", supports=["edit"], sort="price")
        model = next(each for each in found.models() if 5 in each.seconds)
        asked = {"images": [picture.handle()], "prompt": "The waves roll in", "model": model.id, "seconds": 5}
        planned = await agent("generate_video", dry_run=True, **asked)
        assert planned.model() == model.id
        assert planned.highest_cost() < 1
        begun = await agent("generate_video", **asked)
        assert begun.next_step()
        video = await agent.collected(begun)
        assert video.model() == model.id
        assert video.path().suffix == ".mp4"


async def test_what_was_spent_in_a_week(begin: Begin) -> None:
    async with begin() as agent:
        await photo_of(agent, "A fox")
        await four_and_the_third_upscaled(agent)
        week = await agent("spending", period="week")
        assert week.spent() == pytest.approx(sum(agent.costs))

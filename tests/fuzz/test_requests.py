"""Whatever an agent writes for a size, a shape, a mask, a model or a source: a plan, or a sentence."""

import string
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import anyio
from hypothesis import strategies as st

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.catalogue import Listing
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.generation.handles import is_handle
from imagerouter_mcp.generation.planning.model_choice import Preference
from imagerouter_mcp.generation.planning.plan import Destination, choose_model, make_plan
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.images.masks.painting import region_mask
from imagerouter_mcp.images.masks.regions import parse_mask
from imagerouter_mcp.images.source_images import SourceReader
from imagerouter_mcp.sandbox.service.list_shapes import v1
from imagerouter_mcp.sandbox.service.offered import listed
from imagerouter_mcp.settings import expand
from support.visible import is_visible

Fuzz = Callable[..., None]

LISTING = Listing(parse_models(v1(listed(), {}, text=True)))
IDS = st.sampled_from([entry.id for entry in LISTING.models])

numbers = st.one_of(st.integers(-10, 10**7).map(str), st.text("0123456789.,e-+%٣", max_size=6))
sizes = st.one_of(
    st.text(max_size=20),
    st.tuples(numbers, st.sampled_from("xX×*:/ "), numbers).map("".join),
    st.just("auto"),
)
shapes = st.one_of(sizes, st.sampled_from(["match", "square", "portrait", "landscape", "", "16:9"]))
boxes = st.lists(st.lists(numbers, min_size=3, max_size=5).map(lambda v: "box:" + ",".join(v)), max_size=4)
masks = st.one_of(
    st.text(max_size=30),
    boxes.map("+".join),
    boxes.map(lambda parts: "outside:" + "+".join(parts)),
    st.sampled_from(["alpha", "outside:alpha", "box:", "outside:"]),
)
typos = st.tuples(IDS, st.integers(0, 40), st.sampled_from(["", "-", "x", "/", " ", "é", "\0"])).map(
    lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
)
models = st.one_of(IDS, typos, st.text(max_size=30), st.sampled_from(["", "auto", "cheapest", "free"]))


def is_a_sentence(error: ImageRouterError) -> bool:
    return is_visible(str(error)) and "Nothing was charged." in str(error) and len(str(error)) < 2000


HERE = Destination(Path("/pictures"), "a-fox")
requests = st.builds(
    Request,
    prompt=st.text(max_size=30),
    model=models,
    size=sizes,
    aspect_ratio=shapes,
    mask=masks,
    images=st.sampled_from([(), ("last",)]),
)


def test_every_wish_becomes_a_plan_or_a_sentence(fuzz: Fuzz) -> None:
    def attempt(wish: Request) -> None:
        try:
            choice = choose_model(wish, LISTING, (), Preference())
            plan = make_plan(wish, choice, response_format="url", destination=HERE, source=(640, 480))
        except ImageRouterError as error:
            assert is_a_sentence(error)  # noqa: PT017 - either outcome is right, and each is looked at
            return
        assert plan.fields["model"] == plan.model
        assert plan.size is None or min(plan.size) >= 1

    fuzz(requests, attempt)


def test_every_mask_in_words_becomes_a_mask_a_source_or_a_sentence(fuzz: Fuzz) -> None:
    def attempt(drawn: tuple[str, int, int]) -> None:
        text, *size = drawn
        try:
            regions = parse_mask(text)
            if regions is None or regions.alpha:
                return
            with Path("/dev/null").open("rb") as nothing:
                mask = region_mask(regions, nothing, *size)
        except ImageRouterError as error:
            assert is_a_sentence(error)  # noqa: PT017 - as above
            return
        assert mask.size == tuple(size)
        assert mask.getextrema() == (0, 255)

    sides = st.integers(1, 3000)
    fuzz(st.tuples(masks, sides, sides), attempt)


sources = st.one_of(
    st.text(max_size=60),
    st.text(string.printable, max_size=60).map(lambda text: f"file://{text}"),
    st.text(string.printable, max_size=60).map(lambda text: f"data:{text}"),
    st.text("ABCDabcd0123+/=", min_size=250, max_size=400),
    st.text(string.printable, max_size=30).map(lambda text: f"http://127.0.0.1:1/{text}"),
    st.text(max_size=30).map(lambda text: f"/{text}"),
    st.text(max_size=30).map(lambda text: f"~{text}"),
)


def test_every_source_becomes_a_picture_or_a_sentence(fuzz: Fuzz) -> None:
    async def open_all(texts: list[str]) -> None:
        async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
            reader = SourceReader(fetcher, expand)
            for text in texts:
                is_handle(text)
                try:
                    (await reader.open(text)).file.close()
                except ImageRouterError as error:
                    assert is_a_sentence(error)  # noqa: PT017 - as above

    def attempt(texts: list[str]) -> None:
        anyio.run(open_all, texts)

    fuzz(st.lists(sources, min_size=1, max_size=8), attempt, usual=150)

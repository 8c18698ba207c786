"""Calls as agents and people really make them: what each kind of spelling, slip and habit must come to.

A row is a tool, its arguments, and what must come: fields of the answer or words of its text. All rows of a
kind go to one server.
"""

import base64
import io
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from PIL import Image

Hosts = Callable[..., AbstractAsyncContextManager[Any]]

PICTURE, EDIT, VIDEO, COMPARE = "generate_image", "edit_image", "generate_video", "compare_models"
FINISH = "finish_image"
GPT, FLASH = "openai/gpt-image-1", "google/gemini-2.5-flash"


def picture() -> str:
    """A small picture as a data URI."""
    packed = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(packed, "PNG")
    return f"data:image/png;base64,{base64.b64encode(packed.getvalue()).decode()}"


DATA = picture()


@dataclass(frozen=True)
class Row:
    """One call.

    Attributes:
        tool: Whom it calls.
        arguments: As a client sent them.
        fields: Fields of the structured content that must come.
        words: Words that must be in the text.
        fails: Whether it is refused, for nothing.
    """

    tool: str
    arguments: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict[str, Any])
    words: tuple[str, ...] = ()
    fails: bool = False


def plans(fields: dict[str, Any], tool: str = PICTURE, **arguments: object) -> Row:
    """A dry run that is understood."""
    told = {"prompt": "A fox", "dry_run": True, **arguments}
    return Row(tool, told, {"dry_run": True, **fields})


def refused(*words: str, tool: str = PICTURE, **arguments: object) -> Row:
    """A call that is refused with these words."""
    return Row(tool, {"prompt": "A fox", **arguments}, words=words, fails=True)


def searched(words: str, **arguments: object) -> Row:
    """A search that is understood."""
    return Row("search_models", arguments, words=(words,))


KINDS: dict[str, list[Row]] = {
    "null counts as left out": [
        plans({"size": "auto"}, size=None, aspect_ratio=None, quality=None, n=None, model=None),
        plans({}, seed=None, negative_prompt=None),
        plans({}, size="null", aspect_ratio="none", filename="undefined"),
        Row("list_images", {"query": None, "limit": None}),
        Row("search_models", {"max_price": None, "supports": [None], "free": None, "size": None}),
        Row("spending", {"period": None}, {"period": "today"}),
        refused("'prompt' is missing", prompt=None),
    ],
    "numbers, booleans and lists arrive as strings": [
        Row(PICTURE, {"prompt": "A fox", "dry_run": "true"}, {"dry_run": True}),
        Row(PICTURE, {"prompt": "A fox", "dry_run": "True"}, {"dry_run": True}),
        Row(PICTURE, {"prompt": "A fox", "dry_run": 1}, {"dry_run": True}),
        plans({}, n="3"),
        plans({}, n="2.0"),
        plans({}, n=2.0),
        plans({}, n=" 4 "),
        plans({}, confirm_cost="false", again="no"),
        plans({"size": "1024x1024"}, size=1024),
        plans({"size": "1344x768"}, aspect_ratio=1.78, model=FLASH),
        plans({}, prompt=["A fox"]),
        plans({}, filename=2026),
        plans({"model": "openai/sora-2"}, tool=VIDEO, model="openai/sora-2", seconds="4"),
        plans({"model": "openai/sora-2"}, tool=VIDEO, model="openai/sora-2", seconds="4s"),
        plans({"model": "openai/sora-2"}, tool=VIDEO, model="openai/sora-2", seconds="8 seconds"),
        Row("list_images", {"limit": "5"}),
        searched("fit", max_price="$0.05"),
        searched("fit", limit="3", free="false"),
        searched("fit", supports="mask"),
        searched("fit", supports="edit, mask"),
        searched("fit", supports='["edit","mask"]'),
        searched("fit", supports=["Images"]),
        refused("'n' must be a whole number from 1 to 8", n="many"),
        refused("'n' must be a whole number from 1 to 8", n="2.5"),
        refused("'dry_run' must be true or false", dry_run="perhaps"),
    ],
    "shapes and sizes as people write them": [
        *(
            plans({"size": "1536x1024"}, aspect_ratio=shape, model=GPT)
            for shape in ("landscape", "3:2", "3/2")
        ),
        *(plans({"size": "1536x1024"}, aspect_ratio=shape, model=GPT) for shape in ("16x9", "widescreen")),
        *(plans({"size": "1536x1024"}, size=shape, model=GPT) for shape in ("landscape", "16:9", "16x9")),
        *(plans({"size": "1024x1536"}, aspect_ratio=shape, model=GPT) for shape in ("portrait", "vertical")),
        *(
            plans({"size": "1024x1536"}, aspect_ratio=shape, model=GPT)
            for shape in ("9:16", "0.5625", "Tall")
        ),
        *(plans({"size": "1024x1024"}, aspect_ratio=shape, model=GPT) for shape in ("SQUARE", "1:1", "1", 1)),
        *(
            plans({"size": "1024x1024"}, size=size, model=GPT)
            for size in ("1K", "1024", "square", "1024 x 1024")
        ),
        *(
            plans({"size": "1024x1024"}, size=size, model=GPT)
            for size in ("1024X1024", "1024*1024", "1024×1024")
        ),
        plans({"size": "1024x1024"}, size="1024x1024px", model=GPT),
        plans({"size": "1024x1024"}, size="1024 by 1024", model=GPT),
        plans({"size": "1024x1024"}, size="1024x1024", aspect_ratio="1:1", model=GPT),
        plans({"size": "1536x1024"}, size="1536x1024", aspect_ratio="landscape", model=GPT),
        plans({"size": "1344x768"}, size="1344x768", aspect_ratio="16:9", model=FLASH),
        plans({"size": "1344x768"}, size="1K", aspect_ratio="16:9", model=FLASH),
        plans({"size": "2752x1536"}, size="2K", aspect_ratio="16:9", model="google/gemini-3-pro"),
        plans({"size": "5504x3072"}, size="4k", aspect_ratio="widescreen", model="google/gemini-3-pro"),
        refused("disagree", "Give one of the two", size="1024x1024", aspect_ratio="16:9"),
        refused("disagree", size="square", aspect_ratio="portrait"),
        refused("is not a size", "1K, 2K or 4K", size="huge"),
        refused("is not an aspect ratio", aspect_ratio="broad"),
    ],
    "words in any case and of other tools": [
        *(plans({}, quality=quality) for quality in ("HIGH", "hd", "standard", "High ", "draft", "")),
        *(plans({}, output_format=kind) for kind in ("jpg", "PNG", "JPEG", ".png", "image/webp")),
        *(plans({}, response_format=kind) for kind in ("URL", "base64", "b64_JSON")),
        *(plans({}, preview=preview) for preview in ("None", "LARGE", False, "small")),
        Row("spending", {"period": "Week"}, {"period": "week"}),
        searched("fit", sort="Price"),
        searched("fit", sort="newest", kind="videos"),
        refused("'quality' must be one of auto, low, medium, high", quality="superb"),
        refused("'output_format' must be one of auto, webp, jpeg, png", output_format="bmp"),
    ],
    "keys in other spellings": [
        plans({"size": "1536x1024"}, aspectRatio="3:2", model=GPT),
        plans({"size": "1536x1024"}, **{"aspect-ratio": "3:2"}, model=GPT),
        plans({}, outputFormat="png", fileName="fox"),
        Row(PICTURE, {"Prompt": "A fox", "dryRun": True}, {"dry_run": True}),
        Row(PICTURE, {"prompt": "A fox", "dry-run": True}, {"dry_run": True}),
        searched("fit", maxPrice=0.05),
        refused("'size' is given twice, also as 'Size'", size="1K", Size="2K"),
    ],
    "guessed keys are answered with the right one": [
        refused("'images'", "source pictures go to edit_image", images=["a.png"]),
        refused("'image_url'", "source pictures go to edit_image", image_url="https://example.com/a.png"),
        refused("'mask'", "masks go to edit_image", mask="box:0,0,1,1"),
        refused("'num_images' (use n)", num_images=4),
        refused("'count' (use n)", count=4),
        refused("'width' (use size)", "'height' (use size)", width=1024, height=1024),
        refused("'resolution' (use size)", resolution="4K"),
        refused("'ratio' (use aspect_ratio)", ratio="16:9"),
        refused("'format' (use output_format)", format="png"),
        refused("'path' (use output_dir)", path="~/pictures"),
        refused("'model_id' (use model)", model_id=GPT),
        refused("'negative_prompt' (use prompt)", negative_prompt="blur"),
        refused("'style' (use prompt)", style="watercolour"),
        refused("'seed' (ImageRouter takes no seed)", seed=7),
        refused("'promt' (use prompt)", "'prompt' is missing", prompt=None, promt="A fox"),
        refused("'text' (use prompt)", "'prompt' is missing", prompt=None, text="A fox"),
        refused("'seconds' (videos are made by generate_video)", seconds=5),
        refused("'duration' (use seconds)", tool=VIDEO, duration=5),
        refused("'image' (use images)", "'images' is missing", tool=EDIT, image="a.png"),
        refused("'input_image' (use images)", tool=EDIT, input_image="a.png"),
        refused("'model' (use models)", tool=COMPARE, model=GPT),
        refused("'colour'", "with these arguments only: prompt, model", colour="red"),
        Row("get_generation", {"id": "gen_7f3a"}, words=("'id' (use generation)",), fails=True),
        Row("show_image", {"image": "img_7f3a"}, words=("'image' (use handle)",), fails=True),
        Row("list_images", {"max_results": 5}, words=("'max_results' (use limit)",), fails=True),
    ],
    "lists in every form": [
        *(
            Row(
                COMPARE,
                {"prompt": "A fox", "models": models, "max_cost_usd": 0},
                words=(f"{GPT} up to", f"{FLASH} up to"),
                fails=True,
            )
            for models in (f"{GPT},{FLASH}", f"{GPT}, {FLASH}", json.dumps([GPT, FLASH]), [GPT, None, FLASH])
        ),
        refused("2 to 6 different models; 1 was named", tool=COMPARE, models=GPT),
        *(
            Row(EDIT, {"prompt": "Bluer", "images": images, "dry_run": True}, {"dry_run": True})
            for images in (DATA, [DATA], json.dumps([DATA, DATA]), [None, DATA])
        ),
        Row(EDIT, {"prompt": "Bluer", "Images": DATA, "mask": "none", "dry_run": True}, {"dry_run": True}),
        refused("There is no source image", tool=EDIT, images=[]),
        refused("There is no source image", tool=EDIT, images=""),
        refused("'images' must be a list of strings", tool=EDIT, images=[{"url": "a.png"}]),
    ],
    "transparent, exact and finished": [
        *(plans({}, background=word) for word in ("Transparent", "ALPHA", True)),
        *(plans({}, background=word) for word in ("opaque", False, "auto", None)),
        *(plans({}, size="1200x630", fit=word) for word in ("crop", "Pad", "letterbox", "stretch")),
        refused("'background' must be one of auto, transparent", background="white"),
        refused("'transparent' (use background)", transparent=True),
        refused("'remove_background' (use background)", remove_background=True),
        refused("'crop' (use fit)", crop="16:9"),
        refused("'steps' (finish_image takes steps)", steps=["crop 16:9"]),
        *(
            Row(FINISH, {"images": DATA, "steps": steps}, {"cost_usd": 0})
            for steps in ("crop 16:9", ["Crop 16:9"], ["crop 16x9", "resize 32"], '["crop 1:1", "grey"]')
        ),
        Row(FINISH, {"image": DATA, "operations": ["grey"]}, words=("'operations' (use steps)",), fails=True),
        Row(
            FINISH, {"images": DATA, "steps": ["make it nice"]}, words=("there is no such step",), fails=True
        ),
    ],
    "all faults at once": [
        refused(
            "'n' must",
            "'quality' must",
            "'colour'",
            "'prompt' is missing",
            prompt=None,
            n=99,
            quality="?",
            colour="red",
        ),
        refused(
            "'n' must",
            "'huge' is not a size",
            "'broad' is not an aspect",
            n=0,
            size="huge",
            aspect_ratio="broad",
        ),
    ],
    "more than there is": [
        refused("Ask for 15 seconds, the nearest length, with xAI/", tool=VIDEO, seconds=60),
        refused("nearest length that it makes is 12", tool=VIDEO, model="openai/sora-2", seconds="60"),
        refused("Ask for 1 to 60 seconds", tool=VIDEO, seconds=3600),
        plans({"size": "1536x1024"}, model=GPT, size="16:9"),
        searched("fit", query="a realistic photo of a fox " * 150),
    ],
    "models by the names that people use": [
        *(plans({"model": GPT}, model=name) for name in ("gpt-image-1", "OpenAI/GPT-Image-1", "GPT image 1")),
        *(plans({"model": FLASH}, model=name) for name in ("nano banana", "Nano-Banana", "gemini-2.5-flash")),
        plans({"model": FLASH}, model="gemini-2.5-flash-image"),
        plans({"model": "google/gemini-3-pro"}, model="nano banana pro"),
        plans({"model": "openai/dall-e-3"}, model="DALL-E-3"),
        plans({"model": "openai/dall-e-3"}, model="dalle3"),
        plans({"model": "black-forest-labs/FLUX-1-schnell"}, model="flux-1-schnell"),
        plans({"model": "black-forest-labs/FLUX-1-schnell:free"}, model="flux-1-schnell:free"),
        plans({"model": "openai/sora-2"}, tool=VIDEO, model="Sora 2"),
        plans({}, model="Auto"),
        plans({}, model="CHEAPEST"),
        Row("describe_model", {"model": "nano banana"}, words=(FLASH,)),
        refused("is not a model id", model="the best one"),
    ],
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_comes_to_what_it_means(connect: Hosts, kind: str) -> None:
    async with connect() as host:
        wrong = [problem for row in KINDS[kind] for problem in await problems(host, row)]
    assert wrong == []


async def problems(host: Any, row: Row) -> list[str]:  # noqa: ANN401 - the folder's Host
    told = await host(row.tool, **row.arguments)
    place = f"{row.tool} {row.arguments}"
    found = [f"{place}: {told.text}"] if told.failed != row.fails else []
    found += [
        f"{place}: {name} is {told.fields.get(name)!r}, not {value!r}"
        for name, value in row.fields.items()
        if told.fields.get(name) != value
    ]
    found += [f"{place}: {words!r} is not in {told.text!r}" for words in row.words if words not in told.text]
    if row.fails and "Nothing was charged." not in told.text:
        found.append(f"{place}: {told.text!r} says nothing about money")
    return found


def test_the_table_is_long() -> None:
    assert sum(map(len, KINDS.values())) >= 120

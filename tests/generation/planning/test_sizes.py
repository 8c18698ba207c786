"""Sizes and shapes, from what a person writes to what a model makes."""

import math
import random
from contextlib import suppress

import pytest

from imagerouter_mcp.api.model_list import ModelEntry
from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.generation.planning.request import Fit
from imagerouter_mcp.generation.planning.sizes import (
    MEGAPIXEL,
    exact_shape,
    read_ratio,
    read_size,
    read_wish,
    shape_in_words,
    sides,
    size_for,
    size_of_shape,
    size_to_finish,
)

GPT = ModelEntry("openai/gpt-image-1.5", sizes=("1024x1024", "1536x1024", "1024x1536"))
GEMINI = ModelEntry(
    "google/gemini-3-pro", sizes=("1024x1024", "1376x768", "2752x1536", "5504x3072", "768x1376")
)
ANY = ModelEntry("black-forest-labs/FLUX-2-dev")
FREE = ModelEntry("qwen/qwen-image:free")


@pytest.mark.parametrize("text", ["1024x768", "1024X768", " 1024×768 ", "1024 * 768"])
def test_every_separator_of_the_service_is_read(text: str) -> None:
    assert read_size(text) == (1024, 768)


@pytest.mark.parametrize("text", ["", "auto", " AUTO "])
def test_auto_is_no_size_and_no_shape(text: str) -> None:
    assert read_size(text) is None
    assert read_ratio(text, None) is None


@pytest.mark.parametrize(
    ("text", "ratio"),
    [
        *(
            ("16:9", 16 / 9),
            ("1:1", 1),
            ("2.39:1", 2.39),
            ("square", 1),
            ("Portrait", 2 / 3),
            (" 4 / 3 ", 4 / 3),
        ),
        *(
            ("16x9", 16 / 9),
            ("1.78", 1.78),
            ("vertical", 2 / 3),
            ("widescreen", 16 / 9),
            ("horizontal", 3 / 2),
        ),
    ],
)
def test_a_shape_is_read_however_it_is_written(text: str, ratio: float) -> None:
    assert read_ratio(text, None) == pytest.approx(ratio)


@pytest.mark.parametrize(
    "text", ["16x9", "4x3", "3x2", "1x1", "9 x 16", "21x9", "32x9", "9x32", "8by5", "1.78"]
)
def test_a_size_that_is_a_ratio_or_its_terms_is_a_shape(text: str) -> None:
    assert read_wish(text, "").size is None


@pytest.mark.parametrize(
    "text", ["64", "8x8", "16x16", "32x32", "32x16", "24x32", "48x9", "63x63", "64x64", "16x9px", "1024x1024"]
)
def test_a_size_whose_sides_are_pixels_is_exact(text: str) -> None:
    assert read_wish(text, "").size == read_size(text)


def test_match_follows_the_first_source_image() -> None:
    assert read_ratio("match", (300, 200)) == 1.5
    with pytest.raises(PlanError, match="no source image to match"):
        read_ratio("match", None)


@pytest.mark.parametrize("text", ["100:1", "1:100"])
def test_a_shape_that_is_too_extreme_is_refused_with_the_limit(text: str) -> None:
    with pytest.raises(PlanError, match="from 1:8 to 8:1"):
        read_ratio(text, None)


@pytest.mark.parametrize("text", ["0:1", "1:0", "broad", "16:9:4", "-1:2", "16-9"])
def test_what_is_no_shape_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(PlanError, match="16:9"):
        read_ratio(text, None)


@pytest.mark.parametrize(
    ("shape", "entry", "size"),
    [
        ("16:9", GPT, "1536x1024"),
        ("9:16", GPT, "1024x1536"),
        ("1:1", GPT, "1024x1024"),
        ("16:9", GEMINI, "1376x768"),
        ("portrait", GEMINI, "768x1376"),
        ("16:9", ANY, "1344x768"),
        ("1:1", ANY, "1024x1024"),
        ("landscape", ANY, "1280x832"),
        ("16:9", FREE, "1024x576"),
        ("21:9", ModelEntry("acme/any"), "1536x640"),
    ],
)
def test_a_shape_becomes_the_model_s_own_size_or_one_near_a_megapixel(
    shape: str, entry: ModelEntry, size: str
) -> None:
    ratio = read_ratio(shape, None)
    assert ratio
    assert size_of_shape(ratio, entry) == size


@pytest.mark.parametrize(
    ("size", "shape", "entry", "sent"),
    [
        ("1K", "16:9", GEMINI, "1376x768"),
        ("2k", "16:9", GEMINI, "2752x1536"),
        ("4K", "16:9", GEMINI, "5504x3072"),
        ("2K", "", ANY, "2048x2048"),
        ("2048", "9:16", ANY, "1536x2752"),
    ],
)
def test_a_resolution_is_the_models_size_of_that_shape_and_about_that_area(
    size: str, shape: str, entry: ModelEntry, sent: str
) -> None:
    assert size_for(read_wish(size, shape), None, entry) == sent


def test_a_resolution_alone_keeps_the_shape_of_the_source() -> None:
    assert size_for(read_wish("2K", ""), (1600, 900), GEMINI) == "2752x1536"


@pytest.mark.parametrize(
    ("size", "words"),
    [("1536x1024", "3:2"), ("1344x768", "16:9"), ("1024x1024", "1:1"), ("1024x1536", "2:3")],
)
def test_a_size_is_told_as_its_shape(size: str, words: str) -> None:
    assert shape_in_words(size) == words


def test_any_shape_gives_a_size_that_the_model_accepts_near_the_shape() -> None:
    chance = random.Random(7)  # noqa: S311 - examples, not secrets
    for _ in range(2000):
        ratio = math.exp(chance.uniform(-2, 2))
        for entry in (GPT, GEMINI, ANY, FREE):
            size = size_of_shape(ratio, entry)
            width, height = sides(size)
            assert entry.accepts_size(size)
            if not entry.sizes:
                assert width % 64 == height % 64 == 0
                assert abs(math.log(width / height / ratio)) < 0.25
                assert width * height <= 1.3 * MEGAPIXEL


@pytest.mark.parametrize(
    ("entry", "wanted", "asked"),
    [
        (GPT, (1200, 630), "1536x1024"),
        (GPT, (1536, 1024), "1536x1024"),
        (GPT, (16, 16), "1024x1024"),
        (GEMINI, (1400, 780), "2752x1536"),
        (GEMINI, (2000, 1143), "2752x1536"),
        (GEMINI, (300, 168), "1376x768"),
        (ModelEntry("a/b", sizes=("1536x1024", "4096x4096")), (4000, 2100), "4096x4096"),
        (ModelEntry("a/b", sizes=("128x128", "1024x1024")), (128, 128), "128x128"),
        (ANY, (1200, 630), "1200x630"),
        (ANY, (64, 32), "1472x768"),
        (FREE, (1920, 1080), "1024x576"),
        (FREE, (600, 1000), "600x1000"),
        (FREE, (90, 1500), "128x1024"),
    ],
)
def test_an_exact_size_is_made_of_the_one_that_has_to_be_cropped_and_enlarged_least(
    entry: ModelEntry, wanted: tuple[int, int], asked: str
) -> None:
    assert size_to_finish(wanted, entry) == asked


def test_what_is_asked_for_to_be_finished_is_always_accepted_and_large_enough_where_it_can_be() -> None:
    chance = random.Random(7)  # noqa: S311 - examples
    for _ in range(2000):
        wanted = chance.randrange(1, 3000), chance.randrange(1, 3000)
        for entry in (GPT, GEMINI, ANY, FREE):
            asked = size_to_finish(wanted, entry)
            assert entry.accepts_size(asked)
            assert entry is not ANY or all(
                made >= side or wanted[0] / wanted[1] > 8 or wanted[1] / wanted[0] > 8
                for made, side in zip(sides(asked), wanted, strict=True)
            )


@pytest.mark.parametrize(
    ("size", "fit", "exact"),
    [
        ((1536, 1024), "cover", (1536, 864)),
        ((1536, 1024), "contain", (1820, 1024)),
        ((1024, 1536), "stretch", (1024, 576)),
        ((1024, 1536), "contain", (2731, 1536)),
    ],
)
def test_a_shape_is_made_exact_from_the_size_that_comes(
    size: tuple[int, int], fit: Fit, exact: tuple[int, int]
) -> None:
    assert exact_shape(size, 16 / 9, fit) == exact


@pytest.mark.parametrize("seed", range(5))
def test_no_text_crashes_the_readers(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - examples, not secrets
    for _ in range(2000):
        text = "".join(
            chance.choice("0123456789xX:×*/. -e٣１\n\0autoboxmatch") for _ in range(chance.randrange(12))
        )
        with suppress(PlanError):
            read_size(text)
        with suppress(PlanError):
            read_ratio(text, (1, 1))
        with suppress(PlanError):
            size_for(read_wish(text, text[::-1]), (1, 1), ANY)

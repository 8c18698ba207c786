"""Models are found by the words that people use for them."""

import json
import os
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from timeit import repeat

import pytest

from imagerouter_mcp.api.model_list import ModelEntry, Price, parse_models
from imagerouter_mcp.api.model_search import Ability, Sort, search


def entry(name: str, usd: float | None = 0.1, **fields: object) -> ModelEntry:
    price = None if usd is None else Price(usd, usd, usd)
    return replace(ModelEntry(name, price=price), **fields)  # pyright: ignore[reportArgumentType] - a test's table


MODELS = (
    entry("test/test", 0, takes_image=True, takes_mask=True, takes_quality=True),
    entry("ir/test-video", 0, output="video", takes_image=True),
    entry(
        "black-forest-labs/FLUX-1-schnell",
        0.001,
        release_date="2024-08-01",
        takes_mask=True,
        takes_image=True,
    ),
    entry("black-forest-labs/FLUX-2-klein-4b:free", 0, release_date="2026-01-15", takes_image=True),
    entry("black-forest-labs/FLUX-2-pro", 0.03, release_date="2025-11-25", takes_image=True),
    entry("black-forest-labs/flux-1.1-pro-ultra", 0.06, release_date="2024-11-06", sizes=("2048x2048",)),
    entry("bria/bria-3.2-vector", 0.04),
    entry("bria/blur-background", 0.04, takes_image=True, takes_text=False),
    entry("bria/remove-background", 0.018, takes_image=True, takes_text=False),
    entry("csslc/ccsr-2x", 0.008, takes_image=True),
    entry("google/gemini-2.5-flash", 0.039, takes_image=True, aliases=("google/gemini-2.5-flash-image",)),
    entry("google/gemini-3-pro", 0.138, takes_image=True, score=1250),
    entry("google/veo-3", 1.6, output="video", takes_image=True),
    entry("google/veo-3.1-fast", 0.6, output="video", takes_image=True),
    entry("ideogram-ai/ideogram-v3", 0.06),
    entry("onomaai/illustrious-xl", 0.002, takes_image=True, takes_mask=True),
    entry("openai/dall-e-3", 0.04, release_date="2023-10-20"),
    entry("openai/gpt-image-1", 0.167, release_date="2025-04-23", takes_image=True, takes_quality=True),
    entry("openai/gpt-image-1.5", 0.133, release_date="2025-12-16", takes_image=True, takes_quality=True),
    entry("recraft-ai/recraft-v3", 0.04),
    entry("recraft-ai/recraft-v3-svg", 0.08),
    entry("SG161222/RealVisXL", 0.002),
    entry("lab/unpriced", None),
)
REAL = [model for model in MODELS if not model.is_dummy]


def ids(found: list[ModelEntry]) -> list[str]:
    return [model.id for model in found]


def names(query: str) -> list[str]:
    return [model.id.partition("/")[2] for model in search(MODELS, query)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("gpt image", ["gpt-image-1.5", "gpt-image-1"]),
        ("gptimage", ["gpt-image-1.5", "gpt-image-1"]),
        ("gpt image 1", ["gpt-image-1", "gpt-image-1.5"]),
        ("flux fast", ["FLUX-2-klein-4b:free", "FLUX-1-schnell"]),
        ("Flux2 Pro", ["FLUX-2-pro", "flux-1.1-pro-ultra"]),
        ("remove background", ["remove-background"]),
        ("background removal", ["remove-background"]),
        ("transparent", ["remove-background"]),
        ("gemeni", ["gemini-3-pro", "gemini-2.5-flash"]),
        ("nano banana", ["gemini-3-pro", "gemini-2.5-flash"]),
        ("nano-banana pro", ["gemini-3-pro"]),
        ("upscale", ["ccsr-2x"]),
        ("uspcale", ["ccsr-2x"]),
        ("vector", ["bria-3.2-vector", "recraft-v3-svg"]),
        ("svg", ["recraft-v3-svg", "bria-3.2-vector"]),
        ("edit with mask", ["FLUX-1-schnell", "illustrious-xl"]),
        ("logo text", ["recraft-v3", "ideogram-v3", "recraft-v3-svg"]),
        ("dalle", ["dall-e-3"]),
        ("realistic", ["RealVisXL"]),
        ("photorealisti", ["RealVisXL"]),
        ("ideogr", ["ideogram-v3"]),
        ("veo3", ["veo-3", "veo-3.1-fast"]),
        ("inpainting", ["FLUX-1-schnell", "illustrious-xl"]),
    ],
)
def test_words_find_what_a_person_means(query: str, first: list[str]) -> None:
    assert names(query)[: len(first)] == first


CATALOGUE = (
    entry("google/gemini-3-pro", 0.2),
    entry("bfl/flux-schnell", 0.1, score=900),
    entry("csslc/ccsr-2x", 0.3),
    entry("recraft-ai/recraft-vectorize", 0.4),
    entry("SG161222/RealVisXL", 0.5),
    entry("onomaai/illustrious-xl", 0.6),
    entry("lab/retoucher", 0.7, takes_image=True),
    entry("lab/stencil", 0.8, takes_mask=True),
    entry("lab/fine", 0.9, takes_quality=True),
    entry("lab/newest", 1.0, release_date="2026-01-01"),
    entry("stabilityai/sdxl", 1.1),
    entry("bria/remove-it", 1.2),
    entry("qwen/layered", 1.3),
    entry("openai/gpt-x", 1.4),
    entry("lab/gratis", 0, score=-5),
    entry("lab/veo", 1.5, output="video"),
)
"""One model for each wish."""

WISHES = {
    "bfl/flux-schnell": "fast fastest quick rapid instant speed bfl best top",
    "csslc/ccsr-2x": "upscale upscaler upscaling enlarge sharpen enhance super-resolution",
    "recraft-ai/recraft-vectorize": "vector svg vectorise vectorizer icon branding",
    "SG161222/RealVisXL": "photo photorealistic realistic realism photography",
    "onomaai/illustrious-xl": "anime manga cartoon",
    "lab/retoucher": "edit editing modify retouch restyle img2img i2i image-to-image",
    "lab/stencil": "mask inpaint inpainting masking",
    "lab/fine": "quality",
    "lab/newest": "new latest recent",
    "stabilityai/sdxl": "sd stable-diffusion",
    "bria/remove-it": "cutout rmbg transparent erase no-background background-remover",
    "qwen/layered": "layers psd",
    "openai/gpt-x": "chatgpt 4o",
    "google/gemini-3-pro": "banana nanobanana nano-banana popular text typography lettering words poster",
    "lab/gratis": "free cheap cheapest budget inexpensive affordable",
    "lab/veo": "video animate animation clip movie film i2v text-to-video photo-to-video",
}
"""The models that people mean by a word."""


@pytest.mark.parametrize(
    ("word", "meant"), [(word, meant) for meant, words in WISHES.items() for word in words.split()]
)
def test_each_word_for_a_wish_finds_what_fulfils_it(word: str, meant: str) -> None:
    popularity = ["google/gemini-3-pro"]
    assert ids(search(CATALOGUE, word, popularity=popularity))[0] == meant


@pytest.mark.parametrize("word", ["portrait", "sticker", "food", "wallpaper", "watercolour"])
def test_what_every_ordinary_model_shows_finds_all_of_them_and_no_special_one(word: str) -> None:
    models = (entry("a/one"), entry("bria/remove-background"), entry("b/clip", output="video"))
    assert ids(search(models, word)) == ["a/one"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("4k", ["a/large"]),
        ("2k", ["b/listed", "a/large"]),
        ("HD largest", ["a/large", "b/listed"]),
        ("high resolution", ["b/listed", "a/large"]),
        ("largest", ["a/large", "b/listed", "c/small", "d/untold"]),
    ],
)
def test_words_for_large_pictures_find_models_by_their_largest_size(query: str, found: list[str]) -> None:
    models = (
        entry("d/untold", 0.01),
        entry("c/small", 0.02, sizes=("1024x1024",)),
        entry("b/listed", 0.03, sizes=("1024x1024", "2048x1024")),
        entry("a/large", 0.04, sizes=("3840x2160",)),
    )
    assert ids(search(models, query)) == found


def test_a_word_itself_counts_more_than_what_it_also_means() -> None:
    models = (entry("a/photo-real", score=10), entry("b/photo-x", score=1), entry("c/real", score=99))
    assert ids(search(models, "photo")) == ["a/photo-real", "b/photo-x", "c/real"]


def test_the_beginning_of_a_word_is_enough_from_three_letters_on() -> None:
    assert names("ill") == ["illustrious-xl"]
    assert names("il") == []


def test_a_word_is_corrected_from_four_letters_on() -> None:
    models = (entry("a/vega"), entry("b/ovi"))
    assert ids(search(models, "vaga")) == ["a/vega"]
    assert ids(search(models, "ovo")) == []


@pytest.mark.parametrize(
    ("query", "all_of_them"),
    [
        ("gpt image", 2),
        ("remove background", 1),
        ("nano banana", 2),
        ("seedream", 0),
    ],
)
def test_what_only_shares_a_common_word_is_not_found(query: str, all_of_them: int) -> None:
    assert len(names(query)) == all_of_them


def test_a_model_that_matches_more_of_the_words_comes_first() -> None:
    assert names("flux 1.1 pro") == ["flux-1.1-pro-ultra", "FLUX-2-pro"]


@pytest.mark.parametrize("query", ["xyzzy", "asdfgh qwerty", "cat", "猫", "4711"])
def test_nonsense_finds_nothing(query: str) -> None:
    assert names(query) == []


def test_a_word_that_nobody_knows_is_ignored_beside_others() -> None:
    assert names("xyzzy flux") == names("flux")


def test_a_number_is_never_corrected_to_another() -> None:
    models = (entry("a/qwen-2511"), entry("a/qwen-2512"))
    assert ids(search(models, "2513")) == []
    assert ids(search(models, "qwen 2512")) == ["a/qwen-2512"]


def test_a_number_may_be_written_to_its_name() -> None:
    models = (entry("a/veo-2-fast", score=99), entry("a/veo-3-fast"))
    assert ids(search(models, "fast veo3"))[0] == "a/veo-3-fast"


def test_a_word_for_videos_finds_videos_only_and_the_dummy_last() -> None:
    assert names("video") == ["veo-3.1-fast", "veo-3", "test-video"]
    assert names("image to video free")[:2] == ["veo-3.1-fast", "veo-3"]


def test_free_finds_free_models_and_the_dummies_last() -> None:
    assert names("free") == ["FLUX-2-klein-4b:free", "test-video", "test"]


def test_cheap_chooses_the_order_and_not_what_is_found() -> None:
    assert names("cheap") == names("cheapest model")
    assert names("cheap")[:3] == ["FLUX-2-klein-4b:free", "FLUX-1-schnell", "illustrious-xl"]
    assert names("cheap gpt") == ["gpt-image-1.5", "gpt-image-1"]
    assert names("newest flux") == [
        "FLUX-2-klein-4b:free",
        "FLUX-2-pro",
        "flux-1.1-pro-ultra",
        "FLUX-1-schnell",
    ]


def test_dummies_come_last_unless_they_are_asked_for_by_id() -> None:
    assert set(ids(search(MODELS))[-2:]) == {"test/test", "ir/test-video"}
    assert ids(search(MODELS, "mask"))[-1] == "test/test"
    assert ids(search(MODELS, "test/test"))[0] == "test/test"
    assert ids(search(MODELS, "IR/test-video"))[0] == "ir/test-video"


def test_an_id_finds_its_model_before_the_variants() -> None:
    models = (entry("lab/x-pro:free", 0), entry("lab/x-pro", 0.1), entry("lab/x-pro-max", 0.01))
    assert ids(search(models, "x pro")) == ["lab/x-pro", "lab/x-pro:free", "lab/x-pro-max"]


def test_an_alias_finds_its_model_first() -> None:
    assert ids(search(MODELS, "google/gemini-2.5-flash-image"))[0] == "google/gemini-2.5-flash"


@pytest.mark.parametrize("query", [None, "", "  ", "a model for"])
def test_without_a_telling_word_everything_is_found_popular_first(query: str | None) -> None:
    popularity = ["openai/dall-e-3", "unknown/model", "google/gemini-2.5-flash-image"]
    found = ids(search(MODELS, query, popularity=popularity))
    assert len(found) == len(MODELS)
    # The popular ones, then by score, then by date.
    assert found[:4] == [
        "openai/dall-e-3",
        "google/gemini-2.5-flash",
        "google/gemini-3-pro",
        "black-forest-labs/FLUX-2-klein-4b:free",
    ]


def test_equal_matches_are_ranked_by_popularity() -> None:
    assert names("gpt image") == ["gpt-image-1.5", "gpt-image-1"]
    popular = ids(search(MODELS, "gpt image", popularity=["openai/gpt-image-1"]))
    assert popular == ["openai/gpt-image-1", "openai/gpt-image-1.5"]


def test_equal_matches_without_popularity_go_by_score_then_date_then_price() -> None:
    models = (
        entry("a/x-1", 0.2),
        entry("a/x-2", 0.1),
        entry("a/x-3", 0.9, release_date="2024-01-01"),
        entry("a/x-4", 0.9, release_date="2025-01-01"),
        entry("a/x-5", 0.9, score=1000),
        entry("a/x-6", None),
    )
    assert ids(search(models, "x")) == ["a/x-5", "a/x-4", "a/x-3", "a/x-2", "a/x-1", "a/x-6"]


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("price", "black-forest-labs/FLUX-2-klein-4b:free"),
        ("date", "black-forest-labs/FLUX-2-klein-4b:free"),
        ("name", "black-forest-labs/FLUX-1-schnell"),
        ("popularity", "bria/blur-background"),
        ("score", "google/gemini-3-pro"),
    ],
)
def test_an_order_can_be_asked_for(sort: Sort, first: str) -> None:
    found = ids(search(MODELS, sort=sort, popularity=["bria/blur-background"]))
    assert found[0] == first
    assert len(found) == len(MODELS)
    assert set(found[-2:]) == {"test/test", "ir/test-video"}


def test_an_order_that_is_asked_for_outranks_the_words() -> None:
    assert ids(search(MODELS, "gpt image 1", sort="date"))[0] == "openai/gpt-image-1.5"
    assert ids(search(MODELS, "cheap gpt", sort="name"))[0] == "openai/gpt-image-1"


def test_the_unpriced_come_last_by_price_and_are_left_out_below_a_limit() -> None:
    assert ids(search(REAL, sort="price"))[-1] == "lab/unpriced"
    assert set(ids(search(MODELS, max_price=0.001))) == {
        "black-forest-labs/FLUX-1-schnell",
        "black-forest-labs/FLUX-2-klein-4b:free",
        "test/test",
        "ir/test-video",
    }


def test_the_limit_is_on_the_likely_price() -> None:
    models = (replace(entry("a/b"), price=Price(0.01, 0.05, 0.2)),)
    assert ids(search(models, max_price=0.05)) == ["a/b"]
    assert ids(search(models, max_price=0.04)) == []


@pytest.mark.parametrize(
    ("ability", "count"),
    [("edit", 13), ("mask", 2), ("quality", 2)],
)
def test_abilities_are_what_the_list_and_the_data_file_say(ability: Ability, count: int) -> None:
    assert len(search(REAL, supports=[ability])) == count


def test_several_conditions_hold_together() -> None:
    assert ids(search(MODELS, supports=["edit", "mask"], vendor="OnomaAI")) == ["onomaai/illustrious-xl"]
    assert ids(search(MODELS, kind="video", vendor="Google")) == ["google/veo-3.1-fast", "google/veo-3"]
    assert ids(search(MODELS, "flux", free=True)) == ["black-forest-labs/FLUX-2-klein-4b:free"]
    assert ids(search(MODELS, "flux", vendor="openai")) == []
    assert ids(search(MODELS, "video", kind="image", vendor="google")) == []


def test_a_size_leaves_what_accepts_it() -> None:
    flux = "black forest labs"
    assert "black-forest-labs/flux-1.1-pro-ultra" not in ids(search(MODELS, vendor=flux, size="1024x1024"))
    large = ids(search(MODELS, vendor=flux, size="2048x2048"))
    assert "black-forest-labs/flux-1.1-pro-ultra" in large
    assert "black-forest-labs/FLUX-2-klein-4b:free" not in large


def test_a_model_that_lists_what_is_asked_for_comes_before_one_that_does_not_tell() -> None:
    silent, any_size = entry("a/silent", 0.01, score=1500), entry("b/any", 0.5, any_size=True)
    listed = entry("c/listed", 0.6, sizes=("640x480",))
    models = [silent, any_size, listed]
    assert ids(search(models, size="640x480")) == ["b/any", "c/listed", "a/silent"]
    assert ids(search(models, size="640x480", sort="price")) == ["a/silent", "b/any", "c/listed"]
    assert ids(search(models)) == ["a/silent", "b/any", "c/listed"]


def test_no_models_find_nothing() -> None:
    assert search((), "flux") == []
    assert search(()) == []


def test_a_prompt_that_went_astray_does_not_hold_up_the_others() -> None:
    prompt = " ".join(f"word{number}ish" for number in range(5000))
    assert min(repeat(partial(search, MODELS, prompt), number=1, repeat=3)) < 0.5


CAPTURES = [Path(name) for name in os.environ.get("IMAGEROUTER_TEST_CATALOGUE", "").split(os.pathsep) if name]
needs_captures = pytest.mark.skipif(not CAPTURES, reason="IMAGEROUTER_TEST_CATALOGUE names no model lists")


@lru_cache
def captured(path: Path) -> tuple[ModelEntry, ...]:
    return parse_models(json.loads(path.read_text()))


@needs_captures
@pytest.mark.parametrize(
    ("query", "among_the_first", "within"),
    [
        ("gpt image", {"openai/gpt-image-1.5", "openai/gpt-image-1", "openai/gpt-image-1-mini"}, 4),
        ("flux fast", {"fal/flux-2-dev-turbo", "black-forest-labs/FLUX-1-schnell"}, 9),
        ("remove background", {"bria/remove-background"}, 1),
        ("gemeni", {"google/gemini-3-pro", "google/gemini-2.5-flash"}, 2),
        ("nano banana", {"google/gemini-3-pro", "google/gemini-2.5-flash"}, 2),
        ("nano banana pro", {"google/gemini-3-pro"}, 1),
        ("upscale", {"csslc/ccsr-2x", "philz1337x/clarity-2x", "jingyunliang/swinir-2x"}, 4),
        ("vector", {"recraft-ai/recraft-v3-svg", "recraft-ai/recraft-vectorize", "bria/bria-3.2-vector"}, 3),
        ("svg", {"recraft-ai/recraft-v3-svg"}, 1),
        ("edit with mask", {"qwen/qwen-image-2512", "black-forest-labs/FLUX-1-schnell"}, 5),
        ("free", {"openai/gpt-image-1.5:free", "Tongyi-MAI/Z-Image-Turbo:free"}, 5),
        ("cheap video", {"bytedance/seedance-1-pro-fast"}, 1),
        ("logo text", {"ideogram-ai/ideogram-v3", "recraft-ai/recraft-v3"}, 8),
        ("qwen edit", {"qwen/qwen-image-edit-2511", "qwen/qwen-image-edit"}, 3),
        ("midjorney", {"midjourney/midjourney"}, 1),
    ],
)
def test_words_find_what_a_person_means_in_real_lists(
    query: str, among_the_first: set[str], within: int
) -> None:
    for path in CAPTURES:
        assert among_the_first <= set(ids(search(captured(path), query))[:within])


@needs_captures
def test_a_real_list_is_searched_in_a_moment() -> None:
    for path in CAPTURES:
        models = captured(path)
        search(models, "flux")  # the words of the ids are kept from the first search on
        for query in (None, "gpt image", "gemeni flx uspcale"):
            # 1 to 3 ms where this was written; the rest is for slower machines.
            assert min(repeat(partial(search, models, query), number=1, repeat=5)) < 0.05


@needs_captures
def test_every_real_id_finds_itself_first() -> None:
    for path in CAPTURES:
        models = captured(path)
        assert [ids(search(models, model.id))[0] for model in models] == ids(list(models))


def test_an_id_without_letters_is_searched_like_any_other() -> None:
    assert search([ModelEntry("/"), ModelEntry("a/fox")], "fox")[0].id == "a/fox"

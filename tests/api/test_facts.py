"""The data file about models is well-formed, and says what was seen."""

import tomllib
from datetime import date
from importlib import resources

import pytest
from pydantic import TypeAdapter

from imagerouter_mcp.api.facts import Facts, facts_of, prompt_length
from imagerouter_mcp.api.model_list import ModelEntry

DATA = tomllib.loads(resources.files("imagerouter_mcp.api").joinpath("model_facts.toml").read_text("utf-8"))
APPLIES_TO = {"models", "provider", "output"}
ORIGIN = {"source", "seen"}


@pytest.mark.parametrize("row", DATA["row"], ids=lambda row: f"{row.get('models', row)}"[:60])
def test_every_row_says_whom_it_is_about_what_is_so_and_who_saw_it_when(row: dict[str, object]) -> None:
    facts = {name: value for name, value in row.items() if name not in APPLIES_TO | ORIGIN}
    assert APPLIES_TO & row.keys()
    assert facts
    assert facts.keys() <= Facts.__dataclass_fields__.keys()
    assert TypeAdapter(Facts).validate_json(
        TypeAdapter(dict[str, object]).dump_json({"max_sources": 1, **facts}), strict=True
    )
    assert row["source"] in DATA["sources"]
    assert isinstance(row["seen"], date)
    assert row.get("output", "image") in ("image", "video")


def test_nothing_is_known_of_an_unknown_model() -> None:
    known = facts_of("nobody/knows")
    changed, kept = known.region_words, known.surroundings_words
    assert "{area}" in changed  # for any model's masked edits
    assert "{area}" in kept
    assert known == Facts(max_sources=16, region_words=changed, surroundings_words=kept)


def test_what_is_known_depends_on_model_provider_and_output() -> None:
    qwen = facts_of("qwen/qwen-image-2512", "runware")
    assert (qwen.max_sources, qwen.size_step, qwen.min_side, qwen.max_side) == (1, 64, 128, 2048)
    assert (qwen.min_prompt, qwen.max_prompt) == (2, 3000)
    assert facts_of("a/b", "chutes").ignores_size
    assert facts_of("a/b", output="video").max_sources == 6
    assert facts_of("a/b", "runware", "video").size_step == 1
    assert facts_of("openai/gpt-image-1.5:free").qualities == ("low",)
    assert facts_of("google/imagen-4-fast").output_format == "png"


def test_a_side_is_within_the_bounds_and_a_multiple_of_the_step() -> None:
    qwen = facts_of("qwen/qwen-image-2512", "runware")
    sides = [(128, 2048), (2048, 128), (64, 512), (512, 2112), (512, 520)]
    assert [qwen.accepts_sides(*each) for each in sides] == [True, True, False, False, False]
    assert facts_of("a/b").accepts_sides(1, 9999)


def test_an_entry_of_the_list_has_its_facts() -> None:
    cutter = ModelEntry("bria/remove-background", providers=("runware", "deepinfra"))
    assert cutter.facts.needs_source
    assert not cutter.takes_prompt
    assert ModelEntry("a/b").takes_prompt
    assert not ModelEntry("a/b", takes_text=False).takes_prompt


@pytest.mark.parametrize(("prompt", "units"), [("", 0), ("fox", 3), ("é", 1), ("🦊", 2), ("\ud800", 1)])
def test_a_prompt_is_as_long_as_the_service_counts_it(prompt: str, units: int) -> None:
    assert prompt_length(prompt) == units

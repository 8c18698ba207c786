"""What an answer says once it is there: what came otherwise than asked, and money that was kept."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]


@pytest.mark.parametrize(
    ("model", "note"),
    [
        (
            "onomaai/illustrious-xl",
            "returned the source image unchanged; another model may do what the prompt asks.",
        ),
        ("qwen/qwen-image-layered", "The TIFF has 3 pages, one for each layer."),
        (
            "sandbox/public-link",
            "b64_ephemeral was asked for, but ImageRouter answered a link, which anyone who has it can open.",
        ),
    ],
)
async def test_an_edit_says_once_what_came_otherwise_than_asked(
    connect: Hosts, source: Path, model: str, note: str
) -> None:
    async with connect(response_format="b64_ephemeral") as host:
        told = await host("edit_image", images=[str(source)], prompt="Make it night", model=model)
    assert not told.failed, told.text
    assert told.text.count(note) == 1
    assert sum(note in said for said in told.fields["notes"]) == 1


async def test_a_charge_that_was_kept_is_told_and_stays_committed(
    connect: Hosts, made: Journal, change_sandbox: Change
) -> None:
    change_sandbox(models="with-faults")  # where `postlog` costs at most $0.05
    asked = {"prompt": "A fox", "size": "64x64"}
    async with connect(budget_usd=Decimal("0.055")) as host:
        told = await host("generate_image", model="sandbox/postlog", **asked)
        spent = await host("spending")
        (entry,) = spent.fields["unfinished"]
        later = await host("get_generation", generation=entry["generation"])
        refused = await host("generate_image", model="sandbox/slow-0", **asked)
    for said in (told.text, later.text, spent.text):
        assert "Up to $0.05 was kept." in said
        assert "Look at your account" in said
    assert told.failed
    assert told.fields["error"]["charged"] == "yes"
    assert (spent.fields["uncertain_usd"], spent.fields["total_usd"]) == (0.05, 0)
    assert spent.fields["budget_left_usd"] == 0.005
    assert refused.fields["error"]["kind"] == "budget"
    assert len(made()) == 1

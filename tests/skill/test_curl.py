"""The curl lines of the skill, run as they stand there, with the sandbox in the service's place."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from imagerouter_mcp.sandbox.service import offered
from imagerouter_mcp.sandbox.service.accounts import KEY, POOR_KEY, UNKNOWN_KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox

REFERENCE = Path(__file__).parents[2] / "skill" / "references" / "curl.md"
API, POPULAR = "https://api.imagerouter.io", "https://backend.imagerouter.io/operations/get-popular-models"
SEVERAL = "Several source pictures"
NEEDED = ("bash", "curl", "base64", "grep", "sed", "cut", "head", "tr")

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, NEEDED)), reason=f"not all of {', '.join(NEEDED)} are on this machine"
)


def sections() -> dict[str, list[str]]:
    """The shell blocks under each heading."""
    parts = re.split(r"^## (.+)$", REFERENCE.read_text("utf-8"), flags=re.MULTILINE)
    return {
        heading: re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path) -> Callable[..., str]:
    """Runs one block in a shell of its own, as an agent does; gives what it printed."""
    Image.new("RGB", (64, 64), "red").save(tmp_path / "hat.png")
    mask = Image.new("L", (1024, 1024), 0)
    mask.paste(255, (0, 0, 1024, 512))
    mask.save(tmp_path / "mask.png")

    def run_block(block: str, key: str = KEY) -> str:
        line = block.replace(POPULAR, sandbox.popular_url).replace(API, sandbox.base_url)
        assert "imagerouter.io" not in line
        ended = subprocess.run(  # noqa: S603 - our own document
            [shutil.which("bash") or "bash", "-euo", "pipefail", "-c", line],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "NO_PROXY": "*",
                "IMAGEROUTER_API_KEY": key,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, f"{block}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    return run_block


def test_the_lines_for_models_work_without_a_key(run: Callable[..., str], tmp_path: Path) -> None:
    popular, search, all_and_one = sections()["Models, without a key"]
    assert "openai/gpt-image-1.5" in run(popular, "")
    found = json.loads(run(search, ""))
    assert found
    assert all("gpt-image" in model for model in found)
    one = json.loads(run(all_and_one, ""))
    assert one["inputs"]["image"] is True
    assert set(json.loads((tmp_path / "models.json").read_text("utf-8"))) == set(offered.listed())


def test_the_lines_make_pictures_and_a_video(
    run: Callable[..., str], tmp_path: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    told = {
        heading: [run(block) for block in blocks]
        for heading, blocks in sections().items()
        if heading not in {"Models, without a key", SEVERAL}
    }
    assert told["A picture from text"][0].startswith('"cost":')
    assert json.loads(told["What is left"][0])["remaining_credits"]
    for name in ("fox.png", "card.png"):
        with Image.open(tmp_path / name) as picture:
            picture.load()
            assert picture.width >= 512, name
    assert (tmp_path / "waves.mp4").read_bytes()[4:8] == b"ftyp"
    for name in ("made", "form", "edited", "masked", "private", "video"):
        answer = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        assert len(answer["data"]) == 1, name
    sent = [entry for entry in journal() if entry["path"].startswith("/v1/openai/")]
    assert [entry["fields"]["model"] for entry in sent] == [
        "test/test",
        "test/test",
        "openai/gpt-image-1.5",
        "qwen/qwen-image-2512",
        "test/test",
        "ir/test-video",
    ]
    _, form, edited, masked, private, _ = sent
    assert form["fields"]["prompt"] == 'A poster that says "OPEN", and below it a cat'
    assert [file["field"] for file in edited["files"]] == ["image[]"]
    assert [file["field"] for file in masked["files"]] == ["image[]", "mask[]"]
    assert private["fields"]["response_format"] == "b64_ephemeral"


def test_several_source_pictures_reach_the_service_as_it_is_today(
    run: Callable[..., str], sandbox: Sandbox, tmp_path: Path, journal: Callable[[], list[dict[str, Any]]]
) -> None:
    httpx.put(
        f"{sandbox.base_url}/sandbox/settings", json={"service": "live"}, trust_env=False, timeout=60
    ).raise_for_status()
    shutil.copy(tmp_path / "hat.png", tmp_path / "fox.png")
    (block,) = sections()[SEVERAL]
    assert run(block) == ""
    assert len(json.loads((tmp_path / "combined.json").read_text("utf-8"))["data"]) == 1
    (sent,) = [entry for entry in journal() if entry["path"].startswith("/v1/openai/")]
    assert len(sent["files"]) == 2


def test_a_refusal_is_shown_though_it_comes_with_status_200(run: Callable[..., str]) -> None:
    block = sections()["A picture from text"][0]
    assert "Insufficient credits" in run(block.replace("test/test", "openai/gpt-image-1.5"), POOR_KEY)
    assert "Invalid API key" in run(block, UNKNOWN_KEY)


def test_the_key_stands_on_no_command_line_and_nothing_is_sent_twice() -> None:
    text = REFERENCE.read_text("utf-8")
    blocks = [block for each in sections().values() for block in each]
    assert len(blocks) >= 10
    for block in blocks:
        assert "--retry" not in block
        assert not re.search(r"curl[^|]*\$\{?IMAGEROUTER_API_KEY", block)
    assert "Never resend a request that was sent" in text
    assert "Errors arrive with status 200" in text
    assert "One request makes one picture" in text

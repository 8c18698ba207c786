"""`imagerouter-mcp demo` as a newcomer runs it, and `imagerouter-mcp sandbox` by itself."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cli.conftest import run_here
from imagerouter_mcp.sandbox.service import accounts
from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.free_ports import free_port

COMMAND = [sys.executable, "-m", "imagerouter_mcp"]
READY = "Sandbox at "
posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")

Demo = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    passed = {
        name: value for name, value in os.environ.items() if name == "PATH" or name.startswith("COVERAGE_")
    }
    return {**passed, "HOME": str(tmp_path)}


@pytest.fixture
def live(environment: dict[str, str], sandbox: Sandbox) -> dict[str, str]:
    """As if the service were the real one."""
    return {
        **environment,
        "IMAGEROUTER_API_KEY": accounts.KEY,
        "IMAGEROUTER_BASE_URL": sandbox.base_url,
    }


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    """Runs the demo in a folder of the test's own."""

    def run(environment: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "demo", *options],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def test_the_demo_makes_and_edits_a_picture_and_says_where_it_lies(
    demo: Demo, environment: dict[str, str], tmp_path: Path
) -> None:
    ended = demo(environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    made = sorted((tmp_path / "demo-output").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert len(made) == 2
    with Image.open(made[0]) as picture, Image.open(made[1]) as edited:
        assert picture.size == edited.size
        assert picture.convert("RGB").tobytes() != edited.convert("RGB").tobytes()
    for tool in ("popular_models", "search_models", "generate_image", "edit_image"):
        assert f"▶ {tool}(" in ended.stdout
    assert "… Preparing, 0 s" in ended.stdout
    assert "Link: " not in ended.stdout, "the sandbox ends with the demo"
    assert ended.stdout.rstrip().endswith(
        f"All four calls worked. The pictures are in {tmp_path / 'demo-output'}"
    )
    assert accounts.KEY not in ended.stdout + ended.stderr
    assert not (tmp_path / ".local").exists(), "the person's own gallery is left alone"


def test_the_live_demo_uses_the_service_that_is_set(demo: Demo, live: dict[str, str], tmp_path: Path) -> None:
    ended = demo(live, "--live", "--output", "elsewhere")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert live["IMAGEROUTER_BASE_URL"] in ended.stdout
    assert len(list((tmp_path / "elsewhere").iterdir())) == 2


def test_the_live_demo_names_the_key_that_it_needs(live: dict[str, str], tmp_path: Path) -> None:
    del live["IMAGEROUTER_API_KEY"]
    ended = run_here(["demo", "--live"], live, tmp_path)
    assert ended.returncode == 1
    assert "IMAGEROUTER_API_KEY" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_sandbox_that_cannot_draw_ends_the_demo_with_1(
    demo: Demo, environment: dict[str, str], tmp_path: Path
) -> None:
    """As with a broken installation of Pillow."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "PIL.py").write_text("raise ImportError('broken on purpose')\n")
    ended = demo({**environment, "PYTHONPATH": str(tmp_path / "broken")})
    assert ended.returncode == 1
    assert "The demo failed: generate_image answered with an error" in ended.stderr
    assert "All four calls worked" not in ended.stdout


def test_a_sandbox_that_does_not_start_ends_the_demo_with_1(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """As where a process may not be started: Python runs `sitecustomize` before anything else."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "import os, sys\nif 'sandbox' in sys.orig_argv:\n    os._exit(1)\n"
    )
    ended = run_here(["demo"], {**environment, "PYTHONPATH": str(tmp_path / "broken")}, tmp_path)
    assert ended.returncode == 1
    assert "imagerouter-mcp: The sandbox did not start." in ended.stderr
    assert "Traceback" not in ended.stderr


@posix
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_sandbox_says_where_it_is_and_stops_on_a_signal(
    environment: dict[str, str], how: signal.Signals
) -> None:
    port = free_port()
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "sandbox", "--port", str(port)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()
            assert said.startswith(READY)
            address = said.removeprefix(READY).strip()
            assert httpx.get(f"{address}/v1/models", trust_env=False, timeout=60).json()["test/test"]
            process.send_signal(how)
            _, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert address == f"http://127.0.0.1:{port}"
    assert process.returncode == {signal.SIGTERM: -how, signal.SIGINT: 128 + how}[how]
    assert "Traceback" not in stderr

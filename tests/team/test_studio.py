"""The studio before two servers that share nothing but a database and an object store: whichever answers."""

import re
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from PIL import Image
from playwright.async_api import Browser, Locator, Page, Request, expect

from imagerouter_mcp.sandbox.service.serve import Sandbox
from support.free_ports import free_port
from support.http_serving import COMMAND, Serving, bare_environment, sandbox_environment, serving
from support.in_turn import in_turn
from support.object_store import SeaweedFS, new_prefix
from support.openid_provider import CLIENT, SECRET, openid_provider

if TYPE_CHECKING:
    from support.postgres import Cluster

pytestmark = [pytest.mark.long, pytest.mark.asyncio(loop_scope="session")]

FOX, NIGHT = "A red fox in snow", "Make it night"
expect.set_options(timeout=60_000)


@dataclass(frozen=True)
class House:
    """Two servers behind one address."""

    base: str
    servers: tuple[Serving, Serving]
    environment: dict[str, str]

    def invitation(self) -> str:
        """Invite Ann as the operator does; return the code."""
        words = [*COMMAND, "people", "invite", "Ann"]
        printed = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
        code = re.search(r"/invitation#(\S+)", printed.stdout)
        assert code, printed
        return code[1]


@pytest.fixture
def house(sandbox: Sandbox, postgres: "Cluster", object_store: SeaweedFS, tmp_path: Path) -> Iterator[House]:
    """Run two servers with folders of their own, to which people come by invitation or by a provider."""
    port = free_port()
    base = f"http://localhost:{port}"
    with ExitStack() as opened:
        provider = opened.enter_context(openid_provider())
        shared = {
            "IMAGEROUTER_DATABASE_URL": postgres.new_database(),
            "IMAGEROUTER_PEOPLE": "1",
            "IMAGEROUTER_PUBLIC_URL": base,
            "IMAGEROUTER_HTTP_PROXIES": "127.0.0.1",
            "IMAGEROUTER_HTTP_STATELESS": "1",
            "IMAGEROUTER_LINK_SECRET": "a-link-secret-of-all-servers-0123456789",
            "IMAGEROUTER_OPENID_ISSUER": provider.issuer,
            "IMAGEROUTER_OPENID_CLIENT_ID": CLIENT,
            "IMAGEROUTER_OPENID_CLIENT_SECRET": SECRET,
            "IMAGEROUTER_OPENID_ALLOW": "@corp.example",
            "IMAGEROUTER_OPENID_NAME": "Corp",
            "IMAGEROUTER_ALLOW_PRIVATE_ISSUER": "1",
            **object_store.environment(new_prefix()),
        }
        environments: list[dict[str, str]] = []
        for name in ("one", "other"):
            home = tmp_path / name
            home.mkdir()
            environments.append({**bare_environment(home), **sandbox_environment(sandbox, home), **shared})
        one, other = (opened.enter_context(serving(each)) for each in environments)
        addresses = [each.base.removeprefix("http://") for each in (one, other)]
        opened.enter_context(in_turn(tmp_path, port, addresses))
        yield House(base, (one, other), environments[0])


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncGenerator[Page]:
    """Open a tab in which nobody is signed in, and which has to stay without errors."""
    errors: list[str] = []
    context = await browser.new_context(reduced_motion="reduce")
    tab = await context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    await context.close()
    assert errors == []


async def _by_invitation(page: Page, house: House) -> None:
    await page.get_by_text("Use an invitation").click()
    await page.get_by_label("Code").fill(house.invitation())
    await page.get_by_role("button", name="Sign in", exact=True).click()


async def _by_provider(page: Page, _: House) -> None:
    await page.get_by_role("button", name="Sign in with Corp").click()


@pytest.mark.parametrize("enter", [_by_invitation, _by_provider])
async def test_a_person_works_in_the_studio_whichever_server_answers(
    enter: Callable[[Page, House], Awaitable[None]],
    house: House,
    page: Page,
    journal: Callable[[], list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    shown: list[str] = []
    page.on("request", lambda request: shown.extend(_shown(request)))
    await page.goto(f"{house.base}/studio")
    await enter(page, house)
    await expect(page.get_by_role("button", name="Signed in as Ann")).to_be_visible()

    await _make(page, FOX)
    photo = tmp_path / "holiday.png"
    Image.linear_gradient("L").convert("RGB").save(photo)
    await page.locator("input[type=file]").set_input_files(photo)
    await _make(page, NIGHT)
    prompts = [FOX, NIGHT]
    for number, server in enumerate(house.servers):
        prompts.append(f"An owl of server {number}")
        wish = {"prompt": prompts[-1], "model": "test/test", "size": "256x256"}
        await _call(server, shown[-1], "generate_image", **wish)
        await _drawn(page, prompts[-1])
    paid = [request["path"] for request in journal() if request["path"].endswith(("/generations", "/edits"))]
    assert len(paid) == len(prompts)

    for prompt in prompts:
        await _tile(page, prompt).click()
        await expect(page.locator(".viewer [data-sharp]")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator(".viewer")).to_be_hidden()
        await expect(page).not_to_have_url(re.compile("img_"))  # it goes back in the history, a moment later
    await page.reload()
    await expect(page.get_by_role("button", name="Signed in as Ann")).to_be_visible()
    for prompt in prompts:
        await _drawn(page, prompt)

    await _tile(page, FOX).click()
    await page.get_by_role("dialog", name="Picture", exact=True).get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete picture").click()
    await expect(_tile(page, FOX)).to_be_hidden()
    for server in house.servers:
        listed = await _call(server, shown[-1], "list_images")
        assert [image["prompt"] for image in listed["images"]] == prompts[:0:-1]
        handles = [image["handle"] for image in listed["images"]]
        assert all(size > 0 for size in await _thumbnail_sizes(server, shown[-1], handles))
        for path in ("authorize|sign-in|consent|token", "studio/", "mcp"):
            assert re.search(f" /(?:{path})", server.said), f"{path} was never asked for there"


def _tile(page: Page, prompt: str) -> Locator:
    return page.get_by_role("gridcell").get_by_role("button", name=prompt)


async def _drawn(page: Page, prompt: str) -> None:
    """Wait until a picture is in the gallery with its thumbnail."""
    thumbnail = _tile(page, prompt).locator("img[src]")
    await expect(thumbnail).to_be_visible()
    await thumbnail.evaluate("image => image.decode()")


async def _make(page: Page, prompt: str) -> None:
    await page.get_by_label("Prompt").fill(prompt)
    await page.get_by_role("button", name="Make for free").click()
    await _drawn(page, prompt)


def _shown(request: Request) -> list[str]:
    """Return the access token that a request shows, if it shows one."""
    return re.findall("^Bearer (.+)", request.headers.get("authorization") or "")


async def _call(server: Serving, token: str, tool: str, **arguments: object) -> dict[str, Any]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http,
        Client(streamable_http_client(server.url, http_client=http)) as agent,
    ):
        answer = await agent.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content or {}


async def _thumbnail_sizes(server: Serving, token: str, handles: list[str]) -> list[int]:
    """Ask one server for the thumbnails of pictures, and return how many bytes each has."""
    wanted = {"handles": ",".join(handles), "size": "320"}
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.base, headers=headers, trust_env=False, timeout=60) as http:
        answer = (await http.get("/studio/thumbnails", params=wanted)).raise_for_status()
    sizes = dict(part.split("=") for part in answer.headers["thumbnails"].split(","))
    return [int(sizes[handle]) for handle in handles if handle in sizes]

"""Attacks on the view inside the chat: results, messages and hosts that mean harm.

The host page of these tests lays no policy over the view, so the view alone has to be safe.
"""

import base64
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from imagerouter_mcp.views.document import document
from support.hostile_host import BIDI, MARKUP, PNG, HostileHost, hostile_host

Row = Callable[[str, str, str], None]
Json = dict[str, Any]

pytestmark = pytest.mark.asyncio(loop_scope="session")
SECTION = "The view inside the chat"
LONG = "W" * 20_000
HANDLE = "img_7f3a"
SVG = f"""<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
width="9" height="9" onload="parent.postMessage('svg','*')"><script>parent.postMessage('svg','*')</script>
<image xlink:href="https://evil.invalid/x.png" width="9" height="9"/><foreignObject width="9" height="9">
<body xmlns="http://www.w3.org/1999/xhtml"><img src="https://evil.invalid/y.png" onerror="alert(1)"/></body>
</foreignObject></svg><!-- {"-" * 10} >"""
ADDRESSES = (
    "javascript:parent.postMessage('link','*')",
    " \u0001javascript:alert(1)",
    "java\nscript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "vbscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "blob:https://evil.invalid/1",
    "file:///etc/passwd",
    "http://evil.invalid/",
    "//evil.invalid/",
    "https:evil.invalid@\u0000",
    "ftp://evil.invalid/",
    "vscode://file/etc/passwd",
    "\\\\evil.invalid\\share",
)
"""None of these may be opened: the view opens https, and this machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def page(browser: Browser) -> AsyncGenerator[HostileHost]:
    """Open one page for all attacks of this file."""
    async with hostile_host(browser, document()) as host:
        await host.draw()
        yield host


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: HostileHost) -> HostileHost:
    """Begin anew with the view that is drawn: drawing it takes most of the time."""
    await page.forget()
    return page


def result(*, text: str = "Made 1 picture.", image: Json | None = None, **fields: object) -> Json:
    """Return a tool's result with one picture; `image` changes what is told of it."""
    told = {
        "handle": HANDLE,
        "media_type": "image/png",
        "width": 1,
        "height": 1,
        "bytes": 70,
        "path": "/pictures/fox.png",
        "url": "https://storage.imagerouter.io/fox.png",
        **(image or {}),
    }
    return {
        "content": [
            {"type": "text", "text": text},
            {"type": "image", "mimeType": "image/png", "data": PNG},
            {"type": "resource_link", "uri": f"imagerouter://images/{HANDLE}", "name": "fox.png"},
        ],
        "structuredContent": {
            "images": [told],
            "generation": "gen_1",
            "state": "done",
            "model": "test/test",
            "cost_usd": 0,
            **fields,
        },
    }


def failed(message: str, kind: str = "api") -> Json:
    return {
        "isError": True,
        "content": [{"type": "text", "text": message}],
        "structuredContent": {"error": {"kind": kind, "message": message, "charged": "no"}},
    }


def pending(**fields: object) -> Json:
    return {
        "content": [{"type": "text", "text": "Not done yet: ask get_generation with gen_1 in about 600 s."}],
        "structuredContent": {"generation": "gen_1", "state": "working", "ask_again_seconds": 600, **fields},
    }


def listed(number: int, **fields: object) -> Json:
    images = [{"handle": f"img_{n:x}", "prompt": f"fox {n}", "model": "a/b", **fields} for n in range(number)]
    return {"content": [], "structuredContent": {"images": images, "unfinished": [], "total": number}}


def compared(text: str) -> Json:
    images = [
        {
            "handle": f"img_{n}",
            "number": n,
            "model": text,
            "cost_usd": 0.01,
            "latency_ms": 9,
            "media_type": text,
        }
        for n in range(1, 5)
    ]
    return {**result(), "structuredContent": {"images": images, "failures": [text], "notes": [text]}}


def unfinished(text: str) -> Json:
    entry = dict.fromkeys(("generation", "state", "prompt", "model", "created", "error", "next_step"), text)
    return {"content": [], "structuredContent": {"images": [], "unfinished": [entry], "total": 0}}


def link(text: str) -> Json:
    block = {"type": "resource_link", "uri": f"imagerouter://images/{HANDLE}", "mimeType": text}
    return {"content": [{**block, "name": text, "description": text, "title": text}]}


WORDS: list[tuple[str, Callable[[str], Json]]] = [
    ("a prompt", lambda text: result(prompt=text)),
    ("a model's name", lambda text: result(model=text, image={"model": text})),
    ("a file name and path", lambda text: result(image={"path": f"/pictures/{text}"})),
    ("a revised prompt", lambda text: result(image={"revised_prompt": text})),
    ("notes, failures and sources", lambda text: result(notes=[text], failures=[text], sources=[text])),
    ("an error of the service", failed),
    ("a refusal", lambda text: failed(text, "moderation")),
    ("a media type and a handle", lambda text: result(image={"media_type": f"image/{text}", "handle": text})),
    ("the text of a result", lambda text: {"content": [{"type": "text", "text": text}]}),
    ("a link's name and description", link),
    ("a call that is not done yet", lambda text: pending(prompt=text, model=text, note=text)),
    ("a list of earlier pictures", lambda text: listed(3, prompt=text, model=text, created=text, path=text)),
    ("unfinished calls", unfinished),
    ("a comparison of models", compared),
]
"""Where text of others comes from."""


@pytest.mark.parametrize(("where", "build"), WORDS, ids=[where for where, _ in WORDS])
async def test_text_of_others_stays_text(
    host: HostileHost, row: Row, where: str, build: Callable[[str], Json]
) -> None:
    for text in (MARKUP, BIDI, LONG):
        await host.hand_over(build(text), {"prompt": text})
        assert not await host.breaches()
        assert await host.frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), where
    row(SECTION, f"markup, turned and endless text as {where}", "shown as text, within its place")


BLOCKS: list[tuple[str, Json]] = [
    (
        "an SVG with scripts and links",
        {"mimeType": "image/svg+xml", "data": base64.b64encode(SVG.encode()).decode()},
    ),
    ("HTML as a picture", {"mimeType": "text/html", "data": base64.b64encode(MARKUP.encode()).decode()}),
    (
        "HTML that is called a PNG",
        {"mimeType": "image/png", "data": base64.b64encode(MARKUP.encode()).decode()},
    ),
    (
        "an SVG that is called a PNG",
        {"mimeType": "image/png", "data": base64.b64encode(SVG.encode()).decode()},
    ),
    ("markup as the media type", {"mimeType": f'image/png"{MARKUP}', "data": PNG}),
    ("markup as the bytes", {"mimeType": "image/png", "data": MARKUP}),
    ("a picture that is an address", {"mimeType": "image/png", "data": "https://evil.invalid/x.png"}),
]


@pytest.mark.parametrize(("what", "block"), BLOCKS, ids=[what for what, _ in BLOCKS])
async def test_a_picture_is_only_a_picture(host: HostileHost, row: Row, what: str, block: Json) -> None:
    hostile = {"content": [{"type": "image", **block}]}
    await host.answer("show_image", hostile)
    for tried in ({**result(), **hostile}, hostile):
        await host.hand_over(tried)
        assert not await host.breaches()
    row(SECTION, what, "drawn as a picture or not at all")


@pytest.mark.parametrize("address", ADDRESSES, ids=range(len(ADDRESSES)))
async def test_only_safe_links_are_opened(host: HostileHost, row: Row, address: str) -> None:
    await host.hand_over(result(image={"url": address, "download_url": address, "path": None}))
    await press_everything(host)
    opened = [each["url"] for each in await host.asked("ui/open-link")]
    assert address not in opened
    assert all(each.startswith(("https://storage.imagerouter.io/", "http://127.0.0.1")) for each in opened)
    assert not await host.breaches()
    row(SECTION, f"a result whose link is `{address}`", "not opened")


async def press_everything(host: HostileHost) -> None:
    """Press each button that does not say that it costs, and follow each link."""
    await host.frame.evaluate("""() => {
      const costs = /\\$|free|make|change|again|variation|retry|paint/i;
      for (const each of document.querySelectorAll("button, a, summary"))
        if (each.checkVisibility() && !costs.test(each.textContent + each.ariaLabel)) each.click();
    }""")
    await host.settle()


FROM_ELSEWHERE: list[tuple[str, str]] = [
    ("a result", '[{jsonrpc: "2.0", method: "ui/notifications/tool-result", params: FORGED}]'),
    ("a notice that the call was cancelled", '[{jsonrpc: "2.0", method: "ui/notifications/tool-cancelled"}]'),
    ("a teardown", '[{jsonrpc: "2.0", id: 1, method: "ui/resource-teardown"}]'),
    (
        "answers to every request that the view may make",
        'Array.from({length: 100}, (_, id) => ({jsonrpc: "2.0", id, result: FORGED}))',
    ),
]


@pytest.mark.parametrize(("what", "messages"), FROM_ELSEWHERE, ids=[what for what, _ in FROM_ELSEWHERE])
async def test_only_the_host_is_heard(host: HostileHost, row: Row, what: str, messages: str) -> None:
    await host.hand_over(result(prompt="the true fox"))
    before = await host.frame.evaluate("document.body.innerHTML")
    forged = json.dumps(result(prompt="forged", text="forged"))
    await host.run(f"relay({messages.replace('FORGED', forged)})")
    assert await host.frame.evaluate("document.body.innerHTML") == before
    assert not await host.breaches()
    row(SECTION, f"another frame of the page sends {what}", "not heard")


POLLUTION = """NAMES.forEach((n) => tell(n, JSON.parse(`{
  "__proto__": {"polluted": 1},
  "constructor": {"prototype": {"polluted": 1}},
  "arguments": {"__proto__": {"polluted": 1}},
  "structuredContent": {"__proto__": {"polluted": 1}, "images": [{"__proto__": {"polluted": 1}}]}
}`)))"""

MESSAGES: list[tuple[str, str]] = [
    ("no objects", "[null, 0, '', [], true, 'ui/initialize'].forEach(post)"),
    (
        "wrong versions and methods",
        'post({jsonrpc: "1.0"}); post({jsonrpc: "2.0", method: {}}); tell([], [])',
    ),
    (
        "unknown requests",
        'post({jsonrpc: "2.0", id: 9, method: "toString"}); tell("constructor"); tell("__proto__")',
    ),
    (
        "parameters of wrong types",
        "[null, 1, 'x', [], [null]].forEach((p) => NAMES.forEach((n) => tell(n, p)))",
    ),
    (
        "prototypes to be polluted",
        POLLUTION,
    ),
    (
        "answers to nothing",
        '[0, -1, 1e9, "__proto__", null, {}].forEach((id) => post({jsonrpc: "2.0", id, result: {}}))',
    ),
    (
        "the same answers again",
        'for (let id = 0; id < 50; id++) post({jsonrpc: "2.0", id, error: {message: {}}})',
    ),
    (
        "10,000 messages at once",
        'for (let n = 0; n < 10000; n++) tell("ui/notifications/tool-input", {arguments: {n}})',
    ),
    (
        "a result 500 levels deep",
        (
            "let deep = {}; for (let n = 0; n < 500; n++) deep = {content: [deep], structuredContent: deep};"
            'tell("ui/notifications/tool-result", deep)'
        ),
    ),
]
_NAMES = json.dumps(
    [
        f"ui/notifications/{name}"
        for name in ("tool-input", "tool-result", "tool-cancelled", "host-context-changed")
    ]
)


@pytest.mark.parametrize(("what", "script"), MESSAGES, ids=[what for what, _ in MESSAGES])
async def test_senseless_messages_do_no_harm(host: HostileHost, row: Row, what: str, script: str) -> None:
    await host.run(f"(() => {{ {script.replace('NAMES', _NAMES)} }})()")
    assert await host.shows(f"a good fox after {what}")
    assert not await host.breaches()
    row(SECTION, f"a host that sends {what}", "ignored; the next result is drawn")


WRONG: list[tuple[str, Json]] = [
    (
        "wrong types in every field",
        {"content": {}, "structuredContent": {"images": {"0": 1}, "notes": 7, "state": []}},
    ),
    (
        "entries that are nothing",
        {"content": [None, 1, []], "structuredContent": {"images": [None, 7, "x", []]}},
    ),
    (
        "numbers that are none",
        result(cost_usd="NaN", image={"width": -1, "height": 1e308, "bytes": "∞", "latency_ms": {}}),
    ),
    (
        "handles that leave their place",
        result(image={"handle": "../../x", "original": {"handle": "img_1/../.."}}),
    ),
    ("a list of 2,000 pictures", listed(2000)),
    (
        "500 pictures at once",
        {**listed(500), "structuredContent": {"images": listed(500)["structuredContent"]["images"]}},
    ),
]


@pytest.mark.parametrize(("what", "told"), WRONG, ids=[what for what, _ in WRONG])
async def test_senseless_results_do_no_harm(host: HostileHost, row: Row, what: str, told: Json) -> None:
    await host.hand_over(told)
    assert not await host.breaches()
    named = [each["uri"] for each in await host.asked("resources/read")]
    assert not [uri for uri in named if ".." in uri]
    assert await host.shows(f"a good fox after {what}")
    row(SECTION, f"a result with {what}", "shown as far as it makes sense")


async def test_no_host_makes_the_view_spend(host: HostileHost, row: Row) -> None:
    for told in (result(), failed("It failed. Nothing was charged. Try again."), pending(), listed(3)):
        await host.hand_over(told)
        await host.run(
            "post({jsonrpc: '2.0', id: 5, method: 'tools/call', params: {name: 'generate_image'}})"
        )
    await host.run("['click', 'submit', 'keydown'].forEach((type) => tell(`ui/notifications/${type}`, {}))")
    assert not await host.breaches()
    row(SECTION, "results and requests that ask the view for a paid call", "none without a person's click")


CONTEXTS: list[tuple[str, Json]] = [
    (
        "styles that would load something",
        {
            "styles": {
                "variables": {
                    "--color-background-primary": "url(https://evil.invalid/a)",
                    "background": "url(https://evil.invalid/b)",
                    "--x": "red;} * {background: url(https://evil.invalid/c)}",
                },
                "css": {"fonts": "@import 'https://evil.invalid/d'; @font-face{src:url(//evil.invalid)}"},
            }
        },
    ),
    (
        "markup as theme, locale and mode",
        dict.fromkeys(("theme", "locale", "displayMode", "timeZone"), MARKUP),
    ),
    (
        "wrong types about itself",
        {key: [1, None] for key in ("theme", "locale", "styles", "containerDimensions")},
    ),
]


@pytest.mark.parametrize(("what", "context"), CONTEXTS, ids=[what for what, _ in CONTEXTS])
async def test_the_host_s_own_words_do_no_harm(page: HostileHost, row: Row, what: str, context: Json) -> None:
    await page.draw(context)
    assert await page.shows("a good fox")
    assert not await page.breaches()
    row(SECTION, f"a host that tells {what}", "no effect beyond colours")


async def test_these_attacks_would_be_seen_if_they_got_through(browser: Browser) -> None:
    careless = """<!doctype html><script type="module">
      addEventListener("message", ({ data }) => {
        if (data.method === "ping") parent.postMessage({ jsonrpc: "2.0", id: data.id, result: {} }, "*");
        if (data.params?.content) document.body.innerHTML = data.params.content[0].text;
      });
      parent.postMessage({ jsonrpc: "2.0", method: "ui/notifications/initialized" }, "*");
    </script>"""
    async with hostile_host(browser, careless) as host:
        await host.draw()
        staying = MARKUP.replace("http-equiv=refresh", "")
        await host.hand_over({"content": [{"type": "text", "text": staying}]})
        seen = " ".join(await host.breaches())
        assert all(sign in seen for sign in ("'img'", "onerror", "<iframe", "https://evil.invalid/x.css"))

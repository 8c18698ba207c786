"""The service's endpoints: what arrives there, and what comes back.

What is not tested here, and why:

- Management endpoints: no part of this program mints keys.
- The media type of a result, results at other hosts, the deletion of kept pictures after 30 days: an answer
  is handed on as it came; `generation.deliver` looks at the bytes.
- URL strings as `image` in JSON: nothing here sends any.
- Whether a failed generation is refunded and an abandoned one charged: the service's own doing.
"""

import asyncio
import base64
import io
import json
import re
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image
from pydantic import SecretStr

from imagerouter_mcp import __version__, errors
from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.api.client import ImageRouterClient
from imagerouter_mcp.api.http import ServiceHTTP
from imagerouter_mcp.api.model_list import parse_models
from imagerouter_mcp.api.popularity import parse_popular
from imagerouter_mcp.api.request_body import MAX_JSON_BYTES, base64_bytes, largest_shared
from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.fetch import Fetcher, http_client
from imagerouter_mcp.sandbox.service import accounts, offered
from imagerouter_mcp.sandbox.service.list_endpoints import POPULAR
from imagerouter_mcp.settings import Settings

Journal = Callable[[], list[dict[str, Any]]]
Change = Callable[..., None]
Answering = Callable[..., Awaitable[str]]
Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Loopback = Callable[[Script], Awaitable[str]]

EDITS = "/v1/openai/images/edits"
GENERATIONS = "/v1/openai/images/generations"
PROMPT = 'Zwei Füchse,\r\n"sehr" müde — 狐 🦊; name="model" --boundary'


@asynccontextmanager
async def client(settings: Settings, **changes: object) -> AsyncGenerator[ImageRouterClient]:
    settings = settings.model_copy(update=changes)
    async with http_client() as http:
        yield ImageRouterClient(ServiceHTTP(http, settings.key, settings.stall_seconds), settings)


def picture(kind: str = "PNG", side: int = 32, colour: str = "teal") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, kind)
    return buffer.getvalue()


def edits(journal: Journal) -> list[dict[str, Any]]:
    """Return the edits that were asked for, without the question which service it is."""
    return [entry for entry in journal() if entry["path"] == EDITS]


def upload(data: bytes, name: str = "image.png", media_type: str = "image/png") -> Upload:
    return Upload(io.BytesIO(data), name, media_type)


def answer(body: str) -> bytes:
    return (
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(body.encode())}\r\nConnection: close\r\n\r\n{body}".encode()
    )


# Pictures from text


async def test_a_request_arrives_as_json_under_the_names_of_the_api(
    settings: Settings, journal: Journal
) -> None:
    fields = {
        "model": "test/test",
        "prompt": PROMPT,
        "size": "512x256",
        "quality": "low",
        "output_format": "png",
        "response_format": "b64_json",
    }
    async with client(settings) as api:
        await api.generate(fields)
    (entry,) = journal()
    assert (entry["method"], entry["path"]) == ("POST", GENERATIONS)
    assert entry["content_type"] == "application/json"
    assert entry["fields"] == fields
    assert entry["authorized"]
    assert entry["user_agent"] == f"imagerouter-mcp/{__version__}"


async def test_a_success_is_a_picture_with_its_cost_latency_and_moment(settings: Settings) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    async with client(settings) as api:
        made = await api.generate({"model": "black-forest-labs/FLUX-1-schnell", "prompt": "a fox"})
    (item,) = made.items
    assert item.url
    assert item.url.startswith(f"{settings.base_url}/files/")
    assert item.b64_json is None
    assert item.revised_prompt is None
    assert made.cost == Decimal("0.0013")
    assert made.latency is not None
    assert 0 <= made.latency < 10_000
    assert made.created
    assert before <= made.created <= datetime.now(UTC) + timedelta(seconds=2)
    assert made.sandbox


async def test_a_moment_in_seconds_is_read_as_one_in_milliseconds_is(settings: Settings) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    async with client(settings) as api:
        made = await api.generate({"model": "google/gemini-2.5-flash", "prompt": "a fox"})
    assert made.created
    assert made.created.microsecond == 0
    assert before <= made.created <= datetime.now(UTC) + timedelta(seconds=2)


async def test_a_revised_prompt_is_handed_on(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "openai/dall-e-3", "prompt": "a fox"})
    assert made.items[0].revised_prompt == "a fox (revised)"


@pytest.mark.parametrize("response_format", ["b64_json", "b64_ephemeral"])
async def test_a_picture_can_come_within_the_answer(settings: Settings, response_format: str) -> None:
    fields = {"model": "test/test", "prompt": "a fox", "size": "64x48", "response_format": response_format}
    async with client(settings) as api:
        made = await api.generate(fields)
    (item,) = made.items
    assert item.url is None
    assert item.b64_json
    with Image.open(io.BytesIO(base64.b64decode(item.b64_json, validate=True))) as seen:
        assert seen.size == (64, 48)


async def test_a_data_prefix_is_handed_on_with_its_base64(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "sandbox/data-prefix", "prompt": "a fox"})
    assert (made.items[0].b64_json or "").startswith("data:image/webp;base64,")


async def test_a_model_may_answer_several_pictures(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "sandbox/three-pictures", "prompt": "a fox"})
    assert len({item.url for item in made.items}) == 3


async def test_an_alias_is_the_service_s_matter(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        assert (await api.generate({"model": "google/gemini-2.5-flash-image", "prompt": "a fox"})).items
    assert journal()[0]["fields"]["model"] == "google/gemini-2.5-flash-image"


@pytest.mark.parametrize("model", ["sandbox/empty-data", "sandbox/no-url"])
async def test_a_success_without_a_picture_costs_what_it_says(settings: Settings, model: str) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.UnexpectedResponseError, match="without a picture") as caught:
            await api.generate({"model": model, "prompt": "a fox"})
    assert caught.value.charged == "yes"


@pytest.mark.parametrize("body", ["[]", "null", '"made"', "{}", '{"data": {}}', '{"data": [null, 7, "x"]}'])
async def test_a_success_of_another_shape_may_have_cost_something(
    answering: Answering, settings: Settings, body: str
) -> None:
    async with client(settings, base_url=await answering(answer(body))) as api:
        with pytest.raises(errors.UnexpectedResponseError) as caught:
            await api.generate({"model": "test/test"})
    assert caught.value.charged == "unknown"


ODD_FIELDS = [
    '"created": 1e400',
    '"created": 1e30',
    '"created": NaN',
    '"created": "yesterday"',
    '"created": -5',
    '"created": null',
    '"cost": "free", "latency": "long"',
    '"cost": Infinity, "latency": {}',
    '"cost": [], "latency": null',
    '"items": 3, "sandbox": true, "created": []',
]


@pytest.mark.parametrize("odd", ODD_FIELDS)
async def test_no_odd_field_loses_a_picture_that_is_paid_for(
    answering: Answering, settings: Settings, odd: str
) -> None:
    body = (
        f'{{{odd}, "data": [{{"url": "https://x.invalid/y.webp", "revised_prompt": 7}}, {{"url": 5}}, null]}}'
    )
    async with client(settings, base_url=await answering(answer(body))) as api:
        made = await api.generate({"model": "test/test"})
    assert [(item.url, item.revised_prompt) for item in made.items] == [("https://x.invalid/y.webp", None)]
    assert (made.created, made.cost, made.sandbox) == (None, None, False)


async def test_an_amount_keeps_its_decimals(answering: Answering, settings: Settings) -> None:
    body = (
        '{"data": [{"url": "https://x.invalid/y"}], "cost": 0.1, "latency": 12.5, "created": 1769286389027}'
    )
    async with client(settings, base_url=await answering(answer(body))) as api:
        made = await api.generate({"model": "test/test"})
    assert (made.cost, made.latency) == (Decimal("0.1"), 12.5)
    assert made.created == datetime(2026, 1, 24, 20, 26, 29, 27_000, UTC)


REPEATABLE = [
    "rate-limited-once",
    "status-500",
    "html-502",
    "html-504",
    "late-error",
    "cut",
    "garbage",
    "no-url",
]


@pytest.mark.parametrize("fault", REPEATABLE)
async def test_a_paid_call_is_never_sent_twice(settings: Settings, journal: Journal, fault: str) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError):
            await api.generate({"model": f"sandbox/{fault}", "prompt": "a fox"})
    assert len(journal()) == 1


async def test_an_edit_is_never_sent_twice(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.OutcomeUnknownError):
            await api.edit({"model": "sandbox/cut", "prompt": "a fox"}, [upload(picture())])
    assert len(journal()) == 1


async def test_every_way_of_making_passes_the_signs_of_life_on(settings: Settings) -> None:
    beats: list[str] = []

    async def beat() -> None:
        beats.append(now)

    fields = {"model": "sandbox/slow-0.2", "prompt": "a fox"}
    async with client(settings) as api:
        now = "generate"
        await api.generate(fields, beat)
        now = "edit"
        await api.edit(fields, [upload(picture())], heartbeat=beat)
        now = "video"
        await api.generate_video({**fields, "model": "sandbox/video-slow-0.2"}, heartbeat=beat)
    assert set(beats) == {"generate", "edit", "video"}


# Pictures from pictures


async def test_files_arrive_byte_for_byte_from_disk_and_from_memory(
    settings: Settings, journal: Journal, tmp_path: Path
) -> None:
    sent = [
        (picture("PNG"), "image.png", "image/png"),
        (picture("JPEG", colour="navy"), "image.jpg", "image/jpeg"),
        (picture("WEBP", colour="gold"), "image.webp", "image/webp"),
    ]
    mask = picture("PNG", colour="white")
    on_disk = tmp_path / "any name at all.jpg"
    on_disk.write_bytes(sent[1][0])
    with on_disk.open("rb") as file:
        uploads = [upload(*sent[0]), Upload(file, *sent[1][1:]), upload(*sent[2])]
        async with client(settings) as api:
            await api.edit(
                {"model": "test/test", "prompt": PROMPT, "size": "64x64"},
                uploads,
                upload(mask, "mask.png"),
            )
    (entry,) = edits(journal)
    assert entry["content_type"].startswith("multipart/form-data; boundary=")
    assert entry["fields"] == {"model": "test/test", "prompt": PROMPT, "size": "64x64"}
    arrived = [
        (file["field"], file["filename"], file["content_type"], file["bytes"], file["sha256"])
        for file in entry["files"]
    ]
    assert arrived == [
        *(("image[]", name, kind, len(data), sha256(data).hexdigest()) for data, name, kind in sent),
        ("mask[]", "mask.png", "image/png", len(mask), sha256(mask).hexdigest()),
    ]


async def test_a_file_is_sent_from_its_beginning_wherever_it_was_read_to(
    settings: Settings, journal: Journal
) -> None:
    data = picture()
    file = upload(data)
    file.file.seek(0, io.SEEK_END)
    async with client(settings) as api:
        await api.edit({"model": "test/test", "prompt": "a fox"}, [file])
    assert journal()[0]["files"][0]["sha256"] == sha256(data).hexdigest()


async def test_an_edit_without_images_is_text_to_image(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        made = await api.edit({"model": "test/test", "prompt": PROMPT, "size": "64x64"}, [])
    (entry,) = journal()
    assert made.items[0].url
    assert entry["path"] == EDITS
    assert entry["content_type"].startswith("multipart/form-data")
    assert entry["fields"] == {"model": "test/test", "prompt": PROMPT, "size": "64x64"}
    assert entry["files"] == []


async def test_sixteen_files_are_taken_and_a_seventeenth_is_refused_in_the_service_s_words(
    settings: Settings, journal: Journal
) -> None:
    files = [upload(picture(side=8 + place)) for place in range(17)]
    async with client(settings) as api:
        assert (await api.edit({"model": "test/test", "prompt": "a fox"}, files[:16])).items
        with pytest.raises(errors.InvalidRequestError, match="File upload error: Unexpected field") as caught:
            await api.edit({"model": "test/test", "prompt": "a fox"}, files)
    assert caught.value.status == 400
    sides = [file["width"] for file in edits(journal)[0]["files"]]
    assert sides == list(range(8, 24))


async def test_a_file_that_is_too_large_is_refused_in_the_service_s_words(settings: Settings) -> None:
    file = upload(bytes(25 * 2**20 + 1))
    async with client(settings) as api:
        with pytest.raises(errors.InvalidRequestError, match="File upload error: File too large"):
            await api.edit({"model": "test/test", "prompt": "a fox"}, [file])


@pytest.mark.parametrize("masked", [False, True])
async def test_a_model_that_takes_no_image_or_no_mask_says_so_with_status_200(
    settings: Settings, *, masked: bool
) -> None:
    model = "black-forest-labs/FLUX-2-flex" if masked else "black-forest-labs/FLUX-1.1-pro"
    words = "Mask editing is not supported" if masked else "does not support image inputs"
    mask = upload(picture()) if masked else None
    async with client(settings) as api:
        with pytest.raises(errors.InvalidRequestError, match=words) as caught:
            await api.edit({"model": model, "prompt": "a fox"}, [upload(picture())], mask)
    assert caught.value.status == 200


async def test_an_upload_that_is_no_picture_is_a_refused_parameter(settings: Settings) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.InvalidRequestError, match="Invalid image"):
            await api.edit({"model": "test/test", "prompt": "a fox"}, [upload(b"no picture")])


class Service:
    """A service of either generation that answers every picture with the same, and remembers requests."""

    def __init__(self, loopback: Loopback, *, newer: bool) -> None:
        self._loopback = loopback
        self._newer = newer
        self.asked_for_v3 = 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    async def start(self) -> str:
        """Start it, and return its address."""
        return await self._loopback(self._answer)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"GET /v3/models"):
            self.asked_for_v3 += 1
            writer.write(answer("[]") if self._newer else answer("Cannot GET").replace(b"200 OK", b"404 No"))
            return
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        assert length
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(length[1])))
        writer.write(answer('{"data": [{"url": "https://x.invalid/y"}]}'))


THREE = [picture("PNG"), picture("JPEG", colour="navy"), picture("WEBP", colour="gold")]
KINDS = ["image/png", "image/jpeg", "image/webp"]


def three() -> list[Upload]:
    return [upload(data, f"{kind[6:]}", kind) for data, kind in zip(THREE, KINDS, strict=True)]


async def test_several_pictures_arrive_as_data_uris_at_the_newer_service(
    loopback: Loopback, settings: Settings
) -> None:
    service = Service(loopback, newer=True)
    async with client(settings, base_url=await service.start()) as api:
        await api.edit({"model": "a/b", "prompt": PROMPT}, three(), upload(THREE[0]))
        await api.generate_video({"model": "a/b", "prompt": PROMPT}, three())
    uris = [
        f"data:{kind};base64,{base64.b64encode(data).decode()}"
        for data, kind in zip(THREE, KINDS, strict=True)
    ]
    edit, video = map(json.loads, service.bodies)
    assert edit == {"model": "a/b", "prompt": PROMPT, "image": uris, "mask": uris[0]}
    assert video == {"model": "a/b", "prompt": PROMPT, "image": uris}
    assert all(b"content-type: application/json\r\n" in head.lower() for head in service.heads)
    assert service.asked_for_v3 == 1


async def test_several_pictures_arrive_as_files_at_the_older_service(
    loopback: Loopback, settings: Settings
) -> None:
    service = Service(loopback, newer=False)
    async with client(settings, base_url=await service.start()) as api:
        await api.edit({"model": "a/b", "prompt": PROMPT}, three())
        await api.edit({"model": "a/b", "prompt": PROMPT}, three())
    for body in service.bodies:
        assert body.count(b'name="image[]"') == 3
        assert all(data in body for data in THREE)
    assert service.asked_for_v3 == 1


async def test_one_picture_arrives_as_a_file_and_nobody_asks_which_service_it_is(
    loopback: Loopback, settings: Settings
) -> None:
    service = Service(loopback, newer=True)
    async with client(settings, base_url=await service.start()) as api:
        await api.edit({"model": "a/b", "prompt": PROMPT}, [upload(THREE[0])])
    assert THREE[0] in service.bodies[0]
    assert service.asked_for_v3 == 0


async def test_a_service_that_does_not_say_which_it_is_is_asked_again(
    answering: Answering, settings: Settings
) -> None:
    broken = answer("busy").replace(b"200 OK", b"503 Busy")
    url = await answering(broken, answer("[]"))
    async with client(settings, base_url=url) as api:
        assert [await api.is_newer() for _ in range(3)] == [False, True, True]


async def test_pictures_that_are_too_large_together_are_refused_before_anything_is_sent(
    loopback: Loopback, settings: Settings
) -> None:
    service = Service(loopback, newer=True)
    half = bytes(MAX_JSON_BYTES // 8 * 3)
    assert 2 * base64_bytes(len(half)) == MAX_JSON_BYTES
    async with client(settings, base_url=await service.start()) as api:
        with pytest.raises(errors.InvalidSourceError, match="at most 20 MB") as caught:
            await api.edit({"model": "a/b"}, [upload(half), upload(half)])
    assert caught.value.charged == "no"
    assert service.bodies == []


@pytest.mark.parametrize(
    "sizes", [[15_000_000], [9_000_000, 100, 9_000_000], [20_000_000, 4_000_000, 5_000_000], [2_000_000] * 16]
)
def test_only_the_largest_pictures_share_what_the_small_ones_leave(sizes: list[int]) -> None:
    largest = largest_shared(sizes)
    assert largest is not None
    sent = sum(base64_bytes(min(size, largest)) for size in sizes)
    assert MAX_JSON_BYTES - 1_000_100 < sent <= MAX_JSON_BYTES - 1_000_000


@pytest.mark.parametrize("sizes", [[], [14_250_000], [14_000_001, 249_999], [890_000] * 16])
def test_pictures_that_fit_together_are_left_as_they_are(sizes: list[int]) -> None:
    assert largest_shared(sizes) is None


@pytest.mark.parametrize(("prompt", "sent"), [("auto", "auto."), (" auto\n", "auto."), ("Auto", "Auto")])
async def test_the_prompt_auto_arrives_as_a_prompt(
    loopback: Loopback, settings: Settings, prompt: str, sent: str
) -> None:
    service = Service(loopback, newer=True)
    async with client(settings, base_url=await service.start()) as api:
        await api.generate({"model": "a/b", "prompt": prompt, "size": "auto"})
        await api.edit({"model": "a/b", "prompt": prompt}, three())
    assert [json.loads(body)["prompt"] for body in service.bodies] == [sent, sent]
    assert json.loads(service.bodies[0])["size"] == "auto"


class ShortReads(io.BytesIO):
    """A file that returns fewer bytes than asked for, as raw files may."""

    def read(self, size: int | None = -1) -> bytes:
        """Read at most 100,000 bytes."""
        return super().read(100_000 if size is None or size < 0 else min(size, 100_000))


@pytest.mark.parametrize("where", ["disk", "memory", "data URIs"])
async def test_a_large_file_is_streamed_and_not_copied_into_memory(
    loopback: Loopback, settings: Settings, tmp_path: Path, where: str
) -> None:
    size = 14 * 2**20
    arrived = 0

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        left = int(length[1]) if length else 0
        while left:
            piece = await reader.read(65_536)
            left -= len(piece)
            arrived += len(piece)
        writer.write(answer('{"data": [{"url": "https://x.invalid/y"}]}'))

    path = tmp_path / "large"
    with path.open("wb") as sparse:
        sparse.truncate(size)
    url = await loopback(swallow)
    with path.open("rb") if where == "disk" else ShortReads(bytes(size)) as file:
        images = [Upload(file, "image.png", "image/png")]
        if where == "data URIs":
            images.append(upload(THREE[0]))
        async with client(settings, base_url=url) as api:
            await api.is_newer()
            tracemalloc.start()
            try:
                await api.edit({"model": "test/test"}, images)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
    assert arrived > (base64_bytes(size) if where == "data URIs" else size)
    assert peak < 4 * 2**20


# Videos


async def test_a_video_is_asked_for_at_its_own_address(settings: Settings, journal: Journal) -> None:
    data = picture()
    async with client(settings) as api:
        made = await api.generate_video(
            {"model": "ir/test-video", "prompt": PROMPT, "seconds": "5"}, [upload(data)]
        )
        with pytest.raises(errors.InvalidRequestError, match="is an image model"):
            await api.generate_video({"model": "test/test", "prompt": "a fox"})
    entry = journal()[0]
    assert (made.items[0].url or "").endswith(".mp4")
    assert entry["path"] == "/v1/openai/videos/generations"
    assert entry["fields"] == {"model": "ir/test-video", "prompt": PROMPT, "seconds": "5"}
    assert [(file["field"], file["sha256"]) for file in entry["files"]] == [
        ("image[]", sha256(data).hexdigest())
    ]


# Models


@pytest.mark.parametrize(
    ("shape", "query"), [("v1", None), ("v2", None), ("v2", {"shape": "array"}), ("v3", None)]
)
async def test_the_model_list_is_read_in_each_of_its_shapes_without_a_key(
    settings: Settings,
    journal: Journal,
    change_sandbox: Change,
    shape: Literal["v1", "v2", "v3"],
    query: dict[str, str] | None,
) -> None:
    change_sandbox(service="live")
    async with client(settings, api_key=None) as api:
        listed = {entry.id: entry for entry in parse_models(await api.models(shape, query))}
    (entry,) = journal()
    assert (entry["path"], entry["query"], entry["authorized"]) == (f"/{shape}/models", query or {}, False)
    assert set(listed) == set(offered.listed())
    assert listed["ir/test-video"].output == "video"
    assert listed["test/test"].takes_image
    price = listed["black-forest-labs/FLUX-1-schnell"].price
    assert price
    assert price.likely == pytest.approx(0.0013)  # pyright: ignore[reportUnknownMemberType] - pytest's


@pytest.mark.parametrize("shape", ["v2", "v3"])
async def test_the_usual_address_may_answer_in_a_newer_shape(
    settings: Settings, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(models=shape)
    async with client(settings) as api:
        assert "test/test" in {entry.id for entry in parse_models(await api.models())}


async def test_the_service_filters_its_list(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        found = parse_models(await api.models(query={"type": "video", "name": "veo", "limit": "3"}))
    assert [entry.id for entry in found] == ["google/veo-3.1-fast"]
    assert journal()[0]["query"] == {"type": "video", "name": "veo", "limit": "3"}


@pytest.mark.parametrize(
    ("models", "kind"),
    [("status-500", errors.ServiceError), ("html", errors.UnexpectedResponseError)],
)
async def test_a_model_list_that_fails_costs_nothing(
    settings: Settings, change_sandbox: Change, models: str, kind: type[errors.ImageRouterError]
) -> None:
    change_sandbox(models=models)
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError) as caught:
            await api.models()
    assert type(caught.value) is kind
    assert caught.value.charged == "no"


# Popularity


SHAPES = [
    "json-ids",
    "json-objects-model",
    "json-objects-id",
    "json-objects-modelId",
    "json-objects-name",
    "bare-ids",
    "bare-objects",
    "with-meta",
]


@pytest.mark.parametrize("shape", SHAPES)
async def test_the_ranking_is_read_in_every_shape_without_showing_the_key(
    settings: Settings, journal: Journal, change_sandbox: Change, shape: str
) -> None:
    change_sandbox(popularity=shape)
    async with client(settings) as api:
        ranking = parse_popular(await api.popular())
    assert tuple(ranking) == POPULAR
    (entry,) = journal()
    assert (entry["method"], entry["path"]) == ("POST", "/operations/get-popular-models")
    assert (entry["authorized"], entry["fields"], entry["content_type"]) == (False, {}, None)


@pytest.mark.parametrize(
    ("shape", "kind"), [("status-500", errors.ServiceError), ("html", errors.UnexpectedResponseError)]
)
async def test_a_ranking_that_fails_costs_nothing(
    settings: Settings, change_sandbox: Change, shape: str, kind: type[errors.ImageRouterError]
) -> None:
    change_sandbox(popularity=shape)
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError) as caught:
            await api.popular()
    assert type(caught.value) is kind
    assert caught.value.charged == "no"


async def test_a_ranking_of_no_known_shape_is_handed_on_to_be_refused(
    settings: Settings, change_sandbox: Change
) -> None:
    change_sandbox(popularity="nonsense")
    async with client(settings) as api:
        answered = await api.popular()
    with pytest.raises(errors.UnexpectedResponseError):
        parse_popular(answered)


# The account


async def test_credits_are_amounts_in_dollars(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        told = await api.credits()
    assert (told.remaining_credits, told.credit_usage, told.total_deposits) == (
        Decimal("25.5000"),
        Decimal("4.5000"),
        Decimal("30.0000"),
    )
    assert told.usage_by_api_key is None
    (entry,) = journal()
    assert (entry["method"], entry["path"], entry["query"]) == ("GET", "/v1/credits", {})
    assert entry["authorized"]


async def test_credits_can_be_told_key_by_key_with_their_limits(settings: Settings, journal: Journal) -> None:
    async with client(settings, api_key=SecretStr(accounts.LIMITED_KEY)) as api:
        told = await api.credits(by_key=True)
    assert told.usage_by_api_key
    (key,) = told.usage_by_api_key
    assert (key.api_key_name, key.is_active, key.total_requests) == ("limited", True, 0)
    assert (key.spend_limit, key.spend_limit_period, key.period_spend) == (
        Decimal(10),
        "month",
        Decimal("4.5"),
    )
    assert key.expires_at == "2027-01-31T00:00:00.000Z"
    assert journal()[0]["query"] == {"by_api_key": "true"}


async def test_credits_with_odd_fields_keep_the_others(answering: Answering, settings: Settings) -> None:
    body = '{"remaining_credits": 1.5, "credit_usage": "much", "usage_by_api_key": {"a": 1}}'
    async with client(settings, base_url=await answering(answer(body))) as api:
        told = await api.credits()
    assert (told.remaining_credits, told.credit_usage, told.usage_by_api_key) == (Decimal("1.5"), None, None)


@pytest.mark.parametrize("body", ["[]", "null", '"rich"', "5"])
async def test_an_account_of_another_shape_is_unexpected(
    answering: Answering, settings: Settings, body: str
) -> None:
    async with client(settings, base_url=await answering(answer(body))) as api:
        with pytest.raises(errors.UnexpectedResponseError, match="documented shape"):
            await api.credits()
        with pytest.raises(errors.UnexpectedResponseError, match="documented shape"):
            await api.check_key()


async def test_a_good_key_is_called_good(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        checked = await api.check_key()
    assert (checked.success, checked.credits) == (True, 255_000)
    (entry,) = journal()
    assert (entry["method"], entry["path"], entry["authorized"]) == ("POST", "/v1/auth/test", True)


async def test_a_bad_key_is_refused_by_every_endpoint_that_wants_one(settings: Settings) -> None:
    async with client(settings, api_key=SecretStr(accounts.MANAGEMENT_KEY)) as api:
        fields = {"model": "test/test", "prompt": "a fox"}
        for ask in (
            api.credits,
            api.check_key,
            lambda: api.generate(fields),
            lambda: api.edit(fields, []),
            lambda: api.generate_video(fields),
        ):
            with pytest.raises(errors.AuthenticationError, match="Management API keys cannot be used"):
                await ask()


async def test_a_missing_key_is_found_out_before_any_work(settings: Settings, journal: Journal) -> None:
    async with client(settings, api_key=None) as api:
        with pytest.raises(errors.ConfigurationError, match="IMAGEROUTER_API_KEY"):
            api.require_key()
    async with client(settings) as api:
        api.require_key()
    assert journal() == []


async def test_the_key_does_not_go_to_the_addresses_of_results(settings: Settings, journal: Journal) -> None:
    async with http_client() as http:
        api = ImageRouterClient(ServiceHTTP(http, settings.key, settings.stall_seconds), settings)
        made = await api.generate({"model": "test/test", "prompt": "a fox"})
    target = io.BytesIO()
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:
        await fetcher.download(made.items[0].url or "", target, max_bytes=2**24, seconds=5)
    assert target.getvalue()
    assert [entry["authorized"] for entry in journal()] == [True, False]


# What outlives a call


async def test_an_answer_is_kept_on_disk_and_read_again_as_it_came(
    settings: Settings, tmp_path: Path
) -> None:
    kept = tmp_path / "arriving" / "gen_7f3a.answer"
    async with client(settings) as api:
        made = await api.generate({"model": "test/test", "prompt": PROMPT}, kept=kept)
        again = api.kept_answer(kept)
    assert made.items
    assert again == made


async def test_a_429_closes_the_way_for_the_calls_that_follow(settings: Settings) -> None:
    async with client(settings) as api:
        assert api.rate.pause() == 0
        with pytest.raises(errors.RateLimitError):
            await api.generate({"model": "sandbox/rate-limited", "prompt": PROMPT})
        assert 0 < api.rate.pause() <= 1

"""Pictures from pictures: how files arrive at the service."""

import asyncio
import base64
import io
import json
import re
import tracemalloc
from hashlib import sha256
from pathlib import Path

import pytest

from imagerouter_mcp import errors
from imagerouter_mcp.api.request_body import MAX_JSON_BYTES, base64_bytes, largest_shared
from imagerouter_mcp.api.wire import Upload
from imagerouter_mcp.settings import Settings
from support.service_endpoints import (
    EDITS,
    PROMPT,
    Answering,
    Journal,
    Loopback,
    answer,
    client,
    edits,
    picture,
    upload,
)


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

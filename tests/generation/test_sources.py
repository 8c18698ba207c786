"""What orders build on: opened as it is sent, and compared by content, within the reading rules."""

import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.errors import ImageRouterError, NotFoundError
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.generation.descriptors import Descriptors
from imagerouter_mcp.generation.planning.finishing import Cut
from imagerouter_mcp.generation.planning.plan import MaskedSource
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.generation.sources import Sources, View, with_last
from imagerouter_mcp.images.source_images import SourceReader
from imagerouter_mcp.settings import Settings, expand
from support.recording import RecordingGallery

Reading = Callable[..., Sources]


async def newer() -> bool:
    """Answer that the service is of the newer generation."""
    return True


@pytest.fixture
async def reading(person: Settings, gallery: Gallery) -> AsyncIterator[Reading]:
    """Makes sources that may be read from some folders; from anywhere by default."""
    async with aclosing(Fetcher(Policy(allow_private=True), 2)) as fetcher:

        def make(folders: tuple[Path, ...] | None = None) -> Sources:
            reader = SourceReader(fetcher, expand, folders)
            files, uploads = KeptFiles(person.output_dir), Uploads(person.data_dir)
            return Sources(reader, gallery, files, uploads, Descriptors(), is_newer=newer)

        yield make


def edit(*images: str, mask: str = "") -> Order:
    return Order(tool="edit_image", requests=(Request(prompt="Invert", images=images, mask=mask),))


def change_in_place(path: Path) -> None:
    """Change a file so that neither its size nor its time tells."""
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("form", ["{}", " {} ", "file://{}"])
async def test_a_source_that_changed_in_place_is_another_source(
    reading: Reading, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(b"a fox of pixels")
    text = form.format(path)
    sources = reading()
    before = await sources.fingerprint(edit(text))
    assert await sources.fingerprint(edit(text)) == before
    masked = await sources.fingerprint(edit("data:,x", mask=text))
    change_in_place(path)
    assert await sources.fingerprint(edit(text)) != before
    assert await sources.fingerprint(edit("data:,x", mask=text)) != masked


@pytest.mark.parametrize("form", ["{}", "imagerouter://images/{}"])
async def test_a_picture_of_the_gallery_whose_file_was_changed_is_another_source(
    reading: Reading, tmp_path: Path, gallery: RecordingGallery, form: str
) -> None:
    path = tmp_path / "fox.png"
    path.write_bytes(b"a fox of pixels")
    (image,) = gallery.record([StoredImage(path=path)], prompt="A fox", model="vendor/model").images
    await _differs_after_a_change(reading(folders=()), form.format(image.handle), path)


async def test_an_upload_whose_file_was_changed_is_another_source(reading: Reading, person: Settings) -> None:
    uploads = Uploads(person.data_dir)
    name = uploads.new_name()
    assert uploads.keep(name, io.BytesIO(b"a fox of pixels"))
    path = uploads.find(name)
    assert path
    await _differs_after_a_change(reading(folders=()), name, path)


async def _differs_after_a_change(sources: Sources, text: str, path: Path) -> None:
    before = await sources.fingerprint(edit(text))
    assert await sources.fingerprint(edit(text)) == before
    change_in_place(path)
    assert await sources.fingerprint(edit(text)) != before


async def test_every_character_of_a_data_uri_counts(reading: Reading) -> None:
    uri = f"data:image/png;base64,{'A' * 100_000}"
    sources = reading()
    before = await sources.fingerprint(edit(uri))
    for position in (-1, 50_000, 30):
        changed = f"{uri[:position]}B{uri[position:][1:]}"
        assert len(changed) == len(uri)
        assert await sources.fingerprint(edit(changed)) != before


async def test_a_file_that_may_not_be_read_is_not_looked_at(reading: Reading, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"abc")
    for folders in ((), (tmp_path / "allowed",)):
        sources = reading(folders)
        before = await sources.fingerprint(edit(str(secret)))
        secret.write_bytes(b"longer than before")
        assert await sources.fingerprint(edit(str(secret))) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs on this system")
async def test_what_is_not_a_file_holds_nothing_up(reading: Reading, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert await reading().fingerprint(edit(str(tmp_path / "pipe"), str(tmp_path), "/dev/zero", "\0", "~"))


async def test_a_mask_follows_the_first_picture_when_that_is_shrunk(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagerouter_mcp.api.request_body.MAX_JSON_BYTES", 1_060_000)
    noise = tmp_path / "noise.png"
    Image.frombytes("RGB", (400, 200), os.urandom(3 * 400 * 200)).save(noise)
    request = Request(
        prompt="Invert", images=(str(noise), str(noise)), mask="box:0,0,200,200", keep_outside=False
    )
    async with reading().opened(request) as sources:
        first, second = sources.images
        assert first.bytes + second.bytes <= 60_000 * 3 / 4
        assert 100 < first.width < 400
        assert sources.mask is not None
        assert sources.mask.size == sources.size == (first.width, first.height)
        mask = sources.mask.read()
        assert mask.getpixel((first.width // 2 - 9, first.height - 1)) == 255
        assert mask.getpixel((first.width // 2 + 9, 0)) == 0
        assert sources.notes[-1].startswith("2 pictures were compressed or scaled down")


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Return two pictures and a mask that edits the left half of the first."""
    for name, colour, width in (("teal", "teal", 40), ("red", "red", 60)):
        Image.new("RGB", (width, 20), colour).save(tmp_path / f"{name}.png")
    mask = Image.new("L", (40, 20))
    mask.paste(255, (0, 0, 20, 20))
    mask.save(tmp_path / "mask.png")
    return [str(tmp_path / f"{name}.png") for name in ("teal", "red", "mask")]


def first_pixel(data: bytes) -> object:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGBA").getpixel((0, 0))


@pytest.mark.parametrize("keep_outside", [False, True])
async def test_all_sources_are_opened_in_their_order_with_their_names_and_closed_after(
    reading: Reading, pictures: list[str], *, keep_outside: bool
) -> None:
    teal, red, mask = pictures
    request = Request(prompt="Invert", images=(teal, red), mask=mask, keep_outside=keep_outside)
    async with AsyncExitStack() as opened:
        sources = await opened.enter_async_context(reading().opened(request))
        assert sources.origins == (teal, red, f"mask {mask}")
        assert sources.fetched == ("", "", "")
        assert sources.size == (40, 20)
        assert sources.mask
        files = [sources.mask.file, *(image.file for image in sources.images)]
        half = (0, 0, 20, 20)
        cut = Cut(box=half, size=(20, 20), inner=half) if keep_outside else None
        if keep_outside:
            assert cut
            assert sources.whole
            assert sources.masked == MaskedSource((40, 20), half, (20, 0, 40, 20))
            for _ in range(2):  # of several models, which are sent the same part
                await sources.cut_out(cut, opened)
            assert list(sources.parts) == [cut]
            files += [sources.whole.file, sources.parts[cut].file]
        else:
            assert sources.whole is sources.masked is None
            await sources.cut_out(Cut(box=half, size=(20, 20), inner=half), opened)
            assert sources.parts == {}
        assert await sources.look() is None
        sent = [upload.file.read() for _ in range(2) for upload in sources.uploads(cut)]
        assert [first_pixel(data) for data in sent] == [(0, 128, 128, 255), (255, 0, 0, 255)] * 2
        for convention, edited in (("transparent", (0, 0, 0, 0)), ("white", (255, 255, 255, 255))):
            upload = sources.mask_upload(convention, cut)  # pyright: ignore[reportArgumentType] - both there are
            assert upload
            with upload.file as file:
                data = file.read()
            assert first_pixel(data) == edited
            with Image.open(io.BytesIO(data)) as picture:
                assert picture.size == (cut.size if cut else (40, 20))
    assert all(file.closed for file in files)


async def test_without_a_mask_nothing_is_cut_and_the_first_picture_can_be_looked_at(
    reading: Reading, pictures: list[str]
) -> None:
    request = Request(prompt="Invert", images=tuple(pictures[:2]))
    async with reading().opened(request) as sources:
        assert (sources.mask, sources.masked, sources.mask_upload("white")) == (None, None, None)
        assert sources.fetched == ("", "", "")
        look = await sources.look()
        assert look
        assert (look.width, look.height) == (40, 20)
        files = [image.file for image in sources.images]
    assert all(file.closed for file in files)
    async with reading().files(request) as opened:
        assert [name for _, name in opened] == pictures[:2]
        assert [file.read()[:4] for file, _ in opened] == [b"\x89PNG"] * 2
    assert all(file.closed for file, _ in opened)
    async with reading().opened(Request(prompt="a fox")) as none:
        assert (none.size, await none.look(), none.uploads()) == (None, None, [])


async def test_a_source_that_is_not_there_is_named_before_anything_else(
    reading: Reading, pictures: list[str], gallery: RecordingGallery, tmp_path: Path
) -> None:
    (gone,) = gallery.record([StoredImage(path=tmp_path / "gone.png")], prompt="p", model="m").images
    (never,) = gallery.record([StoredImage(url="https://a.example/b")], prompt="p", model="m").images
    for images, mask, said in (
        ((gone.handle,), "", f"The file of {gone.handle} is not there any more"),
        ((never.handle,), "", f"The file of {never.handle} is not there any more"),
        ((pictures[0], gone.handle), "", f"The file of {gone.handle}"),
        ((f"upload_{'0' * 16}",), "", "nothing was uploaded, or more than a day ago"),
        ((pictures[0],), "the sky", "neither a region nor the path"),
        ((pictures[0],), "upload_" + "0" * 16, "nothing was uploaded"),
    ):
        for keep_outside in (True, False):
            with pytest.raises(ImageRouterError, match=said):
                await _opened(
                    reading(), Request(prompt="p", images=images, mask=mask, keep_outside=keep_outside)
                )


async def _opened(sources: Sources, request: Request) -> None:
    async with sources.opened(request):
        pass


def test_several_requests_read_one_file_each_from_its_own_place() -> None:
    file = io.BytesIO(b"0123456789")
    one, other = View(file), View(file)
    assert (one.read(3), other.read(2), one.read(2)) == (b"012", b"01", b"34")
    assert (one.tell(), other.tell()) == (5, 2)
    assert (one.seek(-2, io.SEEK_END), one.read()) == (8, b"89")
    assert (other.seek(2, io.SEEK_CUR), other.read(1)) == (4, b"4")
    assert (other.seek(0), other.read(-1)) == (0, b"0123456789")
    assert one.readable()
    assert one.seekable()


async def test_last_is_what_the_session_was_told_or_the_newest_of_all(
    reading: Reading, gallery: RecordingGallery
) -> None:
    mine, newest = (
        gallery.record([StoredImage(path=Path(f"/a/{name}.png"))], prompt=f"a {name}", model="m")
        for name in ("fox", "hare")
    )
    sources = reading()
    sources.note_told("s", mine.generation)
    sources.note_told(None, newest.generation)
    for session, without, made, elsewhere in (
        ("s", (), mine, False),
        ("s", (mine.generation,), newest, True),
        (None, (), newest, True),
        ("new", (newest.generation,), mine, True),
    ):
        found = await sources.last_made(session, without)
        assert (found.records, found.elsewhere) == ((made,), elsewhere)
        order = replace(edit("LAST", "/b.png", mask="last"), session=session)
        assert await sources.last_of(order, without) == found
        pinned = with_last(order, found)
        handle = made.images[0].handle
        assert (pinned.requests[0].images, pinned.requests[0].mask) == ((handle, "/b.png"), handle)
        assert [handle in note and made.prompt in note for note in pinned.notes] == [True] * elsewhere
    assert await sources.last_of(edit("/b.png")) is None
    with pytest.raises(NotFoundError, match=f"Number 1 of the newest call is {mine.images[0].handle}"):
        await sources.last_of(replace(edit("#1"), session="s"))

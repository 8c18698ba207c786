"""When two orders build on the same: their sources are compared by content, within the reading rules."""

import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp.addresses import Policy
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.gallery.uploads import Uploads
from imagerouter_mcp.generation.descriptors import Descriptors
from imagerouter_mcp.generation.planning.request import Order, Request
from imagerouter_mcp.generation.sources import Sources
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

"""Which picture `last` means."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import NotFoundError
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.generation.handles import find_image
from support.recording import RecordingGallery


async def test_last_is_the_newest_picture_whose_file_has_arrived(
    gallery: RecordingGallery, tmp_path: Path
) -> None:
    with pytest.raises(NotFoundError, match="No picture has been made yet"):
        await find_image(gallery, "last")
    gallery.record(prompt="lost", model="m", images=[StoredImage(url="https://storage.example/lost.png")])
    image, _ = await find_image(gallery, "last")
    assert image.url == "https://storage.example/lost.png", "there is no better one"
    for name in ("older.png", "newer.png"):
        gallery.record(prompt=name, model="m", images=[StoredImage(path=tmp_path / name)])
    gallery.record(prompt="lost", model="m", images=[StoredImage(url="https://storage.example/lost.png")])
    image, _ = await find_image(gallery, " LAST ")
    assert image.path == tmp_path / "newer.png"

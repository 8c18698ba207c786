"""Where results go and what their files are called."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.gallery.entries import StoredImage
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.generation.destinations import Destinations
from imagerouter_mcp.generation.planning.plan import Destination
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.settings import Settings
from support.recording import RecordingGallery


@pytest.fixture
def destinations(person: Settings, gallery: RecordingGallery) -> Destinations:
    return Destinations(person, gallery, KeptFiles(person.output_dir))


@pytest.mark.parametrize(
    ("asked", "stem"),
    [
        ({"prompt": "A red fox!", "images": ("/a/owl.png",)}, "A-red-fox"),
        ({"prompt": "A red fox!", "filename": "hare.png"}, "hare"),
        ({"prompt": " ", "images": ("/a/An Owl.png", "/a/fox.png")}, "An-Owl"),
        ({"prompt": "", "images": (r"C:\pictures\owl.png",)}, "owl"),
        ({"prompt": "", "images": ("https://a.example/b/owl.webp?fox=/c.png#d",)}, "owl"),
        ({"prompt": "", "images": ("data:image/png;base64,AAAA/owl",)}, "picture"),
        ({"prompt": ""}, "picture"),
    ],
    ids=str,
)
def test_a_file_is_named_after_what_the_person_said_or_gave(
    destinations: Destinations, person: Settings, asked: dict[str, object], stem: str
) -> None:
    assert destinations.of(Request(**asked)) == Destination(person.output_dir, stem)  # pyright: ignore[reportArgumentType] - the table's


def test_without_a_prompt_a_file_is_named_after_the_recorded_picture(
    destinations: Destinations, gallery: RecordingGallery
) -> None:
    (image,) = gallery.record(
        prompt="a fox", model="m", images=[StoredImage(path=Path("/a/hare.png"))]
    ).images
    assert destinations.of(Request(prompt="", images=(image.handle,))).stem == "hare"


async def test_several_results_are_numbered_after_those_that_are_there(
    destinations: Destinations, person: Settings, tmp_path: Path
) -> None:
    folder = person.output_dir
    folder.mkdir()
    (folder / "a-fox-1.png").touch()
    series = await destinations.series(Request(prompt="a fox"), 2)
    assert {each.folder for each in series} == {folder}
    stems = [each.stem for each in series]
    assert len({*stems, "a-fox-1"}) == 3
    assert [stem[-1] for stem in stems] == ["1", "2"]
    assert await destinations.series(Request(prompt="a fox"), 1) == [Destination(folder, "a-fox")]
    with pytest.raises(PlanError):
        await destinations.series(Request(prompt="a fox", output_dir=str(tmp_path / ".hidden")), 1)

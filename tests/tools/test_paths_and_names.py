"""What names a picture, where a result is saved and what its file is called."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.conftest import Hosts

ANY_SIZE = {"model": "black-forest-labs/FLUX-1-schnell", "size": "128x128", "preview": "none"}
TEST = {"model": "test/test", "preview": "none"}


async def test_whatever_names_a_picture_of_the_gallery_is_a_source_and_a_handle(
    connect: Hosts, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "the only folder to read from"
    async with connect(input_dirs=(elsewhere,)) as call:
        made = await call("generate_image", prompt="A fox", **TEST)
        handle, generation = made.image["handle"], made.fields["generation"]
        for name in (
            handle,
            f"imagerouter://images/{handle}",
            f" IMAGEROUTER://images/{handle.upper()} ",
            generation,
            str(made.path),
            f'"{made.path}"',
        ):
            edited = await call("edit_image", images=[name], prompt=f"Night, {name}", **TEST)
            assert not edited.failed, edited.text
            shown = await call("show_image", handle=name, preview="none")
            assert shown.image["handle"] == handle, name
        outside = await call("edit_image", images=[str(tmp_path / "x.png")], prompt="Night", **TEST)
        assert "not in a folder that this server may read from" in outside.text
        nothing = await call("show_image", handle="gen_0000000")
        assert "gen_0000000 has made no picture yet" in nothing.text


async def test_pictures_of_one_call_keep_their_numbers_where_the_name_is_taken(connect: Hosts) -> None:
    names: list[list[str]] = []
    async with connect() as call:
        for count in (2, 3, 1, 1, 2):
            told = await call(
                "generate_image",
                prompt="A fox",
                filename="fox",
                n=count,
                again=True,
                **{**TEST, "size": "256x256"},
            )
            names.append([Path(image["path"]).stem for image in told.fields["images"]])
    assert names == [
        ["fox-1", "fox-2"],
        ["fox_2-1", "fox_2-2", "fox_2-3"],
        ["fox"],
        ["fox-3"],
        ["fox_3-1", "fox_3-2"],
    ]


async def test_a_number_is_answered_with_the_handle_that_it_means(
    connect: Hosts, made: Callable[[], list[dict[str, Any]]]
) -> None:
    async with connect() as call:
        several = await call("generate_image", prompt="A fox", n=3, **TEST)
        handles = [image["handle"] for image in several.fields["images"]]
        for tool, key, name in (
            ("edit_image", "images", 3),
            ("edit_image", "images", "3"),
            ("edit_image", "images", ["#3"]),
            ("edit_image", "images", [handles[0], "last:3"]),
            ("edit_image", "images", ["picture 3"]),
            ("preview_mask", "image", 3),
            ("show_image", "handle", 3),
        ):
            told = await call(tool, **{key: name}, **({"mask": "box:0,0,1,1"} if key == "image" else {}))
            assert told.failed
            assert f"Number 3 of the newest call is {handles[2]}" in told.text, name
        beyond = await call("edit_image", images=["4"], prompt="Night")
        assert f"Give a handle, in their order: {', '.join(handles)}" in beyond.text
    assert len(made()) == 3


async def test_the_extension_of_a_filename_decides_the_format_and_the_file_says_what_it_is(
    connect: Hosts, made: Callable[[], list[dict[str, Any]]]
) -> None:
    asked: list[str] = []
    async with connect() as call:
        for name, output_format, came in (
            ("logo.png", "auto", "logo.png"),
            ("logo.PNG", "webp", "logo-2.png"),
            ("photo.jpg", "auto", "photo.jpg"),
            ("photo", "jpeg", "photo-2.jpg"),
            ("v1.2", "png", "v1.2.png"),
        ):
            told = await call(
                "generate_image", prompt="A fox", filename=name, output_format=output_format, **ANY_SIZE
            )
            assert not told.failed, told.text
            assert told.path.name == came
            asked += [note for note in told.fields["notes"] if "was asked for" in note]
    assert [entry["fields"]["output_format"] for entry in made()] == ["png", "png", "jpeg", "jpeg", "png"]
    assert asked == ["png was asked for, as the filename says, not webp."]


async def test_the_path_of_a_file_is_no_output_dir(connect: Hosts, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    async with connect() as call:
        for path in (taken, tmp_path / "logo.png"):
            refused = await call("generate_image", prompt="A fox", output_dir=str(path), **TEST)
            assert "it is the path of a file; give its folder as output_dir" in refused.text
            assert "Nothing was charged." in refused.text
        (tmp_path / "folder.png").mkdir()
        saved = await call("generate_image", prompt="A fox", output_dir=str(tmp_path / "folder.png"), **TEST)
    assert saved.path.parent.name == "folder.png"


async def test_an_edit_without_a_prompt_is_named_after_its_source(connect: Hosts, source: Path) -> None:
    async with connect() as call:
        made = await call("generate_image", prompt="A quiet harbour", **TEST)
        for name, stem in (
            ("last", "A-quiet-harbour"),
            (made.image["handle"], "A-quiet-harbour"),
            (str(source), "source-photo"),
        ):
            edited = await call("edit_image", images=[name], model="bria/remove-background", again=True)
            assert not edited.failed, edited.text
            assert edited.path.stem.startswith(stem), edited.text

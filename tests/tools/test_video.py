"""`generate_video`: planned, made from text or a picture, and known by its bytes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imagerouter_mcp.settings import Settings

Hosts = Callable[..., AbstractAsyncContextManager[Any]]
Journal = Callable[[], list[dict[str, Any]]]

LITE = "bytedance/seedance-1-lite"


async def test_a_video_of_the_asked_length_and_size_lies_on_disk(
    connect: Hosts, made: Journal, settings: Settings
) -> None:
    async with connect() as host:
        told = await host(
            "generate_video", prompt="A fox runs", model=LITE, seconds=3, size="640x640", filename="fox"
        )
    assert not told.failed, told.text
    (sent,) = made()
    assert sent["path"] == "/v1/openai/videos/generations"
    assert sent["content_type"].startswith("multipart/form-data")
    assert sent["fields"] == {
        "model": LITE,
        "prompt": "A fox runs",
        "size": "640x640",
        "seconds": "3",
        "response_format": "url",
    }
    video = told.image
    assert told.path == settings.output_dir / "fox.mp4"
    assert (video["media_type"], video["width"], video["height"]) == ("video/mp4", 640, 640)
    assert video["seconds"] == 3
    assert video["bytes"] == told.path.stat().st_size
    assert told.path.read_bytes()[4:8] == b"ftyp"
    assert told.fields["cost_usd"] > 0
    assert told.text.startswith(f"Made 1 video with {LITE} for $")
    assert "640×640 MP4, 3.0 s, " in told.text
    assert f"{video['handle']} finds it again with show_image" in told.text
    assert "source image" not in told.text
    assert told.previews == []
    assert [path.suffix for path in settings.output_dir.iterdir()] == [".mp4"], "nothing unfinished is left"


async def test_a_video_begins_with_the_picture(connect: Hosts, made: Journal, source: Path) -> None:
    async with connect() as host:
        told = await host("generate_video", prompt="It moves", images=str(source), model="ir/test-video")
        listed = (await host("list_images")).fields["images"]
    assert not told.failed, told.text
    (file,) = made()[0]["files"]
    assert (file["field"], file["width"]) == ("image[]", 256)
    assert told.image["seconds"] == 5
    assert listed[0]["sources"] == [str(source)]


async def test_a_video_that_takes_long_is_handed_off_and_collected_as_a_video(connect: Hosts) -> None:
    async with connect(wait_seconds=0.1) as host:
        handed_off = await host("generate_video", prompt="A fox runs", model="sandbox/video-slow-0.4")
        told = handed_off
        while "ask_again_seconds" in told.fields:
            told = await host("get_generation", generation=handed_off.fields["generation"])
    assert handed_off.fields["state"] in ("preparing", "queued", "working")
    assert told.image["media_type"] == "video/mp4"
    assert told.image["seconds"] > 0
    assert told.text.startswith("1 video, made")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"seconds": 7}, "The nearest length that it makes is 6, of 4, 6, 8."),
        ({"seconds": 61}, "Ask for 1 to 60 seconds."),
        ({"seconds": 0.5}, "Ask for 1 to 60 seconds."),
        ({"size": "640x640"}, "The nearest that it makes is "),
        (
            {"model": "google/gemini-2.5-flash"},
            "makes pictures, not videos. Nothing was charged. Call generate_image, or use ",
        ),
        ({"model": "nobody/nothing", "seconds": -1}, "'seconds'"),
        ({"prompt": ""}, "The prompt is empty. Nothing was charged. Say what to show, or what to change."),
        ({"images": ["/nowhere.png"]}, "/nowhere.png"),
    ],
)
async def test_what_a_video_model_cannot_do_is_refused_before_it_costs(
    connect: Hosts, made: Journal, arguments: dict[str, object], words: str
) -> None:
    wish: dict[str, object] = {"prompt": "A fox runs", "model": "google/veo-3.1-fast", **arguments}
    async with connect() as host:
        told = await host("generate_video", **wish)
    assert told.failed
    assert told.fields["error"]["charged"] == "no"
    assert words in told.text
    assert not made()


@pytest.mark.parametrize("tool", ["generate_image", "edit_image"])
async def test_a_video_model_makes_no_pictures(
    connect: Hosts, made: Journal, source: Path, tool: str
) -> None:
    images = {"images": [str(source)]} if tool == "edit_image" else {}
    async with connect() as host:
        told = await host(tool, prompt="A fox", model="openai/sora-2", **images)
    assert "openai/sora-2 makes videos, not pictures. Nothing was charged. Call generate_video" in told.text
    assert not made()


@pytest.mark.parametrize(
    ("arguments", "model"),
    [
        ({}, {LITE, "kling/kling-2.5-turbo-pro", "openai/sora-2"}),
        ({"seconds": 3}, {LITE}),
        ({"model": "cheapest"}, {LITE}),
        ({"aspect_ratio": "16:9", "model": "kling/kling-2.5-turbo-pro"}, {"kling/kling-2.5-turbo-pro"}),
    ],
)
async def test_a_model_is_chosen_that_makes_such_videos(
    connect: Hosts, made: Journal, arguments: dict[str, object], model: set[str]
) -> None:
    async with connect(model="test/test") as host:
        told = await host("generate_video", prompt="A fox runs", dry_run=True, **arguments)
    assert not told.failed, told.text
    assert told.fields["model"] in model
    assert "for a video" in told.text
    if "aspect_ratio" in arguments:
        assert told.fields["size"] == "1920x1080"
    assert not made()


async def test_the_persons_own_video_model_serves_calls_that_name_none(connect: Hosts) -> None:
    async with connect(video_model="ir/test-video", model="test/test") as host:
        own = await host("generate_video", prompt="A fox runs", dry_run=True)
        too_long = await host("generate_video", prompt="A fox runs", seconds=10, dry_run=True)
        picture = await host("generate_image", prompt="A fox", dry_run=True)
    assert own.fields["model"] == "ir/test-video"
    assert "IMAGEROUTER_VIDEO_MODEL" in own.fields["why"]
    assert too_long.fields["model"] != "ir/test-video"
    assert picture.fields["model"] == "test/test"


async def test_of_several_pictures_the_person_is_told_that_the_first_counts(
    connect: Hosts, made: Journal, source: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "other.png")
    async with connect() as host:
        told = await host(
            "generate_video",
            prompt="They move",
            images=[str(source), str(tmp_path / "other.png")],
            model="ir/test-video",
        )
    assert not told.failed, told.text
    assert len(made()[0]["files"]) == 2
    assert any("only the first of its source images" in note for note in told.fields["notes"])


async def test_a_video_that_cannot_be_fetched_is_recorded_and_fetched_later(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("generate_video", prompt="A fox runs", model="sandbox/video-url-404")
        (listed,) = (await host("list_images")).fields["images"]
        again = await host("generate_video", prompt="A fox runs", model="sandbox/video-url-503-once")
    assert told.fields["error"]["charged"] == "yes"
    assert listed["missing"]
    assert again.image["media_type"] == "video/mp4"

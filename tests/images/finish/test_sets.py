"""Each set, checked by reading its files back."""

import io
import json
import re

import pytest
from PIL import Image, ImageDraw

from support.finishing import alpha_at, finished
from support.hostile_pictures import saved

RED = (200, 30, 30)
DENSITIES = {"mdpi": 1, "hdpi": 1.5, "xhdpi": 2, "xxhdpi": 3, "xxxhdpi": 4}


def logo(ground: str) -> bytes:
    """Return a wide logo on a plain ground, or on a transparent one."""
    picture = Image.new("RGBA" if len(ground) > len("#336699") else "RGB", (400, 300), ground)
    ImageDraw.Draw(picture).rectangle((40, 100, 359, 199), RED)
    return saved(picture, "PNG")


CLEAR = logo("#33669900")
PLAIN = logo("#336699")
PHOTO = saved(Image.merge("RGB", [Image.radial_gradient("L").rotate(turn) for turn in (0, 20, 70)]), "PNG")


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


@pytest.mark.parametrize("source", [CLEAR, PLAIN, PHOTO], ids=["clear", "plain", "photo"])
def test_a_favicon_set_has_all_its_files_in_their_sizes(source: bytes) -> None:
    made, notes = finished(source, "favicon")
    assert list(made) == [
        "favicon.ico",
        "apple-touch-icon.png",
        "icon-192.png",
        "icon-512.png",
        "site.webmanifest",
    ]
    icon = Image.open(io.BytesIO(made["favicon.ico"]))
    assert icon.format == "ICO"
    assert icon.info["sizes"] == {(16, 16), (32, 32), (48, 48)}
    for name, side in (("apple-touch-icon.png", 180), ("icon-192.png", 192), ("icon-512.png", 512)):
        assert (opened(made[name]).format, opened(made[name]).size) == ("PNG", (side, side))
    assert opened(made["apple-touch-icon.png"]).mode == "RGB", "iOS shows transparency black"
    assert len(made["favicon.ico"]) < 20_000
    manifest = json.loads(made["site.webmanifest"])
    assert [(each["src"], each["sizes"], each["type"]) for each in manifest["icons"]] == [
        ("icon-192.png", "192x192", "image/png"),
        ("icon-512.png", "512x512", "image/png"),
    ]
    for name in re.findall(r'href="/([^"]+)"', notes[0]):
        assert name in made


def test_a_favicon_of_a_transparent_logo_is_transparent_and_shows_it_whole() -> None:
    made, _ = finished(CLEAR, "favicon")
    for name in ("favicon.ico", "icon-192.png", "icon-512.png"):
        picture = opened(made[name]).convert("RGBA")
        assert alpha_at(picture, (0, 0)) == 0
        assert alpha_at(picture, (picture.width // 2, picture.height // 2)) == 255
        box = picture.getchannel("A").getbbox()
        assert box is not None
        assert abs((box[2] - box[0]) / picture.width - 0.8) < 0.1
    assert opened(made["apple-touch-icon.png"]).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("source", [CLEAR, PLAIN, PHOTO], ids=["clear", "plain", "photo"])
def test_app_icons_have_all_densities_and_are_opaque_where_they_must_be(source: bytes) -> None:
    made, _ = finished(source, "app-icons")
    store = opened(made["ios/AppIcon.png"])
    assert (store.size, store.mode) == ((1024, 1024), "RGB"), "Apple refuses an alpha channel"
    contents = json.loads(made["ios/Contents.json"])
    assert [each["filename"] for each in contents["images"]] == ["AppIcon.png"]
    play = opened(made["android/play-store.png"])
    assert (play.size, play.mode) == ((512, 512), "RGB")
    for density, pixels in DENSITIES.items():
        folder = f"android/mipmap-{density}"
        assert opened(made[f"{folder}/ic_launcher.png"]).size == (48 * pixels, 48 * pixels)
        layer = opened(made[f"{folder}/ic_launcher_foreground.png"])
        assert (layer.size, layer.mode) == ((108 * pixels, 108 * pixels), "RGBA")
    assert b"@mipmap/ic_launcher_foreground" in made["android/mipmap-anydpi-v26/ic_launcher.xml"]
    values = made["android/values/ic_launcher_background.xml"].decode()
    assert {CLEAR: "#ffffff", PLAIN: "#336699"}.get(source, "#") in values
    assert len(made) == 2 + 2 * len(DENSITIES) + 3


@pytest.mark.parametrize("source", [CLEAR, PLAIN], ids=["clear", "plain"])
def test_a_logo_lies_whole_in_the_circle_that_every_mask_of_android_shows(source: bytes) -> None:
    made, _ = finished(source, "app-icons")
    for density in DENSITIES:
        layer = opened(made[f"android/mipmap-{density}/ic_launcher_foreground.png"])
        side = layer.width
        outside = Image.new("L", layer.size, 255)
        safe = 66 / 108 * side / 2 + 1
        ImageDraw.Draw(outside).ellipse(
            (side / 2 - safe, side / 2 - safe, side / 2 + safe, side / 2 + safe), 0
        )
        visible = Image.composite(layer.getchannel("A"), Image.new("L", layer.size), outside)
        assert visible.getextrema() == (0, 0), density
        box = layer.getchannel("A").getbbox()
        assert box is not None
        assert (box[2] - box[0]) / side > 0.5, "as large as fits"
        assert layer.getpixel((side // 2, side // 2)) == (*RED, 255)


def test_a_photo_fills_what_a_mask_of_android_shows() -> None:
    made, _ = finished(PHOTO, "app-icons")
    layer = opened(made["android/mipmap-mdpi/ic_launcher_foreground.png"])
    assert layer.getchannel("A").getextrema() == (255, 255)


@pytest.mark.parametrize("source", [CLEAR, PLAIN, PHOTO], ids=["clear", "plain", "photo"])
def test_social_pictures_have_their_sizes_and_few_kilobytes(source: bytes) -> None:
    made, _ = finished(source, "social")
    sizes = {"open-graph.jpg": (1200, 630), "x-card.jpg": (1200, 600), "story.jpg": (1080, 1920)}
    assert {name: opened(data).size for name, data in made.items()} == sizes
    assert all(opened(data).format == "JPEG" and len(data) < 1_000_000 for data in made.values())


def test_a_logo_is_whole_on_a_social_picture_and_its_ground_goes_on() -> None:
    made, _ = finished(PLAIN, "social")
    card = opened(made["open-graph.jpg"])
    ground, red = card.getpixel((0, 0)), card.getpixel((600, 315))
    assert ground == pytest.approx((0x33, 0x66, 0x99), abs=6)
    assert red == pytest.approx(RED, abs=12)
    assert card.getpixel((600 - 300, 315)) == pytest.approx(RED, abs=20), "its left end"
    assert card.getpixel((600 - 400, 315)) == pytest.approx(ground, abs=6)

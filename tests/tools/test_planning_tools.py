"""Right the first time: what is chosen, planned, compared and masked, seen from a host."""

import io
from base64 import b64decode
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw, ImageOps

from imagerouter_mcp.sandbox.service.accounts import KEY
from imagerouter_mcp.sandbox.service.serve import Sandbox

Journal = Callable[[], list[dict[str, Any]]]
Hosts = Callable[..., AbstractAsyncContextManager[Any]]


def generations(journal: Journal) -> list[dict[str, Any]]:
    return [entry for entry in journal() if "/openai/" in entry["path"]]


async def test_a_hero_picture_cheap_is_right_in_one_call(connect: Hosts, journal: Journal) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="a hero", aspect_ratio="16:9", model="cheapest")
    assert (told.image["width"], told.image["height"]) == (1344, 768)
    assert "it is the cheapest that makes pictures from text" in told.text
    assert "was asked for 1344x768, its nearest to 16:9." in told.text
    assert told.fields["estimate_usd"]["likely"] <= 0.001
    assert generations(journal)[0]["fields"]["size"] == "1344x768"


async def test_a_dry_run_tells_model_and_price_and_sends_nothing(connect: Hosts, journal: Journal) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="a fox", dry_run=True, n=3)
    assert told.fields["dry_run"] is True
    assert told.fields["model"] == "google/gemini-2.5-flash"
    assert told.fields["estimate_usd"]["likely"] == pytest.approx(3 * 0.039)
    assert "Nothing was sent." in told.text
    assert generations(journal) == []


async def test_a_dry_run_needs_no_key(connect: Hosts) -> None:
    async with connect(api_key=None) as host:
        assert not (await host("generate_image", prompt="a fox", dry_run=True)).failed


async def test_several_pictures_are_several_requests_files_and_handles_on_one_sheet(
    connect: Hosts, journal: Journal
) -> None:
    async with connect() as host:
        told = await host("generate_image", prompt="a fox", n=4)
    images = told.fields["images"]
    assert len(generations(journal)) == 4
    assert len({image["handle"] for image in images}) == len({image["path"] for image in images}) == 4
    assert all(Path(image["path"]).is_file() for image in images)  # noqa: ASYNC240 - a test may wait
    assert told.fields["cost_usd"] == pytest.approx(sum(image["cost_usd"] for image in images))
    (sheet,) = told.previews
    assert len(sheet.data) <= 60_000
    with Image.open(io.BytesIO(b64decode(sheet.data))) as picture:
        assert min(picture.size) > 500


async def test_pictures_that_the_balance_does_not_cover_at_once_are_made_one_after_the_other(
    connect: Hosts, sandbox: Sandbox, journal: Journal, change_sandbox: Callable[..., None]
) -> None:
    change_sandbox(latency_seconds=0.2)  # side by side, the second would begin before the first is paid
    account = sandbox.app.state.sandbox.accounts.authorize(f"Bearer {KEY}")
    account.used = account.deposits - 750  # leaves $0.075, which covers one at a time
    async with connect() as host:
        told = await host("generate_image", prompt="a fox", model="google/gemini-2.5-flash", n=2)
    assert "one after the other: to begin all at once, the account needs $0.078" in told.text
    assert len(told.fields["images"]) == 2, "what the balance covers in turn is made"
    assert len(generations(journal)) == 2


async def test_the_failure_of_some_is_told_beside_the_successes(connect: Hosts) -> None:
    models = ["google/gemini-2.5-flash", "sandbox/moderated", "sandbox/no-credits"]
    async with connect() as host:
        told = await host("compare_models", prompt="a logo", models=models)
    assert not told.failed
    assert told.image["handle"]
    assert "Made 1 of 3 pictures" in told.text
    assert len(told.fields["failures"]) == 2
    assert all(failure.split(":")[0] in models for failure in told.fields["failures"])


async def test_when_all_fail_the_failure_that_may_have_cost_money_is_told(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("compare_models", prompt="a logo", models=["sandbox/moderated", "sandbox/garbage"])
    assert told.failed
    assert told.fields["error"]["charged"] == "unknown"


async def test_four_models_under_twenty_cents_are_compared_in_one_call(
    connect: Hosts, journal: Journal
) -> None:
    models = [
        "google/gemini-2.5-flash",
        "bytedance/seedream-4.5",
        "black-forest-labs/FLUX-2-klein-4b",
        "qwen/qwen-image-2512",
    ]
    async with connect() as host:
        told = await host("compare_models", prompt="a logo", models=models, max_cost_usd=0.2)
    assert [image["model"] for image in told.fields["images"]] == models
    assert told.fields["cost_usd"] < 0.2
    assert len(told.previews) == 1
    assert sorted(entry["fields"]["model"] for entry in generations(journal)) == sorted(models)


async def test_a_comparison_that_may_cost_too_much_is_refused_with_the_numbers(
    connect: Hosts, journal: Journal
) -> None:
    models = ["openai/gpt-image-1.5", "google/gemini-2.5-flash"]
    async with connect() as host:
        told = await host("compare_models", prompt="a logo", models=models, max_cost_usd=0.2)
    assert told.fields["error"]["kind"] == "budget"
    assert "up to $0.239, more than the $0.20 allowed" in told.text
    assert generations(journal) == []


@pytest.mark.parametrize("models", [["a/b"], ["a/b", "a/b"], [f"a/{n}" for n in range(7)]])
async def test_a_comparison_takes_two_to_six_different_models(connect: Hosts, models: list[str]) -> None:
    async with connect() as host:
        assert "2 to 6 different models" in (await host("compare_models", prompt="x", models=models)).text


@pytest.mark.parametrize("other", ["google/gemini-2.5-flash-image", "auto"])
async def test_one_model_under_two_names_is_not_compared_with_itself(
    connect: Hosts, journal: Journal, other: str
) -> None:
    models = ["google/gemini-2.5-flash", "test/test", other]
    async with connect(model="google/gemini-2.5-flash") as host:
        told = await host("compare_models", prompt="a logo", models=models)
    assert told.fields["error"]["kind"] == "plan"
    assert f"{other!r} name the same model, google/gemini-2.5-flash." in told.text
    assert generations(journal) == []


async def test_a_model_is_compared_by_another_of_its_names(connect: Hosts) -> None:
    models = ["google/gemini-2.5-flash-image", "test/test"]
    async with connect() as host:
        told = await host("compare_models", prompt="a logo", models=models, preview="none")
    assert [image["model"] for image in told.fields["images"]] == ["google/gemini-2.5-flash", "test/test"]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A plain picture of 200×100 pixels."""
    path = tmp_path / "photo.png"
    Image.new("RGB", (200, 100), (40, 120, 200)).save(path)
    return path


async def test_the_upper_half_alone_changes_where_a_box_says_so(connect: Hosts, photo: Path) -> None:
    async with connect() as host:
        told = await host(
            "edit_image",
            images=[str(photo)],
            prompt="a stormy sky",
            mask="box:0,0,100%,50%",
            output_format="png",
        )
    assert "Outside the mask every pixel is the source's" in told.text
    with Image.open(told.path) as picture:
        after = picture.convert("RGB")
    assert after.getpixel((after.width // 2, after.height * 4 // 5)) == (40, 120, 200)
    assert after.getpixel((after.width // 2, after.height // 5)) != (40, 120, 200)


async def test_a_mask_can_be_looked_at_for_nothing(connect: Hosts, photo: Path, journal: Journal) -> None:
    async with connect() as host:
        told = await host("preview_mask", image=str(photo), mask="outside:box:0,0,50%,50%")
    assert told.fields["changed_percent"] == 75
    assert "The whole picture would be sent." in told.text
    with Image.open(io.BytesIO(b64decode(told.previews[0].data))) as picture:
        inside, outside = picture.getpixel((150, 20)), picture.getpixel((40, 20))
    assert isinstance(inside, tuple)
    assert isinstance(outside, tuple)
    assert inside[0] > outside[0] + 60
    assert generations(journal) == []


async def test_what_a_masked_edit_would_send_is_told_in_both(connect: Hosts, tmp_path: Path) -> None:
    Image.new("RGB", (2000, 1000), "teal").save(tmp_path / "large.png")
    async with connect() as host:
        told = await host("preview_mask", image=str(tmp_path / "large.png"), mask="box:900,450,100,100")
    left, top, width, height = told.fields["sent_box"]
    assert left <= 900
    assert 1000 <= left + width < 2000
    assert top <= 450
    assert 550 <= top + height <= 1000
    assert f"Only what is inside the frame would be sent, about {width}×{height}." in told.text


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        ("box:1,2,3", "four values"),
        ("box:500,500,10,10", "no pixel of the picture"),
        ("box:0,0,100%,100%", "whole picture"),
        ("alpha", "has none"),
        ("top half", "Give box:x,y,width,height"),
    ],
)
async def test_a_mask_that_makes_no_sense_is_refused_before_anything_is_sent(
    connect: Hosts, photo: Path, journal: Journal, mask: str, words: str
) -> None:
    async with connect() as host:
        told = await host("edit_image", images=[str(photo)], prompt="x", mask=mask, model="test/test")
    assert words in told.text
    assert generations(journal) == []


async def test_no_mask_cannot_be_looked_at(connect: Hosts, photo: Path) -> None:
    async with connect() as host:
        told = await host("preview_mask", image=str(photo), mask="")
    assert told.text.startswith("There is no mask.")


async def test_taking_a_background_out_is_right_in_two_calls(connect: Hosts, photo: Path) -> None:
    async with connect() as host:
        found = await host("search_models", query="take the background out")
        model = found.fields["models"][0]["id"]
        told = await host("edit_image", images=[str(photo)], model=model)
    assert model == "bria/remove-background"
    assert told.image["media_type"] == "image/png"


async def test_one_call_finds_the_cheapest_that_edits_with_a_mask_at_a_size(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("search_models", supports=["mask"], size="1536x1024", sort="price", limit=1)
    (model,) = told.fields["models"]
    assert "mask" in model["takes"]
    assert told.fields["total"] > 1


async def test_one_model_is_told_in_full_with_providers_and_alternatives(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("describe_model", model="google/gemini-2.5-flash")
        wrong = await host("describe_model", model="google/gemeni-2.5-flash")
    assert told.fields["model"]["providers"][0] == {
        "id": "gemini",
        "price_usd": {"low": 0.035, "likely": 0.035, "high": 0.035},
    }
    assert len(told.fields["model"]["sizes"]) == 10
    alternatives = [model["id"] for model in told.fields["alternatives"]]
    assert len(alternatives) == 3
    assert "google/gemini-2.5-flash" not in alternatives
    assert all(f"{model} (" in told.text for model in alternatives)
    assert "google/gemini-2.5-flash" in wrong.text


async def test_a_special_model_says_what_it_does_and_whether_it_uses_the_prompt(connect: Hosts) -> None:
    async with connect() as host:
        told = await host("describe_model", model="bria/remove-background")
        plain = await host("describe_model", model="google/gemini-2.5-flash")
    assert told.fields["model"]["does"] in told.text
    assert told.fields["model"]["uses_prompt"] is False
    assert "uses no prompt" in told.text
    assert "does" not in plain.fields["model"]


async def test_what_the_service_makes_otherwise_than_asked_is_said(connect: Hosts) -> None:
    async with connect() as host:
        told = await host(
            "generate_image", prompt="x", model="midjourney/midjourney", aspect_ratio="3:2", preview="none"
        )
    assert f"was asked for; midjourney/midjourney made {told.image['width']}x" in told.text


PHOTO = Image.radial_gradient("L").resize((160, 120)).convert("RGB")  # pyright: ignore[reportUnknownMemberType] - Pillow's annotation names NumPy
ImageDraw.Draw(PHOTO).rectangle((0, 0, 60, 40), (200, 30, 30))
SECRET = b"GPS-48.2082-SECRET"


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401 - Pillow's own
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def turned_phone_photo() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, SECRET.decode()
    return saved(PHOTO.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)


def transparent() -> Image.Image:
    layer = PHOTO.convert("RGBA")
    layer.putalpha(Image.linear_gradient("L").resize(PHOTO.size))  # pyright: ignore[reportUnknownMemberType] - as above
    return layer


def sixteen_bits() -> Image.Image:
    grey = PHOTO.convert("L").tobytes()
    return Image.frombytes("I;16", PHOTO.size, b"".join(bytes((level, level)) for level in grey))


FRAMES: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", PHOTO.size)]}
SOURCES: dict[str, tuple[bytes, str]] = {
    "a phone's JPEG, on its side, with its place": (turned_phone_photo(), "image/jpeg"),
    "a screenshot": (saved(PHOTO, "PNG"), "image/png"),
    "a transparent logo": (saved(transparent(), "PNG"), "image/png"),
    "a scan": (saved(PHOTO, "TIFF", compression="tiff_lzw"), "image/png"),
    "a scan of two pages": (saved(PHOTO, "TIFF", **FRAMES), "image/png"),
    "an animated GIF": (saved(PHOTO, "GIF", **FRAMES), "image/png"),
    "an animated WebP": (saved(PHOTO, "WEBP", quality=95, **FRAMES), "image/png"),
    "an animated PNG": (saved(PHOTO, "PNG", **FRAMES), "image/png"),
    "a WebP": (saved(PHOTO, "WEBP", quality=95), "image/webp"),
    "a WebP with transparency": (saved(transparent(), "WEBP", lossless=True), "image/webp"),
    "an AVIF": (saved(PHOTO, "AVIF", quality=95), "image/png"),
    "a print file in CMYK": (saved(PHOTO.convert("CMYK"), "JPEG", quality=95), "image/jpeg"),
    "a scan in CMYK": (saved(PHOTO.convert("CMYK"), "TIFF"), "image/png"),
    "a progressive JPEG": (saved(PHOTO, "JPEG", quality=95, progressive=True), "image/jpeg"),
    "a grey JPEG": (saved(PHOTO.convert("L"), "JPEG", quality=95), "image/jpeg"),
    "a palette PNG": (saved(PHOTO.quantize(256), "PNG"), "image/png"),
    "16 bits a pixel": (saved(sixteen_bits(), "PNG"), "image/png"),
    "a BMP": (saved(PHOTO, "BMP"), "image/png"),
    "a JPEG with more behind it": (saved(PHOTO, "JPEG", quality=95) + b"PK\3\4" + SECRET, "image/jpeg"),
    "a PNG with more behind it": (saved(PHOTO, "PNG") + SECRET, "image/png"),
}


@pytest.mark.parametrize("name", SOURCES)
async def test_what_a_person_has_arrives_as_what_it_shows(
    connect: Hosts, sandbox: Sandbox, journal: Journal, tmp_path: Path, name: str
) -> None:
    data, media_type = SOURCES[name]
    path = tmp_path / "source"
    path.write_bytes(data)
    async with connect() as host:
        told = await host("edit_image", images=[str(path)], prompt="x", model="test/test", preview="none")
    assert not told.failed, told.text
    (sent,) = generations(journal)[0]["files"]
    assert sent["content_type"] == media_type
    async with httpx.AsyncClient() as http:
        arrived = (await http.get(f"{sandbox.base_url}/sandbox/uploads/{sent['sha256']}")).content
    assert SECRET not in arrived
    with Image.open(io.BytesIO(arrived)) as picture:
        assert getattr(picture, "n_frames", 1) == 1
        assert picture.getexif().keys() <= {0x0112}, "the orientation alone"
        assert difference(ImageOps.exif_transpose(picture), name) < 12


def difference(picture: Image.Image, name: str) -> float:
    """The mean difference from what the source shows, in levels of a channel."""
    mode = "L" if name in ("a grey JPEG", "16 bits a pixel") else "RGB"
    assert picture.size == PHOTO.size
    shown, wanted = picture.convert(mode).tobytes(), PHOTO.convert(mode).tobytes()
    return sum(abs(a - b) for a, b in zip(shown, wanted, strict=True)) / len(wanted)


async def test_a_panorama_is_scaled_down_and_that_is_said(
    connect: Hosts, journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "panorama.png"
    Image.effect_noise((9600, 400), 90).save(path, "PNG", compress_level=1)
    async with connect() as host:
        told = await host("edit_image", images=[str(path)], prompt="x", model="test/test", preview="none")
    (sent,) = generations(journal)[0]["files"]
    assert max(sent["width"], sent["height"]) <= 8192
    assert any("9600×400" in note for note in told.fields["notes"])


async def test_a_photo_that_cannot_be_converted_here_is_refused_with_what_to_do(
    connect: Hosts, journal: Journal, tmp_path: Path
) -> None:
    path = tmp_path / "phone.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64))
    async with connect() as host:
        told = await host("edit_image", images=[str(path)], prompt="x", model="test/test")
    assert told.failed
    assert "Nothing was charged." in told.text
    assert generations(journal) == []


async def test_a_model_that_the_service_does_not_know_is_told_with_the_setting_that_names_it(
    connect: Hosts,
) -> None:
    async with connect(model="nosuch/model", edit_model="nosuch/other") as host:
        made = await host("generate_image", prompt="a fox")
        named = await host("generate_image", prompt="a fox", model="nosuch/model")
    assert "The person's IMAGEROUTER_MODEL names it: have that corrected." in made.text
    assert "IMAGEROUTER" not in named.text


@pytest.mark.parametrize("dry_run", [True, False])
async def test_where_an_alias_was_given_the_answer_says_once_which_model_it_means(
    connect: Hosts,
    dry_run: bool,  # noqa: FBT001 - a table's column
) -> None:
    async with connect() as host:
        told = await host(
            "generate_image", prompt="a fox", model="gemini-2.5-flash-image", n=2, dry_run=dry_run
        )
    assert told.text.count("gemini-2.5-flash-image is google/gemini-2.5-flash.") == 1
    assert told.fields["model"] == "google/gemini-2.5-flash"

"""Edits, told from their source by the pixel."""

from collections.abc import Callable

import httpx
import pytest
from PIL import Image, ImageChops

from imagerouter_mcp.sandbox.pictures.edits import print_boxes
from imagerouter_mcp.sandbox.pictures.encoding import resized

Encode = Callable[[Image.Image], bytes]
OpenResult = Callable[..., Image.Image]
REGION = (40, 80, 200, 240)
OUTSIDE = ((0, 0, 256, 80), (0, 240, 256, 256), (0, 80, 40, 240), (200, 80, 256, 240))


def _edit(client: httpx.Client, model: str, *files: tuple[str, bytes], size: str = "auto") -> httpx.Response:
    fields = {"model": model, "prompt": "make it blue", "size": size, "output_format": "png"}
    parts = [(name, (f"{name}.png", data, "image/png")) for name, data in files]
    return client.post("/v1/openai/images/edits", data=fields, files=parts)


def _unchanged(one: Image.Image, other: Image.Image) -> int:
    """How many pixels are the same in both."""
    red, green, blue = ImageChops.difference(one, other).split()
    return ImageChops.lighter(ImageChops.lighter(red, green), blue).histogram()[0]


def _white_mask() -> Image.Image:
    mask = Image.new("L", (256, 256), 0)
    mask.paste(255, REGION)
    return mask


@pytest.mark.parametrize(
    ("model", "mask", "size"),
    [
        ("black-forest-labs/FLUX-1-schnell", _white_mask(), "auto"),
    ],
)
def test_only_the_region_of_the_mask_is_edited(  # noqa: PLR0917 - one case, and its fixtures
    client: httpx.Client,
    open_result: OpenResult,
    photo: Image.Image,
    png: Encode,
    model: str,
    mask: Image.Image,
    size: str,
) -> None:
    answer = _edit(client, model, ("image[]", png(photo)), ("mask[]", png(mask)), size=size)

    result = open_result(answer).convert("RGB")
    assert result.size == photo.size
    for box in OUTSIDE:
        assert ImageChops.difference(result.crop(box), photo.crop(box)).getbbox() is None
    assert _unchanged(result.crop(REGION), photo.crop(REGION)) < 0.02 * 160 * 160


def test_without_a_mask_the_whole_picture_changes(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    answer = _edit(client, "qwen/qwen-image-edit-2511", ("image", png(photo)), size="512x384")

    result = open_result(answer).convert("RGB")
    assert result.size == (512, 384)
    assert _unchanged(result, resized(photo, (512, 384))) < 0.02 * 512 * 384


@pytest.mark.parametrize("count", [2, 3, 16])
def test_every_further_source_hangs_in_the_picture(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode, count: int
) -> None:
    colours = [(12 + 9 * n, 200 - 7 * n, 34 + 11 * n) for n in range(count - 1)]
    others = [("image[]", png(Image.new("RGB", (90, 90), colour))) for colour in colours]

    answer = _edit(client, "qwen/qwen-image-edit-2511", ("image[]", png(photo)), *others, size="640x384")

    result = open_result(answer).convert("RGB")
    for (left, top, right, bottom), colour in zip(
        print_boxes((0, 0, 640, 384), count - 1), colours, strict=True
    ):
        assert result.getpixel(((left + right) // 2, (top + bottom) // 2)) == colour


def test_an_edit_is_asked_for_again_and_comes_out_differently(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    one, other = (
        open_result(_edit(client, "qwen/qwen-image-edit-2511", ("image", png(photo)))) for _ in range(2)
    )

    assert ImageChops.difference(one, other).getbbox() is not None


def test_edits_without_sources_draw_from_text(client: httpx.Client, open_result: OpenResult) -> None:
    answer = client.post(
        "/v1/openai/images/edits",
        data={"model": "qwen/qwen-image", "prompt": "a fox", "size": "128x128"},
        files={"nothing": (None, "")},
    )

    assert open_result(answer).size == (128, 128)


def test_an_upscaler_doubles_the_size(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    answer = _edit(client, "stabilityai/latent-2x", ("image", png(photo)))

    assert open_result(answer).size == (512, 512)


def test_background_removal_answers_transparency(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    result = open_result(_edit(client, "bria/remove-background", ("image", png(photo))))

    assert result.format == "PNG"
    assert result.getchannel("A").getextrema() == (0, 255)


def test_a_layered_model_answers_one_tiff_with_a_page_for_each_layer(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    result = open_result(_edit(client, "qwen/qwen-image-layered", ("image", png(photo))))

    assert (result.format, result.mode, getattr(result, "n_frames", 1)) == ("TIFF", "RGBA", 3)


def test_a_model_may_return_its_source_stretched(
    client: httpx.Client, open_result: OpenResult, photo: Image.Image, png: Encode
) -> None:
    result = open_result(_edit(client, "onomaai/illustrious-xl", ("image", png(photo)), size="384x256"))

    assert ImageChops.difference(result.convert("RGB"), resized(photo, (384, 256))).getbbox() is None


def test_vectorising_answers_svg(client: httpx.Client, photo: Image.Image, png: Encode) -> None:
    answer = _edit(client, "recraft-ai/recraft-vectorize", ("image", png(photo)))

    assert client.get(answer.json()["data"][0]["url"]).content.startswith(b"<svg")


def test_a_source_that_is_no_picture_is_the_providers_error(client: httpx.Client) -> None:
    answer = _edit(client, "qwen/qwen-image-edit-2511", ("image", b"not a picture"))

    assert answer.status_code == 200
    assert answer.json()["error"]["message"].startswith("Invalid image")


def test_a_mask_for_a_model_without_inpainting_is_an_error(
    client: httpx.Client, photo: Image.Image, png: Encode
) -> None:
    answer = _edit(client, "google/gemini-2.5-flash", ("image", png(photo)), ("mask", png(photo)))

    assert answer.json()["error"]["message"] == "Mask editing is not supported for this model"

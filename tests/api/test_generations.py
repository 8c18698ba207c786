"""Pictures and videos from text: what arrives at the service, and what comes back.

Not tested: what a failed or abandoned generation costs, which the service decides.
"""

import base64
import io
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from imagerouter_mcp import __version__, errors
from imagerouter_mcp.settings import Settings
from support.service_endpoints import GENERATIONS, PROMPT, Answering, Journal, answer, client, picture, upload


async def test_a_request_arrives_as_json_under_the_names_of_the_api(
    settings: Settings, journal: Journal
) -> None:
    fields = {
        "model": "test/test",
        "prompt": PROMPT,
        "size": "512x256",
        "quality": "low",
        "output_format": "png",
        "response_format": "b64_json",
    }
    async with client(settings) as api:
        await api.generate(fields)
    (entry,) = journal()
    assert (entry["method"], entry["path"]) == ("POST", GENERATIONS)
    assert entry["content_type"] == "application/json"
    assert entry["fields"] == fields
    assert entry["authorized"]
    assert entry["user_agent"] == f"imagerouter-mcp/{__version__}"


async def test_a_success_is_a_picture_with_its_cost_and_latency(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "black-forest-labs/FLUX-1-schnell", "prompt": "a fox"})
    (item,) = made.items
    assert item.url
    assert item.url.startswith(f"{settings.base_url}/files/")
    assert item.b64_json is None
    assert item.revised_prompt is None
    assert made.cost == Decimal("0.0013")
    assert made.latency is not None
    assert 0 <= made.latency < 10_000
    assert made.sandbox


async def test_a_call_without_a_time_limit_of_the_person_s_has_one(settings: Settings) -> None:
    async with client(settings, timeout=None) as api:
        assert (await api.generate({"model": "test/test", "prompt": "a fox"})).items
    async with client(settings, timeout=0.3) as api:
        with pytest.raises(errors.OutcomeUnknownError, match=r"no answer came within 0\.3 seconds"):
            await api.generate({"model": "sandbox/held", "prompt": "a fox"})


async def test_the_key_is_removed_from_an_answer_that_stays(settings: Settings, tmp_path: Path) -> None:
    kept = tmp_path / "gen_7f3a.answer"
    assert settings.key
    kept.write_text(f'{{"status": 200, "headers": {{}}}}\n{{"you": "{settings.key.get_secret_value()}"}}')
    async with client(settings) as api:
        api.clean_kept(kept)
    assert settings.key.get_secret_value() not in kept.read_text()
    assert '"you"' in kept.read_text()


async def test_a_revised_prompt_is_handed_on(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "openai/dall-e-3", "prompt": "a fox"})
    assert made.items[0].revised_prompt == "a fox (revised)"


@pytest.mark.parametrize("response_format", ["b64_json", "b64_ephemeral"])
async def test_a_picture_can_come_within_the_answer(settings: Settings, response_format: str) -> None:
    fields = {"model": "test/test", "prompt": "a fox", "size": "64x48", "response_format": response_format}
    async with client(settings) as api:
        made = await api.generate(fields)
    (item,) = made.items
    assert item.url is None
    assert item.b64_json
    with Image.open(io.BytesIO(base64.b64decode(item.b64_json, validate=True))) as seen:
        assert seen.size == (64, 48)


async def test_a_data_prefix_is_handed_on_with_its_base64(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "sandbox/data-prefix", "prompt": "a fox"})
    assert (made.items[0].b64_json or "").startswith("data:image/webp;base64,")


async def test_a_model_may_answer_several_pictures(settings: Settings) -> None:
    async with client(settings) as api:
        made = await api.generate({"model": "sandbox/three-pictures", "prompt": "a fox"})
    assert len({item.url for item in made.items}) == 3


async def test_an_alias_is_the_service_s_matter(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        assert (await api.generate({"model": "google/gemini-2.5-flash-image", "prompt": "a fox"})).items
    assert journal()[0]["fields"]["model"] == "google/gemini-2.5-flash-image"


@pytest.mark.parametrize("model", ["sandbox/empty-data", "sandbox/no-url"])
async def test_a_success_without_a_picture_costs_what_it_says(settings: Settings, model: str) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.UnexpectedResponseError, match="without a picture") as caught:
            await api.generate({"model": model, "prompt": "a fox"})
    assert caught.value.charged == "yes"


@pytest.mark.parametrize("body", ["[]", "null", '"made"', "{}", '{"data": {}}', '{"data": [null, 7, "x"]}'])
async def test_a_success_of_another_shape_may_have_cost_something(
    answering: Answering, settings: Settings, body: str
) -> None:
    async with client(settings, base_url=await answering(answer(body))) as api:
        with pytest.raises(errors.UnexpectedResponseError) as caught:
            await api.generate({"model": "test/test"})
    assert caught.value.charged == "unknown"


ODD_FIELDS = [
    '"created": 1e400',
    '"created": NaN',
    '"cost": "free", "latency": "long"',
    '"cost": Infinity, "latency": {}',
    '"cost": [], "latency": null',
    '"items": 3, "sandbox": true, "created": []',
]


@pytest.mark.parametrize("odd", ODD_FIELDS)
async def test_no_odd_field_loses_a_picture_that_is_paid_for(
    answering: Answering, settings: Settings, odd: str
) -> None:
    body = (
        f'{{{odd}, "data": [{{"url": "https://x.invalid/y.webp", "revised_prompt": 7}}, {{"url": 5}}, null]}}'
    )
    async with client(settings, base_url=await answering(answer(body))) as api:
        made = await api.generate({"model": "test/test"})
    assert [(item.url, item.revised_prompt) for item in made.items] == [("https://x.invalid/y.webp", None)]
    assert (made.cost, made.sandbox) == (None, False)


async def test_an_amount_keeps_its_decimals(answering: Answering, settings: Settings) -> None:
    body = '{"data": [{"url": "https://x.invalid/y"}], "cost": 0.1, "latency": 12.5}'
    async with client(settings, base_url=await answering(answer(body))) as api:
        made = await api.generate({"model": "test/test"})
    assert (made.cost, made.latency) == (Decimal("0.1"), 12.5)


REPEATABLE = [
    "rate-limited-once",
    "status-500",
    "html-502",
    "html-504",
    "late-error",
    "cut",
    "garbage",
    "no-url",
]


@pytest.mark.parametrize("fault", REPEATABLE)
async def test_a_paid_call_is_never_sent_twice(settings: Settings, journal: Journal, fault: str) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.ImageRouterError):
            await api.generate({"model": f"sandbox/{fault}", "prompt": "a fox"})
    assert len(journal()) == 1


async def test_an_edit_is_never_sent_twice(settings: Settings, journal: Journal) -> None:
    async with client(settings) as api:
        with pytest.raises(errors.OutcomeUnknownError):
            await api.edit({"model": "sandbox/cut", "prompt": "a fox"}, [upload(picture())])
    assert len(journal()) == 1


async def test_every_way_of_making_passes_the_signs_of_life_on(settings: Settings) -> None:
    beats: list[str] = []

    async def beat() -> None:
        beats.append(now)

    fields = {"model": "sandbox/slow-0.2", "prompt": "a fox"}
    async with client(settings) as api:
        now = "generate"
        await api.generate(fields, beat)
        now = "edit"
        await api.edit(fields, [upload(picture())], heartbeat=beat)
        now = "video"
        await api.generate_video({**fields, "model": "sandbox/video-slow-0.2"}, heartbeat=beat)
    assert set(beats) == {"generate", "edit", "video"}


async def test_a_video_is_asked_for_at_its_own_address(settings: Settings, journal: Journal) -> None:
    data = picture()
    async with client(settings) as api:
        made = await api.generate_video(
            {"model": "ir/test-video", "prompt": PROMPT, "seconds": "5"}, [upload(data)]
        )
        with pytest.raises(errors.InvalidRequestError, match="is an image model"):
            await api.generate_video({"model": "test/test", "prompt": "a fox"})
    entry = journal()[0]
    assert (made.items[0].url or "").endswith(".mp4")
    assert entry["path"] == "/v1/openai/videos/generations"
    assert entry["fields"] == {"model": "ir/test-video", "prompt": PROMPT, "seconds": "5"}
    assert [(file["field"], file["sha256"]) for file in entry["files"]] == [
        ("image[]", sha256(data).hexdigest())
    ]


async def test_an_answer_is_kept_on_disk_and_read_again_as_it_came(
    settings: Settings, tmp_path: Path
) -> None:
    kept = tmp_path / "arriving" / "gen_7f3a.answer"
    async with client(settings) as api:
        made = await api.generate({"model": "test/test", "prompt": PROMPT}, kept=kept)
        again = api.kept_answer(kept)
    assert made.items
    assert again == made


async def test_a_429_closes_the_way_for_the_calls_that_follow(settings: Settings) -> None:
    async with client(settings) as api:
        assert api.rate_limit.pause() == 0
        with pytest.raises(errors.RateLimitError):
            await api.generate({"model": "sandbox/rate-limited", "prompt": PROMPT})
        assert 0 < api.rate_limit.pause() <= 1

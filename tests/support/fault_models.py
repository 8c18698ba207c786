"""Models that fail on purpose; each behaves as a real one until the moment that its name tells.

They are not in the model list unless `PUT /sandbox/settings` says `{"models": "with-faults"}`. Each takes
source images and a mask, and costs 0.01 USD. `sandbox/video-…` are the same faults as models that make
videos. "Charged" marks those where the money stays spent although no result arrives.

| `sandbox/…` | what happens |
|---|---|
| `slow-N` | takes N seconds (any number, such as `slow-0.5`), with heartbeats |
| `held` | takes until `PUT /sandbox/settings` says `{"held": false}`, with heartbeats |
| `status-500` | status 500, JSON error |
| `html-502` | status 502, a gateway's HTML page |
| `html-504` | status 504, a gateway's HTML page; charged |
| `json-504` | status 504, JSON without the service's error object; charged |
| `rate-limited` | status 429 always |
| `rate-limited-untimed` | status 429 always, without saying how long to wait |
| `rate-limited-once` | status 429 the first time since the journal was last cleared, then works |
| `access-denied` | status 403, `access_denied` |
| `deposit-required` | status 403, `deposit_required` |
| `moderated` | status 200, an error: the prompt was refused |
| `no-credits` | status 200, an error: insufficient credits |
| `provider-error` | status 200, an error with the provider's `status` and `statusText` beside it |
| `provider-429` | status 200, an error with the provider's 429 beside it |
| `late-error` | status 200, two heartbeats, then an error |
| `charged-error` | status 200, an error and its `cost`; charged |
| `charged-429` | the same, with words that read like a rate limit; charged |
| `postlog` | status 200, an error: the charge could not be booked; the highest price, 0.05 USD, is kept |
| `refund-failure` | status 200, an error: the charge could not be given back; charged |
| `dear` | works, and costs 0.03 USD, three times the listed price |
| `three-pictures` | works, with three pictures in one answer, and costs 0.03 USD |
| `stalled` | the request is read, and nothing ever comes; charged |
| `stalled-after-heartbeats` | status 200, two heartbeats, then nothing ever again; charged |
| `vanished` | the request is read, and the connection closed without an answer; charged |
| `cut` | status 200, half of the JSON, then the connection is cut; charged |
| `garbage` | status 200, something that is not JSON; charged |
| `huge-b64` | always `b64_json`, 192 MiB of it |
| `empty-data` | a success whose `data` is empty; charged |
| `no-url` | a success whose item has neither `url` nor `b64_json`; charged |
| `data-prefix` | always base64, beginning with `data:image/…;base64,` |
| `bad-base64` | always `b64_json`, and it is none |
| `public-link` | always a `url`, whatever the `response_format` |
| `wrong-type` | JPEG bytes, whatever the `output_format` |
| `truncated-image` | a complete body whose PNG is cut in half |
| `bomb` | a PNG header that claims 60000x60000 pixels |
| `svg` | a harmless SVG |
| `svg-external` | an SVG with entities, a script and references to the outside |
| `avif` | AVIF |
| `gif` | an animated GIF |
| `animated-webp` | an animated WebP |
| `png16` | a grey PNG of 16 bits |
| `png-palette` | a PNG with a palette and transparency |
| `jpeg-cmyk` | a JPEG in CMYK |
| `jpeg-rotated` | a JPEG that lies on its side, set upright by its EXIF orientation |
| `mp4` | a video from an image model |
| `noise` | random pixels as an uncompressed PNG: 50 MB at 4096x4096 |
| `url-404` | always a `url`, where nothing is |
| `url-503-once` | always a `url`, which answers 503 the first time |
| `url-redirect` | always a `url`, which redirects (302) to the file |
| `url-redirect-loop` | always a `url`, which redirects to itself |
| `url-slow` | always a `url`, whose body drips |
| `url-endless` | always a `url`, whose body never ends |
| `url-truncated` | always a `url`, cut in the middle of a body of known length |
| `url-html` | always a `url` to an HTML page called `image/png` |
| `url-empty` | always a `url` to an empty body |
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from imagerouter_mcp.sandbox.service.offered import Model, free_hand_model

PREFIX: Final = "sandbox/"
VIDEO_PREFIX: Final = "sandbox/video-"
PRICE: Final = 0.01
"""What each costs, in USD."""
KEPT_PRICE: Final = 0.05
"""The highest price of `postlog`."""
Group = Literal["slow", "refusal", "error", "stream", "answer", "picture", "delivery"]

_SLOW: Final = re.compile(r"slow-(\d{1,4}(?:\.\d{1,3})?)")
_GROUPS: Final[dict[Group, tuple[str, ...]]] = {
    "refusal": (
        "status-500",
        "html-502",
        "html-504",
        "json-504",
        "rate-limited",
        "rate-limited-untimed",
        "rate-limited-once",
        "access-denied",
        "deposit-required",
        "no-credits",
    ),
    "error": (
        "moderated",
        "provider-error",
        "provider-429",
        "late-error",
        "charged-error",
        "charged-429",
        "postlog",
        "refund-failure",
    ),
    "stream": ("stalled", "vanished", "stalled-after-heartbeats", "cut", "garbage", "huge-b64"),
    "answer": (
        "held",
        "dear",
        "three-pictures",
        "empty-data",
        "no-url",
        "data-prefix",
        "bad-base64",
        "public-link",
    ),
    "picture": (
        "wrong-type",
        "truncated-image",
        "bomb",
        "svg",
        "svg-external",
        "avif",
        "gif",
        "animated-webp",
        "png16",
        "png-palette",
        "jpeg-cmyk",
        "jpeg-rotated",
        "mp4",
        "noise",
    ),
    "delivery": (
        "url-404",
        "url-503-once",
        "url-redirect",
        "url-redirect-loop",
        "url-slow",
        "url-endless",
        "url-truncated",
        "url-html",
        "url-empty",
    ),
}
_SLOW_SAMPLE: Final = ("slow-0", "slow-1", "slow-3", "slow-5")
FAULT_IDS: Final = (
    *(f"{PREFIX}{name}" for name in _SLOW_SAMPLE),
    *(f"{PREFIX}{name}" for names in _GROUPS.values() for name in names),
)
"""Every fault model; of the slow ones, a sample."""
VIDEO_FAULT_IDS: Final = (
    *(f"{VIDEO_PREFIX}{name}" for name in _SLOW_SAMPLE),
    *(f"{VIDEO_PREFIX}{name}" for group, names in _GROUPS.items() if group != "picture" for name in names),
)
"""The same for videos; odd pictures are no videos."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong.

    Attributes:
        name: The id without its prefix.
        group: When it goes wrong.
        seconds: How long a slow model takes.
    """

    name: str
    group: Group
    seconds: float = 0.0


def fault_of(model_id: str) -> Fault | None:
    """Return the fault that an id names, if it names one."""
    if not model_id.startswith(PREFIX):
        return None
    name = model_id.removeprefix(VIDEO_PREFIX).removeprefix(PREFIX)
    slow = _SLOW.fullmatch(name)
    if slow:
        return Fault(name, "slow", float(slow[1]))
    return next((Fault(name, group) for group, names in _GROUPS.items() if name in names), None)


def fault_model(model_id: str) -> Model:
    """Return the model that stands for a fault."""
    video = model_id.startswith(VIDEO_PREFIX)
    highest = KEPT_PRICE if model_id.endswith("postlog") else None
    return free_hand_model(model_id, PRICE, highest, video=video)


@cache
def listed_faults() -> dict[str, Model]:
    """Return every fault model, by id; of the slow ones, a sample."""
    return {model_id: fault_model(model_id) for model_id in (*FAULT_IDS, *VIDEO_FAULT_IDS)}


@cache
def dearer_faults() -> dict[str, Model]:
    """Return the same at ten times the price, but for videos."""
    dearer = {model_id: free_hand_model(model_id, 10 * PRICE, None, video=False) for model_id in FAULT_IDS}
    return listed_faults() | dearer

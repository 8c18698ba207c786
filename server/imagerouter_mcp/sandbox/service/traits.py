"""What the model list does not tell: how single models take, ignore or refuse what is asked.

Observed by running the service's backend of February 2026 with imitated providers.
"""

from collections.abc import Mapping
from typing import Final

from imagerouter_mcp.sandbox.pictures.media import JPEG, PNG, SVG, TIFF

ALIASES: Final[Mapping[str, str]] = {
    "gemini-2.5-flash-image": "google/gemini-2.5-flash",
    "google/gemini-2.5-flash-image": "google/gemini-2.5-flash",
    "gemini-3-pro-image": "google/gemini-3-pro",
    "google/gemini-3-pro-image": "google/gemini-3-pro",
    "kwaivgi/kling-2.5-turbo-standard": "kling/kling-2.5-turbo-standard",
    "kwaivgi/kling-2.5-turbo-pro": "kling/kling-2.5-turbo-pro",
    "kwaivgi/kling-2.1-standard": "kling/kling-2.1-standard",
    "kwaivgi/kling-2.1-pro": "kling/kling-2.1-pro",
    "kwaivgi/kling-2.1-master": "kling/kling-2.1-master",
    "kwaivgi/kling-1.6-standard": "kling/kling-1.6-standard",
    "kwaivgi/wan-2.2": "wan/wan-2.2",
    "kwaivgi/wan-2.5": "wan/wan-2.5",
    "kwaivgi/wan-2.6": "wan/wan-2.6",
    "briaai/RMBG-2.0": "bria/remove-background",
    "briaai/RMBG-2.0:free": "bria/remove-background:free",
}
"""Other ids that the service resolves when it generates; v1 does not list them."""

RETIRED: Final[Mapping[str, str]] = {
    "google/gemini-2.0-flash-exp:free": (
        "Gemini 2.0 Flash is no longer available. Please switch to 'google/gemini-2.5-flash' (paid) or use "
        "other models instead."
    ),
    "stabilityai/sd3.5-medium": (
        "SD3.5 medium is no longer available. Available alternative: 'stabilityai/sd3.5'"
    ),
    "bria/enhance:free": (
        "This free model is no longer available. Please switch to the paid alternative: 'bria/enhance'."
    ),
}
"""What the service says of models that are gone; each text names the successor."""

ONE_SOURCE: Final = frozenset(
    {
        "HiDream-ai/HiDream-E1-1",
        "SG161222/RealVisXL",
        "black-forest-labs/FLUX-1-schnell",
        "black-forest-labs/FLUX-2-klein-4b:free",
        "black-forest-labs/flux-krea-dev",
        "bria/blur-background",
        "bria/bria-fibo",
        "bria/enhance",
        "bria/erase-foreground",
        "bria/remove-background",
        "cagliostrolab/animagine-xl-3.0",
        "csslc/ccsr-2x",
        "jingyunliang/swinir-2x",
        "midjourney/midjourney",
        "onomaai/illustrious-xl",
        "philz1337x/clarity-2x",
        "purplesmartai/pony-diffusion-v6-xl",
        "qwen/qwen-image-2512",
        "recraft-ai/recraft-v3",
        "recraft-ai/recraft-vectorize",
        "stabilityai/latent-2x",
        "stabilityai/sd3",
        "wavespeed/ghibli",
        "xAI/grok-imagine-image",
    }
)
"""These refuse a second source image."""

FREE_QUALITIES: Final[Mapping[str, frozenset[str]]] = {
    "black-forest-labs/FLUX-1-schnell:free": frozenset({"auto", "low"}),
    "black-forest-labs/FLUX-2-klein-4b:free": frozenset({"auto", "low", "medium"}),
    "stabilityai/sdxl-turbo:free": frozenset({"auto", "low", "medium"}),
    "openai/gpt-image-1.5:free": frozenset({"auto", "low"}),
}
"""The qualities that some free models accept; the others accept all."""

FIXED_FORMATS: Final[Mapping[str, str]] = {
    "black-forest-labs/FLUX-pro": JPEG,
    "bria/bria-3.2": PNG,
    "bria/bria-3.2-vector": SVG,
    "bria/remove-background": PNG,
    "google/gemini-2.5-flash": PNG,
    "google/gemini-3-pro": PNG,
    "lodestones/Chroma": JPEG,
    "midjourney/midjourney": JPEG,
    "qwen/qwen-image-layered": TIFF,
    "recraft-ai/recraft-v3-svg": SVG,
    "recraft-ai/recraft-vectorize": SVG,
    "stabilityai/sdxl-turbo": JPEG,
    "tencent/hunyuan-image-3": JPEG,
    "test/test": JPEG,
    "xAI/grok-2-image": JPEG,
    "zai/glm-image": PNG,
}
"""The media types of models that ignore `output_format`; imagen's are below."""
IMAGEN: Final = "google/imagen-"
"""All of these answer PNG and ignore the size."""

REFUSES_OUTPUT_FORMAT: Final = frozenset({"openai/dall-e-2", "openai/dall-e-3"})
"""Their provider refuses an `output_format` that is not the default."""
SIZE_IGNORED: Final = frozenset(
    {"midjourney/midjourney", "tencent/hunyuan-image-3", "wavespeed/ghibli", "xAI/grok-2-image"}
)
SIZE_IGNORING_PROVIDER: Final = "chutes"

PROMPTLESS: Final = frozenset(
    {
        "bria/blur-background",
        "bria/enhance",
        "bria/erase-foreground",
        "bria/remove-background",
        "csslc/ccsr-2x",
        "jingyunliang/swinir-2x",
        "philz1337x/clarity-2x",
        "recraft-ai/recraft-vectorize",
        "stabilityai/latent-2x",
    }
)
"""These work on the source image alone."""

NEEDS_SIZE_AND_SECONDS: Final = frozenset({"tencent/hunyuan-video-1.5"})
"""Their price is calculated from both, and the calculation fails without."""
NEEDS_SECONDS_WITH_SIZE: Final = frozenset({"xAI/grok-imagine-video"})

CUTOUT_MODEL: Final = "bria/remove-background"
TRANSPARENT_IF_ASKED: Final = frozenset({"openai/gpt-image-1", "openai/gpt-image-1.5"})
"""These leave the background out if the prompt says so, as OpenAI documents it of `background: auto`; not
observed at the service. The others here draw one all the same."""
LAYERED_MODEL: Final = "qwen/qwen-image-layered"
"""Answers one TIFF, a page for each layer."""
ECHOES: Final = frozenset({"onomaai/illustrious-xl"})
"""These answer with the source, stretched to the size."""
PRICE_PER_MEGAPIXEL: Final[Mapping[str, float]] = {"fal/flux-2-dev-turbo": 0.008}
"""In USD; at large sizes that is more than the listed highest price."""
REVISING_MODEL: Final = "openai/dall-e-3"
"""Answers with a `revised_prompt`."""
SECONDS_PROVIDERS: Final = frozenset({"gemini", "geminiImagen", "vertex", "replicate"})
"""Providers whose answers carry `created` in seconds rather than milliseconds."""

"""The prompts that people pick from a host's menu and fill in.

No argument is required: each has a default phrase, because the SDK hides the error for a missing argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mcp.server import MCPServer
from mcp.server.mcpserver.prompts.base import Prompt, PromptArgument
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS

from imagerouter_mcp.apps import Apps

SUGGESTED: Mapping[str, Sequence[str]] = {
    "aspect_ratio": ("square", "landscape", "portrait", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3", "21:9"),
    "part": (
        "the background",
        "the sky",
        "the upper half",
        "the lower half",
        "the left half",
        "the right half",
    ),
    "seconds": ("4", "5", "6", "8", "10"),
    "setting": (
        "a plain white studio background",
        "a wooden table by a window, morning light",
        "a marble surface with soft shadows",
        "outdoors in golden evening light",
        "held in a hand, blurred street behind it",
    ),
    "style": (
        "flat and minimal, two colours",
        "line art",
        "geometric",
        "hand-drawn",
        "mascot",
        "lettering only",
        "photorealistic",
        "watercolour",
        "3D render",
        "children's book illustration",
    ),
}
"""Completions, by the name of the argument."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the menu.

    Attributes:
        name: The prompt's name.
        title: What a person reads.
        description: What it makes, in a sentence.
        blanks: The arguments by name, each with its meaning and its default phrase.
        text: The request; an argument's name in braces is replaced by its value.
    """

    name: str
    title: str
    description: str
    blanks: Mapping[str, tuple[str, str]]
    text: str


OFFERS = (
    Offer(
        "product_photo",
        "Product photo",
        "A photo of a product: cheap drafts first, the chosen one in good quality after.",
        {
            "product": ("What it is, or the path of a photo of it.", "a product (ask me which)"),
            "setting": ("Where it stands, and the light.", "a plain white studio background"),
            "aspect_ratio": ("Its shape, such as 16:9.", "square"),
        },
        "Make a product photo. Product: {product}. Setting: {setting}. Shape: {aspect_ratio}.\n"
        "1. If I gave a picture of the product, use edit_image with it in images, and write into the "
        "prompt that the product's shape, colours and lettering stay as they are. Otherwise use "
        "generate_image.\n"
        "2. Describe material, surface, light direction, camera angle and depth of field. Invent no brand.\n"
        "3. Make two drafts with model=cheapest and n=2, with the shape as aspect_ratio, and show me both.\n"
        "4. Ask which one to finish. Tell me the price of a better model with dry_run=true before you make "
        "it.",
    ),
    Offer(
        "logo",
        "Logo",
        "A logo: three cheap ideas, then the chosen one, with a transparent background or as SVG if wanted.",
        {
            "name": ("The name that the logo stands for.", "(ask me for the name)"),
            "idea": ("What it should bring to mind.", "choose one that fits the name"),
            "style": ("Such as line art or mascot.", "flat and minimal, two colours"),
        },
        "Design a logo. Name: {name}. Idea: {idea}. Style: {style}.\n"
        "1. Use generate_image with aspect_ratio=square. Prompt: one symbol, centred, on a plain white "
        "background, no mock-up, no shadow. Put lettering into the prompt in quotes, and only if it "
        "belongs to the logo.\n"
        "2. Make three ideas with model=cheapest, each with its own prompt, and show me all of them.\n"
        "3. Make the chosen one again with a model that is good at text (search_models with "
        "sort=popularity).\n"
        '4. Offer to remove the background or to turn it into SVG: search_models with query "remove '
        'background" or "vectorize" finds the model, and edit_image runs it on "last".',
    ),
    Offer(
        "edit_photo",
        "Edit a photo",
        "A change to a picture, or to a part of it; the original stays as it is.",
        {
            "image": ("Path, address or handle of the picture.", "last"),
            "change": ("What should become different.", "(ask me what to change)"),
            "part": ("The only part that may change.", "wherever the change needs it"),
        },
        "Edit a picture. Picture: {image}. Change: {change}. Only here: {part}.\n"
        "1. Use edit_image with the picture in images. Write into the prompt what changes, and that "
        "everything else stays exactly as it is.\n"
        "2. If the part can be given as a rectangle or a polygon, give it as mask (box:x,y,w,h in pixels or "
        "percent) and look at it with preview_mask first. Nothing changes outside it, with any model.\n"
        "3. Show me the result with its path and cost, and say what came out differently from what I "
        "asked.",
    ),
    Offer(
        "compare_models",
        "Compare models",
        "The same picture from several models side by side, with what each one cost.",
        {
            "prompt": ("What the picture shows.", "(ask me what it should show)"),
            "models": ("Model ids, separated by commas.", "three that differ in price; choose them yourself"),
            "aspect_ratio": ("Its shape, such as 16:9.", "square"),
        },
        "Compare image models. Picture: {prompt}. Models: {models}. Shape: {aspect_ratio}.\n"
        "1. Where I left the choice to you, take a cheap, a middling and a good one from popular_models "
        "and search_models.\n"
        "2. Tell me the models with their prices and the sum, and wait for my yes.\n"
        "3. Call compare_models once, with that sum as max_cost_usd.\n"
        "4. Give a table: model, cost, seconds, how well it followed the prompt, what it got wrong. "
        "Recommend one.",
    ),
    Offer(
        "short_video",
        "Short video",
        "A clip from words or from a picture; you hear its price before it is made.",
        {
            "scene": ("What happens, and how the camera moves.", "(ask me what happens)"),
            "image": ("A picture to begin with: path, address or handle.", "none"),
            "seconds": ("Its length.", "the shortest that the model makes"),
            "aspect_ratio": ("Its shape, such as 9:16.", "landscape"),
        },
        "Make a short video. Scene: {scene}. Beginning with the picture: {image}. Seconds: {seconds}. "
        "Shape: {aspect_ratio}.\n"
        "1. Call generate_video with dry_run=true and tell me model, length and price. Wait for my yes.\n"
        "2. Write the prompt as one continuous shot: subject, movement, camera, light, sound.\n"
        "3. Make it. It takes minutes: when the answer is a handle, call get_generation with it until the "
        "video is there, and never call generate_video a second time meanwhile.\n"
        "4. Tell me the path, the length and the cost.",
    ),
    Offer(
        "same_character",
        "One character, several pictures",
        "A character in several scenes that looks the same in each.",
        {
            "character": ("Who it is, or the path of a picture of them.", "a character (ask me who)"),
            "scenes": ("The scenes, separated by semicolons.", "three scenes; propose them to me first"),
            "style": ("Such as watercolour or 3D render.", "children's book illustration"),
        },
        "Draw one character in several pictures. Character: {character}. Scenes: {scenes}. Style: {style}.\n"
        "1. Make a reference picture first with generate_image, or take the one I gave: the whole figure, "
        "from the front, on a plain background. Show it to me and keep its handle.\n"
        "2. Make each scene with edit_image: the reference's handle in images, always the same model, and "
        "in the prompt the same sentence about face, hair, clothes and colours, then the scene.\n"
        "3. Go back to the reference for each scene, not to the scene before: changes would add up.\n"
        "4. Show all of them with paths, and tell what they cost together.",
    ),
)


def add_prompts(server: MCPServer[Apps]) -> None:
    """Add the prompts to a server."""
    for offer in OFFERS:
        server.add_prompt(_prompt(offer))


def _prompt(offer: Offer) -> Prompt:
    async def write(**filled: str) -> str:
        return written(offer, filled)

    return Prompt(
        name=offer.name,
        title=offer.title,
        description=offer.description,
        arguments=[
            PromptArgument(name=name, description=f"{meaning} Default: {stand_in}.")
            for name, (meaning, stand_in) in offer.blanks.items()
        ],
        fn=write,
        context_kwarg=None,
    )


def written(offer: Offer, filled: Mapping[str, str]) -> str:
    """Return the request with its blanks filled in; an empty one counts as left out.

    Args:
        offer: The entry of the menu.
        filled: The arguments.

    Raises:
        MCPError: An argument is unknown.
    """
    unknown = [name for name in filled if name not in offer.blanks]
    if unknown:
        known = ", ".join(offer.blanks)
        raise MCPError(
            INVALID_PARAMS,
            f"The prompt {offer.name} does not know {unknown[0][:40]!r}. Nothing was charged. Use it with "
            f"{known}.",
        )
    phrases = {name: filled.get(name, "").strip() or stand_in for name, (_, stand_in) in offer.blanks.items()}
    return offer.text.format_map(phrases)

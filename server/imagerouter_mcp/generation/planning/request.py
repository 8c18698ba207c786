"""Describe what is asked for: one request per picture, one order per tool call."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal

Kind = Literal["image", "video"]
Fit = Literal["cover", "contain", "stretch"]
"""How a picture is brought into another shape: cropped, padded or stretched."""
THINGS: dict[Kind, str] = {"image": "picture", "video": "video"}
"""What to call each kind in a sentence."""

ANY_PRICE = Decimal("Infinity")
"""What a person agrees to after being told that the price is not known."""

_FORMATS = {"png": "png", "webp": "webp", "jpg": "jpeg", "jpeg": "jpeg"}
"""The API's name of a format, by the extension of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One requested picture or video; "auto" leaves a choice to the settings or the service.

    Attributes:
        prompt: What to show, or what to change.
        kind: Whether to make a picture or a video.
        model: A model id, "auto", "cheapest", "free", or "" for the person's default.
        size: `WIDTHxHEIGHT` in pixels, or "auto".
        aspect_ratio: `W:H`, "square", "landscape", "portrait", "match", or "".
        fit: How the model's shape becomes exactly the one asked for; "auto" is "cover" for an exact size, and
            leaves an aspect ratio as near as the model comes.
        seconds: The length of a video, or 0 for the model's own.
        quality: "auto", "low", "medium" or "high".
        output_format: "auto", "webp", "jpeg" or "png".
        response_format: "auto", "url", "b64_json" or "b64_ephemeral".
        images: Source images: path, `file://`, http(s) address, data URI, handle or `last`.
        background: "transparent", or "auto" for whatever the prompt says.
        mask: An image given as in `images`, regions such as `box:0,0,100%,50%`, or "".
        keep_outside: Whether nothing outside the mask changes; else the model alone decides.
        output_dir: Where to save, or "" for the person's folder.
        filename: The file's name, or "" to name it after the prompt. Its extension decides the format.
        roots: Folders that the host works in, which may be read from and saved in too.
    """

    prompt: str
    kind: Kind = "image"
    model: str = ""
    size: str = "auto"
    aspect_ratio: str = ""
    fit: Literal["auto"] | Fit = "auto"
    seconds: float = 0
    quality: str = "auto"
    output_format: str = "auto"
    response_format: str = "auto"
    background: str = "auto"
    images: tuple[str, ...] = ()
    mask: str = ""
    keep_outside: bool = True
    output_dir: str = ""
    filename: str = ""
    roots: tuple[Path, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether the model gets the surroundings of a mask, and its answer is laid into the source."""
        return bool(self.mask) and self.keep_outside

    @property
    def format(self) -> str:
        """The file type to ask for: the one that the file's name has, else `output_format`."""
        extension = self.filename.strip().rpartition(".")[2].lower()
        return _FORMATS.get(extension, self.output_format) if self.kind == "image" else self.output_format


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What one tool call asks for.

    Attributes:
        tool: The tool's name.
        requests: One for each result; they differ in their models only.
        max_cost_usd: The caller's own limit for the whole order, or None.
        again: Whether to make another one even if an earlier call asked for the same.
        agreed_usd: What the person, asked by the server, agreed to pay at most; None if they did not.
        confirmed: Whether the agent says that the person agreed to the price that it was told.
        session: The session in which `last` is looked up; None where the protocol has no sessions.
        notes: Sentences for the person about how it was understood.
        key: The fingerprint of the person's own API key that pays; "" if the operator's does.
    """

    tool: str
    requests: tuple[Request, ...]
    max_cost_usd: Decimal | None = None
    again: bool = False
    agreed_usd: Decimal | None = None
    confirmed: bool = False
    session: str | None = None
    notes: tuple[str, ...] = ()
    key: str = ""

    @property
    def kind(self) -> Kind:
        """Whether the order is for pictures or a video."""
        return self.requests[0].kind

    @property
    def generations(self) -> list[tuple[str, str]]:
        """The prompt and the model of each generation: of the requests, then of steps that may follow."""
        steps = [(request.prompt, "") for request in self.requests if request.background == "transparent"]
        return [*((request.prompt, request.model) for request in self.requests), *steps]

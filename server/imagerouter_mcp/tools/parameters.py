"""The parameters that tools share, each described once; a model reads these at every turn.

Only what every host accepts: strings, numbers, booleans, enums and arrays of strings, none of them nullable.
"""

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from pydantic import Field

from imagerouter_mcp.wiring import App

AppContext = Context[App]

Prompt = Annotated[
    str, Field(description="What the picture shows: subject, style, light, any text in quotes.")
]
Instruction = Annotated[
    str, Field(description="What to change and what to keep. Empty only for models that need no prompt.")
]
Images = Annotated[
    list[str],
    Field(
        description="1 to 16 source pictures: absolute path, file:// or http(s):// address, data URI, "
        'handle (img_7f3a), or "last" for the newest.'
    ),
]
Mask = Annotated[
    str,
    Field(
        description="Limits the change: box:x,y,w,h in pixels or % (several with +; outside: inverts), alpha "
        "(the picture's transparency), or a picture. Default none."
    ),
]
Model = Annotated[
    str,
    Field(description="Model id, auto (default: the person's own or one that fits), cheapest or free."),
]
Size = Annotated[str, Field(description="WIDTHxHEIGHT in pixels. Default auto.")]
AspectRatio = Annotated[
    str,
    Field(
        description="Shape instead of size: W:H, square, landscape, portrait, match (first source). "
        "Default none."
    ),
]
Count = Annotated[int, Field(ge=1, le=8, description="How many pictures, each paid for. Default 1.")]
DryRun = Annotated[bool, Field(description="Only tell model, size and price; sends nothing. Default false.")]
Again = Annotated[
    bool,
    Field(
        description="Make another one. Default false: within ten minutes a call gives the same result; "
        "a typed command makes another."
    ),
]
ConfirmCost = Annotated[
    bool,
    Field(description="The person agreed to the price that an answer asked about. Default false."),
]
Quality = Annotated[
    Literal["auto", "low", "medium", "high"], Field(description="Only some models use it. Default auto.")
]
OutputFormat = Annotated[
    Literal["auto", "webp", "jpeg", "png"], Field(description="File type; default auto (mostly WebP).")
]
ResponseFormat = Annotated[
    Literal["auto", "url", "b64_json", "b64_ephemeral"],
    Field(description="url: public link; b64_ephemeral: nothing stays at ImageRouter. Default auto."),
]
Preview = Annotated[
    Literal["auto", "none", "large"], Field(description="Inline preview. Default auto (small).")
]
OutputDir = Annotated[
    str, Field(description="Folder to save in, absolute or with ~. Default: the person's own.")
]
Filename = Annotated[str, Field(description="File name, no folder. Default: the prompt's first words.")]

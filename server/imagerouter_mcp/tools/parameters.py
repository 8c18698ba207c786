"""The parameters that tools share, each described once; a model reads these at every turn.

Only what every host accepts: strings, numbers, booleans, enums and arrays of strings, none of them nullable.
A default is told where a caller would not expect it; texts are empty, enums `auto` and booleans false.
"""

from typing import Annotated, Literal

from mcp.server.mcpserver import Context
from pydantic import Field

from imagerouter_mcp.apps import Apps

AppContext = Context[Apps]

Prompt = Annotated[str, Field(description="What the picture shows; lettering in quotes.")]
Instruction = Annotated[str, Field(description="What to change and what to keep.")]
Images = Annotated[
    list[str],
    Field(description='1 to 16 pictures: path, URL, data URI, handle (img_7f3a) or "last" (the newest).'),
]
Mask = Annotated[
    str,
    Field(
        description="Where to change: box:x,y,w,h or poly:x,y x,y x,y in pixels or % (join with +, "
        "outside: inverts), alpha, or a picture."
    ),
]
KeepOutside = Annotated[bool, Field(description="Change nothing outside. Default True.")]
Model = Annotated[str, Field(description="Id, auto, cheapest or free.")]
Size = Annotated[str, Field(description="WIDTHxHEIGHT, 1K, 2K or 4K.")]
AspectRatio = Annotated[str, Field(description="16:9, square, portrait, match (source).")]
Fit = Annotated[
    Literal["auto", "cover", "contain", "stretch"],
    Field(description="How the model's shape becomes the requested one: cropped, padded or stretched."),
]
Count = Annotated[int, Field(ge=1, le=8, description="How many, each paid. Default 1.")]
DryRun = Annotated[bool, Field(description="Only tell the price.")]
Again = Annotated[bool, Field(description="Make another; for 10 min a repeat returns the first.")]
ConfirmCost = Annotated[bool, Field(description="The person agreed to the price.")]
Quality = Annotated[
    Literal["auto", "low", "medium", "high"], Field(description="For the models that have one.")
]
Background = Annotated[
    Literal["auto", "transparent"],
    Field(description="transparent: if the model makes none, a second paid step cuts it out."),
]
OutputFormat = Annotated[
    Literal["auto", "webp", "jpeg", "png"], Field(description="File type; auto is mostly WebP.")
]
ResponseFormat = Annotated[
    Literal["auto", "url", "b64_json", "b64_ephemeral"],
    Field(description="url: public link; b64_ephemeral: nothing stays at ImageRouter."),
]
Preview = Annotated[Literal["auto", "none", "large"], Field(description="Picture in the answer.")]
OutputDir = Annotated[
    str, Field(description="Folder to save in, absolute or with ~. Default: the person's own.")
]
Filename = Annotated[str, Field(description="File name, no folder. Default: the prompt's first words.")]

SELF_EXPLAINING = frozenset(
    {"background", "filename", "fit", "free", "kind", "limit", "output_dir", "output_format"}
    | {"preview", "quality", "response_format", "sort"}
)
"""Parameters whose description is for people alone: a model knows what the name means."""

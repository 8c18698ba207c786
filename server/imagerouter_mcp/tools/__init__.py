"""The MCP face: one file a tool, and what they share."""

from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations

from imagerouter_mcp.tools.boundary import make_tool
from imagerouter_mcp.tools.compare_models import compare_models
from imagerouter_mcp.tools.describe_model import MODEL_SCHEMA, describe_model
from imagerouter_mcp.tools.edit_image import edit_image
from imagerouter_mcp.tools.entries import MODELS_SCHEMA
from imagerouter_mcp.tools.generate_image import generate_image
from imagerouter_mcp.tools.generate_video import generate_video
from imagerouter_mcp.tools.get_credits import CREDITS_SCHEMA, get_credits
from imagerouter_mcp.tools.get_generation import get_generation
from imagerouter_mcp.tools.list_images import IMAGES_SCHEMA, list_images
from imagerouter_mcp.tools.popular_models import popular_models
from imagerouter_mcp.tools.preview_mask import MASK_SCHEMA, preview_mask
from imagerouter_mcp.tools.results import GENERATION_SCHEMA
from imagerouter_mcp.tools.search_models import search_models
from imagerouter_mcp.tools.show_image import show_image
from imagerouter_mcp.tools.spending import SPENDING_SCHEMA, spending
from imagerouter_mcp.tools.upload_link import UPLOAD_SCHEMA, upload_link

_MAKES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
_READS_HERE = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_RESTORES = ToolAnnotations(  # a file that is missing is fetched again
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)


_OPENS = ToolAnnotations(  # another link with each call
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False
)


def all_tools(*, remote: bool = False) -> list[Tool]:
    """The tools in the order in which a model reads them.

    Args:
        remote: Whether those who call them are on other machines, and send pictures here to have them edited.
    """
    tools = [
        make_tool(generate_image, title="Generate image", annotations=_MAKES, output=GENERATION_SCHEMA),
        make_tool(edit_image, title="Edit image", annotations=_MAKES, output=GENERATION_SCHEMA),
        make_tool(compare_models, title="Compare models", annotations=_MAKES, output=GENERATION_SCHEMA),
        make_tool(generate_video, title="Generate video", annotations=_MAKES, output=GENERATION_SCHEMA),
        make_tool(get_generation, title="Get generation", annotations=_RESTORES, output=GENERATION_SCHEMA),
        make_tool(preview_mask, title="Preview mask", annotations=_READS, output=MASK_SCHEMA),
        make_tool(list_images, title="List images", annotations=_READS_HERE, output=IMAGES_SCHEMA),
        make_tool(show_image, title="Show image", annotations=_RESTORES, output=GENERATION_SCHEMA),
        make_tool(search_models, title="Search models", annotations=_READS, output=MODELS_SCHEMA),
        make_tool(describe_model, title="Describe model", annotations=_READS, output=MODEL_SCHEMA),
        make_tool(popular_models, title="Popular models", annotations=_READS, output=MODELS_SCHEMA),
        make_tool(spending, title="Spending", annotations=_READS_HERE, output=SPENDING_SCHEMA),
        make_tool(get_credits, title="Get credits", annotations=_READS, output=CREDITS_SCHEMA),
    ]
    if remote:
        tools.append(make_tool(upload_link, title="Upload link", annotations=_OPENS, output=UPLOAD_SCHEMA))
    return tools

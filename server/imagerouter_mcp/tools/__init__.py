"""The MCP face: one file a tool, and what they share."""

from mcp.server.mcpserver.tools import Tool

from imagerouter_mcp.tools.compare_models import compare_models
from imagerouter_mcp.tools.describe_model import describe_model
from imagerouter_mcp.tools.edit_image import edit_image
from imagerouter_mcp.tools.finish_image import finish_image
from imagerouter_mcp.tools.generate_image import generate_image
from imagerouter_mcp.tools.generate_video import generate_video
from imagerouter_mcp.tools.get_credits import get_credits
from imagerouter_mcp.tools.get_generation import get_generation
from imagerouter_mcp.tools.list_images import list_images
from imagerouter_mcp.tools.popular_models import popular_models
from imagerouter_mcp.tools.preview_mask import preview_mask
from imagerouter_mcp.tools.search_models import search_models
from imagerouter_mcp.tools.show_image import show_image
from imagerouter_mcp.tools.spending import spending
from imagerouter_mcp.tools.upload_link import upload_link

TOOLS = (
    generate_image,
    edit_image,
    finish_image,
    compare_models,
    generate_video,
    get_generation,
    preview_mask,
    list_images,
    show_image,
    search_models,
    describe_model,
    popular_models,
    spending,
    get_credits,
)
"""In the order in which a model reads them."""


def all_tools(*, remote: bool = False) -> list[Tool]:
    """Return the tools, for callers on other machines with `upload_link` for their source pictures."""
    return [*TOOLS, upload_link] if remote else list(TOOLS)

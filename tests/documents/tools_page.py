"""The page `docs/tools.md`, written from what the server itself tells a client. `make docs` writes it."""

import asyncio
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import Prompt, Resource, ResourceTemplate, Tool, ToolAnnotations

from imagerouter_mcp.gallery.signed_links import Links
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools import all_tools
from imagerouter_mcp.tools.declare import explained
from imagerouter_mcp.wiring import open_app

PAGE = Path(__file__).parents[2] / "docs" / "tools.md"
_HEAD = """\
# Tools, prompts and resources

Written by `make docs` from what the server tells every client: this is what a model reads, word for word.
How to use them well stands in the [skill](../skill/SKILL.md); every failure is explained in
[references/errors.md](../skill/references/errors.md).

Every answer says the same thing as text and as structured content. The tools that make something add a
preview, unless it is turned off, and a link to the resource. A failed call has `isError` and
`{"error": {"kind", "message", "charged"}}`, with `cost_usd` or `up_to_usd` where the amount is known.
"""
_REMOTE = """\
## Over HTTP alone

[Served over HTTP](hosting.md), the tools have the same names and arguments; answers name links instead of
paths, and pictures to edit come through one more tool.
"""


async def tools_page() -> str:
    """The whole page as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(output_dir=Path(folder, "pictures"), data_dir=Path(folder, "data"))
        links = Links("https://pictures.example", b"signs nothing that anybody sees")
        async with open_app(settings, links) as app, Client(build_server(app)) as client:
            everywhere = (await client.list_tools()).tools
        async with open_app(settings) as app, Client(build_server(app)) as client:
            tools = (await client.list_tools()).tools
            prompts = (await client.list_prompts()).prompts
            resources = (await client.list_resources()).resources
            templates = (await client.list_resource_templates()).resource_templates
    names = {tool.name for tool in tools}
    remote = [tool for tool in everywhere if tool.name not in names]
    parts = [
        *(_HEAD, "## Tools\n", *map(_tool, tools), _REMOTE, *map(_tool, remote)),
        *(_prompts(prompts), _resources(resources, templates)),
    ]
    return "\n".join(parts)


def _tool(tool: Tool) -> str:
    lines = [f"### `{tool.name}`\n", f"{tool.description}\n"]
    required = tool.input_schema.get("required", [])
    properties = next(explained(each) for each in all_tools(remote=True) if each.name == tool.name)
    if properties:
        lines += ["| argument | type | meaning |", "|---|---|---|"]
        ordered = sorted(properties.items(), key=lambda item: item[0] not in required)
        lines += [_argument(name, schema, needed=name in required) for name, schema in ordered]
        lines.append("")
    answers = ", ".join(f"`{name}`" for name in (tool.output_schema or {}).get("properties", {}))
    return "\n".join([*lines, f"Answers with {answers}. {_hints(tool.annotations)}\n"])


def _argument(name: str, schema: Mapping[str, Any], *, needed: bool) -> str:
    told = f"| `{name}`{' (required)' if needed else ''} | {_type(schema)} | {schema['description']} |"
    return told.replace("\n", " ")


def _type(schema: Mapping[str, Any]) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in schema and schema[key] >= 0
    ]
    return " ".join([schema["type"], *limits])


def _hints(hints: ToolAnnotations | None) -> str:
    """What a host is told about asking the person first."""
    if hints is None:
        return ""
    reads = "Changes nothing" if hints.read_only_hint else "Makes files, and changes none"
    reach = "stays on the server's machine" if hints.open_world_hint is False else "may use the network"
    return f"{reads}; {reach}."


def _prompts(prompts: list[Prompt]) -> str:
    lines = [
        "## Prompts\n",
        "What a person picks from a host's menu. Every blank may stay empty.\n",
        "| prompt | what comes of it | blanks |",
        "|---|---|---|",
    ]
    for prompt in prompts:
        blanks = "<br>".join(f"`{each.name}`: {each.description}" for each in prompt.arguments or [])
        lines.append(f"| `{prompt.name}` | {prompt.description} | {blanks} |")
    return "\n".join([*lines, ""])


def _resources(resources: list[Resource], templates: list[ResourceTemplate]) -> str:
    lines = ["## Resources\n", "| address | what it is |", "|---|---|"]
    # The name of the view changes with each change to it.
    told = [(re.sub(r"-[0-9a-f]+(?=\.html)", "-…", str(each.uri)), each.description) for each in resources]
    told += [(each.uri_template, each.description) for each in templates]
    lines += [f"| `{address}` | {description} |" for address, description in told]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    PAGE.write_text(asyncio.run(tools_page()), "utf-8")

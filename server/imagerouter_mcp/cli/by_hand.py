"""Call the tools by hand: `imagerouter-mcp generate "a red fox"` calls the tool that an agent would call.

Each command line is built from the tool's own schema, and the tool's own answer is printed.
"""

import argparse
import json
import re
import sys
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, cast

import anyio
from mcp import Client
from mcp.types import CallToolResult, ImageContent

from imagerouter_mcp.cli.browser import open_in_browser
from imagerouter_mcp.cli.chart import chart
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.cli.grammar import TYPED_WRONGLY, Grammar
from imagerouter_mcp.cli.picture import draw
from imagerouter_mcp.cli.screen import ProgressLine, silence_stdout
from imagerouter_mcp.cli.spoken import for_a_person, without_dead_links
from imagerouter_mcp.cli.tool_answer import answer_text
from imagerouter_mcp.errors import ConfigurationError, PlanError
from imagerouter_mcp.gallery.uploads import is_upload
from imagerouter_mcp.generation.handles import is_handle, number_of
from imagerouter_mcp.images.finish.step_words import is_step
from imagerouter_mcp.images.pixels.preview import make_preview
from imagerouter_mcp.images.source_images import is_data
from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings, expand
from imagerouter_mcp.tools import all_tools
from imagerouter_mcp.tools.declare import explained
from imagerouter_mcp.wiring import open_app

_LEFT_OUT = {"preview", "wait"}
"""Parameters that make no sense on a terminal."""
_SHORT = {"model": "-m", "n": "-n"}
"""Options that also have a letter."""
_PATHS = {"images", "image", "mask", "handle", "output_dir"}
"""Parameters that may be paths relative to the current folder."""
_OWN = ("json", "sandbox", "open", "output", "help")
"""Options that are not arguments of a tool."""
_OPTION = re.compile(r"--([A-Za-z][\w-]*)((?:=.*)?)", re.DOTALL)
_FILE_NAME = re.compile(r"[^:~$%][^:]*\.\w{2,5}")
"""A relative path of a file, which need not exist: a misspelt one is reported with its folder."""

_REGION = re.compile(r"(?:box|poly|outside):|alpha$", re.IGNORECASE)
"""The start of a mask in words."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """A command that calls a tool.

    Attributes:
        tool: The tool's name.
        words: Parameters that are typed without a name, in this order.
        makes: Whether its answer names pictures to open or draw.
    """

    tool: str
    words: tuple[str, ...] = ()
    makes: bool = False


COMMANDS = {
    "generate": ByHand("generate_image", ("prompt",), makes=True),
    "edit": ByHand("edit_image", ("prompt", "images"), makes=True),
    "finish": ByHand("finish_image", ("images", "steps"), makes=True),
    "compare": ByHand("compare_models", ("prompt", "models"), makes=True),
    "images": ByHand("list_images", ("query",)),
    "video": ByHand("generate_video", ("prompt",), makes=True),
    "get": ByHand("get_generation", ("generation",), makes=True),
    "show": ByHand("show_image", ("handle",), makes=True),
    "models": ByHand("search_models", ("query",)),
    "describe": ByHand("describe_model", ("model",)),
    "mask": ByHand("preview_mask", ("mask", "image")),
    "popular": ByHand("popular_models"),
    "spending": ByHand("spending", ("period",)),
    "credits": ByHand("get_credits"),
}
_COMMAND_OF = {command.tool: name for name, command in COMMANDS.items()}
_ARGUMENTS = {name for tool in all_tools() for name in tool.parameters["properties"]}


def run_by_hand(name: str, typed: Sequence[str]) -> int:
    """Run one command.

    Args:
        name: One of `COMMANDS`.
        typed: What was typed after it.

    Returns:
        0; 1 if the tool answered with an error; 2 if the command was mistyped.

    Raises:
        PlanError: There is no picture to edit.
        ConfigurationError: A variable has an invalid value, or a preview cannot be saved.
    """
    command = COMMANDS[name]
    tool = next(tool for tool in all_tools() if tool.name == command.tool)
    properties = explained(tool)
    parser = _parser(name, command, tool.description, properties)
    known, unknown = _spelled(parser, typed, command, properties)
    options = parser.parse_intermixed_args(known)
    if name == "edit":
        _find_picture(options)
    if name == "finish":
        _tell_apart(options)
    if name == "mask" and _REGION.match(options.image or ""):  # the other way round
        options.mask, options.image = options.image, options.mask
    if getattr(options, "prompt", None) in ("-", ["-"]):
        options.prompt = sys.stdin.read().strip() if sys.stdin else ""
    if "filename" in properties and options.output:
        _place(options)
    arguments = _arguments(vars(options), properties) | unknown
    if "preview" in properties:
        arguments["preview"] = "none"
    with chosen_settings(sandbox=options.sandbox) as settings:
        if "output_dir" in arguments:  # what a person types is what the person allows
            named = (*settings.output_dirs, expand(str(arguments["output_dir"])))
            settings = settings.model_copy(update={"output_dirs": named})  # noqa: PLW2901 - the same, allowing more
        result = anyio.run(_call, settings, command.tool, arguments)
    status = _tell(result, options, makes=command.makes)
    if name == "mask" and options.output and not result.is_error:
        _save_preview(result, Path(options.output))
    return status


def _parser(
    typed: str,
    command: ByHand,
    description: str,
    properties: Mapping[str, Mapping[str, Any]],
) -> Grammar:
    """Build a command's grammar; the tool itself checks the values."""
    parser = Grammar(prog=f"imagerouter-mcp {typed}", description=description, allow_abbrev=False)
    for word in command.words:
        number = "+" if properties[word]["type"] == "array" else "*" if len(command.words) == 1 else "?"
        parser.add_argument(word, nargs=number, help=_help(properties[word]))
    for option, schema in properties.items():
        if option not in (*command.words, *_LEFT_OUT):
            short = [_SHORT[option]] if option in _SHORT else []
            name = f"--{option.replace('_', '-')}"
            parser.add_argument(*short, name, help=_help(schema), **_option(schema))
    if "filename" in properties:
        parser.add_argument(
            "-o", "--output", metavar="PATH", help="Where to save: a file's path, or a folder/."
        )
    if command.tool == "preview_mask":
        parser.add_argument(
            "-o", "--output", metavar="PATH", help="Save the preview too, as a new JPEG file."
        )
    parser.add_argument("--json", action="store_true", help="Print the structured answer, for scripts.")
    parser.add_argument(
        "--sandbox", action="store_true", help="Use a stand-in for ImageRouter: no key, no cost."
    )
    if command.makes:
        parser.add_argument("--open", action="store_true", help="Open the picture in its usual program.")
    return parser


def _help(schema: Mapping[str, Any]) -> str:
    return for_a_person(str(schema["description"]), _COMMAND_OF, ()).replace("%", "%%")


def _option(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return argparse's options for one property of a tool's schema."""
    match schema["type"]:
        case "boolean":
            action = argparse.BooleanOptionalAction if _is_on(schema) else "store_true"
            return {"action": action, "default": None}
        case "array":
            return {"nargs": "+", "metavar": "WORD"}
        case "integer" | "number":
            return {"metavar": "N"}
        case _:
            return {"metavar": f"{{{','.join(schema['enum'])}}}" if "enum" in schema else "TEXT"}


def _is_on(schema: Mapping[str, Any]) -> bool:
    """Return whether a property is true by default, so that it is turned off with `--no-name`."""
    return schema["type"] == "boolean" and "Default True" in str(schema["description"])


def _spelled(
    parser: Grammar, typed: Sequence[str], command: ByHand, properties: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], dict[str, bool]]:
    """Return the words with each option in its proper spelling, and the options that the command lacks.

    argparse would take `--promt="a fox"` for a prompt, and a picture of it would be paid for. The tool says
    which option is meant.
    """
    turned_off = [f"no_{name}" for name, schema in properties.items() if _is_on(schema)]
    options = {_plain(name): name for name in (*properties, *turned_off, *_OWN)}
    known: list[str] = []
    unknown: dict[str, bool] = {}
    for place, word in enumerate(typed):
        if word == "--":
            return [*known, *typed[place:]], unknown
        written = _OPTION.fullmatch(word)
        meant = options.get(_plain(written[1])) if written else None
        if written is None:
            known.append(word)
        elif meant is None:
            unknown[written[1]] = True
        elif meant in command.words:
            parser.error(f"{meant} is typed without --{meant}")
        else:
            known.append(f"--{meant.replace('_', '-')}{written[2]}")
    return known, unknown


def _plain(name: str) -> str:
    return re.sub(r"[-_]", "", name.lower())


def _find_picture(options: argparse.Namespace) -> None:
    """Swap text and picture if they were typed in the wrong order.

    Raises:
        PlanError: Only a text was typed.
    """
    if len(options.images) > 1 or _names_picture(word := options.images[0]) or _FILE_NAME.fullmatch(word):
        return
    if options.prompt is None:
        raise PlanError(
            "There is no picture to edit.",
            'Name it after the text: imagerouter-mcp edit "make it night" photo.png. Instead of a file, give '
            "a handle such as img_7f3a, an address, or last for the newest picture.",
        )
    if _names_picture(options.prompt) or _FILE_NAME.fullmatch(options.prompt):
        options.prompt, options.images = word, [options.prompt]


def _tell_apart(options: argparse.Namespace) -> None:
    """Sort the words into pictures and steps: there may be several of both."""
    words: list[str] = [*options.images, *options.steps]
    options.images = [
        word for word in words if not is_step(word) and (_names_picture(word) or _FILE_NAME.fullmatch(word))
    ]
    options.steps = [word for word in words if word not in options.images]


def _place(options: argparse.Namespace) -> None:
    """Split a path to save at into folder and name."""
    path = Path(options.output)
    if path.is_dir() or options.output.endswith(("/", "\\")):
        options.output_dir = str(path.absolute())
    else:
        options.output_dir, options.filename = str(path.parent.absolute()), path.name


def _save_preview(result: CallToolResult, path: Path) -> None:
    """Save an answer's picture in a new file, for terminals that cannot draw it."""
    drawn = next(block for block in result.content if isinstance(block, ImageContent))
    try:
        with path.open("xb") as file:
            file.write(b64decode(drawn.data))
    except OSError as error:
        raise ConfigurationError(
            f"The preview cannot be saved in {str(path)!r}: {error.strerror or error}.",
            "Give another path in -o.",
        ) from None


def _names_picture(text: str) -> bool:
    """Tell whether a text is a path, address, handle or other name of a picture, and not words."""
    is_path = text.startswith((".", "~", "$")) or Path(text).is_absolute() or _is_here(Path(text))
    is_address = text.lower().startswith(("http://", "https://", "file:"))
    is_name = is_handle(text) or is_upload(text) or number_of(text) is not None
    return is_path or is_address or is_name or is_data(text)


def _arguments(typed: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in typed.items() if name in properties and value is not None}
    for name, value in given.items():
        if isinstance(value, list) and properties[name]["type"] == "string":
            given[name] = " ".join(cast("list[str]", value))
    return {
        name: _absolute(value) if name in _PATHS else value for name, value in given.items() if value != ""
    }


def _absolute(value: str | list[str]) -> str | list[str]:
    """Return the absolute path of what exists here or looks like a file's name; anything else as typed."""
    if isinstance(value, list):
        return [cast("str", _absolute(item)) for item in value]
    path = Path(value)
    is_path = value.startswith(".") or _FILE_NAME.fullmatch(value) or _is_here(path)
    return str(path.absolute()) if is_path else value


def _is_here(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a data URI, which is too long for a path
        return False


async def _call(settings: Settings, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    line = ProgressLine()
    async with open_app(settings, typed=True) as app, Client(build_server(app)) as client:
        try:
            result = await client.call_tool(tool, arguments, progress_callback=line.show)
            while handle := _pending(result):  # a person at a terminal waits, and ends it when they like
                collect = {"generation": handle, "preview": "none"}
                result = await client.call_tool("get_generation", collect, progress_callback=line.show)
            return result
        finally:
            line.clear()


def _pending(result: CallToolResult) -> str | None:
    """Return the handle of a generation that is not done yet, or None."""
    content: dict[str, Any] = result.structured_content or {}
    return str(content["generation"]) if "ask_again_seconds" in content else None


def _tell(result: CallToolResult, options: argparse.Namespace, *, makes: bool) -> int:
    """Print an answer. If that fails, a picture that was made and paid for still counts as a success."""
    content: dict[str, Any] = result.structured_content or {}
    images: list[dict[str, Any]] = content.get("images", []) if makes and not result.is_error else []
    paths = [Path(image["path"]) for image in images if "path" in image]
    if getattr(options, "open", False):
        for path in paths:
            open_in_browser(path.as_uri())
    try:
        _print(result, content, options, paths)
    except BrokenPipeError:
        silence_stdout()
    except OSError as error:
        silence_stdout()
        lists = " `imagerouter-mcp images` lists what was made." if paths else ""
        print(f"The answer could not be written: {error.strerror}.{lists}", file=sys.stderr)
        if not makes:
            return 1
    if content.get("error", {}).get("kind") == "arguments":
        return TYPED_WRONGLY
    return int(bool(result.is_error))


def _print(
    result: CallToolResult, content: dict[str, Any], options: argparse.Namespace, paths: Sequence[Path]
) -> None:
    if options.json:
        for image in content.get("images", ()) if options.sandbox else ():
            image.pop("url", None)
            image.get("original", {}).pop("url", None)
        print(json.dumps(content, ensure_ascii=False, indent=2), flush=True)
        return
    text = for_a_person(answer_text(result), _COMMAND_OF, _ARGUMENTS)
    lines = [without_dead_links(text) if options.sandbox else text, *chart(content.get("by_day", []))]
    print("\n".join(lines), file=sys.stderr if result.is_error else sys.stdout, flush=True)
    drawn = (preview.data for path in paths if (preview := make_preview(path, "auto")))
    shown = (b64decode(block.data) for block in result.content if isinstance(block, ImageContent))
    draw(chain(drawn, shown))

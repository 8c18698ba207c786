"""The command line: which words run what."""

import argparse
import gc
import logging
import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from itertools import takewhile

from imagerouter_mcp import __version__
from imagerouter_mcp.cli.grammar import Grammar
from imagerouter_mcp.cli.patient_log import PatientHandler
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.gallery.days import named_day
from imagerouter_mcp.lines import VisibleFormatter

BY_HAND = {
    "generate": "make a picture from text",
    "edit": "make a picture from pictures",
    "finish": "crop, resize or convert pictures, or make icons of one, without a model",
    "compare": "make the same picture with several models",
    "video": "make a video from text or from a picture",
    "get": "collect a result that took longer",
    "images": "list the pictures made so far",
    "show": "show a picture made earlier",
    "models": "find models",
    "describe": "tell everything about a model",
    "mask": "show which part of a picture an edit with a mask would change",
    "popular": "list the most used models",
    "spending": "show what was spent, by model and day",
    "credits": "show the credits left in the account",
}
"""The commands that call a tool. Each reads its own command line."""
INTRODUCTION = """\
imagerouter-mcp makes and edits pictures
through ImageRouter, for AI agents and
for people at a terminal.

  imagerouter-mcp setup
      register it with Claude Code and
      other hosts
  imagerouter-mcp key
      store your ImageRouter API key
  imagerouter-mcp generate "a red fox"
      make a picture
  imagerouter-mcp edit fox.png "at dusk"
      change one
  imagerouter-mcp studio
      see them in the browser

Add --sandbox to try it without a key,
at no cost. --help lists all commands.

Without a command it serves MCP to the
host that starts it, not to a terminal."""
"""What the command alone says on a terminal, in lines that fit any."""
FAILED = 1
_MOST_DAYS = 90
"""How long an invitation may hold."""
"""Exit status of a command that failed; 2 means that it was typed wrongly."""
_LAST_PORT = 65535
_SANDBOX = "--sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after the command's name; by default those of this process.

    Returns:
        The exit status.
    """
    typed = list(sys.argv[1:] if arguments is None else arguments)
    # stdout belongs to the protocol. The SDK leaves an existing logging setup alone.
    by_hand = bool(_words_by_hand(typed))
    handler = logging.StreamHandler(sys.stderr) if by_hand else PatientHandler()
    handler.setFormatter(VisibleFormatter(_log_format(by_hand=by_hand)))
    logging.basicConfig(handlers=[handler])
    if not typed and all(stream and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        print(INTRODUCTION)
        return 0
    try:
        return _command(typed)()
    except ImageRouterError as error:
        # Registering and serving make no picture, so there is nothing to say about money.
        free = not by_hand and error.charged == "no"
        sentence = f"{error.what} {error.remedy}" if free else str(error)
        print(f"imagerouter-mcp: {sentence}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def _log_format(*, by_hand: bool) -> str:
    """Return how messages look: for a person who types, as sentences in place of the line of progress."""
    if not by_hand:
        return "%(levelname)s %(name)s: %(message)s"
    from imagerouter_mcp.cli.screen import line_start  # noqa: PLC0415 - see `_command`

    return f"{line_start(sys.stderr)}%(message)s"


def parser() -> argparse.ArgumentParser:
    """Build the grammar of the command."""
    top = Grammar(
        prog="imagerouter-mcp",
        description="Make and edit pictures through ImageRouter. Without a command, serve MCP over stdio.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"imagerouter-mcp {__version__}")
    _add_sandbox_option(top)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="serve MCP over stdio (the default)",
        description="Serve MCP over stdio, as hosts start it.",
    )
    _add_sandbox_option(serve)
    for name, what in BY_HAND.items():
        commands.add_parser(name, help=what)
    http = commands.add_parser(
        "http",
        help="serve MCP over streamable HTTP",
        description="Serve MCP over streamable HTTP, at /mcp, until Ctrl+C or a signal ends it. Any address "
        "but loopback needs IMAGEROUTER_MCP_TOKEN or IMAGEROUTER_PEOPLE=1.",
    )
    http.add_argument("--host", default="127.0.0.1", help="address to bind to (default %(default)s)")
    http.add_argument("--port", type=_port, default=8300, help="port to bind to (default %(default)s)")
    http.add_argument(
        "--studio", action="store_true", help="print a link to the studio page; a terminal always gets one"
    )
    _add_sandbox_option(http)
    _add_gallery(commands.add_parser)
    _add_people(commands.add_parser)
    commands.add_parser(
        "migrate",
        help="copy the galleries of this machine into PostgreSQL and an object store",
        description="Copy the galleries of this machine, with their files, into IMAGEROUTER_DATABASE_URL and"
        " IMAGEROUTER_OBJECT_STORE. It can be stopped and run again, and changes nothing here.",
    )
    _add_sandbox(commands.add_parser)
    demo = commands.add_parser(
        "demo",
        help="make and edit a picture through a real MCP client",
        description="Start the server, connect a real MCP client to it, and make and edit a picture: in a "
        "sandbox, so without a key or cost, unless --live is given.",
    )
    demo.add_argument("--live", action="store_true", help="use the real service's free test model")
    demo.add_argument("--output", default="demo-output", help="folder for the pictures (default %(default)s)")
    _add_setting_up(commands.add_parser)
    return top


def _add_gallery(add: Callable[..., argparse.ArgumentParser]) -> None:
    studio = add(
        "studio",
        help="open the gallery in the browser, to look, make and edit",
        description="Serve the gallery on this machine only, and open it in the browser. Ctrl+C ends it.",
    )
    studio.add_argument("--port", type=_port, default=0, help="port to bind to (default: a free one)")
    studio.add_argument("--no-browser", action="store_true", help="only print the link")
    studio.add_argument(
        "--link", action="store_true", help="print a link to a studio that is already running"
    )
    _add_sandbox_option(studio)
    delete = add(
        "delete",
        help="delete pictures, with their files",
        description="Delete pictures from the gallery, with their files. This cannot be undone. "
        "What was spent stays recorded.",
    )
    which = delete.add_mutually_exclusive_group(required=True)
    which.add_argument("handles", nargs="*", metavar="HANDLE", default=[], help="such as img_7f3a")
    which.add_argument(
        "--before", type=_day, metavar="DATE", help="all pictures made before a day, such as 2026-11-23"
    )
    delete.add_argument("--yes", action="store_true", help="delete without asking")
    _add_sandbox_option(delete)


def _add_people(add: Callable[..., argparse.ArgumentParser]) -> None:
    people = add(
        "people",
        help="manage who may use this server, and what each person may spend",
        description="Manage the people of a server with IMAGEROUTER_PEOPLE=1, while it runs or not.",
    )
    _add_sandbox_option(people)
    what = people.add_subparsers(dest="what", metavar="WHAT", required=True)
    for word, does in (
        ("add", "give a person access, and print the token that their client sends"),
        ("token", "issue a new token for a person; the previous one ends"),
        ("block", "end a person's access, and keep their pictures"),
        ("allow", "give a blocked person access again, even one who was removed"),
    ):
        what.add_parser(word, help=does).add_argument("name", metavar="NAME", help="what you call them")
    invite = what.add_parser(
        "invite", help="give access to a person who signs in with a browser, and print a link"
    )
    invite.add_argument("name", metavar="NAME", help="what you call them")
    invite.add_argument(
        "--days", type=_days, default=7, help="how many days the link is valid (default %(default)s)"
    )
    what.add_parser("list", help="show everybody, where they sign in, and their limits")
    what.add_parser("spending", help="show what everybody spent today and this month")
    limit = what.add_parser(
        "limit",
        help="limit what a person may spend and use",
        description="Set the limits that are given and keep the others. They apply in addition to those of "
        "the settings. The word none removes a limit.",
    )
    limit.add_argument("name", metavar="NAME", help="what you call them")
    limit.add_argument("--day", metavar="USD", help="what all their calls in a day may cost")
    limit.add_argument("--month", metavar="USD", help="the same for a calendar month")
    limit.add_argument("--call", metavar="USD", help="what one call may cost")
    limit.add_argument("--calls", metavar="N", help="how many calls may be under way")
    limit.add_argument(
        "--models", metavar="PATTERNS", help="which models they may use: openai/*,*:free, separated by commas"
    )
    _add_people_keys(what.add_parser("keys", help="manage the ImageRouter keys of people who pay themselves"))
    remove = what.add_parser("remove", help="end a person's access, and delete their pictures and records")
    remove.add_argument("name", metavar="NAME", help="what you call them")
    remove.add_argument("--export", metavar="FOLDER", help="first copy their pictures and records there")
    remove.add_argument("--yes", action="store_true", help="delete without asking")


def _add_people_keys(keys: argparse.ArgumentParser) -> None:
    action = keys.add_subparsers(dest="action", metavar="ACTION", required=True)
    action.add_parser("list", help="show who has one, by its last four characters")
    for word, does in (
        ("set", "store a key for a person; asks for it without showing it"),
        ("remove", "remove a person's key"),
    ):
        action.add_parser(word, help=does).add_argument("name", metavar="NAME", help="what you call them")
    action.add_parser("rotate", help="encrypt all keys again, with the first of IMAGEROUTER_KEY_SECRETS")


class _SandboxHelp(argparse.Action):
    """Show help that lists the sandbox's models; only then is the sandbox imported."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from imagerouter_mcp.cli.sandbox import what_it_offers  # noqa: PLC0415 - see `_command`

        parser.epilog = what_it_offers()
        parser.print_help()
        parser.exit()


def _add_sandbox(add: Callable[..., argparse.ArgumentParser]) -> None:
    sandbox = add(
        "sandbox",
        help="run an ImageRouter stand-in on this machine, to try things",
        description="Run a stand-in for ImageRouter on this machine until Ctrl+C ends it.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    sandbox.add_argument("-h", "--help", action=_SandboxHelp, nargs=0, help="show this help and exit")
    sandbox.add_argument("--port", type=_port, default=8310, help="port to bind to, 0 for a free one")
    sandbox.add_argument(
        "--service",
        choices=("live", "february"),
        default="live",
        help="behave as the live service does, or as its backend of February 2026 (default %(default)s)",
    )


def _add_setting_up(add: Callable[..., argparse.ArgumentParser]) -> None:
    setup = add(
        "setup",
        help="register this server with a host, such as claude-code",
        description="Register this server with a host: run the host's own command if you agree, or print "
        "what to write into its file.",
    )
    setup.add_argument(
        "host",
        nargs="?",
        type=_known_host,
        metavar="HOST",
        help="the host's name; without it, list the hosts",
    )
    setup.add_argument(
        "--url", type=_address, help="register the server at this address instead, such as https://…/mcp"
    )
    setup.add_argument(
        "--token",
        action="store_true",
        help="with --url: have the host send the token in IMAGEROUTER_MCP_TOKEN, instead of signing in",
    )
    setup.add_argument("--yes", action="store_true", help="run the host's own command without asking")
    _add_sandbox_option(setup)
    key = add(
        "key",
        help="store the API key for all hosts; asks for it without showing it",
        description="Store the API key for all hosts on this machine. It is asked for without being shown.",
    )
    key.add_argument("--remove", action="store_true", help="remove the stored key instead")
    doctor = add(
        "doctor",
        help="check everything that making a picture depends on",
        description="Check everything that making a picture depends on, and say what to do about each "
        "problem. The exit status is 1 if something is wrong.",
    )
    doctor.add_argument("--generate", action="store_true", help="make a picture with the free test model too")
    doctor.add_argument(
        "--remote",
        type=_address,
        metavar="URL",
        help="look at a server from outside instead, as hosts on the web see it: https://…/mcp",
    )
    doctor.add_argument("--json", action="store_true", help="print JSON, for scripts")
    _add_sandbox_option(doctor)


def _days(text: str) -> int:
    """Read how many days an invitation holds."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 to {_MOST_DAYS}")
    return int(text)


def _port(word: str) -> int:
    if not word.isdecimal() or int(word) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{word!r} is not a port from 0 to {_LAST_PORT}")
    return int(word)


def _day(word: str) -> date:
    try:
        return named_day(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is not a day such as 2026-11-23") from None


def _address(text: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415 - serving does not need it

    if "@" in text and not re.match(r"https?://[^/?#@:]+(:\d+)?[/?#]", text, re.IGNORECASE):
        raise argparse.ArgumentTypeError("leave the user name and the password out of the address")
    try:
        begins = re.match(r"https?://[^/]", text, re.IGNORECASE)
        usable = begins and text.isprintable() and " " not in text and urlsplit(text).port != 0
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(f"{text!r} is not an http or https address")
    return text


def _known_host(word: str) -> str:
    from imagerouter_mcp.cli.hosts import hosts  # noqa: PLC0415 - serving does not need it

    if word not in hosts():
        raise argparse.ArgumentTypeError(f"{word!r} is not one of {', '.join(hosts())}")
    return word


def _add_sandbox_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        _SANDBOX,
        action="store_true",
        default=argparse.SUPPRESS,
        help="use a stand-in inside this process: no key, no cost, no network",
    )


def _command(typed: Sequence[str]) -> Callable[[], int]:
    """Return the typed command, ready to run. Only what it needs is imported."""
    by_hand = _words_by_hand(typed)
    options = argparse.Namespace() if by_hand else parser().parse_args(typed)
    # Imports allocate no garbage, and looking for some takes a tenth of the start-up time.
    gc.disable()
    try:
        return _by_hand(by_hand) if by_hand else _served(options)
    finally:
        gc.freeze()
        gc.enable()


def _words_by_hand(typed: Sequence[str]) -> list[str]:
    """Return a command that calls a tool, its name first and `--sandbox` after it; [] for other commands."""
    before = list(takewhile(lambda word: word == _SANDBOX, typed))
    name, *after = typed[len(before) :] or [""]
    return [name, *before, *after] if name in BY_HAND else []


def _by_hand(typed: Sequence[str]) -> Callable[[], int]:
    from imagerouter_mcp.cli.by_hand import run_by_hand  # noqa: PLC0415 - see `_command`
    from imagerouter_mcp.cli.screen import speak_any_language  # noqa: PLC0415 - as above

    speak_any_language()
    return partial(run_by_hand, typed[0], typed[1:])


def _served(options: argparse.Namespace) -> Callable[[], int]:
    match options.command:
        case "http":
            from imagerouter_mcp.cli.serve_http import serve_http  # noqa: PLC0415 - see `_command`

            return partial(
                serve_http, options.host, options.port, sandbox=_sandbox(options), studio=options.studio
            )
        case "studio" | "delete" | "people" | "migrate":
            return _for_the_gallery(options)
        case "sandbox":
            from imagerouter_mcp.cli.sandbox import run_sandbox  # noqa: PLC0415 - see `_command`

            return partial(run_sandbox, options.port, options.service)
        case "setup" | "key" | "doctor":
            return _setting_up(options)
        case "demo":
            from imagerouter_mcp.cli.demo import run_demo  # noqa: PLC0415 - see `_command`

            return partial(run_demo, options.output, live=options.live)
        case _:
            from imagerouter_mcp.cli.serve_stdio import serve_stdio  # noqa: PLC0415 - see `_command`

            return partial(serve_stdio, sandbox=_sandbox(options))


def _for_the_gallery(options: argparse.Namespace) -> Callable[[], int]:
    from imagerouter_mcp.cli.screen import speak_any_language  # noqa: PLC0415 - see `_command`

    speak_any_language()
    if options.command == "people":
        from imagerouter_mcp.cli.people import run_people  # noqa: PLC0415 - see `_command`

        return partial(run_people, options, sandbox=_sandbox(options))
    if options.command == "migrate":
        from imagerouter_mcp.cli.migrate import run_migrate  # noqa: PLC0415 - see `_command`

        return run_migrate
    if options.command == "delete":
        from imagerouter_mcp.cli.delete import run_delete  # noqa: PLC0415 - see `_command`

        return partial(
            run_delete, options.handles, options.before, yes=options.yes, sandbox=_sandbox(options)
        )
    from imagerouter_mcp.cli.serve_studio import print_studio_link, run_studio  # noqa: PLC0415 - see `_command`

    if options.link:
        return partial(print_studio_link, sandbox=_sandbox(options))
    return partial(run_studio, options.port, sandbox=_sandbox(options), browser=not options.no_browser)


def _setting_up(options: argparse.Namespace) -> Callable[[], int]:
    match options.command:
        case "setup":
            from imagerouter_mcp.cli.setup import run_setup  # noqa: PLC0415 - see `_command`

            return partial(
                run_setup,
                options.host,
                yes=options.yes,
                sandbox=_sandbox(options),
                url=options.url,
                token=options.token,
            )
        case "key":
            from imagerouter_mcp.cli.key import run_key  # noqa: PLC0415 - see `_command`

            return partial(run_key, remove=options.remove)
        case _:
            from imagerouter_mcp.cli.doctor import run_doctor, run_remote_doctor  # noqa: PLC0415 - see `_command`

            if options.remote:
                return partial(run_remote_doctor, options.remote, as_json=options.json)
            return partial(
                run_doctor, sandbox=_sandbox(options), generate=options.generate, as_json=options.json
            )


def _sandbox(options: argparse.Namespace) -> bool:
    return getattr(options, "sandbox", False)

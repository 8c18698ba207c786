"""Delete pictures, after asking the person who types."""

import sys
from collections.abc import Sequence
from datetime import date

import anyio
from anyio import to_thread

from imagerouter_mcp.cli.asking import agrees
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.gallery.days import here
from imagerouter_mcp.gallery.deletion import Chosen
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.tools.pictures import file_size
from imagerouter_mcp.tools.structured import short_prompt
from imagerouter_mcp.wiring import App, open_app

_LISTED = 10
"""Maximum number of pictures to name in the question."""


def run_delete(handles: Sequence[str], before: date | None, *, yes: bool, sandbox: bool) -> int:
    """Delete pictures.

    Args:
        handles: Their handles; none if a day is given.
        before: Delete all pictures that were made before this day.
        yes: Whether to delete without asking.
        sandbox: Whether to delete pictures of the sandbox.

    Returns:
        0, or 1 if a picture was kept or does not exist.

    Raises:
        ConfigurationError: The gallery cannot be used, or nobody can be asked.
    """
    with chosen_settings(sandbox=sandbox) as settings:
        return anyio.run(_delete, settings, list(handles), before, yes)


async def _delete(settings: Settings, handles: list[str], before: date | None, yes: bool) -> int:  # noqa: FBT001 - anyio passes no names
    async with open_app(settings) as app:
        if before is None:
            chosen = await to_thread.run_sync(app.deletion.named, handles)
        else:
            chosen = await to_thread.run_sync(app.deletion.before, before)
        for sentence in chosen.unknown:
            print(sentence, file=sys.stderr)
        if not chosen.handles:
            if before is not None:
                print(f"No picture was made before {before}.")
            return int(bool(chosen.unknown))
        if not yes:
            print(await to_thread.run_sync(_question, app, chosen))
            if not agrees(f"Delete {'it' if len(chosen.handles) == 1 else 'them'}?"):
                print("Nothing was deleted.")
                return 0
        deleted = await to_thread.run_sync(app.deletion.delete, chosen.handles)
    for note in deleted.notes:
        print(note, file=sys.stderr)
    print(f"{_counted(deleted.pictures)} deleted; {file_size(deleted.bytes)} are free again.")
    return int(bool(chosen.unknown or deleted.notes))


def _question(app: App, chosen: Chosen) -> str:
    """Print what will be deleted."""
    found = [app.gallery.find(handle) for handle in chosen.handles[:_LISTED]]
    named = [
        f"  {image.handle} · {here(record.created_at):%Y-%m-%d %H:%M}"
        f' · "{short_prompt(record.prompt)}" · {image.path or "no file"}'
        for image, record in filter(None, found)
    ]
    more = len(chosen.handles) - len(named)
    lines = [*named, f"  and {more} more"] if more > 0 else named
    return "\n".join(
        (
            f"{_counted(len(chosen.handles))} with {file_size(chosen.bytes)} of files:",
            *lines,
            "This cannot be undone. What was spent stays recorded.",
        )
    )


def _counted(pictures: int) -> str:
    return "1 picture" if pictures == 1 else f"{pictures:,} pictures"

"""Decide where callers may save: in the person's own folders, but not in hidden or system folders.

A folder is checked by its real path, after following every link.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.gallery.names import is_picture_name
from imagerouter_mcp.settings import Settings, expand

_SYSTEM = tuple(
    map(
        Path,
        (
            *("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/run", "/sbin", "/sys"),
            *("/usr", "/System", "/Library", "/Applications", "/private/etc", "/nix", "/snap"),
            *("C:\\Windows", "C:\\Program Files", "C:\\Program Files (x86)", "C:\\ProgramData"),
        ),
    )
)
"""System folders; everything below them counts too."""
_SHARED = frozenset(map(Path, ("/home", "/media", "/mnt", "/opt", "/srv", "/var", "/Users", "/Volumes")))
"""Folders that only hold other people's folders: a project may be below them, but not in them directly."""
_PROGRAMS = frozenset({"appdata", "library"})
"""Folders in a home that count as hidden: programs' settings, and programs that start with the session."""
_OPENCLAW = ("media", "workspace")
_LONGEST = 4096
"""Characters of a path; Linux takes no longer one, and following a very long one takes minutes."""
_DEEPEST = 100
"""Maximum number of parts of a path: creating nested folders recurses once for each."""
_HIDDEN = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 0)


@dataclass(frozen=True, slots=True)
class Places:
    """Folders that may be saved in, including everything below them.

    Attributes:
        named: Folders the person named; they may be hidden.
        usual: Other folders; no part of their path may be hidden.
        remote: Whether callers are on other machines and must not learn this one's paths.
    """

    named: tuple[Path, ...]
    usual: tuple[Path, ...] = ()
    remote: bool = False


def openclaw_folders() -> tuple[Path, ...]:
    """Return OpenClaw's folders for pictures: its chats only relay files from there."""
    return tuple(Path.home() / ".openclaw" / folder for folder in _OPENCLAW)


def output_places(settings: Settings, roots: Sequence[Path] = ()) -> Places:
    """Return the folders that callers of this server may save in.

    Args:
        settings: The person's own folders.
        roots: Folders that the host works in.
    """
    if settings.remote:
        return Places((settings.output_dir,), remote=True)
    usual = roots if settings.output_dirs else (_home(), _working(), *roots)
    allowed = tuple(folder for folder in usual if folder and not _is_of_the_system(folder))
    if settings.output_dirs:
        return Places((settings.output_dir, *settings.output_dirs), allowed)
    return Places((settings.output_dir, *openclaw_folders()), allowed)


def permitted(text: str, places: Places) -> Path:
    """Return the real path of a folder that a caller named.

    Args:
        text: An absolute path, also with `~`; the folder need not exist.
        places: From `output_places`.

    Raises:
        PlanError: Saving there is not allowed.
    """
    try:
        folder = expand(text[:_LONGEST])
        long = len(text) > _LONGEST or len(folder.parts) > _DEEPEST
        too_long = "its path is too long" if long else None
        complaint = too_long or _complaint(folder, places) or _file_complaint(folder)
        if complaint is None:
            return folder.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, no home folder, a null character
        complaint = "it is not the path of a folder"
    raise PlanError(f"Pictures cannot be saved in {_shown(text)!r}: {complaint}.", _remedy(places))


def _complaint(folder: Path, places: Places) -> str | None:
    """Return why saving in a folder is not allowed, as the end of a sentence, or None."""
    if not folder.is_absolute():
        return "it is not an absolute path"
    roots = (*places.named, *places.usual)
    # On Windows, merely looking at a path of another machine sends credentials there.
    if folder.drive.lower() not in {root.drive.lower() for root in roots}:
        return "it is on another drive or machine"
    real = folder.resolve()
    if os.name == "nt" and any(":" in part for part in real.parts[1:]):
        return "it is a stream within a file"
    parents = [root.resolve() for root in roots if real.is_relative_to(root.resolve())]
    if not parents:
        return "it is outside of the folders that may be saved in"
    named = {root.resolve() for root in places.named}
    if all(_hides(real, root, own_path=root not in named) for root in parents):
        return "it is hidden, or in a hidden folder"
    return None


def _file_complaint(folder: Path) -> str | None:
    if folder.is_file() or (is_picture_name(folder.name) and not folder.is_dir()):
        return "it is the path of a file; give its folder as output_dir and its name as filename"
    return None


def _hides(real: Path, root: Path, *, own_path: bool) -> bool:
    """Return whether a part of a path below a folder is hidden; `own_path` includes the folder's own."""
    above = _home_or_root(root) if own_path else root
    below = [real, *real.parents][: len(real.parts) - len(above.parts)]
    return any(map(_is_hidden, below))


def _home_or_root(folder: Path) -> Path:
    home = _home()
    return home if home and folder.is_relative_to(home) else Path(folder.anchor)


def _is_hidden(path: Path) -> bool:
    if path.name.startswith(".") or (path.parent == _home() and path.name.lower() in _PROGRAMS):
        return True
    try:
        return bool(getattr(path.lstat(), "st_file_attributes", 0) & _HIDDEN)
    except OSError:
        return False


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return None


def _working() -> Path | None:
    """Return the working directory, unless it contains the home folder."""
    try:
        working = Path.cwd().resolve()
    except OSError:  # it was removed
        return None
    home = _home()
    return None if home and home != working and home.is_relative_to(working) else working


def _is_of_the_system(folder: Path) -> bool:
    return (
        folder == Path(folder.anchor)
        or folder in _SHARED
        or any(folder.is_relative_to(system) for system in _SYSTEM)
    )


def _shown(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:200])


def _remedy(places: Places) -> str:
    if places.remote:
        return "Leave output_dir out."
    known = ", ".join(dict.fromkeys(str(root) for root in (places.named[0], *places.usual)))
    return (
        f"Leave output_dir out, or give a folder below one of these: {known}. The person can allow others "
        "with IMAGEROUTER_OUTPUT_DIRS."
    )

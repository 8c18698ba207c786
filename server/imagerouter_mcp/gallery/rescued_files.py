"""Move files into the object store that were saved on this machine because the store had failed."""

import secrets
import shutil
from pathlib import Path

from imagerouter_mcp.gallery.files import RESCUED, discard, partial_folder
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.settings import Settings


def move_in(gallery: Gallery, kept: KeptFiles, settings: Settings) -> int:
    """Move a person's rescued files into the object store; return how many were moved.

    Raises:
        OSError: The object store still cannot be written to.
        ConfigurationError: The gallery cannot be used.
    """
    moved = 0
    for file in _rescued(settings.data_dir):
        if not gallery.has(file):
            continue
        settings.output_dir.mkdir(parents=True, exist_ok=True)
        with partial_folder(settings.output_dir) as folder:
            copy = folder / file.name
            shutil.copyfile(file, copy)
            key = kept.keep(copy, secrets.token_hex(4))  # another server may be moving it too
        if gallery.move_file(file, key):
            moved += 1
        else:  # it was deleted meanwhile, or fetched anew
            kept.discard(key)
        discard(file)
    return moved


def _rescued(data_dir: Path) -> list[Path]:
    return [each for each in (data_dir / RESCUED).glob("*") if each.is_file()]

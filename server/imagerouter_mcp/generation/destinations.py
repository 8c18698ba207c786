"""Choose the folder and the file name of each result."""

import re
from pathlib import Path

from anyio import to_thread

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.gallery.files import free_series
from imagerouter_mcp.gallery.kept_files import KeptFiles
from imagerouter_mcp.gallery.names import checked_filename, file_stem
from imagerouter_mcp.gallery.output_folders import output_places, permitted
from imagerouter_mcp.gallery.records import Gallery
from imagerouter_mcp.generation.planning.plan import Destination
from imagerouter_mcp.generation.planning.request import Request
from imagerouter_mcp.images.source_images import is_data
from imagerouter_mcp.settings import Settings


class Destinations:
    """Chooses where results go; writes nothing.

    Args:
        settings: The folders.
        gallery: Knows the names of earlier pictures.
        kept: Keeps the files.
    """

    def __init__(self, settings: Settings, gallery: Gallery, kept: KeptFiles) -> None:
        self._settings = settings
        self._gallery = gallery
        self._kept = kept

    async def series(self, request: Request, count: int) -> list[Destination]:
        """Return where each of `count` results of a request goes.

        Raises:
            PlanError: The file name cannot be used, or saving in the folder is not allowed.
        """
        if count == 1 and request.prompt.strip() and not request.output_dir:  # no need to look at files
            return [self.of(request)]
        return await to_thread.run_sync(self._numbered, request, count)

    def _numbered(self, request: Request, count: int) -> list[Destination]:
        place = self.of(request)
        if count == 1:
            return [place]
        return Destination(place.folder, free_series(place.folder, place.stem, count)).numbered(count)

    def of(self, request: Request) -> Destination:
        """Return where the result of a request goes.

        Raises:
            PlanError: The file name cannot be used, or saving in the folder is not allowed.
        """
        folder = self._settings.output_dir
        if request.output_dir and self._kept.objects:
            raise PlanError("Pictures go into an object store without folders.", "Leave output_dir out.")
        if request.output_dir:
            folder = permitted(request.output_dir, output_places(self._settings, request.roots))
        if request.filename:
            return Destination(folder, checked_filename(request.filename))
        return Destination(folder, file_stem(request.prompt.strip() or self._source_name(request)))

    def _source_name(self, request: Request) -> str:
        """Return the name of the first source's file, or "" if it has none."""
        source = request.images[0] if request.images else ""
        own = self._gallery.find(source)
        if own and own[0].path:
            return own[0].path.stem
        return "" if is_data(source) else Path(re.split(r"[/\\]", re.split(r"[?#]", source)[0])[-1]).stem

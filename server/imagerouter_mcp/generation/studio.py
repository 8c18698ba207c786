"""What a process holds while it makes pictures: one HTTP client, the catalogue, the gallery.

Everything is imported and built when it is first needed: a host that only lists the tools waits for none of
it.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.settings import Settings, expand

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Catalogue, Listing
    from imagerouter_mcp.api.client import ImageRouterClient
    from imagerouter_mcp.api.ranking import Popularity
    from imagerouter_mcp.fetch import Fetcher
    from imagerouter_mcp.gallery.database import Database
    from imagerouter_mcp.gallery.journal import Journal
    from imagerouter_mcp.gallery.ledger import Ledger
    from imagerouter_mcp.gallery.records import Gallery
    from imagerouter_mcp.gallery.uploads import Uploads
    from imagerouter_mcp.generation.calls import Calls
    from imagerouter_mcp.generation.links import Links
    from imagerouter_mcp.generation.pacing import Pace
    from imagerouter_mcp.images.source_images import SourceReader


class Studio:
    """The parts that every generation shares.

    Args:
        settings: What the person set.
        links: How those who are far away reach pictures; None when whoever asks is on this machine.
    """

    def __init__(self, settings: Settings, links: "Links | None" = None) -> None:
        self.settings = settings
        self.links = links

    @cached_property
    def _database(self) -> "Database":
        from imagerouter_mcp.gallery.database import Database

        return Database(self.settings.data_dir)

    @cached_property
    def gallery(self) -> "Gallery":
        """What was made."""
        from imagerouter_mcp.gallery.records import Gallery

        return Gallery(self._database)

    @cached_property
    def journal(self) -> "Journal":
        """What is being made, and what became of it."""
        from imagerouter_mcp.gallery.journal import Journal

        return Journal(self._database, self.settings.data_dir)

    @cached_property
    def ledger(self) -> "Ledger":
        """What was spent."""
        from imagerouter_mcp.gallery.ledger import Ledger

        return Ledger(self._database)

    @cached_property
    def calls(self) -> "Calls":
        """The calls under way."""
        from imagerouter_mcp.generation.calls import Calls

        return Calls(self)

    @cached_property
    def pace(self) -> "Pace":
        """Whose turn it is to send."""
        from imagerouter_mcp.generation.pacing import Pace

        return Pace(self.settings.concurrency, self.client.rate)

    @cached_property
    def uploads(self) -> "Uploads":
        """What was sent to be edited."""
        from imagerouter_mcp.gallery.uploads import Uploads

        return Uploads(self.settings.data_dir)

    @cached_property
    def catalogue(self) -> "Catalogue":
        """The models."""
        from imagerouter_mcp.api.catalogue import Catalogue

        return Catalogue(self._fetch_models)

    @cached_property
    def popularity(self) -> "Popularity":
        """Which of them are used most."""
        from imagerouter_mcp.api.ranking import Popularity

        return Popularity(self._fetch_popular, self.catalogue)

    @cached_property
    def _tls(self):  # noqa: ANN202 - its type would have to be imported at start-up
        from imagerouter_mcp.fetch import tls_context

        return tls_context()

    @cached_property
    def _http(self):  # noqa: ANN202 - only api/ and fetch.py name httpx
        from imagerouter_mcp.fetch import http_client

        return http_client(self._tls)

    @cached_property
    def client(self) -> "ImageRouterClient":
        """ImageRouter's endpoints.

        Raises:
            ConfigurationError: The file that should hold the API key cannot be read.
        """
        from imagerouter_mcp.api.client import ImageRouterClient
        from imagerouter_mcp.api.http import ServiceHTTP

        service = ServiceHTTP(self._http, self.settings.key, self.settings.stall_seconds)
        return ImageRouterClient(service, self.settings)

    @cached_property
    def fetcher(self) -> "Fetcher":
        """Downloads, without the API key."""
        from imagerouter_mcp.addresses import Policy, origin_of
        from imagerouter_mcp.fetch import Fetcher

        policy = Policy(origin_of(self.settings.base_url), self.settings.allow_private_urls)
        return Fetcher(policy, self.settings.stall_seconds, self._tls)

    @cached_property
    def sources(self) -> "SourceReader":
        """Opens source images."""
        from imagerouter_mcp.images.source_images import SourceReader

        return SourceReader(self.fetcher, expand, self.settings.source_folders)

    async def known_models(self) -> "Listing | None":
        """The catalogue for checking a request, or None when the service does not give it now."""
        try:
            return await self.catalogue.models()
        except ImageRouterError:
            return None

    async def popular_ids(self) -> tuple[str, ...]:
        """The most used models, or their substitute; none when neither can be had."""
        try:
            return (await self.popularity.ranking()).ids
        except ImageRouterError:
            return ()

    async def _fetch_models(self) -> object:
        return await self.client.models()

    async def _fetch_popular(self) -> object:
        return await self.client.popular()

    async def close(self) -> None:
        """Let what was sent arrive, for as long as the person allows, then close what was opened."""
        if "calls" in self.__dict__:
            await self.calls.close(self.settings.grace_seconds)
        for opened in ("_http", "fetcher"):
            if opened in self.__dict__:
                await self.__dict__[opened].aclose()
        if "journal" in self.__dict__:
            self.journal.close()
        if "_database" in self.__dict__:
            self._database.close()


@asynccontextmanager
async def open_studio(settings: Settings, links: "Links | None" = None) -> AsyncGenerator[Studio]:
    """A studio that is closed at the end of the block."""
    studio = Studio(settings, links)
    try:
        yield studio
    finally:
        await studio.close()

"""Build the parts that work for one person, and connect them with each other and with what all people share.

Each part is imported and built when it is first needed, so a host that only lists the tools waits for none
of them. Only `cli`, `http_app`, `tools`, `apps` and `retention` know this file.
"""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.people.person import API_KEY_PAGE, LOCAL, Person
from imagerouter_mcp.settings import Settings, expand
from imagerouter_mcp.shared import Configured, Shared

if TYPE_CHECKING:
    from imagerouter_mcp.api.catalogue import Catalogue
    from imagerouter_mcp.api.popularity import Popularity
    from imagerouter_mcp.database.schema import Database
    from imagerouter_mcp.gallery.answers import Answers
    from imagerouter_mcp.gallery.browsing import Browsing
    from imagerouter_mcp.gallery.deletion import Deletion
    from imagerouter_mcp.gallery.journal import Journal
    from imagerouter_mcp.gallery.kept_files import KeptFiles
    from imagerouter_mcp.gallery.ledger import Ledger
    from imagerouter_mcp.gallery.records import Gallery
    from imagerouter_mcp.gallery.signed_links import Links
    from imagerouter_mcp.gallery.thumbnails import Thumbnails
    from imagerouter_mcp.gallery.uploads import Uploads
    from imagerouter_mcp.generation.allowance import Allowance
    from imagerouter_mcp.generation.calls.calls import Calls
    from imagerouter_mcp.generation.calls.collect import Collector
    from imagerouter_mcp.generation.calls.order import Planner
    from imagerouter_mcp.generation.calls.payer import Payers
    from imagerouter_mcp.generation.calls.run import Runner
    from imagerouter_mcp.generation.delivery import Delivery
    from imagerouter_mcp.generation.destinations import Destinations
    from imagerouter_mcp.generation.lost_files import LostFiles
    from imagerouter_mcp.generation.result_files import ResultFiles
    from imagerouter_mcp.generation.sources import Sources
    from imagerouter_mcp.generation.step_runner import StepRunner


class App(Configured):
    """All parts that work for one person.

    Args:
        settings: The person's settings, or the error in them, which every call then reports.
        links: Makes links for callers on other machines; None if callers are on this one.
        typed: Whether a person types each call, so that a repeated one asks for another result.
        shared: What the Apps of several people use together; None for an App that has it to itself.
        person: Whom it works for.
    """

    def __init__(
        self,
        settings: Settings | ConfigurationError,
        links: "Links | None" = None,
        *,
        typed: bool = False,
        shared: Shared | None = None,
        person: Person = LOCAL,
    ) -> None:
        super().__init__(settings)
        self.links = links
        self.typed = typed
        self.person = person
        self._owns_shared = shared is None
        self.shared = shared or Shared(settings)

    @property
    def operator(self) -> "App":
        """This App: the local person is the operator."""
        return self

    def present(self) -> "App":
        """Return this App: it has one person, who sends every request."""
        return self

    async def find(self, person: str, /) -> Person | None:
        """Return the one person, if this is the id."""
        return LOCAL if person == LOCAL.id else None

    async def everybody(self) -> list[Person]:
        """Return the one person."""
        return [LOCAL]

    async def by_token(self, _: str, /) -> Person | None:
        """Return None: nobody has a token of their own."""
        return None

    def using(self, _: Person, /) -> AbstractAsyncContextManager["App"]:
        """Return a block in which this App is the present one, as it always is."""
        return nullcontext(self)

    def for_person(self, person: Person) -> "App":
        """Return an App of another person, with folders and links of their own."""
        links = self.links.for_person(person.id) if self.links else None
        return App(self.settings.for_person(person.id), links, shared=self.shared, person=person)

    @property
    def has_records(self) -> bool:
        """Whether the person may have records; looking for them must not make their folders."""
        return self.shared.postgres is not None or self.settings.data_dir.exists()

    @property
    def at_work(self) -> bool:
        """Whether a call is under way."""
        return "calls" in self.__dict__ and self.calls.under_way

    @cached_property
    def _database(self) -> "Database":
        return self._opened_database()

    def _opened_database(self) -> "Database":
        from imagerouter_mcp.gallery.tables import SCHEMA, gallery_database

        if self.shared.postgres is None:
            return gallery_database(self.settings.data_dir)
        from imagerouter_mcp.database.postgres import PostgresDatabase

        return PostgresDatabase(self.shared.postgres, SCHEMA, self.person.id)

    @cached_property
    def gallery(self) -> "Gallery":
        """The records of what was made."""
        from imagerouter_mcp.gallery.records import Gallery

        return Gallery(self._database)

    @cached_property
    def browsing(self) -> "Browsing":
        """The same, as people look through it."""
        from imagerouter_mcp.gallery.browsing import Browsing

        return Browsing(self._opened_database())

    @cached_property
    def files(self) -> "KeptFiles":
        """The files of finished pictures and videos."""
        from imagerouter_mcp.gallery.kept_files import KeptFiles

        objects = self.shared.objects
        return KeptFiles(self.settings.output_dir, objects and objects.under(f"people/{self.person.id}"))

    @cached_property
    def thumbnails(self) -> "Thumbnails":
        """Small copies of pictures, for people who look through them."""
        from imagerouter_mcp.gallery.thumbnails import Thumbnails

        return Thumbnails(self.settings.data_dir)

    @cached_property
    def deletion(self) -> "Deletion":
        """Removes pictures."""
        from imagerouter_mcp.gallery.deletion import Deletion

        return Deletion(self._database, self.thumbnails, self.files, self.settings)

    @cached_property
    def journal(self) -> "Journal":
        """The entries of what is being made, and of what became of it."""
        from imagerouter_mcp.gallery.journal import Journal
        from imagerouter_mcp.gallery.owners import Owners

        return Journal(self._database, self.shared.leases or Owners(self.settings.data_dir / "running"))

    @cached_property
    def answers(self) -> "Answers":
        """The service's answers on disk."""
        from imagerouter_mcp.gallery.answers import Answers

        return Answers(self.settings.data_dir, self.files.objects)

    @cached_property
    def ledger(self) -> "Ledger":
        """What was spent."""
        from imagerouter_mcp.gallery.ledger import Ledger

        return Ledger(self._database)

    @cached_property
    def uploads(self) -> "Uploads":
        """Pictures that were sent to this server to be edited."""
        from imagerouter_mcp.gallery.uploads import Uploads

        return Uploads(self.settings.data_dir, self.files.objects)

    @property
    def catalogue(self) -> "Catalogue":
        """The model list."""
        return self.shared.catalogue

    @property
    def popularity(self) -> "Popularity":
        """The models by how much they are used."""
        return self.shared.popularity

    @cached_property
    def sources(self) -> "Sources":
        """Source images and masks."""
        from imagerouter_mcp.generation.sources import Sources
        from imagerouter_mcp.images.source_images import SourceReader

        self._ensure_temporary_folder()
        reader = SourceReader(self.shared.fetcher, expand, self.settings.source_folders)
        return Sources(
            reader, self.gallery, self.files, self.uploads, self.shared.descriptors, is_newer=self._is_newer
        )

    @cached_property
    def delivery(self) -> "Delivery":
        """Stores results."""
        from imagerouter_mcp.generation.delivery import Delivery

        return Delivery(
            self._result_files, self.gallery, self.journal, self.answers, self.files, settings=self.settings
        )

    @cached_property
    def lost_files(self) -> "LostFiles":
        """Finds files of results again."""
        from imagerouter_mcp.generation.lost_files import LostFiles

        return LostFiles(self._result_files, self.gallery, self.answers, self.files, settings=self.settings)

    @cached_property
    def _result_files(self) -> "ResultFiles":
        from imagerouter_mcp.generation.result_files import ResultFiles

        return ResultFiles(lambda: self.shared.fetcher, self.gallery, self.answers, self.files, self.settings)

    @cached_property
    def destinations(self) -> "Destinations":
        """Chooses where results go."""
        from imagerouter_mcp.generation.destinations import Destinations

        return Destinations(self.settings, self.gallery, self.files)

    @cached_property
    def step_runner(self) -> "StepRunner":
        """Finishes pictures without a model."""
        from imagerouter_mcp.generation.step_runner import StepRunner

        return StepRunner(
            self.sources, self.destinations, self.gallery, self.files, remote=self.settings.remote
        )

    @cached_property
    def planner(self) -> "Planner":
        """Turns orders into plans."""
        from imagerouter_mcp.generation.calls.order import Planner

        return Planner(
            settings=self.settings,
            catalogue=self.catalogue,
            popularity=self.popularity,
            sources=self.sources,
            destinations=self.destinations,
            delivery=self.delivery,
            journal=self.journal,
            allowance=self.allowance,
        )

    @cached_property
    def allowance(self) -> "Allowance":
        """What the person may spend."""
        from imagerouter_mcp.generation.allowance import Allowance

        return Allowance(self.person, self.settings, self.journal, self.ledger, self.shared.people)

    @cached_property
    def calls(self) -> "Calls":
        """The calls that are under way."""
        from imagerouter_mcp.generation.calls.calls import Calls
        from imagerouter_mcp.generation.calls.tasks import CallTasks

        recount = self.allowance.recount if self.shared.people else None
        tasks = CallTasks(self.journal, self._collector, lambda: self._runner, self.payers, recount)
        return Calls(
            self.journal,
            self._collector,
            lambda: self.sources,
            tasks,
            self.payers,
            repeats_are_meant=self.typed,
        )

    @cached_property
    def payers(self) -> "Payers":
        """Whose key pays for what the person asks for."""
        from imagerouter_mcp.generation.calls.payer import Payers

        return Payers(
            self.person,
            lambda: self.shared.keys,
            self.shared.api_keys,
            required=self.settings.own_keys == "required",
            page=self._api_key_page,
        )

    @property
    def _api_key_page(self) -> str:
        """The address where the person stores a key; "" where people sign in elsewhere."""
        if self.links is None or self.settings.jwt_issuer:
            return ""
        return self.links.base_url + API_KEY_PAGE

    @cached_property
    def _collector(self) -> "Collector":
        from imagerouter_mcp.generation.calls.collect import Collector

        return Collector(self.gallery, self.journal, self.lost_files)

    @cached_property
    def _runner(self) -> "Runner":
        from imagerouter_mcp.generation.calls.run import Runner
        from imagerouter_mcp.generation.calls.send import Sender

        sender = Sender(
            person=self.person.id,
            journal=self.journal,
            answers=self.answers,
            gallery=self.gallery,
            catalogue=self.catalogue,
            descriptors=self.shared.descriptors,
        )
        return Runner(self.planner, sender, self.delivery, self.journal, self.answers)

    def _ensure_temporary_folder(self) -> None:
        """Have temporary files made in the data folder if the system has no folder for them.

        Raises:
            ConfigurationError: They cannot be made there either.
        """
        import tempfile

        from imagerouter_mcp.gallery.files import prepare_folder
        from imagerouter_mcp.private_files import private_folder

        try:
            tempfile.gettempdir()
        except FileNotFoundError:
            folder = self.settings.data_dir / "temporary"
            prepare_folder(folder, "Make it writable and make room there, or set TMPDIR.")
            tempfile.tempdir = str(private_folder(folder))

    async def _is_newer(self) -> bool:
        return await self.shared.client.is_newer()

    async def end_calls(self, seconds: float) -> None:
        """Send nothing more, and give what was sent some seconds to arrive and be stored."""
        built = self.__dict__
        if self._owns_shared:
            self.shared.stop()
        if "calls" in built:
            await self.calls.close(seconds)

    async def close(self) -> None:
        """Send nothing more, wait for what was sent as long as the person allows, and close everything."""
        built = self.__dict__
        if "calls" in built:
            await self.end_calls(self.settings.grace_seconds)
        if "journal" in built and not self.shared.leases:  # which other people's Apps hold too
            self.journal.close()
        if "browsing" in built:
            self.browsing.close()
        if "_database" in built:
            self._database.close()
        if self._owns_shared:
            await self.shared.close()


@asynccontextmanager
async def open_app(
    settings: Settings | ConfigurationError, links: "Links | None" = None, *, typed: bool = False
) -> AsyncGenerator[App]:
    """Open an app and close it at the end of the block."""
    app = App(settings, links, typed=typed)
    try:
        yield app
    finally:
        await app.close()

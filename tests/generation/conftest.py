"""The parts of a person's gallery, on disk."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.gallery.answers import Answers
from imagerouter_mcp.gallery.journal import Journal
from imagerouter_mcp.gallery.owners import Owners
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.settings import Settings
from support.recording import RecordingGallery


@pytest.fixture
def person(settings: Settings) -> Settings:
    """Settings of somebody who may fetch from this machine."""
    return settings.model_copy(update={"allow_private_urls": True})


@pytest.fixture
def database(person: Settings) -> Iterator[Database]:
    """The person's database."""
    with closing(gallery_database(person.data_dir)) as opened:
        yield opened


@pytest.fixture
def gallery(database: Database) -> RecordingGallery:
    """The person's records."""
    return RecordingGallery(database)


@pytest.fixture
def entries(database: Database, person: Settings) -> Iterator[Journal]:
    """The person's journal."""
    with closing(Journal(database, Owners(person.data_dir / "running"))) as opened:
        yield opened


@pytest.fixture
def answers(person: Settings) -> Answers:
    """What came of the person's generations."""
    return Answers(person.data_dir)

"""Group the stores of sign-in, which share one database."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from imagerouter_mcp.database.opening import open_database
from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.fetch import Fetcher
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.sign_in.authorization_requests import AuthorizationRequests
from imagerouter_mcp.sign_in.client_documents import ClientDocuments
from imagerouter_mcp.sign_in.clients import Clients
from imagerouter_mcp.sign_in.grants import Grants
from imagerouter_mcp.sign_in.invitations import Browsers, Invitations
from imagerouter_mcp.sign_in.sign_in_tables import SIGN_IN
from imagerouter_mcp.sign_in.waiting import Waiting

if TYPE_CHECKING:
    from imagerouter_mcp.database.postgres import PostgresServer


class SignIn:
    """The stores of sign-in.

    Args:
        database: The database that `SIGN_IN` describes.
        fetcher: Returns what downloads the documents that describe clients.
    """

    def __init__(self, database: Database, fetcher: Callable[[], Fetcher]) -> None:
        self._database = database
        self.clients = Clients(database)
        self.documents = ClientDocuments(database, fetcher)
        self.requests = AuthorizationRequests(database)
        self.grants = Grants(database)
        self.openid_sign_ins = Waiting("openid_sign_ins", database)
        self.invitations = Invitations(database)
        self.browsers = Browsers(database)

    def end_all(self, person: str) -> None:
        """Sign a person out everywhere: clients, browsers and invitations."""
        self.grants.end_all(person)
        self.browsers.end_all(person)
        self.invitations.withdraw(person)

    def close(self) -> None:
        """Close the database. The next use opens it again."""
        self._database.close()


def open_sign_in(
    settings: Settings, fetcher: Callable[[], Fetcher], server: "PostgresServer | None" = None
) -> SignIn:
    """Return the stores that the operator's settings name.

    Args:
        settings: The settings.
        fetcher: Returns what downloads the documents that describe clients.
        server: Their PostgreSQL if it is connected already; None to connect.
    """
    file = settings.data_dir / "sign_in.sqlite3"
    return SignIn(open_database(settings.database_url, file, SIGN_IN, server), fetcher)

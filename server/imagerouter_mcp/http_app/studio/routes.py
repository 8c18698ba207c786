"""Add the studio to a server: its page, and what the page asks for."""

from mcp.server import MCPServer

from imagerouter_mcp.http_app.browser_sessions import BrowserSessions
from imagerouter_mcp.http_app.studio.browse_routes import add_browsing
from imagerouter_mcp.http_app.studio.deletion_routes import add_deletion
from imagerouter_mcp.http_app.studio.entrance import add_entrance
from imagerouter_mcp.http_app.studio.live_changes import add_changes
from imagerouter_mcp.http_app.studio.one_time_codes import OneTimeCodes
from imagerouter_mcp.http_app.studio.picture_routes import add_pictures
from imagerouter_mcp.http_app.studio.static_page import add_studio_page
from imagerouter_mcp.http_app.studio.thumbnail_routes import add_thumbnails
from imagerouter_mcp.wiring import App


def add_studio(server: MCPServer[App], app: App, codes: OneTimeCodes, sessions: BrowserSessions) -> None:
    """Add `/studio` and everything below it.

    Args:
        server: The server being built.
        app: What the studio shows.
        codes: Redeems the codes of the links that open it.
        sessions: The browsers that were let in.
    """
    add_studio_page(server)
    add_entrance(server, app, codes, sessions)
    add_browsing(server, app)
    add_pictures(server, app)
    add_thumbnails(server, app)
    add_deletion(server, app)
    add_changes(server, app, sessions)

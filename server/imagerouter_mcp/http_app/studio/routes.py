"""Add the studio to a server: its page, and what the page asks for."""

from mcp.server import MCPServer

from imagerouter_mcp.apps import Apps
from imagerouter_mcp.http_app.browser_sessions import BrowserSessions
from imagerouter_mcp.http_app.studio.browse_routes import add_browsing
from imagerouter_mcp.http_app.studio.deletion_routes import add_deletion
from imagerouter_mcp.http_app.studio.entrance import add_entrance
from imagerouter_mcp.http_app.studio.live_changes import add_changes
from imagerouter_mcp.http_app.studio.one_time_codes import OneTimeCodes
from imagerouter_mcp.http_app.studio.picture_routes import add_pictures
from imagerouter_mcp.http_app.studio.static_page import add_studio_page
from imagerouter_mcp.http_app.studio.thumbnail_routes import add_thumbnails
from imagerouter_mcp.http_app.upload_page import Arrivals


def add_studio(
    server: MCPServer[Apps], apps: Apps, codes: OneTimeCodes, sessions: BrowserSessions, arrivals: Arrivals
) -> None:
    """Add `/studio` and everything below it.

    Args:
        server: The server being built.
        apps: What the studio shows.
        codes: Redeems the codes of the links that open it.
        sessions: The browsers that were let in.
        arrivals: Receives uploads.
    """
    settings, links = apps.settings, apps.links
    add_studio_page(server, links.base_url if settings.people and links and not settings.jwt_issuer else "")
    add_entrance(server, apps, codes, sessions)
    add_browsing(server, apps)
    add_pictures(server, apps, arrivals)
    add_thumbnails(server, apps)
    add_deletion(server, apps)
    add_changes(server, apps)

"""The paths of sign-in. All of them are open: whoever comes has no token yet."""

from imagerouter_mcp.people.person import API_KEY_PAGE

AUTHORIZE = "/authorize"
TOKEN = "/token"  # noqa: S105 - a path
REGISTER = "/register"
REVOKE = "/revoke"
CONSENT = "/consent"
SIGN_IN_PAGE = "/sign-in"
STYLE = "/sign-in/style.css"
SCRIPT = "/sign-in/invitation.js"
OPENID = "/sign-in/openid"
CALLBACK = "/sign-in/callback"
SIGN_OUT = "/sign-out"
INVITATION = "/invitation"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA_ROOT = "/.well-known/oauth-protected-resource"
RESOURCE_METADATA = f"{RESOURCE_METADATA_ROOT}/mcp"
FOR_CLIENTS = (TOKEN, REGISTER, REVOKE, SERVER_METADATA, RESOURCE_METADATA_ROOT, RESOURCE_METADATA)
"""What programs request, also from pages of any origin: no cookie counts there."""
FOR_PEOPLE = (
    *(AUTHORIZE, CONSENT, API_KEY_PAGE, STYLE, SCRIPT),
    *(SIGN_IN_PAGE, OPENID, CALLBACK, SIGN_OUT, INVITATION),
)
"""What a person's browser opens."""
SIGN_IN_PATHS = (*FOR_CLIENTS, *FOR_PEOPLE)

"""Sign people in: clients and what they may do, invitations, browsers. It knows no HTTP server."""

"""Serve MCP over HTTP: access, limits, signed links, health probes and the request log."""

"""A server for each file of tests."""

from support.sign_in_fixtures import ann, provider, server, visitor

__all__ = ["ann", "provider", "server", "visitor"]

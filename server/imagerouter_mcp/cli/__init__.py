"""What a person types: the `imagerouter-mcp` command."""

from imagerouter_mcp.cli.main import main

__all__ = ["main"]

"""Run the ImageRouter stand-in as a process of its own."""

import anyio

from imagerouter_mcp.sandbox.service.accounts import KEY, POOR_KEY
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.editions import EDITIONS
from imagerouter_mcp.sandbox.service.serve import serve
from imagerouter_mcp.sandbox.service.special_models import SPECIAL_MODELS


def run_sandbox(port: int, service: str) -> int:
    """Serve on loopback until a signal arrives.

    Args:
        port: The port to bind to, 0 for a free one.
        service: Which generation of the service to be, one of `EDITIONS`.
    """

    def ready(address: str) -> None:
        print(f"Sandbox at {address}", flush=True)
        print(f"Try it: IMAGEROUTER_BASE_URL={address} IMAGEROUTER_API_KEY={KEY}", flush=True)

    anyio.run(lambda: serve(build_app(edition=EDITIONS[service]), "127.0.0.1", port, ready=ready))
    return 0


def what_it_offers() -> str:
    """Return the end of `sandbox --help`: the models and the key for trying out failures."""
    models = "\n".join(f"  {model_id:24} {one.purpose}" for model_id, one in SPECIAL_MODELS.items())
    return (
        f"models for trying out failures (any other id behaves as at the service):\n{models}\n\n"
        f"keys: any text of 64 characters is an account with $25.50.\n"
        f"  {POOR_KEY}\n"
        "  is an account without credits, which cannot use :free models either."
    )

"""Run the ImageRouter stand-in as a process of its own."""

import shlex
import sys

import anyio

from imagerouter_mcp.cli.chosen_settings import sandbox_records
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.sandbox.service.accounts import KEY, POOR_KEY
from imagerouter_mcp.sandbox.service.asgi import build_app
from imagerouter_mcp.sandbox.service.editions import EDITIONS
from imagerouter_mcp.sandbox.service.serve import serve
from imagerouter_mcp.sandbox.service.special_models import SPECIAL_MODELS, with_special_models
from imagerouter_mcp.settings import load_settings


def run_sandbox(port: int, service: str) -> int:
    """Serve on loopback until a signal arrives.

    Args:
        port: The port to bind to, 0 for a free one.
        service: Which generation of the service to be, one of `EDITIONS`.

    Raises:
        ConfigurationError: The port cannot be used, or a variable has an invalid value.
    """
    settings = load_settings()
    of_a_team = {"DATABASE_URL": settings.database_url, "OBJECT_STORE": settings.object_store}
    unset = {name: "" for name, value in of_a_team.items() if value is not None}  # these hold real spending

    def ready(address: str) -> None:
        print(f"Sandbox at {address}", flush=True)
        print("To use it in another terminal, paste there:", flush=True)
        variables = {**unset, "BASE_URL": address, "API_KEY": KEY, "DATA_DIR": str(sandbox_records(settings))}
        for name, value in variables.items():
            print(f"  {_assignment(f'IMAGEROUTER_{name}', value)}", flush=True)

    try:
        app = build_app(edition=EDITIONS[service], models=with_special_models())
        anyio.run(lambda: serve(app, "127.0.0.1", port, ready=ready))
    except OSError as error:
        raise ConfigurationError(
            f"The sandbox cannot be served at port {port}: {error.strerror or error}.",
            "Choose another --port; --port 0 takes a free port.",
        ) from None
    return 0


def _assignment(variable: str, value: str) -> str:
    """Return the line that sets a variable in the usual shell: PowerShell on Windows, else a POSIX one."""
    if sys.platform == "win32":
        quoted = value.replace("'", "''")
        return f"$env:{variable} = '{quoted}'"
    return f"export {variable}={shlex.quote(value)}"


def what_it_offers() -> str:
    """Return the end of `sandbox --help`: the models and the key for trying out failures."""
    models = "\n".join(f"  {model_id:24} {one.purpose}" for model_id, one in SPECIAL_MODELS.items())
    return (
        f"models for trying out failures (any other id behaves as at the service):\n{models}\n\n"
        f"keys: any text of 64 characters is an account with $25.50.\n"
        f"  {POOR_KEY}\n"
        "  is an account without credits, which cannot use :free models either."
    )

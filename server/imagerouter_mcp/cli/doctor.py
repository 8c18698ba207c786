"""`imagerouter-mcp doctor`: check everything that making a picture depends on, and say what to do."""

import json
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

import anyio

from imagerouter_mcp.cli.checks import Check, Finding, run_checks
from imagerouter_mcp.cli.chosen_settings import chosen_settings
from imagerouter_mcp.cli.host_checks import host_checks
from imagerouter_mcp.cli.machine_checks import machine_checks
from imagerouter_mcp.cli.server_checks import picture_check, start_check
from imagerouter_mcp.cli.service_checks import ServiceChecks
from imagerouter_mcp.cli.team_checks import team_checks
from imagerouter_mcp.errors import ConfigurationError, ImageRouterError
from imagerouter_mcp.settings import Settings


def run_remote_doctor(url: str, *, as_json: bool) -> int:
    """Check a server from outside, and print what hosts on the web would find.

    Args:
        url: Its MCP address.
        as_json: Whether to print JSON, for scripts.

    Returns:
        1 if something is wrong, else 0.
    """
    from imagerouter_mcp.cli.remote_checks import examine  # noqa: PLC0415 - only this needs TLS

    return _tell(examine(url), as_json=as_json)


def run_doctor(*, sandbox: bool, generate: bool, as_json: bool) -> int:
    """Run all checks and print their findings.

    Args:
        sandbox: Whether to check the sandbox instead of the service.
        generate: Whether to make a picture with the free test model.
        as_json: Whether to print JSON, for scripts.

    Returns:
        1 if something is wrong, else 0.
    """
    logging.disable(logging.WARNING)  # the findings say all of it
    try:
        with chosen_settings(sandbox=sandbox) as settings:
            return anyio.run(_report, settings, sandbox, generate, as_json)
    except ConfigurationError as error:
        return _tell([Finding("settings", "failure", error.what, error.remedy)], as_json=as_json)


async def _report(settings: Settings, sandbox: bool, generate: bool, as_json: bool) -> int:  # noqa: FBT001 - anyio.run passes positionally
    """Print before the event loop ends, because a slow name server can delay its end."""
    return _tell(await _examine(settings, sandbox=sandbox, generate=generate), as_json=as_json)


def _tell(found: Sequence[Finding], *, as_json: bool) -> int:
    failed = any(finding.state == "failure" for finding in found)
    if as_json:
        answer = {"ok": not failed, "findings": [asdict(finding) for finding in found]}
        print(json.dumps(answer, ensure_ascii=False, indent=2), flush=True)
    else:
        print("\n".join(finding.line for finding in found), flush=True)
    return int(failed)


async def _examine(settings: Settings, *, sandbox: bool, generate: bool) -> list[Finding]:
    """Check the network first: starting hosts keeps the machine busy and would falsify its latency."""
    async with _service_checks(settings, sandbox=sandbox) as service:
        found = await run_checks(
            [*machine_checks(settings, sandbox=sandbox), *team_checks(settings), *service]
        )
    pictures = [picture_check(settings)] if generate else []
    return [*found, *await run_checks([start_check(sandbox=sandbox), *pictures, *host_checks()], found)]


@asynccontextmanager
async def _service_checks(settings: Settings, *, sandbox: bool) -> AsyncGenerator[list[Check]]:
    """Yield the checks of the service, or a single one that says why they cannot begin."""
    try:
        service = ServiceChecks(settings, sandbox=sandbox)
    except ImageRouterError as error:
        yield [_failing("service", error)]
        return
    try:
        yield service.checks()
    finally:
        await service.close()


def _failing(name: str, error: ImageRouterError) -> Check:
    async def run() -> Sequence[Finding]:
        raise error

    return Check(name, run, 1)

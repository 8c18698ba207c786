"""`imagerouter-mcp doctor`: look at everything on which a picture depends, and say what to do."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

import anyio

from imagerouter_mcp.cli.findings import Check, Finding, examine
from imagerouter_mcp.cli.hosts import Host, hosts
from imagerouter_mcp.cli.local_checks import local_checks, server_check
from imagerouter_mcp.cli.picture_check import picture_check
from imagerouter_mcp.cli.service_checks import ServiceChecks
from imagerouter_mcp.cli.setup import chosen_settings
from imagerouter_mcp.cli.standing import STANDING_SECONDS, standing
from imagerouter_mcp.errors import ImageRouterError
from imagerouter_mcp.settings import Settings


def run_doctor(*, sandbox: bool, generate: bool, as_json: bool) -> int:
    """Examine, and print what was found.

    Args:
        sandbox: Whether to look at the stand-in instead of the service.
        generate: Whether to make a picture with the free test model.
        as_json: Whether to print JSON, for scripts.

    Returns:
        1 when something is wrong, else 0.

    Raises:
        ConfigurationError: A variable has a value that it cannot have.
    """
    with chosen_settings(sandbox=sandbox) as settings:
        return anyio.run(_report, settings, sandbox, generate, as_json)


async def _report(settings: Settings, sandbox: bool, generate: bool, as_json: bool) -> int:  # noqa: FBT001 - anyio.run passes by place
    """Print before the event loop ends, which may wait for a slow name server."""
    found = await _examine(settings, sandbox=sandbox, generate=generate)
    failed = any(finding.state == "failure" for finding in found)
    if as_json:
        told = {"ok": not failed, "findings": [asdict(finding) for finding in found]}
        print(json.dumps(told, ensure_ascii=False, indent=2), flush=True)
    else:
        print("\n".join(finding.line for finding in found), flush=True)
    return int(failed)


async def _examine(settings: Settings, *, sandbox: bool, generate: bool) -> list[Finding]:
    """Look at the network first, so that its latency is not that of a machine busy with starting hosts."""
    async with _service(settings) as service:
        found = await examine([*local_checks(settings, sandbox=sandbox), *service])
    pictures = [picture_check(settings)] if generate else []
    return [*found, *await examine([server_check(sandbox=sandbox), *pictures, *_host_checks()])]


@asynccontextmanager
async def _service(settings: Settings) -> AsyncGenerator[list[Check]]:
    """The checks of the service; where they cannot even begin, one that says why."""
    try:
        service = ServiceChecks(settings)
    except ImageRouterError as error:
        yield [_failing("service", error)]
        return
    try:
        yield service.checks()
    finally:
        await service.close()


def _failing(name: str, error: ImageRouterError) -> Check:
    async def look() -> Sequence[Finding]:
        raise error

    return Check(name, look, 1)


def _host_checks() -> list[Check]:
    found = [host for host in hosts().values() if host.is_here()]

    async def none() -> Sequence[Finding]:
        remedy = "imagerouter-mcp setup lists those that it knows."
        return [Finding("hosts", "warning", "No host was found on this machine.", remedy)]

    return [_host_check(host) for host in found] or [Check("hosts", none, 1)]


def _host_check(host: Host) -> Check:
    async def look() -> Sequence[Finding]:
        return [await standing(host)]

    return Check(host.name, look, STANDING_SECONDS)

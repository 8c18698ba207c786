"""`make conformance`: the official suite's scenarios against our HTTP server in front of the sandbox.

The suite and the Node that it needs come from npm once, into a folder that is not committed. The scenarios
are those that need no tools made for the suite; they run in two of its versions and in both protocol eras.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.free_ports import free_port
from support.http_serving import Serving, bare_environment, serving
from support.person_at_browser import PersonAtBrowser, invited

CACHE = Path(__file__).parents[2] / ".cache" / "conformance"
NODE = "node@22"
"""The suite needs more than Node 20."""
STABLE, NEXT = "0.1.16", "0.2.0-alpha.12"
HANDSHAKE, SESSIONLESS = "2025-11-25", "2026-07-28"
SHARED = (
    "tools-list",
    "completion-complete",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)
"""Scenarios of both eras."""
OLDER = ("server-initialize", "ping")
NEWER = (
    "caching",
    "sep-2164-resource-not-found",
    "http-header-validation",
    "input-required-result-unsupported-methods",
    "server-stateless",
)
UNTESTABLE = {
    "server-stateless": {
        "sep-2575-server-rejects-undeclared-capability",
        "sep-2575-missing-capability-http-400",
    }
}
"""Checks that call a tool made for the suite, which no real server has."""
AUTHORIZATION = ("authorization-server-metadata-endpoint", "authorization-code-grant")
"""Scenarios of the authorization server, in which a person allows what the suite asks for."""
_AUTHORIZE = re.compile(r"http://\S+/authorize\?\S+")
_LISTENS = "Callback server started"
"""What the suite says, before or after it names the address, once it can be answered."""
_SUMMARY = re.compile(r"^\S+ (\S+): (\d+) passed, (\d+) failed", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_FAILURE = re.compile(r"^\S+ \[(\S+) *\] FAILURE", re.MULTILINE)
_PASSED = re.compile(r"^Passed: (\d+/\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One scenario of one version of the suite, in one era; the stable version knows one only."""

    version: str
    scenario: str
    era: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What the suite said of a run.

    Attributes:
        run: What was run.
        checks: How many of the checks held, as the suite counts them.
        failed: The checks that did not, save for those that cannot be made here; or what else went wrong.
    """

    run: Run
    checks: str
    failed: tuple[str, ...]


def runs() -> Iterator[Run]:
    """All that must pass."""
    yield from (Run(STABLE, scenario) for scenario in (*OLDER, *SHARED))
    yield from (Run(NEXT, each, HANDSHAKE) for each in (*OLDER, *SHARED, "server-session-lifecycle"))
    yield from (Run(NEXT, scenario, SESSIONLESS) for scenario in (*SHARED, *NEWER))


def main() -> int:
    """Run every scenario; the exit status is 1 when one fails."""
    node = _installed(NODE) / "node" / "bin" / "node"
    suites = {
        version: _installed(f"@modelcontextprotocol/conformance@{version}") for version in (STABLE, NEXT)
    }
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **bare_environment(Path(home)),
            "IMAGEROUTER_OUTPUT_DIR": f"{home}/pictures",
            "IMAGEROUTER_DATA_DIR": f"{home}/data",
        }
        with serving(environment, "--sandbox") as server:
            outcomes = [_outcome(node, suites[run.version], server.url, run) for run in runs()]
        for_people = {**environment, "IMAGEROUTER_PEOPLE": "1"}
        with (
            serving(for_people, "--sandbox") as server,
            invited(server, for_people, "--sandbox") as person,
        ):
            outcomes += _authorization(node, suites[NEXT], server, person)
    print(_table(outcomes))  # noqa: T201 - this is what the command is for
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _installed(package: str) -> Path:
    """The folder of a package's modules; fetched with npm if it is not there yet."""
    folder = CACHE / re.sub(r"\W+", "-", package).strip("-")
    if not (folder / "whole").exists():
        print(f"Fetching {package} …", file=sys.stderr)  # noqa: T201 - as above
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            "npm",
            "install",
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            "--loglevel",
            "error",
        ]
        subprocess.run([*command, package], check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command
        (folder / "whole").touch()
    return folder / "node_modules"


def _outcome(node: Path, modules: Path, url: str, run: Run) -> Outcome:
    script = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    command = [str(node), str(script), "server", "--url", url, "--scenario", run.scenario]
    if run.era:
        command += ["--spec-version", run.era]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603 - as above
    said = _COLOUR.sub("", ended.stdout + ended.stderr)
    counted = _PASSED.search(said)
    failures = set(_FAILURE.findall(said))
    failed = sorted(failures - UNTESTABLE.get(run.scenario, set()))
    if counted is None or (ended.returncode and not failures):
        failed.append(said[-300:].replace("\n", " ") or f"exit status {ended.returncode}")
    return Outcome(run, counted[1] if counted else "none", tuple(failed))


def _authorization(node: Path, modules: Path, server: Serving, person: PersonAtBrowser) -> list[Outcome]:
    """Run the scenarios of the authorization server."""
    script = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    port = free_port()
    redirect = f"http://127.0.0.1:{port}/callback"
    registered = person.http.post(
        "/register", json={"redirect_uris": [redirect], "token_endpoint_auth_method": "none"}
    ).raise_for_status()
    options = {
        "--url": server.base,
        "--client-id": registered.json()["client_id"],
        "--resource": server.url,
        "--port": str(port),
    }
    command = [str(node), str(script), "authorization", *(word for pair in options.items() for word in pair)]
    said, asked = "", None
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as suite:  # noqa: S603 - as above
        for line in suite.stdout or ():
            said += _COLOUR.sub("", line)
            asked = _AUTHORIZE.search(said.splitlines()[-1]) or asked
            if asked and _LISTENS in said:
                person.allow(asked[0])
                asked = None
    found = {name: (int(passed), int(failed)) for name, passed, failed in _SUMMARY.findall(said)}
    outcomes: list[Outcome] = []
    for scenario in AUTHORIZATION:
        passed, failed = found.get(scenario, (0, 1))
        failures = (said[-300:].replace("\n", " "),) if failed else ()
        outcomes.append(Outcome(Run(NEXT, scenario), f"{passed}/{passed + failed}", failures))
    return outcomes


def _table(outcomes: list[Outcome]) -> str:
    rows = ["| suite | protocol | scenario | checks that held | |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        run = outcome.run
        verdict = f"FAILED: {', '.join(outcome.failed)}" if outcome.failed else "passed"
        rows.append(f"| {run.version} | {run.era or ''} | {run.scenario} | {outcome.checks} | {verdict} |")
    passed = sum(not outcome.failed for outcome in outcomes)
    return "\n".join([*rows, "", f"{passed} of {len(outcomes)} scenarios passed."])


if __name__ == "__main__":
    sys.exit(main())

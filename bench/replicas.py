"""A team: 300 people of two servers that share PostgreSQL behind a pooler, beside one server with SQLite."""

import json
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any, LiteralString

import anyio
import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from bench.figures import Figure
from bench.processes import RATE, cpu_seconds, mib, sandbox_process, serving
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.settings import Settings
from support.http_serving import modern
from support.pooler import pooler_program, running_pooler
from support.postgres import SUPERUSER, Cluster, postgres_programs, running_cluster

PEOPLE, CALLS, ABREAST, SECONDS_EACH = 300, 600, 40, 2.0
TURNS = 2
"""How often each of the two is measured; what else the machine does hits both alike."""
ALL_PICTURES, OWN_PICTURES = 1_000_000, 10_000
LOOKS, LOOKS_BEFORE = 100, 10
_LOAD = (
    f"{PEOPLE} people, {CALLS} calls of {SECONDS_EACH:g} s, {ABREAST} at once, on two servers "
    "with PostgreSQL (`fsync` on)"
)
_MEMORY = "memory at most of each of the two"
_LIST = f"`list_images` for {OWN_PICTURES:,} of {ALL_PICTURES:,} pictures in PostgreSQL, median"
_LEFT_OUT = "left out: `make test-tools` installs PostgreSQL and PgBouncer"
_PICTURE = {"model": "test/test", "size": "256x256", "preview": "none"}
_CLONE: tuple[LiteralString, ...] = (
    "ALTER TABLE generations DISABLE TRIGGER USER",
    "ALTER TABLE images DISABLE TRIGGER USER",
    """
    INSERT INTO generations (person, handle, created_at, prompt, model, parameters, sources, cost_usd, words)
    SELECT CASE mod(number, %(people)s) WHEN 0 THEN person ELSE 'p_' || mod(number, %(people)s) END,
        'gen_c' || number, created_at + number, prompt || number, model, parameters, sources, cost_usd,
        words || number
    FROM generations, generate_series(1, %(pictures)s) AS number
    """,
    """
    INSERT INTO images (person, handle, generation_id, position, path, media_type, width, height, bytes)
    SELECT made.person, 'img_c' || id, id, 0, path, media_type, width, height, bytes
    FROM images, generations AS made WHERE made.handle LIKE 'gen_c%%'
    """,
    "ALTER TABLE generations ENABLE TRIGGER USER",
    "ALTER TABLE images ENABLE TRIGGER USER",
)
"""Make a person's only picture those of many people, without counting each anew."""


@dataclass(frozen=True)
class _Run:
    """What one turn took: seconds, seconds of CPU of all servers, and MiB of the largest server."""

    seconds: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class _Team:
    """Servers of the same people.

    Attributes:
        servers: The process id and the address of each.
        tokens: One of each person.
        client: Connects to all servers.
    """

    servers: Sequence[tuple[int, str]]
    tokens: Sequence[str]
    client: httpx.AsyncClient

    def cpu(self) -> float:
        """Seconds of CPU that all servers have used."""
        return sum(cpu_seconds(process) for process, _ in self.servers)

    def peak(self) -> float:
        """MiB that the largest server had at most."""
        return max(mib(process, "VmHWM") for process, _ in self.servers)

    async def call(self, number: int, tool: str, **arguments: object) -> dict[str, Any]:
        """Call a tool of one server as one person, each in turn; return the structured answer."""
        body, headers = modern("tools/call", name=tool, arguments=arguments)
        headers["Authorization"] = f"Bearer {self.tokens[number % len(self.tokens)]}"
        _, address = self.servers[number % len(self.servers)]
        answer = (await self.client.post(address, json=body, headers=headers)).raise_for_status()
        lines = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
        result = json.loads(lines[-1] if lines else answer.text)["result"]
        if result["isError"]:
            raise RuntimeError(result["content"])
        return result["structuredContent"]

    async def make_each(self, numbers: Iterator[int]) -> None:
        """Make one picture after another."""
        for number in numbers:
            made = await self.call(number, "generate_image", prompt=str(number), **_PICTURE)
            if not made.get("images"):
                raise RuntimeError(made)


async def measure() -> list[Figure]:
    """Measure the load on two servers and on one in turns, and a list in a large database."""
    programs, pooler = postgres_programs(), pooler_program()
    if programs is None or pooler is None:
        return [
            Figure(_LOAD, _LEFT_OUT, "", None, 1.3, "×"),
            Figure(_MEMORY, _LEFT_OUT, "", None, 350, "MiB"),
            Figure(_LIST, _LEFT_OUT, "", None, 20, "ms"),
        ]
    one: list[_Run] = []
    two: list[_Run] = []
    with running_cluster(programs, durable=True) as cluster:
        for _ in range(TURNS):
            one.append(await _load(1))
            with _pooled(cluster, pooler) as url:
                two.append(await _load(2, url))
        with _pooled(cluster, pooler) as url:
            listed = 1000 * await _look(cluster, url)
    ratio = sum(run.seconds for run in two) / sum(run.seconds for run in one)
    peak = max(run.peak for run in two)
    alone = f"{max(run.peak for run in one):.0f} MiB (one server, SQLite)"
    return [
        Figure(_LOAD, _worded(two), f"{_worded(one)} (one server, SQLite)", ratio, 1.3, "×"),
        Figure(_MEMORY, f"{peak:.0f} MiB", alone, peak, 350, "MiB"),
        Figure(_LIST, f"{listed:.1f} ms", "", listed, 20, "ms"),
    ]


def _worded(runs: Sequence[_Run]) -> str:
    return f"{mean(run.seconds for run in runs):.1f} s, {mean(run.cpu for run in runs):.1f} s of CPU"


async def _load(servers: int, url: str | None = None) -> _Run:
    """Have everybody make pictures, and see that each was paid for once."""
    with sandbox_process("bench.ready_made", str(SECONDS_EACH)) as sandbox:
        async with (
            _team(sandbox, servers, PEOPLE, url) as team,
            httpx.AsyncClient(base_url=sandbox, trust_env=False) as admin,
        ):
            await team.make_each(iter(range(-servers, 0)))
            cpu, began = team.cpu(), time.perf_counter()
            numbers = iter(range(CALLS))
            async with anyio.create_task_group() as tasks:
                for _ in range(ABREAST):
                    tasks.start_soon(team.make_each, numbers)
            run = _Run(time.perf_counter() - began, team.cpu() - cpu, team.peak())
            requests = (await admin.get("/sandbox/journal")).raise_for_status().json()
    paid = [entry["fields"]["prompt"] for entry in requests if entry["paid"]]
    if sorted(paid) != sorted(map(str, range(-servers, CALLS))):
        raise RuntimeError(f"{len(paid)} pictures were paid for, {len(set(paid))} of them different")
    return run


async def _look(cluster: Cluster, url: str) -> float:
    """The median of the seconds that a list takes."""
    times: list[float] = []
    with sandbox_process("bench.ready_made", "0") as sandbox:
        async with _team(sandbox, 1, 1, url) as team:
            await team.make_each(iter((0,)))
            _fill(cluster, url)
            for _ in range(LOOKS_BEFORE + LOOKS):
                began = time.perf_counter()
                listed = await team.call(0, "list_images")
                times.append(time.perf_counter() - began)
                if listed["total"] != OWN_PICTURES + 1:
                    raise RuntimeError(f"{listed['total']} pictures are listed")
    return median(times[LOOKS_BEFORE:])


def _fill(cluster: Cluster, url: str) -> None:
    database = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(cluster.address(SUPERUSER, str(database)), autocommit=True) as connection:
        for statement in _CLONE:
            connection.execute(statement, {"people": ALL_PICTURES // OWN_PICTURES, "pictures": ALL_PICTURES})
        connection.execute("VACUUM ANALYZE generations, images")


@contextmanager
def _pooled(cluster: Cluster, pooler: str) -> Generator[str]:
    """Yield the address of a new database behind a pooler."""
    url = cluster.new_database()
    with running_pooler(cluster, pooler, url) as running:
        yield running.address(url)


@asynccontextmanager
async def _team(sandbox: str, servers: int, people: int, url: str | None) -> AsyncGenerator[_Team]:
    """Run servers that share a folder, and a database if there is an address of one."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        own = Settings(data_dir=folder / "data", database_url=SecretStr(url) if url else None)
        variables = {
            "IMAGEROUTER_PEOPLE": "1",
            "IMAGEROUTER_BUDGET_USD": "1000",
            "IMAGEROUTER_CONCURRENCY": str(ABREAST),
            "IMAGEROUTER_HTTP_RATE": RATE,
            "IMAGEROUTER_WAIT_SECONDS": "600",
            **({"IMAGEROUTER_DATABASE_URL": url} if url else {}),
        }
        with closing(open_register(own)) as register:
            names = [f"P{number}" for number in range(people)]
            tokens = [register.new_token(register.add("operator", name, name)) for name in names]
        started = [running.enter_context(serving(sandbox, folder, **variables)) for _ in range(servers)]
        async with httpx.AsyncClient(trust_env=False, timeout=600) as client:
            yield _Team(started, tokens, client)

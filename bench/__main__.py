"""`make bench`: measure everything that is promised, print one table, fail where a promise does not hold."""

import sys
from collections.abc import Callable

import anyio

from bench import calls, clients, crowds, large, load, pictures, plans, regions, sources, start
from bench.figures import Figure, table


def main() -> int:
    """Run every measurement; the exit status is 1 when one is over its limit."""
    measurements: list[Callable[[], list[Figure]]] = [
        start.measure,
        lambda: anyio.run(calls.measure),
        plans.measure_planning,
        lambda: anyio.run(plans.measure_sources),
        lambda: anyio.run(large.measure),
        lambda: anyio.run(regions.measure),
        pictures.measure,
        sources.measure,
        lambda: anyio.run(clients.measure),
        lambda: anyio.run(crowds.measure),
        lambda: anyio.run(load.measure),
    ]
    figures: list[Figure] = []
    for measurement in measurements:
        figures.extend(measurement())
    print(table(figures))  # noqa: T201 - this is what the command is for
    return 0 if all(figure.holds for figure in figures) else 1


sys.exit(main())

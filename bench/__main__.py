"""`make bench`: measure everything that is promised, print one table, fail where a promise does not hold.

`ONLY="pictures views"` measures a part; each word is the name of a module here.
"""

import sys
from collections.abc import Callable, Sequence

import anyio

from bench import (
    calls,
    clients,
    crowds,
    large,
    load,
    pictures,
    plans,
    regions,
    replicas,
    sources,
    start,
    studio,
    views,
)
from bench.figures import Figure, table

_MEASUREMENTS: dict[str, tuple[Callable[[], list[Figure]], ...]] = {
    "start": (start.measure,),
    "calls": (lambda: anyio.run(calls.measure),),
    "plans": (plans.measure_planning, lambda: anyio.run(plans.measure_sources)),
    "large": (lambda: anyio.run(large.measure),),
    "regions": (lambda: anyio.run(regions.measure),),
    "pictures": (pictures.measure,),
    "sources": (sources.measure,),
    "clients": (lambda: anyio.run(clients.measure),),
    "crowds": (lambda: anyio.run(crowds.measure),),
    "load": (lambda: anyio.run(load.measure),),
    "replicas": (lambda: anyio.run(replicas.measure),),
    "views": (views.measure,),
    "studio": (studio.measure,),
}


def main(names: Sequence[str]) -> int:
    """Run the measurements of these names, or all; the exit status is 1 when one is over its limit."""
    figures = [
        figure for name in names or _MEASUREMENTS for measure in _MEASUREMENTS[name] for figure in measure()
    ]
    print(table(figures))  # noqa: T201 - this is what the command is for
    return 0 if all(figure.holds for figure in figures) else 1


sys.exit(main(sys.argv[1:]))

"""`make hosts`: try the server with the real clients, and write down what was seen.

No login and no network are needed but for installing; the server under test makes its pictures with the
sandbox.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from installing import CLIENTS, PACKAGES, ROOT, Installed, install
from limits import measure
from sign_in_trials import SIGN_IN_CLIENTS, SIGN_IN_HEAD, try_sign_in
from table import HEAD, Row, markdown, write
from trials import TRIALS
from view_trials import VIEW_HEAD, try_views
from workshop import Workshop

PAGE = ROOT / "docs" / "hosts.md"
RUNS = 30


def main() -> int:
    """Try everything, or the part that was asked for.

    Returns:
        1 when a client did not show what it should, else 0.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--only", choices=["clients", "sign-in", "views"], help="try a part, and write its table alone"
    )
    parser.add_argument("--runs", type=int, default=RUNS, help="how often the view is tried in each host")
    asked = parser.parse_args()
    installed = install(SIGN_IN_CLIENTS if asked.only == "sign-in" else tuple(PACKAGES))
    # A client that is ending may still write into its home.
    with tempfile.TemporaryDirectory(prefix="imagerouter-hosts-", ignore_cleanup_errors=True) as folder:
        failed = [
            attempt(Path(folder), installed, asked.runs)
            for part, attempt in (("clients", _try_clients), ("sign-in", _try_sign_in), ("views", _try_views))
            if asked.only in (None, part)
        ]
    print(f"\nWritten to {PAGE.relative_to(ROOT)}; the clients are in {CLIENTS.relative_to(ROOT)}.")
    return int(any(failed))


def _try_clients(folder: Path, installed: Installed, _: int) -> bool:
    """Try every client once; return whether one failed."""
    shop = Workshop(folder / "workshop", installed.folders)
    rows = {client: _tried(shop, installed, client) for client in TRIALS}
    print("Measuring how long a call may last …", flush=True)
    for client, lasts in measure(shop, [client for client in rows if not rows[client].problems]).items():
        rows[client].lasts = lasts
    _publish("hosts", markdown(HEAD, (row.cells for row in rows.values())))
    return any(row.problems for row in rows.values())


def _tried(shop: Workshop, installed: Installed, client: str) -> Row:
    why = installed.failed.get(client) or installed.failed.get("node")
    row = Row(client, "", problems=[f"installed: {why}"]) if why else TRIALS[client](shop)
    row.introduced = ", ".join(shop.introductions()) if client != "doctor" else ""
    print(f"{'FAIL' if row.problems else 'ok':<5} {row.client} {row.version}", flush=True)
    for problem in row.problems:
        print(f"      not {problem}")
    return row


def _try_sign_in(folder: Path, installed: Installed, _: int) -> bool:
    """Have clients sign in; return whether one failed."""
    rows = try_sign_in(folder / "sign-in", installed)
    passed = ("no: " + "; ".join(row.problems) if row.problems else "yes" for row in rows)
    cells = (
        [row.client, row.version, "; ".join(row.shown), end] for row, end in zip(rows, passed, strict=True)
    )
    _publish("sign-in", markdown(SIGN_IN_HEAD, cells))
    return any(row.problems for row in rows)


def _try_views(folder: Path, installed: Installed, runs: int) -> bool:
    """Try the view in every host that draws it; return whether a run failed."""
    tried = try_views(folder / "views", installed, runs)
    _publish("views", markdown(VIEW_HEAD, (each.cells for each in tried)))
    return any(each.failures for each in tried)


def _publish(name: str, table: str) -> None:
    print(f"\n{table}")
    write(name, table, PAGE)


if __name__ == "__main__":
    sys.exit(main())

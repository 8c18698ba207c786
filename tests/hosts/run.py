"""`make hosts`: try the server with the real clients, and write down what was seen.

No login and no network are needed but for installing; the server under test makes its pictures with the
sandbox.
"""

import sys
import tempfile
from pathlib import Path

from installing import CLIENTS, ROOT, Installed, install
from limits import measure
from table import Row, markdown, write
from trials import TRIALS
from workshop import Workshop

TABLE = ROOT / "docs" / "hosts.md"


def main() -> int:
    """Try everything.

    Returns:
        1 when a client did not show what it should, else 0.
    """
    installed = install()
    # A client that is ending may still write into its home.
    with tempfile.TemporaryDirectory(prefix="imagerouter-hosts-", ignore_cleanup_errors=True) as folder:
        shop = Workshop(Path(folder) / "workshop", installed.folders)
        rows = {client: _tried(shop, installed, client) for client in TRIALS}
        print("Measuring how long a call may last …", flush=True)
        for client, lasts in measure(shop, [client for client in rows if not rows[client].problems]).items():
            rows[client].lasts = lasts
    table = list(rows.values())
    print(f"\n{markdown(table)}")
    write(table, TABLE)
    print(f"\nWritten to {TABLE.relative_to(ROOT)}; the clients are in {CLIENTS.relative_to(ROOT)}.")
    return int(any(row.problems for row in table))


def _tried(shop: Workshop, installed: Installed, client: str) -> Row:
    why = installed.failed.get(client) or installed.failed.get("node")
    row = Row(client, "", problems=[f"installed: {why}"]) if why else TRIALS[client](shop)
    row.introduced = ", ".join(shop.introductions()) if client != "doctor" else ""
    print(f"{'FAIL' if row.problems else 'ok':<5} {row.client} {row.version}", flush=True)
    for problem in row.problems:
        print(f"      not {problem}")
    return row


if __name__ == "__main__":
    sys.exit(main())

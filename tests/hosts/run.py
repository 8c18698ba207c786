"""`make hosts`: try the server with the real clients, and write down what was seen.

No login and no network are needed but for installing; the server under test makes its pictures with the
sandbox.
"""

import sys
import tempfile
from pathlib import Path

from installing import CLIENTS, ROOT, install
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
    with tempfile.TemporaryDirectory(prefix="imagerouter-hosts-") as folder:
        shop = Workshop(Path(folder) / "workshop", installed.folders)
        rows: list[Row] = []
        for client, trial in TRIALS.items():
            why = installed.failed.get(client) or installed.failed.get("node")
            row = Row(client, "", problems=[f"installed: {why}"]) if why else trial(shop)
            row.introduced = ", ".join(shop.introductions()) if client != "doctor" else ""
            print(f"{'FAIL' if row.problems else 'ok':<5} {row.client} {row.version}", flush=True)
            for problem in row.problems:
                print(f"      not {problem}")
            rows.append(row)
    print(f"\n{markdown(rows)}")
    write(rows, TABLE)
    print(f"\nWritten to {TABLE.relative_to(ROOT)}; the clients are in {CLIENTS.relative_to(ROOT)}.")
    return int(any(row.problems for row in rows))


if __name__ == "__main__":
    sys.exit(main())

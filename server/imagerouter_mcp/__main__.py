"""`python -m imagerouter_mcp` is the command `imagerouter-mcp`."""

import sys

from imagerouter_mcp.cli import main

sys.exit(main())

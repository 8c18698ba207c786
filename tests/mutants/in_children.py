"""Record the lines that run in the child processes of `images/confined.py`.

Python imports a copy of this file, called sitecustomize.py, as a child starts. The child knows nothing else:
it has no environment, so the files beside the copy tell it which test it works for.
"""

import os
import sys
from pathlib import Path

from coverage import Coverage

HERE = Path(__file__).parent

if "imagerouter_mcp.images.confined" in sys.orig_argv[-1]:
    test = (HERE / f"{os.getppid()}.test").read_text("utf-8")
    Coverage(
        data_file=HERE / f"{os.getpid()}.coverage",
        config_file=False,
        source_pkgs=["imagerouter_mcp"],
        auto_data=True,
        context=test,
    ).start()

"""Commands that call a tool, as a person types them."""

import os
from collections.abc import Callable
from typing import Any

import pytest

FAST = ("--model", "test/test", "--size", "1024x1024")
posix = pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are a matter of POSIX")
Run = Callable[..., Any]

"""The protocol eras: the SDK client's `auto` speaks the newest, `legacy` what came before 2026."""

import pytest

in_both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])
"""For a test of something that the eras do differently: cancelling, progress, questions, content blocks."""

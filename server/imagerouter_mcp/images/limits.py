"""How large a picture may be that is sent."""

MAX_BYTES = 25 * 2**20
"""The service takes files up to 25 MiB."""
MAX_SIDE = 8192
"""Pixels; no model behind the service makes more of a larger one."""


def fitted(size: tuple[int, int], longest: int = MAX_SIDE) -> tuple[int, int]:
    """The size at which a picture fits into a square, its shape kept; never larger than it is.

    Args:
        size: Width and height.
        longest: The square's side.
    """
    scale = min(1, longest / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

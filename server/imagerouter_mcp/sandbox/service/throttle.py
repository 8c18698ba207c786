"""How many generations a key may ask for: the service's rule, counted in windows of one second.

Every answer to a generation carries the key's standing in `RateLimit-…` headers.
"""

import math
import time
from dataclasses import dataclass
from typing import Final

from imagerouter_mcp.sandbox.service.error_answers import over_rate

IMAGES_A_DOLLAR: Final = 4
FEWEST_IMAGES: Final = 6
MOST_IMAGES: Final = 100
DOLLARS_A_VIDEO: Final = 6
FEWEST_VIDEOS: Final = 1
MOST_VIDEOS: Final = 20
WINDOW_SECONDS: Final = 1.0


def usual_limit(dollars_left: float, *, video: bool) -> int:
    """Return how many generations a window may see, given the credits left in USD."""
    if video:
        return min(MOST_VIDEOS, max(FEWEST_VIDEOS, int(dollars_left / DOLLARS_A_VIDEO)))
    return min(MOST_IMAGES, max(FEWEST_IMAGES, int(dollars_left * IMAGES_A_DOLLAR)))


@dataclass(slots=True)
class Window:
    """The requests of one key, for images or for videos, within the present window."""

    ends: float = 0.0
    count: int = 0

    def admit(self, limit: int, seconds: float) -> dict[str, str]:
        """Count one request; refused ones count too.

        Args:
            limit: How many the window may see.
            seconds: How long a window lasts.

        Returns:
            The headers that tell the key's standing.

        Raises:
            RefusedError: 429, with `Retry-After`.
        """
        now = time.monotonic()
        if now >= self.ends:
            self.ends, self.count = now + seconds, 0
        self.count += 1
        headers = {
            "RateLimit-Policy": f"{limit};w={math.ceil(seconds)}",
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - self.count)),
            "RateLimit-Reset": str(math.ceil(self.ends - now)),
        }
        if self.count > limit:
            raise over_rate(headers)
        return headers

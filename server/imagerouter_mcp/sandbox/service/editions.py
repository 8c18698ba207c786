"""The two generations of the service that the sandbox can be: they differ where money or meaning is lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Edition:
    """One generation of the service.

    Attributes:
        name: What `--service` calls it.
        longest_prompt: In UTF-16 code units.
        largest_json: The most bytes of a JSON body; a larger one is a 500.
        free_a_day: Pictures of `:free` models a day.
        takes_json_images: Whether `image` in JSON counts; otherwise it is ignored, and a plain text-to-image
            result is made and charged.
        takes_every_file: Whether all files of a form count, or only the first.
        takes_masks: Whether some models accept a mask, or none.
        has_v3: Whether there is `/v3/models`, and v2 lists aliases.
    """

    name: str
    longest_prompt: int
    largest_json: int
    free_a_day: int
    takes_json_images: bool
    takes_every_file: bool
    takes_masks: bool
    has_v3: bool


LIVE: Final = Edition(
    name="live",
    longest_prompt=20_000,
    largest_json=50 * 2**20,
    free_a_day=3,
    takes_json_images=True,
    takes_every_file=False,
    takes_masks=False,
    has_v3=True,
)
"""As reported of the live service in August to October 2026; its limit of a JSON body is not known."""
FEBRUARY: Final = Edition(
    name="february",
    longest_prompt=10_000,
    largest_json=100 * 2**10,
    free_a_day=50,
    takes_json_images=False,
    takes_every_file=True,
    takes_masks=True,
    has_v3=False,
)
"""As observed by running the backend of February 2026."""
EDITIONS: Final[Mapping[str, Edition]] = {edition.name: edition for edition in (LIVE, FEBRUARY)}

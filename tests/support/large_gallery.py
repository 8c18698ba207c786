"""A gallery of any size with few real files: to look at, to scroll through and to measure.

From a shell: `python -m support.large_gallery DATA_DIR PICTURES_DIR 100000`, in `tests/`.
"""

import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice, product
from pathlib import Path

from imagerouter_mcp.gallery import rows
from imagerouter_mcp.gallery.entries import Metadata, StoredImage
from imagerouter_mcp.gallery.tables import gallery_database
from imagerouter_mcp.sandbox.pictures.encoding import encode
from imagerouter_mcp.sandbox.pictures.scene import draw

FILES = 48
"""How many files there are; the pictures share them."""
_SUBJECTS = (
    "a red fox",
    "a lighthouse",
    "an owl",
    "a sailing boat",
    "a castle",
    "a cat",
    "a steam train",
    "a bicycle",
)
_PLACES = (
    "in fresh snow",
    "at the sea at dusk",
    "in a forest",
    "in the mountains",
    "in a city at night",
    "on a meadow",
)
_SIZES = ((768, 768), (1024, 683), (683, 1024), (1024, 576))
_MODELS = (
    ("openai/gpt-image-1.5", "0.133"),
    ("google/gemini-2.5-flash", "0.039"),
    ("black-forest-labs/FLUX-1-schnell:free", "0"),
    ("bytedance/seedream-4.5", "0.04"),
)


def fill_gallery(data_dir: Path, output_dir: Path, pictures: int, files: int = FILES) -> None:
    """Record pictures, seven minutes apart up to now, in a new gallery.

    Args:
        data_dir: The data folder of a server.
        output_dir: Where the files go.
        pictures: How many are recorded.
        files: How many files they share.
    """
    drawn = list(_files(output_dir, files))
    with closing(gallery_database(data_dir)) as database, database.writing() as connection:
        (first,) = rows.new_handles(connection, "gen", 1)
        for number, metadata, image in islice(_records(drawn, pictures), pictures):
            made_at = datetime.now(UTC) - timedelta(minutes=7 * (pictures - number))
            rows.insert(connection, f"{first}{number:x}", made_at, metadata, [image])


def _files(output_dir: Path, files: int) -> Iterator[tuple[str, StoredImage]]:
    output_dir.mkdir(parents=True, exist_ok=True)
    prompts = [f"{subject} {place}" for subject, place in product(_SUBJECTS, _PLACES)]
    random.Random(3).shuffle(prompts)  # noqa: S311 - the same pictures each time
    for number, prompt in enumerate(prompts[:files]):
        size = _SIZES[number % len(_SIZES)]
        made = encode(draw(prompt, size, "medium", 1), "image/webp")
        path = output_dir / f"picture-{number}.webp"
        path.write_bytes(made.data)
        width, height = size
        yield (
            prompt,
            StoredImage(
                path=path, media_type=made.media_type, width=width, height=height, bytes=len(made.data)
            ),
        )


def _records(
    drawn: Sequence[tuple[str, StoredImage]], pictures: int
) -> Iterator[tuple[int, Metadata, StoredImage]]:
    chance = random.Random(5)  # noqa: S311 - the same gallery each time
    for number in range(1, pictures + 1):
        prompt, image = drawn[number % len(drawn)]
        model, price = chance.choice(_MODELS)
        prompt = f"{prompt}, study {number}"
        yield number, Metadata(prompt=prompt, model=model, cost_usd=Decimal(price), latency_ms=4200), image


if __name__ == "__main__":
    fill_gallery(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))

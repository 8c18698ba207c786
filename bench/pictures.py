"""Pictures: the preview and an exact size beside the same Pillow steps alone."""

import base64
import io
import tempfile
import time
from pathlib import Path
from statistics import median

from PIL import Image, ImageOps

from bench.figures import Figure
from imagerouter_mcp.images.finish.exact_size import exact_size
from imagerouter_mcp.images.pixels.preview import make_preview

ROUNDS = 30
SIDE, PREVIEW_SIDE = 1024, 512
EXACT = (1200, 630)
_QUARTER = (1 / 4, 0, 0, 0, 1 / 4, 0)
"""A transformation that takes each pixel from a quarter of its place."""


def measure() -> list[Figure]:
    """Preview one detailed 1024×1024 WebP, and make 1200×630 of it, both ways in turn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.webp"
        _picture().save(path, "WEBP", quality=90)
        previews = [(_ours(path), _bare(path)) for _ in range(ROUNDS + 3)][3:]
        exact = [(_exact(path), _bare_exact(path)) for _ in range(ROUNDS + 3)][3:]
    return [
        _figure("preview of 1024×1024", previews, 1.2),
        _figure("1200×630 cropped from 1024×1024", exact, 1.5),
    ]


def _figure(name: str, pairs: list[tuple[float, float]], limit: float) -> Figure:
    ours, bare = (median(column) * 1000 for column in zip(*pairs, strict=True))
    ratio = median(ours / bare for ours, bare in pairs)
    return Figure(name, f"{ours:.1f} ms", f"{bare:.1f} ms", ratio, limit, "×")


def _picture() -> Image.Image:
    """Something between a photograph and a drawing: gradients and soft noise."""
    gradient = Image.linear_gradient("L").transform((SIDE, SIDE), Image.Transform.AFFINE, _QUARTER)
    noise = Image.effect_noise((SIDE // 4, SIDE // 4), 40).transform(
        (SIDE, SIDE), Image.Transform.AFFINE, _QUARTER, Image.Resampling.BILINEAR
    )
    return Image.merge("RGB", (gradient, noise, gradient.transpose(Image.Transpose.ROTATE_90)))


def _ours(path: Path) -> float:
    began = time.perf_counter()
    preview = make_preview(path, "auto")
    if preview is None:
        raise RuntimeError("there is no preview")
    base64.b64encode(preview.data)
    return time.perf_counter() - began


def _bare(path: Path) -> float:
    began = time.perf_counter()
    buffer = io.BytesIO()
    with Image.open(path) as picture:
        picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        picture.convert("RGB").save(buffer, "JPEG", quality=80)
    base64.b64encode(buffer.getvalue())
    return time.perf_counter() - began


def _exact(path: Path) -> float:
    began = time.perf_counter()
    exact_size(path, EXACT, "cover", "auto").close()
    return time.perf_counter() - began


def _bare_exact(path: Path) -> float:
    began = time.perf_counter()
    with Image.open(path) as picture:
        ImageOps.fit(picture, EXACT).save(io.BytesIO(), "WEBP", quality=85, method=4)
    return time.perf_counter() - began

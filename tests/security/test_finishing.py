"""What a prompt-injected agent may ask of `finish_image`: refused in words, with nothing left behind."""

import base64
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from PIL import Image

from imagerouter_mcp.server import build_server
from imagerouter_mcp.settings import Settings
from imagerouter_mcp.wiring import open_app
from support import hostile_pictures as hostile
from support.visible import is_visible

Row = Callable[[str, str, str], None]
Attempts = Iterator[tuple[str, dict[str, Any]]]

SECTION = "Finishing pictures"
LONGEST_REFUSAL = 6000
"""Characters: twenty wrong steps, each with its right form."""
DESCRIPTORS = Path("/proc/self/fd")

STEPS = """
resize 100000x100000 | resize 8193x1 | resize 0x0 | resize 0 | resize x0 | resize -5 | resize 5.5 | resize nan
resize 8192x8192 | resize 999999999x1 | resize 99999999999999999999x1 | resize 1001% | resize 0% | resize 1e9
resize infx10 | resize 0x10x10 | resize 10x10 10x10
crop 100000x100000 | crop 0:0 | crop 1:0 | crop 1:1000 | crop 99999999999:1 | crop -16:9 | crop nan:1
crop 0,0,0,0 | crop -1,0,5,5 | crop 0,0,-5,5 | crop 500,500,10,10 | crop 100%,0,10%,10% | crop 0,0,1e9,1
crop ,,, | crop 0,0,5 | crop 0,0,5,5,5 | crop 1:1 nowhere | crop 16:9;rm -rf /
pad 100000x100000 | pad 8000x8000 | pad 8193 | pad 501% | pad 0 | pad -1 | pad 1:99 | pad 60x40 nocolour
pad 1:1 #12 | pad 1:1 #1234567890 | pad 1:1 rgb(1,2 | pad 1:1 url(http://127.0.0.1) | pad 1:1 hsl(1e400,1%,1%)
rotate 361 | rotate nan | rotate inf | rotate 1e5 | rotate ninety | rotate 90 90 90 | rotate | flip diagonal
flip flip | flatten transparent | flatten blur | flatten white black | flatten #gg | grey 5 | trim 5
cutout 0 | cutout 51 | cutout -1 | cutout nan | cutout 1 2
convert | convert exe | convert svg | convert pdf | convert mp4 | convert tiff | convert ../x
convert png 80 | convert webp 0 | convert webp 101 | convert webp -1 | convert webp 0kb | convert webp 999b
convert jpeg 1e9kb | convert ico 20kb
convert gif 80 | convert png webp | convert jpeg 80 80 | convert jpeg nan
convert jpeg ∞kB
{} | [] | null | true | 1 | -1 | import os | __class__ | os.system('id') | $(id) | `id` | %s%n
' OR 1=1 -- | <script> | ../../etc/passwd | upscale | remove watermark | delete
open /etc/passwd | http://127.0.0.1/ | file:///etc/passwd | eval 1 | 💣
grid | before-after | animate | animate mp4 | animate gif 0ms | animate gif 1ms | animate gif 61s
animate gif 0fps | grid 0 | grid 17 | grid -1 | grid 1e9 | favicon 64 | app-icons android | social tiktok
"""
UNSEEN = ("", " ", "\0", "\n", "\x1b[2J", "\u202ecrop 16:9", "a" * 200, "crop" * 50, "crop 1:1" + " " * 5000)
SEVERAL = """
favicon + crop 1:1 | favicon + favicon | social + app-icons | convert png + favicon | animate gif + grey
resize 1x1 + resize 8000x8000 | resize 4000x4000 + resize 200% | pad 500% + pad 500% + pad 500% + pad 500%
rotate 45 + resize 1000% + rotate 45 + resize 1000% + rotate 45 + resize 1000% | crop 50:1 + resize x8000
crop 1:50 + resize 8000 | grid + grid | before-after + grid
"""
PICTURES = """
/etc/passwd | /dev/zero | /dev/random | /proc/self/mem | /proc/self/environ | /sys/kernel | / | ~ | .. | $HOME
fine.png | ../fine.png | /nowhere/missing.png | C:\\x.png | \\\\host\\x.png | http://127.0.0.1:9/x.png
http://169.254.169.254/latest | http://[::1]/ | https://0x7f000001/x | ftp://x/y.png | file:///etc/passwd
file://host/x.png | gopher://x | data:, | data:image/png;base64,AAAA | data:image/png;base64,!! | img_ffffffff
gen_ffffffff | last | imagerouter://images/x
"""
FOLDERS = "/etc | / | /usr/bin | relative | ~/.ssh | ~/.config/autostart | /proc/self | /dev/null | ~/a.png"
NAMES = "../x.png | a/b.png | .. | .hidden | -rf | CON | nul.png | a\\b | x:y | <x> | x?"


def listed(table: str) -> list[str]:
    return [item.strip() for item in table.replace("\n", " | ").split(" | ") if item.strip()]


def broken() -> dict[str, bytes]:
    """Return files that are no picture, are cut short, lie about their size, or are bombs."""
    grain = Image.effect_noise((64, 48), 80).convert("RGB")
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "AVIF", "TIFF", "BMP", "ICO")
    whole = {kind: hostile.saved(grain, kind) for kind in kinds}
    files = {
        f"cut at {share} %.{kind.lower()}": data[: len(data) * share // 100]
        for kind, data in whole.items()
        for share in (20, 60, 95)
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.png", whole["PNG"])
    icon = whole["ICO"]
    start = int.from_bytes(icon[18:22], "little")
    side, claimed = b"\0\0\0\x10", b"\0\0\xea\x60"
    return {
        **files,
        "empty.png": b"",
        "page.png": b"<!doctype html><title>x</title>",
        "data.png": b'{"a": 1}',
        "words.png": b"just some words",
        "document.png": b"%PDF-1.7 " + bytes(200),
        "archive.png": archive.getvalue(),
        "noise.png": bytes(range(256)) * 8,
        "film.png": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(100),
        "claims 60000x60000.png": hostile.packed_png(16).replace(side * 2, claimed * 2, 1),
        "an icon of a larger picture.ico": icon[:start] + hostile.packed_png(9400, rows=1) + bytes(len(icon)),
        "an icon of 65535 pictures.ico": icon[:4] + b"\xff\xff" + icon[6:],
        "an icon without a picture.ico": icon[:14] + bytes(4) + icon[18:],
        "transparent, 9400x9400.png": hostile.packed_png(9400, colour=6, rows=1),
        "10000 scans.jpeg": hostile.jpeg_of_scans(2048, 10_000),
        "a frame beyond its screen.gif": hostile.gif_beyond_its_screen(65_000),
        "a tile of 46000x46000.tiff": hostile.tiff_of_tiles(64, 46_000),
        "uses within uses.svg": hostile.svg_of_uses(9),
    }


def of_steps(fine: str) -> Attempts:
    for step in (*listed(STEPS), *UNSEEN):
        yield f"the step {step[:40]!r}", {"images": [fine], "steps": [step]}
    for steps in listed(SEVERAL):
        yield (
            f"the steps {steps}",
            {"images": [fine, fine][: 1 + steps.count("gr")], "steps": steps.split(" + ")},
        )
    yield "no step", {"images": [fine], "steps": []}
    yield "21 steps", {"images": [fine], "steps": ["grey"] * 21}
    yield "5000 steps", {"images": [fine], "steps": ["grey"] * 5000}


def of_pictures(folder: Path, fine: str) -> Attempts:
    for name in broken():
        yield f"a file, {name}", {"images": [str(folder / name)], "steps": ["resize 50%"]}
    for text in (*listed(PICTURES), "", " ", "\0", "x" * 5000, str(folder), f"{folder}/\0.png"):
        yield (
            f"the picture {text.replace(str(folder), 'FOLDER')[:60]!r}",
            {"images": [text], "steps": ["grey"]},
        )
    large = f"data:image/png;base64,{base64.b64encode(hostile.packed_png(3000)).decode()}"
    yield "no picture", {"images": [], "steps": ["grey"]}
    yield "17 pictures", {"images": [fine] * 17, "steps": ["grid"]}
    yield "1000 pictures", {"images": [fine] * 1000, "steps": ["grid"]}
    yield "16 frames of 3000×3000", {"images": [large] * 16, "steps": ["animate gif"]}
    yield "16 pictures enlarged to 4000×4000", {"images": [fine] * 16, "steps": ["resize 4000x4000"]}
    yield "a good picture, then a broken one", {"images": [fine, f"{folder}/empty.png"], "steps": ["grey"]}
    yield "a picture of one colour", {"images": [large], "steps": ["resize 40", "cutout"]}


def of_places(fine: str) -> Attempts:
    for place in (*listed(FOLDERS), "\0"):
        yield f"the folder {place!r}", {"images": [fine], "steps": ["favicon"], "output_dir": place}
    for name in (*listed(NAMES), "x\0.png", "a\nb", "\u202egnp.exe", "x" * 300):
        yield f"the name {name[:40]!r}", {"images": [fine], "steps": ["grey"], "filename": name}


def names(folder: Path, pattern: str = "*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


@pytest.mark.skipif(sys.platform != "linux", reason="devices and /proc")
async def test_two_hundred_hostile_calls_are_refused_and_leave_nothing_behind(
    settings: Settings, tmp_path: Path, row: Row
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    Image.linear_gradient("L").crop((0, 0, 60, 40)).convert("RGB").save(folder / "fine.png")
    for name, data in broken().items():
        (folder / name).write_bytes(data)
    fine = str(folder / "fine.png")
    attempts = [*of_steps(fine), *of_pictures(folder, fine), *of_places(fine)]
    assert len(attempts) >= 200
    open_files = [0]
    async with open_app(settings) as app, Client(build_server(app)) as client:
        for tried, arguments in attempts:
            result = await client.call_tool("finish_image", arguments)
            told: dict[str, Any] = result.structured_content or {}
            error: dict[str, Any] = told.get("error", {})
            assert result.is_error, tried
            assert error["kind"] not in ("internal", "arguments"), (tried, error)
            assert error["charged"] == "no", tried
            assert is_visible(error["message"]), tried
            assert len(error["message"]) < LONGEST_REFUSAL, tried
            row(SECTION, tried, f"refused ({error['kind']}), nothing made")
            open_files.append(len(names(DESCRIPTORS)))

        assert open_files[-1] <= open_files[len(open_files) // 2], "each call closes what it opens"
        assert names(tmp_path) == sorted([settings.data_dir.name, "files"])
        assert {name.partition("-")[0] for name in names(settings.data_dir, "**/*")} == {"gallery.sqlite3"}
        assert app.gallery.count() == 0
        made = await client.call_tool("finish_image", {"images": [fine], "steps": ["resize 30", "favicon"]})
        fields: dict[str, Any] = made.structured_content or {}
        assert len(fields["images"]) == 4

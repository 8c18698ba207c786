"""Join the view's files into the one self-contained document that hosts draw, and the studio's into two.

Hosts fetch a view as a single file and block everything else. So `viewer.html` may name style sheets and
one module with `src`; each `import` stands alone in its statement and names a file by its place; a comment
that is left out has its lines to itself; no module exports by default or renames, no two that are joined
declare the same name, and no template literal spans lines. The joined script is packed, because the document
travels as one string: `loader.js` unpacks it. The studio's page loads one sheet and one script, because each
file costs a round trip.
"""

import base64
import posixpath
import re
import zlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE, LOADER = "viewer.html", "loader.js"

# Patterns are compiled when the document is joined: a server that is started does not wait for it.
_IMPORT = r'(?m)^import\s[^;]*?\sfrom\s+"(\.\.?/[\w./-]+\.js)";\n'
_EXPORT = r"(?m)^export (?=async |function |class |const |let )"
_COMMENT = r"(?ms)^[ \t]*(?:/\*.*?\*/|<!--.*?-->|//[^\n]*)\n"
_LAYER = r'(?m)^@import url\("([\w./-]+\.css)"\) layer\((\w+)\);\n'
_INDENTATION = r"(?m)^[ \t]+|\n(?=\s*\n)"
_SHEET = r'<link rel="stylesheet" href="([\w.-]+\.css)">'
_MODULE = r'<script type="module" src="([\w.-]+\.js)"></script>'


@cache
def document() -> str:
    """Return the view as one document."""
    page = re.sub(_SHEET, lambda found: f"<style>\n{short(found[1])}</style>", short(PAGE))
    return re.sub(_MODULE, lambda found: f'<script type="module">\n{_packed(found[1])}</script>', page)


def joined(entry: str) -> str:
    """Return a module and all that it imports as one, each after what it needs."""
    return "".join(re.sub(_EXPORT, "", re.sub(_IMPORT, "", short(name))) for name in modules(entry))


def modules(entry: str) -> list[str]:
    """Return the names of a module's files in the order in which they are joined."""
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order or name in above:
            return
        for needed in re.findall(_IMPORT, _text(name)):
            visit(_beside(name, needed), (*above, name))
        order[name] = None

    visit(entry, ())
    return list(order)


def joined_sheet(name: str) -> str:
    """Return a style sheet with those that it imports into layers."""
    return re.sub(
        _LAYER,
        lambda found: f"@layer {found[2]} {{\n{joined_sheet(_beside(name, found[1]))}}}\n",
        short(name),
    )


def _beside(name: str, other: str) -> str:
    """Return the name of the file that another one names by its own place."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), other))


def _packed(entry: str) -> str:
    data = base64.b64encode(zlib.compress(joined(entry).encode(), 9)).decode()
    return short(LOADER).replace("PACKED", data)


def short(name: str) -> str:
    """Return a file without comments and indentation."""
    return re.sub(_INDENTATION, "", re.sub(_COMMENT, "", _text(name)))


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")

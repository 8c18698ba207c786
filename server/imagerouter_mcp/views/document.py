"""Join the view's files into the one self-contained document that hosts draw.

Hosts fetch a view as a single file and block everything else. So `viewer.html` may name style sheets and
one module with `src`; each `import` stands alone in its statement and names a file of this folder; a comment
that is left out has its lines to itself; no module exports by default or renames, and no template literal
spans lines. The joined script is packed, because the document travels as one string: `loader.js` unpacks it.
"""

import base64
import hashlib
import re
import zlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE, LOADER = "viewer.html", "loader.js"

# Patterns are compiled when the document is joined: a server that is started does not wait for it.
_IMPORT = r'(?m)^import\s[^;]*?\sfrom\s+"\./([\w.-]+\.js)";\n'
_EXPORT = r"(?m)^export (?=async |function |class |const |let )"
_COMMENT = r"(?ms)^[ \t]*(?:/\*.*?\*/|<!--.*?-->|//[^\n]*)\n"
_INDENTATION = r"(?m)^[ \t]+|\n(?=\s*\n)"
_SHEET = r'<link rel="stylesheet" href="([\w.-]+\.css)">'
_MODULE = r'<script type="module" src="([\w.-]+\.js)"></script>'


@cache
def address() -> str:
    """Return the view's address; it changes with its content, because hosts keep what they fetched."""
    digest = hashlib.sha256()
    for file in sorted(file for file in FOLDER.iterdir() if file.suffix in {".html", ".css", ".js"}):
        digest.update(file.read_bytes())
    return f"ui://imagerouter/viewer-{digest.hexdigest()[:4]}.html"


@cache
def document() -> str:
    """Return the view as one document."""
    page = re.sub(_SHEET, lambda found: f"<style>\n{_short(found[1])}</style>", _short(PAGE))
    return re.sub(_MODULE, lambda found: f'<script type="module">\n{_packed(found[1])}</script>', page)


def joined(entry: str) -> str:
    """Return a module and all that it imports as one, each after what it needs."""
    return "".join(re.sub(_EXPORT, "", re.sub(_IMPORT, "", _short(name))) for name in modules(entry))


def modules(entry: str) -> list[str]:
    """Return the names of a module's files in the order in which they are joined."""
    order: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in order or name in above:
            return
        for needed in re.findall(_IMPORT, _text(name)):
            visit(needed, (*above, name))
        order[name] = None

    visit(entry, ())
    return list(order)


def _packed(entry: str) -> str:
    data = base64.b64encode(zlib.compress(joined(entry).encode(), 9)).decode()
    return _short(LOADER).replace("PACKED", data)


def _short(name: str) -> str:
    """Return a file without comments and indentation."""
    return re.sub(_INDENTATION, "", re.sub(_COMMENT, "", _text(name)))


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")

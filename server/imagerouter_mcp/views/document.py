"""Join the view's files into the one self-contained document that hosts draw.

Hosts fetch a view as a single file and block everything else. So `viewer.html` may name style sheets and
one module with `src`; each `import` stands alone in its statement and names a file of this folder; and no
module exports by default or renames. Comments, indentation and spaces beside punctuation are left out.
That is done with patterns: a comment has its lines to itself; no template literal spans lines; and a
regular expression begins with no space, and after no word but `return`.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = "viewer.html"

# Patterns are compiled when the document is joined: a server that is started does not wait for it.
_IMPORT = r'(?m)^import\s[^;]*?\sfrom\s+"\./([\w.-]+\.js)";\n'
_EXPORT = r"(?m)^export (?=async |function |class |const |let )"
_COMMENT = r"(?ms)^[ \t]*(?:/\*.*?\*/|<!--.*?-->|//[^\n]*)\n"
_INDENTATION = r"(?m)^[ \t]+|\n(?=\s*\n)"
_TEMPLATE = r"`(?:\\.|\$\{(?:`(?:\\.|[^`\\\n])*`|[^`}\n])*\}|[^`\\\n])*`"
_TEXT = rf"""("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|{_TEMPLATE})"""
_REGEX = r"(/(?![/* ])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\\\[\n])+/)"
_IN_SCRIPT = (
    rf"{_TEXT}|\b(return ){_REGEX}| *([{{(\[,;:=<>?&|!*])\s*{_REGEX}?| ([+/-]) (?![+/*-])|\s*([)\]}}]) *"
)
_IN_SHEET = rf"{_TEXT}|\s*([{{}};,>])\s*()|(:)\s+"
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
    page = _without_comments(_text(PAGE))
    page = re.sub(_SHEET, lambda found: f"<style>{_sheet(found[1])}</style>", page)
    return re.sub(_MODULE, lambda found: f'<script type="module">{joined(found[1])}</script>', page)


def joined(entry: str) -> str:
    """Return a module and all that it imports as one, each after what it needs."""
    return "".join(map(_script, modules(entry)))


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


def _text(name: str) -> str:
    return (FOLDER / name).read_text("utf-8")


def _script(name: str) -> str:
    text = re.sub(_EXPORT, "", re.sub(_IMPORT, "", _text(name)))
    return re.sub(_IN_SCRIPT, _tight, _without_comments(text))


def _sheet(name: str) -> str:
    return re.sub(_IN_SHEET, _tight, _without_comments(_text(name)))


def _without_comments(text: str) -> str:
    return re.sub(_INDENTATION, "", re.sub(_COMMENT, "", text))


def _tight(found: re.Match[str]) -> str:
    return "".join(filter(None, found.groups()))

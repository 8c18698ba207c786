"""Parse the steps of `finish_image` from words, such as `crop 16:9`."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

from imagerouter_mcp.errors import PlanError
from imagerouter_mcp.images.finish.steps import (
    MOST_SIDE,
    Animate,
    BeforeAfter,
    Change,
    Convert,
    Crop,
    Cutout,
    Flatten,
    Flip,
    FormatName,
    Grey,
    Grid,
    Join,
    MakeSet,
    Pad,
    Plan,
    Resize,
    Rotate,
    Size,
    Step,
    Towards,
    Trim,
)
from imagerouter_mcp.images.length import Length
from imagerouter_mcp.lines import collapse

MOST_STEPS = 20
_LONGEST_STEP = 100
_LONGEST_MARGIN_PERCENT = 500
_LONGEST_FRAME_MS = 60_000
_MOST_COLUMNS = 16


class _WrongStepError(Exception):
    """A step cannot be parsed. `str()` is the reason, or empty where the correct form says enough."""


_NUMBER = r"\d{1,9}(?:\.\d{1,6})?"
_SIZE = re.compile(r"(\d{1,9})x(\d{1,9})")
_RATIO = re.compile(rf"({_NUMBER})[:/]({_NUMBER})")
_BYTES = re.compile(rf"(?:<|<=|≤)?({_NUMBER})(b|k|kb|kib|m|mb|mib)")
_BYTE_UNITS = {"b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 10**6, "mb": 10**6, "mib": 1 << 20}
_QUALITY = re.compile(r"q?(\d{1,3})%?")
_DEGREES = re.compile(rf"([+-]?{_NUMBER})(?:°|deg|degrees)?")
_MILLISECONDS = re.compile(rf"({_NUMBER})(ms|s|fps)?")
_SHAPES = {"square": 1.0, "portrait": 3 / 4, "landscape": 4 / 3, "wide": 16 / 9, "widescreen": 16 / 9}
_TOWARDS: dict[str, Towards] = {
    **{word: word for word in ("detail", "centre", "top", "bottom", "left", "right")},
    "center": "centre",
    "middle": "centre",
}
FORMATS: dict[str, FormatName] = {
    **{word: word for word in ("png", "jpeg", "webp", "avif", "gif", "ico")},
    "jpg": "jpeg",
    "icon": "ico",
}
_FILLERS = frozenset({"to", "with", "as", "by", "at", "of", "under", "below", "max", "background", "quality"})
_MOST_TOLERANCE = 50
_MOST_QUALITY = 100


def _two(words: Sequence[str]) -> tuple[str, str]:
    """Return a step's first word and the optional second one."""
    if not 1 <= len(words) <= 2:  # noqa: PLR2004 - as above
        raise _WrongStepError
    return words[0], words[1] if len(words) > 1 else ""


def _crop(words: Sequence[str]) -> Crop:
    text = " ".join(words).replace(", ", ",").replace(" ,", ",")
    parts = (text if "," in text else text.replace(" ", ",")).split(",")
    if len(parts) == 4:  # noqa: PLR2004 - left, top, width, height
        left, top, width, height = map(_length, parts)
        if min(left.number, top.number) < 0 or min(width.number, height.number) <= 0:
            raise _WrongStepError("a box starts inside the picture and has a width and a height")
        return Crop(box=(left, top, width, height))
    shape, where = _two(words)
    towards = _TOWARDS.get(where or "detail")
    if towards is None:
        raise _WrongStepError
    if size := _size(shape):
        return Crop(ratio=size[0] / size[1], size=size, towards=towards)
    return Crop(ratio=_ratio(shape), towards=towards)


def _resize(words: Sequence[str]) -> Resize:
    size, how = _two(words)
    if percent := re.fullmatch(rf"({_NUMBER})%", size):
        if not 0 < float(percent[1]) <= 1000 or how:  # noqa: PLR2004 - per cent
            raise _WrongStepError("1% to 1000%")
        return Resize(percent=float(percent[1]))
    match how:
        case "" | "cover" | "contain" | "stretch" | "within":
            fit = how or "cover"
        case _:
            raise _WrongStepError
    if both := _size(size):
        return Resize(both, fit=fit)
    one = re.fullmatch(r"(\d{1,9})(?:px|x)?|x(\d{1,9})", size)
    if one is None or how:
        raise _WrongStepError
    width, height = int(one[1] or 0), int(one[2] or 0)
    _check_side(width or height)
    return Resize((width, height))


def _pad(words: Sequence[str]) -> Pad:
    to, fill = _two(words)
    fill = _fill(fill)
    if size := _size(to):
        return Pad(size=size, fill=fill)
    if _RATIO.fullmatch(to) or to in _SHAPES:
        return Pad(ratio=_ratio(to), fill=fill)
    margin = _length(to)
    if not 0 < margin.number <= (_LONGEST_MARGIN_PERCENT if margin.percent else MOST_SIDE):
        raise _WrongStepError("the margin is zero or too large")
    return Pad(margin=margin, fill=fill)


def _rotate(words: Sequence[str]) -> Rotate:
    word, rest = _two(words)
    turned = {"left": "-90", "right": "90", "clockwise": "90", "counterclockwise": "-90"}.get(word, word)
    found = _DEGREES.fullmatch(turned)
    if found is None or rest not in ("", "clockwise", "degrees") or abs(float(found[1])) > 360:  # noqa: PLR2004 - degrees
        raise _WrongStepError
    return Rotate(float(found[1]) % 360)


def _flip(words: Sequence[str]) -> Flip:
    match list(words):
        case [] | ["horizontal" | "horizontally"]:
            return Flip()
        case ["vertical" | "vertically"]:
            return Flip(vertical=True)
        case _:
            raise _WrongStepError


def _flatten(words: Sequence[str]) -> Flatten:
    if not words:
        return Flatten()
    word, rest = _two(words)
    fill = _fill(word)
    if rest or fill in ("", "blur", "transparent"):
        raise _WrongStepError
    return Flatten(fill)


def _cutout(words: Sequence[str]) -> Cutout:
    if not words:
        return Cutout()
    word, rest = _two(words)
    found = re.fullmatch(rf"({_NUMBER})%?", word)
    if found is None or rest or not 0 < float(found[1]) <= _MOST_TOLERANCE:
        raise _WrongStepError(f"the tolerance is 1 to {_MOST_TOLERANCE} per cent")
    return Cutout(float(found[1]))


def _convert(words: Sequence[str]) -> Convert:
    words = re.sub(r"(?<=\d) (?=[bkm])", "", " ".join(words)).split()
    kind = FORMATS.get(words[0].removeprefix("."), "") if words else ""
    rest = words[1:] if kind else words
    if not rest and kind:
        return Convert(kind)
    if len(rest) != 1:
        raise _WrongStepError
    if found := _BYTES.fullmatch(rest[0]):
        most = int(float(found[1]) * _BYTE_UNITS[found[2]])
        if kind == "ico" or most < 1000:  # noqa: PLR2004 - bytes
            raise _WrongStepError("an icon has no target size" if kind == "ico" else "1kB is the least")
        return Convert(kind, max_bytes=most)
    found = _QUALITY.fullmatch(rest[0])
    if found is None:
        raise _WrongStepError
    if not 1 <= int(found[1]) <= _MOST_QUALITY or kind in ("png", "gif", "ico"):
        raise _WrongStepError("quality is 1 to 100, of jpeg, webp and avif")
    return Convert(kind, quality=int(found[1]))


def _grid(words: Sequence[str]) -> Grid:
    if not words:
        return Grid()
    found = re.fullmatch(r"(\d{1,3})", words[0])
    if not found or words[1:] not in ([], ["columns"]) or not 1 <= int(found[1]) <= _MOST_COLUMNS:
        raise _WrongStepError
    return Grid(int(found[1]))


def _animate(words: Sequence[str]) -> Animate:
    kind: Literal["webp", "gif"] = "webp"
    if words and words[0] in ("webp", "gif"):
        kind = "gif" if words[0] == "gif" else "webp"
        words = words[1:]
    if not words:
        return Animate(kind)
    found = _MILLISECONDS.fullmatch("".join(words))
    if found is None or not float(found[1]):
        raise _WrongStepError
    value = float(found[1])
    milliseconds = {"s": 1000 * value, "fps": 1000 / value}.get(found[2] or "", value)
    if not 10 <= milliseconds <= _LONGEST_FRAME_MS:  # noqa: PLR2004 - browsers do not show shorter frames
        raise _WrongStepError("a frame lasts 10ms to 60s")
    return Animate(kind, round(milliseconds))


def _plain(step: Step) -> Callable[[Sequence[str]], Step]:
    def read(words: Sequence[str]) -> Step:
        if words:
            raise _WrongStepError
        return step

    return read


_VERBS: dict[str, tuple[str, Callable[[Sequence[str]], Step]]] = {
    "crop": ('"crop 16:9", "crop 800x600 top" or "crop 10%,0,50%,100%" (left, top, width, height)', _crop),
    "trim": ('"trim"', _plain(Trim())),
    "resize": (
        '"resize 1200x630", "resize 1200x630 contain|stretch|within", "resize 800" or "resize 50%"',
        _resize,
    ),
    "pad": ('"pad 1:1 white", "pad 1200x630 blur" or "pad 10% transparent"', _pad),
    "rotate": ('"rotate 90"', _rotate),
    "flip": ('"flip" or "flip vertical"', _flip),
    "flatten": ('"flatten white" or "flatten #ffeecc"', _flatten),
    "grey": ('"grey"', _plain(Grey())),
    "cutout": ('"cutout" or "cutout 15"', _cutout),
    "convert": (
        '"convert png", "convert webp 80" or "convert jpeg 200kB" (png, jpeg, webp, avif, gif, ico)',
        _convert,
    ),
    "favicon": ('"favicon"', _plain(MakeSet("favicon"))),
    "app-icons": ('"app-icons"', _plain(MakeSet("app-icons"))),
    "social": ('"social"', _plain(MakeSet("social"))),
    "grid": ('"grid" or "grid 3"', _grid),
    "before-after": ('"before-after"', _plain(BeforeAfter())),
    "animate": ('"animate gif 500ms" or "animate webp 12fps"', _animate),
}
"""Each step's forms, and the parser for the words after its name."""
_MEANT = {
    "scale": "resize",
    "shrink": "resize",
    "mirror": "flip",
    "turn": "rotate",
    "gray": "grey",
    "grayscale": "grey",
    "greyscale": "grey",
    "compress": "convert",
    "save": "convert",
    "format": "convert",
    "collage": "grid",
    "montage": "grid",
    "cut-out": "cutout",
    "remove-background": "cutout",
    "favicons": "favicon",
    "app-icon": "app-icons",
    "appicons": "app-icons",
    "icons": "app-icons",
    "og": "social",
    "opengraph": "social",
    "open-graph": "social",
    "beforeafter": "before-after",
    "before": "before-after",
    "compare": "before-after",
    "animation": "animate",
    "gif": "animate gif",
}
"""Other names that callers use for steps."""
_NAMES = ", ".join(_VERBS)


def is_step(text: str) -> bool:
    """Return whether a text starts with the name of a step."""
    return _verb(text)[0] in _VERBS


def read_steps(texts: Sequence[str], pictures: int) -> Plan:
    """Parse steps, and check that they can follow each other.

    Args:
        texts: The steps as the caller wrote them.
        pictures: Number of pictures they are for.

    Raises:
        PlanError: Some are wrong; the message names all of them with their correct form.
    """
    if not 1 <= len(texts) <= MOST_STEPS:
        raise PlanError(
            f"There are {len(texts)} steps, and one call takes 1 to {MOST_STEPS}.",
            f'Give them as texts, such as "crop 16:9". Steps: {_NAMES}.',
        )
    steps: list[Step] = []
    wrong: list[str] = []
    for text in texts:
        try:
            steps.append(_read(text))
        except _WrongStepError as error:
            wrong.append(f"{collapse(text, 40)!r}: {error}")
    if wrong:
        known = all(map(is_step, texts))
        remedy = "Correct this and call it again." if known else f"Steps: {_NAMES}."
        raise PlanError(f"Wrong {'step' if len(wrong) == 1 else 'steps'}: {'; '.join(wrong)}.", remedy)
    return _ordered(steps, pictures)


def _verb(text: str) -> tuple[str, list[str]]:
    """Return a step's name and its other words."""
    plain = text[:_LONGEST_STEP].strip().lower().replace("×", "x").replace("_", "-")
    plain = re.sub(r"\b(app|before|open|remove|cut)[ /]+(?=icon|after|graph|background|out)", r"\1-", plain)
    plain = re.sub(r"(?<=\d) ?x ?(?=\d)", "x", plain)
    name, _, rest = re.sub(r"^([a-z-]+)[:=(]", r"\1 ", plain).partition(" ")
    words = [word for word in rest.rstrip(")").split() if word not in _FILLERS]
    meant, _, more = _MEANT.get(name, name).partition(" ")
    return meant, [*more.split(), *words]


def _read(text: str) -> Step:
    if len(text) > _LONGEST_STEP:
        raise _WrongStepError(f"it is longer than {_LONGEST_STEP} characters")
    name, words = _verb(text)
    if name not in _VERBS:
        raise _WrongStepError("there is no such step")
    form, read = _VERBS[name]
    try:
        return read(words)
    except _WrongStepError as error:
        reason = f"{error}; " if str(error) else ""
        raise _WrongStepError(f"{reason}write {form}") from None


def _ordered(steps: Sequence[Step], pictures: int) -> Plan:
    before: list[Change] = []
    after: list[Change] = []
    join: Join | None = None
    convert = Convert()
    made_set: MakeSet | None = None
    for step in steps:
        if made_set or isinstance(join, Animate):
            raise PlanError(
                "favicon, app-icons, social and animate come last.", "Move the other steps before."
            )
        match step:
            case Grid() | BeforeAfter() | Animate():
                if join:
                    raise PlanError("Two steps join pictures.", "Make two calls, or leave one out.")
                join = step
            case MakeSet():
                made_set = step
            case Convert():
                convert = step
            case _:
                (after if join else before).append(step)
    _check_count(join, pictures)
    if convert != Convert() and (made_set or isinstance(join, Animate)):
        raise PlanError("A set or an animation decides its own format.", "Leave the step convert out.")
    return Plan(tuple(before), join, tuple(after), convert, made_set)


def _check_count(join: Join | None, pictures: int) -> None:
    if isinstance(join, BeforeAfter) and pictures != 2:  # noqa: PLR2004 - before and after
        raise PlanError(f"before-after takes 2 pictures, but got {pictures}.", "Give two in `images`.")
    if join and pictures < 2:  # noqa: PLR2004 - one is not joined
        raise PlanError("There is only one picture to join.", "Give several in `images`, in their order.")


def _size(text: str) -> Size | None:
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    size = int(found[1]), int(found[2])
    for side in size:
        _check_side(side)
    return size


def _check_side(side: int) -> None:
    if not 1 <= side <= MOST_SIDE:
        raise _WrongStepError(f"a side has 1 to {MOST_SIDE} pixels")


def _length(text: str) -> Length:
    length = Length.parse(text)
    if length is None:
        raise _WrongStepError
    return length


def _ratio(text: str) -> float:
    if text in _SHAPES:
        return _SHAPES[text]
    found = _RATIO.fullmatch(text)
    if found is None:
        raise _WrongStepError
    across, down = float(found[1]), float(found[2])
    if not across or not down or not 1 / 50 <= across / down <= 50:  # noqa: PLR2004 - fifty times as long
        raise _WrongStepError("no side is more than 50 times the other")
    return across / down


def _fill(text: str) -> str:
    """Return a colour in Pillow's syntax, "blur", "transparent", or "" for none."""
    from PIL import ImageColor  # noqa: PLC0415 - start-up does not need it

    if text in ("", "blur", "transparent"):
        return text
    for colour in (text, f"#{text}"):
        try:
            ImageColor.getrgb(colour)
        except ValueError:
            continue
        return colour
    raise _WrongStepError("the colour is unknown")

"""Texts made to keep a pattern busy: each pattern of the package gets those that its own form suggests."""

import ast
import importlib
import pkgutil
import random
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, cast

import pytest

import imagerouter_mcp

Row = Callable[[str, str, str], None]
Parsed = Any
"""A part of a pattern as Python itself reads it, in its own modules that have no types."""

codes: Parsed = importlib.import_module("re._constants")
reading: Parsed = importlib.import_module("re._parser")

SECTION = "Texts that keep a pattern busy"
CPU_SECONDS = 0.5
LENGTH = 20_000
"""Characters of an attack; a pattern whose time grows with the square of it needs more."""
NEVER = "\N{HYPHENATION POINT}"
"""Follows what is repeated, so that the pattern fails late."""
METHODS = ("match", "fullmatch", "search", "sub", "split", "findall", "finditer")


@dataclass(frozen=True)
class Use:
    """A pattern, the module it is in, and the methods of it that the module calls."""

    module: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]


class Slow(Exception):  # noqa: N818 - ends a pattern's work
    """A pattern took too long."""


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(imagerouter_mcp.__path__, "imagerouter_mcp."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


def patterns_in(value: Parsed, depth: int = 3) -> Iterator[re.Pattern[Any]]:
    """Find patterns in a module's value: itself, or in its tuples, lists, dictionaries and data classes."""
    parts: Iterable[Parsed] = ()
    if isinstance(value, re.Pattern):
        yield cast("re.Pattern[Any]", value)
    elif isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = cast("Iterable[Parsed]", value)
    elif is_dataclass(value):
        parts = [getattr(value, field.name, None) for field in fields(value)]
    if depth:
        yield from (found for part in parts for found in patterns_in(part, depth - 1))


def written_in_place(tree: ast.AST) -> Iterator[Use]:
    """Find patterns that are given to `re.match` and its like, and are no pattern of the module's."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="re"), attr=method),
                args=[ast.Constant(value=str() | bytes() as text), *_],
            ) if method in METHODS:
                yield Use("", re.compile(text), (method,))
            case _:
                pass


def uses() -> list[Use]:
    """Every pattern of the package, once, with the methods that its module calls."""
    found: dict[tuple[str | bytes, int], Use] = {}
    for module in modules():
        source = Path(module.__file__ or "").read_text("utf-8")
        named = [
            Use(module.__name__, pattern, methods_of(name, source))
            for name, value in vars(module).items()
            for pattern in patterns_in(value)
        ]
        for use in (*named, *written_in_place(ast.parse(source))):
            key = (use.pattern.pattern, use.pattern.flags)
            earlier = found.get(key, use)
            methods = tuple(dict.fromkeys((*earlier.methods, *use.methods)))
            found[key] = Use(earlier.module or module.__name__, use.pattern, methods)
    return list(found.values())


def methods_of(name: str, source: str) -> tuple[str, ...]:
    called = {method for method in METHODS if re.search(rf"\b{name}\.{method}\b", source)}
    return tuple(called) or ("match",)  # the tables of patterns are all matched


# What a pattern's form suggests


def sample(tree: Parsed, chance: random.Random) -> str:
    """Make a text that a parsed pattern matches, or nearly."""
    return "".join(piece(code, value, chance) for code, value in tree)


def piece(code: Parsed, value: Parsed, chance: random.Random) -> str:  # noqa: PLR0911 - one a kind
    match code:
        case codes.LITERAL:
            return chr(value)
        case codes.NOT_LITERAL:
            return "a" if value != ord("a") else "b"
        case codes.ANY:
            return chance.choice("a ->]")
        case codes.IN:
            return one_of(value, chance)
        case codes.BRANCH:
            return sample(chance.choice(value[1]), chance)
        case codes.SUBPATTERN:
            return sample(value[-1], chance)
        case codes.ATOMIC_GROUP:
            return sample(value, chance)
        case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
            least, most, body = value
            return sample(body, chance) * max(least, min(most, chance.choice((0, 1))))
        case _:  # what has no width
            return ""


def one_of(choices: Parsed, chance: random.Random) -> str:
    if choices[0][0] is codes.NEGATE:
        return next(c for c in "a b1-/\n" if not any(holds(c, each) for each in choices))
    code, value = chance.choice(choices)
    match code:
        case codes.LITERAL:
            return chr(value)
        case codes.RANGE:
            return chr(value[0])
        case codes.CATEGORY:
            return {codes.CATEGORY_SPACE: " ", codes.CATEGORY_DIGIT: "1"}.get(value, "a")
        case _:
            return "a"


def holds(character: str, choice: Parsed) -> bool:
    code, value = choice
    match code:
        case codes.LITERAL:
            return ord(character) == value
        case codes.RANGE:
            return value[0] <= ord(character) <= value[1]
        case codes.CATEGORY:
            return {
                codes.CATEGORY_SPACE: character.isspace(),
                codes.CATEGORY_DIGIT: character.isdigit(),
                codes.CATEGORY_WORD: character.isalnum() or character == "_",
                codes.CATEGORY_NOT_WORD: not character.isalnum(),
                codes.CATEGORY_NOT_SPACE: not character.isspace(),
            }.get(value, False)
        case _:
            return False


def attacks(pattern: re.Pattern[Any]) -> Iterator[str]:
    """Yield, for each repetition in a pattern, what leads to it, what it repeats many times, and an end."""
    seen: set[str] = set()
    for seed in range(8):
        chance = random.Random(seed)  # noqa: S311 - the same texts at each run
        text = pattern.pattern
        tree = reading.parse(
            text if isinstance(text, str) else text.decode("latin-1"), pattern.flags & ~re.UNICODE
        )
        for before, repeated in repetitions(tree, "", chance):
            for unit in {repeated, repeated * 2 + before[-1:], before[-8:] + repeated, f"{repeated} "}:
                for end in ("", NEVER):
                    attack = before + unit * (LENGTH // max(1, len(unit))) + end
                    if unit and attack not in seen:
                        seen.add(attack)
                        yield attack


def repetitions(tree: Parsed, before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    for code, value in tree:
        match code:
            case codes.MAX_REPEAT | codes.MIN_REPEAT | codes.POSSESSIVE_REPEAT:
                if value[1] > 64:
                    yield before, sample(value[2], chance)
                yield from repetitions(value[2], before, chance)
            case codes.SUBPATTERN:
                yield from repetitions(value[-1], before, chance)
            case codes.ATOMIC_GROUP:
                yield from repetitions(value, before, chance)
            case codes.BRANCH:
                for way in value[1]:
                    yield from repetitions(way, before, chance)
            case _:
                pass
        before += piece(code, value, chance)


@contextmanager
def processor_time(seconds: float) -> Generator[None]:
    """Raise `Slow` once a block has used that much of the processor; Python's patterns can be interrupted."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise Slow

    earlier = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, earlier)


def apply(pattern: re.Pattern[Any], method: str, text: str) -> None:
    given: Any = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
    if method == "sub":
        pattern.sub(given[:0], given)
    elif method == "finditer":
        deque(cast("Iterator[object]", pattern.finditer(given)), maxlen=0)
    else:
        getattr(pattern, method)(given)


def slow(pattern: re.Pattern[Any], methods: tuple[str, ...]) -> str | None:
    """Return the beginning of a text that keeps a pattern busy for more than the limit."""
    for attack in attacks(pattern):
        for method in methods:
            try:
                with processor_time(CPU_SECONDS):
                    apply(pattern, method, attack)
            except Slow:
                return f"{method} {attack[:60]!r}"
    return None


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="measures processor time as POSIX does")
def test_no_pattern_is_kept_busy_by_a_text(row: Row) -> None:
    found = uses()
    kept_busy = {
        f"{use.module}: {use.pattern.pattern!r}": text
        for use in found
        if (text := slow(use.pattern, use.methods))
    }
    assert not kept_busy
    row(
        SECTION,
        f"{LENGTH} characters made from the form of each pattern, against all",
        "none takes half a second",
    )


@pytest.mark.parametrize(
    "text", [r"(?:<!--.*?-->\s*)*\Z", r"(a+)+b", r"\s*\s*x", r"a[A-Za-z\s]{5,}\s*z", r"(?:a|aa)*b"]
)
def test_the_attacks_keep_a_bad_pattern_busy(text: str) -> None:
    assert slow(re.compile(text, re.DOTALL), ("fullmatch", "search"))


UNPACK = """
import resource, sys
from imagerouter_mcp.errors import InvalidSourceError
from imagerouter_mcp.images import source_images

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
text = eval(sys.argv[1])
before = peak()
assert source_images.is_data(text)
try:
    source_images._open_data_uri(text)
except InvalidSourceError:
    pass
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory as Linux counts it")
@pytest.mark.parametrize(
    "written",
    [
        "'data:' + ';' * 38 * 2**20",
        "'data:' + ';' * 38 * 2**20 + ',AAAA'",
        "'data:;base64,' + 'A ' * 19 * 2**20",
        "'data:;base64,' + '%' * 38 * 2**20",
        "'data:,' + '%41' * 12 * 2**20",
    ],
)
def test_a_data_uri_of_the_largest_size_fills_no_memory(row: Row, written: str) -> None:
    command = [sys.executable, "-c", UNPACK, written]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert ended.returncode == 0, ended.stderr[-500:]
    assert int(ended.stdout) < 250, "MiB over what the text itself takes"
    row(SECTION, f"a source of `{written}`", "read or refused within 250 MiB over the text itself")

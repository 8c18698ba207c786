"""The faults that can be put into a module, read off its syntax tree."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Literal

Kind = Literal["condition", "bound", "constant", "operator", "guard", "swap", "call"]

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
OPPOSITES = {"any": "all", "all": "any", "min": "max", "max": "min"}
EXITS = (ast.Raise, ast.Return, ast.Continue, ast.Break)
COMMUTATIVE = ("min", "max", "suppress", "gcd")
"""Functions whose arguments may come in any order."""
_ROUND = 20
"""A number from here on becomes tenfold, but not one more or less: of a bound that somebody chose, the next
number is as right, and of a code or a size, any other is as wrong."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One small change to a module.

    Attributes:
        module: The file, relative to the package.
        function: The qualified name of what it is in; empty at the top of the module.
        kind: What kind of change it is.
        line: The line that changes.
        last_line: The last line of what changes.
        start: Where the replaced bytes start.
        end: Where they end.
        before: The source that is replaced.
        after: What replaces it.
    """

    module: str
    function: str
    kind: Kind
    line: int
    last_line: int
    start: int
    end: int
    before: str
    after: str

    def put_into(self, source: bytes) -> bytes:
        """Return the module's source with the fault in it."""
        return source[: self.start] + self.after.encode() + source[self.end :]

    def __str__(self) -> str:
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.module}:{self.line}  {self.kind}  {before} → {after}"


def faults_in(package: Path, module: Path) -> list[Fault]:
    """Return every fault that this program knows how to put into a module.

    Docstrings, messages (f-strings and whatever is raised), log lines, annotations and decorators stay as
    they are.
    """
    source = module.read_bytes()
    finder = _Finder(source, module.relative_to(package).as_posix())
    finder.visit(ast.parse(source))
    return finder.faults


class _Finder(ast.NodeVisitor):
    def __init__(self, source: bytes, module: str) -> None:
        self.faults: list[Fault] = []
        self._source = source
        self._module = module
        self._scope: list[str] = []
        self._line_starts = [0]
        for line in source.splitlines(keepends=True):
            self._line_starts.append(self._line_starts[-1] + len(line))

    def _add(self, kind: Kind, node: ast.expr | ast.stmt, after: Callable[[str], str] | str) -> None:
        assert node.end_lineno
        assert node.end_col_offset is not None
        start = self._line_starts[node.lineno - 1] + node.col_offset
        end = self._line_starts[node.end_lineno - 1] + node.end_col_offset
        before = self._source[start:end].decode()
        new = after if isinstance(after, str) else after(before)
        scope = ".".join(self._scope)
        self.faults.append(
            Fault(self._module, scope, kind, node.lineno, node.end_lineno, start, end, before, new)
        )

    # What is left alone.

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Messages stay as they are."""

    def visit_Raise(self, node: ast.Raise) -> None:
        """What is raised is mostly a message."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Look at the value alone."""
        if node.value:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """Leave literal types alone."""
        if not (isinstance(node.value, ast.Name) and node.value.id == "Literal"):
            self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Look at the body alone."""
        self._enter(node.name, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Look at the defaults and the body."""
        self._enter(node.name, [*node.args.defaults, *filter(None, node.args.kw_defaults), *node.body])

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def _enter(self, name: str, parts: "list[ast.stmt] | list[ast.expr | ast.stmt]") -> None:
        self._scope.append(name)
        for part in parts:
            self.visit(part)
        self._scope.pop()

    # What is changed.

    def visit_If(self, node: ast.If) -> None:
        """Negate the condition, or drop the whole guard."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        self._negate(node.test)
        if not node.orelse and isinstance(node.body[-1], EXITS):
            self._add("guard", node, "pass")
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        """Negate the condition."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Negate the condition."""
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        """Negate what it filters by."""
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def _negate(self, test: ast.expr) -> None:
        if not isinstance(test, ast.UnaryOp):
            self._add("condition", test, lambda before: f"(not ({before}))")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """Drop a `not`."""
        if isinstance(node.op, ast.Not):
            self._add("condition", node, f"({ast.unparse(node.operand)})")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        """Move a bound by one, or compare the other way round."""
        for place, operator in enumerate(node.ops):
            changed: list[ast.cmpop] = list(node.ops)
            changed[place] = COMPARISONS[type(operator)]()
            self._add("bound", node, f"({ast.unparse(ast.Compare(node.left, changed, node.comparators))})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Take `or` for `and`."""
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        self._add("operator", node, f"({ast.unparse(ast.BoolOp(other, node.values))})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Take the opposite operator, but not between types or texts."""
        other = ARITHMETIC.get(type(node.op))
        if other and not any(isinstance(side, ast.JoinedStr) for side in (node.left, node.right)):
            self._add("operator", node, f"({ast.unparse(ast.BinOp(node.left, other(), node.right))})")
        if isinstance(node.op, ast.Pow):  # of 2**20 only the 20
            self.visit(node.right)
        else:
            self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """Take `any` for `all`, `min` for `max`."""
        if node.id in OPPOSITES:
            self._add("operator", node, OPPOSITES[node.id])

    def visit_Constant(self, node: ast.Constant) -> None:
        """Change a number."""
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            for changed in _other_numbers(node.value):
                self._add("constant", node, changed)

    def visit_Call(self, node: ast.Call) -> None:
        """Swap two neighbouring arguments; change the number in `Decimal("…")`."""
        if _is_logging(node):
            return
        if isinstance(node.func, ast.Name) and node.func.id == "Decimal":
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    self._add("constant", argument, repr(str(Decimal(argument.value) * 10 or 1)))
        for place, pair in enumerate(pairwise(node.args)):
            if not any(isinstance(each, ast.Starred | ast.JoinedStr) for each in pair):
                self._swap(node, pair, ast.Call(node.func, _swapped(node.args, place), node.keywords))
        for place, (one, two) in enumerate(pairwise(node.keywords)):
            if all(each.arg and isinstance(each.value, ast.Name | ast.Attribute) for each in (one, two)):
                changed = list(node.keywords)
                changed[place : place + 2] = ast.keyword(one.arg, two.value), ast.keyword(two.arg, one.value)
                self._swap(node, (one.value, two.value), ast.Call(node.func, node.args, changed))
        self.generic_visit(node)

    def _swap(self, call: ast.Call, pair: tuple[ast.expr, ast.expr], changed: ast.Call) -> None:
        one, two = pair
        commutes = isinstance(call.func, ast.Name) and call.func.id in COMMUTATIVE
        if ast.dump(one) != ast.dump(two) and not commutes:
            self._add("swap", call, ast.unparse(changed))

    def visit_Expr(self, node: ast.Expr) -> None:
        """Drop a call that is made for its effect."""
        value = node.value.value if isinstance(node.value, ast.Await) else node.value
        if isinstance(value, ast.Call) and not _is_logging(value):
            self._add("call", node, "pass")
        self.generic_visit(node)


def _swapped(arguments: Sequence[ast.expr], place: int) -> list[ast.expr]:
    changed = list(arguments)
    changed[place : place + 2] = arguments[place + 1], arguments[place]
    return changed


def _is_logging(call: ast.Call) -> bool:
    target = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(target, ast.Name) and target.id in ("logger", "logging", "warnings")


def _other_numbers(value: float) -> Iterator[str]:
    if isinstance(value, int) and value < _ROUND:
        yield str(value + 1)
        if value:
            yield str(value - 1)
    if value:
        yield str(value * 10)

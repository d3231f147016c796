"""Where the source of a module can be changed so that it is still Python, and a test should fail."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import pairwise

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.Div: "*",
    ast.Mod: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}
# What SQLAlchemy calls them.
_OTHER_NAMES = {"and_": "or_", "or_": "and_", "is_": "is_not", "is_not": "is_", "desc": "asc", "asc": "desc"}
_CONDITIONS = {"where", "and_", "or_"}
_CLAUSES = {"where", "order_by", "with_for_update", "limit"}
# Between two operands, with comments and parentheses around it.
_OPERATOR = re.compile(rb"is\s+not\b|not\s+in\b|\b(?:is|in|and|or)\b|[<>=!]=|//|[-+*/%&|<>]")
_SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b|^\s*(WHERE|ORDER BY|ON CONFLICT)\b")
_SQL_CHANGES: list[tuple[str, str]] = [
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bNOT IN\b", "IN"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"(?<= )=(?= )", "<>"),
    (r"(?<= )<>(?= )", "="),
    (r"(?<= )<=(?= )", "<"),
    (r"(?<= )>(?= )", ">="),
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"\bORDER BY [\w.]+", ""),
    (r"\bFOR (NO KEY )?UPDATE( OF \w+)?", ""),
    (r"\bAND [\w.]+ = [\w.]+", ""),
]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A change of a source: the bytes from `start` to `end` become `replacement`."""

    kind: str
    line: int
    start: int
    end: int
    original: str
    replacement: str

    def apply(self, source: str) -> str:
        """Return the changed source."""
        data = source.encode()
        return (data[: self.start] + self.replacement.encode() + data[self.end :]).decode()


def mutations(source: str) -> list[Mutation]:
    """Return every change of a module's source, in the order of their places."""
    finder = _Finder(source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda found: (found.start, found.end, found.replacement))


class _Finder(ast.NodeVisitor):
    """Collects mutations. Annotations, docstrings, messages, logging and protocols are left as they are."""

    def __init__(self, source: str) -> None:
        self._data = source.encode()
        self._starts = [0]
        for line in self._data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.found: list[Mutation] = []

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _text(self, node: ast.AST) -> str:
        start, end = self._span(node)
        return self._data[start:end].decode()

    def _replace(self, kind: str, node: ast.expr | ast.stmt, replacement: str) -> None:
        start, end = self._span(node)
        original = self._data[start:end].decode()
        if original != replacement:
            self.found.append(Mutation(kind, node.lineno, start, end, original, replacement))

    def _visit_all(self, nodes: list[ast.expr] | list[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Its defaults and its body."""
        if node.name != "__repr__":
            self._visit_all([*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)])
            self._visit_all(node.body)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """As of any function."""
        self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Its body, unless nobody runs it."""
        if not any("Protocol" in ast.unparse(base) for base in node.bases):
            self._visit_all(node.body)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """The value."""
        if node.value is not None:
            self.visit(node.value)

    def visit_Assert(self, node: ast.Assert) -> None:
        """Nothing: an assertion is for the type checker."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """Nothing: Python 3.11 does not know where its parts are."""

    def visit_Raise(self, node: ast.Raise) -> None:
        """Whether it is raised, and not what it says."""
        if "AssertionError" not in ast.unparse(node) and "NotImplementedError" not in ast.unparse(node):
            self._replace("removed raise", node, "pass")

    def visit_Assign(self, node: ast.Assign) -> None:
        """The value; and whether an attribute or an item gets it."""
        target = node.targets[0]
        if isinstance(target, ast.Name) and target.id in ("__all__", "logger", "_SQL"):
            return
        if isinstance(target, ast.Attribute | ast.Subscript) and not self._is_initial(target):
            self._replace("removed statement", node, "pass")
        self.visit(node.value)

    def _is_initial(self, target: ast.expr) -> bool:
        # Without it nothing works, which every test sees.
        return isinstance(target, ast.Attribute) and ast.unparse(target).startswith("self._")

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Whether it is done, and which way."""
        self._replace("removed statement", node, "pass")
        if (operator := _ARITHMETIC.get(type(node.op))) is not None:
            changed = f"{self._text(node.target)} {operator}= {self._text(node.value)}"
            self._replace("arithmetic", node, changed)
        self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call for its effect."""
        if isinstance(node.value, ast.Constant):
            return
        text = ast.unparse(node)
        if not text.startswith(("logger.", "super().__init__")) and "yield" not in text:
            self._replace("removed statement", node, "pass")
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        """The condition, and both branches."""
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self._condition(node.test)
            self._visit_all(node.body)
            self._visit_all(node.orelse)

    def visit_While(self, node: ast.While) -> None:
        """The condition and the body."""
        if not isinstance(node.test, ast.Constant):
            self._condition(node.test)
        self._visit_all(node.body)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """The condition and both values."""
        self._condition(node.test)
        self._visit_all([node.body, node.orelse])

    def _condition(self, test: ast.expr) -> None:
        if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Await | ast.NamedExpr):
            self._replace("negated condition", test, f"(not ({self._text(test)}))")
        self.visit(test)

    def visit_Compare(self, node: ast.Compare) -> None:
        """The operator of two operands."""
        if len(node.ops) == 1 and (operator := _COMPARISONS.get(type(node.ops[0]))) is not None:
            self._between("comparison", node.left, node.comparators[0], operator)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """`and` and `or`."""
        operator = "or" if isinstance(node.op, ast.And) else "and"
        for left, right in pairwise(node.values):
            self._between("boolean", left, right, operator)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Arithmetic."""
        if (operator := _ARITHMETIC.get(type(node.op))) is not None:
            self._between("arithmetic", node.left, node.right, operator)
        self.generic_visit(node)

    def _between(self, kind: str, left: ast.expr, right: ast.expr, operator: str) -> None:
        """Change the operator between two operands, which may have parentheses around them."""
        start, end = self._span(left)[1], self._span(right)[0]
        found = _OPERATOR.search(self._data[start:end])
        if found is not None:
            first, last = start + found.start(), start + found.end()
            line = self._data[:first].count(b"\n") + 1
            self.found.append(Mutation(kind, line, first, last, found[0].decode(), operator))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        """`not`, and SQLAlchemy's `~`."""
        if isinstance(node.op, ast.Not | ast.Invert):
            self._replace("removed not", node, f"({self._text(node.operand)})")
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        """Truth, whole numbers and SQL."""
        if isinstance(node.value, bool):
            self._replace("constant", node, str(not node.value))
        elif isinstance(node.value, int):
            self._replace("constant", node, str(node.value + 1))
        elif isinstance(node.value, str) and _SQL.search(node.value):
            self._sql(node)

    def _sql(self, node: ast.Constant) -> None:
        start, end = self._span(node)
        text = self._data[start:end].decode()
        for pattern, replacement in _SQL_CHANGES:
            for match in re.finditer(pattern, text):
                first = start + len(text[: match.start()].encode())
                last = start + len(text[: match.end()].encode())
                line = node.lineno + text[: match.start()].count("\n")
                self.found.append(Mutation("SQL", line, first, last, match[0], replacement))

    def visit_Call(self, node: ast.Call) -> None:
        """Its arguments: each keyword dropped, each of several conditions dropped, a clause left out."""
        name = _name(node.func)
        for dropped in node.keywords:
            if dropped.arg is not None:
                self._replace(f"dropped {dropped.arg}=", node, _without(node, dropped))
        if name in _OTHER_NAMES and isinstance(node.func, ast.Attribute):
            function = f"{self._text(node.func.value)}.{_OTHER_NAMES[name]}"
            start, _ = self._span(node.func)
            _, end = self._span(node)
            _, rest = self._span(node.func)
            changed = function + self._data[rest:end].decode()
            self.found.append(Mutation("SQL", node.lineno, start, end, self._text(node), changed))
        if name in _CONDITIONS and len(node.args) > 1:
            for condition in node.args:
                self._replace("dropped condition", node, _without(node, condition))
        elif name in _CLAUSES and isinstance(node.func, ast.Attribute):
            self._replace("dropped clause", node, self._text(node.func.value))
        self.generic_visit(node)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _without(call: ast.Call, argument: ast.AST) -> str:
    args = [arg for arg in call.args if arg is not argument]
    keywords = [keyword for keyword in call.keywords if keyword is not argument]
    return ast.unparse(ast.Call(call.func, args, keywords))

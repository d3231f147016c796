"""What the storage's own SQL does not do, read from its sources."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

STORAGE = Path(__file__).parents[2] / "server/holdfastdb_server/storage"
SOURCES = sorted(STORAGE.rglob("*.py"))


def names_in(expression: ast.AST) -> set[str]:
    """The variables and attributes that an expression reads, as they are written: `query`, `self._insert`."""
    return {ast.unparse(node) for node in ast.walk(expression) if isinstance(node, ast.Name | ast.Attribute)}


def assigned(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What is assigned to which variable or attribute."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((ast.unparse(target), value) for target in targets)
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target, value):
                yield ast.unparse(target), value


def origins(expression: ast.expr, function: ast.AST, module: ast.Module) -> str:
    """The source of an expression, and of all that it is made from: variables of its function, attributes."""
    values = [*assigned(function), *((name, value) for name, value in assigned(module) if "." in name)]
    sources: list[str] = []
    seen: set[str] = set()
    waiting = [expression]
    while waiting:
        value = waiting.pop()
        sources.append(ast.unparse(value))
        for name in names_in(value) - seen:
            seen.add(name)
            waiting += [made_of for other, made_of in values if other == name]
    return "\n".join(sources)


def row_counts_of_insertions(source: str) -> list[str]:
    """Where the source reads the row count of an INSERT."""
    module = ast.parse(source)
    functions = [
        node for node in ast.walk(module) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [
        ast.unparse(node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and node.attr == "rowcount"
        and re.search("insert", origins(node.value, function, module), re.IGNORECASE)
    ]


def test_the_row_count_of_an_insert_is_never_read() -> None:
    """Citus reports rows of INSERT … ON CONFLICT DO NOTHING that it did not insert: count by RETURNING."""
    assert {str(path): row_counts_of_insertions(path.read_text()) for path in SOURCES} == {
        str(path): [] for path in SOURCES
    }


def test_a_row_count_of_an_insert_would_be_noticed() -> None:
    noticed = """
class A:
    def __init__(self, dialect):
        self._statement = dialect.insert(table)
    async def attribute(self, connection):
        return (await connection.execute(self._statement)).rowcount
    async def variable(self, connection):
        text = "INSERT INTO table VALUES (1)"
        done = await connection.exec_driver_sql(text)
        return done.rowcount
    async def deletion(self, connection):
        done = await connection.execute(table.delete())
        return done.rowcount
"""
    assert row_counts_of_insertions(noticed) == [
        "(await connection.execute(self._statement)).rowcount",
        "done.rowcount",
    ]


def test_no_limit_is_a_subquery() -> None:
    """Citus refuses it in UPDATE … FROM. Few rows are expected by a condition of known selectivity."""
    found = [
        f"{path.relative_to(STORAGE)}: {node.value}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\bLIMIT\s*\(\s*(SELECT|\Z)", node.value, re.IGNORECASE)
    ]
    assert found == []

"""What is changed in a source, and what is left as it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.mutations import mutations
from tests.mutants.targets import ROOT, modules, selections


def changed(source: str) -> set[str]:
    """Return the sources that mutations make of a source."""
    return {mutation.apply(source) for mutation in mutations(source)}


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("x = a < b", {"x = a <= b"}),
        ("x = (a := f()) is not None", {"x = (a := f()) is None"}),
        ("x = a and b and c", {"x = a or b and c", "x = a and b or c"}),
        ("x = (a + b) * c", {"x = (a - b) * c", "x = (a + b) // c"}),
        ("x = 5", {"x = 6"}),
        ("x = True", {"x = False"}),
        ("x = not a", {"x = (a)"}),
        ("if a:\n    b", {"if (not (a)):\n    b", "if a:\n    pass"}),
        ("for a in b:\n    f(a)", {"for a in b:\n    pass"}),
        ("x += y", {"pass", "x -= y"}),
        ("if a == 'ж':\n    raise E", {"if a != 'ж':\n    raise E", "if a == 'ж':\n    pass"}),
        ("x = f(a, b=c)", {"x = f(a)"}),
        ("x = q.where(a, b)", {"x = q.where(b)", "x = q.where(a)"}),
        ("x = q.where(a)", {"x = q"}),
        ("x = q.order_by(t.desc())", {"x = q", "x = q.order_by(t.asc())"}),
        ("x = or_(a, b)", {"x = or_(b)", "x = or_(a)"}),
        ("s = 'SELECT a WHERE b = c'", {"s = 'SELECT a WHERE b <> c'"}),
        (
            "s = 'SELECT a FROM t ORDER BY t.b FOR UPDATE'",
            {"s = 'SELECT a FROM t  FOR UPDATE'", "s = 'SELECT a FROM t ORDER BY t.b '"},
        ),
    ],
)
def test_code_is_changed(source: str, wanted: set[str]) -> None:
    assert changed(source) == wanted


@pytest.mark.parametrize(
    "source",
    [
        '"""Docs: 1 < 2."""',
        "x: Literal[1]",
        "class A(Protocol):\n    def f(self) -> bool:\n        return True",
        "def f() -> None:\n    assert a < b",
        "logger.info('x')",
        "raise AssertionError('x')",
        "if TYPE_CHECKING:\n    from a import b",
        "x = f'{a < b}'",
        "x = 'no SQL: a = b'",
        "def __repr__(self):\n    return a < b",
    ],
)
def test_what_no_test_could_see_is_left_as_it_is(source: str) -> None:
    assert changed(source) == set()


def test_every_mutant_of_our_code_is_python() -> None:
    for module in modules():
        source = (ROOT / module).read_text()
        for mutation in mutations(source):
            assert mutation.apply(source) != source
            ast.parse(mutation.apply(source))


def test_every_module_has_tests_that_are_there() -> None:
    for module in modules():
        for tests in selections(module):
            paths = [part for part in tests if part.startswith("tests/")]
            assert paths
            assert [path for path in paths if not Path(ROOT, path).exists()] == []

"""The names that `holdfastdb` offers: that each is documented, and loads when it is asked for."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import holdfastdb
from holdfastdb import _public as public
from holdfastdb import errors, managers, recorder, types

ROOT = Path(public.__file__).parent
CLIENTS = {"AsyncClient", "Client", "connect", "connect_sync"}
WHAT_CLIENTS_RETURN = {"AsyncLease", "AsyncPager", "AsyncTail", "Lease", "Pager", "Tail"}
# A module is public unless a part of its path begins with an underscore. `v1` is generated.
PUBLIC_FILES = sorted(
    path
    for path in ROOT.rglob("*.py")
    if path.relative_to(ROOT).parts[0] != "v1"
    and not any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(ROOT).parts)
)
PUBLIC_CLASSES = [
    *(value for name in public.__all__ if inspect.isclass(value := getattr(holdfastdb, name))),
    # The nouns: `client.sessions` and the others.
    *get_type_hints(holdfastdb.AsyncClient).values(),
    *get_type_hints(holdfastdb.Client).values(),
]


def test_every_name_is_there_and_is_listed() -> None:
    for name in public.__all__:
        assert getattr(holdfastdb, name) is getattr(public, name)
    assert {*public.__all__, "__version__"} <= set(dir(holdfastdb))
    assert holdfastdb.errors is errors


def test_another_name_is_not() -> None:
    assert not hasattr(holdfastdb, "nothing")
    assert not hasattr(holdfastdb, "__nothing__")


def test_the_package_offers_what_its_public_modules_do_and_the_clients() -> None:
    below = [*errors.__all__, *managers.__all__, *recorder.__all__, *types.__all__]
    assert sorted(holdfastdb.__all__) == sorted([*below, *CLIENTS, *WHAT_CLIENTS_RETURN])
    assert len(set(holdfastdb.__all__)) == len(holdfastdb.__all__)


@pytest.mark.parametrize("path", PUBLIC_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_public_module_defines_is_offered_and_documented(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    if path == ROOT / "__init__.py":
        return  # it loads its names late
    for name, docstring in definitions(tree):
        assert name in holdfastdb.__all__, name
        assert docstring, name


def definitions(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """The public names that the module defines, and their docstrings; for a value, what follows it."""
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        match node:
            case ast.ClassDef(name) | ast.FunctionDef(name):
                documented = ast.get_docstring(node)
            case ast.AnnAssign(ast.Name(name)) | ast.Assign([ast.Name(name)]):
                text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                documented = "documented" if text else None
            case _:
                continue
        if not name.startswith("_"):
            yield name, documented


@pytest.mark.parametrize("kind", PUBLIC_CLASSES, ids=lambda kind: kind.__name__)
def test_every_public_method_is_documented(kind: type) -> None:
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_") and (callable(member) or isinstance(member, property)):
            assert inspect.getdoc(member), name

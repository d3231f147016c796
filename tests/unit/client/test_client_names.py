"""The names that `holdfastdb` offers. They load when they are asked for."""

from __future__ import annotations

import holdfastdb
from holdfastdb import _public as public
from holdfastdb import errors


def test_every_name_is_there_and_is_listed() -> None:
    for name in public.__all__:
        assert getattr(holdfastdb, name) is getattr(public, name)
    assert {*public.__all__, "__version__"} <= set(dir(holdfastdb))
    assert holdfastdb.errors is errors


def test_another_name_is_not() -> None:
    assert not hasattr(holdfastdb, "nothing")
    assert not hasattr(holdfastdb, "__nothing__")

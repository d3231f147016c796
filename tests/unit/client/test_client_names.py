"""The names that `holdfast` offers. They load when they are asked for."""

from __future__ import annotations

import holdfast
from holdfast import errors, public


def test_every_name_is_there_and_is_listed() -> None:
    for name in public.__all__:
        assert getattr(holdfast, name) is getattr(public, name)
    assert {*public.__all__, "__version__"} <= set(dir(holdfast))
    assert holdfast.errors is errors


def test_another_name_is_not() -> None:
    assert not hasattr(holdfast, "nothing")
    assert not hasattr(holdfast, "__nothing__")

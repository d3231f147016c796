"""Mutations that change nothing a caller can see, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutations import Mutation
from tests.mutants.targets import name


@dataclass(frozen=True, slots=True)
class Equivalent:
    """Mutations of the lines of a module that contain `line`, to `replacement` where one is given."""

    module: str
    line: str
    reason: str
    replacement: str | None = None

    def covers(self, module: Path, source: str, mutation: Mutation) -> bool:
        """Whether it is about this mutation."""
        return (
            self.module == name(module)
            and self.line in source.splitlines()[mutation.line - 1]
            and self.replacement in (None, mutation.replacement)
        )


EQUIVALENTS: list[Equivalent] = [
    Equivalent(
        "storage/documents/collections.py",
        'sa.bindparam(f"{name}{part}", type_=sa.Text)',
        "a parameter that is compared with a column of text gets that column's type by itself",
    ),
]

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


# The type checker needs these.
_PARAMETERS = {
    "storage/approvals/rows.py": ['now = sa.bindparam("now", type_=Micros)'],
    "storage/documents/collections.py": [
        'sa.bindparam(f"{name}{part}", type_=sa.Text)',
        "sa.bindparam(_AFTER, type_=sa.Text)",
    ],
    "storage/documents/lists.py": [
        'kind = sa.bindparam(f"{name}_kind", type_=sa.Text)',
        'kind_end = sa.bindparam(f"{name}_kind_end", type_=sa.Text)',
    ],
    "storage/documents/rows.py": ['time = sa.bindparam("now", type_=Micros)'],
    "storage/query/filters.py": [
        'NAMESPACE = sa.bindparam("namespace", type_=sa.Text)',
        "wanted = sa.bindparam(name, type_=sa.Text)",
        'end = sa.bindparam(f"{name}_end", type_=sa.Text)',
    ],
    "storage/states/lists.py": [
        '_SESSION_KEY = sa.bindparam("session_key", type_=sa.BigInteger)',
        'last = sa.bindparam("after_key", type_=key.type)',
    ],
    "storage/tasks/rows.py": ['NOW = sa.bindparam("now", type_=Micros)'],
}

EQUIVALENTS = [
    Equivalent(module, line, "a parameter that is compared with a column gets the column's type by itself")
    for module, lines in _PARAMETERS.items()
    for line in lines
]

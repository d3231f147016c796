"""A SELECT that asyncpg runs without SQLAlchemy, with rows as SQLAlchemy would return them."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect as SqlDialect


class DirectSelect:
    """A SELECT that is compiled once."""

    def __init__(self, select: sa.Select[Any], dialect: SqlDialect) -> None:
        compiled = select.compile(dialect=dialect)
        assert isinstance(compiled, sa.sql.compiler.SQLCompiler)
        self.text = str(compiled)
        self._parameters = compiled.positiontup or []
        columns = list(select.selected_columns)
        self._make = _row_class([column.name for column in columns])._make
        processors = [c.type.dialect_impl(dialect).result_processor(dialect, None) for c in columns]
        # Only of the columns that need one: most do not.
        self._processors = [(place, process) for place, process in enumerate(processors) if process]

    def arguments(self, params: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the text."""
        return [params[name] for name in self._parameters]

    def rows(self, records: Sequence[Any]) -> list[Any]:
        """Return the rows, which have the columns as attributes."""
        return [self._row_of(record) for record in records]

    def _row_of(self, record: Any) -> Any:
        values = list(record)
        for place, process in self._processors:
            values[place] = process(values[place])
        return self._make(values)


def _row_class(names: Sequence[str]) -> Any:
    # Not a NamedTuple class: the columns are known only when the query is compiled.
    return collections.namedtuple("Row", names)

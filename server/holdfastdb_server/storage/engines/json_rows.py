"""Rows for PostgreSQL as one parameter: a JSON array, which it reads as a table.

The text of a statement is the same for 1 row and for 1,000. An array for each column would do that too, but
asyncpg takes several times as long to encode arrays as msgspec to encode the same rows as JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from holdfastdb_server.storage.engines.columns import Searchable, given_columns

# Columns of these types are sent as text, and converted by these expressions.
_SENT_AS_TEXT = {"json": "{}::json", "jsonb": "{}::jsonb", "bytea": "decode({}, 'base64')"}
# More than any statement has.
_MOST_ROWS = 1_000_000
_encode = msgspec.json.Encoder().encode


class JsonRows:
    """The columns of rows that are sent as JSON objects, without members that are NULL."""

    def __init__(self, columns: Mapping[str, TypeEngine[Any]], dialect: Dialect) -> None:
        types = {str(name): _plain_type(column, dialect) for name, column in columns.items()}
        as_text = {
            name: _SENT_AS_TEXT[types[name]]
            for name, column in columns.items()
            # A Searchable is sent as a JSON object, not as text.
            if types[name] in _SENT_AS_TEXT and not isinstance(column, Searchable)
        }
        self.columns = ", ".join(f"{n} {'text' if n in as_text else kind}" for n, kind in types.items())
        """The columns as they are sent, with their types."""
        self.values = {name: as_text.get(name, "{}") for name in types}
        """The expression for each column's value; `{}` stands for the column."""
        self._row: Any = msgspec.defstruct(
            "Row", [(name, Any, None) for name in types], omit_defaults=True, gc=False
        )

    def table(self, parameter: str, name: str) -> str:
        """Return an item of a FROM: the rows in this parameter, as a table of this name."""
        return f"json_to_recordset(convert_from({parameter}, 'UTF8')::json) AS {name} ({self.columns})"

    def numbered_table(self, parameter: str, name: str) -> str:
        """Return the same with one more column: `ordinal`, the number of a row from 1 on."""
        names = ", ".join(self.values)
        rows = f"json_to_recordset(convert_from({parameter}, 'UTF8')::json) AS ({self.columns})"
        return f"ROWS FROM ({rows}) WITH ORDINALITY AS {name} ({names}, ordinal)"

    def insertion(self, table: Table, name: str, computed: Mapping[str, str] | None = None) -> str:
        """Return an INSERT of the rows in a table of this name, up to its FROM.

        `computed` are expressions for columns whose values do not come from the rows.
        """
        known = computed or {}
        values = {
            column.name: known.get(column.name) or self.values[column.name].format(f"{name}.{column.name}")
            for column in given_columns(table)
        }
        return f"INSERT INTO {table.name} ({', '.join(values)})\n    SELECT {', '.join(values.values())}"

    def dump(self, rows: Iterable[Sequence[Any]]) -> bytes:
        """Return rows, with values in the order of the columns, as a parameter."""
        return _encode([self._row(*row) for row in rows])


def _plain_type(column_type: TypeEngine[Any], dialect: Dialect) -> str:
    """Return the name of a type in SQL, without its collation."""
    return column_type.dialect_impl(dialect).compile(dialect).split(" COLLATE")[0].lower()


def is_one_of_few(number: str) -> str:
    """Return a condition that holds for each row, in which this is a column of numbers from 0 on.

    With it PostgreSQL expects a 200th of the rows, at least one: what it takes a range for of whose column it
    has no statistics. It expects 100 rows of JSON, and for those it would rather read some megabytes of
    another table than enter its index 100 times.
    """
    return f"{number} BETWEEN 0 AND {_MOST_ROWS}"


def joined_with_many(number: str) -> str:
    """Return what to add to a FROM whose rows, few by the condition above, shall count as many.

    PostgreSQL expects 1,000 rows of a series whose ends it cannot see, and gets one for each row. What is
    joined with these then is hashed, not compared with every one of them.
    """
    return f"CROSS JOIN LATERAL generate_series({number}, {number}) AS _"

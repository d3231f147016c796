"""Rows for SQLite: a row must have a value for each column."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import Micros
from holdfastdb_server.storage.engines.sqlite import SqliteDialect

TABLE = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Text()), sa.Column("time", Micros()))


@pytest.mark.parametrize("row", [("one",), ("one", None, "three")], ids=len)
def test_a_row_with_too_few_or_too_many_values_is_refused(row: tuple[object, ...]) -> None:
    dialect = SqliteDialect()
    _, convert = dialect.inline_rows("rows", {column.name: column.type for column in TABLE.columns})
    assert convert([("one", None)]) == {"rows_rows": '[["one",null]]'}
    with pytest.raises(ValueError, match="zip"):
        convert([row])
    with pytest.raises(ValueError, match="zip"):
        dialect._converted(TABLE, [row])

"""JsonRows: rows as one parameter, without a database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.types import TypeEngine

from holdfastdb_server.storage.engines.columns import JsonText, Micros, Searchable
from holdfastdb_server.storage.engines.json_rows import JsonRows

COLUMNS: Mapping[str, TypeEngine[Any]] = {
    "number": sa.BigInteger(),
    "name": sa.Text(collation="C"),
    "text": JsonText(),
    "labels": Searchable(),
    "data": sa.LargeBinary(),
    "time": Micros(),
}


def json_rows() -> JsonRows:
    return JsonRows(COLUMNS, dialect())  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def test_what_json_cannot_hold_is_sent_as_text() -> None:
    rows = json_rows()
    assert rows.columns == (
        "number bigint, name varchar, text text, labels jsonb, data text, time timestamp with time zone"
    )
    assert rows.values == {
        "number": "{}",
        "name": "{}",
        "text": "{}::json",
        "labels": "{}",
        "data": "decode({}, 'base64')",
        "time": "{}",
    }


def test_rows_are_objects_without_what_is_null() -> None:
    time = datetime(1, 1, 1, 0, 0, 0, 5, tzinfo=UTC)
    sent = json_rows().dump(
        [(2**53 + 1, 'ö"\\', '{"a": 1.50}', {"k": "v"}, b"\x00\xff", time), (1, None, None, {}, None, None)]
    )
    assert json.loads(sent) == [
        {
            "number": 2**53 + 1,
            "name": 'ö"\\',
            "text": '{"a": 1.50}',
            "labels": {"k": "v"},
            "data": "AP8=",
            "time": "0001-01-01T00:00:00.000005Z",
        },
        {"number": 1, "labels": {}},
    ]
    assert json_rows().dump([]) == b"[]"


def test_a_table_with_numbers_names_its_columns_and_the_number() -> None:
    assert json_rows().numbered_table("$1", "sent") == (
        "ROWS FROM (json_to_recordset(convert_from($1, 'UTF8')::json)"
        " AS (number bigint, name varchar, text text, labels jsonb,"
        " data text, time timestamp with time zone))"
        " WITH ORDINALITY AS sent (number, name, text, labels, data, time, ordinal)"
    )


def test_an_insertion_takes_from_the_rows_what_nothing_knows_better() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("text", JsonText()), sa.Column("time", Micros()))
    assert json_rows().insertion(table, "sent", {"time": "$1"}).split() == (
        ["INSERT", "INTO", "t", "(text,", "time)", "SELECT", "sent.text::json,", "$1"]
    )

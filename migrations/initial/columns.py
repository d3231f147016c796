"""Columns that several tables have. Types are spelled out, for a migration must go on making what it made."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

KEY = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
JSON = sa.Text().with_variant(postgresql.JSON(), "postgresql")
JSONB = sa.Text().with_variant(postgresql.JSONB(), "postgresql")


def session_key() -> sa.Column[Any]:
    return sa.Column(
        "session_key",
        sa.BigInteger,
        sa.ForeignKey("sessions.key", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    )


def surrogate_key() -> sa.Column[Any]:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("key", number, sa.Identity(always=True), primary_key=True)


def owner() -> list[sa.Column[Any]]:
    return [
        sa.Column("session_key", sa.BigInteger, sa.ForeignKey("sessions.key", ondelete="CASCADE")),
        sa.Column("session_id", KEY),
    ]


def payload(name: str) -> list[sa.Column[Any]]:
    return [
        sa.Column(f"{name}_json", JSON),
        sa.Column(f"{name}_data", sa.LargeBinary),
        sa.Column(f"{name}_media_type", sa.Text),
    ]

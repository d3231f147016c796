"""What all tables share."""

from __future__ import annotations

import sqlalchemy as sa

from holdfastdb_server.storage.engines.columns import JsonText, text_key

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

# SQLite makes a key by itself only for INTEGER.
SurrogateKey = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def session_key(*, primary: bool = True) -> sa.Column[int]:
    return sa.Column(
        "session_key",
        sa.BigInteger,
        sa.ForeignKey("sessions.key", ondelete="CASCADE"),
        primary_key=primary,
        nullable=False,
        autoincrement=False,
    )


def owner_columns() -> tuple[sa.Column[int], sa.Column[str]]:
    """The session that a row belongs to, if any, and with which it is deleted."""
    owner = sa.ForeignKey("sessions.key", ondelete="CASCADE")
    return sa.Column("session_key", sa.BigInteger, owner), text_key("session_id")


def payload_columns(name: str) -> tuple[sa.Column[str], sa.Column[bytes], sa.Column[str]]:
    """A payload, if any: its media type is NULL where there is none. See storage/query/payloads.py."""
    return (
        sa.Column(f"{name}_json", JsonText),
        sa.Column(f"{name}_data", sa.LargeBinary),
        sa.Column(f"{name}_media_type", sa.Text),
    )

"""What all tables share."""

from __future__ import annotations

import sqlalchemy as sa

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

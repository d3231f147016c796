"""Properties are tried on stores that are lent from test to test."""

from tests.support.lent_stores import (  # noqa: F401 -- pytest finds fixtures by their names here
    database_url,
    lent_store,
    own_store,
    postgres_store,
    postgres_url,
    shared_store,
    sqlite_store,
    store,
)

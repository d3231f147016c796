"""Properties are tried on stores that are lent from test to test."""

from tests.properties.world import world  # noqa: F401 -- as those below
from tests.support.lent_stores import (  # noqa: F401 -- pytest finds fixtures by their names here
    database_url,
    databases,
    engine,
    lent_store,
    open_store,
    own_store,
    planned_store,
    postgres_options,
    postgres_store,
    postgres_url,
    shared_store,
    sqlite_store,
    store,
    store_options,
    two_stores,
)

"""The options of a store: a store without settings is as one with the settings' defaults."""

from __future__ import annotations

from holdfastdb_server.config.settings import Settings
from holdfastdb_server.storage.options import StorageOptions


def test_the_defaults_are_those_of_the_settings() -> None:
    options = Settings().storage_options()
    # A store of a test or of a command has no janitor.
    assert options == StorageOptions(options.url, janitor_interval=options.janitor_interval)
    assert options.single_statement_writes

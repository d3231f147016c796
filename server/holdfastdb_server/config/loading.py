"""Where settings come from: the command line, else `HOLDFAST_*` variables, else a YAML file, else defaults.

The file holds settings by their names in `Settings`, and under `profiles:` further ones by the name of the
profile that `HOLDFAST_PROFILE` chooses:

    port: 7420
    profiles:
      production:
        db_host: db.example.com
        session_retention_days: 30
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from holdfastdb_server.config.settings import DB_PARTS, PREFIX, Settings, variable
from holdfastdb_server.config.yaml_file import read_config_file


class SettingsRefused(Exception):
    """A setting is wrong. The message names each one, where it was set, and what is allowed."""


def load(config: Path | None = None, profile: str = "", **said: object) -> Settings:
    """Return the settings. `said` is what the command line says, None where it says nothing.

    `config` is the YAML file, `HOLDFAST_CONFIG` by default, and `profile` one of its profiles,
    `HOLDFAST_PROFILE` by default. Raises SettingsRefused.
    """
    path = config or Path(os.environ.get(f"{PREFIX}CONFIG", ""))
    profile = profile or os.environ.get(f"{PREFIX}PROFILE", "")
    if path == Path() and profile:
        raise SettingsRefused(f"profile '{profile}' needs a settings file: {PREFIX}CONFIG or --config")
    try:
        in_file = read_config_file(path, profile) if path != Path() else {}
        in_environment = EnvSettingsSource(Settings, env_prefix=PREFIX, env_ignore_empty=True)()
    except SettingsError as error:
        # Not its cause, which quotes the value.
        field = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "")
        raise SettingsRefused(f"{variable(field)}: is not valid JSON") from None
    except ValueError as error:
        raise SettingsRefused(str(error)) from None
    on_command_line = {name: value for name, value in said.items() if value is not None}
    try:
        return Settings(**_merge(in_file, in_environment, on_command_line))
    except ValidationError as error:
        places = [
            (on_command_line, lambda name: f"--{name.replace('_', '-')}"),
            (in_environment, variable),
            (in_file, lambda name: f"{name} in {path}"),
        ]
        problems = [_problem(details, places) for details in error.errors(include_url=False)]
        raise SettingsRefused("; ".join(problems)) from None


def _merge(*sources: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of all sources. A later one wins, and its URL beats an earlier one's parts."""
    merged: dict[str, Any] = {}
    for source in sources:
        if "database_url" in source:
            merged = {name: value for name, value in merged.items() if name not in DB_PARTS}
        if any(part in source for part in DB_PARTS):
            merged.pop("database_url", None)
        merged |= source
    return merged


def _problem(details: ErrorDetails, places: list[tuple[dict[str, Any], Callable[[str], str]]]) -> str:
    """Return what is wrong with a setting, and where it was set; never its value, which may be a secret."""
    message = details["msg"].removeprefix("Value error, ")
    if not details["loc"]:
        return message
    name, *inner = map(str, details["loc"])
    place = next((show(name) for values, show in places if name in values), name)
    if details["type"] == "extra_forbidden" and not inner:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return f"{place}: no such setting" + (f"; did you mean {near[0]}?" if near else "")
    return f"{place}{''.join(f'[{step}]' for step in inner)}: {message[:1].lower()}{message[1:]}"

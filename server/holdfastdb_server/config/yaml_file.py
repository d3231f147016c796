"""The YAML file with settings and profiles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

_PROFILES = "profiles"


def read_config_file(path: Path, profile: str) -> dict[str, Any]:
    """Return the settings in the file, those of the profile over the others. Raises ValueError."""
    import yaml  # takes 20 ms, which a start without a file need not spend

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the settings file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the settings file {path} cannot be read: it is not UTF-8") from None
    except yaml.YAMLError as error:
        raise ValueError(f"the settings file {path} is not valid YAML: {_without_content(error)}") from None
    settings = _mapping(f"the settings file {path}", content)
    profiles = _mapping(f"`{_PROFILES}` in {path}", settings.pop(_PROFILES, None))
    if not profile:
        return settings
    if profile not in profiles:
        known = ", ".join(sorted(profiles)) or "none"
        raise ValueError(f"{path} has no profile '{profile}'; it has: {known}")
    return settings | _mapping(f"profile '{profile}' in {path}", profiles[profile])


def _mapping(what: str, value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{what} must hold settings by their names")
    return dict(value)


def _without_content(error: yaml.YAMLError) -> str:
    """What is wrong and where, but not the line itself, which may hold a secret."""
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    return f"{problem}, line {mark.line + 1}" if mark else str(problem)

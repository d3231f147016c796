"""The release of this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The version, or `(from source)` where the package is not installed."""
    try:
        return version("holdfastdb")
    except PackageNotFoundError:
        return "(from source)"

"""Renew constraints.txt and constraints-protos.txt with what a resolver chooses today: `make constraints`."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path


def resolve(requirements: list[str]) -> list[str]:
    """Return `name==version` for all that an empty environment would get. Installs nothing."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command += ["--dry-run", "--ignore-installed", "--report", "-", *requirements]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    packages = (item["metadata"] for item in report["install"])
    pins = {re.sub(r"[-_.]+", "-", package["name"]).lower(): package["version"] for package in packages}
    return [f"{name}=={version}" for name, version in sorted(pins.items()) if name != "holdfastdb"]


def write(file: str, what: str, requirements: list[str]) -> None:
    lines = [f"# Exact versions of {what} Renew: make constraints", *resolve(requirements)]
    Path(file).write_text("\n".join(lines) + "\n")


extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]
write("constraints.txt", "all that '.[dev]' installs, the server included.", [".[dev]"])
write("constraints-protos.txt", "what 'make protos' generates the stubs with.", extras["protos"])

"""The package is called `holdfastdb`: `holdfast` on PyPI is somebody else's, and imports under that name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PLACES = (
    "client",
    "server",
    "migrations",
    "tests",
    "docs",
    "protos",
    "*.md",
    "*.toml",
    "*.yml",
    "Dockerfile",
)
_ENDINGS = {".py", ".pyi", ".md", ".toml", ".yml", ".yaml", ".proto", ""}
# A line that imports or installs the package under the name of the other one.
_WRONG = re.compile(
    r"(?:\bfrom\s+|\bimport\s+(?:[\w.]+,\s*)*)holdfast(?:\.|\s|$|,|;|\\n)"
    r"|\b(?:pip|uv|poetry|conda|pdm)\s+(?:pip\s+)?(?:install|add)\b[^\n#]*?[\s'\"=]holdfast(?=$|[\s'\"\[=<>~!])"
    r"|\bimport_module\(['\"]holdfast['\".]"
)


def _texts() -> list[Path]:
    found = []
    for place in _PLACES:
        for path in ROOT.glob(place):
            below = path.rglob("*") if path.is_dir() else [path]
            found += [file for file in below if file.is_file() and file.suffix in _ENDINGS]
    return [file for file in found if "__pycache__" not in file.parts and file != Path(__file__)]


def test_no_line_imports_or_installs_the_package_of_the_other_name() -> None:
    texts = _texts()
    assert len(texts) > 300
    wrong = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in texts
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if _WRONG.search(line)
    ]
    assert not wrong


@pytest.mark.parametrize(
    "line",
    [
        "import holdfast",
        "import os, holdfast",
        "from holdfast import Event",
        "from holdfast.errors import NotFound",
        "pip install holdfast",
        "pip install 'holdfast[server]'",
        "python -m pip install --upgrade holdfast==1.0",
        "uv add holdfast",
        'import_module("holdfast.v1")',
    ],
)
def test_such_a_line_would_be_seen(line: str) -> None:
    assert _WRONG.search(line)


@pytest.mark.parametrize(
    "line",
    [
        "import holdfastdb",
        "from holdfastdb import Event",
        "pip install 'holdfastdb[server]'    # and the server, with the `holdfast` command",
        "holdfast import transcripts.jsonl",
        'import "holdfastdb/v1/payload.proto";',
    ],
)
def test_the_right_name_and_the_command_are_allowed(line: str) -> None:
    assert not _WRONG.search(line)

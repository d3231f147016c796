"""CONTRIBUTING's map is true: what it names is there, and what is there it names."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
SERVER = ROOT / "server" / "holdfastdb_server"
BASES = (ROOT, SERVER, SERVER / "cli", SERVER / "storage", ROOT / "client" / "python" / "holdfastdb")


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a text."""
    table = PAGE[PAGE.index(heading) :].split("\n\n", 2)[1]
    return [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines()[2:]]


def test_every_path_that_it_names_is_there() -> None:
    named = {name for name in re.findall(r"`([\w./<>-]+/[\w./<>-]*)`", PAGE) if "…" not in name}
    assert len(named) > 40
    # Services are named in the singular.
    concrete = {
        name.replace("<noun>_service", f"{singular}_service").replace("<noun>", noun)
        for name in named
        for noun, singular in (("approvals", "approval"), ("memories", "memory"))
    }
    concrete -= {".venv/bin/pre-commit", "dist/"}  # made by make
    missing = [name for name in sorted(concrete) if not any((base / name).exists() for base in BASES)]
    assert missing == []


def test_every_cell_of_the_grid_is_a_file_or_a_folder() -> None:
    for layer, *cells in rows_below("whoever knows one column"):
        for name in re.findall(r"`([\w./]+)`", " ".join(cells[:2])):
            assert (ROOT / layer.strip("`") / name).exists(), (layer, name)


def test_the_rooms_of_storage_are_all_named_in_the_order_of_their_floors() -> None:
    listed = [re.findall(r"`([\w.]+?)(?:\.py|/)`", row[0]) for row in rows_below("The rooms of storage")]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [layers] = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["holdfastdb_server.storage"]
    ]
    floors = {name: number for number, layer in enumerate(layers) for name in re.findall(r"\w+", layer)}
    rooms = [room for floor in listed for room in floor]
    assert sorted(rooms) == sorted(floors)
    assert [floors[room] for room in rooms] == sorted(floors.values())


def test_every_folder_of_tests_is_named() -> None:
    there = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert {name for row in rows_below("## Tests") for name in re.findall(r"`tests/(\w+)/`", row[0])} == there


def test_the_files_that_people_write_have_at_most_300_lines() -> None:
    written = [
        path
        for folder in ("server", "client", "tests", "migrations", ".ci")
        for path in (ROOT / folder).rglob("*.py")
        if "_pb2" not in path.name
    ]
    assert len(written) > 300
    assert [str(path.relative_to(ROOT)) for path in written if len(path.read_text().splitlines()) > 300] == []

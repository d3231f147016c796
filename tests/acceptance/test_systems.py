"""docs/systems.md and the README name tests that are there, and the scenarios keep what they promise."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "tests" / "scenarios").glob("test_*.py"))
SYSTEMS = ("refactoring_bot", "thinking_agent", "orchestrator", "host_of_agents", "team_runner")
# Fixtures by which a test runs on each engine in turn.
ON_BOTH = {"shared_server", "database_url", "server", "client", "blocking_client", "engine", "stoppable"}


@cache
def list_tests(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the tests of a file by their names, those of a class as `Class::name`."""
    found: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for function in inner:
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + function.name] = function
    return {name: function for name, function in found.items() if function.name.startswith("test_")}


def named(page: str) -> list[tuple[str, str]]:
    """Return the tests that a page names: the file below tests/, and the test."""
    return re.findall(r"`([\w/]+\.py)::([\w:]+)`", (ROOT / page).read_text())


@pytest.mark.parametrize("page", ["docs/systems.md", "README.md"])
def test_every_test_that_a_page_names_is_there(page: str) -> None:
    assert len(named(page)) > 25
    missing = [f"{file}::{name}" for file, name in named(page) if not is_there(file, name)]
    assert missing == []


def is_there(file: str, name: str) -> bool:
    path = ROOT / "tests" / file
    return path.exists() and name in list_tests(path)


def test_every_line_of_the_tables_names_what_shows_it() -> None:
    lines = re.findall(r"^\| (?!what |-)(.*) \|$", (ROOT / "docs" / "systems.md").read_text(), re.MULTILINE)
    assert len(lines) > 90
    assert [line for line in lines if "::test_" not in line] == []


def test_every_scenario_is_in_the_tables() -> None:
    listed = set(named("docs/systems.md"))
    for path in SCENARIOS:
        assert [name for name in list_tests(path) if (f"scenarios/{path.name}", name) not in listed] == []


def test_each_system_has_its_file() -> None:
    assert {f"test_{system}.py" for system in SYSTEMS} <= {path.name for path in SCENARIOS}


def test_the_scenarios_run_on_both_engines() -> None:
    """Those that need a PostgreSQL of their own are marked; those without a server are told by name."""
    without = set()
    for path in SCENARIOS:
        fixtures = fixtures_of(path)
        for name, test in list_tests(path).items():
            if not wanted(test, fixtures) & ON_BOTH and "postgres" not in map(last_name, test.decorator_list):
                without.add(name)
    assert without == {
        "test_nothing_that_runs_stored_data_is_imported",
        "test_recording_never_waits_for_a_server_that_is_not_there",
        "test_the_state_manager_has_just_the_names_that_the_framework_calls",
        "test_the_todo_list_manager_has_just_the_names_that_the_framework_calls",
    }


def test_the_coverage_that_is_asked_for_is_80_percent() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["coverage"]
    assert settings["report"]["fail_under"] >= 80
    assert set(settings["run"]["source_pkgs"]) == {"holdfastdb", "holdfastdb_server"}
    assert settings["run"]["branch"]


def fixtures_of(path: Path) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    made = [node for node in ast.parse(path.read_text()).body if isinstance(node, functions)]
    return {node.name: node for node in made if "fixture" in map(last_name, node.decorator_list)}


def wanted(
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    fixtures: dict[str, ast.FunctionDef | ast.AsyncFunctionDef],
) -> set[str]:
    """Return the fixtures that a function asks for, and those that its file's own fixtures ask for."""
    names = {argument.arg for argument in function.args.args}
    for name in names & fixtures.keys():
        names = names | wanted(fixtures[name], fixtures)
    return names


def last_name(decorator: ast.expr) -> str:
    """Return the last part of a decorator's name."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return target.attr if isinstance(target, ast.Attribute) else ""

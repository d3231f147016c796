"""Which modules are mutated, and which tests can see a change of each."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = Path("server/holdfastdb_server")
_LAYERS = ("domain", "storage")
# Protocols, and tables that a test holds against the migrations.
_LEFT_OUT = ("domain/ports", "storage/schema")

Tests = tuple[str, ...]
"""What pytest is told to run: paths and options."""

_ON_SQLITE, _ON_POSTGRES = ("-m", "not postgres"), ("-m", "postgres")
_UNIT = ("tests/unit/domain", "tests/unit/rpc")
_EVERY_NOUN = ("tests/conformance/every_noun", "--ignore=tests/conformance/every_noun/test_availability.py")
_REQUEST_IDS = tuple(f"tests/conformance/every_noun/test_{name}.py" for name in ("request_ids", "page_bytes"))
_WRITES = (
    "tests/engines/test_write_paths.py",
    "tests/engines/test_single_statement_appends.py",
    "tests/engines/test_single_statement_saves.py",
    "tests/engines/locks/test_lock_order.py",
    "tests/engines/test_attempts.py",
    "tests/engines/test_small_pools.py",
)
# Where the write path is seen from near: its statements, its conflicts, its batches.
_NEAR = (
    "tests/unit/storage",
    "tests/engines/test_conflicts.py",
    "tests/engines/test_write_statements.py",
)
_ONLY_POSTGRES = tuple(
    f"tests/engines/test_{name}.py" for name in ("overtaken_saves", "fallbacks", "listener", "statistics")
)
_PLANS_OF_SESSIONS = ("tests/engines/test_query_plans.py", "tests/engines/test_views.py")
_LOCKS = ("tests/engines/locks/test_lock_order.py", "tests/engines/locks/test_work_locks.py")
_PLANS_OF_WORK = ("tests/engines/test_work_indexes.py", *_LOCKS)
_PLANS_OF_MEMORIES = ("tests/engines/test_todo_and_memory_indexes.py", *_LOCKS)
_PLANS_OF_DOCUMENTS = (
    "tests/engines/locks/test_document_locks.py",
    "tests/engines/locks/test_lock_order.py",
    "tests/engines/test_document_plans.py",
)
# For each noun the folders of its contract, and what else looks at how its rows are found.
_NOUNS: dict[str, tuple[Tests, Tests]] = {
    "approvals": (("tests/conformance/approvals",), _PLANS_OF_WORK),
    "documents": (("tests/conformance/documents",), _PLANS_OF_DOCUMENTS),
    # Other nouns append events of their changes of status.
    "events": (("tests/conformance/events", "tests/conformance/tasks"), _PLANS_OF_SESSIONS),
    "janitor": (
        ("tests/conformance/janitor",),
        ("tests/engines/locks/test_janitor_locks.py", "tests/engines/test_statistics.py"),
    ),
    "memories": (("tests/conformance/memories",), _PLANS_OF_MEMORIES),
    "messages": (("tests/conformance/events",), _PLANS_OF_SESSIONS),
    "merge_patch": (("tests/conformance/states",), _PLANS_OF_SESSIONS),
    "plans": (("tests/conformance/plans",), _PLANS_OF_MEMORIES),
    "runs": (("tests/conformance/runs",), _PLANS_OF_WORK),
    "search": (("tests/conformance/memories", "tests/conformance/documents"), ()),
    "sessions": (
        ("tests/conformance/sessions", "tests/conformance/janitor"),
        ("tests/engines/locks/test_session_locks.py", *_PLANS_OF_SESSIONS),
    ),
    "states": (("tests/conformance/states",), _PLANS_OF_SESSIONS),
    "tasks": (("tests/conformance/tasks",), _PLANS_OF_WORK),
}
_AT_START = ("availability", "diagnosis", "file_lock", "migrations", "opening")
_DATABASES = ("migrated_schema", "migrations", "opening", "tasks_of_a_store")
_STARTS: list[Tests] = [
    ("tests/unit/storage", *(f"tests/engines/test_{name}.py" for name in _DATABASES)),
    ("tests/conformance/every_noun/test_availability.py",),
    ("tests/integration/test_diagnosis.py", "tests/faults/test_pgbouncer.py"),
]
# Between them they use all that nouns share.
_SOME_NOUNS = tuple(
    f"tests/conformance/{noun}" for noun in ("sessions", "events", "tasks", "documents", "runs")
)
_OF_SESSIONS = tuple(f"tests/conformance/{noun}" for noun in ("events", "states", "sessions"))
_ALL_NOUNS = (
    *_OF_SESSIONS,
    *(f"tests/conformance/{n}" for n in ("memories", "plans", "runs", "approvals", "tasks", "documents")),
    "tests/conformance/janitor",
)


def modules(chosen: str = "") -> list[Path]:
    """Return the modules whose path in the package contains `chosen`, relative to the repository."""
    found = [path.relative_to(ROOT) for layer in _LAYERS for path in (ROOT / PACKAGE / layer).rglob("*.py")]
    wanted = [path for path in sorted(found) if chosen in name(path)]
    return [path for path in wanted if not name(path).startswith(_LEFT_OUT)]


def name(module: Path) -> str:
    """Return a module's path in the package."""
    return module.relative_to(PACKAGE).as_posix()


def room(module: Path) -> str:
    """Return the row of the report in which a module is counted: its folder, or itself in the domain."""
    parts = name(module).removesuffix(".py").split("/")
    return "/".join(parts[:2])


def selections(module: Path) -> list[Tests]:
    """Return the tests that can see a change of the module, the quickest first."""
    layer, noun = room(module).split("/")
    own, plans = _NOUNS.get(noun, (_ALL_NOUNS, ()))
    if layer == "domain":
        return [_UNIT, own + _ON_SQLITE, ("tests/hostile", *_ON_SQLITE), ("tests/integration", *_ON_SQLITE)]
    writes = (*_WRITES, "tests/unit/storage")
    if noun == "postgres":
        return [writes + _ONLY_POSTGRES, _OF_SESSIONS + _ON_POSTGRES, _EVERY_NOUN + _ON_POSTGRES]
    if noun in ("write_path", "idempotency"):
        near = [_NEAR + _ON_SQLITE, _OF_SESSIONS + _ON_SQLITE, _WRITES + _NEAR[1:] + _ON_POSTGRES]
        return [*near, ("tests/engines/test_fallbacks.py",), _EVERY_NOUN, _OF_SESSIONS + _ON_POSTGRES]
    if module.stem in _AT_START:
        return _STARTS
    if noun not in _NOUNS:
        return [
            ("tests/unit/storage",),
            (*_SOME_NOUNS, *_ON_SQLITE),
            ("tests/engines",),
            _SOME_NOUNS + _ON_POSTGRES,
            ("tests/conformance/every_noun", "tests/conformance/approvals", "tests/conformance/janitor"),
        ]
    every_noun = _EVERY_NOUN if own[0] in _OF_SESSIONS else (*_REQUEST_IDS, "-k", f"{noun} or left_out")
    sizes = ("tests/unit/storage/test_sizes.py",)
    return [sizes + own + _ON_SQLITE, own + _ON_POSTGRES, every_noun, plans]

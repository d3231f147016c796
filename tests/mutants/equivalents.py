"""Mutations that change nothing a caller can see, each with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.mutants.mutations import Mutation
from tests.mutants.targets import name


@dataclass(frozen=True, slots=True)
class Equivalent:
    """Mutations of the lines of a module that contain `line`, to `replacement` where one is given."""

    module: str
    line: str
    reason: str
    replacement: str | None = None

    def covers(self, module: Path, source: str, mutation: Mutation) -> bool:
        """Whether it is about this mutation."""
        return (
            self.module == name(module)
            and self.line in source.splitlines()[mutation.line - 1]
            and self.replacement in (None, mutation.replacement)
        )


_TYPED = "a parameter that is compared with a column gets the column's type by itself"
_CLOCK = "the clock shows nanoseconds: never that very instant"
_TYPE_CHECKED = "a bound is for the type checker"
_TUNED = "a size that was tuned: no result depends on one more"
_PAIRED = "one list is made of the other, and has as many items: `strict` says so to the reader"
# By module, and by a text in their line.
_REASONS = {
    "domain/changes.py": {'FieldsT = TypeVar("FieldsT", bound=Struct)': _TYPE_CHECKED},
    "domain/ids.py": {"random = os.urandom(10).hex()": "of the random digits an id has the first 19"},
    "domain/values.py": {'StructT = TypeVar("StructT", bound=Struct)': _TYPE_CHECKED},
    "storage/approvals/rows.py": {'now = sa.bindparam("now", type_=Micros)': _TYPED},
    "storage/documents/collections.py": {'sa.bindparam(f"{name}{part}", type_=sa.Text)': _TYPED},
    "storage/documents/lists.py": {
        'kind = sa.bindparam(f"{name}_kind", type_=sa.Text)': _TYPED,
        'kind_end = sa.bindparam(f"{name}_kind_end", type_=sa.Text)': _TYPED,
    },
    "storage/documents/rows.py": {'time = sa.bindparam("now", type_=Micros)': _TYPED},
    "storage/documents/store.py": {"_INDEXED_AT_ONCE": _TUNED},
    "storage/engines/connection.py": {"_ATTEMPTS = ": _TUNED, "_RAW_CONNECTIONS_KEPT = ": _TUNED},
    "storage/engines/json_rows.py": {"_MOST_ROWS = ": _TUNED},
    "storage/engines/opening.py": {"_SQLITE_READERS = ": _TUNED},
    "storage/engines/postgres_full_text.py": {"_PART_BYTES = ": _TUNED},
    "storage/engines/sqlite.py": {"_ROWS_IN_STATEMENT = ": _TUNED},
    "storage/events/tails.py": {"_PAGE = ": _TUNED},
    "storage/janitor/janitor.py": {"_ROWS_IN_BATCH = ": _TUNED},
    "storage/janitor/retention.py": {
        "_STATES_CHECKED = ": _TUNED,
        "self._checked_to: tuple": "keys of sessions begin with 1, and none of a state is empty",
    },
    "storage/janitor/sessions.py": {"_EVENTS_DELETED = ": _TUNED},
    "storage/postgres/fallbacks.py": {
        "if time.monotonic() < self._warn_at:": _CLOCK,
    },
    "storage/postgres/notify.py": {"_PAYLOAD_BYTES = ": _TUNED},
    "storage/postgres/saves.py": {"_MAX_OVERDUE_VERSIONS = ": _TUNED},
    "storage/postgres/single_statement.py": {'S = TypeVar("S", bound="SessionGroup[Any]")': _TYPE_CHECKED},
    "storage/query/cache.py": {"_CACHED = ": _TUNED},
    "storage/query/sizes.py": {"OVERHEAD = ": _TUNED},
    "storage/query/filters.py": {
        'NAMESPACE = sa.bindparam("namespace", type_=sa.Text)': _TYPED,
        "wanted = sa.bindparam(name, type_=sa.Text)": _TYPED,
        'end = sa.bindparam(f"{name}_end", type_=sa.Text)': _TYPED,
    },
    "storage/states/lists.py": {
        '_SESSION_KEY = sa.bindparam("session_key", type_=sa.BigInteger)': _TYPED,
        'last = sa.bindparam("after_key", type_=key.type)': _TYPED,
    },
    "storage/tasks/rows.py": {'NOW = sa.bindparam("now", type_=Micros)': _TYPED},
    "storage/write_path/group_commit.py": {
        "_PARALLEL = ": _TUNED,
        "zip(batch, answers, strict=True)": _PAIRED,
        "zip(batch, outcomes, strict=True)": _PAIRED,
        "zip(entries, outcomes, strict=True)": _PAIRED,
    },
    "storage/write_path/point_reads.py": {
        "_PARALLEL = ": _TUNED,
        '"heads", self._read_heads, observer, parallel=1': _TUNED,
    },
    "storage/write_path/request_batcher.py": {
        "_MAX_PAUSES = ": _TUNED,
        "_MANY_IN_FLIGHT = ": _TUNED,
        "self._most_in_flight = 0": "the first request makes it 1, whether it was 0 or 1",
    },
    "storage/write_path/rows.py": {"zip(writes, versions, strict=True)": _PAIRED},
    "storage/write_path/transaction.py": {
        "zip(events, stored, strict=True)": _PAIRED,
        "zip(writes, heads, strict=True)": _PAIRED,
    },
    "storage/write_path/writer.py": {"_ATTEMPTS = ": _TUNED},
}

_EXACT_NEXT = (
    "it only decides whether to check exactly: what it lets through once more is checked, and passes"
)
_CUT = "one path more is read, and cut off"
_SAME_TIME = "of two times that are equal it is the same which one is taken"
_KINDS = "no value's form begins with the letter that follows `n` or `s`"
_INFERRED = "both engines take the parameter's type from where it stands in the statement"
_COLLECTIONS, _TREE = "storage/documents/collections.py", "storage/documents/tree.py"
_OF_ONE_CHANGE = [
    Equivalent(
        "storage/events/pages.py", "_GREATEST = 2**63 - 1", "no sequence comes near either number", "2"
    ),
    Equivalent("domain/events.py", "if len(ids) > limits.ID_LENGTH or not ids", _EXACT_NEXT, ">="),
    Equivalent("domain/values.py", 'if ("[" in text or "{" in text) and text.count(', _EXACT_NEXT, ">="),
    Equivalent("domain/values.py", 'if ("[" in text or "{" in text) and text.count(', _EXACT_NEXT, "or"),
    Equivalent(
        "storage/postgres/saves.py",
        "WHERE {few_saved_keys} AND saved_keys.version > {kept}",
        "spares a search for versions up to 0, of which there are none",
        ">=",
    ),
    Equivalent(
        "storage/query/lists.py",
        "omit_payload: bool = False,",
        "only lists of what has no payload leave it out",
        "True",
    ),
    Equivalent("domain/values.py", "depth = max(accumulate(", "a depth of 1 is allowed as one of 0 is", "1"),
    Equivalent(_COLLECTIONS, "self._column >= inner", "no collection's path ends with a slash", ">"),
    Equivalent(_COLLECTIONS, "bindparam(_AFTER, type_=sa.Text)", _TYPED, "sa.bindparam(_AFTER)"),
    Equivalent(_COLLECTIONS, "bindparam(_LIMIT, type_=sa.Integer)", _INFERRED, "sa.bindparam(_LIMIT)"),
    Equivalent(_COLLECTIONS, "bindparam(_DEPTH, type_=sa.Integer)", _INFERRED, "sa.bindparam(_DEPTH)"),
    Equivalent(_COLLECTIONS, "bindparam(_SUFFIX, type_=sa.Text)", _INFERRED, "sa.bindparam(_SUFFIX)"),
    Equivalent(_COLLECTIONS, "start, type_=sa.Text()", _INFERRED, "sa.func.substr(whole, start)"),
    Equivalent(_COLLECTIONS, "_LIMIT: page.size + 1", _CUT, "2"),
    Equivalent(_COLLECTIONS, "further.where(paths.c.place < limit)", _CUT, "<="),
    Equivalent(_COLLECTIONS, "(has_prefix, False, None, None)", "as many are counted backwards", "True"),
    Equivalent("storage/documents/lists.py", "member < kind_end)", _KINDS, "<="),
    Equivalent("storage/documents/lists.py", '_kind_end"] = chr(ord(kind) + 1)', _KINDS, "2"),
    Equivalent(_TREE, 'bindparam("b_time", type_=Micros)', _TYPED, "sa.bindparam('b_time')"),
    Equivalent(_TREE, "sa.case((until < time, time), else_=until)", _SAME_TIME, "<="),
    Equivalent(_TREE, "(check is None or time < check)", _SAME_TIME, "<="),
]
_CLAIMS, _PLANS = "storage/tasks/claims.py", "storage/plans/pages.py"
_OF_WORK = [
    Equivalent("storage/approvals/store.py", "if row.end_time is not None or left <= 0", _CLOCK, "<"),
    Equivalent("storage/plans/rows.py", "sum(utf8_size(text) + 4", _TUNED, "5"),
    Equivalent(_PLANS, "sa.literal(0) if omit_items", "a byte for each plan does not fill a page", "1"),
    Equivalent(_PLANS, '{"limit": size + 1, **params}', "one plan more is read, and cut off", "2"),
    Equivalent(
        "storage/runs/store.py", "bucket_seconds: int = 0", "it is read with RunGrouping.TIME only", "1"
    ),
    Equivalent("storage/runs/summaries.py", "placed.c.stage == status, 1)", "count() counts any value", "2"),
    Equivalent(_CLAIMS, "if lease is not None or left <= 0", _CLOCK, "<"),
    Equivalent(_CLAIMS, "secrets.token_urlsafe(24)", "a longer token is no less secret", "25"),
    Equivalent(_CLAIMS, "self.requeue(1, ", "no other task has this namespace and id", "2"),
    Equivalent("storage/tasks/store.py", "(tasks.c.claim_time > until, ", _SAME_TIME, ">="),
]
_ENGINES = "storage/engines"
_LOCK, _WORDS = f"{_ENGINES}/file_lock.py", f"{_ENGINES}/postgres_full_text.py"
_UNSEEN = "the garbage collector need not look at rows that live as long as their batch"
_SEED = "all servers have the same seed of the hash, whichever it is"
_ROW = "msgspec.defstruct('Row', [(name, Any, None) for name in types], omit_defaults=True)"
_OF_ENGINES = [
    Equivalent(_LOCK, "os.read(self._file, 32)", "no process has a number of so many digits", "33"),
    Equivalent(_LOCK, "os.ftruncate(self._file, 0)", "what is written next has two bytes at least", "1"),
    Equivalent(f"{_ENGINES}/json_rows.py", "self._row: Any = msgspec.defstruct(", _UNSEEN, _ROW),
    Equivalent(f"{_ENGINES}/json_rows.py", "omit_defaults=True, gc=False", _UNSEEN, "True"),
    Equivalent(f"{_ENGINES}/postgres.py", "sa.func.hashtextextended(name, 0)", _SEED, "1"),
    Equivalent(_WORDS, "zip(*parts, strict=True)", _PAIRED),
    Equivalent(_WORDS, "    size = 0", _TUNED, "1"),
    Equivalent(_WORDS, "if size > _PART_BYTES", _TUNED, ">="),
    Equivalent(_WORDS, "part, size = [], 0", _TUNED, "1"),
    Equivalent(_WORDS, "size += utf8_size(word) + 8", _TUNED, "9"),
]
EQUIVALENTS = [
    *_OF_ENGINES,
    *_OF_ONE_CHANGE,
    *_OF_WORK,
    *(
        Equivalent(module, line, reason)
        for module, reasons in _REASONS.items()
        for line, reason in reasons.items()
    ),
]

"""Memories: lessons that are kept when their session is deleted, and the full-text search for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.changes import changed_fields
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.fingerprint import fingerprint_of
from holdfastdb_server.domain.ids import check_id, check_optional_ids
from holdfastdb_server.domain.search import words
from holdfastdb_server.domain.values import (
    JsonObject,
    JsonScalar,
    check_filter,
    check_searchable,
    check_text,
)

_IDS = ("tool_name", "agent_id", "user_id", "session_id")


class MemoryFields(Struct, frozen=True):
    """The fields of a memory that the caller sets. The session need not exist."""

    context: str = ""
    lesson: str = ""
    tool_name: str = ""
    agent_id: str = ""
    user_id: str = ""
    session_id: str = ""
    confidence: float = 1.0
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: JsonObject = field(default_factory=dict)

    def checked(self, *, is_whole: bool = True) -> MemoryFields:
        """Return the fields, checked. Raises InvalidField, `is_whole` also for a missing one."""
        if is_whole and not self.lesson:
            raise InvalidField("memory.lesson", "is required")
        check_text("memory.lesson", self.lesson, limits.MEMORY_LESSON_LENGTH)
        check_text("memory.context", self.context, limits.MEMORY_CONTEXT_LENGTH)
        check_optional_ids("memory.", self, _IDS)
        check_confidence("memory.confidence", self.confidence)
        return check_searchable("memory.", self)

    def words(self) -> tuple[dict[str, None], dict[str, None]]:
        """Return the words of the lesson, and the other words of the context and the tool name."""
        lesson = words([self.lesson])
        others = words([self.context, self.tool_name])
        return lesson, {word: None for word in others if word not in lesson}


class Memory(Struct, frozen=True):
    """A memory as it is stored. Times are aware, in UTC."""

    memory_id: str
    fields: MemoryFields
    version: int
    use_count: int
    last_use_time: datetime | None
    create_time: datetime
    update_time: datetime


class MemoryDraft(Struct, frozen=True):
    """A memory to create. `memory_id` is set: the caller's, or a new one."""

    memory_id: str
    fields: MemoryFields

    def checked(self) -> MemoryDraft:
        """Return the draft, checked and normalized. Raises InvalidField."""
        check_id("memory.memory_id", self.memory_id)
        return replace(self, fields=self.fields.checked())

    def fingerprint(self) -> bytes:
        """Return the fingerprint of the draft without its id."""
        return fingerprint_of(self.fields)


class MemoryChange(Struct, frozen=True):
    """A change of a memory's fields.

    `replaced` names the fields to take from `fields` whole. With `merges`, labels and metadata
    are merged (see changed_fields).
    """

    fields: MemoryFields
    replaced: frozenset[str]
    merges: bool = False

    def checked(self) -> MemoryChange:
        """Return the change, checked and normalized. Raises InvalidField."""
        return replace(self, fields=self.fields.checked(is_whole="lesson" in self.replaced))

    def apply(self, current: MemoryFields) -> MemoryFields:
        """Return the fields after the change. Raises InvalidField if they are out of bounds."""
        return changed_fields(current, self.fields, self.replaced, merges=self.merges).checked()


class MemoryFilter(Struct, frozen=True):
    """A condition on memories: all that is given must match. Times are aware; `…_until` is exclusive."""

    tool_name: str = ""
    agent_id: str = ""
    user_id: str = ""
    session_id: str = ""
    min_confidence: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    created_from: datetime | None = None
    created_until: datetime | None = None

    def checked(self) -> MemoryFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        check_optional_ids("filter.", self, _IDS)
        check_confidence("filter.min_confidence", self.min_confidence)
        return check_filter("filter.", self)


class MemorySearch(Struct, frozen=True):
    """A search for memories in which any of a query's `words` matches, or with `match_all` all of them."""

    words: tuple[str, ...]
    match_all: bool = False
    where: MemoryFilter = MemoryFilter()
    count_use: bool = False


class MemoryMatch(Struct, frozen=True):
    """A memory that a search returned, with its score from 0 to 1."""

    memory: Memory
    score: float


def check_confidence(field: str, confidence: float) -> float:
    """Return a confidence. Raises InvalidField."""
    if not 0 <= confidence <= 1:
        raise InvalidField(field, f"is {confidence}; it must be from 0 to 1")
    return confidence

"""States: versioned values of a session, each under a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from holdfastdb_server.domain import limits
from holdfastdb_server.domain.errors import InvalidField
from holdfastdb_server.domain.ids import check_id, check_optional_id, check_state_key
from holdfastdb_server.domain.values import (
    JsonObject,
    JsonScalar,
    Payload,
    check_count_between,
    check_json,
    check_metadata,
    check_metadata_filter,
    check_not_negative,
    check_payload,
    check_size,
    check_unique,
    utf8_size,
)


class State(Struct, frozen=True):
    """One version of a state. `payload` is None if it was not loaded."""

    key: str
    version: int
    payload: Payload | None
    metadata: JsonObject
    run_id: str
    session_sequence: int
    create_time: datetime


class StateWrite(Struct, frozen=True):
    """A version to save. `expected_version` 0: the key must not exist; None: no expectation."""

    key: str
    payload: Payload
    metadata: JsonObject = field(default_factory=dict)
    run_id: str = ""
    expected_version: int | None = None

    def checked(self, path: str) -> StateWrite:
        """Return the write, checked, with the default key if it has none. Raises InvalidField."""
        check_state_key(f"{path}.key", self.key)
        check_payload(f"{path}.payload", self.payload)
        check_optional_id(f"{path}.run_id", self.run_id)
        if self.expected_version is not None:
            check_not_negative(f"{path}.expected_version", self.expected_version)
        return replace(
            self,
            key=self.key or limits.DEFAULT_STATE_KEY,
            metadata=check_metadata(f"{path}.metadata", self.metadata),
        )


class StatePatch(Struct, frozen=True):
    """A JSON merge patch to apply to the newest version of a state."""

    key: str
    merge_patch: str
    run_id: str = ""
    expected_version: int | None = None

    def checked(self) -> StatePatch:
        """Return the patch, checked, with the default key if it has none. Raises InvalidField."""
        check_state_key("key", self.key)
        if not self.merge_patch:
            raise InvalidField("merge_patch", "is required")
        check_size("merge_patch", utf8_size(self.merge_patch))
        check_json("merge_patch", self.merge_patch)
        check_optional_id("run_id", self.run_id)
        return replace(self, key=self.key or limits.DEFAULT_STATE_KEY)


class StateFilter(Struct, frozen=True):
    """A condition on states: everything that is given must match. Keys compare by their UTF-8 bytes."""

    key_prefix: str = ""
    key_after: str = ""
    key_before: str = ""
    metadata: Mapping[str, JsonScalar] = field(default_factory=dict)
    run_id: str = ""
    all_versions: bool = False
    omit_payload: bool = False

    def checked(self) -> StateFilter:
        """Return the filter, checked and normalized. Raises InvalidField."""
        for name in ("key_prefix", "key_after", "key_before"):
            check_state_key(name, getattr(self, name))
        check_optional_id("run_id", self.run_id)
        return replace(self, metadata=check_metadata_filter("metadata", self.metadata))


class StateSelection(Struct, frozen=True):
    """Which states to delete: by exactly one of these, or all if none is given."""

    keys: Sequence[str] | None = None
    key_prefix: str | None = None
    run_id: str | None = None

    def checked(self) -> StateSelection:
        """Return the selection, checked and normalized. Raises InvalidField."""
        if self.keys is not None:
            check_count_between("keys.keys", len(self.keys), 1, limits.STATES_PER_REQUEST)
            for index, key in enumerate(self.keys):
                _check_required_key(f"keys.keys[{index}]", key)
        if self.key_prefix is not None:
            _check_required_key("key_prefix", self.key_prefix)
        if self.run_id is not None:
            check_id("run_id", self.run_id)
        return self


def check_writes(writes: Sequence[StateWrite]) -> list[StateWrite]:
    """Return the writes of one request, checked. Raises InvalidField."""
    check_count_between("writes", len(writes), 1, limits.STATES_PER_REQUEST)
    checked = [write.checked(f"writes[{index}]") for index, write in enumerate(writes)]
    check_unique([write.key for write in checked], lambda index: f"writes[{index}].key", "request")
    return checked


def _check_required_key(field: str, key: str) -> None:
    if not key:
        raise InvalidField(field, "is required")
    check_state_key(field, key)

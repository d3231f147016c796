"""The versioned state of sessions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfastdb._arguments import (
    of_wrong_type,
    refused,
    require_flag,
    require_list,
    require_text,
    require_texts,
)
from holdfastdb._convert.enums import to_order
from holdfastdb._convert.messages import build
from holdfastdb._convert.states import from_state, to_write
from holdfastdb._convert.structs import to_struct
from holdfastdb._ids import id_or_new
from holdfastdb._transport.channel import Connection
from holdfastdb._transport.paging import AsyncPager, paged
from holdfastdb.types._encoding import encode_json
from holdfastdb.types.pages import Order
from holdfastdb.types.payloads import Json
from holdfastdb.types.states import State, StateWrite
from holdfastdb.v1 import session_service_pb2 as pb


class AsyncStates:
    """`client.states`. Every method may raise Unavailable, DeadlineExceeded and InvalidArgument too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def save(
        self,
        session_id: str,
        value: object,
        key: str = "default",
        *,
        expected_version: int | None = None,
        metadata: Mapping[str, object] | None = None,
        run_id: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> State:
        """Save a value as the next version of `key`, starting at 1, and return it with its version.

            state = await client.states.save("order-42", {"step": 1, "cart": ["tea"]})
            await client.states.save("order-42", {"step": 2}, expected_version=state.version)

        `value` is any JSON value, or bytes; `Json` and `Data` keep a text or a media type exactly. With
        `expected_version` (0: the key must not exist) nothing is changed unless it is the actual one.
        Raises NotFound, FailedPrecondition if the session has ended, VersionMismatch.
        """
        write = StateWrite(key, value, metadata=metadata, run_id=run_id, expected_version=expected_version)
        return (await self._save(session_id, [write], [""], request_id, timeout))[0]

    async def save_many(
        self,
        session_id: str,
        writes: Mapping[str, object] | Iterable[StateWrite],
        *,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> tuple[State, ...]:
        """Save 1 to 100 keys, all or none. The states come in the order of the writes.

            await client.states.save_many("order-42", {"cart": ["tea"], "address": {"city": "Paris"}})
            await client.states.save_many("order-42", [StateWrite("cart", [], expected_version=3)])

        Raises as `save` does.
        """
        if isinstance(writes, Mapping):
            writes = [StateWrite(key, value) for key, value in writes.items()]
        listed = require_list(writes, "writes")
        paths = [f"writes[{index}]." for index in range(len(listed))]
        return await self._save(session_id, listed, paths, request_id, timeout)

    async def _save(
        self,
        session_id: str,
        writes: Iterable[StateWrite],
        paths: Iterable[str],
        request_id: str | None,
        timeout: float | None,
    ) -> tuple[State, ...]:
        pairs = [to_write(write, path) for write, path in zip(writes, paths, strict=True)]
        request = build(
            "",
            pb.SaveStateRequest,
            session_id=session_id,
            writes=[message for message, _ in pairs],
            request_id=id_or_new(request_id),
        )
        answer = await self._connection.call(self._connection.stubs.sessions.SaveState, request, timeout)
        return tuple(
            from_state(state, payload) for state, (_, payload) in zip(answer.states, pairs, strict=True)
        )

    async def patch(
        self,
        session_id: str,
        merge_patch: Mapping[str, object] | Json,
        key: str = "default",
        *,
        expected_version: int | None = None,
        run_id: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> State:
        """Apply a JSON merge patch (RFC 7396: None removes a member) to the newest version, and save the
        result.

            state = await client.states.patch("order-42", {"step": 3, "draft": None})

        Members that the patch does not name keep their text exactly. Raises NotFound, FailedPrecondition if
        the session has ended or the state is not JSON, VersionMismatch.
        """
        if not isinstance(merge_patch, Mapping | Json):
            raise of_wrong_type("merge_patch", "a mapping or a Json", merge_patch)
        request = build(
            "",
            pb.PatchStateRequest,
            session_id=session_id,
            key=key,
            merge_patch=encode_json(merge_patch, "merge_patch"),
            expected_version=expected_version,
            run_id=run_id,
            request_id=id_or_new(request_id),
        )
        stub = self._connection.stubs.sessions
        return from_state((await self._connection.call(stub.PatchState, request, timeout)).state)

    async def load(
        self,
        session_id: str,
        key: str = "default",
        version: int | None = None,
        *,
        timeout: float | None = None,
    ) -> State:
        """The newest version of a key, or the one asked for.

            cart = (await client.states.load("order-42", "cart")).value

        Raises NotFound.
        """
        request = build("", pb.LoadStateRequest, session_id=session_id, key=key, version=version)
        stub = self._connection.stubs.sessions
        return from_state((await self._connection.call(stub.LoadState, request, timeout)).state)

    def list(
        self,
        session_id: str,
        *,
        key_prefix: str = "",
        key_after: str = "",
        key_before: str = "",
        metadata: Mapping[str, object] | None = None,
        run_id: str = "",
        all_versions: bool = False,
        omit_payload: bool = False,
        order: Order | None = None,
        page_size: int = 0,
        page_token: str = "",
        include_total_size: bool = False,
        timeout: float | None = None,
    ) -> AsyncPager[State]:
        """The states of a session by key, ascending unless `order` says otherwise. All given filters must
        hold.

            async for state in client.states.list("order-42", key_prefix="checkpoint/"):
                print(state.key, state.version)

        `key_after` and `key_before` are exclusive. `all_versions`: every kept version, the newer of a key
        first. `page_size` is 20 unless given, at most 100; `timeout` holds for each page. Raises NotFound.
        """
        request = build(
            "",
            pb.ListStatesRequest,
            session_id=session_id,
            page_size=page_size,
            page_token=page_token,
            order=to_order(order),
            key_prefix=key_prefix,
            key_after=key_after,
            key_before=key_before,
            metadata=to_struct(metadata),
            run_id=run_id,
            all_versions=all_versions,
            omit_payload=omit_payload,
            include_total_size=include_total_size,
        )
        return paged(
            self._connection,
            lambda stubs: stubs.sessions.ListStates,
            request,
            timeout,
            lambda page: map(from_state, page.states),
        )

    async def delete(
        self,
        session_id: str,
        keys: str | Iterable[str] | None = None,
        *,
        key_prefix: str = "",
        run_id: str = "",
        every_key: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Delete states with all their versions, and return how many keys were there.

            await client.states.delete("order-42", ["cart", "address"])
            await client.states.delete("order-42", key_prefix="checkpoint/")

        Exactly one selection is needed: `keys` (one, or up to 100), `key_prefix`, `run_id` (those whose
        newest version was saved by this run) or `every_key`. Keys that are not there are passed over. Raises
        NotFound for the session, FailedPrecondition if it has ended.
        """
        given: dict[str, Any] = {
            "key_prefix": require_text(key_prefix, "key_prefix"),
            "run_id": require_text(run_id, "run_id"),
            "all": require_flag(every_key, "every_key"),
        }
        selection = {name: value for name, value in given.items() if value}
        if keys is not None:
            listed = [keys] if isinstance(keys, str) else require_texts(keys, "keys")
            selection["keys"] = build("", pb.StateKeys, keys=listed)
        if len(selection) != 1:
            raise refused("selection", "give exactly one of keys, key_prefix, run_id and every_key")
        request = build("", pb.DeleteStatesRequest, session_id=session_id, **selection)
        answer = await self._connection.call(self._connection.stubs.sessions.DeleteStates, request, timeout)
        return answer.deleted_count

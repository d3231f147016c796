"""Writes that are repeated with their request id change nothing and get the first answer."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from holdfastdb_server.domain.events import EventFilter, Replacement
from holdfastdb_server.domain.paging import PageRequest
from holdfastdb_server.domain.ports import Store
from holdfastdb_server.domain.sessions import SessionChange, SessionFields, SessionStatus, Transition
from holdfastdb_server.domain.states import StateFilter, StatePatch
from tests.properties.world import World
from tests.support.content import draft, note, write
from tests.support.examples import few

KEYS = st.sampled_from(["a", "b"])

WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("append"), KEYS),
        st.tuples(st.just("save"), KEYS),
        st.tuples(st.just("patch"), KEYS),
        st.tuples(st.just("label"), KEYS),
        st.tuples(st.just("replace"), KEYS),
        st.tuples(st.just("move"), st.sampled_from(["active", "completed"])),
    ),
    min_size=1,
    max_size=8,
)


class Repeatable:
    """The writes of a caller that may repeat any of them, with what each answered at first."""

    def __init__(self, store: Store, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def answer(self, number: int, what: str, argument: str) -> object:
        """Do a write and return what must be the same whenever it is repeated: its answer or its error."""
        try:
            return await self._do(number, what, argument)
        except Exception as error:  # noqa: BLE001 -- compared with that of the repetition
            return type(error), str(error)

    async def _do(self, number: int, what: str, argument: str) -> object:
        store, at, request_id = self._store, (self._namespace, "s"), f"request-{number}"
        match what:
            case "append":
                appended = await store.events.append(*at, [note(f"e{number}", argument), note(f"f{number}")])
                return [receipt.sequence for receipt in appended.receipts]
            case "save":
                saved = await store.states.save(*at, [write(argument, f'{{"n":{number}}}')], request_id)
                return [(state.key, state.version) for state in saved]
            case "patch":
                patch = StatePatch(argument, f'{{"p{number}":1}}').checked()
                state = await store.states.patch(*at, patch, request_id)
                return state.key, state.version, state.payload
            case "label":
                change = SessionChange(SessionFields(labels={argument: str(number)}), merges=True).checked()
                await store.sessions.update(*at, change, request_id=request_id)
                return None
            case "replace":
                wanted = Replacement(newest=1, events=[note(f"r{number}")]).checked()
                replaced = await store.events.replace(*at, wanted, request_id=request_id)
                return replaced.removed_count, [receipt.sequence for receipt in replaced.receipts]
            case _:
                move = Transition(SessionStatus(argument))
                await store.sessions.transition(*at, move, request_id=request_id)
                return None

    async def seen(self) -> object:
        """Return all that the writes have made of the session, but for the times."""
        store, at = self._store, (self._namespace, "s")
        session = await store.sessions.get(*at)
        events = await store.events.list(*at, EventFilter(), PageRequest(1_000))
        everything = StateFilter(all_versions=True)
        states = await store.states.list(*at, everything, PageRequest(100))
        return (
            (session.status, session.version, session.last_sequence, session.fields),
            [(event.sequence, event.type, event.actor, event.body) for event in events.items],
            [(state.key, state.version, state.payload, state.session_sequence) for state in states.items],
        )


def test_writes_that_are_repeated_any_time_later_change_nothing_and_get_the_first_answer(
    world: World,
) -> None:
    async def example(writes: list[tuple[str, str]], repetitions: list[list[int]]) -> None:
        once = Repeatable(world.store, world.namespace())
        again = Repeatable(world.store, world.namespace())
        for caller in (once, again):
            await world.store.sessions.create(caller._namespace, draft("s"))
        answers: list[object] = []
        for number, (what, argument) in enumerate(writes):
            answers.append(await once.answer(number, what, argument))
            assert await again.answer(number, what, argument) == answers[-1]
            for earlier in repetitions[number]:
                repeated = earlier % (number + 1)
                if is_remembered(writes[repeated : number + 1], answers[repeated]):
                    assert await again.answer(repeated, *writes[repeated]) == answers[repeated]
        assert await again.seen() == await once.seen()

    @few(20)
    @given(WRITES, st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=8, max_size=8))
    def any_example(writes: list[tuple[str, str]], repetitions: list[list[int]]) -> None:
        world.run(example(writes, repetitions))

    any_example()


def is_remembered(writes: Sequence[tuple[str, str]], answer: object) -> bool:
    """Whether repeating the first of the writes now, after the others, must get its first answer.

    What failed has left nothing and may succeed later. An event that was removed since is appended anew.
    """
    kinds = [what for what, _ in writes]
    failed = isinstance(answer, tuple) and isinstance(answer[0], type)
    return not failed and not (kinds[0] == "append" and "replace" in kinds)

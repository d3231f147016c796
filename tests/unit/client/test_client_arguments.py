"""Wrong arguments: each is refused by its name, before anything is sent, whatever it is."""

from __future__ import annotations

import math
from datetime import UTC
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import holdfastdb
from holdfastdb import Data, Event, Json, TaskStatus
from tests.support.examples import few
from tests.unit.client.calls import EVENTS, WRONG, WRONG_FOR, Method, every_method
from tests.unit.client.scripted import Failure, Script

METHODS = [*every_method()]
CASES = [(method, argument) for method in METHODS for argument in method.annotations]


@pytest.fixture(autouse=True)
def answers(script: Script) -> None:
    """What is sent all the same fails with another error."""
    script.otherwise = Failure(grpc.StatusCode.UNIMPLEMENTED)


@pytest.mark.parametrize(("method", "argument"), CASES, ids=str)
async def test_a_wrong_value_is_refused_by_name_before_anything_is_sent(
    script: Script, client: holdfastdb.AsyncClient, method: Method, argument: str
) -> None:
    for wrong in WRONG_FOR.get(argument) or WRONG[method.annotations[argument]]:
        with pytest.raises(holdfastdb.InvalidArgument) as caught:
            await method.call(client, {argument: wrong})
        assert argument in caught.value.field_violations[0].field, wrong
        assert script.calls == []


def test_every_noun_is_looked_at() -> None:
    assert len({method.owner for method in METHODS}) == 12
    assert len(METHODS) > 70


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters(codec=None), max_size=5),
        st.binary(max_size=5),
        st.sampled_from(["", "pending", "default", "now", "never", "ascending", "x" * 300, "\ud800"]),
        st.sampled_from([TaskStatus.PENDING, TaskStatus.UNRECOGNIZED, object(), int, ...]),
        st.datetimes(timezones=st.just(UTC)),
        st.datetimes(),
        st.timedeltas(),
        st.builds(Json, st.text(max_size=3)),
        st.builds(Data, st.binary(max_size=3)),
        st.sampled_from(EVENTS),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(iter),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=3),
        st.builds(Event.of, st.just("x"), inner),
        st.builds(Event.message, st.just("user"), inner),
        inner.map(lambda value: holdfastdb.StateWrite("a", value)),
        inner.map(lambda value: holdfastdb.DocumentDraft(value, value)),
        inner.map(lambda value: holdfastdb.NewPlanItem(value, depends_on=value)),
        inner.map(lambda value: holdfastdb.PutItem(value, value)),
    ),
    max_leaves=5,
)


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(few(10), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
async def test_whatever_is_given_no_other_error_escapes(
    script: Script, client: holdfastdb.AsyncClient, method: Method, data: st.DataObject
) -> None:
    names = data.draw(st.sets(st.sampled_from(sorted(method.annotations)), min_size=1))
    arguments = {name: data.draw(values, label=name) for name in sorted(names)}
    script.calls.clear()
    # OSError: where there is no such directory to synchronize.
    with pytest.raises((holdfastdb.HoldfastError, OSError)) as caught:
        await method.call(client, arguments)
    if isinstance(caught.value, holdfastdb.InvalidArgument):
        assert script.calls == []
        assert caught.value.field_violations


@pytest.mark.parametrize(
    ("argument", "wrong"),
    [
        *(("target", value) for value in (7, b"127.0.0.1:1")),
        *(("namespace", value) for value in (7, None, "", "é", "a\nb")),
        *(("token", value) for value in (7, "", "é")),
        *(("tls", value) for value in ("yes", 1, None)),
        *(("timeout", value) for value in ("10", None, math.nan, True)),
        *(("options", value) for value in (7, "a", {"a": 1}, [7], [("a", 1, 2)], [(1, "a")], [("a", None)])),
    ],
)
def test_a_wrong_value_is_refused_when_a_client_or_a_recorder_is_made(argument: str, wrong: Any) -> None:
    for make in (holdfastdb.connect, holdfastdb.connect_sync, holdfastdb.Recorder):
        with pytest.raises(holdfastdb.InvalidArgument) as caught:
            make(**{argument: wrong})
        assert argument in caught.value.field_violations[0].field


async def test_a_condition_that_there_is_not_raises_type_error_as_any_unknown_argument_does(
    client: holdfastdb.AsyncClient,
) -> None:
    nouns: list[Any] = [client.history, client.tasks, client.runs, client.memories, client.documents]
    for noun in nouns:
        with pytest.raises(TypeError, match="'colour'"):
            noun.list(colour="red")


async def test_a_dict_in_place_of_an_event_is_answered_with_what_to_pass(
    client: holdfastdb.AsyncClient,
) -> None:
    message: Any = {"role": "user", "content": "Hello"}
    for events in (message, [message]):
        with pytest.raises(holdfastdb.InvalidArgument, match=r"Event\.message\(role, text\).*not dict"):
            await client.history.append("s-1", events)


@pytest.mark.parametrize("value", [math.nan, object(), "\ud800", {1: 2}])
async def test_an_event_is_made_of_anything_and_refused_when_it_is_appended(
    script: Script, client: holdfastdb.AsyncClient, value: Any
) -> None:
    event = Event.of("m", value)
    assert (event.kind, event.type) == (holdfastdb.EventKind.PAYLOAD, "m")
    with pytest.raises(ValueError, match="cannot be sent"):
        _ = event.value
    with pytest.raises(holdfastdb.InvalidArgument) as caught:
        await client.history.append("s-1", [Event.of("fine", 1), event])
    assert caught.value.field_violations[0].field.startswith("events[1].value")
    assert script.calls == []


def test_a_message_is_made_of_anything() -> None:
    for content in (None, 7, object(), {"text": "Hello"}, b"Hello"):
        event = Event.message("user", content)  # type: ignore[arg-type]
        assert event.kind == holdfastdb.EventKind.MESSAGE
        assert isinstance(event.body, holdfastdb.Unsendable)
        assert event.body.field == "content"

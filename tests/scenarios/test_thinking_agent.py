"""System 2: an agent framework with a thinking loop keeps missions, to-do lists, steps and lessons.

The framework is not asynchronous: it uses the blocking client and its two managers.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import holdfastdb
from holdfastdb import NewPlanItem, PlanEdit, PlanItemStatus, PutItem, RemoveItem, SessionStatus
from tests.scenarios.conftest import restart
from tests.scenarios.thinking_agent import MISSION, PLAN, ThinkingAgent
from tests.support.servers import ServerProcess
from tests.support.waiting import patient


@pytest.fixture
def agent(blocking_client: holdfastdb.Client) -> ThinkingAgent:
    return ThinkingAgent(blocking_client, "trip")


def test_an_agent_goes_on_where_it_was_after_a_restart(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client, shared_server: ServerProcess, tenant: str
) -> None:
    """The whole story: mission, plan, steps and lessons, a restart in the middle, and the end."""
    agent.begin(MISSION, "ada")
    todo = agent.todos.create_todo_list("trip", PLAN, todo_list_id="trip-plan")
    agent.todos.update_item("trip-plan", "search", status="in_progress")
    agent.step("I need offers", "search_flights(LIS)", "3 offers, from 120 €")
    agent.todos.update_item("trip-plan", "search", status="completed", result={"best": "TP 571"})
    agent.learn("Offers are cheaper on Tuesdays", tool_name="search_flights", confidence=0.7)
    assert len(todo.items) == 2

    restart(shared_server)

    with holdfastdb.connect_sync(
        shared_server.target, namespace=tenant, timeout=patient(10)
    ) as other_process:
        again = ThinkingAgent(other_process, "trip")
        assert again.load() == {"mission": MISSION, "user_id": "ada", "status": "running", "steps": 1}
        assert [item.item_id for item in again.todos.get_summary("trip-plan").ready] == ["book"]
        again.step("The best is TP 571", "book(TP 571)", "booked")
        again.todos.update_item("trip-plan", "book", status="completed")
        again.todos.modify_plan("trip-plan", status="completed")
        again.save({**again.load(), "status": "completed"})

    session = blocking_client.sessions.get("trip")
    assert session.status is SessionStatus.COMPLETED
    assert [step[0] for step in agent.steps()] == ["step-1", "step-2"]
    assert str(agent.todos.get_summary("trip-plan")) == "2 of 2 items done"
    assert agent.recall("cheaper offers") == ["Offers are cheaper on Tuesdays"]


def test_a_session_has_a_chosen_id_a_user_a_mission_a_status_and_times(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client
) -> None:
    """Sessions: session id chosen by the caller, user id, mission, status, timestamps."""
    before = datetime.now(UTC) - timedelta(minutes=1)
    agent.begin(MISSION, "ada")
    session = blocking_client.sessions.get("trip")
    assert (session.session_id, session.user_id, session.title) == ("trip", "ada", MISSION)
    assert session.status is SessionStatus.ACTIVE
    assert before < session.create_time <= session.update_time <= session.last_activity_time
    assert session.end_time is None


def test_save_state_creates_the_session_when_it_is_new(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client
) -> None:
    """`save_state(session_id, state)` creates the session when it is new (mission, status and user id taken
    from the state)."""
    assert agent.save({"mission": MISSION, "user_id": "ada", "status": "pending"}) == 1
    session = blocking_client.sessions.get("trip")
    assert (session.title, session.user_id, session.status) == (MISSION, "ada", SessionStatus.PENDING)


def test_save_state_updates_the_status_and_adds_a_snapshot_with_a_version(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client
) -> None:
    """... updates its status when not, and adds a snapshot with a version; older versions can be read."""
    states = [
        {"mission": MISSION, "status": word, "user_id": "ada"} for word in ("pending", "running", "done")
    ]
    seen = []
    for number, state in enumerate(states, start=1):
        assert agent.save(state) == number
        seen.append(blocking_client.sessions.get("trip").status)
    assert seen == [SessionStatus.PENDING, SessionStatus.ACTIVE, SessionStatus.COMPLETED]
    assert [agent.load(version) for version in (1, 2, 3)] == states


def test_load_state_gives_the_latest_or_none(agent: ThinkingAgent) -> None:
    """`load_state` gives the latest, or none."""
    assert agent.states.load_state("nobody") is None
    agent.save({"mission": MISSION, "steps": 1})
    agent.save({"mission": MISSION, "steps": 2})
    assert agent.states.load_state("trip") == {"mission": MISSION, "steps": 2}
    assert agent.states.load_state("trip", 7) is None


def test_delete_state_removes_the_session_and_all_that_hangs_on_it(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client
) -> None:
    """`delete_state` removes the session and all that hangs on it."""
    agent.begin(MISSION, "ada")
    agent.todos.create_todo_list("trip", PLAN, todo_list_id="trip-plan")
    agent.step("I need offers", "search_flights(LIS)", "none")
    agent.learn("Lisbon has two airports")
    assert agent.states.delete_state("trip")
    assert not agent.states.delete_state("trip")
    assert agent.states.load_state("trip") is None
    assert agent.todos.load_todo_list("trip-plan") is None
    with pytest.raises(holdfastdb.NotFound):
        agent.steps()
    assert agent.states.list_sessions() == []
    # Nothing of it comes back under the same id; what was learnt is not the session's.
    blocking_client.sessions.create("trip")
    assert agent.steps() == []
    assert agent.recall("airports") == ["Lisbon has two airports"]


def test_sessions_are_listed(blocking_client: holdfastdb.Client) -> None:
    """`list_sessions`."""
    for number in range(5):
        ThinkingAgent(blocking_client, f"s{number}").begin(
            f"Mission {number}", "ada" if number % 2 else "bob"
        )
    states = holdfastdb.StateManager(blocking_client)
    states.save_state("s3", {"status": "failed"})
    assert [session.title for session in states.list_sessions(limit=3)] == [
        "Mission 4",
        "Mission 3",
        "Mission 2",
    ]
    assert [session.session_id for session in states.list_sessions(user_id="ada")] == ["s3", "s1"]
    failed = states.list_sessions(statuses=[SessionStatus.FAILED])
    assert [session.session_id for session in failed] == ["s3"]


def test_a_todo_list_has_a_plan_of_items(agent: ThinkingAgent) -> None:
    """To-do lists: id, session, plan (items with position, description, acceptance criteria, dependencies,
    status, result), status; create, load."""
    agent.begin(MISSION, "ada")
    agent.todos.create_todo_list("trip", PLAN, todo_list_id="trip-plan", title="The trip")
    todo = agent.todos.load_todo_list("trip-plan")
    assert todo is not None
    assert (todo.plan_id, todo.session_id, todo.status) == ("trip-plan", "trip", "pending")
    search, book = todo.items
    assert (search.position, search.description) == (1, "Search flights")
    assert search.acceptance_criteria == ("3 offers", "under 200 €")
    assert (book.position, book.depends_on, book.status, book.result) == (2, ("search",), "pending", None)
    assert agent.todos.load_todo_list("no-such-list") is None


def test_one_item_of_a_todo_list_is_changed(agent: ThinkingAgent) -> None:
    """... change one item."""
    agent.begin(MISSION, "ada")
    agent.todos.create_todo_list("trip", PLAN, todo_list_id="trip-plan")
    agent.todos.update_item("trip-plan", "search", status="completed", result={"best": "TP 571", "eur": 120})
    todo = agent.todos.load_todo_list("trip-plan")
    assert todo is not None
    assert todo.item("search").status is PlanItemStatus.COMPLETED
    assert todo.item("search").result == holdfastdb.Json('{"best":"TP 571","eur":120}')
    assert todo.item("book").version == 1
    assert todo.item("book").ready


def test_the_plan_of_a_todo_list_is_modified(agent: ThinkingAgent) -> None:
    """... modify the plan."""
    todo = agent.todos.create_todo_list("", PLAN)
    edits: list[PlanEdit] = [
        PutItem(NewPlanItem("Ask for a seat", item_id="seat", depends_on=["book"])),
        RemoveItem("search"),
    ]
    with pytest.raises(holdfastdb.NotFound):
        agent.todos.modify_plan(todo.plan_id, edits=edits)  # for the booking depends on the search
    book = PutItem(NewPlanItem("Book the best", item_id="book"))
    todo = agent.todos.modify_plan(todo.plan_id, edits=[book, *edits])
    assert [(item.position, item.item_id) for item in todo.items] == [(1, "book"), (2, "seat")]
    todo = agent.todos.modify_plan(todo.plan_id, ["Start", "anew"], title="Another trip", status="active")
    assert [item.description for item in todo.items] == ["Start", "anew"]
    assert (todo.title, todo.status) == ("Another trip", "active")


def test_a_todo_list_is_deleted_and_summarised(agent: ThinkingAgent) -> None:
    """... delete, summary."""
    todo = agent.todos.create_todo_list("", [*PLAN, "Pack"], title="The trip")
    agent.todos.update_item(todo.plan_id, "search", status="completed")
    agent.todos.update_item(todo.plan_id, "3", status="in_progress")
    summary = agent.todos.get_summary(todo.plan_id)
    assert (summary.progress.completed, summary.progress.total) == (1, 3)
    assert [item.description for item in summary.in_progress] == ["Pack"]
    assert str(summary) == "1 of 3 items done; 1 in progress; next: Book the best"
    assert agent.todos.delete_todo_list(todo.plan_id)
    assert not agent.todos.delete_todo_list(todo.plan_id)
    assert agent.todos.load_todo_list(todo.plan_id) is None


def test_the_execution_history_is_kept_in_order(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client, shared_server: ServerProcess
) -> None:
    """Execution history: session, step id, thought, action, observation, time; in order."""
    agent.begin(MISSION, "ada")
    for number in range(1, 4):
        agent.step(f"thought {number}", f"action {number}", f"observation {number} \u0000 \U0001f9ed")
        if number == 2:
            restart(shared_server)
    assert agent.steps() == [
        (f"step-{n}", f"thought {n}", f"action {n}", f"observation {n} \u0000 \U0001f9ed") for n in (1, 2, 3)
    ]
    events = list(blocking_client.history.list("trip", kinds=[holdfastdb.EventKind.STEP]))
    assert {event.session_id for event in events} == {"trip"}
    times = [event.event_time for event in events if event.event_time is not None]
    assert len(times) == 3
    assert times == sorted(times)


def test_lessons_outlive_their_session_and_are_found(
    agent: ThinkingAgent, blocking_client: holdfastdb.Client, shared_server: ServerProcess
) -> None:
    """Memories across sessions: context, lesson, tool name, confidence; found again by words, by tool, by
    least confidence."""
    agent.begin(MISSION, "ada")
    agent.learn(
        "Offers are cheaper on Tuesdays", context="searching flights", tool_name="search", confidence=0.9
    )
    agent.learn(
        "The site times out at night", context="searching flights", tool_name="search", confidence=0.4
    )
    agent.learn("Cards with 3-D Secure are refused", context="paying", tool_name="pay", confidence=0.6)
    agent.states.delete_state("trip")
    restart(shared_server)
    next_agent = ThinkingAgent(blocking_client, "another-trip")
    assert next_agent.recall("cheap offer") == ["Offers are cheaper on Tuesdays"]
    assert len(next_agent.recall("flights")) == 2
    assert next_agent.recall("flights", min_confidence=0.5) == ["Offers are cheaper on Tuesdays"]
    assert next_agent.recall("cards flights", tool_name="pay") == ["Cards with 3-D Secure are refused"]
    sure = [memory.lesson for memory in blocking_client.memories.list(min_confidence=0.6)]
    assert sure == ["Cards with 3-D Secure are refused", "Offers are cheaper on Tuesdays"]
    (memory,) = blocking_client.memories.list(tool_name="pay")
    assert (memory.context, memory.session_id, memory.confidence) == ("paying", "trip", 0.6)


def test_sessions_are_found_by_id_user_and_time(blocking_client: holdfastdb.Client) -> None:
    """Indexes on session id, user id and time. (That they are used is in the conformance suite.)"""
    first = blocking_client.sessions.create("s1", user_id="ada")
    second = blocking_client.sessions.create("s2", user_id="bob")
    sessions = blocking_client.sessions
    assert sessions.get("s1") == first
    assert list(sessions.list(user_id="bob")) == [second]
    assert list(sessions.list(create_time_until=second.create_time)) == [first]
    assert list(sessions.list(create_time_from=second.create_time)) == [second]


def test_many_large_states_are_saved_and_loaded_one_after_the_other(agent: ThinkingAgent) -> None:
    """Save and load of state under 50 ms: how long they take is measured by `make bench`."""
    agent.begin(MISSION, "ada")
    for number in range(20):
        state = {"mission": MISSION, "status": "running", "steps": number, "notes": "x" * 10_000}
        agent.save(state)
        assert agent.load() == state

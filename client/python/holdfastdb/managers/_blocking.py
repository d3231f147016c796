"""The managers for blocking clients, for any number of threads."""

from __future__ import annotations

from collections.abc import Mapping

from holdfastdb._arguments import require
from holdfastdb._sync import Client, blocking
from holdfastdb.managers._state_manager import AsyncStateManager
from holdfastdb.managers._todo_list_manager import AsyncTodoListManager
from holdfastdb.types.sessions import SessionStatus


class StateManager:
    """Saves and loads whole states, one a session, through a blocking client. AsyncStateManager says more."""

    def __init__(self, client: Client, *, statuses: Mapping[str, SessionStatus] | None = None) -> None:
        inner = require(client, Client, "client", "a Client")._inner
        self._inner = AsyncStateManager(inner, statuses=statuses)

    save_state = blocking(AsyncStateManager.save_state)
    load_state = blocking(AsyncStateManager.load_state)
    delete_state = blocking(AsyncStateManager.delete_state)
    list_sessions = blocking(AsyncStateManager.list_sessions)


class TodoListManager:
    """Keeps to-do lists, through a blocking client. AsyncTodoListManager says more."""

    def __init__(self, client: Client) -> None:
        self._inner = AsyncTodoListManager(require(client, Client, "client", "a Client")._inner)

    create_todo_list = blocking(AsyncTodoListManager.create_todo_list)
    load_todo_list = blocking(AsyncTodoListManager.load_todo_list)
    update_item = blocking(AsyncTodoListManager.update_item)
    modify_plan = blocking(AsyncTodoListManager.modify_plan)
    delete_todo_list = blocking(AsyncTodoListManager.delete_todo_list)
    get_summary = blocking(AsyncTodoListManager.get_summary)

"""Managers with the methods that agent frameworks call: one of states, one of to-do lists."""

from holdfastdb.managers._blocking import StateManager, TodoListManager
from holdfastdb.managers._state_manager import AsyncStateManager
from holdfastdb.managers._todo_list_manager import AsyncTodoListManager, TodoItem, TodoListSummary

__all__ = [
    "AsyncStateManager",
    "AsyncTodoListManager",
    "StateManager",
    "TodoItem",
    "TodoListManager",
    "TodoListSummary",
]

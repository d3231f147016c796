"""Holdfast: durable memory for AI agents. This is its client, for asyncio and for threads.

    import holdfastdb

    async with holdfastdb.connect() as client:
        session = await client.sessions.create(user_id="u-1")
        await client.history.append(session.session_id, holdfastdb.Event.message("user", "Hello"))
        await client.states.save(session.session_id, {"step": 1})

    with holdfastdb.connect_sync() as client:    # the same without `await`
        session = client.sessions.create(user_id="u-1")

A client has one object for each kind of thing that it stores:

    client.sessions     sessions and their life cycle
    client.history      the events of sessions, and tails of them
    client.states       versioned state by key
    client.tasks        work that is leased to one worker at a time
    client.runs         runs of agents, and statistics of them
    client.approvals    decisions of a person or an agent
    client.plans        to-do lists
    client.memories     lessons for later sessions, and the search for them
    client.documents    named, versioned documents in collections

Every call that fails raises a `HoldfastError`: `help(holdfastdb.errors)` shows which. An argument of a wrong
type, or one that cannot be sent, raises `InvalidArgument`, which names it, and then nothing is sent.

    holdfastdb.types       what calls take and return
    holdfastdb.errors      what they raise
    holdfastdb.recorder    the Recorder, which writes events in the background
    holdfastdb.managers    the managers of states and of to-do lists that agent frameworks call
    holdfastdb.v1          the generated protobuf messages and gRPC stubs

All names of the first four are those of `holdfastdb` too: `holdfastdb.Event`, `holdfastdb.NotFound`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfastdb._public import *  # noqa: F403 -- `__all__` says which they are
    from holdfastdb._public import __all__ as __all__
    from holdfastdb.errors import *  # noqa: F403
    from holdfastdb.managers import *  # noqa: F403
    from holdfastdb.recorder import *  # noqa: F403
    from holdfastdb.types import *  # noqa: F403

    __version__: str
else:
    # All but the stubs is imported when the first of its names is used. The server and commands that call no
    # server import only the stubs, and so start sooner.

    def __getattr__(name: str) -> object:
        if name == "__version__":
            from importlib.metadata import version

            return version("holdfastdb")
        if name == "__all__" or not name.startswith("__"):
            from importlib import import_module

            public = import_module("holdfastdb._public")
            globals().update({"__all__": public.__all__, **{n: getattr(public, n) for n in public.__all__}})
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__"), "__version__"})

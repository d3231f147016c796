"""Holdfast: durable memory for AI agents.

    import holdfastdb

    async with holdfastdb.connect() as client:
        session = await client.sessions.create(user_id="u-1")
        await client.history.append(session.session_id, holdfastdb.Event.message("user", "Hello"))
        await client.states.save(session.session_id, {"step": 1})

`connect_sync` gives the same client without `await`. `holdfastdb.errors` draws the tree of errors. The
generated stubs are in `holdfastdb.v1`.
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
    # All but the stubs loads when the first of its names is asked for: the server, which has no use for
    # the client, starts the sooner for it, and so do commands that call no server.

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

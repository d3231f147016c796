from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from holdfastdb._transport.loop_thread import background
from tests.unit.client.recorder.servers import Server
from tests.unit.client.scripted import Script, start


@pytest.fixture
def script() -> Iterator[Script]:
    """Served in the clients' own loop, and with no thread left at the end."""
    script = Script()
    background.acquire()
    server = background.run(start(script))
    yield script
    background.run(server.stop(None))
    background.release()
    assert "holdfast" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def server(script: Script) -> Server:
    return Server(script)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back at once after a failure."""
    monkeypatch.setattr("holdfastdb.recorder._writer.backoff", lambda failures, error=None: 0.01)

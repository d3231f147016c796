"""What every process that a test starts needs: a free port, and a guard that ends it if the tests die."""

from __future__ import annotations

import random
import re
import socket
import subprocess
from pathlib import Path


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on.

    It is below the ports that systems give to outgoing connections (32768 and up on Linux): otherwise
    whoever tries to reach a stopped server on it may be given that very port and connect to itself.
    """
    choices = random.SystemRandom()
    for _ in range(1_000):
        port = choices.randrange(15_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 15000 and 32000")


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) * 1024


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that have not ended (Linux; none elsewhere)."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def is_alive(pid: int) -> bool:
    """Whether a process runs (Linux). A zombie, whose parent has not waited for it, does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Guard:
    """Runs a shell command if this process dies, by SIGKILL too, before it calls `release`."""

    def __init__(self, command: str, *arguments: str) -> None:
        # The pipe closes when we die. A session of its own: what is sent to our group is not for it.
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", f"cat >/dev/null; {command}", "guard", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """End without running the command."""
        self._shell.kill()
        self._shell.wait()
        assert self._shell.stdin is not None
        self._shell.stdin.close()

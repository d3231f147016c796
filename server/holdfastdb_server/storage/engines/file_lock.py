"""The lock by which one server at a time uses a SQLite file."""

from __future__ import annotations

import fcntl
import os

from holdfastdb_server.storage.options import StartupRefused


class FileLock:
    """A lock on `<file>.lock`, which the operating system releases when the process dies."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises StartupRefused if another server holds it or the file cannot be created."""
        try:
            self._file = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StartupRefused(f"cannot write beside {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode().strip() or "unknown"
            self.release()
            raise StartupRefused(
                f"{self._path} is held by another holdfast server (process {holder}):"
                " stop it, or give this one a file of its own with --database-url"
            ) from None
        os.ftruncate(self._file, 0)
        os.write(self._file, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Release the lock."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

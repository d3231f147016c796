"""Logging, which is the whole process's: what changes it puts it back."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logging_as_before() -> Iterator[None]:
    """Put back the root's handlers and level, and the level of Holdfast's loggers."""
    root, ours = logging.getLogger(), logging.getLogger("holdfast")
    handlers, level, our_level = list(root.handlers), root.level, ours.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        ours.setLevel(our_level)

"""History that is written in the background: the agent never waits for it, and never fails because of it."""

from holdfastdb.recorder._buffer import RecorderStats
from holdfastdb.recorder._recorder import Recorder

__all__ = ["Recorder", "RecorderStats"]

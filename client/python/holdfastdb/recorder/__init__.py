"""Events that are written in the background, so that the agent neither waits for them nor fails."""

from holdfastdb.recorder._buffer import RecorderStats
from holdfastdb.recorder._recorder import Recorder

__all__ = ["Recorder", "RecorderStats"]

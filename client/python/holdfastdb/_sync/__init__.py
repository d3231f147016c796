"""The blocking client."""

from holdfastdb._sync.blocking import Lease, Pager, Tail, blocking
from holdfastdb._sync.client import Client, connect_sync

__all__ = ["Client", "Lease", "Pager", "Tail", "blocking", "connect_sync"]

"""What `holdfastdb` offers under its own name. It loads with the first of it that is asked for."""

from __future__ import annotations

from holdfastdb import errors, managers, recorder, types
from holdfastdb._client import AsyncClient, connect
from holdfastdb._resources.leases import AsyncLease
from holdfastdb._resources.tail import AsyncTail
from holdfastdb._sync import Client, Lease, Pager, Tail, connect_sync
from holdfastdb._transport.paging import AsyncPager
from holdfastdb.errors import *  # noqa: F403 -- each of these modules has its `__all__`
from holdfastdb.managers import *  # noqa: F403
from holdfastdb.recorder import *  # noqa: F403
from holdfastdb.types import *  # noqa: F403

__all__ = [
    "AsyncClient",
    "AsyncLease",
    "AsyncPager",
    "AsyncTail",
    "Client",
    "Lease",
    "Pager",
    "Tail",
    "connect",
    "connect_sync",
]
__all__ += errors.__all__
__all__ += managers.__all__
__all__ += recorder.__all__
__all__ += types.__all__

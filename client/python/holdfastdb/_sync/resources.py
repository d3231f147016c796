"""The nouns of the blocking client: each method is that of the asynchronous one, and waits."""

from __future__ import annotations

from holdfastdb._resources.approvals import AsyncApprovals
from holdfastdb._resources.documents import AsyncDocuments
from holdfastdb._resources.history import AsyncHistory
from holdfastdb._resources.memories import AsyncMemories
from holdfastdb._resources.plans import AsyncPlans
from holdfastdb._resources.runs import AsyncRuns
from holdfastdb._resources.sessions import AsyncSessions
from holdfastdb._resources.states import AsyncStates
from holdfastdb._resources.tasks import AsyncTasks
from holdfastdb._sync.blocking import blocking, leasing, paging, tailing, working


class Sessions:
    """`client.sessions`."""

    def __init__(self, inner: AsyncSessions) -> None:
        self._inner = inner

    create = blocking(AsyncSessions.create)
    get = blocking(AsyncSessions.get)
    list = paging(AsyncSessions.list)
    update = blocking(AsyncSessions.update)
    transition = blocking(AsyncSessions.transition)
    activate = blocking(AsyncSessions.activate)
    complete = blocking(AsyncSessions.complete)
    fail = blocking(AsyncSessions.fail)
    expire = blocking(AsyncSessions.expire)
    delete = blocking(AsyncSessions.delete)
    fork = blocking(AsyncSessions.fork)


class States:
    """`client.states`."""

    def __init__(self, inner: AsyncStates) -> None:
        self._inner = inner

    save = blocking(AsyncStates.save)
    save_many = blocking(AsyncStates.save_many)
    patch = blocking(AsyncStates.patch)
    load = blocking(AsyncStates.load)
    list = paging(AsyncStates.list)
    delete = blocking(AsyncStates.delete)


class History:
    """`client.history`."""

    def __init__(self, inner: AsyncHistory) -> None:
        self._inner = inner

    append = blocking(AsyncHistory.append)
    list = paging(AsyncHistory.list)
    tail = tailing(AsyncHistory.tail)
    replace = blocking(AsyncHistory.replace)
    clear = blocking(AsyncHistory.clear)
    pop = blocking(AsyncHistory.pop)
    rewind = blocking(AsyncHistory.rewind)
    summarize = blocking(AsyncHistory.summarize)


class Plans:
    """`client.plans`."""

    def __init__(self, inner: AsyncPlans) -> None:
        self._inner = inner

    create = blocking(AsyncPlans.create)
    get = blocking(AsyncPlans.get)
    list = paging(AsyncPlans.list)
    update = blocking(AsyncPlans.update)
    update_item = blocking(AsyncPlans.update_item)
    delete = blocking(AsyncPlans.delete)


class Memories:
    """`client.memories`."""

    def __init__(self, inner: AsyncMemories) -> None:
        self._inner = inner

    create = blocking(AsyncMemories.create)
    get = blocking(AsyncMemories.get)
    list = paging(AsyncMemories.list)
    search = paging(AsyncMemories.search)
    update = blocking(AsyncMemories.update)
    delete = blocking(AsyncMemories.delete)


class Documents:
    """`client.documents`."""

    def __init__(self, inner: AsyncDocuments) -> None:
        self._inner = inner

    put = blocking(AsyncDocuments.put)
    get_or_create = blocking(AsyncDocuments.get_or_create)
    get = blocking(AsyncDocuments.get)
    list = paging(AsyncDocuments.list)
    search = paging(AsyncDocuments.search)
    delete = blocking(AsyncDocuments.delete)
    sync = blocking(AsyncDocuments.sync)
    sync_directory = blocking(AsyncDocuments.sync_directory)
    collections = paging(AsyncDocuments.collections)


class Tasks:
    """`client.tasks`."""

    def __init__(self, inner: AsyncTasks) -> None:
        self._inner = inner

    create = blocking(AsyncTasks.create)
    get = blocking(AsyncTasks.get)
    list = paging(AsyncTasks.list)
    update = blocking(AsyncTasks.update)
    transition = blocking(AsyncTasks.transition)
    cancel = blocking(AsyncTasks.cancel)
    delete = blocking(AsyncTasks.delete)
    claim = leasing(AsyncTasks.claim)
    work = working(AsyncTasks.work)


class Runs:
    """`client.runs`."""

    def __init__(self, inner: AsyncRuns) -> None:
        self._inner = inner

    start = blocking(AsyncRuns.start)
    get = blocking(AsyncRuns.get)
    list = paging(AsyncRuns.list)
    update = blocking(AsyncRuns.update)
    finish = blocking(AsyncRuns.finish)
    complete = blocking(AsyncRuns.complete)
    fail = blocking(AsyncRuns.fail)
    cancel = blocking(AsyncRuns.cancel)
    summarize = blocking(AsyncRuns.summarize)


class Approvals:
    """`client.approvals`."""

    def __init__(self, inner: AsyncApprovals) -> None:
        self._inner = inner

    request = blocking(AsyncApprovals.request)
    decide = blocking(AsyncApprovals.decide)
    approve = blocking(AsyncApprovals.approve)
    reject = blocking(AsyncApprovals.reject)
    cancel = blocking(AsyncApprovals.cancel)
    get = blocking(AsyncApprovals.get)
    list = paging(AsyncApprovals.list)
    wait = blocking(AsyncApprovals.wait)

"""Metrics for Prometheus. Those of calls have the names and labels of go-grpc-prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from threading import Thread
from typing import get_args
from wsgiref.simple_server import WSGIServer

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from holdfastdb_server.storage.observer import FallbackReason, WriteKind, WritePath

_METHOD = ("grpc_type", "grpc_service", "grpc_method")
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """What a server measures: its calls and its storage."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._methods: list[MethodMetrics] = []
        self._batches: dict[str, _BatchMetrics] = {}
        self.registry.register(_Collector(self._collect_calls))
        self.registry.register(_Collector(self._collect_batches))
        self._writes = Counter(
            "holdfast_writes_total",
            "Writes (kind: append, save) that were answered, by path: single_statement (PostgreSQL only), or"
            " planned, in a transaction that locks, reads, plans and writes.",
            ("kind", "path"),
            registry=self.registry,
        )
        self._fallbacks = Counter(
            "holdfast_single_statement_fallbacks_total",
            "Writes that one statement left to be planned, by reason: checks (a guard, an id that exists, no"
            " such session, requests that exclude each other) is normal; refused (PostgreSQL raised an"
            " error) and unsendable (a value cannot be sent) are faults, and logged.",
            ("kind", "reason"),
            registry=self.registry,
        )
        for kind in get_args(WriteKind):
            # At 0 from the start, so that shares can be computed of what has not happened.
            for path in get_args(WritePath):
                self._writes.labels(kind, path)
            for reason in get_args(FallbackReason):
                self._fallbacks.labels(kind, reason)
        self._tail_lag = Histogram(
            "holdfast_tail_lag_seconds",
            "From the append of an event to its delivery in a tail.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._tail_events = Counter(
            "holdfast_tail_events_total", "Events delivered in tails.", registry=self.registry
        )
        self._tails = Gauge("holdfast_tails_open", "Open tails.", registry=self.registry)
        self._swept = Counter(
            "holdfast_janitor_swept_total",
            "Rows that the janitor has expired, cleared or deleted, by what they are.",
            ("what",),
            registry=self.registry,
        )

    def method(self, kind: str, service: str, name: str) -> MethodMetrics:
        """Return what measures the method. Its counters exist from then on, at 0."""
        method = MethodMetrics((kind, service, name))
        self._methods.append(method)
        return method

    def batch_written(self, kind: str, requests: int, seconds: float) -> None:
        batches = self._batches.get(kind)
        if batches is None:
            batches = self._batches[kind] = _BatchMetrics()
        batches.requests.observe(requests)
        batches.seconds.observe(seconds)

    def writes_finished(self, kind: WriteKind, path: WritePath, count: int) -> None:
        self._writes.labels(kind, path).inc(count)

    def writes_fell_back(self, kind: WriteKind, reason: FallbackReason, count: int) -> None:
        self._fallbacks.labels(kind, reason).inc(count)

    def tail_delivered(self, events: int, lag_seconds: float) -> None:
        self._tail_events.inc(events)
        self._tail_lag.observe(max(0.0, lag_seconds))

    def tails_open(self, count: int) -> None:
        self._tails.set(count)

    def swept(self, what: str, count: int) -> None:
        self._swept.labels(what).inc(count)

    def watch_pool(self, status: Callable[[], Mapping[str, int]]) -> None:
        """Read the state of the connection pool at each scrape."""

        def collect() -> Iterable[Metric]:
            pool = GaugeMetricFamily(
                "holdfast_pool_connections", "Connections to the database.", labels=["state"]
            )
            for state, count in status().items():
                pool.add_metric([state], count)
            yield pool

        self.registry.register(_Collector(collect))

    def _collect_calls(self) -> Iterable[Metric]:
        started = CounterMetricFamily("grpc_server_started", "Calls that were received.", labels=_METHOD)
        handled = CounterMetricFamily(
            "grpc_server_handled", "Calls that ended.", labels=(*_METHOD, "grpc_code")
        )
        handling = HistogramMetricFamily(
            "grpc_server_handling_seconds", "How long calls took.", labels=_METHOD
        )
        for method in self._methods:
            started.add_metric(method.labels, method.started_count)
            for code, count in list(method.handled_counts.items()):
                handled.add_metric((*method.labels, _go_name(code)), count)
            handling.add_metric(method.labels, method.seconds.buckets(), method.seconds.sum)
        return (started, handled, handling)

    def _collect_batches(self) -> Iterable[Metric]:
        sizes = HistogramMetricFamily(
            "holdfast_batch_requests",
            "Requests that shared one transaction or query, by kind: group_commit, sessions, states, heads.",
            labels=("kind",),
        )
        seconds = HistogramMetricFamily(
            "holdfast_batch_seconds", "How long that transaction or query took.", labels=("kind",)
        )
        for kind, batches in list(self._batches.items()):
            sizes.add_metric((kind,), batches.requests.buckets(), batches.requests.sum)
            seconds.add_metric((kind,), batches.seconds.buckets(), batches.seconds.sum)
        return (sizes, seconds)

    def serve(self, host: str, port: int) -> MetricsServer:
        """Answer Prometheus in a thread. Raises OSError if the address cannot be had."""
        server, thread = start_http_server(port, host, registry=self.registry)
        return MetricsServer(server, thread)


class _Distribution:
    """A histogram without locks: `observe` takes a quarter of the time of the library's.

    Only one thread may observe. A thread that reads meanwhile may see a value in the sum and not yet in the
    buckets.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self.sum = 0.0
        self._bounds = bounds
        # How many values were above one bound and at most the next.
        self._slots = [0] * (len(bounds) + 1)

    def observe(self, value: float) -> None:
        """Count a value."""
        self.sum += value
        self._slots[bisect_left(self._bounds, value)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return how many values were at most each bound."""
        bounds = (*map(floatToGoString, self._bounds), "+Inf")
        return list(zip(bounds, accumulate(self._slots), strict=True))


class MethodMetrics:
    """Measures the calls of one method."""

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = labels
        self.started_count = 0
        self.handled_counts: dict[str, int] = {}
        self.seconds = _Distribution(_SECONDS)

    def started(self) -> None:
        """Count a call that was received."""
        self.started_count += 1

    def handled(self, code: str, seconds: float) -> None:
        """Count a call that ended with this canonical code."""
        self.handled_counts[code] = self.handled_counts.get(code, 0) + 1
        self.seconds.observe(seconds)


class _BatchMetrics:
    """Measures the batches of one kind."""

    def __init__(self) -> None:
        self.requests = _Distribution(_COUNTS)
        self.seconds = _Distribution(_SECONDS)


@dataclass(frozen=True, slots=True)
class MetricsServer:
    """Answers Prometheus until it is closed."""

    server: WSGIServer
    thread: Thread

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self.server.server_port

    def close(self) -> None:
        """Stop listening. Blocks for half a second at most."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Collector(Collector):
    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self._collect = collect

    def collect(self) -> Iterable[Metric]:
        return self._collect()


def _go_name(code: str) -> str:
    """Return a code as Go writes it: `NotFound`, `OK`, and `Canceled` with one l."""
    if code == "OK":
        return code
    return "Canceled" if code == "CANCELLED" else code.title().replace("_", "")

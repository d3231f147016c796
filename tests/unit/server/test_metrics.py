"""What Prometheus reads."""

from __future__ import annotations

import asyncio
from urllib.request import urlopen

from prometheus_client import CollectorRegistry

from holdfastdb_server.observability.metrics import Metrics
from tests.support.waiting import PATIENCE

LABELS = {"grpc_type": "unary", "grpc_service": "holdfastdb.v1.SessionService", "grpc_method": "GetSession"}


def test_calls_are_counted_as_go_grpc_prometheus_does() -> None:
    metrics = Metrics()
    method = metrics.method("unary", "holdfastdb.v1.SessionService", "GetSession")
    for code in ("OK", "OK", "NOT_FOUND", "CANCELLED"):
        method.started()
        method.handled(code, 0.004)
    value = metrics.registry.get_sample_value
    assert value("grpc_server_started_total", LABELS) == 4
    assert value("grpc_server_handled_total", LABELS | {"grpc_code": "OK"}) == 2
    assert value("grpc_server_handled_total", LABELS | {"grpc_code": "NotFound"}) == 1
    assert value("grpc_server_handled_total", LABELS | {"grpc_code": "Canceled"}) == 1
    assert value("grpc_server_handling_seconds_bucket", LABELS | {"le": "0.005"}) == 4


def test_the_storage_is_measured() -> None:
    metrics = Metrics()
    metrics.batch_written("append", 12, 0.003)
    metrics.writes_finished("append", "single_statement", 11)
    metrics.writes_fell_back("append", "refused", 1)
    metrics.tail_delivered(3, -0.001)
    metrics.tails_open(2)
    metrics.swept("sessions_expired", 3)
    pool = {"size": 5, "in_use": 1}
    metrics.watch_pool(lambda: pool)
    value = metrics.registry.get_sample_value
    assert value("holdfast_batch_requests_sum", {"kind": "append"}) == 12
    assert value("holdfast_batch_seconds_count", {"kind": "append"}) == 1
    assert value("holdfast_writes_total", {"kind": "append", "path": "single_statement"}) == 11
    assert value("holdfast_writes_total", {"kind": "save", "path": "planned"}) == 0
    fallbacks = "holdfast_single_statement_fallbacks_total"
    assert value(fallbacks, {"kind": "append", "reason": "refused"}) == 1
    assert value(fallbacks, {"kind": "append", "reason": "checks"}) == 0
    assert value("holdfast_tail_events_total") == 3
    assert value("holdfast_janitor_swept_total", {"what": "sessions_expired"}) == 3
    assert value("holdfast_tail_lag_seconds_sum") == 0
    assert value("holdfast_tails_open") == 2
    assert value("holdfast_pool_connections", {"state": "in_use"}) == 1
    pool["in_use"] = 4
    assert value("holdfast_pool_connections", {"state": "in_use"}) == 4


def test_two_servers_in_one_process_do_not_share_their_numbers() -> None:
    one, other = Metrics(), Metrics()
    assert isinstance(one.registry, CollectorRegistry)
    one.tails_open(1)
    assert other.registry.get_sample_value("holdfast_tails_open") == 0


async def test_prometheus_is_answered_over_http() -> None:
    metrics = Metrics()
    server = metrics.serve("127.0.0.1", 0)
    try:
        page = await asyncio.to_thread(_read, f"http://127.0.0.1:{server.port}/metrics")
    finally:
        await asyncio.to_thread(server.close)
    assert "holdfast_tails_open 0.0" in page


def _read(url: str) -> str:
    with urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())

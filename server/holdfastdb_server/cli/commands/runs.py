"""`holdfast runs`: list runs, show one, or sum them up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfastdb_server.cli import lists, options
from holdfastdb_server.cli.invocation import Server, call
from holdfastdb_server.domain.runs.run import RunStatus

if TYPE_CHECKING:
    from holdfastdb import AsyncClient


class By(StrEnum):
    """The fields that a summary groups by, apart from time."""

    AGENT = "agent"
    KIND = "kind"
    STATUS = "status"


def runs(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="Show this run with all its fields.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--summary", help="Sum runs up: count, success rate, duration, tokens.")
    ] = False,
    by: Annotated[
        list[By] | None,
        typer.Option(
            "--by",
            metavar="FIELD",
            help="Group the summary by this: agent, kind or status. May be repeated."
            " [default: agent and kind]",
        ),
    ] = None,
    bucket: Annotated[
        str, typer.Option("--bucket", metavar="SPAN", help="Group the summary by time too: 15m, 1h, 7d.")
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            "--since", metavar="SPAN", help="Only runs that started within this time: 15m, 24h, 7d."
        ),
    ] = "",
    agent: Annotated[str, typer.Option("--agent", metavar="ID", help="Only runs of this agent.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option("--kind", metavar="KIND", help="Only this kind. May be repeated."),
    ] = None,
    status: Annotated[list[RunStatus] | None, options.with_status(RunStatus)] = None,
    session: Annotated[str, typer.Option("--session", metavar="ID", help="Only runs of this session.")] = "",
    label: options.Label = None,
    metadata: options.Metadata = None,
    limit: lists.Limit = 20,
    every: lists.Every = False,
    as_json: options.AsJson = False,
    target: options.Target = None,
    namespace: options.Namespace = "default",
    token: options.Token = None,
    tls: options.Tls = False,
) -> None:
    """List runs, the newest first, show one, or sum them up.

    Example: holdfast runs --summary --since 7d --bucket 1d

    Exits with 1 if there is no such run or no server replies, with 2 for wrong usage.
    """
    server = Server(target, namespace, token, tls)
    filters: dict[str, Any] = {
        "agent_id": agent,
        "kinds": kind,
        "statuses": [one.value for one in status or ()],
        "session_id": session,
        "labels": options.pairs("--label", label),
        "metadata": options.scalars("--metadata", metadata),
    }
    if since:
        filters["start_time_from"] = datetime.now(UTC) - options.span("--since", since)
    filters = {name: value for name, value in filters.items() if value}
    if (by or bucket) and not summary:
        raise typer.BadParameter("needs --summary", param_hint="--by" if by else "--bucket")
    if run is not None:
        _show(server, run, as_json)
    elif summary:
        length = options.span("--bucket", bucket) if bucket else None
        groups = [one.value for one in by or (By.AGENT, By.KIND)]
        call(server, lambda client: _summarize(client, groups, length, filters, as_json))
    else:
        call(server, lambda client: _list(client, filters, None if every else limit, as_json))


def _show(server: Server, run: str, as_json: bool) -> None:
    found = call(server, lambda client: client.runs.get(run))
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        write(found)
    else:
        from holdfastdb_server.cli.views.runs import print_run

        print_run(found)


async def _list(client: AsyncClient, filters: dict[str, Any], limit: int | None, as_json: bool) -> None:
    pager = client.runs.list(
        **filters,
        page_size=lists.page_size(limit),
        include_total_size=not as_json,
        omit_payload=not as_json,
    )
    found, total = await lists.read(pager, limit, as_json)
    if not as_json:
        from holdfastdb_server.cli.views.runs import print_runs

        print_runs(found, total, bool(filters))


async def _summarize(
    client: AsyncClient,
    groups: list[Any],
    bucket: timedelta | None,
    filters: dict[str, Any],
    as_json: bool,
) -> None:
    groups = [*groups, "time"] if bucket else groups
    summaries = await client.runs.summarize(groups, bucket=bucket, **filters)
    if as_json:
        from holdfastdb_server.cli.views.as_json import write

        for one in summaries:
            write(one)
    else:
        from holdfastdb_server.cli.views.runs import print_summaries

        print_summaries(summaries, bool(filters))

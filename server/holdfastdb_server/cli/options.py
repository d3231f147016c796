"""Options that several commands share, and how their values are parsed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

_SERVER = "Server"
_SPANS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_LONGEST = timedelta(days=36_500)

Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        envvar="HOLDFAST_TARGET",
        metavar="HOST:PORT",
        help="The server. [default: HOLDFAST_HOST and HOLDFAST_PORT, else 127.0.0.1:7420]",
        rich_help_panel=_SERVER,
    ),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        "-n",
        envvar="HOLDFAST_NAMESPACE",
        metavar="NAME",
        help="The namespace (tenant).",
        rich_help_panel=_SERVER,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="HOLDFAST_TOKEN",
        metavar="TOKEN",
        help="A bearer token, if the server requires one. Set the variable instead: others see options.",
        rich_help_panel=_SERVER,
        show_envvar=True,
    ),
]
Tls = Annotated[
    bool,
    typer.Option(
        "--tls",
        envvar="HOLDFAST_TLS",
        help="Connect with TLS. GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names a file of other authorities.",
        rich_help_panel=_SERVER,
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON, one object a line, with the field names of the protos.")
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        metavar="URL",
        help="The database: sqlite:///file.db or postgresql://…"
        " [env var: HOLDFAST_DATABASE_URL] [default: sqlite:///holdfast.db]",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A YAML file with settings. [env var: HOLDFAST_CONFIG]"),
]
Profile = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="A profile in that file. [env var: HOLDFAST_PROFILE]")
]
Insecure = Annotated[
    bool,
    typer.Option(
        "--insecure",
        help="Allow an address beyond loopback without TLS and tokens.",
    ),
]
User = Annotated[str, typer.Option("--user", metavar="ID", help="Only sessions of this user.")]
Agent = Annotated[str, typer.Option("--agent", metavar="ID", help="Only sessions of this agent.")]
Label = Annotated[
    list[str] | None,
    typer.Option(
        "--label", metavar="KEY=VALUE", help="Only with this label. May be repeated: all must match."
    ),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="KEY=VALUE",
        help="Only with this value in the metadata, JSON or text. May be repeated: all must match.",
    ),
]


def with_status(statuses: type[StrEnum]) -> Any:
    """Return the option that chooses among these statuses."""
    *others, last = statuses
    return typer.Option(
        "--status",
        metavar="STATUS",
        help=f"Only with this status: {', '.join(others)} or {last}. May be repeated.",
        case_sensitive=False,
    )


def span(option: str, value: str) -> timedelta:
    """A length of time such as `90s`, `15m`, `24h` or `7d`, at most 100 years. A bad one is a usage error."""
    found = _SPAN.fullmatch(value)
    if found is None or not int(found[1]):
        raise typer.BadParameter(f"{value!r} is not like 90s, 15m, 24h or 7d", param_hint=option)
    length = int(found[1]) * _SPANS[found[2]]
    if length > _LONGEST:
        raise typer.BadParameter(f"{value!r} is more than {_LONGEST.days}d", param_hint=option)
    return length


def pairs(option: str, values: Iterable[str] | None) -> dict[str, str]:
    """The values of a repeated KEY=VALUE option. A bad one is a usage error."""
    found: dict[str, str] = {}
    for value in values or ():
        key, equals, text = value.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{value!r} is not KEY=VALUE", param_hint=option)
        found[key] = text
    return found


def scalars(option: str, values: Iterable[str] | None) -> dict[str, object]:
    """Like `pairs`, but a value that is a JSON number, boolean, null or string is parsed as such."""
    return {key: _scalar(text) for key, text in pairs(option, values).items()}


def _scalar(text: str) -> object:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, dict | list) else value

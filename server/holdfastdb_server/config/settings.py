"""The settings of a server: what each means, its default and limits. `loading` says where they come from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from holdfastdb_server.config.addresses import DEFAULT_HOST, DEFAULT_PORT, is_loopback
from holdfastdb_server.config.database_url import join_database_url, mask_password
from holdfastdb_server.domain.limits import MEBIBYTE, RETENTION_MAX, Policy
from holdfastdb_server.storage.options import StorageOptions

PREFIX = "HOLDFAST_"
DEFAULT_DATABASE_URL = "sqlite:///holdfast.db"
DB_PARTS = ("db_host", "db_port", "db_user", "db_password", "db_name")

Seconds = Annotated[float, Field(gt=0, le=3600)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Token(BaseModel):
    """A bearer token and the namespaces it is for; `*` is any."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretStr = Field(min_length=1)
    namespaces: list[str] = Field(default=["*"], min_length=1)


class Settings(BaseSettings):
    """All settings of a server. Each is also a variable: `port` is HOLDFAST_PORT; lists are JSON there."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: str = DEFAULT_HOST
    """The address to listen on; any but loopback needs TLS and tokens, or `insecure`. Default: 127.0.0.1."""
    port: Port = DEFAULT_PORT
    """The port to listen on; 0 takes a free one. Default: 7420."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that listen on the port, each with connections of its own to PostgreSQL. A connection of a
    client stays with one of them. Metrics of each are one port further. Default: 1."""
    insecure: bool = False
    """Allow an address beyond loopback without TLS and tokens, such as behind a proxy. Default: false."""
    tls_cert_file: Path | None = None
    """The server's certificate chain, PEM. With `tls_key_file`. Default: no TLS."""
    tls_key_file: Path | None = None
    """The private key of the certificate, PEM."""
    tls_client_ca_file: Path | None = None
    """Certificate authorities, PEM: clients must show a certificate of theirs. Default: clients show none."""
    tokens: list[Token] = []
    """Bearer tokens and their namespaces: `[{"token": "…", "namespaces": ["*"]}]`. Default: none needed."""

    database_url: SecretStr | None = None
    """Where the data is: `sqlite:///file.db`, `sqlite:////absolute/file.db` or
    `postgresql://user:password@host:port/database`. Default: sqlite:///holdfast.db, in the working
    directory."""
    db_host: str = ""
    """PostgreSQL's host, instead of `database_url`: the parts may hold any characters. Default: localhost."""
    db_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """PostgreSQL's port. Default: 5432."""
    db_user: str = ""
    """PostgreSQL's user. Default: postgres."""
    db_password: SecretStr | None = None
    """The user's password. Default: none."""
    db_name: str = ""
    """PostgreSQL's database. Default: holdfast."""
    listen_url: SecretStr | None = None
    """A URL past a pooler in transaction mode, which does not pass on LISTEN. Default: `database_url`."""
    pgbouncer: bool = False
    """Prepare no statements, because a pooler in transaction mode is in between. Default: false."""
    db_pool_min: Annotated[int, Field(ge=1, le=1000)] = 5
    """Connections opened at the start. Default: 5."""
    db_pool_max: Annotated[int, Field(ge=1, le=1000)] = 20
    """Connections at most; PostgreSQL's max_connections must have room for all servers. Default: 20."""
    db_pool_timeout_seconds: Seconds = 5.0
    """How long a request waits for a connection before it is UNAVAILABLE. Default: 5."""
    db_connect_timeout_seconds: Seconds = 5.0
    """How long a connection attempt may take. Default: 5."""
    db_statement_timeout_seconds: Seconds = 30.0
    """How long a statement may take, waits for locks included. Default: 30."""

    session_retention_days: Annotated[float, Field(gt=0, le=RETENTION_MAX.days)] = 7.0
    """Days without activity after which a session expires, unless it has its own retention. Default: 7."""
    state_versions_kept: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """How many versions of each state are kept. Default: 100."""
    idempotency_ttl_seconds: Annotated[float, Field(gt=0, le=RETENTION_MAX.total_seconds())] = 86_400.0
    """How long a task's idempotency key or a request id is remembered; then it may be used again.
    Default: 86400, a day."""
    session_purge_days: Annotated[float, Field(ge=0, le=RETENTION_MAX.days)] | None = None
    """How long after its end a session is deleted, with its history. Default: never."""
    janitor_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """Seconds between runs of the janitor; 0: only `holdfast janitor` runs it. Default: 60."""
    max_request_bytes: Annotated[int, Field(ge=4 * MEBIBYTE, le=512 * MEBIBYTE)] = 16 * MEBIBYTE
    """The largest request taken; a larger one is RESOURCE_EXHAUSTED. Default: 16 MiB (16777216)."""
    max_waiting: Annotated[int, Field(ge=1)] = 10_000
    """Requests that may be queued for a transaction, and claims that may wait for a task; further ones are
    RESOURCE_EXHAUSTED. Default: 10000."""
    max_tails: Annotated[int, Field(ge=1)] = 10_000
    """Open tails at most; a further one is RESOURCE_EXHAUSTED. Default: 10000."""
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    """How long running calls may continue after SIGTERM. Default: 30."""

    metrics_port: Port | None = None
    """A port for Prometheus, over plain HTTP; 0 takes a free one. Default: no metrics."""
    metrics_host: str = "127.0.0.1"
    """The address for Prometheus. Default: 127.0.0.1."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged: `debug` has a line for each call. Default: info."""
    log_format: Literal["auto", "console", "json"] = "auto"
    """`auto` is `console` on a terminal and `json` elsewhere. Default: auto."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *args: PydanticBaseSettingsSource,
        **kwargs: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """`load` has merged the sources already, so that an error can say where a value is from."""
        return (init_settings,)

    @field_validator("log_level", "log_format", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value

    @field_validator("database_url", "listen_url")
    @classmethod
    def _check_scheme(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            scheme = value.get_secret_value().partition(":")[0].partition("+")[0]
            if scheme not in ("sqlite", "postgres", "postgresql"):
                raise ValueError("must begin with sqlite:/// or postgresql://")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.database_url and self._db_parts:
            given = ", ".join(map(variable, self._db_parts))
            raise ValueError(f"{PREFIX}DATABASE_URL and its parts ({given}) are both set; set one of them")
        if self.workers > 1 and self._url().startswith("sqlite"):
            raise ValueError(f"{PREFIX}WORKERS is {self.workers}, but SQLite's file is for one process only")
        if self.db_pool_min > self.db_pool_max:
            raise ValueError(f"{PREFIX}DB_POOL_MIN is greater than {PREFIX}DB_POOL_MAX")
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(f"{PREFIX}TLS_CERT_FILE and {PREFIX}TLS_KEY_FILE need each other")
        if self.tls_client_ca_file and not self.tls_cert_file:
            raise ValueError(f"{PREFIX}TLS_CLIENT_CA_FILE needs {PREFIX}TLS_CERT_FILE")
        if not (self.insecure or is_loopback(self.host) or (self.tls_cert_file and self.tokens)):
            raise ValueError(
                f"{PREFIX}HOST is {self.host}, which others can reach: set {PREFIX}TLS_CERT_FILE, "
                f"{PREFIX}TLS_KEY_FILE and {PREFIX}TOKENS, or say --insecure ({PREFIX}INSECURE=true) "
                "behind a proxy or network policy"
            )
        return self

    def storage_options(self) -> StorageOptions:
        """Return what the storage needs to know."""
        return StorageOptions(
            url=self._url(),
            listen_url=self.listen_url.get_secret_value() if self.listen_url else None,
            pool_min=self.db_pool_min,
            pool_max=self.db_pool_max,
            pool_timeout=self.db_pool_timeout_seconds,
            connect_timeout=self.db_connect_timeout_seconds,
            statement_timeout=self.db_statement_timeout_seconds,
            pgbouncer=self.pgbouncer,
            max_tails=self.max_tails,
            max_waiting=self.max_waiting,
            janitor_interval=self.janitor_seconds,
        )

    def policy(self) -> Policy:
        """Return how long and how many things are kept."""
        return Policy(
            session_retention=timedelta(days=self.session_retention_days),
            state_versions_kept=self.state_versions_kept,
            idempotency_ttl=timedelta(seconds=self.idempotency_ttl_seconds),
            session_purge=(
                None if self.session_purge_days is None else timedelta(days=self.session_purge_days)
            ),
        )

    def describe(self) -> dict[str, str]:
        """Return the settings by name, as they may be shown: no password, no token."""
        shown = {name: str(value) for name, value in self if value is not None and name not in DB_PARTS}
        shown["database_url"] = mask_password(self._url())
        if self.listen_url:
            shown["listen_url"] = mask_password(self.listen_url.get_secret_value())
        shown["tokens"] = str(len(self.tokens))
        return shown

    @property
    def _db_parts(self) -> list[str]:
        return [name for name in DB_PARTS if getattr(self, name)]

    def _url(self) -> str:
        if self.database_url:
            return self.database_url.get_secret_value()
        if not self._db_parts:
            return DEFAULT_DATABASE_URL
        return join_database_url(
            host=self.db_host or "localhost",
            port=self.db_port or 5432,
            user=self.db_user or "postgres",
            password=self.db_password.get_secret_value() if self.db_password else "",
            name=self.db_name or "holdfast",
        )


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.upper()

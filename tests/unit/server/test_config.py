"""Where settings come from, and what is refused."""

from __future__ import annotations

import ast
import inspect
import os
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from holdfastdb_server.config.addresses import is_loopback
from holdfastdb_server.config.database_url import mask_password
from holdfastdb_server.config.loading import SettingsRefused, load
from holdfastdb_server.config.settings import Settings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own settings do not reach the tests."""
    for name in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets variables by their names without the prefix."""

    def set_all(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(f"HOLDFAST_{name}", value)

    return set_all


@pytest.fixture
def file(tmp_path: Path, env: Any) -> Any:
    """Writes the settings file that HOLDFAST_CONFIG names."""

    def write(text: str) -> Path:
        path = tmp_path / "holdfast.yaml"
        path.write_text(text)
        env(CONFIG=str(path))
        return path

    return write


def test_the_defaults_are_a_file_and_loopback() -> None:
    settings = load()
    assert (settings.host, settings.port) == ("127.0.0.1", 7420)
    assert settings.storage_options().url == "sqlite:///holdfast.db"
    assert settings.policy().session_retention == timedelta(days=7)
    assert settings.policy().state_versions_kept == 100


def test_the_janitor_works_every_minute_and_purges_nothing_unless_told_otherwise(env: Any) -> None:
    settings = load()
    assert settings.storage_options().janitor_interval == 60
    assert settings.policy().session_purge is None
    env(JANITOR_SECONDS="0", SESSION_PURGE_DAYS="0.5", IDEMPOTENCY_TTL_SECONDS="10")
    settings = load()
    assert settings.storage_options().janitor_interval == 0
    assert settings.policy().session_purge == timedelta(hours=12)
    assert settings.policy().idempotency_ttl == timedelta(seconds=10)


def test_the_command_line_beats_the_environment_which_beats_the_file(env: Any, file: Any) -> None:
    file("{port: 1, max_tails: 1, drain_seconds: 1}")
    env(PORT="2", MAX_TAILS="2")
    settings = load(port=3, max_tails=None)
    assert (settings.port, settings.max_tails, settings.drain_seconds) == (3, 2, 1.0)


def test_an_empty_variable_says_nothing(env: Any) -> None:
    env(PORT="")
    assert load().port == 7420


def test_a_profile_comes_over_the_rest_of_its_file(env: Any, file: Any) -> None:
    file("port: 1\nmax_tails: 5\nprofiles:\n  dev: {port: 2}\n  empty:\n")
    assert load().port == 1
    env(PROFILE="dev")
    assert (load().port, load().max_tails) == (2, 5)
    assert load(profile="empty").port == 1


def test_a_file_may_be_empty(file: Any) -> None:
    file("")
    assert load().port == 7420


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prot: 1", "prot in {path}: no such setting; did you mean port?"),
        ("port: many", "port in {path}: input should be a valid integer"),
        ("- 1", "the settings file {path} must hold settings by their names"),
        ("profiles: [dev]", "`profiles` in {path} must hold settings by their names"),
        ("port: [", "the settings file {path} is not valid YAML"),
        ("db_password: 'secret", "the settings file {path} is not valid YAML"),
    ],
)
def test_a_bad_file_is_refused_with_what_is_wrong(file: Any, text: str, problem: str) -> None:
    path = file(text)
    assert problem.format(path=path) in _refusal()
    assert "secret" not in _refusal()


def test_a_file_that_is_not_there_is_refused(env: Any) -> None:
    env(CONFIG="/no/such/file.yaml")
    assert "/no/such/file.yaml cannot be read" in _refusal()


def test_an_unknown_profile_is_refused_with_those_there_are(env: Any, file: Any) -> None:
    file("profiles: {dev: {}, prod: {}}")
    env(PROFILE="stage")
    assert "no profile 'stage'; it has: dev, prod" in _refusal()


def test_a_profile_needs_a_file(env: Any) -> None:
    env(PROFILE="dev")
    assert "profile 'dev' needs a settings file" in _refusal()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("DRAIN_SECONDS", "-1"),
        ("SESSION_RETENTION_DAYS", "0"),
        ("STATE_VERSIONS_KEPT", "0"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_URL", "mysql://somewhere"),
        ("TOKENS", '[{"token": "hush'),
        ("TOKENS", '[{"token": ""}]'),
        ("TOKENS", '[{"token": "hush", "namespace": "a"}]'),
        ("DB_POOL_MIN", "30"),
        ("TLS_KEY_FILE", "/key.pem"),
        ("TLS_CLIENT_CA_FILE", "/ca.pem"),
    ],
)
def test_a_bad_variable_is_refused_by_its_name(env: Any, name: str, value: str) -> None:
    env(**{name: value})
    assert f"HOLDFAST_{name}" in _refusal()
    assert "hush" not in _refusal()


def test_a_bad_option_is_refused_by_its_name() -> None:
    assert _refusal(drain_seconds=-1).startswith("--drain-seconds: ")


def test_all_bad_settings_are_named_at_once(env: Any) -> None:
    env(PORT="x", MAX_TAILS="x")
    assert "HOLDFAST_PORT" in _refusal()
    assert "HOLDFAST_MAX_TAILS" in _refusal()


def test_a_database_may_come_in_parts_of_any_characters(env: Any) -> None:
    env(DB_HOST="db.example.com", DB_USER="us:er", DB_PASSWORD="p@ss:w/o?r#d%", DB_NAME="my db")
    url = load().storage_options().url
    assert url == "postgresql://us%3Aer:p%40ss%3Aw%2Fo%3Fr%23d%25@db.example.com:5432/my%20db"


def test_missing_parts_have_defaults(env: Any) -> None:
    env(DB_PASSWORD="pw")
    assert load().storage_options().url == "postgresql://postgres:pw@localhost:5432/holdfast"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("::1", "postgresql://postgres@[::1]:5432/holdfast"),
        ("/run/pg", "postgresql://postgres@/holdfast?host=%2Frun%2Fpg&port=5432"),
    ],
)
def test_a_host_may_be_an_address_or_a_socket(env: Any, host: str, url: str) -> None:
    env(DB_HOST=host)
    assert load().storage_options().url == url


def test_a_url_and_parts_in_one_place_contradict_each_other(env: Any) -> None:
    env(DATABASE_URL="postgresql://h/d", DB_HOST="other")
    assert "HOLDFAST_DATABASE_URL and its parts (HOLDFAST_DB_HOST) are both set" in _refusal()


def test_a_url_from_a_stronger_place_beats_the_parts_and_the_other_way_round(env: Any, file: Any) -> None:
    file("database_url: sqlite:///from-file.db")
    env(DB_HOST="from-env")
    assert load().storage_options().url == "postgresql://postgres@from-env:5432/holdfast"
    assert load(database_url="sqlite:///said.db").storage_options().url == "sqlite:///said.db"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", ""])
def test_beyond_loopback_needs_tls_and_tokens_or_a_word(host: str) -> None:
    token = [{"token": "t"}]
    files: dict[str, Any] = {"tls_cert_file": "c.pem", "tls_key_file": "k.pem"}
    for missing in ({}, {"tokens": token}, files):
        assert "--insecure" in _refusal(host=host, **missing)
    assert load(host=host, tokens=token, **files).host == host
    assert load(host=host, insecure=True).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_needs_nothing(host: str) -> None:
    assert is_loopback(host)
    assert load(host=host).host == host


def test_tokens_are_for_all_namespaces_unless_they_say_otherwise(env: Any) -> None:
    env(TOKENS='[{"token": "one"}, {"token": "two", "namespaces": ["a"]}]')
    tokens = load().tokens
    assert [token.namespaces for token in tokens] == [["*"], ["a"]]
    assert tokens[1].token.get_secret_value() == "two"


def test_secrets_are_never_shown(env: Any) -> None:
    env(TOKENS='[{"token": "hush"}]', LISTEN_URL="postgresql://u:hush@h/d", DB_PASSWORD="hush")
    settings = load()
    assert "hush" not in f"{settings!r} {settings} {settings.describe()}"
    assert settings.describe()["database_url"] == "postgresql://postgres:***@localhost:5432/holdfast"
    assert settings.describe()["tokens"] == "1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:pw@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u:p@w/x@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u@h/d?sslmode=require&password=pw", "postgresql://u@h/d?sslmode=require&password=***"),
        ("sqlite:////var/lib/holdfast.db", "sqlite:////var/lib/holdfast.db"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert mask_password(url) == shown


def test_each_setting_says_what_it_is_and_its_default() -> None:
    [settings] = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(settings, ast.ClassDef)
    documented = {
        field.target.id
        for field, text in pairwise(settings.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
    assert documented == set(Settings.model_fields)


def _refusal(**said: object) -> str:
    with pytest.raises(SettingsRefused) as refusal:
        load(**said)  # type: ignore[arg-type]
    return str(refusal.value)

"""Logs on stderr."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest

from holdfastdb_server.observability.logs import configure_logs
from holdfastdb_server.rpc.context import Call, current_call

pytestmark = pytest.mark.usefixtures("logs_as_before")


def test_json_has_the_details_and_the_id_of_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    token = current_call.set(Call(known_request_id="abc-1"))
    logging.getLogger("holdfast.rpc").info("call", extra={"ms": 3})
    logging.getLogger("holdfast.storage").warning("tried %s times", 2, extra={"problem": object})
    current_call.reset(token)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert (first["event"], first["ms"], first["request_id"]) == ("call", 3, "abc-1")
    assert (first["level"], first["logger"]) == ("info", "holdfast.rpc")
    assert (second["event"], second["problem"]) == ("tried 2 times", "<class 'object'>")
    assert first["timestamp"].startswith(datetime.now(UTC).strftime("%Y-%m-"))


def test_an_exception_has_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    logging.getLogger("holdfast.rpc").error("bug", exc_info=ValueError("because"))
    assert "ValueError: because" in json.loads(capsys.readouterr().err)["exception"]
    configure_logs("info", "console")
    logging.getLogger("holdfast.rpc").error("bug", exc_info=ValueError("because"))
    assert "[error] bug [holdfast.rpc]\nValueError: because\n" in capsys.readouterr().err


def test_a_detail_of_many_words_is_quoted_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console")
    logging.getLogger("holdfast.app").info("failed", extra={"tries": 2, "problem": "two words\nand a line"})
    shown = capsys.readouterr().err
    assert "[info] failed tries=2 problem='two words\\nand a line' [holdfast.app]\n" in shown


def test_what_is_below_the_level_and_libraries_talk_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "console")
    logging.getLogger("holdfast.rpc").debug("quiet")
    logging.getLogger("aiosqlite").info("chatter")
    logging.getLogger("holdfast.app").info("serving", extra={"address": "here"})
    shown = capsys.readouterr().err
    assert "serving" in shown
    assert "address=here" in shown
    assert "quiet" not in shown
    assert "chatter" not in shown

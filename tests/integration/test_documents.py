"""Documents through the client, and on the command line, with a real server."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest

import holdfastdb
from holdfastdb import DocumentDraft, Json
from tests.support.command_line import CommandLine

INSTALLATIONS, REPOSITORIES = "github/installations", "github/repositories"


async def test_a_bot_registers_repositories_under_their_installation(client: holdfastdb.AsyncClient) -> None:
    with pytest.raises(holdfastdb.FailedPrecondition) as refused:
        await client.documents.put(REPOSITORIES, "acme/site", {}, parent=(INSTALLATIONS, "7"))
    assert refused.value.reason == holdfastdb.Reason.PARENT_NOT_FOUND
    webhooks = [
        client.documents.get_or_create(
            REPOSITORIES,
            "acme/site",
            {"active": True, "stars": 2**60},
            parent=(INSTALLATIONS, "7"),
            missing_parent=DocumentDraft({"account": "acme"}),
        )
        for _ in range(16)
    ]
    done = await asyncio.gather(*webhooks)
    assert sum(is_new for _, is_new in done) == 1
    repository = done[0][0]
    scanned = await client.documents.put(
        REPOSITORIES,
        "acme/site",
        {"active": False, "stars": 3},
        parent=repository.parent,
        expected_version=repository.version,
    )
    with pytest.raises(holdfastdb.VersionMismatch):
        await client.documents.put(REPOSITORIES, "acme/site", {}, expected_version=repository.version)
    found = client.documents.list(REPOSITORIES, content={"/active": False, "/stars": {"$lt": 4}})
    assert [document async for document in found] == [scanned]
    assert [path async for path in client.documents.collections("github")] == [
        INSTALLATIONS,
        REPOSITORIES,
    ]
    with pytest.raises(holdfastdb.FailedPrecondition):
        await client.documents.delete(INSTALLATIONS, "7")
    assert await client.documents.delete(INSTALLATIONS, "7", with_children=True) == 2


async def test_content_keeps_its_text_and_is_found(client: holdfastdb.AsyncClient) -> None:
    text = '{"z": 1.50, "a": 12345678901234567890, "nul": "\\u0000", "words": "Dunkles Thema"}'
    put = await client.documents.put("users/ada", "settings", Json(text), ttl=timedelta(hours=1))
    got = await client.documents.get("users/ada", "settings", refresh_ttl=True)
    assert got.json_text == put.json_text == text
    (match,) = (await client.documents.search("thema", collection_prefix="users").page()).items
    assert (match.document.json_text, match.score) == (text, 1.0)
    exact = client.documents.list(content={"/a": 12345678901234567890, "/nul": "\0"})
    assert [document.document_id async for document in exact] == ["settings"]


async def test_pages_of_documents_and_collections(client: holdfastdb.AsyncClient) -> None:
    for collection in ("a", "a/b", "b"):
        await client.documents.sync(collection, {f"{n:02}": {"n": n, "w": "word"} for n in range(7)})
    listed = client.documents.list(collection_prefix="a", page_size=5, include_total_size=True)
    assert (await listed.page()).total_size == 14
    assert [document.key async for document in listed][6:8] == [("a", "06"), ("a/b", "00")]
    searched = client.documents.search("wo", "b", page_size=3)
    assert [match.document.document_id async for match in searched] == [f"{6 - n:02}" for n in range(7)]
    page = await client.documents.collections(max_depth=1, page_size=1).page()
    assert (page.items, bool(page.next_page_token)) == (("a",), True)
    with pytest.raises(holdfastdb.InvalidArgument) as bad:
        await client.documents.list("a", page_token=page.next_page_token).page()
    assert bad.value.reason == holdfastdb.Reason.INVALID_PAGE_TOKEN


@pytest.mark.parametrize("engine", ["sqlite"])
async def test_a_directory_is_synced_and_looked_at(holdfast_command: CommandLine, tmp_path: Path) -> None:
    run = holdfast_command
    directory = tmp_path / "agents"
    directory.mkdir()
    (directory / "planner.json").write_text('{"model": 1.50}')
    (directory / "coder.yaml").write_text("model: large\ntools: [search]\n")
    done = await run("sync", str(directory))
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()[1:3]] == [
        ["coder", "created"],
        ["planner", "created"],
    ]
    assert "collection agents: 2 created." in done.err

    (directory / "planner.json").write_text('{"model": 2}')
    (directory / "coder.yaml").rename(directory / "writer.yml")
    first = json.loads((await run("sync", str(directory), "--json")).out)
    assert first["created_ids"] == ["writer"]
    assert (first["updated_ids"], first["deleted_ids"]) == (["planner"], [])
    pruned = await run("sync", str(directory), "--prune")
    assert "2 unchanged, 1 deleted." in pruned.err

    for name, text in (("bad.json", "{"), ("date.yaml", "at: 2026-01-01"), ("writer.json", "1")):
        (directory / name).write_text(text)
    broken = await run("sync", str(directory), "--prune")
    assert (broken.code, broken.out) == (1, "")
    assert all(name in broken.err for name in ("bad.json", "date.yaml", "writer.yml"))

    assert (await run("documents")).out.splitlines()[0] == "agents"
    assert json.loads((await run("documents", "--json")).out) == {"collection": "agents"}
    table = (await run("documents", "agents")).out
    assert [line.split()[:2] for line in table.splitlines()[1:3]] == [["planner", "2"], ["writer", "1"]]
    shown = (await run("documents", "agents", "planner")).out
    assert '{"model": 2}' in shown
    found = await run("documents", "agents", "--query", "sear", "--json")
    assert json.loads(found.out)["document"]["content"]["json"] == '{"model":"large","tools":["search"]}'
    missing = await run("documents", "agents", "nobody")
    assert (missing.code, "DOCUMENT_NOT_FOUND" in missing.err) == (1, True)
    assert (await run("documents", "--query", "x")).code == 2

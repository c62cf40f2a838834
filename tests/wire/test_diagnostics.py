"""Diagnostics over stdio from a real server with the real reviewer: pushed, pulled, in parts, as typed and saved."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from lsprotocol import types

from tests.wire.conftest import INLINE, wait_for

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.wire.conftest import Session

    Start = Callable[..., Awaitable[Session]]

PYTHON = "import os\n\n\ndef collect(item, into=[]):\n    into.append(item)\n    return into\n"
JAVASCRIPT = 'function run() {\n  return 1\n  console.log("never")\n}\n'
AT_ONCE = {"review": {"delayMs": 0}}


def build_pull_options(name: str = "", **workspace: Any) -> dict[str, Any]:
    """Return the parameters of `initialize` of a client, called `name`, that pulls diagnostics."""
    capabilities = types.ClientCapabilities(
        text_document=types.TextDocumentClientCapabilities(
            inline_completion=INLINE.inline_completion, diagnostic=types.DiagnosticClientCapabilities()
        ),
        workspace=types.WorkspaceClientCapabilities(workspace_folders=True, **workspace),
    )
    return {"capabilities": capabilities, "client_info": types.ClientInfo(name or "editor")}


async def pull(session: Session, uri: str, previous: str | None = None) -> Any:
    """Request the diagnostics of a document and return the report."""
    params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri), previous_result_id=previous)
    return await wait_for(session.client.text_document_diagnostic_async(params))


async def wait_for_diagnostics(session: Session, uri: str, wanted: set[str]) -> list[types.Diagnostic]:
    """Wait until the diagnostics of the document are exactly of the `wanted` rules, and return them."""
    async with asyncio.timeout(60):
        while {str(item.code) for item in session.client.diagnostics.get(uri) or ()} != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return list(session.client.diagnostics[uri])


def save(session: Session, uri: str) -> None:
    session.client.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri)))


async def test_exchanged_arguments_are_found_by_the_signature_in_another_file(start: Start) -> None:
    session = await start()
    session.write("drawing.py", "def draw(width, height):\n    return width * height\n")
    text = "from drawing import draw\n\n\ndef show(width, height):\n    return draw(height, width)\n"
    path = session.write("main.py", text)
    await session.initialize(initialization_options=AT_ONCE)
    await session.wait_for_index(2)
    uri = session.open(path.as_uri(), text)
    (item,) = await wait_for_diagnostics(session, uri, {"argument-order"})
    assert (item.range.start, item.range.end) == (types.Position(4, 16), types.Position(4, 29))


async def test_findings_are_pushed_when_a_file_is_opened_changed_saved_and_closed(start: Start) -> None:
    session = await start()
    await session.initialize(initialization_options={"review": {"delayMs": 10_000}})
    uri = session.open(session.write("app.py", PYTHON).as_uri(), PYTHON)
    items = await wait_for_diagnostics(session, uri, {"F401", "mutable-default"})
    (default,) = [item for item in items if item.code == "mutable-default"]
    assert (default.range.start, default.range.end) == (types.Position(3, 23), types.Position(3, 25))
    assert default.source == "Starling"
    assert default.code_description is not None
    assert default.code_description.href.startswith("file://")
    assert default.code_description.href.endswith("RULES.md#mutable-default")
    session.change(uri, 2, 0, 9, "  # noqa: F401")
    save(session, uri)
    await wait_for_diagnostics(session, uri, {"mutable-default"})
    session.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))
    await wait_for_diagnostics(session, uri, set())


async def test_a_client_that_pulls_is_answered_and_sent_nothing(start: Start) -> None:
    session = await start()
    result = await session.initialize(initialization_options=AT_ONCE, **build_pull_options())
    assert result.capabilities.diagnostic_provider is not None
    uri = session.open("untitled:run.js", JAVASCRIPT, language="javascript")
    report = await pull(session, uri)
    assert [item.code for item in report.items] == ["unreachable-code"]
    assert list(report.items[0].tags) == [types.DiagnosticTag.Unnecessary]
    again = await pull(session, uri, report.result_id)
    assert (again.kind, again.result_id) == ("unchanged", report.result_id)
    assert session.client.diagnostics.get(uri) is None


async def test_the_page_that_explains_a_rule_is_shipped_and_has_its_heading(start: Start) -> None:
    session = await start()
    await session.initialize(**build_pull_options())
    uri = session.open("untitled:run.js", JAVASCRIPT, language="javascript")
    (item,) = (await pull(session, uri)).items
    page, _, anchor = item.code_description.href.partition("#")
    text = await asyncio.to_thread(_read_uri, page)
    assert f"\n## {anchor}\n" in text


def _read_uri(uri: str) -> str:
    from pygls.uris import to_fs_path  # noqa: PLC0415

    with open(to_fs_path(uri) or "", encoding="utf-8") as file:  # noqa: PTH123
        return file.read()


async def test_files_that_are_not_open_are_reported_to_a_client_that_pulls_the_workspace(start: Start) -> None:
    session = await start()
    session.write("pack/app.py", PYTHON)
    session.write("run.js", JAVASCRIPT)
    session.write("node_modules/far.js", JAVASCRIPT)
    await session.initialize(**build_pull_options())
    whole = await wait_for(session.client.workspace_diagnostic_async(types.WorkspaceDiagnosticParams([])))
    found = {item.uri.rpartition("/workspace/")[2]: [one.code for one in item.items] for item in whole.items}
    assert found["run.js"] == ["unreachable-code"]
    assert set(found["pack/app.py"]) == {"F401", "mutable-default"}
    assert "node_modules/far.js" not in found


@pytest.mark.parametrize(
    "text", ["def f(:\n    x = (\n", "\x00\x01\ud800 = '\udcff'\n", "(" * 20_000, "x = 1\r\r\n" * 3]
)
async def test_half_typed_and_odd_texts_are_answered(start: Start, text: str) -> None:
    session = await start()
    await session.initialize(initialization_options=AT_ONCE, **build_pull_options())
    uri = session.open("untitled:odd.py", text)
    assert (await pull(session, uri)).kind == "full"
    assert (await session.execute("starling.health"))["status"] != "degraded"


async def test_typing_in_bursts_leaves_the_findings_of_the_last_text(start: Start) -> None:
    session = await start()
    await session.initialize(initialization_options={"review": {"delayMs": 20}})
    uri = session.open("untitled:a.py", "")
    for version, character in enumerate('print(f"x")', 2):
        session.change(uri, version, 0, version - 2, character)
        await asyncio.sleep(0.01)
    (item,) = await wait_for_diagnostics(session, uri, {"F541"})
    assert item.range.start == types.Position(0, 6)

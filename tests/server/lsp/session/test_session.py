"""The effects of notifications on a session: documents, folders, files on disk, settings, progress."""

from __future__ import annotations

import logging
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from indexing.records import IndexProgress
from indexing.syntax.syntax import Syntax
from models.catalog.catalog import BUNDLED, DEFAULT_MODEL, read_entry
from models.errors import ModelError
from models.local.lazy_model import LazyModel
from models.scripted.scripted_completion import ScriptedModel
from server.lsp.session.services import Services
from server.lsp.session.snapshot import Snapshot
from server.version import VERSION
from tests.server.editor import URI

if TYPE_CHECKING:
    from tests.server.editor import Editor

ENTRY = read_entry(BUNDLED / DEFAULT_MODEL / "catalog.toml")
PUBLISH = "textDocument/publishDiagnostics"
CELL = "vscode-notebook-cell:/home/me/n.ipynb#1"
NOTEBOOK = {"uri": "file:///home/me/n.ipynb", "notebookType": "jupyter-notebook", "version": 1, "cells": []}


def make_cell(text: str, uri: str = CELL) -> dict[str, Any]:
    return {"uri": uri, "languageId": "python", "version": 1, "text": text}


def send_notebook_change(editor: Editor, cells: dict[str, Any]) -> None:
    document = {"uri": NOTEBOOK["uri"], "version": 2}
    editor.notify("notebookDocument/didChange", {"notebookDocument": document, "change": {"cells": cells}})


def list_warnings(editor: Editor) -> list[str]:
    return [m["params"]["message"] for m in editor.sent if m.get("method") == "window/showMessage"]


async def test_the_index_searches_documents_as_they_stand_in_the_editor(editor: Editor) -> None:
    await editor.begin()
    editor.open("one")
    editor.type("!", 0, 3, version=2)
    assert (editor.index.documents[URI].text, editor.index.documents[URI].version) == ("one!", 2)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert editor.index.documents == {}


async def test_documents_opened_before_the_core_was_there_reach_it_when_it_is(editor: Editor) -> None:
    editor.may_build.clear()
    await editor.begin(ready=False)
    editor.open("early")
    assert editor.index.documents == {}
    editor.may_build.set()
    await editor.server.session.cores.wait(20)
    assert editor.index.documents[URI].text == "early"


async def test_a_document_is_prepared_when_it_is_opened_and_not_at_each_key(editor: Editor) -> None:
    await editor.begin()
    editor.open("one")
    await editor.until(lambda: editor.generator.prepared == [(URI, 1)])
    editor.type("!", 0, 3, version=2)
    await editor.answer(editor.complete(0, 4))
    assert editor.generator.prepared == [(URI, 1)]


async def test_review_and_code_actions_share_one_tree_which_goes_with_the_document(
    editor: Editor, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    real = Syntax.of
    monkeypatch.setattr(Syntax, "of", lambda document, *before: parsed.append(document.text) or real(document, *before))
    await editor.begin()
    editor.open("def area(r):\n    pass\n")
    await editor.until(lambda: editor.server.session.reviews.get_newest(URI) is not None)
    core = editor.server.session.cores.current
    assert core is not None
    place = {"line": 1, "character": 8}
    params = {"textDocument": {"uri": URI}, "range": {"start": place, "end": place}, "context": {"diagnostics": []}}
    await editor.answer(editor.ask("textDocument/codeAction", params))
    document = editor.index.documents[URI]
    assert parsed == [document.text]
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    await editor.until(lambda: not core.trees.is_cached(document))
    assert ("forget", URI) in editor.generator.events


async def test_a_snapshot_keeps_the_values_of_its_moment_and_holds_no_service(editor: Editor) -> None:
    await editor.begin()
    editor.open("one")
    session = editor.server.session
    snapshot = session.take_snapshot(URI)
    editor.type("!", 0, 3, version=2)
    assert snapshot.document is not None
    assert (snapshot.document.text, snapshot.encoding) == ("one", session.client.encoding)
    live = {id(getattr(session.services, one.name)) for one in fields(Services)}
    assert live.isdisjoint(id(getattr(snapshot, one.name)) for one in fields(Snapshot))


async def test_a_change_of_a_document_that_is_not_open_is_ignored(editor: Editor) -> None:
    await editor.begin()
    editor.type("!", 0, 3, version=2)
    assert (editor.index.documents, editor.server.session.guard.failures) == ({}, {})


async def test_cells_of_a_notebook_are_documents_without_a_file(editor: Editor) -> None:
    await editor.begin()
    editor.notify(
        "notebookDocument/didOpen", {"notebookDocument": NOTEBOOK, "cellTextDocuments": [make_cell("import os")]}
    )
    document = editor.index.documents[CELL]
    assert (document.text, document.path, document.language) == ("import os", None, "python")
    assert len(await editor.items(editor.complete(0, 9, uri=CELL))) == 1


async def test_cells_are_opened_changed_and_closed(editor: Editor) -> None:
    await editor.begin()
    editor.notify("notebookDocument/didOpen", {"notebookDocument": NOTEBOOK, "cellTextDocuments": [make_cell("a")]})
    place = {"line": 0, "character": 1}
    edit = {"range": {"start": place, "end": place}, "text": "b"}
    send_notebook_change(editor, {"textContent": [{"document": {"uri": CELL, "version": 2}, "changes": [edit]}]})
    assert editor.index.documents[CELL].text == "ab"
    array = {"start": 0, "deleteCount": 1, "cells": []}
    structure = {"array": array, "didOpen": [make_cell("c", CELL + "2")], "didClose": [{"uri": CELL}]}
    send_notebook_change(editor, {"structure": structure})
    assert list(editor.index.documents) == [CELL + "2"]
    editor.notify(
        "notebookDocument/didClose",
        {"notebookDocument": {"uri": NOTEBOOK["uri"]}, "cellTextDocuments": [{"uri": CELL + "2"}]},
    )
    assert editor.index.documents == {}


async def test_local_folders_come_from_initialize(editor: Editor) -> None:
    folders = [
        {"uri": "file:///a", "name": "a"},
        {"uri": "file:///b", "name": "b"},
        {"uri": "vscode-remote://c", "name": "c"},
    ]
    await editor.begin(workspaceFolders=folders, rootUri="file:///a")
    assert editor.server.session.roots == (Path("/a"), Path("/b"))


@pytest.mark.parametrize(("params", "root"), [({"rootUri": "file:///a"}, Path("/a")), ({"rootPath": "/b"}, Path("/b"))])
async def test_older_clients_name_one_folder(editor: Editor, params: dict[str, str], root: Path) -> None:
    await editor.begin(**params)
    assert editor.server.session.roots == (root,)


async def test_folders_are_added_and_removed_while_running(editor: Editor) -> None:
    await editor.begin(workspaceFolders=[{"uri": "file:///a", "name": "a"}])
    event = {"added": [{"uri": "file:///b", "name": "b"}], "removed": [{"uri": "file:///a", "name": "a"}]}
    editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert editor.server.session.roots == (Path("/b"),)
    await editor.until(lambda: editor.index.roots == (Path("/b"),))


async def test_files_that_change_on_disk_are_read_again(editor: Editor) -> None:
    await editor.begin()
    changes = [{"uri": "file:///a/x.py", "type": 2}, {"uri": "untitled:1", "type": 1}]
    editor.notify("workspace/didChangeWatchedFiles", {"changes": changes})
    editor.notify("textDocument/didSave", {"textDocument": {"uri": "file:///a/y.py"}})
    await editor.until(lambda: sorted(editor.index.touched) == [Path("/a/x.py"), Path("/a/y.py")])


async def test_a_client_that_can_watch_files_is_asked_to(editor: Editor) -> None:
    able = {"workspace": {"didChangeWatchedFiles": {"dynamicRegistration": True}}}
    await editor.begin(able)
    asked = await editor.message(lambda message: message.get("method") == "client/registerCapability")
    (registration,) = asked["params"]["registrations"]
    assert registration["method"] == "workspace/didChangeWatchedFiles"
    assert registration["registerOptions"]["watchers"] == [{"globPattern": "**/*"}]


async def test_a_wrong_setting_is_named_once_and_the_default_used(editor: Editor) -> None:
    await editor.begin(initializationOptions={"completion": {"alternatives": 99}})
    editor.notify("workspace/didChangeConfiguration", {"settings": {"starling": {"completion": {"enabled": False}}}})
    await editor.wait_for_builds(2)
    (message,) = list_warnings(editor)
    assert "completion.alternatives" in message
    assert "1 to 10" in message
    core = editor.server.session.cores.current
    assert core is not None
    assert core.settings.completion.alternatives == 3


async def test_a_change_of_settings_applies_at_once(editor: Editor) -> None:
    await editor.begin()
    editor.open("x")
    assert len(await editor.items(editor.complete(0, 1))) == 1
    editor.notify("workspace/didChangeConfiguration", {"settings": {"starling": {"completion": {"enabled": False}}}})
    await editor.wait_for_builds(2)
    assert await editor.items(editor.complete(0, 1)) == []
    assert editor.index.started == 1


async def test_a_client_that_can_be_asked_is_asked_for_its_settings(editor: Editor) -> None:
    editor.answers["workspace/configuration"] = [{"completion": {"alternatives": 5}}]
    options = {"completion": {"alternatives": 2, "maxTokens": 9}}
    await editor.begin({"workspace": {"configuration": True}}, initializationOptions=options)
    assert editor.built == [((), {"completion": {"alternatives": 5, "maxTokens": 9}})]


async def test_a_client_that_answers_null_keeps_its_options(editor: Editor) -> None:
    editor.answers["workspace/configuration"] = [None]
    await editor.begin({"workspace": {"configuration": True}}, initializationOptions={"completion": {"maxTokens": 9}})
    assert editor.built == [((), {"completion": {"maxTokens": 9}})]


async def test_a_workspaces_settings_file_that_changes_is_read_again(editor: Editor) -> None:
    await editor.begin()
    editor.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": "file:///a/.starling.toml", "type": 2}]})
    await editor.wait_for_builds(2)


async def test_indexing_is_shown_as_progress_to_clients_that_show_it(editor: Editor) -> None:
    await editor.begin({"window": {"workDoneProgress": True}})
    assert editor.index.report is not None
    editor.index.report(IndexProgress(1, 4))
    begin = await editor.message(lambda message: message.get("method") == "$/progress")
    editor.index.report(IndexProgress(3, 4))
    report = await editor.message(
        lambda m: m.get("method") == "$/progress" and m["params"]["value"].get("percentage") == 75
    )
    editor.index.report(IndexProgress(4, 4, finished=True))
    end = await editor.message(lambda m: m.get("method") == "$/progress" and m["params"]["value"]["kind"] == "end")
    assert begin["params"]["value"]["title"] == "Indexing"
    assert report["params"]["value"]["message"] == "3 of 4 files"
    assert begin["params"]["token"] == end["params"]["token"]


async def test_clients_that_show_no_progress_are_sent_none(editor: Editor) -> None:
    await editor.begin()
    assert editor.index.report is not None
    editor.index.report(IndexProgress(1, 4))
    editor.index.report(IndexProgress(4, 4, finished=True))
    editor.open("x")
    assert len(await editor.items(editor.complete(0, 1))) == 1
    assert {message.get("method") for message in editor.sent} <= {None, "client/registerCapability", PUBLISH}


async def wait_for_record(editor: Editor, caplog: pytest.LogCaptureFixture, event: str) -> dict[str, Any]:
    """Wait for a log record of the event `event`, and return the fields of the first."""
    await editor.until(lambda: any(record.message == event for record in caplog.records))
    return vars(next(record for record in caplog.records if record.message == event))


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return the log, with records of the server from level INFO on."""
    caplog.set_level(logging.INFO, "server")
    return caplog


async def test_the_log_tells_who_the_client_is_and_where_it_works(
    editor: Editor, log: pytest.LogCaptureFixture
) -> None:
    await editor.begin(clientInfo={"name": "ed", "version": "2.1"}, rootUri="file:///a")
    record = await wait_for_record(editor, log, "session begins")
    assert (record["client"], record["client_version"], record["encoding"]) == ("ed", "2.1", "utf-16")
    assert record["folders"] == str(Path("/a"))
    assert record["version"] == VERSION


async def test_the_log_tells_when_the_index_is_finished(editor: Editor, log: pytest.LogCaptureFixture) -> None:
    await editor.begin()
    assert editor.index.report is not None
    editor.index.report(IndexProgress(1, 3))
    editor.index.report(IndexProgress(3, 3, finished=True))
    record = await wait_for_record(editor, log, "index finished")
    assert (record["files"], record["state"]) == (3, "ready")
    assert (record["levelname"], record["seconds"] >= 0) == ("INFO", True)


async def test_only_the_first_end_of_indexing_and_that_of_long_work_are_logged_as_info(
    editor: Editor, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.set_level(logging.DEBUG, "server.lsp.session")
    await editor.begin()
    report = editor.index.report
    assert report is not None
    levels: list[str] = []
    for news_s in (3600.0, 3600.0, 0.0):
        monkeypatch.setattr("server.lsp.session.session.LONG_INDEXING_S", news_s)
        report(IndexProgress(1, 3))
        report(IndexProgress(3, 3, finished=True))
        report(IndexProgress(3, 3, finished=True))  # nothing was done for it
        ends = len(levels) + 1
        await editor.until(lambda: len(list_end_levels(log)) == ends)  # noqa: B023 (awaited before the next round)
        levels = list_end_levels(log)
    assert levels == ["INFO", "DEBUG", "INFO"]


def list_end_levels(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in log.records if record.message == "index finished"]


async def test_the_log_tells_which_folders_were_added_and_removed(
    editor: Editor, log: pytest.LogCaptureFixture
) -> None:
    await editor.begin(workspaceFolders=[{"uri": "file:///a", "name": "a"}])
    event = {"added": [{"uri": "file:///b", "name": "b"}], "removed": []}
    editor.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    assert (await wait_for_record(editor, log, "folders changed"))["folders"] == f"{Path('/a')}, {Path('/b')}"


async def test_the_log_tells_which_settings_changed_and_not_to_what(
    editor: Editor, log: pytest.LogCaptureFixture
) -> None:
    await editor.begin()
    changed = {"completion": {"enabled": False}, "model": {"name": "mine"}}
    editor.notify("workspace/didChangeConfiguration", {"settings": {"starling": changed}})
    record = await wait_for_record(editor, log, "settings changed")
    assert record["changed"] == "completion.enabled, model.name"


async def test_the_log_tells_how_the_session_ended(editor: Editor, log: pytest.LogCaptureFixture) -> None:
    await editor.begin()
    editor.open("x")
    await editor.answer(editor.complete(0, 1))
    await editor.end()
    await editor.end()
    record = await wait_for_record(editor, log, "session ends")
    assert (record["requests"], record["failures"]) == (1, 0)
    assert [one.message for one in log.records].count("session ends") == 1


async def test_the_log_tells_which_model_was_loaded(editor: Editor, log: pytest.LogCaptureFixture) -> None:
    editor.model = LazyModel(ENTRY, lambda: PlacedModel({}))
    await editor.begin()
    editor.open("x")
    record = await wait_for_record(editor, log, "model loaded")
    # the name that the loaded model gives itself: of a server elsewhere only it knows
    assert (record["model"], record["device"], record["threads"]) == ("scripted", "cpu", 2)
    assert record["seconds"] >= 0


async def test_the_log_tells_why_a_model_was_not_loaded(editor: Editor, log: pytest.LogCaptureFixture) -> None:
    def fail() -> PlacedModel:
        raise ModelError("The weights are cut short.")

    editor.model = LazyModel(ENTRY, fail)
    await editor.begin()
    editor.open("x")
    record = await wait_for_record(editor, log, "model not loaded")
    assert (record["model"], record["why"]) == (ENTRY.name, "The weights are cut short.")
    assert list_warnings(editor) == ["Starling: The weights are cut short."]


class PlacedModel(ScriptedModel):
    """A model that names its device, as real ones do."""

    device = "cpu"
    threads = 2

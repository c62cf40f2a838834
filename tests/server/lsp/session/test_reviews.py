"""Diagnostics in the server: the times of reviews, their delivery, and that nothing stale is shown."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agents.edits import Edit
from agents.findings import Fix, Layer, Severity
from models.local.lazy_model import LazyModel
from models.scripted.scripted_completion import ENTRY, ScriptedModel
from server.lsp.session.reviews import StopCheck
from tests.server.editor import URI, finding

if TYPE_CHECKING:
    import pytest

    from models.chat import ChatModel
    from tests.server.editor import Editor

PULLS: dict[str, Any] = {
    "textDocument": {"inlineCompletion": {}, "diagnostic": {}},
    "workspace": {"diagnostics": {"refreshSupport": True}},
}
AT_ONCE = {"review": {"delayMs": 0}}
CHAT = cast("ChatModel", object())  # that there is one is all that counts here
LATE = {"review": {"delayMs": 10_000}}


def list_published(editor: Editor, uri: str = URI) -> list[tuple[int | None, list[str]]]:
    """Return the diagnostics that were pushed for a document: the version and the codes of each push."""
    return [
        (message["params"].get("version"), [item["code"] for item in message["params"]["diagnostics"]])
        for message in editor.sent
        if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri
    ]


def request_diagnostics(editor: Editor, previous: str | None = None, uri: str = URI) -> int:
    """Request the diagnostics of a document and return the request's id."""
    return editor.ask("textDocument/diagnostic", {"textDocument": {"uri": uri}, "previousResultId": previous})


async def pull(editor: Editor, previous: str | None = None, uri: str = URI) -> dict[str, Any]:
    """Request the diagnostics of a document and return the report."""
    return dict((await editor.answer(request_diagnostics(editor, previous, uri)))["result"])


def count_refreshes(editor: Editor) -> int:
    return sum(message.get("method") == "workspace/diagnostic/refresh" for message in editor.sent)


def save(editor: Editor, uri: str = URI) -> None:
    editor.notify("textDocument/didSave", {"textDocument": {"uri": uri}})


async def test_an_opened_document_is_reviewed_and_its_findings_sent_with_its_version(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding("bad-word")}
    await editor.begin()
    editor.open("good bad good", version=7)
    await editor.until(lambda: list_published(editor) == [(7, ["bad-word"])])


async def test_a_clean_text_is_reported_without_findings(editor: Editor) -> None:
    await editor.begin()
    editor.open("good")
    await editor.until(lambda: list_published(editor) == [(1, [])])


async def test_a_document_opened_before_the_core_is_loaded_is_reviewed_afterwards(editor: Editor) -> None:
    editor.may_build.clear()
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin(ready=False)
    editor.open("bad")
    editor.may_build.set()
    await editor.until(lambda: list_published(editor) == [(1, ["bad-word"])])


async def test_a_diagnostic_says_all_that_an_editor_shows(editor: Editor) -> None:
    fix = Fix("Take it out", (Edit(2, 5, "ok"),), safe=True)
    editor.reviewer.findings = {"bad": finding("bad-word", Severity.INFORMATION, unnecessary=True, fix=fix)}
    await editor.begin(PULLS, initializationOptions=AT_ONCE)
    editor.open("😀 bad")
    (item,) = (await pull(editor))["items"]
    assert item["codeDescription"].pop("href").startswith("file://")
    place = {"start": {"line": 0, "character": 3}, "end": {"line": 0, "character": 6}}
    assert item == {
        "range": place,
        "message": "bad-word is found.",
        "severity": 3,
        "code": "bad-word",
        "codeDescription": {},
        "source": "Starling",
        "tags": [1],
        "data": {
            "layer": "static",
            "confidence": 1.0,
            "fix": {"title": "Take it out", "safe": True, "edits": [{"range": place, "newText": "ok"}]},
        },
    }


async def test_another_tools_finding_names_the_tool_and_its_own_page(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding("F401", source="ruff", url="https://docs.astral.sh/ruff/rules/F401")}
    await editor.begin(PULLS)
    editor.open("bad")
    (item,) = (await pull(editor))["items"]
    assert item["source"] == "Starling (ruff)"
    assert item["codeDescription"] == {"href": "https://docs.astral.sh/ruff/rules/F401"}


async def test_a_client_that_pulls_is_sent_nothing(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    declared = await editor.begin(PULLS)
    editor.open("bad")
    assert [item["code"] for item in (await pull(editor))["items"]] == ["bad-word"]
    assert declared["diagnosticProvider"]["interFileDependencies"] is False
    assert list_published(editor) == []


async def test_a_client_that_does_not_pull_is_not_offered_pulling(editor: Editor) -> None:
    assert "diagnosticProvider" not in await editor.begin()
    assert (await editor.answer(request_diagnostics(editor)))["error"]["code"] == -32601


async def test_the_same_report_is_not_sent_twice_even_for_another_version(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin(PULLS, initializationOptions=AT_ONCE)
    editor.open("bad")
    first = await pull(editor)
    assert await pull(editor, first["resultId"]) == {"kind": "unchanged", "resultId": first["resultId"]}
    editor.type(" good", 0, 3, version=2)
    assert (await pull(editor, first["resultId"]))["kind"] == "unchanged"
    editor.type(" bad", 0, 0, version=3)
    assert (await pull(editor, first["resultId"]))["kind"] == "full"


async def test_a_document_that_is_not_open_has_no_diagnostics(editor: Editor) -> None:
    await editor.begin(PULLS)
    assert (await pull(editor, uri="file:///none.py"))["items"] == []


async def test_typing_is_reviewed_after_a_pause_and_only_its_last_version(editor: Editor) -> None:
    editor.reviewer.findings = {"x": finding()}
    await editor.begin(initializationOptions={"review": {"delayMs": 150}})
    editor.open("")
    await editor.until(lambda: list_published(editor) == [(1, [])])
    for version in range(2, 8):
        editor.type("x", 0, 0, version=version)
    await editor.until(lambda: len(list_published(editor)) == 2)
    assert list_published(editor)[1] == (7, ["bad-word"] * 6)
    assert [document.version for document, _ in editor.reviewer.asked] == [1, 7]


async def test_a_save_does_not_wait_for_the_pause(editor: Editor) -> None:
    editor.reviewer.findings = {"x": finding()}
    await editor.begin(initializationOptions=LATE)
    editor.open("")
    editor.type("x", 0, 0, version=2)
    save(editor)
    await editor.until(lambda: list_published(editor)[-1:] == [(2, ["bad-word"])])


async def test_a_save_of_a_reviewed_text_does_not_review_it_again(editor: Editor) -> None:
    await editor.begin(initializationOptions=AT_ONCE)
    editor.open("good")
    await editor.until(lambda: list_published(editor) == [(1, [])])
    for _ in range(3):
        save(editor)
    editor.type("!", 0, 4, version=2)
    await editor.until(lambda: len(list_published(editor)) == 2)
    assert [document.version for document, layers in editor.reviewer.asked if Layer.STATIC in layers] == [1, 2]


async def test_a_newer_text_stops_the_review_of_the_older_and_answers_its_requests(editor: Editor) -> None:
    editor.reviewer.gate = threading.Event()
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin(PULLS, initializationOptions=AT_ONCE)
    editor.open("bad")
    asked = request_diagnostics(editor)
    assert await asyncio.to_thread(editor.reviewer.begun.acquire, timeout=20)
    editor.type("good ", 0, 0, version=2)
    error = (await editor.answer(asked))["error"]
    assert (error["code"], error["data"]) == (-32802, {"retriggerRequest": False})
    await editor.until(lambda: editor.reviewer.cancelled >= 1)
    editor.reviewer.gate.set()
    (item,) = (await pull(editor))["items"]
    assert item["range"]["start"]["character"] == 5


async def test_a_closed_document_is_answered_and_its_diagnostics_go(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin()
    editor.open("bad")
    await editor.until(lambda: len(list_published(editor)) == 1)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    await editor.until(lambda: list_published(editor)[-1] == (None, []))


async def test_a_review_that_ends_after_its_document_was_closed_is_not_shown(editor: Editor) -> None:
    editor.reviewer.gate = threading.Event()
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin()
    editor.open("bad")
    assert await asyncio.to_thread(editor.reviewer.begun.acquire, timeout=20)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    editor.reviewer.gate.set()
    editor.open("good", uri="untitled:other")
    await editor.until(lambda: bool(list_published(editor, "untitled:other")))
    assert list_published(editor) == []


async def test_switching_the_review_off_clears_what_is_shown_and_on_brings_it_back(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin()
    editor.open("bad")
    await editor.until(lambda: len(list_published(editor)) == 1)
    editor.notify("workspace/didChangeConfiguration", {"settings": {"review": {"enabled": False}}})
    await editor.until(lambda: list_published(editor)[-1] == (1, []))
    editor.notify("workspace/didChangeConfiguration", {"settings": {"review": {"enabled": True}}})
    await editor.until(lambda: list_published(editor)[-1] == (1, ["bad-word"]))


async def test_a_client_that_asks_is_told_to_ask_again_when_settings_change(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin(PULLS)
    editor.open("bad")
    first = await pull(editor)
    editor.notify("workspace/didChangeConfiguration", {"settings": {"review": {"static": False}}})
    await editor.until(lambda: count_refreshes(editor) == 1)
    assert (await pull(editor, first["resultId"]))["items"] == []


async def test_what_a_model_finds_comes_later_and_is_shown_beside_the_rest(editor: Editor) -> None:
    editor.reviewer.findings = {"good": finding("odd", layer=Layer.MODEL), "bad": finding()}
    editor.chat = CHAT
    await editor.begin()
    editor.open("good bad")
    await editor.until(lambda: list_published(editor) == [(1, ["bad-word"]), (1, ["odd", "bad-word"])])
    assert [layers for _, layers in editor.reviewer.asked] == [{Layer.STATIC}, {Layer.MODEL}]


async def test_a_layer_that_the_settings_never_want_is_not_scheduled(editor: Editor) -> None:
    editor.model = LazyModel(ENTRY, ScriptedModel)
    await editor.begin(initializationOptions={"review": {"likelihood": "never"}})
    editor.open("bad")
    reviews = editor.server.session.reviews
    await editor.until(lambda: reviews.get_newest(URI) is not None)
    review = reviews.get_newest(URI)
    assert review is not None
    assert review.finished
    assert [layers for _, layers in editor.reviewer.asked] == [{Layer.STATIC}]


async def test_a_client_that_asks_is_told_once_when_a_model_found_something(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding("odd", layer=Layer.MODEL)}
    editor.chat = CHAT
    await editor.begin(PULLS)
    editor.open("bad")
    await editor.until(lambda: count_refreshes(editor) == 1)
    assert [item["code"] for item in (await pull(editor))["items"]] == ["odd"]
    save(editor)
    await pull(editor)
    assert count_refreshes(editor) == 1


async def test_excluded_files_and_the_cells_of_excluded_notebooks_are_not_reviewed(editor: Editor) -> None:
    editor.index.excluded = {Path("/w/secret.py"), Path("/w/n.ipynb")}
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin()
    editor.open("bad", uri="file:///w/secret.py")
    cell = {"uri": "vscode-notebook-cell:/w/n.ipynb#1", "languageId": "python", "version": 1, "text": "bad"}
    notebook = {"uri": "file:///w/n.ipynb", "notebookType": "jupyter-notebook", "version": 1, "cells": []}
    editor.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": [cell]})
    await editor.until(
        lambda: bool(list_published(editor, str(cell["uri"]))) and bool(list_published(editor, "file:///w/secret.py"))
    )
    assert list_published(editor, str(cell["uri"])) == [(1, [])]
    assert list_published(editor, "file:///w/secret.py") == [(1, [])]
    assert editor.reviewer.asked == []


async def test_a_text_over_the_limit_is_not_reviewed(editor: Editor) -> None:
    editor.reviewer.findings = {"bad": finding()}
    await editor.begin(initializationOptions={"review": {"maxFileBytes": 1000}})
    editor.open("bad " * 300)
    await editor.until(lambda: list_published(editor) == [(1, [])])


async def test_a_reviewer_that_fails_is_counted_and_leaves_nothing_shown(editor: Editor) -> None:
    editor.reviewer.error = ZeroDivisionError()
    await editor.begin(PULLS)
    editor.open("bad")
    assert (await pull(editor))["items"] == []
    assert editor.server.session.guard.failures["review"] == 1


def test_a_review_stands_back_while_a_completion_is_computed_but_not_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    computing = iter([True, True, True, False])
    asked: list[bool] = []
    should_stop = StopCheck(lambda: False, lambda: next(computing))
    assert (should_stop(), list(computing)) == (False, [])
    monkeypatch.setattr("server.lsp.session.reviews.MOST_PAUSED_S", 0.01)
    should_stop = StopCheck(lambda: False, lambda: asked.append(True) or True)
    assert not should_stop()
    assert 1 < len(asked) < 10


async def test_what_is_being_completed_counts_as_busy(editor: Editor) -> None:
    editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x")
    completion = editor.complete(0, 1)
    await editor.wait_for_generation()
    assert editor.server.session.completions.is_busy()
    editor.generator.gate.set()
    await editor.items(completion)
    assert not editor.server.session.completions.is_busy()


async def test_a_thousand_findings_are_shown_and_the_gravest_of_more(editor: Editor) -> None:
    editor.reviewer.findings = {"x": finding("small", Severity.HINT), "y": finding("grave", Severity.ERROR)}
    await editor.begin(PULLS)
    editor.open("x" * 1500 + "y")
    items = (await pull(editor))["items"]
    assert (len(items), items[-1]["code"]) == (1000, "grave")


async def test_who_waits_when_the_server_ends_is_answered(editor: Editor) -> None:
    editor.reviewer.gate = threading.Event()
    await editor.begin(PULLS)
    editor.open("bad")
    asked = request_diagnostics(editor)
    await editor.answer(editor.ask("shutdown", None))
    assert "error" in await editor.answer(asked)
    editor.reviewer.gate.set()


async def test_of_a_cell_nothing_is_said_that_the_other_cells_decide(editor: Editor) -> None:
    editor.reviewer.findings = {"os": finding("F401", source="ruff"), "x": finding("invalid-syntax"), "y": finding()}
    await editor.begin()
    cells = [
        {"uri": f"cell:{name}", "languageId": "python", "version": 1, "text": text}
        for name, text in (("plain", "import os, x, y"), ("magic", "%matplotlib inline\nx, y"))
    ]
    notebook = {"uri": "untitled:n", "notebookType": "jupyter-notebook", "version": 1, "cells": []}
    editor.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": cells})
    await editor.until(
        lambda: bool(list_published(editor, "cell:plain")) and bool(list_published(editor, "cell:magic"))
    )
    assert list_published(editor, "cell:plain") == [(1, ["invalid-syntax", "bad-word"])]
    assert list_published(editor, "cell:magic") == [(1, ["bad-word"])]


async def test_why_a_review_gives_less_is_told_once(editor: Editor) -> None:
    editor.reviewer.problem = "ruff failed (error), so its findings are missing."
    await editor.begin()
    editor.open("good")
    await editor.until(lambda: (1, []) in list_published(editor))
    editor.open("good too", uri="file:///w/other.py")
    await editor.until(lambda: (1, []) in list_published(editor, "file:///w/other.py"))
    told = [message["params"]["message"] for message in editor.sent if message.get("method") == "window/showMessage"]
    assert sum("ruff failed" in one for one in told) == 1

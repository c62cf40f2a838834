"""`textDocument/inlineCompletion` from message to message, with a scripted generator."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agents.suggestions import Completion, Trigger
from tests.server.editor import URI, suggestion

if TYPE_CHECKING:
    from tests.server.editor import Editor

MADE = {"id": "id0", "origin": "model", "confidence": 0.9, "model": "scripted"}
EMOJI = 's = "😀"; pri'


@pytest.mark.parametrize(("encoding", "character"), [("utf-8", 15), ("utf-16", 13), ("utf-32", 12)])
async def test_the_cursor_behind_an_emoji_is_where_the_editor_counts_it(
    editor: Editor, encoding: str, character: int
) -> None:
    general = {"general": {"positionEncodings": [encoding]}, "textDocument": {"inlineCompletion": {}}}
    declared = await editor.begin(general)
    editor.open(EMOJI)
    (item,) = await editor.items(editor.complete(0, character))
    assert declared["positionEncoding"] == encoding
    assert editor.generator.asked[0][1] == len(EMOJI)
    place = {"line": 0, "character": character}
    assert item == {
        "insertText": "suggested()",
        "range": {"start": place, "end": place},
        "command": {"title": "Accepted", "command": "starling.completion.accepted", "arguments": [MADE]},
    }


async def test_the_clients_first_known_encoding_is_taken(editor: Editor) -> None:
    declared = await editor.begin({"general": {"positionEncodings": ["utf-7", "utf-32", "utf-8"]}})
    assert declared["positionEncoding"] == "utf-32"


async def test_a_newer_request_has_the_older_one_answered_while_its_thread_still_works(editor: Editor) -> None:
    gate = editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x")
    older = editor.complete(0, 1)
    await editor.wait_for_generation()
    newer = editor.complete(0, 1)
    assert await editor.items(older) == []
    gate.set()
    assert [item["insertText"] for item in await editor.items(newer)] == ["suggested()"]


async def test_a_change_of_the_text_cancels_the_request_for_the_old_text(editor: Editor) -> None:
    gate = editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x")
    stale = editor.complete(0, 1)
    await editor.wait_for_generation()
    editor.type("y", 0, 1, version=2)
    assert await editor.items(stale) == []
    gate.set()


async def test_the_generator_is_told_to_stop_when_a_request_is_superseded(editor: Editor) -> None:
    editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x", version=7)
    request = editor.complete(0, 1)
    await editor.wait_for_generation()
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert await editor.items(request) == []
    editor.server.session.completions.close()
    pool = editor.server.session.completions._pool
    pool.shutdown(wait=True)
    assert editor.generator.cancelled[7] == 1


async def test_a_cancelled_request_is_answered_with_the_error_lsp_names(editor: Editor) -> None:
    gate = editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x")
    request = editor.complete(0, 1)
    await editor.wait_for_generation()
    editor.notify("$/cancelRequest", {"id": request})
    assert (await editor.answer(request))["error"]["code"] == -32800
    gate.set()


async def test_requests_for_two_documents_do_not_disturb_each_other(editor: Editor) -> None:
    gate = editor.generator.gate = threading.Event()
    await editor.begin()
    editor.open("x")
    editor.open("y", uri="untitled:other")
    one, other = editor.complete(0, 1), editor.complete(0, 1, uri="untitled:other")
    await editor.wait_for_generation()
    await editor.wait_for_generation()
    gate.set()
    assert len(await editor.items(one)) == len(await editor.items(other)) == 1


async def test_a_persons_request_gets_several_suggestions_and_typing_gets_one(editor: Editor) -> None:
    await editor.begin(initializationOptions={"completion": {"alternatives": 2}})
    editor.open("x")
    assert len(await editor.items(editor.complete(0, 1, invoked=True))) == 2
    assert len(await editor.items(editor.complete(0, 1))) == 1
    assert [asked[2:] for asked in editor.generator.asked] == [(Trigger.INVOKED, None, 2), (Trigger.AUTOMATIC, None, 1)]


async def test_a_language_that_is_off_is_answered_without_asking_the_generator(editor: Editor) -> None:
    editor.generator.reusable = Completion((suggestion("rest", 1, 2),))
    await editor.begin(initializationOptions={"completion": {"languagesOff": ["python"]}})
    editor.open("x")
    editor.open("y", uri="untitled:b.rs", language="rust")
    assert await editor.items(editor.complete(0, 1, invoked=True)) == []
    assert editor.generator.asked == []
    assert len(await editor.items(editor.complete(0, 1, uri="untitled:b.rs"))) == 1


async def test_the_item_selected_in_the_popup_is_handed_on(editor: Editor) -> None:
    await editor.begin()
    editor.open("pri")
    place = {"line": 0, "character": 0}
    selected = {"range": {"start": place, "end": {"line": 0, "character": 3}}, "text": "print"}
    await editor.items(editor.complete(0, 3, selected=selected))
    assert editor.generator.asked[0][3] == "print"


async def test_a_reused_suggestion_needs_no_thread_and_waits_for_nothing(editor: Editor) -> None:
    editor.generator.reusable = Completion((suggestion("rest", 1, 2),))
    await editor.begin()
    editor.open("x)")
    (item,) = await editor.items(editor.complete(0, 1))
    assert (item["insertText"], item["range"]["end"]["character"]) == ("rest", 2)
    assert editor.generator.asked == []


async def test_an_answered_suggestion_counts_as_shown_and_its_command_as_accepted(editor: Editor) -> None:
    await editor.begin()
    editor.open("x")
    (item,) = await editor.items(editor.complete(0, 1))
    command = {"command": item["command"]["command"], "arguments": item["command"]["arguments"]}
    answer = await editor.answer(editor.ask("workspace/executeCommand", command))
    assert answer["result"] == {"recorded": True}
    assert editor.generator.events == [("shown", "id0"), ("accepted", "id0")]


async def test_a_request_before_the_core_is_loaded_is_answered_afterwards(editor: Editor) -> None:
    editor.may_build.clear()
    await editor.begin(ready=False)
    editor.open("x")
    request = editor.complete(0, 1)
    editor.may_build.set()
    assert len(await editor.items(request)) == 1


async def test_without_a_core_requests_are_answered_with_nothing(editor: Editor) -> None:
    editor.build_error = OSError("no")
    await editor.begin(ready=False)
    editor.open("x")
    assert await editor.items(editor.complete(0, 1)) == []
    assert editor.server.session.guard.failures == {"configuration": 1}


async def test_an_error_in_the_generator_is_an_lsp_error_without_a_message_box(editor: Editor) -> None:
    editor.generator.error = ZeroDivisionError("secret text")
    await editor.begin()
    editor.open("x")
    answer = await editor.answer(editor.complete(0, 1))
    assert (answer["error"]["code"], "secret text" in answer["error"]["message"]) == (-32603, False)
    assert not [message for message in editor.sent if message.get("method") == "window/showMessage"]


async def test_documents_that_are_not_open_get_nothing(editor: Editor) -> None:
    await editor.begin()
    assert await editor.items(editor.complete(0, 0, uri="untitled:unknown")) == []


async def test_a_cell_of_an_excluded_notebook_gets_nothing(editor: Editor) -> None:
    editor.index.excluded.add(Path("/home/me/secret.ipynb"))
    await editor.begin()
    cell = {"uri": "vscode-notebook-cell:/home/me/secret.ipynb#1", "languageId": "python", "version": 1, "text": "x"}
    notebook = {"uri": "file:///home/me/secret.ipynb", "notebookType": "jupyter-notebook", "version": 1, "cells": []}
    editor.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": [cell]})
    assert await editor.items(editor.complete(0, 1, uri=cell["uri"])) == []
    assert editor.generator.asked == []


@pytest.mark.parametrize(
    ("options", "invoked", "answered"),
    [
        ({"completion": {"enabled": False}}, True, False),
        ({"completion": {"automatic": False}}, False, False),
        ({"completion": {"automatic": False}}, True, True),
        ({"completion": {"exclude": ["*.txt"]}}, True, False),
        ({"completion": {"exclude": ["me/"]}}, True, False),
        ({"completion": {"exclude": ["*.md"]}}, True, True),
    ],
)
async def test_settings_decide_where_suggestions_are_offered(
    editor: Editor, options: object, *, invoked: bool, answered: bool
) -> None:
    await editor.begin(initializationOptions=options, rootUri="file:///home")
    editor.open("x", uri="file:///home/me/notes.txt")
    items = await editor.items(editor.complete(0, 1, uri="file:///home/me/notes.txt", invoked=invoked))
    assert bool(items) is answered


async def test_line_ends_go_out_as_editors_without_carriage_returns_need_them(editor: Editor) -> None:
    editor.generator.text = "if a:\r\n    b\r\n"
    await editor.begin()
    editor.open("x\r\n")
    (item,) = await editor.items(editor.complete(0, 1))
    assert item["insertText"] == "if a:\n    b\n"


async def test_a_suggestion_whose_range_spans_lines_is_dropped_as_lsp_demands(editor: Editor) -> None:
    editor.generator.reusable = Completion((suggestion("rest", 1, 3),))
    await editor.begin()
    editor.open("x\ny\n")
    assert await editor.items(editor.complete(0, 1)) == []

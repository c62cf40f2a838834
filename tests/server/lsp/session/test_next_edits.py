"""Next edits from message to message: own methods, those of editor plugins, and items of inline completion."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import Edit
from agents.findings import Fix
from agents.next_edit.next_edits import NextEditPolicy
from agents.suggestions import Completion
from tests.server.editor import URI, finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.lsp.session.open_documents import OpenText
    from tests.server.editor import Editor

CODE = "size = 1\nprint(size)\nuse('😀', size)\n"


async def rename(editor: Editor, **begin: Any) -> None:
    """Begin a session, open `CODE`, and rename its variable where it is defined."""
    await editor.begin(**begin)
    editor.open(CODE)
    change(editor, "length", (0, 0), (0, 4), version=2)


def change(
    editor: Editor, text: str, start: tuple[int, int], end: tuple[int, int], *, version: int, uri: str = URI
) -> None:
    changes = [{"range": {"start": place(*start), "end": place(*end)}, "text": text}]
    editor.notify(
        "textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": changes}
    )


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


async def ask(editor: Editor, method: str = "starling/nextEdit", *, line: int = 0, **document: Any) -> Any:
    params = {"textDocument": {"uri": URI, **document}, "position": place(line, 6), "context": {"triggerKind": 2}}
    return (await editor.answer(editor.ask(method, params)))["result"]


def turn(editor: Editor, *, on: bool) -> None:
    core = editor.server.session.cores.current
    assert core is not None
    assert core.next_editor is not None
    core.next_editor.set_policy(NextEditPolicy(enabled=on))


async def count(editor: Editor) -> dict[str, Any]:
    answer = await editor.answer(editor.ask("workspace/executeCommand", {"command": "starling.stats"}))
    return dict(answer["result"]["next_edits"])


async def test_the_server_declares_next_edits(editor: Editor) -> None:
    assert (await editor.begin())["experimental"] == {"starling": {"nextEdit": True}}


async def test_the_next_edit_is_answered_with_its_place_and_reason(editor: Editor) -> None:
    await rename(editor)
    edit = (await ask(editor, version=2))["edit"]
    assert edit.pop("id")
    assert edit == {
        "textDocument": {"uri": URI, "version": 2},
        "range": {"start": place(1, 6), "end": place(1, 10)},
        "newText": "length",
        "kind": "rename",
        "reason": "`size` was renamed to `length`.",
    }


async def test_a_plugin_gets_it_with_a_command_for_the_acceptance(editor: Editor) -> None:
    await rename(editor)
    (edit,) = (await ask(editor, "textDocument/copilotInlineEdit", version=2))["edits"]
    assert (edit["text"], edit["textDocument"]) == ("length", {"uri": URI, "version": 2})
    editor.notify("textDocument/didShowInlineEdit", {"item": {"command": edit["command"]}})
    editor.notify("textDocument/didFocus", {"textDocument": {"uri": URI}})
    done = await editor.answer(editor.ask("workspace/executeCommand", edit["command"]))
    assert done["result"] == {"recorded": True}
    counted = await count(editor)
    assert (counted["shown"], counted["accepted"]) == ({"rename": 1}, {"rename": 1})


async def test_the_chain_goes_on_and_counts_characters_as_the_editor_does(editor: Editor) -> None:
    await rename(editor)
    first = (await ask(editor))["edit"]
    editor.notify("starling/didShowNextEdit", {"id": first["id"]})
    change(editor, "length", (1, 6), (1, 10), version=3)
    editor.notify("starling/didEndNextEdit", {"id": first["id"], "accepted": True})
    second = (await ask(editor, line=1, version=3))["edit"]
    assert second["range"] == {"start": place(2, 10), "end": place(2, 14)}  # in UTF-16, the emoji has two units
    counted = await count(editor)
    assert (counted["shown"], counted["accepted"], counted["proposed"]) == ({"rename": 1}, {"rename": 1}, 2)


async def test_a_rejected_edit_is_not_proposed_again(editor: Editor) -> None:
    await rename(editor)
    first = (await ask(editor))["edit"]
    editor.notify("starling/didEndNextEdit", {"id": first["id"], "accepted": False})
    second = (await ask(editor))["edit"]
    assert second["range"]["start"]["line"] == 2
    assert (await count(editor))["rejected"] == {"rename": 1}


@pytest.mark.parametrize("version", [1, 3])
async def test_another_version_of_the_document_has_none(editor: Editor, version: int) -> None:
    await rename(editor)
    assert await ask(editor, version=version) is None
    assert await ask(editor, "textDocument/copilotInlineEdit", version=version) == {"edits": []}


async def test_there_is_none_before_a_change_and_none_in_a_document_that_is_not_open(editor: Editor) -> None:
    await editor.begin()
    assert await ask(editor) is None
    editor.open(CODE)
    assert await ask(editor) is None


@pytest.mark.parametrize("setting", [{"enabled": False}, {"languagesOff": ["python"]}])
async def test_settings_turn_it_off(editor: Editor, setting: dict[str, Any]) -> None:
    await rename(editor, initializationOptions={"nextEdit": setting})
    assert await ask(editor) is None


async def test_an_excluded_document_neither_gets_nor_gives_any(editor: Editor, tmp_path: Path) -> None:
    shapes, main = tmp_path / "shapes.py", tmp_path / "main.py"
    await editor.begin()
    editor.open("from shapes import area\nprint(area)\n", uri=main.as_uri())
    editor.open("def area():\n    pass\n", uri=shapes.as_uri())
    change(editor, "measure", (0, 4), (0, 8), version=2, uri=shapes.as_uri())
    params = {"textDocument": {"uri": shapes.as_uri()}, "position": place(0, 4)}
    edit = (await editor.answer(editor.ask("starling/nextEdit", params)))["result"]["edit"]
    assert edit["textDocument"]["uri"] == main.as_uri()
    editor.index.excluded.add(main)
    assert (await editor.answer(editor.ask("starling/nextEdit", params)))["result"] is None
    editor.index.excluded.clear()
    editor.index.excluded.add(shapes)
    assert (await editor.answer(editor.ask("starling/nextEdit", params)))["result"] is None


@pytest.mark.parametrize("newer", ["change", "request", "close"])
async def test_a_newer_request_or_change_supersedes_a_request(
    editor: Editor, newer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rename(editor)
    core = editor.server.session.cores.current
    assert core is not None
    assert core.next_editor is not None
    begun, goes_on = threading.Event(), threading.Event()
    propose = core.next_editor.propose
    seen: list[bool] = []

    def wait(*given: Any, cancelled: Callable[[], bool], **named: Any) -> Any:
        begun.set()
        goes_on.wait(20)
        seen.append(cancelled())
        return propose(*given, cancelled=cancelled, **named)

    monkeypatch.setattr(core.next_editor, "propose", wait)
    params = {"textDocument": {"uri": URI}, "position": place(0, 6)}
    stale = editor.ask("starling/nextEdit", params)
    await editor.until(begun.is_set)
    if newer == "change":
        change(editor, "x", (0, 6), (0, 6), version=3)
    elif newer == "close":
        editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    else:
        editor.ask("starling/nextEdit", params)
    assert (await editor.answer(stale))["result"] is None
    goes_on.set()
    await editor.until(lambda: True in seen)


async def test_an_edit_in_the_cursors_line_is_an_inline_completion_for_other_clients(editor: Editor) -> None:
    editor.generator.reusable = Completion((), "finished")
    await rename(editor)
    (item,) = await editor.items(editor.complete(1, 6))
    assert (item["insertText"], item["range"]) == ("length", {"start": place(1, 6), "end": place(1, 10)})
    assert item["command"]["command"] == "starling.nextEdit.accepted"
    done = await editor.answer(editor.ask("workspace/executeCommand", item["command"]))
    assert done["result"] == {"recorded": True}
    assert await editor.items(editor.complete(0, 6)) == []


@pytest.mark.parametrize("way", ["capability", "plugin"])
async def test_a_client_that_shows_next_edits_gets_none_as_inline_completions(editor: Editor, way: str) -> None:
    editor.generator.reusable = Completion((), "finished")
    own = {"experimental": {"starling": {"nextEdit": True}}} if way == "capability" else {}
    await rename(editor, capabilities={"textDocument": {"inlineCompletion": {}}, **own})
    if way == "plugin":
        await ask(editor, "textDocument/copilotInlineEdit")
    assert await editor.items(editor.complete(1, 6)) == []


async def test_a_suggestion_goes_before_a_next_edit(editor: Editor) -> None:
    await rename(editor)
    (item,) = await editor.items(editor.complete(1, 6))
    assert item["insertText"] == "suggested()"


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("starling/nextEdit", {"textDocument": {"uri": URI}}),
        ("starling/nextEdit", {"textDocument": 5, "position": {"line": 0, "character": 0}}),
        ("textDocument/copilotInlineEdit", {}),
    ],
)
async def test_malformed_parameters_are_answered_with_an_error(editor: Editor, method: str, params: object) -> None:
    await editor.begin()
    assert (await editor.answer(editor.ask(method, params)))["error"]["code"] == -32602


async def test_malformed_reports_are_ignored(editor: Editor) -> None:
    await rename(editor)
    for item in (None, 5, {}, {"command": 5}, {"command": {"arguments": []}}, {"command": {"arguments": [{"id": 5}]}}):
        editor.notify("textDocument/didShowInlineEdit", {"item": item})
    editor.notify("starling/didEndNextEdit", {"id": "unknown", "accepted": True})
    editor.notify("starling/didEndNextEdit", {"id": 5})
    unknown = {"command": "starling.nextEdit.accepted", "arguments": [{"id": "unknown"}]}
    assert (await editor.answer(editor.ask("workspace/executeCommand", unknown)))["result"] == {"recorded": False}
    counted = await count(editor)
    assert (counted["shown"], counted["accepted"]) == ({}, {})


async def test_a_safe_fix_on_the_edited_line_is_a_next_edit_once_the_line_is_reviewed(editor: Editor) -> None:
    bad = finding("bad-word", fix=Fix("Fix it", (Edit(0, 3, "good"),), safe=True))
    editor.reviewer.findings = {"bad": bad}
    await editor.begin(initializationOptions={"review": {"delayMs": 0}})
    editor.open("x\n")
    change(editor, "bad", (0, 0), (0, 1), version=2)
    await editor.until(lambda: bool(editor.server.session.reviews.list_static_findings(get_document(editor))))
    edit = (await ask(editor))["edit"]
    assert (edit["kind"], edit["newText"], edit["reason"]) == ("fix", "good", "bad-word is found.")


def get_document(editor: Editor) -> OpenText:
    document = editor.server.session.documents.get(URI)
    assert document is not None
    return document


async def test_changes_made_while_it_is_off_make_earlier_edits_unknown(editor: Editor) -> None:
    await rename(editor)
    await count(editor)  # after all that came before
    turn(editor, on=False)
    change(editor, "other = 1\n", (0, 0), (0, 0), version=3)  # looks as if `size` had become `other`
    await count(editor)  # after all that came before
    turn(editor, on=True)
    assert await ask(editor, version=3) is None

"""The front's memory of a session."""

from __future__ import annotations

import json
from typing import Any

from server.lsp.front.session_memory import (
    CHANGE_BYTES,
    MOST_CHANGES,
    NOTEBOOK_BYTES,
    OWN_ID,
    SessionMemory,
)

URI = "file:///w/a.py"


def encode(method: str = "", *, identity: int | str | None = None, **rest: Any) -> bytes:
    """Return the body of a message."""
    message = {"jsonrpc": "2.0", **({"method": method} if method else {}), **rest}
    return json.dumps(message if identity is None else {**message, "id": identity}).encode()


def open_document(uri: str = URI, text: str = "x = 1\n") -> bytes:
    document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    return encode("textDocument/didOpen", params={"textDocument": document})


def change_document(text: str, *, uri: str = URI, whole: bool = False, version: int = 2) -> bytes:
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    change = {"text": text} if whole else {"range": place, "text": text}
    return encode(
        "textDocument/didChange",
        params={"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
    )


def begin(**params: Any) -> SessionMemory:
    """Return the memory of a session whose `initialize` was answered."""
    memory = SessionMemory()
    memory.note_client(encode("initialize", identity=1, params={"capabilities": {}, **params}))
    memory.note_server(encode(identity=1, result={"capabilities": {}}))
    memory.note_client(encode("initialized", params={}))
    return memory


def replay(memory: SessionMemory) -> list[dict[str, Any]]:
    return [json.loads(body) for body in memory.list_replayed()]


def test_a_session_is_begun_again_with_its_documents_as_they_are() -> None:
    memory = begin(rootUri="file:///w")
    opened, changed = open_document(), change_document("y")
    other = open_document("untitled:2")
    for body in (
        opened,
        other,
        changed,
        encode("textDocument/didClose", params={"textDocument": {"uri": "untitled:2"}}),
    ):
        memory.note_client(body)
    memory.note_client(encode("workspace/didChangeConfiguration", params={"settings": {"a": 1}}))
    memory.note_client(encode("workspace/didChangeConfiguration", params={"settings": {"a": 2}}))
    first, second, third, *documents = replay(memory)
    assert (first["method"], first["id"], first["params"]["rootUri"]) == ("initialize", OWN_ID, "file:///w")
    assert second["method"] == "initialized"
    assert third["params"]["settings"] == {"a": 2}
    assert documents == [json.loads(opened), json.loads(changed)]


def test_nothing_is_repeated_before_initialize_is_answered_but_that_request_itself() -> None:
    memory = SessionMemory()
    assert memory.list_replayed() == []
    request = encode("initialize", identity=1, params={})
    memory.note_client(request)
    assert memory.list_replayed() == []
    assert memory.settle_pending() == ([request], [])


def test_the_answer_to_the_repeated_initialize_is_not_for_the_editor() -> None:
    memory = begin()
    assert not memory.note_server(encode(identity=OWN_ID, result={}))
    assert memory.note_server(encode(identity=7, result={}))
    assert memory.note_server(encode("window/logMessage", params={"type": 3, "message": "m"}))


def test_folders_that_were_added_and_removed_are_those_of_the_new_session() -> None:
    folders = [{"uri": "file:///a", "name": "a"}, {"uri": "file:///b", "name": "b"}]
    memory = begin(workspaceFolders=folders)
    event = {"added": [{"uri": "file:///c", "name": "c"}], "removed": [folders[0]]}
    memory.note_client(encode("workspace/didChangeWorkspaceFolders", params={"event": event}))
    assert [one["uri"] for one in replay(memory)[0]["params"]["workspaceFolders"]] == ["file:///b", "file:///c"]
    memory = begin(rootUri="file:///a")
    memory.note_client(encode("workspace/didChangeWorkspaceFolders", params={"event": event}))
    assert [one["uri"] for one in replay(memory)[0]["params"]["workspaceFolders"]] == ["file:///c"]


def test_requests_that_change_nothing_are_repeated_and_others_get_an_error_once() -> None:
    memory = begin()
    asking = encode("textDocument/inlineCompletion", identity=5, params={})
    memory.note_client(asking)
    memory.note_client(encode("workspace/executeCommand", identity="six", params={"command": "starling.generate"}))
    memory.note_client(encode("shutdown", identity=7))
    memory.note_client(encode("textDocument/hover", identity=8, params={}))
    memory.note_server(encode(identity=8, result=None))
    repeated, answers = memory.settle_pending()
    assert repeated == [asking]
    failed, ended = map(json.loads, answers)
    assert failed["id"] == "six"
    assert "started again" in failed["error"]["message"]
    assert (ended["id"], ended["result"]) == (7, None)
    assert memory.settle_pending() == ([asking], [])
    assert [json.loads(body)["id"] for body in memory.fail_pending("gone")] == [5]
    assert memory.fail_pending("gone") == []


def test_answers_to_a_process_that_is_gone_reach_no_other() -> None:
    memory = begin()
    memory.note_server(encode("workspace/applyEdit", identity="a", params={}))
    memory.note_server(encode("workspace/applyEdit", identity="b", params={}))
    assert memory.note_client(encode(identity="a", result={"applied": True})) == ""
    memory.end_shown()
    assert memory.note_client(encode(identity="b", result={"applied": True})) == "late"
    assert memory.note_client(encode(identity=OWN_ID, result=None)) == "late"


def test_progress_ends_and_registrations_are_taken_back() -> None:
    memory = begin()
    registration = {"id": "watch", "method": "workspace/didChangeWatchedFiles"}
    memory.note_server(encode("client/registerCapability", identity="r", params={"registrations": [registration]}))
    memory.note_server(encode("$/progress", params={"token": "t", "value": {"kind": "begin", "title": "Indexing"}}))
    memory.note_server(encode("$/progress", params={"token": "u", "value": {"kind": "begin", "title": "Thinking"}}))
    memory.note_server(encode("$/progress", params={"token": "u", "value": {"kind": "end"}}))
    progress, taken = map(json.loads, memory.end_shown())
    assert progress["params"] == {"token": "t", "value": {"kind": "end"}}
    assert taken["method"] == "client/unregisterCapability"
    assert taken["params"]["unregisterations"] == [registration]
    assert memory.end_shown() == []


def test_a_whole_text_replaces_all_changes_before_it() -> None:
    memory = begin()
    memory.note_client(open_document())
    for number in range(5):
        memory.note_client(change_document("y", version=number + 2))
    whole = change_document("z" * 3 * CHANGE_BYTES, whole=True, version=9)
    memory.note_client(whole)
    assert memory.texts[URI].changes == [whole]
    assert memory.choose_long_texts() == []


def test_many_changes_are_replaced_by_the_whole_text_and_later_ones_stay() -> None:
    memory = begin()
    memory.note_client(open_document())
    for number in range(MOST_CHANGES + 1):
        memory.note_client(change_document("y", version=number + 2))
    assert memory.choose_long_texts() == [URI]
    assert memory.choose_long_texts() == []
    later = change_document("later", version=999)
    memory.note_client(later)
    memory.texts[URI].replace_first(MOST_CHANGES + 1, b'{"whole": 1}')
    assert memory.list_replayed()[-2:] == [b'{"whole": 1}', later]
    assert memory.texts[URI].size == len(later)


def test_a_notebook_with_too_many_changes_is_not_kept() -> None:
    memory = begin()
    notebook = {"notebookDocument": {"uri": "file:///n.ipynb", "version": 1}}
    memory.note_client(encode("notebookDocument/didOpen", params={**notebook, "cellTextDocuments": []}))
    memory.note_client(encode("notebookDocument/didChange", params={**notebook, "change": {}}))
    assert len(replay(memory)) == 4
    memory.note_client(encode("notebookDocument/didChange", params={**notebook, "change": {"x": "y" * NOTEBOOK_BYTES}}))
    assert len(replay(memory)) == 2


def test_what_is_no_message_is_passed_on_and_not_remembered() -> None:
    memory = begin()
    before = memory.list_replayed()
    for body in (b"", b"{", b"[1]", b"null", b'{"method": 1}', b'{"id": [1], "method": "x"}', b"[" * 100_000,
                 b'{"method": "textDocument/didChange"}', b'{"method": "textDocument/didOpen", "params": []}',
                 b'{"method": "workspace/didChangeWorkspaceFolders", "params": {"event": 3}}'):  # fmt: skip
        assert memory.note_client(body) != "late"
        assert memory.note_server(body)
    memory.texts.pop("", None)
    assert memory.list_replayed() == before


def test_requests_that_were_sent_to_nobody_are_sent_later() -> None:
    memory = begin()
    command = encode("workspace/executeCommand", identity=5, params={"command": "c"})
    memory.note_client(command)
    memory.note_client(encode("workspace/executeCommand", identity=6, params={"command": "c"}))
    repeated, answers = memory.settle_pending({5})
    assert repeated == [command]
    assert [json.loads(one)["id"] for one in answers] == [6]


def test_the_answer_to_initialize_tells_the_unit_of_positions_or_why_not() -> None:
    assert begin().encoding == "utf-16"
    memory = SessionMemory()
    memory.note_client(encode("initialize", identity=1, params={}))
    memory.note_server(encode(identity=1, result={"capabilities": {"positionEncoding": "utf-8"}}))
    assert (memory.encoding, memory.refusal) == ("utf-8", "")
    memory = SessionMemory()
    memory.note_client(encode("initialize", identity=1, params={}))
    memory.note_server(encode(identity=1, error={"code": 1, "message": "full."}))
    assert (memory.encoding, memory.refusal) == ("utf-16", "full")

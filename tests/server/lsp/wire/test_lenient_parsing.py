"""Parameters of clients: unknown values are left out, and required parts are never invented, except in `initialize`."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import weakref
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lsprotocol import types

from server.lsp.language_server import FEATURES, Request
from server.lsp.wire import lenient_parsing, messages
from tests.server.editor import WAIT_S, Editor

TEXT, SPACE = "textDocument", "workspace"
ODD: list[tuple[dict[str, Any], dict[str, Any]]] = [  # capabilities, and the other parameters
    ({TEXT: {"publishDiagnostics": {"tagSupport": {"valueSet": [1, 2, 3]}}}}, {}),
    ({SPACE: {"symbol": {"symbolKind": {"valueSet": [1, 27]}}}}, {}),
    ({TEXT: {"documentSymbol": {"symbolKind": {"valueSet": [1, 27]}}}}, {}),
    ({TEXT: {"completion": {"completionItem": {"documentationFormat": ["html"]}}}}, {}),
    ({TEXT: {"completion": {"completionItemKind": {"valueSet": [99, "x"]}}}}, {}),
    ({SPACE: {"workspaceEdit": {"resourceOperations": ["create", "copy"], "failureHandling": "maybe"}}}, {}),
    ({TEXT: {"semanticTokens": {"formats": ["relative", "abs"], "requests": 1, "tokenTypes": 0}}}, {}),
    ({"general": {"positionEncodings": ["utf-7", 5, "utf-8"], "markdown": {}}}, {}),
    ({TEXT: [], SPACE: 5, "window": "x", "general": None, "experimental": [1]}, {}),
    ({TEXT: {"synchronization": {"didSave": "yes"}, "codeAction": {"dataSupport": 1}}}, {}),
    ({}, {"trace": "compact"}),
    ({}, {"trace": 5, "locale": 5, "rootUri": 5, "rootPath": ["x"], "clientInfo": {"version": 5}}),
    ({}, {"workspaceFolders": [{"uri": "file:///a"}, {"name": "b"}, 5, None, {"uri": "file://["}]}),
    ({}, {"workspaceFolders": {"uri": "file:///a"}, "processId": "12", "workDoneToken": {}}),
    ({}, {"rootUri": "file://[", "rootPath": "\ud800"}),
    ({}, {"capabilities": None}),
]


@pytest.mark.parametrize(("declared", "others"), ODD, ids=str)
async def test_initialize_accepts_unknown_values(
    editor: Editor, declared: dict[str, Any], others: dict[str, Any]
) -> None:
    answer = await editor.answer(
        editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": declared, **others})
    )
    assert answer["result"]["serverInfo"]["name"] == "starling"


def test_known_values_are_kept() -> None:
    declared = {
        TEXT: {"publishDiagnostics": {"tagSupport": {"valueSet": [1, 2, 3]}, "versionSupport": "?"}, "hover": 5},
        SPACE: {"workspaceEdit": {"resourceOperations": ["create", "copy"], "documentChanges": True}},
    }
    folders = [{"uri": "file:///a"}, 5]
    made: types.InitializeParams = lenient_parsing.structure(
        {"processId": 5, "capabilities": declared, "workspaceFolders": folders}, types.InitializeParams, forgiving=True
    )
    text, space = made.capabilities.text_document, made.capabilities.workspace
    assert text is not None
    assert text.publish_diagnostics is not None
    assert text.publish_diagnostics.tag_support is not None
    assert list(text.publish_diagnostics.tag_support.value_set) == [types.DiagnosticTag(1), types.DiagnosticTag(2)]
    assert (text.publish_diagnostics.version_support, text.hover) == (None, None)
    assert space is not None
    assert space.workspace_edit is not None
    assert list(space.workspace_edit.resource_operations or ()) == [types.ResourceOperationKind.Create]
    assert space.workspace_edit.document_changes is True
    assert made.workspace_folders == [types.WorkspaceFolder("file:///a", "")]
    assert made.process_id == 5


PLACE = {"line": 0, "character": 0.0}
RANGE = {"start": PLACE, "end": PLACE}
DOCUMENT = {"uri": "untitled:main.py"}


async def test_sets_that_grow_may_hold_unknown_values_in_later_requests_too(editor: Editor) -> None:
    await editor.begin()
    editor.open("x = \n")
    found = {"range": RANGE, "message": "m", "severity": 9, "tags": [1, 9]}
    context = {"diagnostics": [found], "only": ["quickfix", "of.another"], "triggerKind": 9}
    asked = editor.ask("textDocument/codeAction", {"textDocument": DOCUMENT, "range": RANGE, "context": context})
    assert "result" in await editor.answer(asked)
    completing = {"textDocument": DOCUMENT, "position": PLACE, "context": {"triggerKind": 9}}
    assert "result" in await editor.answer(editor.ask("textDocument/inlineCompletion", completing))


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("textDocument/inlineCompletion", {"textDocument": DOCUMENT}, "params.position is missing"),
        ("textDocument/inlineCompletion", {"textDocument": {"uri": 5}}, "params.textDocument.uri is not a string"),
        ("textDocument/codeAction", {"range": {"start": {"line": "1"}}}, "params.range.start.line is not an integer"),
        ("workspace/executeCommand", {"command": "starling.undo", "arguments": {"id": 1}}, "arguments is not a list"),
        ("workspace/executeCommand", {"command": None}, "params.command is not a string"),
        ("workspace/executeCommand", [], "takes one object"),
        ("workspace/executeCommand", "starling.undo", "takes one object"),
        ("workspace/executeCommand", None, "params.command is missing"),
    ],
)
async def test_the_answer_names_the_parts_that_a_request_lacks(
    editor: Editor, method: str, params: object, said: str
) -> None:
    await editor.begin()
    error = (await editor.answer(editor.ask(method, params)))["error"]
    assert (error["code"], said in error["message"]) == (-32602, True), error


REQUESTS = [feature.method for feature in FEATURES if isinstance(feature, Request)]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["textDocument", "uri", "position", "line", "character", "range", "start", "end", "context"]
            )
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
METHODS = st.sampled_from(
    [*REQUESTS, *(f.method for f in FEATURES if f.method != "initialize"), "shutdown", "no/such", "$/no", "$/setTrace",
     "$/cancelRequest", "window/workDoneProgress/cancel", "textDocument/hover", ""]
)  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "2.0", "2.0", "1.0", 2.0, None]),
        "id": ANYTHING,
        "method": METHODS | ANYTHING,
        "params": ANYTHING,
        "result": ANYTHING,
        "error": ANYTHING,
    },
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(MESSAGES | ANYTHING, max_size=8))
async def test_any_message_is_answered_in_json_at_most_once(several: list[object]) -> None:
    editor = Editor()
    await editor.begin({})
    before = len(editor.sent)
    for one in several:
        editor.server.protocol.receive(json.dumps(one).encode())
    asked = await editor.answer(editor.ask("no/such/method", None))
    shut = any(isinstance(one, dict) and one.get("method") == "shutdown" for one in several)
    assert asked["error"]["code"] in ({-32601, -32600} if shut else {-32601})
    await editor.end()
    for sent in editor.sent[before:]:
        if "method" not in sent:
            assert sent["jsonrpc"] == "2.0"
            assert ("result" in sent) is not ("error" in sent)
            assert isinstance(sent["id"], int | str | None)
    identities = [sent["id"] for sent in editor.sent if "method" not in sent and sent["id"] is not None]
    asked_ids = [one.get("id") for one in several if isinstance(one, dict)]
    assert all(identities.count(one) <= asked_ids.count(one) + 2 for one in identities)


def test_numbers_that_json_does_not_have_are_refused() -> None:
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
        with pytest.raises(messages.Malformed, match="not JSON"):
            messages.read(b'{"jsonrpc":"2.0","id":%s,"method":"shutdown"}' % number)


@pytest.mark.parametrize(
    ("identity", "answered"),
    [("1.0", 1), ("1.5", None), ("{}", None), ("[]", None), ("true", None), ("null", None), ('"x"', "x"),
     ("1" * 30, int("1" * 30)), ("-1", -1), ('""', "")],
)  # fmt: skip
async def test_any_id_gets_an_answer(editor: Editor, identity: str, answered: object) -> None:
    await editor.begin()
    seen = len(editor.sent)
    editor.server.protocol.receive(b'{"jsonrpc":"2.0","id":%s,"method":"no/such"}' % identity.encode())
    answer = editor.sent[seen]
    assert (answer["id"], answer["error"]["code"]) == (answered, -32600 if answered is None else -32601)


@pytest.mark.parametrize("params", ["", ', "params": 5', ', "params": []', ', "params": {"x": 1}', ', "params": null'])
@pytest.mark.parametrize("method", ["no/such", "textDocument/hover", "initialized", "$/no"])
async def test_an_unknown_method_is_told_so_whatever_its_params(editor: Editor, method: str, params: str) -> None:
    await editor.begin()
    seen = len(editor.sent)
    editor.server.protocol.receive(b'{"jsonrpc":"2.0","id":7,"method":"%s"%s}' % (method.encode(), params.encode()))
    assert (editor.sent[seen]["id"], editor.sent[seen]["error"]["code"]) == (7, -32601)


async def test_the_id_of_an_unanswered_request_is_refused(editor: Editor) -> None:
    await editor.begin()
    for _ in range(2):
        editor.receive({"id": 7000, "method": "workspace/executeCommand", "params": {"command": "starling.status"}})
    refused = await editor.message(lambda message: message.get("id") == 7000 and "error" in message)
    assert "not answered yet" in refused["error"]["message"]
    assert "result" in await editor.message(lambda message: message.get("id") == 7000 and "result" in message)


async def test_an_answer_to_no_request_is_ignored(editor: Editor) -> None:
    await editor.begin()
    asked = editor.ask("workspace/executeCommand", {"command": "starling.status"})
    for identity in (asked, str(asked), "x", None, [1]):
        editor.receive({"id": identity, "result": 5})
    assert "result" in await editor.answer(asked)


async def test_an_ended_session_is_released() -> None:
    editor = Editor()
    await editor.begin()
    editor.open("x = 1\n" * 10)
    await editor.answer(editor.ask("shutdown", None))
    await editor.end()
    server = weakref.ref(editor.server)
    del editor
    end = time.monotonic() + WAIT_S
    while server() is not None and time.monotonic() < end:  # its last threads may be on their way out
        await asyncio.sleep(0.01)
        gc.collect()
    assert server() is None

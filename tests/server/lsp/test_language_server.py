"""The table of features against what the server declares, and the life cycle."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import TYPE_CHECKING

import pytest
from lsprotocol import types

from server.lsp import commands, features
from server.lsp.commands import schema
from server.lsp.language_server import FEATURES, Notification, Request
from tests.server.editor import Editor

if TYPE_CHECKING:
    from server.lsp.editor.client import Client

ABLE = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {"inlineCompletion": {"dynamicRegistration": True}, "completion": {}},
    "notebookDocument": {"synchronization": {}},
    "workspace": {"workspaceFolders": True},
}
ALWAYS = {"position_encoding", "workspace.file_operations", "workspace.workspace_folders.supported"}


def list_declared(capabilities: object, above: str = "") -> set[str]:
    """Return the paths of all capabilities that are neither null nor false, down to the names in the table."""
    names = {feature.capability for feature in FEATURES} | ALWAYS
    found = set()
    for name in getattr(type(capabilities), "__attrs_attrs__", ()):
        path = f"{above}.{name.name}".lstrip(".")
        value = getattr(capabilities, name.name)
        if value is None or value is False:
            continue
        if path in names or not hasattr(type(value), "__attrs_attrs__"):
            found.add(path)
        else:
            found |= list_declared(value, path)
    return found


@pytest.mark.parametrize("inline", [True, False])
async def test_the_declared_capabilities_are_those_of_the_table(editor: Editor, *, inline: bool) -> None:
    client = ABLE if inline else {**ABLE, "textDocument": {"completion": {}}}
    await editor.begin(client)
    seen: Client = editor.server.session.client
    wanted = {f.capability for f in FEATURES if isinstance(f, Notification) or f.is_offered_to(seen)} - {""}
    assert list_declared(editor.server.server_capabilities) == wanted | ALWAYS
    assert seen.inline is inline


async def test_each_client_is_offered_one_kind_of_completion(editor: Editor) -> None:
    inline = await editor.begin()
    assert (inline.get("inlineCompletionProvider"), inline.get("completionProvider")) == ({}, None)
    plain = Editor()
    ordinary = await plain.begin({})
    assert ordinary.get("completionProvider")
    await plain.end()


def test_every_module_of_features_is_in_the_table_once() -> None:
    handled = [feature.handle.__module__.rpartition(".")[2] for feature in FEATURES]
    assert sorted(handled) == sorted(module.name for module in pkgutil.iter_modules(features.__path__))


def test_every_handler_is_named_after_its_method() -> None:
    for feature in FEATURES:
        words = feature.method.rpartition("/")[2]
        name = "".join(f"_{c.lower()}" if c.isupper() else c for c in words)
        assert (
            feature.handle.__module__.removeprefix("server.lsp.features.")
            .removeprefix("notebook_")
            .removeprefix("workspace_")
            .removeprefix("code_action_")
            == name
        )


def test_requests_are_handled_by_coroutines_and_notifications_are_not() -> None:
    for feature in FEATURES:
        assert inspect.iscoroutinefunction(feature.handle) is isinstance(feature, Request)


async def test_every_request_handler_gets_the_service_in_its_signature(editor: Editor) -> None:
    services = editor.server.session.services
    for feature in FEATURES:
        if isinstance(feature, Request):
            asked = list(inspect.signature(feature.handle).parameters.values())[1].annotation
            assert type(feature.select_service(services)).__name__ == asked, feature.method


async def test_all_commands_are_declared(editor: Editor) -> None:
    declared = await editor.begin()
    assert sorted(declared["executeCommandProvider"]["commands"]) == sorted(commands.COMMANDS)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.format_text()


def test_every_command_takes_no_argument_or_one_object_of_its_own_model() -> None:
    for name in commands.COMMANDS:
        command = commands.load(name)
        assert command.Arguments.model_config["extra"] == "forbid"
        assert importlib.import_module(commands.COMMANDS[name]) is command


async def test_a_request_before_initialize_is_answered_with_the_error_lsp_names(editor: Editor) -> None:
    for method, params in [("textDocument/inlineCompletion", {}), ("shutdown", None), ("no/method", 5)]:
        early = await editor.answer(editor.ask(method, params))
        assert early["error"]["code"] == types.ErrorCodes.ServerNotInitialized.value


async def test_initialize_a_second_time_is_refused(editor: Editor) -> None:
    await editor.begin()
    again = await editor.answer(editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}}))
    assert again["error"]["code"] == types.ErrorCodes.InvalidRequest.value


async def test_a_request_after_shutdown_is_refused_and_exit_reports_success(editor: Editor) -> None:
    await editor.begin()
    assert "error" not in await editor.answer(editor.ask("shutdown", None))
    late = await editor.answer(editor.ask("workspace/executeCommand", {"command": "starling.status"}))
    assert late["error"]["code"] == types.ErrorCodes.InvalidRequest.value
    editor.notify("exit", None)
    assert editor.server.exit_status is not None
    assert await editor.server.exit_status == 0
    assert editor.index.closed == 1


async def test_exit_without_shutdown_reports_failure(editor: Editor) -> None:
    await editor.begin()
    editor.notify("exit", None)
    assert editor.server.exit_status is not None
    assert await editor.server.exit_status == 1


async def test_malformed_parameters_are_answered_with_an_error(editor: Editor) -> None:
    await editor.begin()
    answer = await editor.answer(editor.ask("textDocument/inlineCompletion", {"position": "here"}))
    assert (answer["error"]["code"], "textDocument/inlineCompletion" in answer["error"]["message"]) == (-32602, True)


async def test_an_unknown_method_is_answered_and_an_unknown_notification_ignored(editor: Editor) -> None:
    await editor.begin()
    editor.notify("$/whatever", {"x": 1})
    assert (await editor.answer(editor.ask("some/method", {"x": 1})))["error"]["code"] == -32601


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_000, b'"text"', b"[]", b'{"id": 1}'])
async def test_nonsense_does_not_end_the_server(editor: Editor, body: bytes) -> None:
    await editor.begin()
    editor.server.protocol.receive(body)
    assert "error" not in await editor.answer(editor.ask("workspace/executeCommand", {"command": "starling.status"}))


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        (b'{"id": 7000, "method": "shutdown"}', 7000),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "shutdown"}', None),
        (b'[{"jsonrpc": "2.0", "id": 7000, "method": "shutdown"}]', None),
    ],
    ids=["no version", "odd id", "batch"],
)
async def test_a_body_that_is_not_a_single_message_is_answered_with_an_error(
    editor: Editor, body: bytes, identity: int | None
) -> None:
    await editor.begin()
    editor.server.protocol.receive(body)
    refused = await editor.message(lambda message: "error" in message)
    assert (refused["error"]["code"], refused.get("id")) == (-32600, identity)


async def test_cancelling_an_unknown_request_is_ignored(editor: Editor) -> None:
    await editor.begin()
    editor.notify("$/cancelRequest", {"id": [1]})
    assert "error" not in await editor.answer(editor.ask("workspace/executeCommand", {"command": "starling.status"}))


async def test_a_document_whose_name_is_no_uri_is_a_document(editor: Editor) -> None:
    await editor.begin()
    item = {"uri": "file://[", "languageId": "python", "version": 1, "text": "x"}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    assert "file://[" in {document.uri for document in editor.server.session.documents}

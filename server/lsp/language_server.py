"""The language server for one connection, and the table of all LSP methods that it handles.

Must not import slow modules: `initialize` is answered before settings, index and models are loaded
(`server.assembly.core` loads them later). Start at `FEATURES` and `create_server`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import FeatureNotificationError, FeatureRequestError

from server.assembly import core
from server.gate.question.shown_documents import SCHEME
from server.lsp import own_methods
from server.lsp.commands import COMMANDS
from server.lsp.conversion import incoming
from server.lsp.features import (
    code_action,
    code_action_resolve,
    completion,
    copilot_inline_edit,
    diagnostic,
    did_change,
    did_change_configuration,
    did_change_watched_files,
    did_change_workspace_folders,
    did_close,
    did_end_next_edit,
    did_focus,
    did_open,
    did_save,
    did_show_inline_edit,
    did_show_next_edit,
    execute_command,
    initialize,
    initialized,
    inline_completion,
    next_edit,
    notebook_did_change,
    notebook_did_close,
    notebook_did_open,
    text_document_content,
    workspace_diagnostic,
)
from server.lsp.session.session import Session
from server.lsp.wire import lenient_parsing
from server.lsp.wire.connection import Connection
from server.lsp.wire.observed_requests import observe_request
from server.lsp.wire.protocol import StarlingProtocol
from server.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from server.lsp.editor.client import Client
    from server.lsp.session.completion_requests import CompletionRequests
    from server.lsp.session.next_edit_requests import NextEditRequests
    from server.lsp.session.services import Services
    from server.lsp.session.snapshot import Snapshot

NAME = "starling"
EVERY_NOTEBOOK = types.NotebookDocumentSyncOptions([types.NotebookDocumentFilterWithNotebook(notebook="*")])


@dataclass(frozen=True)
class Notification:
    """A notification that changes the session, or a request of the life cycle.

    Attributes:
        method: the method's name in LSP.
        handle: the handler, in `server.lsp.features`.
        capability: path of the server capability that declares the method to the client; "" for the base protocol.
        options: the declared options of the capability.
    """

    method: str
    handle: Callable[[Session, Any], None]
    capability: str = ""
    options: object = None


@dataclass(frozen=True)
class Request:
    """A request that is answered from a snapshot and a service; other attributes as in `Notification`.

    Attributes:
        select_service: returns the service that the handler gets, given all services of the session.
        is_offered_to: returns whether the method is offered to a client.
    """

    method: str
    handle: Callable[[Snapshot, Any, Any], Awaitable[Any]]
    select_service: Callable[[Services], object]
    capability: str
    options: object = None
    is_offered_to: Callable[[Client], bool] = lambda _: True


def _get_completions(services: Services) -> CompletionRequests:
    """Return the service for completions, which both completion methods use."""
    return services.completions


def _get_next_edits(services: Services) -> NextEditRequests:
    """Return the service for next edits, which all of their methods use."""
    return services.next_edits


def _get_all(services: Services) -> Services:
    """Return all services, for code actions and commands, which may need any of them."""
    return services


FEATURES: tuple[Notification | Request, ...] = (
    Notification(types.INITIALIZE, initialize.handle),
    Notification(types.INITIALIZED, initialized.handle),
    Notification(types.TEXT_DOCUMENT_DID_OPEN, did_open.handle, "text_document_sync.open_close"),
    Notification(types.TEXT_DOCUMENT_DID_CHANGE, did_change.handle, "text_document_sync.change"),
    Notification(
        types.TEXT_DOCUMENT_DID_SAVE, did_save.handle, "text_document_sync.save", types.SaveOptions(include_text=False)
    ),
    Notification(types.TEXT_DOCUMENT_DID_CLOSE, did_close.handle, "text_document_sync.open_close"),
    Notification(types.NOTEBOOK_DOCUMENT_DID_OPEN, notebook_did_open.handle, "notebook_document_sync"),
    Notification(types.NOTEBOOK_DOCUMENT_DID_CHANGE, notebook_did_change.handle, "notebook_document_sync"),
    Notification(types.NOTEBOOK_DOCUMENT_DID_CLOSE, notebook_did_close.handle, "notebook_document_sync"),
    Notification(types.WORKSPACE_DID_CHANGE_CONFIGURATION, did_change_configuration.handle),
    Notification(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, did_change_watched_files.handle),
    Notification(
        types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
        did_change_workspace_folders.handle,
        "workspace.workspace_folders.change_notifications",
    ),
    Request(
        types.TEXT_DOCUMENT_INLINE_COMPLETION,
        inline_completion.handle,
        _get_completions,
        "inline_completion_provider",
        types.InlineCompletionOptions(),  # pygls declares the capability only with options
    ),
    Request(
        types.TEXT_DOCUMENT_COMPLETION,
        completion.handle,
        _get_completions,
        "completion_provider",
        types.CompletionOptions(trigger_characters=[".", "(", " ", "=", ","]),
        is_offered_to=lambda client: not client.inline,
    ),
    Request(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        diagnostic.handle,
        lambda services: services.reviews,
        "diagnostic_provider",
        types.DiagnosticOptions(inter_file_dependencies=False, workspace_diagnostics=False, identifier=NAME),
        is_offered_to=lambda client: client.pulls,
    ),
    Request(
        types.WORKSPACE_TEXT_DOCUMENT_CONTENT,
        text_document_content.handle,
        lambda services: services.shown,
        "workspace.text_document_content",
        types.TextDocumentContentOptions([SCHEME]),  # declared by `StarlingProtocol.lsp_initialize`, not by pygls
        is_offered_to=lambda client: client.editing.contents,
    ),
    Request(
        types.WORKSPACE_DIAGNOSTIC,
        workspace_diagnostic.handle,
        lambda services: services.workspace_reviews,
        "diagnostic_provider",
        is_offered_to=lambda client: client.pulls_workspace,
    ),
    Request(
        types.TEXT_DOCUMENT_CODE_ACTION,
        code_action.handle,
        _get_all,
        "code_action_provider",
        types.CodeActionOptions(code_action_kinds=[*code_action.KINDS], resolve_provider=True),
    ),
    Request(types.CODE_ACTION_RESOLVE, code_action_resolve.handle, _get_all, "code_action_provider"),
    # `StarlingProtocol.lsp_initialize` declares the next two, pygls does not
    Request(own_methods.NEXT_EDIT, next_edit.handle, _get_next_edits, "experimental"),
    Request(own_methods.COPILOT_INLINE_EDIT, copilot_inline_edit.handle, _get_next_edits, "experimental"),
    Notification(own_methods.DID_SHOW_NEXT_EDIT, did_show_next_edit.handle, "experimental"),
    Notification(own_methods.DID_END_NEXT_EDIT, did_end_next_edit.handle, "experimental"),
    Notification(own_methods.DID_SHOW_INLINE_EDIT, did_show_inline_edit.handle, "experimental"),
    Notification(own_methods.DID_FOCUS, did_focus.handle, "experimental"),
    Request(types.WORKSPACE_EXECUTE_COMMAND, execute_command.handle, _get_all, "execute_command_provider"),
)


def _name_request(method: str, params: object) -> str:
    """Return the name under which a request is counted: the command's for one that runs a command, else `method`."""
    command = getattr(params, "command", None)
    return command if isinstance(command, str) and command in COMMANDS else method


class StarlingServer(Connection):
    """The language server of one connection.

    Attributes:
        session: the session's state and services.
    """

    protocol: StarlingProtocol
    session: Session

    def __init__(self, build: core.Builder) -> None:
        kind = types.TextDocumentSyncKind.Incremental
        super().__init__(NAME, VERSION, kind, EVERY_NOTEBOOK, StarlingProtocol, lenient_parsing.get_converter)
        self.session = Session(self, build, self._register_requests)
        for feature in FEATURES:
            if isinstance(feature, Notification):
                handler = self.session.guard.guard_notification(feature.method, self._bind_notification(feature))
                self.feature(feature.method, feature.options)(handler)
        for name in COMMANDS:
            self.command(name)(execute_command.handle)  # only declares the name; the protocol calls the feature

    def _bind_notification(self, feature: Notification) -> Callable[[Any], None]:
        """Return the handler of `feature`, bound to the session."""
        return lambda params: feature.handle(self.session, params)

    def _register_requests(self, client: Client) -> None:
        """Register the handlers of the requests that suit `client`; called before capabilities are declared to it."""
        for feature in FEATURES:
            if isinstance(feature, Request) and feature.is_offered_to(client):
                guarded = self.session.guard.guard_request(feature.method, self._bind_request(feature))
                name_request = partial(_name_request, feature.method)
                handler = observe_request(guarded, name_request, lambda: self.protocol.msg_id)
                self.feature(feature.method, feature.options)(handler)

    def _bind_request(self, feature: Request) -> Callable[[Any], Awaitable[Any]]:
        """Return a handler for pygls that calls the handler of `feature` with a snapshot and the service it needs."""

        async def answer(params: Any) -> Any:  # noqa: ANN401 (each method has its own)
            """Return the result of the handler for a request."""
            session = self.session
            snapshot = session.take_snapshot(incoming.find_uri(params))
            return await feature.handle(snapshot, feature.select_service(session.services), params)

        return answer

    def report_server_error(self, error: Exception, source: object) -> None:
        """Log and count an `error` that pygls caught, except those that the guard has already counted.

        Never shows a message box, unlike pygls: a person who types can do nothing about it.
        """
        if source not in (FeatureRequestError, FeatureNotificationError):  # the guard has counted these
            self.session.guard.record_failure(getattr(source, "__name__", str(source)), error)


def create_server(build: core.Builder = core.build) -> StarlingServer:
    """Return a server for one connection.

    Args:
        build: builds the core; tests pass their own.
    """
    return StarlingServer(build)

"""JSON-RPC and LSP's life cycle, on top of pygls: every request is answered, malformed, early and late ones too.

A message is checked in this order: whether it is a message (`server.lsp.wire.messages`), whether it may come now,
whether it has a handler, whether its parameters fit (`server.lsp.wire.lenient_parsing`). pygls' handlers of document
notifications are removed: the session keeps the documents, for pygls' workspace needs milliseconds for an edit of a
large text. Knows no feature. Start at `StarlingProtocol.receive`.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from typing import TYPE_CHECKING, Any

import attrs
from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcMethodNotFound,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol, lsp_method

from server.lsp import own_methods
from server.lsp.wire import framing, lenient_parsing, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pygls.protocol.json_rpc import MsgId

    from server.lsp.wire.connection import Connection
    from server.lsp.wire.messages import Message

logger = logging.getLogger(__name__)

HANDLED_BY_SESSION = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
)
REQUEST_FAILED = types.LSPErrorCodes.RequestFailed.value
MOST_REQUESTS = 1000  # unanswered at once; each holds a snapshot of the session
SHUTDOWN_WAIT_S = 1.5  # for earlier requests to be answered after `shutdown`; editors wait two seconds for its answer
INPUT_WAIT_S = 4.0  # for earlier requests to be answered after the end of input
END_WAIT_S = 8.0  # for `shutdown` to be answered after `exit` (closing takes up to `session.CLOSE_WAIT_S`)
PENALTY_S = 1.0  # delay of the answer to a wrong token


class StarlingProtocol(LanguageServerProtocol):
    """The protocol of one connection.

    Attributes:
        admission: returns why the sender of `initialize` is not admitted, "" if it is; called with the parameters
            before anything else of the message is used. None after the admission, and where no token is needed.
    """

    _server: Connection
    admission: Callable[[object], str] | None = None
    _is_rejected = False

    # Incoming messages

    def receive(self, body: bytes) -> None:
        """Dispatch the message in `body`, or answer it with an error; ignore it once the client is rejected.

        Where a token is needed, a client whose first message is not a valid `initialize` is rejected.
        """
        if self._is_rejected:
            return
        try:
            message = messages.read(body)
        except messages.Malformed as error:
            self._server.session.guard.failures["malformed"] += 1
            logger.warning("a malformed message came: %s", error)
            if self.admission is not None:
                self.reject_client(error.identity, "the first message must be initialize")
            elif not error.silent:
                self._send_error(error.identity, JsonRpcException(str(error), error.code))
            return
        if self.admission is None or self._admit(message):
            self._dispatch(message)

    def refuse_oversized(self, length: int) -> None:
        """Send an error about a message of `length` bytes that was skipped; the error has no id, as none was read.

        A client that is not admitted yet is rejected; nothing more is sent to a rejected client.
        """
        sentence = f"a message of {length:,} bytes was left unread; {framing.MAX_BODY_BYTES:,} are the most"
        if self.admission is not None:
            self.reject_client(None, sentence)
        elif not self._is_rejected:
            self._server.session.guard.failures["malformed"] += 1
            logger.warning("%s", sentence)
            self._send_error(None, JsonRpcInvalidRequest(sentence))

    async def end_after_error(self, error: Exception) -> None:
        """End the connection after an `error` of its stream; tell an admitted client if the framing was wrong."""
        logger.warning("the connection cannot go on: %s", error)
        if self.admission is None and isinstance(error, framing.FramingError):
            self._send_error(None, JsonRpcInvalidRequest(f"the connection ends: {error}"))
        await self.end()

    def _admit(self, message: Message) -> bool:
        """Return whether the message is an `initialize` with the right token; end the connection after any other one.

        A wrong token is answered after `PENALTY_S`; messages that come meanwhile are ignored.
        """
        assert self.admission is not None  # noqa: S101 (checked by the caller)
        if message.method != types.INITIALIZE or message.identity is None:
            self.reject_client(message.identity, "the first message must be initialize")
            return False
        if reason := self.admission(message.params):
            asyncio.get_running_loop().call_later(PENALTY_S, self.reject_client, message.identity, reason)
            self._is_rejected = True  # later messages are ignored
            return False
        self.admission = None
        return True

    def reject_client(self, identity: MsgId | None, reason: str) -> None:
        """Answer the request `identity` (None if unknown) with the error `reason`, and end the connection."""
        self._is_rejected = True
        self._send_error(identity, JsonRpcException(reason, REQUEST_FAILED))
        self._server.stop(1)

    def _dispatch(self, message: Message) -> None:
        """Hand the message to its handler, or answer a request with the reason why that is not possible."""
        if not message.method:
            self._deliver_answer(message)
            return
        error = self._check_life_cycle(message.method) or self._check_handler(message)
        if error is None:
            try:
                params = self._parse_params(message)
            except JsonRpcInvalidParams as unfit:
                self._server.session.guard.failures["malformed"] += 1
                error = unfit
        if error is not None:
            if message.identity is not None:
                self._send_error(message.identity, error)
            elif not message.method.startswith("$/"):
                logger.warning("a notification cannot be handled: %s", error)
            return
        self._shutdown = self._shutdown or message.method == types.SHUTDOWN
        context = contextvars.copy_context()
        if message.identity is None or message.method == types.EXIT:
            context.run(self._handle_notification, message.method, params)
        else:
            context.run(self._handle_request, message.identity, message.method, params)

    def _check_life_cycle(self, method: str) -> JsonRpcException | None:
        """Return the error for a method that must not come now, None if it may."""
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest(f"{method} came after shutdown")
        if (method == types.INITIALIZE) is (self._workspace is not None):
            started = self._workspace is not None
            error: type[JsonRpcException] = JsonRpcInvalidRequest if started else JsonRpcServerNotInitialized
            return error(f"{method} came {'a second time' if started else 'before initialize'}")
        return None

    def _check_handler(self, message: Message) -> JsonRpcException | None:
        """Return the error for a message without a handler, with a wrong id, or beyond the limit; else None."""
        method, identity = message.method, message.identity
        known = method in self.fm.builtin_features or method in self.fm.features or method == types.CANCEL_REQUEST
        if not known or (identity is not None and not _is_request(method) and method != types.EXIT):
            return JsonRpcMethodNotFound(f"{method} is not a request that this server answers")
        if identity is None:
            return JsonRpcInvalidRequest(f"{method} needs an id") if _is_request(method) else None
        if identity in self._request_futures:
            return JsonRpcInvalidRequest("a request with this id is not answered yet")
        if len(self._request_futures) >= MOST_REQUESTS:
            return JsonRpcException(f"{MOST_REQUESTS:,} requests are not answered yet; wait for some", REQUEST_FAILED)
        return None

    def _parse_params(self, message: Message) -> Any:  # noqa: ANN401 (each method has its own)
        """Return the message's parameters in LSP's type.

        Raises:
            JsonRpcInvalidParams: the parameters do not fit the type.
        """
        kind = _get_params_type(message.method)
        if kind is None:
            return None
        params = {} if message.params is None else message.params
        if not isinstance(params, dict):
            raise JsonRpcInvalidParams(f"{message.method} takes one object as its params")
        try:
            return lenient_parsing.structure(params, kind, forgiving=message.method == types.INITIALIZE)
        except (lenient_parsing.Unfit, RecursionError) as error:
            raise JsonRpcInvalidParams(f"{message.method}: {error}") from error

    def _deliver_answer(self, message: Message) -> None:
        """Hand the client's answer to the caller that awaits it; a malformed answer becomes an error."""
        identity = str(message.identity)
        if identity not in self._result_types:
            logger.debug("an answer came to a request that was never sent, or was cancelled")
            return
        kind, error = self._result_types.pop(identity), message.data.get("error")
        if error is not None:
            self._handle_response(identity, error=_parse_error(error))
            return
        result = message.data.get("result")
        try:  # Starling's own methods have no type; their callers take JSON
            answer = result if kind is None else lenient_parsing.structure(result, attrs.fields(kind).result.type)
        except (lenient_parsing.Unfit, RecursionError):
            self._server.session.guard.failures["malformed"] += 1
            unfit = JsonRpcInvalidParams("the client's answer is not of LSP's type").to_response_error()
            self._handle_response(identity, error=unfit)
        else:
            self._handle_response(identity, answer)

    # Outgoing messages

    def _send_error(self, identity: MsgId | None, error: JsonRpcException) -> None:
        """Send `error` as the answer to the request `identity`; None if its id is unknown."""
        content = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": messages.VERSION, "id": identity, "error": content})

    def _send_data(self, data: Any) -> None:  # noqa: ANN401 (pygls')
        """Send a message; an answer that is no JSON, such as one with NaN, is replaced by an error answer.

        Other messages that are no JSON are dropped, and the failure is recorded.
        """
        try:
            body = json.dumps(data, default=self._serialize_message, allow_nan=False).encode()
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            self._server.session.guard.record_failure("sending", error)
            identity = getattr(data, "id", None)
            if identity is None or hasattr(data, "method"):
                return
            content = {"code": JsonRpcInternalError.CODE, "message": "the result cannot be sent; see Starling's log"}
            body = json.dumps({"jsonrpc": messages.VERSION, "id": identity, "error": content}).encode()
        if self.writer is None:
            return
        header = f"Content-Length: {len(body)}\r\n\r\n".encode() if self._include_headers else b""
        self.writer.write(header + body)

    def get_message_type(self, method: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return LSP's type of a message, None if LSP lacks the method.

        pygls' own method caches by protocol object, which keeps up to a hundred closed sessions in memory.
        """
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return LSP's type of the answer to a method, None if LSP lacks the method."""
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    # Life cycle

    def _register_builtin_features(self) -> None:
        """Register pygls' own handlers, except those of the notifications that the session handles."""
        super()._register_builtin_features()  # type: ignore[no-untyped-call]
        for method in HANDLED_BY_SESSION:
            del self.fm.builtin_features[method]

    def _handle_cancel_notification(self, msg_id: MsgId) -> None:
        """Cancel the request `msg_id`; ignore one that is answered already, for cancellations often come too late."""
        if isinstance(msg_id, int | str) and msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Answer as pygls does, and declare what pygls does not: `workspace/textDocumentContent` and own methods.

        pygls' workspace is not used and gets no folders, because it fails on folder names that are no URIs.
        """
        bare = attrs.evolve(params, root_uri=None, root_path=None, workspace_folders=None)
        answering = super().lsp_initialize(bare)
        handler, _, options = next(answering)
        result: types.InitializeResult | None = None
        try:
            answering.send((yield handler, (params,), options))
        except StopIteration as end:
            result = end.value
        assert result is not None  # noqa: S101 (pygls calls one handler, then returns the result)
        contents = self.fm.feature_options.get(types.WORKSPACE_TEXT_DOCUMENT_CONTENT)
        if contents is not None and result.capabilities.workspace is not None:
            result.capabilities.workspace.text_document_content = contents
        if own_methods.NEXT_EDIT in self.fm.features:
            result.capabilities.experimental = own_methods.CAPABILITIES
        return result

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Run a command through the one handler of all commands; pygls would convert the arguments."""
        return await self.fm.features[types.WORKSPACE_EXECUTE_COMMAND](params)

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: object) -> None:  # type: ignore[override]  # pygls' own is a generator
        """Answer earlier requests within `SHUTDOWN_WAIT_S`, cancel the others, and close the session.

        The connection stays open until `exit`.
        """
        own = self.msg_id
        await self._wait_for_requests(SHUTDOWN_WAIT_S, but=own)
        for identity, future in tuple(self._request_futures.items()):
            if identity != own:
                future.cancel()
        await self._server.session.close()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # pygls' own ends the process from here
        """End the connection: after `shutdown` once earlier requests are answered, else at once with exit status 1.

        The process is not ended here.
        """
        if self._shutdown:
            asyncio.ensure_future(self.end())  # noqa: RUF006 (the futures it awaits keep it alive)
        else:
            self._server.stop(1)

    async def end(self) -> None:
        """Ignore new messages, wait a bounded time for earlier requests to be answered, then end the connection."""
        self._is_rejected = True
        await self._wait_for_requests(END_WAIT_S if self._shutdown else INPUT_WAIT_S)
        self._server.stop(0 if self._shutdown else 1)

    async def _wait_for_requests(self, timeout_s: float, but: MsgId | None = None) -> None:
        """Wait at most `timeout_s` seconds until all current requests, except that of the id `but`, are answered."""
        futures: list[Any] = [future for identity, future in self._request_futures.items() if identity != but]
        running = [future for future in futures if asyncio.isfuture(future)]  # the others are the server's own requests
        if running:
            await asyncio.wait(running, timeout=timeout_s)


def _is_request(method: str) -> bool:
    """Return whether `method` is a request, of LSP or one of those that LSP lacks, not a notification."""
    if method in own_methods.METHODS:
        return own_methods.METHODS[method].is_request
    return types.METHOD_TO_TYPES.get(method, (None, None))[1] is not None


def _get_params_type(method: str) -> Any:  # noqa: ANN401
    """Return the type of the parameters of `method`, None for no parameters."""
    if method in own_methods.METHODS:
        return own_methods.METHODS[method].params
    kind = attrs.fields(types.METHOD_TO_TYPES[method][0]).params.type
    return None if kind is type(None) else kind


def _parse_error(error: object) -> types.ResponseError:
    """Return the error in a client's answer as LSP's type; any JSON is accepted."""
    code, message = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, error)
    known = code if type(code) is int else JsonRpcException.CODE
    return types.ResponseError(known, message if isinstance(message, str) else "the client answered with an error")

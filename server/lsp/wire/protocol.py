"""pygls' protocol with what it leaves open: every request is answered, malformed, early and late ones too.

Our own documents stand in the place of pygls' workspace, whose edits and conversions cost milliseconds in large texts,
so pygls' handlers of document notifications are taken out. A message is looked at in this order: whether it is one
(`server.lsp.wire.messages`), whether it may come now, whether anybody handles it, whether its parameters fit
(`server.lsp.wire.lenient_parsing`). Knows no feature. Start at `StarlingProtocol.receive`.
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

from server.lsp.wire import framing, lenient_parsing, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from pygls.protocol.json_rpc import MsgId

    from server.lsp.wire.connection import Connection
    from server.lsp.wire.messages import Message

logger = logging.getLogger(__name__)

OURS = (
    types.TEXT_DOCUMENT_DID_OPEN,
    types.TEXT_DOCUMENT_DID_CHANGE,
    types.TEXT_DOCUMENT_DID_CLOSE,
    types.NOTEBOOK_DOCUMENT_DID_OPEN,
    types.NOTEBOOK_DOCUMENT_DID_CHANGE,
    types.NOTEBOOK_DOCUMENT_DID_CLOSE,
    types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS,
)
REQUEST_FAILED = types.LSPErrorCodes.RequestFailed.value
MOST_REQUESTS = 1000  # unanswered at once; an editor has a handful, and each holds a snapshot of the session
SHUTDOWN_WAIT_S = 1.5  # for requests that came before `shutdown`; editors wait two seconds for its answer
INPUT_WAIT_S = 4.0  # for requests that came before the end of input; nobody waits for us any more
END_WAIT_S = 8.0  # for the answer to `shutdown` before `exit` is obeyed (closing takes `session.CLOSE_WAIT_S`)
PENALTY_S = 1.0  # between a wrong token and its answer


class StarlingProtocol(LanguageServerProtocol):
    """JSON-RPC and LSP's life cycle for one connection.

    Attributes:
        admission: says why the sender of `initialize` may not begin a session, "" when it may; None once it may, or
            where nobody has to prove who they are. It is asked before anything else of a message is looked at.
    """

    _server: Connection
    admission: Callable[[object], str] | None = None
    _turned_away = False

    # Messages that come

    def receive(self, body: bytes) -> None:
        """Handle one message, as it came."""
        if self._turned_away:
            return
        try:
            message = messages.read(body)
        except messages.Malformed as error:
            self._server.session.guard.failures["malformed"] += 1
            logger.warning("a message is none: %s", error)
            if self.admission is not None:
                self.turn_away(error.identity, "the first message must be initialize")
            elif not error.silent:
                self._send_error(error.identity, JsonRpcException(str(error), error.code))
            return
        if self.admission is None or self._admit(message):
            self._dispatch(message)

    def refuse_oversized(self, length: int) -> None:
        """Answer a message that was too long to be read; it has an id perhaps, but nobody knows which."""
        sentence = f"a message of {length:,} bytes was left unread; {framing.MAX_BODY_BYTES:,} are the most"
        if self.admission is not None:
            self.turn_away(None, sentence)
        elif not self._turned_away:
            self._server.session.guard.failures["malformed"] += 1
            logger.warning("%s", sentence)
            self._send_error(None, JsonRpcInvalidRequest(sentence))

    async def break_off(self, error: Exception) -> None:
        """End the connection, whose bytes make no sense any more; who has not begun a session is told nothing."""
        logger.warning("the connection cannot go on: %s", error)
        if self.admission is None and isinstance(error, framing.FramingError):
            self._send_error(None, JsonRpcInvalidRequest(f"the connection ends: {error}"))
        await self.end()

    def _admit(self, message: Message) -> bool:
        """Whether the message is one that begins a session; anything else ends the connection."""
        assert self.admission is not None  # noqa: S101 (seen by the caller)
        if message.method != types.INITIALIZE or message.identity is None:
            self.turn_away(message.identity, "the first message must be initialize")
            return False
        if reason := self.admission(message.params):
            asyncio.get_running_loop().call_later(PENALTY_S, self.turn_away, message.identity, reason)
            self._turned_away = True  # whatever else it has sent is not read
            return False
        self.admission = None
        return True

    def turn_away(self, identity: MsgId | None, reason: str) -> None:
        """Say why this connection ends, and end it."""
        self._turned_away = True
        self._send_error(identity, JsonRpcException(reason, REQUEST_FAILED))
        self._server.stop(1)

    def _dispatch(self, message: Message) -> None:
        """Hand a message to its handler, if the life cycle allows it now."""
        if not message.method:
            self._answered(message)
            return
        error = self._untimely(message.method) or self._unhandled(message)
        if error is None:
            try:
                params = self._params(message)
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

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Return why a message must not come now, None when it may."""
        if method == types.EXIT:
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest(f"{method} came after shutdown")
        if (method == types.INITIALIZE) is (self._workspace is not None):
            started = self._workspace is not None
            error: type[JsonRpcException] = JsonRpcInvalidRequest if started else JsonRpcServerNotInitialized
            return error(f"{method} came {'a second time' if started else 'before initialize'}")
        return None

    def _unhandled(self, message: Message) -> JsonRpcException | None:
        """Return why nobody can handle a message, None when somebody can."""
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

    def _params(self, message: Message) -> Any:  # noqa: ANN401 (each method has its own)
        """Return the parameters as LSP's type of them.

        Raises:
            JsonRpcInvalidParams: they do not fit.
        """
        kind = _params_type(message.method)
        if kind is None:
            return None
        params = {} if message.params is None else message.params
        if not isinstance(params, dict):
            raise JsonRpcInvalidParams(f"{message.method} takes one object as its params")
        try:
            return lenient_parsing.structure(params, kind, forgiving=message.method == types.INITIALIZE)
        except (lenient_parsing.Unfit, RecursionError) as error:
            raise JsonRpcInvalidParams(f"{message.method}: {error}") from error

    def _answered(self, message: Message) -> None:
        """Hand the client's answer to who asked; a malformed one is an error, for nobody waits for another."""
        identity = str(message.identity)
        if identity not in self._result_types:
            logger.debug("an answer came to a question that was not asked, or was taken back")
            return
        kind, said = self._result_types.pop(identity), message.data.get("error")
        if said is not None:
            self._handle_response(identity, error=_error_of(said))
            return
        result = message.data.get("result")
        try:  # methods of our own have no type, and whoever asks takes JSON
            answer = result if kind is None else lenient_parsing.structure(result, attrs.fields(kind).result.type)
        except (lenient_parsing.Unfit, RecursionError):
            self._server.session.guard.failures["malformed"] += 1
            error = JsonRpcInvalidParams("the client's answer is not what LSP says").to_response_error()
            self._handle_response(identity, error=error)
        else:
            self._handle_response(identity, answer)

    # Messages that go

    def _send_error(self, identity: MsgId | None, error: JsonRpcException) -> None:
        said = {"code": error.code, "message": error.message}
        self._send_data({"jsonrpc": messages.VERSION, "id": identity, "error": said})

    def _send_data(self, data: Any) -> None:  # noqa: ANN401 (pygls')
        """Send a message; what is no JSON, such as NaN in a result, becomes an error to who asked."""
        try:
            body = json.dumps(data, default=self._serialize_message, allow_nan=False).encode()
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            self._server.session.guard.failed("sending", error)
            identity = getattr(data, "id", None)
            if identity is None or hasattr(data, "method"):
                return
            said = {"code": JsonRpcInternalError.CODE, "message": "the result cannot be sent; see Starling's log"}
            body = json.dumps({"jsonrpc": messages.VERSION, "id": identity, "error": said}).encode()
        if self.writer is None:
            return
        header = f"Content-Length: {len(body)}\r\n\r\n".encode() if self._include_headers else b""
        self.writer.write(header + body)

    def get_message_type(self, method: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return LSP's type of a message; pygls' own remembers the last hundred sessions with their documents."""
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(self, method: str) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Return LSP's type of an answer, None for methods that LSP does not have."""
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    # Life cycle

    def _register_builtin_features(self) -> None:
        super()._register_builtin_features()  # type: ignore[no-untyped-call]
        for method in OURS:
            del self.fm.builtin_features[method]

    def _handle_cancel_notification(self, msg_id: MsgId) -> None:
        # else it is answered already, as happens all the time
        if isinstance(msg_id, int | str) and msg_id in self._request_futures:
            super()._handle_cancel_notification(msg_id)

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """As pygls answers, with the one capability that it does not know to declare.

        pygls' workspace, which nobody asks, gets no folders: it fails on names that are no URIs.
        """
        bare = attrs.evolve(params, root_uri=None, root_path=None, workspace_folders=None)
        answering = super().lsp_initialize(bare)
        handler, _, options = next(answering)
        result: types.InitializeResult | None = None
        try:
            answering.send((yield handler, (params,), options))
        except StopIteration as end:
            result = end.value
        assert result is not None  # noqa: S101 (pygls asks one handler, then answers)
        contents = self.fm.feature_options.get(types.WORKSPACE_TEXT_DOCUMENT_CONTENT)
        if contents is not None and result.capabilities.workspace is not None:
            result.capabilities.workspace.text_document_content = contents
        return result

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Any:  # type: ignore[override]  # noqa: ANN401
        """Commands are one feature of ours, with arguments of their own kind."""
        return await self.fm.features[types.WORKSPACE_EXECUTE_COMMAND](params)

    @lsp_method(types.SHUTDOWN)
    async def lsp_shutdown(self, *_: object) -> None:  # type: ignore[override]  # pygls' own is a generator
        """Everything ends but the connection, which waits for `exit`; what came before may be answered first."""
        own = self.msg_id
        await self._settle(SHUTDOWN_WAIT_S, but=own)
        for identity, future in tuple(self._request_futures.items()):
            if identity != own:
                future.cancel()
        await self._server.session.close()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # pygls' own ends the process from here
        """The connection ends; whoever serves it ends the process where that is right."""
        if self._shutdown:
            asyncio.ensure_future(self.end())  # noqa: RUF006 (what it waits for keeps it)
        else:
            self._server.stop(1)

    async def end(self) -> None:
        """Answer what was asked before the end, in bounded time, then end the connection."""
        self._turned_away = True
        await self._settle(END_WAIT_S if self._shutdown else INPUT_WAIT_S)
        self._server.stop(0 if self._shutdown else 1)

    async def _settle(self, timeout_s: float, but: MsgId | None = None) -> None:
        """Wait until the requests that came so far are answered, but for one of them."""
        futures: list[Any] = [future for identity, future in self._request_futures.items() if identity != but]
        running = [future for future in futures if asyncio.isfuture(future)]  # the others are questions of ours
        if running:
            await asyncio.wait(running, timeout=timeout_s)


def _is_request(method: str) -> bool:
    """Whether LSP answers this method."""
    return types.METHOD_TO_TYPES.get(method, (None, None))[1] is not None


def _params_type(method: str) -> Any:  # noqa: ANN401
    """Return LSP's type of a method's parameters, None where it has none."""
    kind = attrs.fields(types.METHOD_TO_TYPES[method][0]).params.type
    return None if kind is type(None) else kind


def _error_of(said: object) -> types.ResponseError:
    """Return the error that a client answered with, however it wrote it."""
    code, message = (said.get("code"), said.get("message")) if isinstance(said, dict) else (None, said)
    known = code if type(code) is int else JsonRpcException.CODE
    return types.ResponseError(known, message if isinstance(message, str) else "the client answered with an error")

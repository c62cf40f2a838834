"""pygls' protocol with what it leaves open: every request is answered, malformed, early and late ones too.

Our own documents stand in the place of pygls' workspace, whose edits and conversions cost milliseconds in large texts,
so pygls' handlers of document notifications are taken out. Knows no feature. Start at `StarlingProtocol.receive`.
"""

from __future__ import annotations

import contextvars
import json
import logging
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import LanguageServerProtocol, lsp_method

if TYPE_CHECKING:
    from collections.abc import Generator

    from pygls.protocol.json_rpc import MsgId, RPCMessage

    from server.app import StarlingServer

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


class StarlingProtocol(LanguageServerProtocol):
    """JSON-RPC and LSP's life cycle for one connection."""

    _server: StarlingServer

    def receive(self, body: bytes) -> None:
        """Handle one message, as it came."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError) as error:
            logger.warning("a message is not JSON: %s", error)
            answer = JsonRpcParseError(f"not JSON: {error}").to_response_error()
            self._send_data(types.ResponseErrorMessage(error=answer))
            return
        if not isinstance(data, dict) or "jsonrpc" not in data or isinstance(data.get("id"), list | dict):
            self._refuse(data)
            return
        message = self.structure_message(data)
        if message is not None:
            self.handle_message(message)

    def _refuse(self, data: object) -> None:
        """Answer what is no message of JSON-RPC 2.0 (a batch is none of LSP's), but nobody's answer to us."""
        self._server.session.guard.failures["malformed"] += 1
        if not isinstance(data, dict) or "method" in data:
            error = JsonRpcInvalidRequest("not a message of JSON-RPC 2.0, or not a single one").to_response_error()
            identity = data.get("id") if isinstance(data, dict) else None
            known = identity if isinstance(identity, int | str) else None
            self._send_data(types.ResponseErrorMessage(id=known, error=error))

    def structure_message(self, data: dict[str, Any]) -> Any:  # noqa: ANN401 (any message)
        """The message as an object; a malformed request is answered here, and None returned.

        A malformed answer is an error to who asked: nobody waits for another one.
        """
        if "error" in data and data["error"] is None and "method" not in data:
            data = {name: value for name, value in data.items() if name != "error"}  # some clients always name both
        awaited = data.get("id") in self._result_types
        try:
            return super().structure_message(data)
        except JsonRpcException:
            self._server.session.guard.failures["malformed"] += 1
            if "method" in data and "id" in data:
                error = JsonRpcInvalidParams(f"the parameters of {data['method']} are not what LSP says")
                self._send_response(data["id"], error=error.to_response_error())
            elif awaited:
                error = JsonRpcInvalidParams("the client's answer is not what LSP says")
                self._handle_response(data["id"], error=error.to_response_error())
            return None

    def handle_message(self, message: RPCMessage) -> None:
        """Hand a message to its handler, if the life cycle allows it now."""
        method, identity = getattr(message, "method", ""), getattr(message, "id", None)
        error = self._untimely(method)
        if error is None and method and message.jsonrpc == self.VERSION:
            # As pygls does it, which asks first what kind of message this is: a tenth of a key's time.
            context, params = contextvars.copy_context(), message.params  # type: ignore[union-attr]
            if identity is None:
                context.run(self._handle_notification, method, params)
            else:
                context.run(self._handle_request, identity, method, params)
        elif error is None:
            super().handle_message(message)
        elif identity is not None:
            self._send_response(identity, error=error.to_response_error())

    def _untimely(self, method: str) -> JsonRpcException | None:
        """Why a message must not come now; "" is the method of answers to our own requests."""
        if method in ("", types.EXIT):
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest(f"{method} came after shutdown")
        if (method == types.INITIALIZE) is (self._workspace is not None):
            started = self._workspace is not None
            error = JsonRpcInvalidRequest if started else JsonRpcServerNotInitialized
            return error(f"{method} came {'a second time' if started else 'before initialize'}")
        return None

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
        """As pygls answers, with the one capability that it does not know to declare."""
        result = yield from super().lsp_initialize(params)
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
        """Everything ends but the connection, which waits for `exit`."""
        self._shutdown = True
        own = self.msg_id
        for identity, future in tuple(self._request_futures.items()):
            if identity != own:
                future.cancel()
        await self._server.session.close()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *_: object) -> None:  # type: ignore[override]  # pygls' own ends the process from here
        """The connection ends; whoever serves it ends the process where that is right."""
        self._server.stop(0 if self._shutdown else 1)

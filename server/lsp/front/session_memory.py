"""The front's memory of a session, by which another resident server can continue it.

The messages of the editor that led to the present state, with the open documents' texts; and which requests of each
side have no answer. Texts are kept as they were opened, with the later changes as messages; once these take much
memory, the front asks the resident server for the whole text. Does no input or output. Start at `SessionMemory`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container

REQUEST_FAILED = -32803  # LSP's error code
OWN_ID = "starling-front"
"""Id of the front's own requests; what answers them is passed on to nobody."""
INTERRUPTED = "Starling's process ended while it worked on this. It was started again; ask once more."
CHANGE_BYTES = 1 << 16  # of a document's changes; with more, and more than its text, the whole text is asked for
MOST_CHANGES = 400
NOTEBOOK_BYTES = 1 << 24  # of a notebook's changes; a notebook with more is not opened again
CONFIGURATION, FOLDERS = "workspace/didChangeConfiguration", "workspace/didChangeWorkspaceFolders"
REGISTER, UNREGISTER = "client/registerCapability", "client/unregisterCapability"
PROGRESS = "$/progress"
# Requests that change nothing, so that another process may answer them.
REPEATABLE = ("initialize", "textDocument/", "codeAction/", "notebookDocument/", "workspace/diagnostic",
              "workspace/textDocumentContent", "starling/nextEdit")  # fmt: skip


class OpenText:
    """An open document or notebook: the message that opened it, and the messages that changed it since.

    Attributes:
        opened: body of the message that opened it.
        changes: bodies of later messages, oldest first.
        size: bytes of all changes.
        is_asked: whether its whole text was asked for and has not come.
    """

    __slots__ = ("changes", "is_asked", "opened", "size")

    def __init__(self, opened: bytes) -> None:
        self.opened = opened
        self.changes: list[bytes] = []
        self.size = 0
        self.is_asked = False

    def add(self, body: bytes, *, is_whole: bool = False) -> None:
        """Add a message that changed it; one that brings the whole text (`is_whole`) replaces all earlier ones."""
        if is_whole:
            self.replace_first(len(self.changes), None)
        self.changes.append(body)
        self.size += len(body)

    def is_long(self) -> bool:
        """Return whether the changes take so much memory that the whole text should be asked for."""
        if len(self.changes) == 1:
            return False
        return len(self.changes) > MOST_CHANGES or self.size > max(CHANGE_BYTES, len(self.opened))

    def replace_first(self, count: int, opened: bytes | None) -> None:
        """Replace the message that opened it and its first `count` changes by `opened`; None drops the changes only."""
        self.opened = self.opened if opened is None else opened
        del self.changes[:count]
        self.size = sum(map(len, self.changes))
        self.is_asked = False


class SessionMemory:
    """The memory of one session.

    Attributes:
        encoding: the unit of positions, as LSP names it.
        refusal: the error with which the server has answered `initialize`, "" for none.
        pending: method and body of each request of the editor that has no answer, by id.
        asked: ids of the server's requests that the editor has not answered.
        is_shut_down: whether the editor has sent `shutdown`.
        texts: open documents by URI.
    """

    def __init__(self, interrupted: str = INTERRUPTED) -> None:
        """Begin empty; `interrupted` is the error for requests whose process ended."""
        self.encoding = "utf-16"
        self.refusal = ""
        self._interrupted = interrupted
        self.pending: dict[int | str, tuple[str, bytes]] = {}
        self.asked: set[int | str] = set()
        self.is_shut_down = False
        self.texts: dict[str, OpenText] = {}
        self._notebooks: dict[str, OpenText] = {}
        self._initialize: dict[str, Any] | None = None
        self._is_initialized = False
        self._configuration: bytes | None = None
        self._registered: dict[str, str] = {}  # method by the registration's id
        self._progress: dict[int | str, None] = {}  # tokens of shown progress

    def note_client(self, body: bytes) -> str:
        """Remember a message of the editor; return its method, "" for an answer or what is no message.

        Returns "late" for an answer to a question of a process that has ended.
        """
        message = parse(body)
        method, identity, params = message.get("method"), message.get("id"), message.get("params")
        if not isinstance(method, str):
            if ("result" in message or "error" in message) and isinstance(identity, int | str):
                if identity not in self.asked:
                    return "late"
                self.asked.discard(identity)
            return ""
        if isinstance(identity, int | str):
            self.pending[identity] = (method, body)
        self._note_state(method, params if isinstance(params, dict) else {}, message, body)
        return method

    def _note_state(self, method: str, params: dict[str, Any], message: dict[str, Any], body: bytes) -> None:
        """Remember what a message of the editor changes in the session's state."""
        if method == "initialize":
            self._initialize = self._initialize or message
        elif method == "initialized":
            self._is_initialized = True
        elif method == "shutdown":
            self.is_shut_down = True
        elif method == CONFIGURATION:
            self._configuration = body
        elif method == FOLDERS:
            self._change_folders(params.get("event"))
        elif method.startswith(("textDocument/did", "notebookDocument/did")):
            self._note_text(method, params, body)

    def _note_text(self, method: str, params: dict[str, Any], body: bytes) -> None:
        """Remember a message that opens, changes or closes a document or notebook."""
        kind, _, action = method.partition("/")
        texts = self.texts if kind == "textDocument" else self._notebooks
        uri = _find_uri(params, kind)
        text = texts.get(uri)
        if action == "didOpen":
            texts[uri] = OpenText(body)
        elif action == "didClose":
            texts.pop(uri, None)
        elif action == "didChange" and text is not None:
            text.add(body, is_whole=_is_whole(params.get("contentChanges")))
            if texts is self._notebooks and text.size > NOTEBOOK_BYTES:
                del texts[uri]

    def note_server(self, body: bytes) -> bool:
        """Remember a message of the resident server; return whether it is for the editor."""
        message = parse(body)
        method, identity, params = message.get("method"), message.get("id"), message.get("params")
        if not isinstance(method, str):
            answered = self.pending.pop(identity, None) if isinstance(identity, int | str) else None
            if answered is not None and answered[0] == "initialize":
                self.encoding = _find_encoding(message.get("result"))
                self.refusal = find_message(message)
            return identity != OWN_ID
        if isinstance(identity, int | str):
            self.asked.add(identity)
        self._note_shown(method, params if isinstance(params, dict) else {})
        return True

    def _note_shown(self, method: str, params: dict[str, Any]) -> None:
        """Remember registrations and shown progress that a message of the resident server begins or ends."""
        if method == REGISTER:
            self._registered.update({one["id"]: one["method"] for one in params.get("registrations", ())})
        elif method == UNREGISTER:
            for one in params.get("unregisterations", ()):
                self._registered.pop(one["id"], None)
        elif method == PROGRESS and isinstance(value := params.get("value"), dict):
            if value.get("kind") == "begin":
                self._progress[params["token"]] = None
            elif value.get("kind") == "end":
                self._progress.pop(params["token"], None)

    def choose_long_texts(self) -> list[str]:
        """Return the URIs of documents whose whole text should be asked for, and note that it was."""
        long = [uri for uri, text in self.texts.items() if not text.is_asked and text.is_long()]
        for uri in long:
            self.texts[uri].is_asked = True
        return long

    def list_replayed(self) -> list[bytes]:
        """Return the messages that bring a new process to the session's present state.

        None before `initialize` is answered: then nothing but that request was sent, and `settle_pending` repeats it.
        """
        if self._initialize is None or any(method == "initialize" for method, _ in self.pending.values()):
            return []
        messages = [_encode({**self._initialize, "id": OWN_ID})]
        if self._is_initialized:
            messages.append(_encode({"jsonrpc": "2.0", "method": "initialized", "params": {}}))
        if self._configuration is not None:
            messages.append(self._configuration)
        for text in (*self.texts.values(), *self._notebooks.values()):
            text.is_asked = False
            messages += [text.opened, *text.changes]
        return messages

    def settle_pending(self, unsent: Container[int | str] = ()) -> tuple[list[bytes], list[bytes]]:
        """Return the requests to send to a new process, and the answers to give to the editor to all others.

        The latter are requests that may have changed something before the old process ended.

        Args:
            unsent: ids of requests that were sent to no process.
        """
        repeated, answers = [], []
        for identity, (method, body) in list(self.pending.items()):
            if method.startswith(REPEATABLE) or identity in unsent:
                repeated.append(body)
                continue
            del self.pending[identity]
            if method == "shutdown":
                answers.append(_encode({"jsonrpc": "2.0", "id": identity, "result": None}))
            else:
                answers.append(make_error(identity, REQUEST_FAILED, self._interrupted))
        return repeated, answers

    def fail_pending(self, reason: str, data: object = None) -> list[bytes]:
        """Return an error answer with `reason` and `data` for each unanswered request of the editor; forget them."""
        answers = [make_error(identity, REQUEST_FAILED, reason, data) for identity in self.pending]
        self.pending.clear()
        return answers

    def end_shown(self) -> list[bytes]:
        """Return the messages that end what the old process has begun in the editor; forget it.

        These end each shown progress, and take back registrations, which a new process makes again.
        """
        self.asked.clear()
        ended = [
            {"jsonrpc": "2.0", "method": PROGRESS, "params": {"token": token, "value": {"kind": "end"}}}
            for token in self._progress
        ]
        messages = [_encode(one) for one in ended]
        if self._registered:
            taken = [{"id": one, "method": method} for one, method in self._registered.items()]
            parameters = {"unregisterations": taken}
            messages.append(_encode({"jsonrpc": "2.0", "id": OWN_ID, "method": UNREGISTER, "params": parameters}))
        self._progress.clear()
        self._registered.clear()
        return messages

    def _change_folders(self, event: object) -> None:
        """Change the workspace folders in the remembered `initialize`."""
        if self._initialize is None or not isinstance(event, dict):
            return
        params = dict(self._initialize.get("params") or {})
        present = params.get("workspaceFolders")
        if present is None:
            root = params.get("rootUri")
            present = [{"uri": root, "name": ""}] if root else []
        removed = {one.get("uri") for one in event.get("removed") or () if isinstance(one, dict)}
        kept = [one for one in present if one.get("uri") not in removed]
        params["workspaceFolders"] = [*kept, *(event.get("added") or ())]
        self._initialize = {**self._initialize, "params": params}


def make_error(identity: int | str | None, code: int, reason: str, data: object = None) -> bytes:
    """Return the body of an error answer, with `data` unless it is None."""
    error = {"code": code, "message": reason, **({} if data is None else {"data": data})}
    return _encode({"jsonrpc": "2.0", "id": identity, "error": error})


def find_message(answer: dict[str, Any]) -> str:
    """Return the message of an error answer; "" for another answer."""
    error = answer.get("error")
    return str(error.get("message") or "unknown error").rstrip(".") if isinstance(error, dict) else ""


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`; an empty one if it holds something else."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _encode(message: dict[str, Any]) -> bytes:
    """Return `message` as the body of a message."""
    return json.dumps(message).encode()


def _is_whole(changes: object) -> bool:
    """Return whether the first of a document's `changes` replaces its whole text."""
    first = changes[0] if isinstance(changes, list) and changes else None
    return isinstance(first, dict) and "range" not in first


def _find_encoding(result: object) -> str:
    """Return the unit of positions that the answer to `initialize` names; "utf-16" if it names none."""
    capabilities = result.get("capabilities") if isinstance(result, dict) else None
    named = capabilities.get("positionEncoding") if isinstance(capabilities, dict) else None
    return named if isinstance(named, str) else "utf-16"


def _find_uri(params: dict[str, Any], kind: str) -> str:
    """Return the URI of the document or notebook in `params`, under the name `kind`; "" for none."""
    named = params.get(kind)
    return str(named.get("uri", "")) if isinstance(named, dict) else ""

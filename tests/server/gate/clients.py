"""Doubles of editors, honest and not, each with a person: they show questions, answer, and change real files.

They behave as real editors were observed to. Texts are ASCII with plain line ends, so that positions are simple.
Start at `ClientKind` and `Desk`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from tests.server.editor import SILENCE

if TYPE_CHECKING:
    from tests.server.editor import Editor

OPERATIONS = ["create", "rename", "delete"]
ANNOTATING = {"resourceOperations": OPERATIONS, "changeAnnotationSupport": {"groupsOnLabel": True}}
SHOWING = {"showDocument": {"support": True}}


class ClientKind(StrEnum):
    """The kind of editor."""

    VSCODE = "Visual Studio Code"
    EXTENSION = "Visual Studio Code with our extension"
    NEOVIM = "Neovim"
    MESSAGES = "only messages"
    NOTHING = "nothing"


CAPABILITIES: dict[ClientKind, dict[str, Any]] = {
    ClientKind.VSCODE: {
        "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True, **ANNOTATING}},
        "window": {**SHOWING, "showMessage": {}},
    },
    ClientKind.EXTENSION: {
        "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True, **ANNOTATING}},
        "window": {**SHOWING, "showMessage": {}},
        "experimental": {"starling": {"confirm": True}},
    },
    ClientKind.NEOVIM: {"workspace": {"applyEdit": True, "workspaceEdit": ANNOTATING}, "window": SHOWING},
    ClientKind.MESSAGES: {"workspace": {"applyEdit": True}},
    ClientKind.NOTHING: {"workspace": {"applyEdit": True}},
}


class Reply(StrEnum):
    """The reaction of the person."""

    YES = "yes"
    NO = "no"
    PART = "part"  # ticks the first box only; where there are no boxes the editor makes the first change only
    SILENCE = "silence"


@dataclass
class Desk:
    """A person at an editor of some kind.

    Attributes:
        asked: each question that was put: "preview", "message", "comparison", or "confirm" for Neovim's own.
    """

    editor: Editor
    kind: ClientKind
    reply: Reply
    asked: list[str] = field(default_factory=list)
    _versions: dict[str, tuple[int, str]] = field(default_factory=dict)

    async def begin(self, *roots: Path) -> None:
        """Do the handshake, and answer every request of the server from then on."""
        answers = self.editor.answers
        answers["window/showMessageRequest"] = self._message
        answers["window/showDocument"] = {"success": True}
        answers["starling/confirm"] = self._compare
        answers["workspace/applyEdit"] = self._apply
        folders = [{"uri": root.as_uri(), "name": root.name} for root in roots]
        await self.editor.begin(CAPABILITIES[self.kind], clientInfo={"name": self.kind.value}, workspaceFolders=folders)

    def open(self, path: Path) -> None:
        """Open a file."""
        uri, text = path.as_uri(), path.read_text(encoding="utf-8")
        self._versions[uri] = (1, text)
        self.editor.open(text, uri=uri, version=1)

    def reload(self, path: Path) -> None:
        """Read an open file from the disk again."""
        uri, text = path.as_uri(), path.read_text(encoding="utf-8")
        version = self._versions[uri][0] + 1
        self._versions[uri] = (version, text)
        document = {"uri": uri, "version": version}
        self.editor.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def text(self, path: Path) -> str | None:
        """Return the text that the person sees: that of the buffer, else of the file; None if there is neither."""
        opened = self._versions.get(path.as_uri())
        if opened is not None:
            return opened[1]
        return path.read_text(encoding="utf-8") if path.exists() else None

    def _message(self, params: dict[str, Any]) -> Any:
        if self.kind is ClientKind.NOTHING:
            return NotImplementedError("window/showMessageRequest")
        self.asked.append("message")
        if self.reply is Reply.SILENCE:
            return SILENCE
        return None if self.reply is Reply.NO else {"title": params["actions"][0]["title"]}

    def _compare(self, params: dict[str, Any]) -> Any:
        if self.kind is not ClientKind.EXTENSION:
            return NotImplementedError("starling/confirm")
        self.asked.append("comparison")
        if self.reply is Reply.SILENCE:
            return SILENCE
        return None if self.reply is Reply.NO else {"answer": params["answers"][0]}

    def _apply(self, params: dict[str, Any]) -> Any:
        edit = params["edit"]
        steps = edit.get("documentChanges") or [
            {"textDocument": {"uri": uri}, "edits": edits} for uri, edits in edit["changes"].items()
        ]
        if edit.get("changeAnnotations") and self.kind in {ClientKind.VSCODE, ClientKind.EXTENSION}:
            self.asked.append("preview")
            if self.reply is Reply.SILENCE:
                return SILENCE
            if self.reply is Reply.NO:
                return {"applied": False}
        for step in steps[:1] if self.reply is Reply.PART else steps:
            self._make(step)
        return {"applied": True}

    def _make(self, step: dict[str, Any]) -> None:
        match step.get("kind"):
            case "create":
                path = _path(step["uri"])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"")  # as Neovim does it: what was there is gone
            case "rename":
                _path(step["oldUri"]).rename(_path(step["newUri"]))
                self._close(step["oldUri"])
            case "delete":
                _path(step["uri"]).unlink()
                self._close(step["uri"])
            case _:
                self._edit(step["textDocument"]["uri"], step["edits"])

    def _edit(self, uri: str, edits: list[dict[str, Any]]) -> None:
        if any("annotationId" in edit for edit in edits) and self.kind is ClientKind.NEOVIM:
            self.asked.append("confirm")
        if uri not in self._versions:
            self.open(_path(uri))
        version, text = self._versions[uri]
        for edit in reversed(edits):
            start, end = (_offset(text, edit["range"][end]) for end in ("start", "end"))
            text = text[:start] + edit["newText"] + text[end:]
        self._versions[uri] = (version + 1, text)
        document = {"uri": uri, "version": version + 1}
        self.editor.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def _close(self, uri: str) -> None:
        if self._versions.pop(uri, None) is not None:
            self.editor.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def _path(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


def _offset(text: str, position: dict[str, int]) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: position["line"]]) + position["character"]

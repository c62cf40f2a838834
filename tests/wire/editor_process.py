"""An editor as a process of its own, which tests kill: one request to the team, every question answered with yes.

Reads the server's messages on its standard input, writes its own to its standard output, and tells on stderr what
happens, as lines of JSON. Applies edits as an editor that saves: in the open document, and in the file. Argument: JSON
with `workspace`, `open` (names of files to open) and `request` (arguments of `starling.ask`; without a session it goes
on with the newest one). Imports nothing of the program, so that it starts at once.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
from pathlib import Path
from typing import Any

CAPABILITIES = {
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}},
    "general": {"positionEncodings": ["utf-32"]},
}
YES = ("Apply", "Run", "Yes", "Allow")


class Editor:
    """The editor: its connection and its open documents, by URI, each with version and text."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._documents: dict[str, tuple[int, str]] = {}
        self._number = 0

    def tell(self, **fact: Any) -> None:
        """Write a line about what happens to stderr."""
        os.write(2, json.dumps(fact).encode() + b"\n")

    def notify(self, method: str, params: object) -> None:
        """Send a notification."""
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        """Send a request, answer everything that the server asks meanwhile, and return the result.

        Ends the process if the server is gone or answers with an error.
        """
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message:
                self._take(message)
            elif message.get("id") == number:
                if "error" in message:
                    self.tell(error=message["error"])
                    sys.exit(1)
                return message["result"]

    def open(self, name: str) -> None:
        """Open a file of the workspace."""
        path = self._workspace / name
        text = path.read_text("utf-8")
        self._documents[path.as_uri()] = (1, text)
        item = {"uri": path.as_uri(), "languageId": "plaintext", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def _take(self, message: dict[str, Any]) -> None:
        """Take a notification, or answer a request of the server."""
        method: str = message["method"]
        params: Any = message.get("params")
        if method == "$/progress":
            if isinstance(params["value"], dict) and params["token"] == "turn":
                self.tell(event=params["value"])
            return
        if "id" not in message:
            return
        result: object = None
        if method == "window/showMessageRequest":
            self.tell(asked=params["message"])
            result = next((one for one in params["actions"] if one["title"].startswith(YES)), None)
            self.tell(answered=result)
        elif method == "workspace/applyEdit":
            for change in params["edit"]["documentChanges"]:
                self._apply(change["textDocument"]["uri"], change["edits"])
            result = {"applied": True}
        elif method == "workspace/configuration":
            result = [None for _ in params["items"]]
        self._send({"id": message["id"], "result": result})

    def _apply(self, uri: str, edits: list[dict[str, Any]]) -> None:
        """Apply edits to the document, if it is open, and save it; else to the file."""
        path = Path(urllib.parse.unquote(urllib.parse.urlsplit(uri).path))
        version, text = self._documents.get(uri, (0, ""))
        text = text if version else path.read_text("utf-8")
        starts = [0]
        for line in text.splitlines(keepends=True):
            starts.append(starts[-1] + len(line))
        for edit in sorted(edits, key=lambda one: one["range"]["start"]["line"], reverse=True):
            start, end = (starts[place["line"]] + place["character"] for place in edit["range"].values())
            text = text[:start] + edit["newText"] + text[end:]
        if version:
            self._documents[uri] = (version + 1, text)
            document = {"uri": uri, "version": version + 1}
            self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        temporary = path.with_name(f".{path.name}.new")  # as editors save: a kill leaves the old text or the new one
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
        self.tell(saved=path.name)
        if version:
            self.notify("textDocument/didSave", {"textDocument": {"uri": uri}})

    def _send(self, message: dict[str, Any]) -> None:
        data = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            self._end_without_server()

    def _receive(self) -> dict[str, Any]:
        size = 0
        while (line := sys.stdin.buffer.readline()).strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        data = sys.stdin.buffer.read(size) if line else b""
        if not data:
            self._end_without_server()
        return dict(json.loads(data))

    def _end_without_server(self) -> None:
        self.tell(gone=True)
        os._exit(2)


def main() -> None:
    """Make one request, and end."""
    given = json.loads(sys.argv[1])
    workspace = Path(given["workspace"])
    editor = Editor(workspace)
    folders = [{"uri": workspace.as_uri(), "name": "workspace"}]
    params = {"processId": os.getpid(), "rootUri": None, "workspaceFolders": folders, "capabilities": CAPABILITIES}
    editor.ask("initialize", {**params, "clientInfo": {"name": "killed"}})
    editor.notify("initialized", {})
    for name in given["open"]:
        editor.open(name)
    request = given["request"]
    if "session" not in request:
        found = editor.ask("workspace/executeCommand", {"command": "starling.sessions", "arguments": [{}]})
        request["session"] = found["sessions"][0]["id"] if found["sessions"] else ""
    command = {"command": "starling.ask", "arguments": [{**request, "partial_token": "turn"}]}
    editor.tell(end=editor.ask("workspace/executeCommand", command))
    for name in ("approvals", "audit", "sessions"):
        command = {"command": f"starling.{name}", "arguments": [{"limit": 1000}]}
        editor.tell(**{name: editor.ask("workspace/executeCommand", command)[{"audit": "rows"}.get(name, name)]})
    editor.ask("shutdown", None)
    editor.notify("exit", None)


if __name__ == "__main__":
    main()

"""A language server that proposes scripted next edits: `python next_edit_server.py SCRIPT LOG`.

SCRIPT is JSON with `edits`, a list of rules, and a `suggestion`, null or the text that is suggested whenever the client
asks. The first rule whose `old` is in its file is proposed, for the first place. LOG gets each message of the client as
a line of JSON. For what the real server does not do at a certain moment: an answer that comes too late, one for another
version, one for another file. Start at `Script.write`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REQUEST, SHOWN, ENDED = "starling/nextEdit", "starling/didShowNextEdit", "starling/didEndNextEdit"
STATUS = {
    "state": "ready",
    "version": "0",
    "roots": [],
    "index": {"state": "ready", "files": 1, "problem": ""},
    "model": None,
    "problems": [],
}
CAPABILITIES = {
    "positionEncoding": "utf-16",
    "textDocumentSync": 1,  # each change has the whole text
    "inlineCompletionProvider": {},
    "executeCommandProvider": {"commands": ["starling.status"]},
    "experimental": {"starling": {"nextEdit": True}},
}
RESULTS = {"initialize": {"capabilities": CAPABILITIES}, "workspace/executeCommand": STATUS}


@dataclass(frozen=True)
class Script:
    """The server for a test.

    Attributes:
        command: starts the server.
        log: the messages that it got.
    """

    command: list[str]
    log: Path

    @staticmethod
    def write(folder: Path, *edits: dict[str, Any], suggestion: str | None = None) -> Script:
        """Write a script into `folder` and return it; the module's docstring describes its parts."""
        folder.mkdir()
        file, log = folder / "script.json", folder / "log"
        file.write_text(json.dumps({"edits": edits, "suggestion": suggestion}), encoding="utf-8")
        log.touch()
        return Script([sys.executable, str(Path(__file__)), str(file), str(log)], log)

    def read_params(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of all messages of a method that came so far."""
        messages = [json.loads(line) for line in self.log.read_text(encoding="utf-8").split("\n")[:-1]]
        return [message["params"] for message in messages if message.get("method") == method]


def read_message() -> dict[str, Any] | None:
    """Return the next message from stdin; None at its end."""
    length = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return json.loads(sys.stdin.buffer.read(length)) if length else None


def send(answered: object, result: object) -> None:
    """Write the `result` of the request with the id `answered` to stdout."""
    body = json.dumps({"jsonrpc": "2.0", "id": answered, "result": result}).encode()
    sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    sys.stdout.buffer.flush()


def propose(rules: list[dict[str, Any]], texts: dict[str, tuple[int, str]], asked: str) -> dict[str, Any] | None:
    """Return the answer of the first rule that applies; None if none does.

    A rule has `old` and `new`, and may have `file` (the end of a URI instead of `asked`) and `version`, which is added
    to the real one.
    """
    for number, rule in enumerate(rules):
        for uri, (version, text) in texts.items():
            start = text.find(rule["old"])
            if start < 0 or not (uri.endswith(rule["file"]) if "file" in rule else uri == asked):
                continue
            places = {"start": _locate(text, start), "end": _locate(text, start + len(rule["old"]))}
            document = {"uri": uri, "version": version + rule.get("version", 0)}
            edit = {"id": f"e{number}-{version}", "textDocument": document, "range": places, "newText": rule["new"]}
            return {"edit": {**edit, "kind": "rename", "reason": "`count` was renamed to `total`."}}
    return None


def _locate(text: str, offset: int) -> dict[str, int]:
    """Return the LSP position of an offset in a text of characters that UTF-16 has in one unit."""
    before = text[:offset]
    return {"line": before.count("\n"), "character": offset - (before.rfind("\n") + 1)}


@dataclass
class Server:
    """The server's state.

    Attributes:
        rules: the script's `edits`.
        suggestion: the script's `suggestion`.
        texts: version and text of each open document, by URI.
        late: answers that wait for a change, each with the id of its request.
    """

    rules: list[dict[str, Any]]
    suggestion: str | None
    texts: dict[str, tuple[int, str]] = field(default_factory=dict)
    late: list[tuple[object, object]] = field(default_factory=list)

    def handle_notification(self, method: str, params: dict[str, Any]) -> None:
        """Follow the texts of the documents; a change brings the late answers."""
        document = params.get("textDocument", {})
        if method == "textDocument/didOpen":
            self.texts[document["uri"]] = document["version"], document["text"].replace("\r\n", "\n")
        elif method == "textDocument/didChange":
            text = params["contentChanges"][-1]["text"].replace("\r\n", "\n")
            self.texts[document["uri"]] = document["version"], text
            while self.late:
                send(*self.late.pop())
        elif method == "textDocument/didClose":
            self.texts.pop(document["uri"], None)

    def handle_request(self, asked: object, method: str, params: dict[str, Any]) -> None:
        """Answer a request; one for a next edit only after the next change if a rule has `late`."""
        if method == "textDocument/inlineCompletion" and self.suggestion is not None:
            cursor = {"start": params["position"], "end": params["position"]}
            send(asked, [{"insertText": self.suggestion, "range": cursor}])
            return
        if method != REQUEST:
            send(asked, RESULTS.get(method))
            return
        answer = propose(self.rules, self.texts, params["textDocument"]["uri"])
        if any(rule.get("late") for rule in self.rules):
            self.late.append((asked, answer))
        else:
            send(asked, answer)


def main(script: Path, log: Path) -> None:
    """Answer messages until stdin ends or the client says so."""
    scripted = json.loads(script.read_text(encoding="utf-8"))
    server = Server(scripted["edits"], scripted["suggestion"])
    while (message := read_message()) and message.get("method") != "exit":
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(message) + "\n")
        method, params = message.get("method"), message.get("params") or {}
        if method is not None and "id" in message:
            server.handle_request(message["id"], method, params)
        elif method is not None:
            server.handle_notification(method, params)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

"""A program that speaks the Model Context Protocol by hand, over stdio, and misbehaves as its argument says.

python raw_server.py MISDEED [FILE]    (with "tell", the tool returns the text of FILE)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

MISDEED = sys.argv[1]
TOLD: list[str] = []


def write(message: dict[str, Any]) -> None:
    """Write one message."""
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def make_tool(name: str, description: str = "A tool.", schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a tool as the protocol writes one."""
    return {"name": name, "description": description, "inputSchema": schema or {"type": "object"}}


def list_tools() -> list[dict[str, Any]]:
    """Return the tools, by the misdeed."""
    match MISDEED:
        case "many":
            return [make_tool(f"tool{number}") for number in range(10_000)]
        case "names":
            return [make_tool(name) for name in ("good", "with space", "\x1b[2Jx", "good", "\u202egnp", "x" * 500)]
        case "large":
            return [make_tool("large", schema={"type": "object", "description": "x" * 50_000}), make_tool("small")]
        case "malformed":
            return [{"name": 7}]
        case _:
            return [make_tool(name) for name in ("tool", *TOLD)]


def answer(message: dict[str, Any]) -> None:
    """Answer one request of the client, or misbehave."""
    identity, method = message["id"], message["method"]
    if method == "initialize":
        result: dict[str, Any] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "raw", "version": "1"},
        }
    elif method == "tools/list":
        if MISDEED == "pages":
            write({"id": identity, "result": {"tools": [make_tool(f"page{identity}")], "nextCursor": "more"}})
            return
        result = {"tools": list_tools()}
    elif method == "tools/call":
        params = message["params"]
        misbehave()
        result = {"content": run(params["name"], params.get("arguments") or {})}
    else:
        write({"id": identity, "error": {"code": -32601, "message": "There is no such method."}})
        return
    write({"id": identity, "result": result})


def run(name: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the content that a tool answers with."""
    match name:
        case "echo":
            text = arguments["text"]
        case "environment":
            text = json.dumps({"environment": dict(os.environ), "folder": str(Path.cwd())})
        case "end":
            os._exit(3)
        case "sleep":
            time.sleep(600)
        case "learn":
            TOLD.append("learned")
            write({"method": "notifications/tools/list_changed"})
            text = "done"
        case "contents":
            return [
                {"type": "image", "data": "aaaa", "mimeType": "image/png"},
                {"type": "resource_link", "name": "a file", "uri": "file:///a.txt"},
                {"type": "resource", "resource": {"uri": "file:///b.txt", "text": "of b"}},
            ]
        case _:
            text = Path(sys.argv[2]).read_text("utf-8") if MISDEED == "tell" else "done"
    return [{"type": "text", "text": text}]


def misbehave() -> None:
    """Do the misdeed, if it is one of calls."""
    match MISDEED:
        case "flood":
            while True:
                write({"method": "notifications/message", "params": {"level": "info", "data": "x" * 1000}})
        case "line":
            while True:
                sys.stdout.write("x" * 100_000)
        case "junk":
            while True:
                sys.stdout.write("no message\n")
        case "hang":
            time.sleep(600)


def main() -> None:
    """Serve until the input ends; some misdeeds go on after it."""
    if MISDEED == "silent":
        time.sleep(600)
    if MISDEED == "dead":
        sys.stderr.write("I am out of order: token=hunter2hunter2\n")
        sys.exit(3)
    if MISDEED == "greeting":
        sys.stdout.write("Welcome!\n{}\n[1, 2]\n")
    if MISDEED == "children":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        sys.stderr.write(f"child {child.pid}\n")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message and "method" in message:
            answer(message)
    if MISDEED in {"stubborn", "children"}:
        time.sleep(600)


if __name__ == "__main__":
    if MISDEED == "stubborn":
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    main()

"""The published JSON schemas of all commands: `schema.json` beside this file, held to the code by a test.

Start at `schemas`; `python -c "from server.lsp.commands import schema; schema.write()"` renews the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.lsp import commands

FILE = Path(__file__).with_name("schema.json")


def schemas() -> dict[str, Any]:
    """For each command what it does, takes and returns."""
    published = {}
    for name in sorted(commands.COMMANDS):
        command = commands.load(name)
        published[name] = {
            "description": (command.__doc__ or "").split(": ", 1)[1].strip(),
            "arguments": command.Arguments.model_json_schema(),
            "result": command.Result.model_json_schema(mode="serialization"),
        }
    return published


def text() -> str:
    """The file's content."""
    return json.dumps(schemas(), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Renew the file."""
    FILE.write_text(text(), encoding="utf-8")

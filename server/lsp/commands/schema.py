"""The published JSON schemas of all commands: `schema.json` beside this file; a test compares it with the code.

Start at `build_schemas`; `python -c "from server.lsp.commands import schema; schema.write()"` renews the file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from server.lsp import commands

FILE = Path(__file__).with_name("schema.json")


def build_schemas() -> dict[str, Any]:
    """Return, by command, its description and the schemas of its arguments and result."""
    published = {}
    for name in sorted(commands.COMMANDS):
        command = commands.load(name)
        published[name] = {
            "description": (command.__doc__ or "").split(": ", 1)[1].strip(),
            "arguments": command.Arguments.model_json_schema(),
            "result": command.Result.model_json_schema(mode="serialization"),
        }
    return published


def format_text() -> str:
    """Return the schemas as text, the content of `schema.json`."""
    return json.dumps(build_schemas(), indent=2, ensure_ascii=False) + "\n"


def write() -> None:
    """Replace `schema.json` by the current schemas."""
    FILE.write_text(format_text(), encoding="utf-8")

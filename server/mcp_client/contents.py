"""The tools and results of a server, read within bounds. Start at `read_tools` and `read_result`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from agents.ports.mcp_servers import McpResult, McpTool, McpTools

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_TOOLS = 1_000
LONGEST_DESCRIPTION = 4_000
LONGEST_SCHEMA = 30_000
LONGEST_RESULT = 200_000
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_SPACES = re.compile(r"\s+")


def read_tools(listed: Sequence[Any], *, is_whole: bool) -> McpTools:
    """Return the tools with usable names, the first of each name, `MOST_TOOLS` at most, and how many are left out.

    Args:
        listed: tools as the package reads them.
        is_whole: whether the server has no more of them.
    """
    found: dict[str, McpTool] = {}
    for one in listed:
        if _NAME.fullmatch(one.name) and one.name not in found and len(found) < MOST_TOOLS:
            found[one.name] = _read_tool(one)
    return McpTools(tuple(found.values()), len(listed) - len(found) + (not is_whole))


def read_result(result: Any) -> McpResult:  # noqa: ANN401 (the package's `CallToolResult`)
    """Return the text of a result, cut after `LONGEST_RESULT` characters; images and sounds are only named.

    Without any text, uses the structured content as JSON; without that too, a text that says that the result is empty.
    """
    text = "\n".join(filter(None, map(_read_block, result.content)))
    if not text and result.structured_content is not None:
        text = _to_json(result.structured_content)
    if len(text) > LONGEST_RESULT:
        text = f"{text[:LONGEST_RESULT]}\n[... {len(text) - LONGEST_RESULT:,} characters left out ...]"
    return McpResult(text or "[an empty result]", bool(result.is_error))


def join_lines(text: str) -> str:
    """Return `text` on one line, with U+FFFD in place of unprintable characters."""
    return _SPACES.sub(" ", "".join(one if one.isprintable() or one.isspace() else "\ufffd" for one in text)).strip()


def _read_tool(tool: Any) -> McpTool:  # noqa: ANN401 (the package's `Tool`)
    """Return one tool, with its description cut; with a `problem` in place of a schema that is too large."""
    description = (tool.description or tool.title or "")[:LONGEST_DESCRIPTION]
    if len(_to_json(tool.input_schema)) > LONGEST_SCHEMA:
        return McpTool(tool.name, description, problem=f"its schema has more than {LONGEST_SCHEMA:,} characters")
    return McpTool(tool.name, description, tool.input_schema)


def _read_block(block: Any) -> str:  # noqa: ANN401 (a block of content of the package)
    """Return the text of one block, or a line that names what it is."""
    match block.type:
        case "text":
            return str(block.text)
        case "resource_link":
            return f"[a link to {block.name}: {block.uri}]"
        case "resource":
            inner = block.resource
            return str(getattr(inner, "text", f"[a file, {inner.mime_type or 'of an unknown type'}: not shown]"))
        case kind:
            return f"[{kind}, {getattr(block, 'mime_type', '')}: not shown]"


def _to_json(value: object) -> str:
    """Return `value` as JSON; if that is impossible, more than `LONGEST_SCHEMA` spaces, which is too large."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, ValueError):
        return " " * (LONGEST_SCHEMA + 1)

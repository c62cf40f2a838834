"""Calls of the team's tools as clients of the protocol show them: kind, files, diffs, texts.

Clients render texts as Markdown, so that texts of models, files and commands are made inert. Start at `describe_call`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acp import helpers, schema
from pydantic import ValidationError

from agents.edits import CreateFile, DeleteFile, RenameFile, TextChange
from agents.markdown import make_inert
from agents.team.shown_text import escape_to_line
from agents.tools import Risk

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from acp.schema import ToolKind

    from agents.edits import Change, ProposedEdit
    from agents.team.tool import TeamTool
    from agents.tools import Tool

KINDS: dict[str, ToolKind] = {
    "search_files": "search",
    "search_code": "search",
    "delete_file": "delete",
    "rename_file": "move",
    "plan": "think",
    "need": "think",
    "remember": "think",
    "recall": "think",
    "delegate": "other",
    "ask_person": "other",
    "finish": "other",
}
"""Kinds of the tools whose kind does not follow from what they declare."""

_BACKTICKS = re.compile("`+")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CallDescription:
    """A call for a person.

    Attributes:
        title: the call in a few words.
        kind: its kind in the protocol.
        locations: the files that it concerns.
    """

    title: str
    kind: ToolKind
    locations: tuple[schema.ToolCallLocation, ...] = ()


def describe_call(
    name: str, arguments: Mapping[str, Any], tools: Iterable[TeamTool[Any]], roots: Sequence[Path]
) -> CallDescription:
    """Return the description of a call of the tool `name`; also for an unknown tool and for wrong arguments.

    Args:
        name: name of the tool, as the model gave it.
        arguments: the arguments, as the model gave them.
        tools: the team's tools.
        roots: the workspace folders.
    """
    tool = next((one for one in tools if one.name == name), None)
    if tool is None:
        return CallDescription(make_line(name), "other")
    kind = choose_kind(tool.tool)
    try:
        valid = tool.arguments.model_validate(arguments)
    except ValidationError:
        return CallDescription(make_line(name), kind)
    files = (locate_file(one, roots, arguments.get("first")) for one in tool.list_paths(valid))
    return CallDescription(make_line(tool.describe(valid)), kind, tuple(file for file in files if file is not None))


def choose_kind(tool: Tool) -> ToolKind:
    """Return the kind of a tool in the protocol, by its name, or else by the edits and the risk that it declares."""
    if tool.name in KINDS:
        return KINDS[tool.name]
    if tool.edits:
        return "edit"
    return "read" if tool.risk is Risk.LOW else "execute"


def locate_file(name: str, roots: Sequence[Path], line: object = None) -> schema.ToolCallLocation | None:
    """Return the location of a file that a model named; None if the name leads out of the workspace or has "..".

    Args:
        name: path, relative to a workspace folder or absolute.
        roots: the workspace folders.
        line: line number from 1; anything else is ignored.
    """
    for root in roots:
        path = root / name
        if path.is_relative_to(root) and ".." not in path.parts:
            number = line if isinstance(line, int) and line > 0 else None
            return schema.ToolCallLocation(path=clean_text(str(path)), line=number)
    return None


def list_diffs(proposal: ProposedEdit) -> list[schema.FileEditToolCallContent]:
    """Return the diff of each file that `proposal` changes, creates or deletes; none for a renamed or untitled one."""
    return [diff for change in proposal.changes if (diff := _make_diff(change)) is not None]


def list_locations(proposal: ProposedEdit) -> list[schema.ToolCallLocation]:
    """Return the files of `proposal`, a renamed file by its new path; leaves out untitled documents."""
    files = [change.to if isinstance(change, RenameFile) else change.path for change in proposal.changes]
    return [schema.ToolCallLocation(path=clean_text(str(file))) for file in files if file is not None]


def make_text_content(text: str) -> schema.ContentToolCallContent:
    """Return Markdown, made inert, as content of a call."""
    return helpers.tool_content(helpers.text_block(clean_text(make_inert(text))))


def make_code_content(text: str) -> schema.ContentToolCallContent:
    """Return any text as content of a call: as a block of code, in which a client interprets no Markdown."""
    fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(text)), default=0))
    return helpers.tool_content(helpers.text_block(clean_text(f"{fence}\n{text}\n{fence}")))


def make_line(text: str) -> str:
    """Return `text` as one line of inert Markdown, for titles."""
    return clean_text(make_inert(escape_to_line(text)))


def clean_text(text: str) -> str:
    """Return `text` with U+FFFD in place of lone surrogates, which a message cannot contain."""
    return _LONE.sub("\ufffd", text)


def _make_diff(change: Change) -> schema.FileEditToolCallContent | None:
    """Return the diff of a change, None for a renaming and a document without a file."""
    if isinstance(change, RenameFile) or change.path is None:
        return None
    path = clean_text(str(change.path))
    match change:
        case TextChange():
            return helpers.tool_diff_content(path, clean_text(change.after), clean_text(change.before))
        case CreateFile():
            return helpers.tool_diff_content(path, clean_text(change.text))
        case DeleteFile():
            return helpers.tool_diff_content(path, "", clean_text(change.before))

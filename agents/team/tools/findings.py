"""The tool `findings`: the review's findings in a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.tools import Risk, Tool
from indexing.syntax import languages
from indexing.syntax.documents import Document

if TYPE_CHECKING:
    from agents.findings import Finding
    from agents.team.tool import Workbench

MOST = 50


class Findings(Arguments):
    """Arguments of `findings`."""

    path: str = Field(description="File, relative to the workspace folder.")


async def run(given: Findings, bench: Workbench) -> ToolResult:
    """Return up to `MOST` findings of the review in a file as `line: severity rule: message`.

    Raises:
        ToolFailed: the file cannot be used or read.
    """
    path = await bench.resolve(given.path)
    text = await bench.read_text(path)
    document = Document(path.as_uri(), path, languages.detect(path, text), text)
    found = await asyncio.to_thread(bench.review, document)
    lines = [f"{_count_line(text, one)}: {one.severity} {one.code}: {one.message}" for one in found]
    more = [f"[{len(lines) - MOST} more]"] if len(lines) > MOST else []
    return ToolResult("\n".join((*lines[:MOST], *more)) or "[no findings]")


def _count_line(text: str, finding: Finding) -> int:
    """Return the number of the line of a finding, from 1."""
    return text.count("\n", 0, finding.span.start) + 1


TOOL = TeamTool(
    Tool("findings", Risk.LOW),
    "List what the review finds in a file: errors, risks, unused names. Use it after you have changed a file.",
    Findings,
    run,
    lambda given: f"Review {given.path}",
    list_paths=lambda given: (given.path,),
)

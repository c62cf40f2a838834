"""The tool `search_code`: definitions, uses and similar code, from the index of the workspace."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from agents.team.failure import ToolFailed
from agents.team.tool import Arguments, TeamTool, ToolResult
from agents.team.tools.search_files import SearchFiles
from agents.team.tools.search_files import run as search_lines
from agents.tools import Risk, Tool
from indexing.records import Query
from indexing.syntax.documents import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.team.tool import Workbench
    from indexing.index import Index
    from indexing.records import Hit

MOST_HITS = 12
LONGEST_TEXT = 1500
"""Characters of one hit."""

SEARCH_S = 5.0
_NAME = re.compile(r"[^\W\d]\w*(?:(?:\.|::|#)[^\W\d]\w*)*")


class SearchCode(Arguments):
    """Arguments of `search_code`."""

    words: str = Field(min_length=1, max_length=2000, description="A name, or words or code that it is about.")
    kind: Literal["definitions", "uses", "similar"] = Field(
        default="similar", description="Definitions of a name, lines that use a name, or code that is about the words."
    )


async def run(given: SearchCode, bench: Workbench) -> ToolResult:
    """Return up to `MOST_HITS` definitions or similar pieces with file, lines and text; for uses, the matching lines.

    Raises:
        ToolFailed: there is no index, or a definition or use is searched for by something that is no name.
    """
    if given.kind == "similar":
        hits = await asyncio.to_thread(_search, _require_index(bench), Query(given.words, meaning=True))
        return _format_hits(hits, bench)
    if not _NAME.fullmatch(given.words.strip()):
        raise ToolFailed(f"{given.words!r} is no name; use kind similar for words.")
    name = re.split(r"\.|::|#", given.words.strip())[-1]
    if given.kind == "uses":
        return await search_lines(SearchFiles(pattern=rf"\b{re.escape(name)}\b"), bench)
    hits = await asyncio.to_thread(_find_definitions, _require_index(bench), given.words.strip(), name)
    return _format_hits(hits, bench)


def _require_index(bench: Workbench) -> Index:
    """Return the index.

    Raises:
        ToolFailed: there is none.
    """
    if bench.index is None:
        raise ToolFailed("The workspace has no index; use search_files.")
    return bench.index


def _search(index: Index, query: Query) -> Sequence[Hit]:
    """Return up to `MOST_HITS` similar pieces of code, found within `SEARCH_S`; blocking."""
    return index.search(query, limit=MOST_HITS, deadline=time.monotonic() + SEARCH_S)


def _find_definitions(index: Index, written: str, name: str) -> Sequence[Hit]:
    """Return up to `MOST_HITS` definitions of a name, found within `SEARCH_S`; blocking.

    If `written` is a qualified name ("Class.method") whose meaning the index knows, returns what it means; else all
    definitions that are called `name`, its last part ("method").
    """
    deadline = time.monotonic() + SEARCH_S
    if meant := index.find_qualified(written, limit=MOST_HITS, deadline=deadline):
        return meant
    nowhere = Document("starling:search", None, "text", "")
    return index.find_definitions({name}, document=nowhere, limit=MOST_HITS, deadline=deadline)


def _format_hits(hits: Sequence[Hit], bench: Workbench) -> ToolResult:
    """Return the hits that may be shown, each with its file, lines and text, cut to `LONGEST_TEXT`."""
    shown = []
    for hit in hits:
        if hit.is_library or not bench.explain_exclusion(hit.path):
            path = hit.relative if hit.is_library else bench.display(hit.path)
            place = f"{path}:{hit.first_line + 1}-{hit.last_line} {hit.name}"
            shown.append(f"{place}\n{hit.text[:LONGEST_TEXT]}".rstrip())
    return ToolResult("\n\n".join(shown) or "[nothing was found]")


TOOL = TeamTool(
    Tool("search_code", Risk.LOW),
    "Search the workspace's code with its index: where a name is defined or used, or code about some words.",
    SearchCode,
    run,
    lambda given: f"Search the code for {given.words!r}",
)

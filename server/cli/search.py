"""`starling search`: searches the index of a workspace and shows the best chunks. Start at `search`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from indexing.records import Query
from server.cli import arguments, terminal, workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexing.records import Hit

PREVIEW_LINES = 8


def search(
    query: Annotated[str, typer.Argument(help="Code or words; names and parts of names are compared.")],
    *,
    directory: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", metavar="DIR", help="The workspace.", show_default="the repository here"),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", metavar="N", min=1, max=1000, help="Most results.")] = 10,
    wait_s: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for the index.")
    ] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Search a workspace with the index that completions use."""
    root = arguments.choose_workspace(directory)
    with workspace.open_core(root) as core:
        index = core.index
        workspace.bring_up_to_date(index, wait_s=wait_s)
        begun = time.perf_counter()
        hits = index.search(Query(query, meaning=True), limit=limit)
        took_ms = (time.perf_counter() - begun) * 1000
        status = index.read_status()
    if as_json:
        results = [
            {
                "file": hit.relative,
                "path": str(hit.path),
                "line": hit.first_line + 1,
                "last_line": hit.last_line,
                "name": hit.name,
                "score": round(hit.score, 4),
                "text": hit.text,
            }
            for hit in hits
        ]
        answer = {"workspace": str(root), "query": query, "results": results}
        terminal.emit({**answer, "ms": round(took_ms, 2), "index": {"state": status.state, "files": status.files}})
    elif hits:
        _show(hits)
    else:
        terminal.note(f"nothing was found in {status.files:,} indexed files; try a name that the code uses.")


def _show(hits: Sequence[Hit]) -> None:
    """Write each hit to stdout: its file, line and name, then the first lines of its text."""
    from rich.text import Text  # noqa: PLC0415 (as for every console)

    console = terminal.get_stdout()
    for hit in hits:
        head = f"{hit.relative}:{hit.first_line + 1}"
        console.print(Text(terminal.escape(f"{head}  {hit.name}".rstrip()), style="bold"), soft_wrap=True)
        lines = hit.text.splitlines()
        rest = [f"… {len(lines) - PREVIEW_LINES} more lines"] if len(lines) > PREVIEW_LINES else []
        for line in (*lines[:PREVIEW_LINES], *rest):
            console.print(Text("    " + terminal.escape(line)))

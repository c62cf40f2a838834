"""`starling index`: creates or updates the index of a workspace and shows its size. Start at `index`."""

from __future__ import annotations

import time
from pathlib import Path  # noqa: TC003 (typer reads the annotations)
from typing import Annotated, Any

import typer

from server.cli import arguments, terminal, workspace
from server.cli.terminal import Failure


def index(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The workspace.", show_default="the repository here")
    ] = None,
    *,
    vectors: Annotated[
        bool,
        typer.Option(
            "--vectors/--no-vectors",
            help="Also compute the vectors of all code, if an embedding model is installed. Ctrl-C keeps those "
            "that are done.",
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object on stdout.")] = False,
) -> None:
    """Index a workspace, or bring its index up to date."""
    root = arguments.choose_workspace(directory)
    with workspace.open_core(root) as core:
        begun = time.monotonic()
        work = workspace.bring_up_to_date(core.index, wait_s=None)
        seconds = time.monotonic() - begun
        core.index.wait(libraries=True)
        if vectors:
            workspace.embed_code(core.index)
        status = core.index.read_status()
    if status.problem and status.state == "failed":
        raise Failure(status.problem)
    answer: dict[str, Any] = {
        "workspace": str(root),
        "state": status.state,
        "files": status.files,
        "chunks": status.chunks,
        "symbols": status.symbols,
        "bytes": status.bytes_indexed,
        "by_language": dict(sorted(status.by_language.items(), key=lambda pair: -pair[1])),
        "skipped": dict(sorted(status.skipped.items())),
        "seconds": round(seconds, 3),
        # only of a pass over all files: the bytes of changed files are not counted separately
        "mb_per_s": round(status.bytes_indexed / 1e6 / seconds, 2) if work.total >= status.files > 0 else None,
        "worked": work.total > 0,
        "changed_files": work.total,
        "store_bytes": status.store_bytes,
        "libraries": {
            "state": status.libraries.state,
            "packages": list(status.libraries.packages),
            "files": status.libraries.files,
            "bytes": status.libraries.bytes_indexed,
            "store_bytes": status.libraries.store_bytes,
            "problem": status.libraries.problem,
        },
        "vectors": {
            "model": status.vectors.model,
            "vectors": status.vectors.vectors,
            "share": status.vectors.share,
            "problem": status.vectors.problem,
        },
        "problem": status.problem,
    }
    if as_json:
        terminal.emit(answer)
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    """Write the number of files read, and the size of the index, to stdout."""
    console = terminal.get_stdout()
    languages = ", ".join(f"{name} {count:,}" for name, count in list(answer["by_language"].items())[:8])
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in answer["skipped"].items())
    done = (
        f"{answer['changed_files']:,} files read in {answer['seconds']:.1f} s"
        + (f" ({answer['mb_per_s']:.1f} MB/s)" if answer["mb_per_s"] else "")
        if answer["worked"]
        else f"nothing to do, checked in {answer['seconds']:.1f} s"
    )
    size = (
        f"{answer['files']:,} files, {answer['bytes'] / 1e6:,.1f} MB, {answer['chunks']:,} chunks, "
        f"{answer['symbols']:,} definitions; the index takes {answer['store_bytes'] / 1e6:,.1f} MB"
    )
    libraries = answer["libraries"]
    found = (
        f"libraries: {len(libraries['packages']):,} packages, {libraries['files']:,} files, "
        f"{libraries['bytes'] / 1e6:,.1f} MB; the index of all libraries takes {libraries['store_bytes'] / 1e6:,.1f} MB"
    )
    vectors = answer["vectors"]
    near = f"{vectors['model']}: {vectors['vectors']:,} pieces of code can be found by meaning"
    more = (
        size,
        languages,
        f"left out: {skipped}" if skipped else "",
        found if libraries["packages"] else "",
        libraries["problem"],
        near if vectors["model"] else "",
        vectors["problem"],
        answer["problem"],
    )
    lines = [f"{answer['workspace']}: {done}", *(f"  {line}" for line in more if line)]
    console.print(terminal.escape("\n".join(lines)), markup=False)

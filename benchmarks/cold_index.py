"""`starling index` over the CPython standard library: from nothing, and again when nothing has changed.

The reference of the first run is tree-sitter parsing the same files in one thread; that of the second is the first.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import servers, workspaces
from benchmarks.record import Record, Reference, compute_percentile, summarize

ROUNDS = 3


def run_index(workspace: Path, home: Path) -> tuple[float, dict[str, Any]]:
    """Run `starling index --json`; return its seconds, start of the program included, and its output."""
    before = time.perf_counter()
    done = subprocess.run(
        servers.make_starling_command("index", str(workspace), "--json"),
        env=servers.make_environment(home),
        capture_output=True,
        check=True,
    )
    return time.perf_counter() - before, json.loads(done.stdout)


def parse_only(paths: list[Path]) -> tuple[float, int]:
    """Parse Python files with tree-sitter; return the seconds, without reading, and the number of bytes."""
    import tree_sitter  # noqa: PLC0415 - only this reference needs it
    import tree_sitter_python  # noqa: PLC0415

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))
    contents = [path.read_bytes() for path in paths]
    before = time.perf_counter()
    for content in contents:
        parser.parse(content)
    return time.perf_counter() - before, sum(map(len, contents))


@cache
def run_rounds() -> dict[str, Any]:
    """Index twice and parse for reference, `ROUNDS` times; return seconds and outputs by name, measured once."""
    first: list[float] = []
    second: list[float] = []
    parse: list[float] = []
    said: dict[str, Any] = {}
    again: dict[str, Any] = {}
    parsed_bytes = 0
    with tempfile.TemporaryDirectory() as scratch:
        workspace, home = workspaces.copy_standard_library(Path(scratch, "library")), Path(scratch, "home")
        files = workspaces.list_python_files(workspace, below_bytes=1_000_000)  # our default limit of a file
        parse_only(files)  # warms the file cache for all
        for _ in range(ROUNDS):
            shutil.rmtree(home, ignore_errors=True)
            took, said = run_index(workspace, home)
            first.append(took)
            took, again = run_index(workspace, home)
            second.append(took)
            took, parsed_bytes = parse_only(files)
            parse.append(took)
    return {"first": first, "second": second, "parse": parse, "said": said, "again": again, "bytes": parsed_bytes}


def measure() -> Record:
    """Measure a run of `starling index` from nothing.

    The ratio compares times per byte, because the reference parses slightly different files.
    """
    runs = run_rounds()
    took, parse = compute_percentile(runs["first"], 50), compute_percentile(runs["parse"], 50)
    indexed = runs["said"]["bytes"]
    return Record(
        what="starling index over the CPython standard library from nothing, per MB indexed, median",
        unit="ms/MB",
        value=took * 1000 / (indexed / 1e6),
        n=ROUNDS,
        reference=Reference("tree-sitter parse of the same files, one thread", parse * 1000 / (runs["bytes"] / 1e6)),
        most=2.0,
        judged="ratio",
        details={
            "seconds": summarize(runs["first"]),
            "reference_seconds": summarize(runs["parse"]),
            "bytes_indexed": indexed,
            "bytes_parsed_by_reference": runs["bytes"],
            "files": runs["said"]["files"],
            "skipped": runs["said"]["skipped"],
            "problem": runs["said"]["problem"],
            "store_bytes": runs["said"]["store_bytes"],
        },
    )


def measure_second() -> Record:
    """Measure a run of `starling index` without changes since the first run."""
    runs = run_rounds()
    return Record(
        what="starling index over the CPython standard library when nothing has changed, median",
        unit="s",
        value=compute_percentile(runs["second"], 50),
        n=ROUNDS,
        reference=Reference("the first run", compute_percentile(runs["first"], 50)),
        most=0.1,
        judged="ratio",
        details={"seconds": summarize(runs["second"]), "files": runs["again"]["files"]},
    )

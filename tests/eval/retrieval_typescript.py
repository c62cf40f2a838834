"""Measurement of search in TypeScript: how often it finds the definition that the next line calls.

`python -m tests.eval.retrieval_typescript` measures npm packages (`typescript_packages.toml`) as `retrieval.py`
measures Python packages, and writes `retrieval_typescript.csv`. The TypeScript compiler, which runs on Node, names the
right definition: of a function with overloads, the declaration with the body. The arms are those of `retrieval.py`.
Runs none of the packages' code.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.eval import data, retrieval, tables, typescript_packages
from tests.eval.metrics import SEED
from tests.eval.retrieval import Site

TABLE = "retrieval_typescript.csv"
ORACLE = Path(__file__).with_name("typescript_calls.cjs")


def load_sites(package: typescript_packages.TypeScriptPackage) -> list[Site]:
    """Return the call sites of a package, from the cache if they are there.

    Raises:
        data.DataError: Node is not installed, or a package has not been fetched.
    """
    cache = data.CACHE / f"calls-{package.root.name}-{retrieval.SITES}.json"
    if not cache.exists():
        cache.write_text(json.dumps(choose_sites(list_calls(package))), encoding="utf-8")
    return [Site(*found) for found in json.loads(cache.read_text(encoding="utf-8"))]


def choose_sites(calls: list[tuple[str, int, str, int, int]]) -> list[tuple[str, int, str, int, int]]:
    """Return up to `retrieval.SITES` random calls, none of them in the first lines of its file."""
    found = sorted(call for call in calls if call[1] >= retrieval.QUERY_LINES // 2)
    random.Random(SEED).shuffle(found)  # noqa: S311 - a sample that repeats, no secret
    return found[: retrieval.SITES]


def list_calls(package: typescript_packages.TypeScriptPackage) -> list[tuple[str, int, str, int, int]]:
    """Return all calls of the package that lead to another file: file, line, file and line of the definition.

    Raises:
        data.DataError: Node is not installed, or the compiler has not been fetched.
    """
    node = shutil.which("node")
    compiler = typescript_packages.find_compiler().root
    if node is None or not compiler.is_dir():
        raise data.DataError("The oracle needs Node on the PATH and the compiler, which `make eval-data` fetches.")
    command = [node, str(ORACLE), str(compiler), str(package.root), *map(str, package.list_files())]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    return [tuple(call) for call in json.loads(done.stdout)]


def main() -> int:
    """Measure all packages, print the rows, and write the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--split", default="", choices=("", "dev", "test"), help="only this one; writes nothing")
    options = parser.parse_args()
    ranks: dict[tuple[str, str], list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for package in typescript_packages.list_packages(options.split or None):
            workspace = retrieval.Workspace.index(package, Path(folder))
            for arm, found in retrieval.measure_ranks(workspace, load_sites(package)).items():
                ranks.setdefault((package.split, arm), []).extend(found)
    rows = retrieval.make_rows(ranks)
    if not options.split:
        tables.write_table(TABLE, rows)
    retrieval.print_rows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

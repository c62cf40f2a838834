"""Size of the stored index, compared with the size of the source that is indexed.

`starling index` runs over the CPython standard library and over the packages that are installed beside this Python.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import cold_index, workspaces
from benchmarks.record import Record

MOST = 2.0


def copy_installed_packages(target: Path) -> Path:
    """Copy the source files of the installed packages, without compiled code; return `target`."""
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.pyc", "*.pyd", "*.dll", "*.dylib", "*.libs")
    shutil.copytree(workspaces.INSTALLED, target, ignore=ignored, symlinks=True)
    return target


def measure_source(workspace: Path, home: Path) -> dict[str, Any]:
    """Index `workspace`; return the bytes of source and of its index, and the sizes of the index's files."""
    _, said = cold_index.run_index(workspace, home)
    files = [path for path in home.rglob("*") if path.is_file() and path.suffix in {".sqlite3", ".segment"}]
    return {
        "source_bytes": said["bytes"],
        "index_bytes": said["store_bytes"],
        "ratio": round(said["store_bytes"] / said["bytes"], 3),
        "files": said["files"],
        "parts": {path.suffix.removeprefix("."): path.stat().st_size for path in sorted(files)},
    }


def measure() -> Record:
    """Measure the bytes of the index for each byte of source; the figure is that of the source with more."""
    with tempfile.TemporaryDirectory() as scratch:
        sources = {
            "standard library": workspaces.copy_standard_library(Path(scratch, "library")),
            "installed packages": copy_installed_packages(Path(scratch, "packages")),
        }
        found = {
            name: measure_source(workspace, Path(scratch, f"home{number}"))
            for number, (name, workspace) in enumerate(sources.items())
        }
    return Record(
        what="the stored index for each byte of indexed source, the larger of two sources",
        unit="bytes",
        value=max(each["ratio"] for each in found.values()),
        n=len(found),
        most=MOST,
        details=found,
    )

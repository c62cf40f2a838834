"""Environments with installed packages, as pip writes them, for tests of libraries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

STDLIB = {"os.py": "", "site.py": "", "abc.py": "", "functools.py": "def reduce(function, sequence):\n    pass\n"}
_PACKAGES = "lib/python3.11/site-packages"


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write the texts of `files`, by relative path, below `folder`; return it."""
    for relative, text in files.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def make_environment(folder: Path) -> Path:
    """Make a virtual environment in `folder` whose Python has a small standard library; return `folder`."""
    python = folder.parent / "python"
    write(python / "lib" / "python3.11", STDLIB)
    write(folder, {"pyvenv.cfg": f"home = {python / 'bin'}\nversion = 3.11.7\n"})
    (folder / _PACKAGES).mkdir(parents=True, exist_ok=True)
    return folder


def install(
    environment: Path,
    name: str,
    files: Mapping[str, str],
    *,
    version: str = "1.0",
    requires: tuple[str, ...] = (),
    editable: bool = False,
) -> Path:
    """Write a package with `files`, by path in `site-packages`, into `environment`; return `site-packages`."""
    packages = write(environment / _PACKAGES, files)
    info = f"{name}-{version}.dist-info"
    needed = "".join(f"Requires-Dist: {one}\n" for one in requires)
    record = "".join(f"{relative},sha256=0,{len(text)}\n" for relative, text in files.items())
    described = {
        "RECORD": f"{record}{info}/METADATA,,\n",
        "METADATA": f"Name: {name}\nVersion: {version}\n{needed}\nLong text",
    }
    if editable:
        described["direct_url.json"] = json.dumps({"url": "file:///somewhere", "dir_info": {"editable": True}})
    write(packages / info, described)
    return packages

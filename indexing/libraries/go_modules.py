"""Go: the modules that `go.mod` requires, in the module cache, and the standard library.

Runs no program. The module cache holds each version of a module once, read-only. Start at `find_go_modules`.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from indexing import bounds
from indexing.libraries.packages import GO_MODULES, STDLIB, Package, is_file, is_folder, list_above
from indexing.workspace.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ENDINGS = (".go",)
_NAME = re.compile(r"[\w~-][\w.~/-]*")
_VERSION = re.compile(r"v[\w.+-]+")
_MODULE = re.compile(r"^module\s+(\S+)", re.MULTILINE)
_LEFT_OUT = frozenset({"cmd", "internal", "runtime", "syscall", "testdata"})
_MOST_MODULES = 2_000


def find_module_file(root: Path) -> Path | None:
    """Return the nearest `go.mod` for code in `root`; None if there is none."""
    return next((path for folder in list_above(root) if is_file(path := folder / "go.mod")), None)


def find_go_modules(root: Path, environ: Mapping[str, str]) -> tuple[list[Package], str, set[str]]:
    """Return the installed modules that `go.mod` requires, the name of its own module, and those required directly.

    The standard library comes first if Go is installed. All are empty without a `go.mod` for code in `root`.
    """
    path = find_module_file(root)
    if path is None:
        return [], "", set()
    try:
        text = read_text(path, bounds.CONFIGURATION_BYTES)
    except (OSError, ValueError):
        return [], "", set()
    packages = [stdlib] if (stdlib := _find_stdlib(environ)) is not None else []
    cache = _find_cache(environ)
    direct: set[str] = set()
    for name, version, is_direct in itertools.islice(_iterate_required(text), _MOST_MODULES):
        folder = cache / f"{escape_path(name)}@{escape_path(version)}"
        if ".." in name.split("/") or not is_folder(folder):
            continue
        packages.append(Package(GO_MODULES, name, version, folder, (), (name,), (), _ENDINGS))
        if is_direct:
            direct.add(name)
    own = _MODULE.search(text)
    return packages, own[1] if own else "", direct


def _iterate_required(text: str) -> Iterator[tuple[str, str, bool]]:
    """Yield name and version of each module that a `go.mod` with this `text` requires, and whether its code uses it.

    Reads line by line: one expression for all of them takes quadratic time for a line of dots.
    """
    for line in text.splitlines():
        code, _, remark = line.partition("//")
        words = code.split()
        if words[:1] == ["require"]:
            del words[0]
        if len(words) > 1 and "." in words[0] and _NAME.fullmatch(words[0]) and _VERSION.fullmatch(words[1]):
            yield words[0], words[1], not remark.lstrip().startswith("indirect")


def escape_path(path: str) -> str:
    """Return the path of a module, or a version, as folders of the module cache spell it: "!a" for "A"."""
    return re.sub(r"[A-Z]", lambda found: f"!{found[0].lower()}", path)


def _find_cache(environ: Mapping[str, str]) -> Path:
    """Return the folder of the module cache; it need not exist."""
    if (named := environ.get("GOMODCACHE", "")) and Path(named).is_absolute():
        return Path(named)
    places = [place for place in environ.get("GOPATH", "").split(os.pathsep) if place]
    home = Path(places[0]) if places and Path(places[0]).is_absolute() else Path.home() / "go"
    return home / "pkg" / "mod"


def _find_stdlib(environ: Mapping[str, str]) -> Package | None:
    """Return the standard library of the installed Go; None if Go is not installed."""
    places = [Path(environ["GOROOT"])] if environ.get("GOROOT") else []
    if (program := shutil.which("go", path=environ.get("PATH"))) is not None:
        places.append(Path(program).resolve().parent.parent)
    places.append(Path("/usr/local/go"))
    for place in places:
        if not place.is_absolute() or not is_file(place / "src" / "fmt" / "print.go"):
            continue
        try:
            version = read_text(place / "VERSION", 1_000).split()[0].removeprefix("go")
            modules = tuple(sorted(each.name for each in (place / "src").iterdir() if each.is_dir()))
        except (OSError, ValueError, IndexError):
            continue
        return Package(GO_MODULES, STDLIB, version, place / "src", (), modules, (), _ENDINGS, _LEFT_OUT)
    return None

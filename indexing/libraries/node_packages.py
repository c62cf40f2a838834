"""JavaScript and TypeScript: the packages in the `node_modules` of a workspace.

Reads `package.json` files and runs no program. A package that is linked from another folder of the workspace is code of
the workspace and is left out. Start at `find_node_packages`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing import bounds
from indexing.libraries.packages import NPM, Package, is_folder, list_above
from indexing.workspace.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENDINGS = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".mts", ".cts", ".tsx")
_DECLARATIONS = (".d.ts", ".d.mts", ".d.cts", "package.json")  # the last says where the others are
_MOST_PACKAGES = 5_000
_MODULES = "node_modules"
_TYPES = "@types/"
_DECLARING = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")


def find_modules(root: Path) -> list[Path]:
    """Return the `node_modules` folders that code in `root` imports from, nearest first."""
    return [path for folder in list_above(root) if is_folder(path := folder / _MODULES)]


def find_node_packages(root: Path) -> list[Package]:
    """Return the packages that code in the workspace folder `root` can import; of two with one name, the nearer."""
    found: dict[str, Package] = {}
    for modules in find_modules(root):
        for folder in _list_folders(modules):
            if len(found) >= _MOST_PACKAGES:
                break
            package = _read_package(folder)
            if package is not None:
                found.setdefault(package.name, package)
    return list(found.values())


def _list_folders(modules: Path) -> Iterator[Path]:
    """Yield the folders of the packages in `modules`, those in its `.pnpm` folder last."""
    for base in (modules, modules / ".pnpm" / _MODULES):
        try:
            names = sorted(os.listdir(base))  # noqa: PTH208 (names alone)
        except OSError:
            continue
        for name in names:
            if name.startswith("@"):
                try:
                    yield from sorted((base / name).iterdir())
                except OSError:
                    continue
            elif not name.startswith("."):
                yield base / name


def _read_package(folder: Path) -> Package | None:
    """Return the package in `folder`; None without one, or for a link to a folder outside of any `node_modules`."""
    real = Path(os.path.realpath(folder))
    if _MODULES not in real.parts:
        return None
    described = read_description(real)
    name, version = described.get("name"), described.get("version")
    if not isinstance(name, str) or not name or not isinstance(version, str):
        return None
    needed = tuple(_list_names(described, ("dependencies",)))
    modules = (_find_described(name),)
    return Package(NPM, name, version, real, (), modules, needed, _ENDINGS, declarations=_DECLARATIONS)


def _find_described(name: str) -> str:
    """Return the package whose types the package `name` declares ("a" for "@types/a"); else `name` itself."""
    described = name.removeprefix(_TYPES)
    if described == name:
        return name
    scope, mark, inner = described.partition("__")
    return f"@{scope}/{inner}" if mark else described


def read_description(folder: Path) -> dict[str, Any]:
    """Return the content of the `package.json` in `folder`; empty if it cannot be read."""
    try:
        described = json.loads(read_text(folder / "package.json", bounds.CONFIGURATION_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return described if isinstance(described, dict) else {}


def _list_names(described: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    """Return the names of the packages in the tables `keys` of a `package.json`."""
    tables = (described.get(key) for key in keys)
    return [str(name) for table in tables if isinstance(table, dict) for name in table]


def read_declared_packages(root: Path) -> tuple[str, set[str]]:
    """Return the name of the package in `root`, "" for none, and the names of the packages that it declares to use."""
    described = read_description(root)
    name = described.get("name")
    return (name if isinstance(name, str) else ""), set(_list_names(described, _DECLARING))

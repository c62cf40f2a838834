"""Rust: the crates that `Cargo.lock` names, as Cargo's registry has unpacked them.

Runs no program. Start at `find_crates`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexing.libraries.packages import CRATES, Package, is_file, is_folder, list_above
from indexing.workspace.files import TooDeepError, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDINGS = (".rs",)
_LOCK_BYTES = 5_000_000
_MOST_CRATES = 3_000


def find_lock_file(root: Path) -> Path | None:
    """Return the nearest `Cargo.lock` for code in `root`; None if there is none."""
    return next((path for folder in list_above(root) if is_file(path := folder / "Cargo.lock")), None)


def find_crates(root: Path, environ: Mapping[str, str]) -> list[Package]:
    """Return the crates of registries that `Cargo.lock` names for code in `root` and that are installed."""
    path = find_lock_file(root)
    locked = _read(path).get("package") if path is not None else None
    if not isinstance(locked, list):
        return []
    named = environ.get("CARGO_HOME", "")
    home = Path(named) if named and Path(named).is_absolute() else Path.home() / ".cargo"
    try:
        registries = sorted((home / "registry" / "src").iterdir())
    except OSError:
        return []
    packages = []
    for crate in locked[:_MOST_CRATES]:
        package = _find_crate(crate, registries) if isinstance(crate, dict) else None
        if package is not None:
            packages.append(package)
    return packages


def _find_crate(crate: Mapping[str, Any], registries: list[Path]) -> Package | None:
    """Return an installed `crate` of Cargo.lock; None if it is code of the workspace or is not installed."""
    name, version = crate.get("name"), crate.get("version")
    if not isinstance(name, str) or not isinstance(version, str) or not str(crate.get("source", "")).startswith("reg"):
        return None
    folder_name = f"{name}-{version}"
    if not folder_name.replace("-", "").replace("_", "").replace(".", "").replace("+", "").isalnum():
        return None
    folder = next((path for registry in registries if is_folder(path := registry / folder_name)), None)
    if folder is None:
        return None
    needed = crate.get("dependencies")
    requires = tuple(str(each).split(" ")[0] for each in needed) if isinstance(needed, list) else ()
    return Package(CRATES, name, version, folder, (), (name.replace("-", "_"),), requires, _ENDINGS)


def read_declared_crates(root: Path) -> set[str]:
    """Return the names of the crates that the `Cargo.toml` in `root` declares to use; empty without one."""
    table = _read(root / "Cargo.toml")
    workspace = table.get("workspace")
    tables = [table, workspace if isinstance(workspace, dict) else {}]
    names: set[str] = set()
    for each in tables:
        for key in ("dependencies", "dev-dependencies", "build-dependencies"):
            found = each.get(key)
            names.update(found if isinstance(found, dict) else ())
    return names


def _read(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; empty if it cannot be read."""
    try:
        return read_toml(path, _LOCK_BYTES)
    except (OSError, ValueError, TooDeepError):
        return {}

"""All installed packages of a workspace folder, of every ecosystem, in the order of their use. Start at `discover`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.libraries import cargo_crates, go_modules, node_packages, python_packages
from indexing.libraries.choosing import choose_packages
from indexing.libraries.library_files import read_time
from indexing.libraries.packages import normalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from indexing.libraries.packages import Package

DEPENDENCY_FILES = frozenset(
    {
        *("pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"),
        *("package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"),
        *("go.mod", "go.sum", "Cargo.toml", "Cargo.lock"),
    }
)
"""Files of a workspace after whose change its installed packages are looked up again."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The installed packages of a workspace folder.

    Attributes:
        packages: the packages, most useful first.
        watched: folders and files that change when a package is installed, with the time of their last change in
            nanoseconds.
    """

    packages: tuple[Package, ...]
    watched: dict[str, int]


def discover(root: Path, read_imported: Callable[[], Mapping[str, int]], environ: Mapping[str, str]) -> Discovery:
    """Return the installed packages that the code in the workspace folder `root` can use; runs no program.

    Args:
        root: the workspace folder.
        read_imported: returns the names that its code imports, with the number of statements; called if any package is
            installed, as it may read all of the code.
        environ: the environment variables of this process, which name the active environment.
    """
    packages: list[Package] = []
    watched: list[Path] = []
    environment = python_packages.find_environment(root, environ)
    if environment is not None:
        packages += python_packages.find_python_packages(environment)
        watched += python_packages.list_watched(environment)
    packages += node_packages.find_node_packages(root)
    watched += node_packages.find_modules(root)
    modules, own_module, required = go_modules.find_go_modules(root, environ)
    packages += modules
    packages += cargo_crates.find_crates(root, environ)
    locks = (go_modules.find_module_file(root), cargo_crates.find_lock_file(root))
    watched += [path for path in locks if path is not None]
    own_project, declared = python_packages.read_declared_names(root)
    own_package, used = node_packages.read_declared_packages(root)
    names = map(normalize_name, [*declared, *used, *required, *cargo_crates.read_declared_crates(root)])
    own = {normalize_name(each) for each in (own_project, own_package, own_module) if each}
    chosen = choose_packages(packages, read_imported(), set(names), own) if packages else []
    return Discovery(tuple(chosen), {str(path): read_time(path) for path in watched})

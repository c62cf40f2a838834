"""All installed packages of a workspace folder, of every ecosystem, in the order of their use. Start at `discover`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from indexing.libraries import python_packages
from indexing.libraries.choosing import choose_packages
from indexing.libraries.library_files import read_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from indexing.libraries.packages import Package

DEPENDENCY_FILES = frozenset(
    {"pyproject.toml", "requirements.txt", "uv.lock", "poetry.lock", "Pipfile.lock", "pdm.lock"}
)
"""Files of a workspace after whose change its installed packages are looked up again."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The installed packages of a workspace folder.

    Attributes:
        packages: the packages, most useful first.
        watched: folders that change when a package is installed, with the time of their last change in nanoseconds.
    """

    packages: tuple[Package, ...]
    watched: dict[str, int]


def discover(root: Path, imported: Mapping[str, int], environ: Mapping[str, str]) -> Discovery:
    """Return the installed packages that the code in the workspace folder `root` can use; runs no program.

    Args:
        root: the workspace folder.
        imported: names that its code imports, with the number of statements.
        environ: the environment variables of this process, which name the active environment.
    """
    packages: list[Package] = []
    watched: dict[str, int] = {}
    own, declared = python_packages.read_declared_names(root)
    environment = python_packages.find_environment(root, environ)
    if environment is not None:
        packages += python_packages.find_python_packages(environment)
        watched |= {str(folder): read_time(folder) for folder in python_packages.list_watched(environment)}
    return Discovery(tuple(choose_packages(packages, imported, declared, own)), watched)

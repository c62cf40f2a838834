"""The order of installed packages: those that a workspace imports, then what they depend on, then the rest.

Start at `list_imported_names` and `choose_packages`.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from itertools import accumulate
from typing import TYPE_CHECKING

from indexing.libraries.packages import PYPI, STDLIB, normalize_name
from indexing.libraries.python_packages import STDLIB_TESTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from indexing.libraries.packages import Package

_IMPORTS = re.compile(
    rb"""^[ \t]*(?:from|import)[ \t]+([A-Za-z_][\w.]*)"""  # Python
    rb"""|(?:\bfrom|\bimport|\brequire\()[ \t]*["']([@\w][\w./@-]*)["']"""  # JavaScript
    rb"""|^[ \t]*(?:import[ \t]+)?(?:[\w.]+[ \t]+)?"([\w.-]+\.[a-z]+/[\w./-]+)"[ \t]*$"""  # Go
    rb"""|^[ \t]*(?:pub[ \t]+)?use[ \t]+([A-Za-z_]\w*)::""",  # Rust
    re.MULTILINE,
)
_MOST_NAMES = 5_000


def list_imported_names(texts: Iterable[bytes]) -> Counter[str]:
    """Return the names that import statements in `texts` name, as written, with the number of statements.

    Reads no more texts once there are more than `_MOST_NAMES` names.
    """
    names: Counter[str] = Counter()
    for text in texts:
        names.update("".join(each.decode("ascii", "ignore") for each in found) for found in _IMPORTS.findall(text))
        if len(names) > _MOST_NAMES:
            break
    return names


def choose_packages(
    packages: Sequence[Package], imported: Mapping[str, int], declared: Collection[str], own: Collection[str] = ()
) -> list[Package]:
    """Return `packages` in the order of their use for a workspace, most useful first.

    Standard libraries come first, then packages that the workspace imports, the most used ones first, those that it
    declares to use, what these depend on, the rest, and the tests of the standard library.

    Args:
        packages: installed packages.
        imported: names that the workspace imports, as written, with the number of statements.
        declared: normalised names of packages that the workspace declares to use.
        own: normalised names of the workspace's own packages, which are left out.
    """
    modules, paths = _count_statements(imported)
    used = {package.place: _count_uses(package, modules, paths) for package in packages}
    direct = [each for each in packages if used[each.place] or normalize_name(each.name) in declared]
    direct.sort(key=lambda each: (-used[each.place], each.name))
    needed = _list_needed(packages, direct)

    def rank(package: Package) -> int:
        """Return the place of the group of `package`, from 0."""
        if package.name in {STDLIB, STDLIB_TESTS}:
            return 0 if package.name == STDLIB else 5
        if used[package.place]:
            return 1
        if normalize_name(package.name) in declared:
            return 2
        return 3 if package.place in needed else 4

    others = [each for each in packages if normalize_name(each.name) not in own]
    return sorted(others, key=lambda each: (rank(each), -used[each.place], each.name, each.version))


def _count_uses(package: Package, modules: Mapping[str, int], paths: Mapping[str, int]) -> int:
    """Return the number of import statements that name a module of `package`, by the counts of `_count_statements`."""
    counts = modules if package.ecosystem == PYPI else paths
    return sum(counts.get(module, 0) for module in set(package.modules))


def _count_statements(imported: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """Return the number of import statements for each top module ("a" for "a.b"), and for each path.

    A statement counts for its path and for those above it ("a" and "a/b" for "a/b"). The modules serve packages of
    PyPI, the paths those of all other ecosystems. Counts once for all packages: there may be thousands of them.
    """
    modules: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    for name, count in imported.items():
        modules[name.partition(".")[0]] += count
        for path in accumulate(name.split("/"), "{}/{}".format):
            paths[path] += count
    return modules, paths


def _list_needed(packages: Sequence[Package], direct: Sequence[Package]) -> set[str]:
    """Return the `place` of each package that `direct` depends on, directly or through others."""
    by_name: dict[tuple[str, str], list[Package]] = {}
    for package in packages:
        by_name.setdefault((package.ecosystem, normalize_name(package.name)), []).append(package)
    found: set[str] = set()
    waiting = deque(direct)
    while waiting:
        package = waiting.popleft()
        for name in package.requires:
            for needed in by_name.get((package.ecosystem, normalize_name(name)), ()):
                if needed.place not in found:
                    found.add(needed.place)
                    waiting.append(needed)
    return found

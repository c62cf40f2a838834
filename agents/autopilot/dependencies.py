"""Stale dependencies, as far as the files of a workspace tell without the network.

Compares what a manifest asks for with its lock file, and pinned requirements with what is installed in the workspace's
own environment. Whether a newer version was published is not known here. Start at `find_stale_dependencies`.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from agents.ports.task_proposals import ProposalKind, TaskProposal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

WEIGHT = 45.0
PYTHON_LOCKS = ("uv.lock", "poetry.lock")
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_PIN = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*==\s*([^\s;#\\]+)")
MOST_NAMED = 20


def find_stale_dependencies(read: Callable[[str], str | None], installed: Mapping[str, str]) -> Iterator[TaskProposal]:
    """Yield proposals for lock files that differ from their manifest, and for installed versions that differ from pins.

    Args:
        read: returns the text of a file of the workspace by its name, None if there is none.
        installed: versions of the packages in the workspace's own environment by normalised name; empty for none.
    """
    yield from _compare_npm(read)
    yield from _compare_python(read)
    yield from _compare_pins(read, installed)


def normalise_name(name: str) -> str:
    """Return the name of a Python package in lower case, with a hyphen for each run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _compare_npm(read: Callable[[str], str | None]) -> Iterator[TaskProposal]:
    """Yield a proposal if `package-lock.json` was made for other dependencies than `package.json` has."""
    manifest, lock = _read_json(read("package.json")), _read_json(read("package-lock.json"))
    root = _get_table(_get_table(lock, "packages"), "")
    if not root:
        return
    stale = []
    for section in ("dependencies", "devDependencies", "optionalDependencies"):
        wanted, locked = _get_table(manifest, section), _get_table(root, section)
        stale += [name for name in {*wanted, *locked} if wanted.get(name) != locked.get(name)]
    if stale:
        yield _propose("package-lock.json", "package.json", stale)


def _compare_python(read: Callable[[str], str | None]) -> Iterator[TaskProposal]:
    """Yield a proposal for each lock file without one of the `project.dependencies` of `pyproject.toml`."""
    project = _get_table(_read_toml(read("pyproject.toml")), "project")
    wanted = project.get("dependencies", [])
    names = {normalise_name(found[1]) for one in wanted if isinstance(one, str) and (found := _NAME.match(one))}
    for lock in PYTHON_LOCKS:
        packages = _read_toml(read(lock)).get("package")
        if not names or not isinstance(packages, list):
            continue
        locked = {normalise_name(str(one.get("name"))) for one in packages if isinstance(one, dict)}
        if missing := names - locked:
            yield _propose(lock, "pyproject.toml", missing)


def _compare_pins(read: Callable[[str], str | None], installed: Mapping[str, str]) -> Iterator[TaskProposal]:
    """Yield a proposal if packages are installed in other versions than `requirements.txt` pins."""
    found = map(_PIN.match, (read("requirements.txt") or "").splitlines())
    pins = {normalise_name(one[1]): one[2] for one in found if one is not None}
    differing = [name for name, version in pins.items() if installed.get(name, version) != version]
    if differing:
        yield _propose("the environment", "requirements.txt", differing)


def _propose(stale: str, manifest: str, names: Iterable[str]) -> TaskProposal:
    """Return the proposal to bring a lock file or an environment up to date."""
    listed = sorted(names)
    shown = ", ".join(listed[:MOST_NAMED]) + (" ..." if len(listed) > MOST_NAMED else "")
    details = f"{stale} differs from {manifest} in: {shown}. Find out which one is right, and make them agree."
    key = f"dependency:{stale}:{','.join(listed)}"[:1000]
    return TaskProposal(ProposalKind.DEPENDENCY, key, f"Bring {stale} in line with {manifest}", details, WEIGHT)


def _read_json(text: str | None) -> dict[str, Any]:
    """Return `text` parsed as a JSON object; {} if it is no JSON object, or None."""
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _read_toml(text: str | None) -> dict[str, Any]:
    """Return `text` parsed as TOML; {} if it is no TOML, or None."""
    try:
        return tomllib.loads(text or "")
    except (ValueError, RecursionError):
        return {}


def _get_table(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the table `name` inside of `table`; {} if there is none."""
    value = table.get(name)
    return value if isinstance(value, dict) else {}

"""Stale dependencies, told from files alone."""

from __future__ import annotations

import json

import pytest

from agents.autopilot.dependencies import find_stale_dependencies

MANIFEST = json.dumps({"dependencies": {"left-pad": "^1.3.0", "react": "^19.0.0"}})


def make_npm_lock(**locked: str) -> str:
    """Return a lock file that was made for these dependencies."""
    return json.dumps({"lockfileVersion": 3, "packages": {"": {"dependencies": locked}}})


def test_a_lock_file_of_npm_that_was_made_for_other_versions_is_proposed() -> None:
    files = {"package.json": MANIFEST, "package-lock.json": make_npm_lock(**{"left-pad": "^1.3.0", "react": "^18.0.0"})}
    (found,) = find_stale_dependencies(files.get, {})
    assert "in: react." in found.details
    files["package-lock.json"] = make_npm_lock(**{"left-pad": "^1.3.0", "react": "^19.0.0"})
    assert list(find_stale_dependencies(files.get, {})) == []


def test_a_lock_file_of_python_that_lacks_a_dependency_is_proposed() -> None:
    files = {
        "pyproject.toml": '[project]\ndependencies = ["Ruamel.YAML>=0.18", "httpx[http2] ; python_version > \'3\'"]\n',
        "uv.lock": '[[package]]\nname = "httpx"\n',
    }
    (found,) = find_stale_dependencies(files.get, {})
    assert "in: ruamel-yaml." in found.details
    files["uv.lock"] += '[[package]]\nname = "ruamel-yaml"\n'
    assert list(find_stale_dependencies(files.get, {})) == []


def test_pins_are_compared_with_what_is_installed() -> None:
    files = {"requirements.txt": "# pins\nhttpx==0.27.0\nattrs[dev] == 24.1.0  # why\nother>=1\nnowhere==1.0\n"}
    (found,) = find_stale_dependencies(files.get, {"httpx": "0.28.1", "attrs": "24.1.0", "other": "0.1"})
    assert "in: httpx." in found.details
    assert list(find_stale_dependencies(files.get, {})) == []


@pytest.mark.parametrize("damaged", ["", "{", "[", "null", "package = 1", "[project", "[" * 100_000])
def test_damaged_files_tell_nothing(damaged: str) -> None:
    for name in ("package.json", "package-lock.json", "pyproject.toml", "uv.lock", "requirements.txt"):
        files = {"package.json": MANIFEST, "pyproject.toml": '[project]\ndependencies = ["a"]\n', name: damaged}
        assert list(find_stale_dependencies(files.get, {"a": "1"})) == []

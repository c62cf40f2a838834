"""The order of packages."""

from __future__ import annotations

from pathlib import Path

from indexing.libraries.choosing import choose_packages, list_imported_names
from indexing.libraries.packages import PYPI, Package


def make(name: str, *modules: str, requires: tuple[str, ...] = (), ecosystem: str = PYPI) -> Package:
    """Return a package that is imported by the names `modules`, else by its own."""
    return Package(ecosystem, name, "1", Path("/packages"), (), modules or (name,), requires)


def test_imported_packages_come_first_then_declared_ones_then_their_needs_then_the_rest() -> None:
    packages = [
        make("stdlib-tests"),
        make("unused"),
        make("needed-deeper"),
        make("needed", requires=("needed_deeper",)),
        make("declared"),
        make("rarely", requires=("needed",)),
        make("often", "ofter_module"),
        make("stdlib", "os"),
    ]
    imported = {"ofter_module.part": 3, "ofter_module": 2, "rarely": 1}
    chosen = [each.name for each in choose_packages(packages, imported, {"declared"})]
    assert chosen == ["stdlib", "often", "rarely", "declared", "needed", "needed-deeper", "unused", "stdlib-tests"]


def test_the_workspace_is_no_library_of_its_own() -> None:
    chosen = choose_packages([make("My_Own"), make("other")], {}, (), own={"my-own"})
    assert [each.name for each in chosen] == ["other"]


def test_needs_in_a_circle_end() -> None:
    packages = [make("a", requires=("b",)), make("b", requires=("a",)), make("c")]
    assert [each.name for each in choose_packages(packages, {"b": 1}, ())] == ["b", "a", "c"]


def test_import_statements_of_several_languages_are_read() -> None:
    texts = [
        b"import os.path\nfrom numpy import array\n    import json\n",
        b"import React from 'react'\nconst fs = require(\"fs\")\nimport '@scope/name/part'\n",
        b'import (\n\t"fmt"\n\tlog "github.com/some/log"\n)\n',
        b"use serde::Deserialize;\n",
    ]
    found = set(list_imported_names(texts))
    assert found >= {"os.path", "numpy", "json", "react", "fs", "@scope/name/part", "github.com/some/log", "serde"}


def test_thousands_of_packages_and_imports_are_compared_in_little_time() -> None:
    folder = Path("/packages")
    packages = [
        Package("npm", f"@s/p{number}", "1", folder / str(number), (), (f"@s/p{number}",)) for number in range(20_000)
    ]
    chosen = choose_packages(packages, {f"@s/p{number}/inner": number for number in range(20_000)}, set())
    assert [each.name for each in chosen[:2]] == ["@s/p19999", "@s/p19998"]

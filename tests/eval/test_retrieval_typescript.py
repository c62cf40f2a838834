from __future__ import annotations

from pathlib import Path

import pytest

from tests.eval import data, retrieval, retrieval_typescript, typescript_packages


def test_a_package_has_an_exact_version_a_hash_and_a_split() -> None:
    found = typescript_packages.list_packages()
    assert {package.split for package in found} == {"dev", "test"}
    assert all(len(package.sha256) == 64 and package.source for package in found)
    assert typescript_packages.list_packages("dev") == [package for package in found if package.split == "dev"]


@pytest.mark.parametrize(
    ("name", "searched"),
    [
        ("src/a.ts", True),
        ("src/a.d.ts", False),
        ("src/a.test.ts", False),
        ("src/__tests__/a.ts", False),
        ("src/a.js", False),
    ],
)
def test_tests_and_declaration_files_are_not_searched(name: str, *, searched: bool) -> None:
    assert typescript_packages.is_source(Path(name)) is searched


def test_a_package_that_was_not_fetched_says_what_to_do() -> None:
    missing = typescript_packages.TypeScriptPackage("missing", "1", "00", "dev", "src")
    with pytest.raises(data.DataError, match="make eval-data"):
        missing.list_files()


def test_calls_are_drawn_anew_in_the_same_order_and_none_from_the_first_lines_of_a_file() -> None:
    calls = [("a.ts", line, "b.ts", 1, 4) for line in range(200)]
    chosen = retrieval_typescript.choose_sites(calls)
    assert len(chosen) == retrieval.SITES
    assert chosen == retrieval_typescript.choose_sites(calls[::-1])
    assert min(line for _, line, *_ in chosen) >= retrieval.QUERY_LINES // 2

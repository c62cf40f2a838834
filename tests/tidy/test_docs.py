"""The documents speak of the tree as it is: code map, invariants, README commands, changelog."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import PurePosixPath

import pytest

from tests.tidy.settings_table import rendered
from tests.tidy.tree import ROOMS, ROOT, program

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
CODE_MAP_ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


def section(text: str, title: str) -> str:
    """The text under the heading `title`, down to the next heading of the same level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1]


def test_every_row_of_the_code_map_is_in_the_tree() -> None:
    rows = CODE_MAP_ROW.findall(section(ARCHITECTURE, "Code map"))
    assert len(rows) > 20
    assert [row for row in rows if not (ROOT / row).exists()] == []


def test_every_module_has_a_row_in_the_code_map() -> None:
    rows = set(CODE_MAP_ROW.findall(section(ARCHITECTURE, "Code map")))
    covered = {row.rstrip("/") for row in rows}
    missing = [
        s.path
        for s in program()
        if PurePosixPath(s.path).name != "__init__.py"
        and s.path not in covered
        and not any(str(parent) in covered and str(parent) not in ROOMS for parent in PurePosixPath(s.path).parents)
    ]
    assert missing == []


def test_every_invariant_names_a_test_that_exists() -> None:
    items = re.split(r"^\d+\. ", section(ARCHITECTURE, "Invariants"), flags=re.MULTILINE)[1:]
    assert len(items) == 10
    for item in items:
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", item)
        assert tests, f"no test named: {item}"
        for path, name in tests:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    paths = (*ROOT.glob("*.md"), *ROOT.glob("*/*/README.md"), *ROOT.glob("docs/*.md"))
    texts = [path.read_text(encoding="utf-8") for path in paths]
    named = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z][a-z-]+)", text, re.MULTILINE)}
    assert named >= {"run", "test"}
    assert named - targets == set()


def test_starling_commands_in_the_documents_exist() -> None:
    texts = README + "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("docs/*.md"))
    named = set(re.findall(r"^\s*starling ([a-z]+)", texts, re.MULTILINE)) | set(
        re.findall(r"`starling ([a-z]+)", texts)
    )
    listing = subprocess.run(
        [str(ROOT / ".venv/bin/starling"), "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert named
    assert {name for name in named if not re.search(rf"\b{name}\b", listing)} == set()


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_the_documents_are_there(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 500


def test_the_changelog_names_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


def test_links_between_the_documents_lead_somewhere() -> None:
    folders = ("docs", "editors", "models")
    documents = [*ROOT.glob("*.md"), *(path for folder in folders for path in (ROOT / folder).rglob("*.md"))]
    broken = [
        f"{path.relative_to(ROOT)}: {target}"
        for path in documents
        if "node_modules" not in path.parts
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_table_of_settings_is_made_from_the_settings_class() -> None:
    assert rendered(README) == README, "out of date: make docs"

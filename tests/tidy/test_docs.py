"""The documents agree with the code: folders, invariants, links, commands, generated parts, changelog."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import pytest

from docs import site
from tests.tidy import links, pages
from tests.tidy.tree import ROOT, read_modules

ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
README_LIMIT = 9_000  # characters: a screen that convinces, and a page that lists the features
DOCUMENTS = sorted(
    ROOT / path
    for path in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()
)  # fmt: skip
INTERNALS = (ROOT / "docs" / "internals.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
MOST_WORDS = 2_500  # of ARCHITECTURE.md; details belong into docs/internals.md


def find_section(text: str, title: str) -> str:
    """Return the text below the second-level heading `title`, up to the next one."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title}"
    return found[1]


def test_every_row_of_the_folders_is_in_the_tree() -> None:
    rows = ROW.findall(find_section(ARCHITECTURE, "Folders"))
    assert len(rows) > 20
    assert [row for row in rows if not (ROOT / row).is_dir()] == []
    assert len(rows) == len(set(rows))


def test_every_folder_with_modules_has_a_row() -> None:
    rows = set(ROW.findall(find_section(ARCHITECTURE, "Folders")))
    modules = [PurePosixPath(s.path) for s in read_modules()]
    folders = {f"{path.parent}/" for path in modules if path.name != "__init__.py" and path.parent.name}
    assert folders - rows == set()


def test_every_path_that_the_architecture_names_exists() -> None:
    named = set(
        re.findall(r"`((?:server|agents|indexing|models|editors|tests|docs)/[\w./-]*)`", ARCHITECTURE + INTERNALS)
    )
    assert len(named) > 50
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_the_architecture_is_short() -> None:
    assert len(ARCHITECTURE.split()) < MOST_WORDS


def test_every_invariant_names_a_test_that_exists() -> None:
    items = re.split(r"^\d+\. ", find_section(ARCHITECTURE, "Invariants"), flags=re.MULTILINE)[1:]
    assert len(items) == 10
    for item in items:
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", item)
        assert tests, f"no test named: {item}"
        for path, name in tests:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


def test_make_targets_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    named = {name for text in texts for name in re.findall(r"(?:`|^)make ([a-z][a-z-]+)", text, re.MULTILINE)}
    assert named >= {"run", "test"}
    assert named - targets == set()


def test_starling_commands_in_the_documents_exist() -> None:
    texts = README + "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    named = set(re.findall(r"^\s*starling ([a-z]+)", texts, re.MULTILINE)) | set(
        re.findall(r"`starling ([a-z]+)", texts)
    )
    listing = subprocess.run(
        [str(ROOT / ".venv/bin/starling"), "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert named
    assert {name for name in named if not re.search(rf"\b{name}\b", listing)} == set()


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_the_documents_exist(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8")) > 500


def test_the_changelog_names_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## [{version}]" in changelog or "## [Unreleased]" in changelog


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(path: Path) -> None:
    assert links.find_broken_links(path) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text(
        "# The `x` of it\n\n```sh\n# no heading\n```\n## Twice\n## Twice\n", encoding="utf-8"
    )
    page = tmp_path / "page.md"
    good = "[a](there.md) [b](there.md#the-x-of-it) [c](there.md#twice-1) [d](https://example.org/#e) `[f](g.md)`"
    page.write_text(f"# Page\n{good} [h](#page)\n```md\n[i](j.md)\n```\n", encoding="utf-8")
    assert links.find_broken_links(page) == []
    page.write_text("[a](gone.md) [b](there.md#no-heading) [c](there.md#twice-2) [d](#page)", encoding="utf-8")
    assert links.find_broken_links(page) == ["gone.md", "there.md#no-heading", "there.md#twice-2", "#page"]


def test_every_page_of_the_documentation_can_be_reached_from_the_readme(tmp_path: Path) -> None:
    collected = set(site.collect(tmp_path / "site"))
    assert {path.relative_to(ROOT) for path in DOCUMENTS if path.is_relative_to(ROOT / "docs")} - collected == set()
    configuration = tomllib.loads((ROOT / "docs" / "zensical.toml").read_text(encoding="utf-8"))
    listed = set(re.findall(r"'([^']+\.md)'", repr(configuration["project"]["nav"])))
    assert listed - {path.as_posix() for path in collected} == set()
    assert {path.as_posix() for path in collected if path.parts[0] == "docs" and path.suffix == ".md"} - listed == set()


@pytest.mark.parametrize("page", pages.find_pages(), ids=lambda page: page.name)
def test_the_generated_parts_of_a_page_are_made_from_the_code(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert pages.render_page(text) == text, "out of date: make docs"


def test_every_generated_part_is_on_exactly_one_page() -> None:
    named = [
        found[2] for page in pages.find_pages() for found in pages.REGION.finditer(page.read_text(encoding="utf-8"))
    ]
    assert sorted(named) == sorted(pages.PARTS)


def test_the_readme_is_short() -> None:
    assert len(README) < README_LIMIT


def test_the_recording_is_small_and_shown_in_the_readme() -> None:
    recording = ROOT / "docs" / "recording.svg"
    assert "](docs/recording.svg)" in README
    assert recording.stat().st_size < 1_000_000
    text = "".join(ET.parse(recording).getroot().itertext())  # noqa: S314 (our own file)
    assert all(word in text for word in ("count_words", "This default is made once", "Apply"))

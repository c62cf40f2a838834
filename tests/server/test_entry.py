"""The entry's path surgery: what the surroundings add goes, what the program needs stays and comes first."""

from __future__ import annotations

import os
import site
import sys
from pathlib import Path

import pytest

import starling_lsp

ROOT = str(Path(starling_lsp.__file__).resolve().parent)
LIBRARY = str(Path(os.__file__).parent)
SITE = site.getsitepackages()[0]


@pytest.fixture(autouse=True)
def console_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make it look as if `tmp_path/bin/starling` was started in `tmp_path`, without a PYTHONPATH; return `tmp_path`."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "starling")])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path


@pytest.mark.parametrize("written", [".", "", "{cwd}", "{cwd}/", "{cwd}/lib:.", "lib::{cwd}"])
def test_what_pythonpath_and_the_working_directory_add_is_dropped(
    written: str, monkeypatch: pytest.MonkeyPatch, console_script: Path
) -> None:
    value = written.format(cwd=console_script).replace(":", os.pathsep)
    monkeypatch.setenv("PYTHONPATH", value)
    added = [str(Path(part or ".").absolute()) for part in value.split(os.pathsep)]
    path = starling_lsp.isolate_path(["", *added, LIBRARY, SITE, ROOT])
    assert path == [LIBRARY, ROOT, SITE]


def test_the_scripts_own_directory_is_dropped(console_script: Path) -> None:
    assert starling_lsp.isolate_path([str(console_script / "bin"), LIBRARY, SITE, ROOT]) == [LIBRARY, ROOT, SITE]


@pytest.mark.parametrize("kept", [LIBRARY, SITE, ROOT], ids=["library", "site-packages", "root"])
def test_what_the_program_needs_stays_even_when_it_is_the_working_directory(
    kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept)
    monkeypatch.setenv("PYTHONPATH", ".")
    assert starling_lsp.isolate_path([kept, LIBRARY, SITE, ROOT]) == [LIBRARY, ROOT, SITE]


def test_our_root_goes_before_other_editable_projects_and_site_packages(tmp_path: Path) -> None:
    other = str(tmp_path / "other")
    assert starling_lsp.isolate_path([LIBRARY, SITE, other, ROOT]) == [LIBRARY, ROOT, SITE, other]


def test_our_root_is_added_when_nothing_on_the_path_names_it() -> None:
    assert starling_lsp.isolate_path([LIBRARY, SITE]) == [LIBRARY, ROOT, SITE]


def test_a_link_to_the_working_directory_is_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console_script: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(console_script)
    monkeypatch.setenv("PYTHONPATH", str(link))
    assert starling_lsp.isolate_path([str(link), LIBRARY, SITE, ROOT]) == [LIBRARY, ROOT, SITE]

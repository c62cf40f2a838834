"""Many files at once: the same findings as one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.reviewer import workers
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax import languages, texts
from indexing.syntax.documents import Document
from tests.marked import parse

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

WORKSPACE = """
#- shapes.py
import os

def area(shape, seen=[]):
    seen.append(shape)
    return undefined
#- quiet.py
# starling: off
import os
#- sub/ruff.toml
lint.select = ["F"]
#- sub/other.py
import os

def same(a):
    return a is a
#- page.js
if (a === a) { b(); }
#- notes.txt
nothing
"""


def read_documents(root: Path) -> list[Document]:
    found = []
    for path in sorted(each for each in root.rglob("*") if each.is_file()):
        text = texts.decode(path.read_bytes())
        found.append(Document(path.as_uri(), path, languages.detect(path), text))
    return found


def test_files_have_the_findings_that_each_has_alone(tmp_path: Path) -> None:
    files = read_documents(parse(WORKSPACE).write(tmp_path))
    reviewer = Reviewer()
    found = {document.uri: findings for document, findings in reviewer.review_files(files)}
    assert found == {document.uri: reviewer.review(document) for document in files}
    assert {finding.code for findings in found.values() for finding in findings} == {
        *("F401", "F821", "mutable-default", "self-comparison"),
    }


def test_worker_processes_find_the_same_as_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse(WORKSPACE).write(tmp_path)
    (tmp_path / "task.py").write_text("# TODO tidy\n", encoding="utf-8")
    files = read_documents(tmp_path)
    off, on = frozenset({"mutable-default"}), frozenset({"todo-without-owner"})
    policy = ReviewPolicy(ruff="never", rules_off=off, rules_on=on)
    alone = {document.uri: findings for document, findings in Reviewer(policy).review_files(files)}
    monkeypatch.setattr(workers, "LEAST_CHARACTERS", 0)
    spread = {document.uri: findings for document, findings in Reviewer(policy).review_files(files)}
    assert spread == alone
    codes = {finding.code for findings in alone.values() for finding in findings}
    assert "todo-without-owner" in codes
    assert "mutable-default" not in codes


def test_a_cancelled_batch_ends(tmp_path: Path) -> None:
    files = read_documents(parse(WORKSPACE).write(tmp_path))
    assert [
        found for _, found in Reviewer(ReviewPolicy(ruff="never")).review_files(files, cancelled=lambda: True)
    ] == []


def test_a_file_with_a_declared_encoding_has_the_same_findings_as_in_an_editor(tmp_path: Path) -> None:
    for name, first in (
        ("said.py", "# -*- coding: latin-1 -*-"),
        ("late.py", "#!python\n# vim: set fileencoding=latin-1"),
    ):
        (tmp_path / name).write_bytes(f'{first}\nimport os\n\n\ndef name():\n    return "café"\n'.encode("latin-1"))
    (tmp_path / "unsaid.py").write_bytes('NAME = "café"\n'.encode("latin-1"))
    found = {
        document.path.name: {finding.code for finding in findings}
        for document, findings in Reviewer().review_files(read_documents(tmp_path))
        if document.path is not None
    }
    assert found == {"said.py": {"F401"}, "late.py": {"F401"}, "unsaid.py": {"E902"}}

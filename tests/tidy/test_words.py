"""Docstrings, function names and terms keep the rules for words; CONTRIBUTING.md has the glossary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tidy import words

if TYPE_CHECKING:
    from pathlib import Path

CHECKED: tuple[str, ...] = (
    # one folder a line
    "agents/actions.py",
    "agents/completion",
    "agents/edits.py",
    "agents/findings.py",
    "agents/markdown.py",
    "agents/metered_model.py",
    "agents/outlines.py",
    "agents/pieces.py",
    "agents/ports",
    "agents/prompting.py",
    "agents/related_code.py",
    "agents/reviewer",
    "agents/suggestions.py",
    "agents/tasks",
    "agents/team",
    "agents/tools.py",
    "agents/workflow.py",
    "benchmarks",
    "docs/recording",
    "indexing",
    "models",
    "server",
    "starling_files.py",
    "starling_lsp.py",
    "starling_python.py",
    "tests/agents/completion",
    "tests/agents/doubles.py",
    "tests/agents/reviewer",
    "tests/agents/tasks",
    "tests/agents/team",
    "tests/agents/test_actions.py",
    "tests/agents/test_markdown.py",
    "tests/agents/test_outlines.py",
    "tests/agents/test_prompting.py",
    "tests/agents/test_workflow.py",
    "tests/benchmarks",
    "tests/docs",
    "tests/editors",
    "tests/eval",
    "tests/indexing",
    "tests/models/bundled.py",
    "tests/models/catalog",
    "tests/models/conversion",
    "tests/models/host",
    "tests/models/hub.py",
    "tests/models/large.py",
    "tests/models/local",
    "tests/models/remote",
    "tests/models/scripted",
    "tests/models/test_embedding.py",
    "tests/models/test_fim.py",
    "tests/models/test_masking.py",
    "tests/models/test_structured_answers.py",
    "tests/models/test_tokenizer.py",
    "tests/models/training",
    "tests/server/acp",
    "tests/server/assembly",
    "tests/server/cli",
    "tests/server/conftest.py",
    "tests/server/editor.py",
    "tests/server/gate",
    "tests/server/lsp",
    "tests/server/mcp_client",
    "tests/server/messages.py",
    "tests/server/naive.py",
    "tests/server/state",
    "tests/server/test_entry.py",
    "tests/server/test_vscode_extension.py",
    "tests/tidy",
    "tests/wire",
)


def check_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> list[str]:
    """Return the messages about a module with the text `source`."""
    monkeypatch.setattr(words, "REPOSITORY", tmp_path)
    module = tmp_path / "module.py"
    module.write_text(source, encoding="utf-8")
    return list(words.check_module(module))


@pytest.mark.parametrize("folder", CHECKED)
def test_a_folder_keeps_the_rules_for_words(folder: str) -> None:
    assert list(words.check([words.REPOSITORY / folder])) == []


def test_a_docstring_that_begins_with_a_noun_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = check_source(tmp_path, monkeypatch, 'def count() -> int:\n    """The number of lines."""\n')
    assert len(broken) == 1
    assert "begins with 'the'" in broken[0]


def test_a_value_is_described_by_a_noun_phrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'class A:\n    """A thing."""\n    @property\n    def size(self) -> int:\n        """{}"""\n'
    assert check_source(tmp_path, monkeypatch, source.format("Size in bytes.")) == []
    assert len(check_source(tmp_path, monkeypatch, source.format("What it weighs."))) == 1


def test_a_predicate_may_say_whether_and_no_other_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'def has_end(text: str) -> {}:\n    """Whether `text` ends."""\n'
    assert check_source(tmp_path, monkeypatch, source.format("bool")) == []
    assert len(check_source(tmp_path, monkeypatch, source.format("str"))) == 1


@pytest.mark.parametrize("name", ["kept", "_told", "found_in", "accepted"])
def test_a_function_named_by_a_participle_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(check_source(tmp_path, monkeypatch, f"def {name}() -> None: ...\n")) == 1


@pytest.mark.parametrize("name", ["keep", "embed", "read", "need_more"])
def test_a_function_named_by_a_verb_is_not(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_source(tmp_path, monkeypatch, f"def {name}() -> None: ...\n") == []


def test_a_ruled_out_synonym_is_found_with_its_term(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "REPOSITORY", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("Nothing.\nA call that is Safe Twice.\n", encoding="utf-8")  # words: the text to check
    assert list(words.check_synonyms(page, {"safe twice": "idempotent"})) == [  # words: the text to check
        "page.md:2: 'safe twice', where 'idempotent' is the term"  # words: the text to check
    ]


def test_a_line_that_gives_a_reason_may_use_a_synonym(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "REPOSITORY", tmp_path)
    module = tmp_path / "module.py"
    module.write_text('NAME = "mend"  # words: a name that users know\nOTHER = "mend"\n', encoding="utf-8")
    synonyms = {"mend": "fix"}  # words: the text to check
    assert [one.partition(": ")[0] for one in words.check_synonyms(module, synonyms)] == ["module.py:2"]


def test_the_glossary_has_terms_and_synonyms() -> None:
    glossary = words.read_glossary()
    assert len(glossary) >= 10
    assert all(glossary.values())

from __future__ import annotations

import importlib
from pathlib import PurePath

import pytest

from indexing import chunks
from indexing.syntax import grammars, languages, symbols, texts
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax
from tests.indexing.samples import SAMPLES


def find_outline(name: str, text: str) -> symbols.Outline:
    """Parse `text` in the language `name`; return its definitions and imports."""
    grammar = grammars.load(name)
    assert grammar is not None
    data = texts.encode(text)
    return symbols.outline(grammar.parse(data), data, grammar)


def format_outline(found: symbols.Outline) -> str:
    """Return definitions and imports as the samples write them, one a line."""
    lines = [f"{each.kind} {each.container}{'.' if each.container else ''}{each.name}" for each in found.symbols]
    lines += [f"< {each.module}: {' '.join(each.names)}".removesuffix(": ") for each in found.imports]
    return "\n".join(lines) + "\n"


def test_every_language_has_a_sample() -> None:
    assert set(SAMPLES) == set(languages.NAMES)


@pytest.mark.parametrize("name", SAMPLES)
def test_grammar_and_query_work(name: str) -> None:
    assert grammars.explain_problem(name) == ""


@pytest.mark.parametrize("name", SAMPLES)
def test_definitions_and_imports_are_found(name: str) -> None:
    assert format_outline(find_outline(name, SAMPLES[name].text)) == SAMPLES[name].outline


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_is_recognised_by_its_file_name(name: str) -> None:
    assert languages.detect(PurePath(SAMPLES[name].name)) == name


@pytest.mark.parametrize("name", SAMPLES)
def test_chunks_cover_every_line_and_hold_the_lines_they_name(name: str) -> None:
    text = SAMPLES[name].text
    lines = text.splitlines(keepends=True)
    cut = chunks.cut(text, find_outline(name, text).symbols)
    assert set(range(len(lines))) == {line for each in cut for line in range(each.first_line, each.last_line)}
    for each in cut:
        assert text[each.span.start : each.span.end] == "".join(lines[each.first_line : each.last_line])


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_parses_without_errors(name: str) -> None:
    text = SAMPLES[name].text
    assert Syntax.of(Document("sample", None, name, text)).count_errors() == 0


def test_spans_count_code_points() -> None:
    text = "x = '😀é'\n\ndef area(side):\n    return '😀'\n\nclass Shape: pass\n"
    found = {each.name: text[each.span.start : each.span.end] for each in find_outline("python", text).symbols}
    assert found == {
        "x": "x = '😀é'",
        "area": "def area(side):\n    return '😀'",
        "Shape": "class Shape: pass",
    }


def test_signature_is_the_head_on_one_line() -> None:
    text = (
        "class Shape:\n    @property\n    def area(\n        self, scale: float = 1.0\n    ) -> float:\n        pass\n"
    )
    assert [each.signature for each in find_outline("python", text).symbols] == [
        "class Shape",
        "@property def area( self, scale: float = 1.0 ) -> float",
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("#!/usr/bin/env python3", "python"),
        ("#!/usr/bin/python3.12 -u", "python"),
        ("#!/usr/bin/env -S node --harmony", "javascript"),
        ("#!/bin/sh -e", "bash"),
        ("#!/opt/unknown", "text"),
        ("print(1)", "text"),
    ],
)
def test_shebang_names_the_language(line: str, name: str) -> None:
    assert languages.detect(PurePath("tool"), f"{line}\nbody\n") == name


def test_language_ids_of_editors_are_known() -> None:
    known = ["python", "typescriptreact", "javascriptreact", "shellscript", "csharp", "cpp", "jsonc", "plaintext"]
    assert [languages.resolve_id(each) for each in known] == [
        "python", "tsx", "javascript", "bash", "csharp", "cpp", "json", "text",
    ]  # fmt: skip


def test_missing_grammar_means_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ImportError(f"no {name}")

    monkeypatch.setattr(grammars, "_loaded", {})
    monkeypatch.setattr(importlib, "import_module", refuse)
    assert grammars.load("python") is None
    assert "files are plain text" in grammars.explain_problem("python")
    assert not Syntax.of(Document("u", None, "python", "x = 1")).available


def test_query_that_does_not_fit_its_grammar_leaves_parsing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: PurePath
) -> None:
    monkeypatch.setattr(grammars, "_loaded", {})
    monkeypatch.setattr(grammars, "QUERIES", tmp_path)
    assert Syntax.of(Document("u", None, "python", "def f(: pass")).count_errors() > 0
    assert "query of python" in grammars.explain_problem("python")
    assert find_outline("python", "def f(): pass") == symbols.Outline()


def test_unknown_text_is_cut_into_overlapping_windows() -> None:
    text = "".join(f"line {number}\n" for number in range(45))
    assert [(each.kind, each.first_line, each.last_line) for each in chunks.cut(text)] == [
        ("window", 0, 20),
        ("window", 10, 30),
        ("window", 20, 40),
        ("window", 30, 45),
    ]


def test_long_definition_is_split_and_a_class_is_its_head() -> None:
    body = "".join(f"        x{number} = {number}\n" for number in range(80))
    text = f"class Shape:\n    side = 1\n\n    def area(self):\n{body}"
    named = [each for each in chunks.cut(text, find_outline("python", text).symbols) if each.name]
    assert [(each.name, each.first_line, each.last_line) for each in named] == [
        ("Shape", 0, 3),
        ("Shape.area", 3, 43),
        ("Shape.area", 33, 73),
        ("Shape.area", 63, 84),
    ]


@pytest.mark.parametrize("text", ["", "\n", " \n\t\n"])
def test_empty_text_has_no_chunks(text: str) -> None:
    assert chunks.cut(text) == []

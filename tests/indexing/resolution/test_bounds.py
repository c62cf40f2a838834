"""The time of reading a table grows with the size of a file, however it is nested; ordinary code is read whole."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from indexing.resolution import candidates, files, likely, rules
from indexing.resolution.files import read_table

ROOT = Path(__file__).parents[3]
LONG_S = 5.0  # of processor time; without a bound each of these takes tens of seconds
DEEP = {
    "sum": ("typescript", "const x = 1" + " + 1" * 40_000 + ";\n"),
    "arrows": ("typescript", "const x = " + "a => " * 20_000 + "1;\n"),
    "else if": ("typescript", "if (a) { b = 1 }\n" + "else if (a) { b = 1 }\n" * 8_000),
    "calls": ("typescript", "const x = a" + ".b()" * 20_000 + ";\n"),
    "callbacks": ("typescript", "f(" + "a => 1, " * 20_000 + ")\n"),
    "attributes": ("javascript", "class A { f() {" + "".join(f"this.a{n} = 1\n" for n in range(20_000)) + "}}\n"),
    "targets": ("python", "x = " + "y = " * 20_000 + "1\n"),
    "elif": ("python", "if a:\n    b = 1\n" + "elif a:\n    b = 1\n" * 8_000),
    "exports": ("python", "__all__ = []\n" + "__all__ += ['a']\n" * 20_000),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_and_long_code_is_read_in_time(name: str) -> None:
    language, text = DEEP[name]
    after = "\ndef last(): pass\n" if language == "python" else "\nfunction last() {}\n"
    started = time.thread_time()
    table = read_table(language, text + after)
    assert time.thread_time() - started < LONG_S
    assert table.definitions[-1].name == "last"


def test_a_bound_on_the_depth_changes_nothing_in_ordinary_code(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        (language, path.read_text(encoding="utf-8"))
        for language, pattern in (
            ("python", "indexing/*/*.py"),
            ("python", "agents/completion/*.py"),
            ("typescript", "editors/vscode/src/*.ts"),
        )
        for path in ROOT.glob(pattern)
    ]
    bounded = [read_table(language, text) for language, text in texts]
    monkeypatch.setattr(files, "DEEPEST", 1 << 30)
    assert len(texts) > 50
    assert bounded == [read_table(language, text) for language, text in texts]


@pytest.mark.parametrize(
    "line", ['"' + '\\"' * 50_000, "'\"" + "\\'" * 50_000, "x" * 100_000, "`" + "\\`" * 50_000, "/" + "\\/" * 50_000]
)
@pytest.mark.parametrize("language", ["typescript", "java"])
def test_a_line_of_any_length_is_simplified_in_time(language: str, line: str) -> None:
    found = rules.load(language)
    assert found is not None
    started = time.thread_time()
    assert len(found.simplify(line)) == len(line)
    found.close(line)
    found.make_placeholder(line, 1, "")
    assert not list(candidates._RECEIVER.finditer(line))
    assert not likely._CALL.findall(line)
    assert time.thread_time() - started < LONG_S

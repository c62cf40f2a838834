from __future__ import annotations

import gc
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexing.process.analysis import analyze_text
from indexing.syntax import grammars
from indexing.syntax.documents import Document, Span
from indexing.syntax.grammars import Grammar
from indexing.syntax.syntax import LARGEST, Syntax
from tests.indexing.samples import SAMPLES
from tests.marked import parse

if TYPE_CHECKING:
    from indexing.syntax.layout import Surroundings


def make_document(text: str, language: str = "python") -> Document:
    return Document("file", None, language, text)


def find_surroundings(fixture: str, language: str = "python") -> Surroundings:
    """Return facts about the cursor `$0` in `fixture`."""
    marked = parse(fixture)
    assert marked.cursor is not None
    return Syntax.of(make_document(marked.text, language)).find_surroundings(marked.cursor[1])


def list_flags(fixture: str, language: str = "python") -> str:
    """Return the kind of text at the cursor and the names of the facts that hold there."""
    found = find_surroundings(fixture, language)
    names = ("in_empty_body", "after_docstring", "at_top_level_line")
    return " ".join([found.kind, *(name for name in names if getattr(found, name))])


@pytest.mark.parametrize(
    ("fixture", "expected"),
    [
        ("def f(a):\n    $0\n", "code in_empty_body"),
        ("def f(\n    a,\n):\n    $0\n", "code in_empty_body"),
        ("def f(a):  # why\n    $0\n", "code in_empty_body"),
        ("def f(a):\n$0", "code"),
        ("def f(a):\n    $0\n    return a\n", "code"),
        ("if a:\n    $0\n", "code in_empty_body"),
        ("class A:\n    def f(self):\n        $0\n\n    def g(self): pass\n", "code in_empty_body"),
        ('def f(a):\n    """Doc."""\n    $0\n', "code after_docstring"),
        ('def f(a):\n    """Doc.\n\n    More.\n    """\n    $0\n\ndef g(): pass\n', "code after_docstring"),
        ('def f(a):\n    """Doc."""\n    $0\n    x = 1\n', "code"),
        ('def f(a):\n    """Doc."""\n$0\n', "code at_top_level_line"),
        ("import os\n$0", "code at_top_level_line"),
        ("x = foo(\n$0\n", "code"),
        ("x = 'abc$0", "string"),
        ("x = 'abc$0'", "string"),
        ("x = 'abc'$0", "code"),
        ("x = '''abc\n$0\n'''", "string"),
        ("x = f'abc {y$0}'", "code"),
        ("x = f'abc$0 {y}'", "string"),
        ("# comm$0ent\n", "comment"),
        ("# comment$0\n", "comment"),
        ("# comment\n$0\n", "code at_top_level_line"),
        ("x = 1  # comment$0\n", "comment"),
        ("x = '😀'$0\n", "code"),
        ("x = '😀$0'\n", "string"),
        ("$0", "code at_top_level_line"),
    ],
)
def test_python_places(fixture: str, expected: str) -> None:
    assert list_flags(fixture) == expected


@pytest.mark.parametrize(
    ("language", "fixture", "expected"),
    [
        ("javascript", "function f(a) {\n  $0\n}\n", "code in_empty_body"),
        ("javascript", "function f(a) {\n  // why\n  $0\n}\n", "code in_empty_body"),
        ("javascript", "function f(a) {\n  let x;\n  $0\n}\n", "code"),
        ("javascript", "let x = `a ${b$0}`", "code"),
        ("javascript", "let x = `a$0 ${b}`", "string"),
        ("javascript", "/* c */$0\n", "code"),
        ("javascript", "/* c $0*/\n", "comment"),
        ("typescript", "class A {\n  $0\n}\n", "code in_empty_body"),
        ("go", "package a\nfunc F(x int) {\n\t$0\n}\n", "code in_empty_body"),
        ("go", "package a\nfunc F(x int) {\n\t$0\n\nfunc G() {}\n", "code in_empty_body"),
        ("rust", "fn f(x: u32) {\n    $0\n}\n", "code in_empty_body"),
        ("java", "class A { int f() {\n    $0\n}\n}\n", "code in_empty_body"),
        ("ruby", "def f(x)\n  $0\nend\n", "code in_empty_body"),
        ("lua", "local function f(x)\n  $0\nend\n", "code in_empty_body"),
        ("bash", "f() {\n  $0\n}\n", "code in_empty_body"),
        ("elixir", "def f(x) do\n  $0\nend\n", "code in_empty_body"),
        ("elixir", "case x do\n  :a ->\n    $0\nend\n", "code in_empty_body"),
        ("elixir", "def f(x) do\n  $0\n  x\nend\n", "code"),
        ("elixir", "x = ~s(a $0 b)\n", "string"),
        ("elixir", "x = 1 # c$0\n", "comment"),
        ("elixir", "x = 1 +\n# it's c$0", "comment"),
        ("zig", "fn f(x: u32) void {\n    $0\n}\n", "code in_empty_body"),
        ("zig", "const S = struct {\n    $0\n};\n", "code in_empty_body"),
        ("zig", "const c = 'a'; // c$0\n", "comment"),
        ("zig", "fn f() void {\n    return;\n}\n$0\n", "code at_top_level_line"),
        ("c", "int f(void) {\n  return 1;\n}\n$0\n", "code at_top_level_line"),
        ("text", "any thi$0ng", "none"),
    ],
)
def test_places_in_other_languages(language: str, fixture: str, expected: str) -> None:
    assert list_flags(fixture, language) == expected


def test_scope_is_the_innermost_definition_with_its_parameters() -> None:
    text = "class A:\n    def f(self, a):\n        if a:\n            $0\n\n    def g(self): pass\n"
    found = find_surroundings(text)
    plain = text.replace("$0", "")
    assert found.scope is not None
    assert plain[found.scope.start : found.scope.end].strip() == "def f(self, a):\n        if a:"
    found = find_surroundings("function f(a) {\n  $0\n}\n", "javascript")
    assert found.scope == Span(0, len("function f(a) {\n  \n}"))


def test_names_in_scope_come_nearest_first() -> None:
    fixture = """
        import os
        from shapes import area as size

        LIMIT = 3

        def other(secret):
            return secret

        def total(shapes):
            count = LIMIT
            for shape in shapes:
                $0
    """
    found = find_surroundings(fixture)
    assert found.names[:5] == ("shapes", "shape", "LIMIT", "count", "total")
    assert {"os", "size", "other"} <= set(found.names)
    assert "secret" not in found.names


def test_names_in_unknown_text_are_its_words() -> None:
    assert find_surroundings("alpha beta alpha $0 gamma", "text").names == ("alpha", "beta")


def test_pasting_a_suggestion_shows_whether_it_parses() -> None:
    syntax = Syntax.of(make_document("def f(a):\n    return \n"))
    at = len("def f(a):\n    return ")
    assert syntax.replace_text(at, at, "a + 1").count_errors() == 0
    assert syntax.replace_text(at, at, "a + (").count_errors() > 0


def test_errors_are_counted_where_asked() -> None:
    text = "x = (\n\n\n" + "y = 1\n" * 3 + "def g(:\n"
    syntax = Syntax.of(make_document(text))
    assert syntax.count_errors() >= 1
    assert Syntax.of(make_document("x = 1\ny = = 2\n")).count_errors(Span(0, 5)) == 0
    assert Syntax.of(make_document("x = 1\ny = = 2\n")).count_errors(Span(6, 13)) == 1
    (error,) = Syntax.of(make_document("é = 1\ny = = 2\n")).find_errors()
    assert 6 <= error.start < error.end <= 13


@pytest.mark.parametrize(
    ("language", "text", "parts"),
    [
        (
            "python",
            "@d\nclass A:\n    def f(self): pass\n    @p\n    def g(self): pass\n",
            ["@d\nclass A:\n    def f(self): pass\n    @p\n    def g(self): pass", "def f(self): pass", "@p\n    def g(self): pass"],  # noqa: E501
        ),
        ("python", "@d\nclass A:\n    def f(self): pass\n", ["@d\nclass A:\n    def f(self): pass", "def f(self): pass"]),  # noqa: E501
        ("typescript", "export class A { f() {} }\n", ["export class A { f() {} }", "f() {}"]),
    ],
)  # fmt: skip
def test_what_is_around_a_definition_is_its_own_and_not_its_last_members(
    language: str, text: str, parts: list[str]
) -> None:
    assert [text[one.span.start : one.span.end] for one in Syntax.of(make_document(text, language)).symbols] == parts


def test_an_import_says_where_it_stands() -> None:
    text = "# \u00e9\nimport os, sys\nfrom a import (\n    b,\n)\n"
    spans = [one.span for one in Syntax.of(make_document(text)).imports]
    found = [text[span.start : span.end] for span in spans if span is not None]
    assert found == ["import os, sys", "import os, sys", "from a import (\n    b,\n)"]


def test_too_large_a_text_is_not_parsed() -> None:
    syntax = Syntax.of(make_document("x = 1\n" * (LARGEST // 6 + 1)))
    assert (syntax.available, syntax.symbols, syntax.count_errors()) == (False, (), 0)
    assert syntax.find_surroundings(5).kind == "none"


def test_lone_surrogate_does_no_harm() -> None:
    syntax = Syntax.of(make_document("x = '\ud800'\ndef area(): pass\n"))
    assert [each.name for each in syntax.symbols] == ["x", "area"]
    assert syntax.find_surroundings(6).kind == "string"


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1),
        st.integers(0, 12),
        st.sampled_from(["", "x", "\n", "    ", "def g():\n    pass\n", *"(){}'", '"""', "é😀", "\r\n", "# "]),
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["python", "javascript", "go", "rust", "json", "markdown", "yaml", "ruby"]), EDITS)
def test_incremental_parsing_gives_what_a_fresh_parse_gives(language: str, edits: list[tuple[float, int, str]]) -> None:
    text = SAMPLES[language].text
    syntax = Syntax.of(make_document(text, language))
    for where, length, inserted in edits:
        at = int(where * len(text))
        text = text[:at] + inserted + text[at + length :]
        syntax = Syntax.of(make_document(text, language), syntax)
        fresh = Syntax.of(make_document(text, language))
        assert (syntax.count_errors() == 0) == (fresh.count_errors() == 0)
        if fresh.count_errors() == 0:
            assert (syntax.symbols, syntax.imports) == (fresh.symbols, fresh.imports)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(SAMPLES)), st.floats(0, 1), st.floats(0, 1), st.text(max_size=5))
def test_no_place_in_any_broken_text_fails(language: str, cut: float, where: float, inserted: str) -> None:
    sample = SAMPLES[language].text
    text = sample[: int(cut * len(sample))] + inserted
    syntax = Syntax.of(make_document(text, language))
    found = syntax.find_surroundings(int(where * len(text)))
    assert found.scope is None or 0 <= found.scope.start <= found.scope.end <= len(text)
    assert len(set(found.names)) == len(found.names)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", ["[" * 200_000, "f(" * 100_000 + ")" * 100_000, "{" * 200_000])
def test_brackets_in_brackets_without_end_are_plain_text(text: str) -> None:
    syntax = Syntax.of(Document("untitled:1", None, "python", text))
    assert (syntax.available, syntax.symbols, syntax.count_errors()) == (False, (), 0)
    assert analyze_text(text, "python").symbols == 0


def test_many_brackets_side_by_side_are_code() -> None:
    assert Syntax.of(Document("untitled:1", None, "python", "x = [(1), (2)]\n" * 3000)).available


HOSTILE = {
    "comments in comments that never end": ("kotlin", "/*" * 20_000),
    "the same for a slower scanner": ("swift", "/*" * 4000),
    "an error of many parts": ("go", "*" * 60_000),
    "lists in lists": ("yaml", "- " * 300 + "x"),
    "lists in lists, a line each": ("yaml", "".join(" " * depth + "-\n" for depth in range(300))),
}


@pytest.mark.parametrize(("language", "text"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_person_wrote_is_given_up(language: str, text: str) -> None:
    syntax = Syntax.of(make_document(text, language))
    assert (syntax.available, syntax.count_errors(), syntax.find_surroundings(len(text)).kind) == (False, 0, "none")
    assert analyze_text(text, language).symbols == 0


def test_what_was_given_up_is_not_tried_at_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Syntax.of(make_document("/*" * 20_000, "kotlin"))
    tried: list[bytes] = []
    monkeypatch.setattr(Grammar, "parse", lambda _, data, *__: tried.append(data))
    assert not Syntax.of(make_document("/*" * 20_000 + "a", "kotlin"), before).available
    assert tried == []
    Syntax.of(make_document("fun f() {}\n", "kotlin"), before)
    assert tried == [b"fun f() {}\n"]


def test_other_threads_have_their_turn_while_a_text_is_parsed() -> None:
    text = "def f(x):\n    return [x + 1, x]\n" * 12_000
    begun, done, turns = threading.Event(), threading.Event(), 0

    def parse() -> None:
        begun.set()
        Syntax.of(make_document(text, "python"))
        done.set()

    threading.Thread(target=parse).start()
    begun.wait()
    while not done.wait(0.001):
        turns += 1
    assert turns > 5


def test_the_text_of_a_node_is_known() -> None:
    syntax = Syntax.of(make_document("é = 'ü'\n", "python"))
    assert syntax.parsed is not None
    assert syntax.parsed.tree.root_node.child(0).text == "é = 'ü'".encode()  # type: ignore[union-attr]


def test_parsing_keeps_no_text() -> None:
    grammar = grammars.load("python")
    assert grammar is not None
    data = b"def area(radius):\n    return radius * radius\n" * 400
    kept = sys.getrefcount(data)
    tree = grammar.parse(data)
    assert tree is not None
    tree = grammar.parse(data, tree)
    del tree
    gc.collect()
    assert sys.getrefcount(data) == kept

"""Kinds of false alarms in many languages: side effects, intended code, code that runs later, tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document

SILENT = {
    # something between the two questions may change the answer
    "a call between": ("python", "if a.b:\n    c()\nelif a.next() and a.d:\n    e()\nelif a.b:\n    f()\n"),
    "a call between operands": ("python", "def f(c):\n    return c.closed or c.flush() or c.closed or c.broken\n"),
    "a step between": ("c", "int f(int i) { if (a[i]) return 1; else if (i++) return 2; else if (a[i]) return 3; }"),
    "an await between": (
        "javascript",
        "async function f(a) { if (a.b) { c(); } else if (await a.d) { e(); } else if (a.b) { g(); } }",
    ),
    "an assignment between": ("javascript", "x = a.b || (a.b = c) || a.b || d;"),
    "a name bound between": ("python", "if n > 1:\n    a()\nelif (n := 2) == b:\n    c()\nelif n > 1:\n    d()\n"),
    "an initializer": (
        "go",
        "package a\n\nfunc f() {\n\tif x := g(); x > 0 {\n\t\ta()\n\t} else if x := h(); x > 0 {\n\t\tb()\n\t}\n}\n",
    ),
    "what somebody else changes": ("c", "volatile int *r;\nint f(void) { return *r && g && *r && h; }"),
    "names that are calls": ("ruby", "if gets == gets\n  a\nend\n"),
    "a channel": ("go", "package a\n\nfunc f() bool { return <-c || <-d || <-c || e }\n"),
    "cases that are asked on": ("bash", "case $x in\n  a) b ;;&\n  a) c ;;\nesac\n"),
    "a pattern of parts": ("bash", 'case $x in\n  *" $a "*) ;;\n  *) b ;;\nesac\n'),
    "a value that stays": (
        "python",
        "def f(table, s):\n    try:\n        s = table[s]\n    except KeyError:\n        s = s\n    return s\n",
    ),
    # a comparison with itself
    "gtest and Catch2": ("cpp", "void f() { Box a; EXPECT_TRUE(a.b == a.b); REQUIRE(a.b == a.b); CHECK(a <= a); }"),
    "a test's own name": ("go", "package a\n\nfunc TestEq(t *T) {\n\tif !(a.b == a.b) {\n\t\tt.Error()\n\t}\n}\n"),
    "an assertion in Swift": ("swift", "func f() { XCTAssertTrue(a.b == a.b) }"),
    "a number in C++": ("cpp", "bool f(double x) { return x == x; }"),
    "a number in JavaScript": ("javascript", "const f = (x) => x === x;"),
    "a comparable value": ("javascript", "if (value >= value) { a(); }"),
    "a number in Python": ("python", "def f(x):\n    return x == x\n"),
    "rows of a frame": ("python", "def f(frame):\n    return frame[frame.a == frame.a]\n"),
    "a vector without NaN": ("cpp", "bool isNaN(Vec v) { return !(v.x == v.x && v.y == v.y); }"),
    # an assignment of itself
    "an initializer of C#": ("csharp", "class A { Box F() { return new Box { Size = Size }; } }"),
    "an argument by name": ("scala", "def f(size: Int) = box(size = size)\n"),
    "a setter": ("javascript", "function f(e) { e.scrollTop = e.scrollTop; }"),
    "a setter in Python": ("python", "def f(self):\n    self.data = self.data\n"),
    "an unused parameter": ("c", "int f(int argc) { argc = argc; return 1; }"),
    "a reason": ("javascript", "function f(a) { a = a; // keep it alive\n return a + a; }"),
    # what is caught on purpose
    "an underscore": ("typescript", "try { a(); } catch (_) {}"),
    "an underscore with a type": ("typescript", "try { a(); } catch (_e: unknown) {}"),
    "a named exception in Java": ("java", "class A { void f() { try { g(); } catch (NumberFormatException e) { } } }"),
    "a name like an exception": ("java", "class A { void f() { try { g(); } catch (IOException exception) { } } }"),
    "a named error in Ruby": ("ruby", "begin\n  require 'json'\nrescue LoadError\nend\n"),
    "a named exception in PHP": ("php", "<?php try { a(); } catch (NotFound $e) { }"),
    "a named exception in C#": ("csharp", "class A { void F() { try { G(); } catch (IOException) { } } }"),
    "a filter in C#": ("csharp", "class A { void F() { try { G(); } catch (Exception e) when (e.A) { } } }"),
    "what goes on behind": ("javascript", "function f(x) { try { return JSON.parse(x); } catch (e) {} return null; }"),
    "what is closed": ("java", "class A { void f() { try { a.close(); } catch (Exception e) { } } }"),
    # changes that are none, or come later
    "a change that comes later": (
        "python",
        "for r in rows:\n    def later():\n        rows.remove(r)\n    a(later, lambda: rows.remove(r))\n",
    ),
    "a method of the same name": ("python", "for w in widgets:\n    widgets.update()\n    widgets.add(w)\n"),
    "another collection": ("python", "for v in a:\n    del b[a[v]]\n"),
    # other exemptions
    "a switch that narrows": (
        "typescript",
        "function f(a: A | B) { if (typeof a === 'string') { return g(a); } else { return g(a); } }",
    ),
    "a query as a value": ("python", "def f(a, b):\n    return (T.a == None) if b else a\n"),
    "a query as the other value": ("python", "def f(a, b):\n    return a if b else T.a == None and T.b\n"),
    "a query as a value after a comment": ("python", "x = (  # one\n    T.a == None  # two\n    if b else a)\n"),
    "the message of an assertion": ("python", "assert a, T.a == None\n"),
    "an outcome like the condition": ("dart", "void f() { var x = a ? b : a; }"),
    "an outcome like the condition after a comment": ("python", "x = (\n    a  # one\n    if a else b)\n"),
    "a fallback of PHP": ("php", "<?php $x = $a ?: $a;"),
    "branches with reasons": ("python", "if a:\n    # one\n    b()\nelse:\n    # other\n    b()\n"),
    "an empty statement for its call": ("c", "void f(void) { if (write(a)) ; }"),
    "a semicolon of its own": ("c", "void f(int a) {\n    if (a)\n        ;\n}"),
    "NaN by identity": ("python", "def f(x):\n    return x is math.nan or math.nan in x\n"),
    "a value that is fetched": ("javascript", "if (node = node.parent) { a(); }"),
    "a debugger that is asked for": ("python", "def f(debug):\n    if debug:\n        breakpoint()\n        g()\n"),
    "an executor that catches": (
        "javascript",
        "new Promise(async (r, j) => { try { r(await a()); } catch (e) { j(e); } });",
    ),
    "a loop of one round": ("go", "package a\n\nfunc f() {\n\tfor {\n\t\tdefer g()\n\t\treturn\n\t}\n}\n"),
    "a folder that is filled": ("bash", 'BUILD=/tmp/x\nrm -rf "$BUILD/"*\n'),
    "merges in YAML": ("yaml", "a:\n  <<: *b\n  <<: *c\n"),
    "comments in JSON": ("json", '{"//": "one", "//": "two"}'),
    "a pattern of PHP": ("php", "<?php ['a' => $x, 'a' => $y] = $row;"),
    "a symbol and a string": ("ruby", 'h = {"a": 1, "a" => 2}\n'),
    "what is overridden": ("javascript", "x = { a: 1, ...b, a: 2 };"),
    "memory on purpose": ("python", "def f(x, _cache={}):\n    _cache[x] = 1\n    return _cache\n"),
    "a copy of the default": ("python", "def f(x: Sequence = []):\n    x = list(x)\n    x.append(1)\n    return x\n"),
    "a comparison that is tried": ("python", "try:\n    a < b\nexcept TypeError:\n    c()\n"),
    "parameters that somebody else gives": (
        "java",
        "class A { @Override void f(int a, int b, int c, int d, int e, int f, int g, int h) { } }",
    ),
    "a mark in a string": ("python", 'TEXT = """\n<<<<<<< a\n1\n=======\n2\n>>>>>>> b\n"""\n'),
    "a made-up key": ("python", 'key = "ghp_1234567890abcdefghijklmnopqrstuvwxyz"\n'),
}

FOUND = {
    "self-comparison": ("python", "def f(a, b):\n    return a.size == a.size\n"),
    "duplicate-condition": (
        "go",
        "package a\n\nfunc f() {\n\tif x > 0 {\n\t\ta()\n\t} else if x > 0 {\n\t\tb()\n\t}\n}\n",
    ),
    "repeated-operand": ("python", "x = g() or a.b or a.b or c\n"),
    "duplicate-case": ("bash", "case $x in\n  a) b ;;\n  a) c ;;\nesac\n"),
    "self-assignment": ("python", "class A:\n    def __init__(self, size):\n        self.size = self.size\n"),
    "swallowed-exception": ("ruby", "begin\n  a\nrescue => e\nend\n"),
    "modified-while-iterated": ("python", "def f(d):\n    for k in d:\n        del d[k]\n"),
    "same-branches": ("python", "if a:\n    b()\nelse:\n    b()\n"),
    "none-comparison": ("python", "x = a if (b == None or c) else d\n"),
    "stray-semicolon": ("java", "class A { void f(boolean a) { if (a); g(); } }"),
    "assigned-condition": ("javascript", "if (a = 1) { b(); }"),
    "async-executor": ("javascript", "new Promise(async (r) => { r(await a()); });"),
    "deferred-in-loop": ("go", "package a\n\nfunc f() {\n\tfor range x {\n\t\tdefer g()\n\t}\n}\n"),
    "unguarded-delete": ("bash", 'rm -rf "$BUILD/"*\n'),
    "mutable-default": ("python", "def f(x, found=[]):\n    found.append(x)\n    return found\n"),
    "idle-comparison": ("python", "def f(a):\n    a.b == 1\n    g()\n"),
    "conflict-mark": ("python", "<<<<<<< a\nx = 1\n=======\nx = 2\n>>>>>>> b\n"),
    "duplicate-key": ("ruby", "h = {a: 1, b: 2, a: 3}\n"),
}


def find_codes(language: str, text: str, path: str = "/nowhere/package/module.code") -> list[str]:
    found = Reviewer(WITHOUT_RUFF).review(make_document(text, language, Path(path)))
    return [finding.code for finding in found]


@pytest.mark.parametrize("name", sorted(SILENT))
def test_code_that_is_right_gives_no_finding(name: str) -> None:
    assert find_codes(*SILENT[name]) == []


@pytest.mark.parametrize("code", sorted(FOUND))
def test_a_similar_fault_is_found(code: str) -> None:
    assert find_codes(*FOUND[code]) == [code]


@pytest.mark.parametrize(
    ("path", "language", "text"),
    [
        ("/w/a.pyi", "python", "def f(a: dict[str, str] = {}, b=1 == 1) -> None:\n    return\n    g()\n"),
        ("/w/a.d.ts", "typescript", "export function f(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H): void;\n"),
    ],
)
def test_a_stub_never_runs(path: str, language: str, text: str) -> None:
    assert find_codes(language, text, path) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "x = (\n    a  # one\n    if b else a)\n"),
        ("javascript", "x = b ? a : a;"),
        ("dart", "void f() { var x = b ? a : a; }"),
        ("swift", "let x = b ? a : a\n"),
        ("php", "<?php $x = $b ? $a : $a;"),
        ("ruby", "x = b ? a : a\n"),
    ],
)
def test_a_ternary_with_equal_outcomes_is_found(language: str, text: str) -> None:
    assert "same-branches" in find_codes(language, text)


@pytest.mark.parametrize("text", ["assert a == None, b\n", "while not (a != None):\n    f()\n"])
def test_a_comparison_with_none_that_decides_is_found(text: str) -> None:
    assert "none-comparison" in find_codes("python", text)


def test_a_message_is_true_of_the_code_at_its_place() -> None:
    text = "fn f() {\n    dbg!(a);\n    g();\n}\n"
    (found,) = Reviewer(WITHOUT_RUFF).review(make_document(text, "rust"))
    assert "prints" in found.message
    assert "stops" not in found.message


@pytest.mark.parametrize(
    ("language", "stored", "unused"),
    [
        (
            "python",
            "class A:\n    def __init__(self, size, mode):\n        self.size = size\n        mode = mode\n",
            "class A:\n    def resize(self, size, mode):\n        mode = mode\n        self.size = size + 1\n",
        ),
        (
            "java",
            "class A { A(int size, int mode) { this.size = size; mode = mode; } }",
            "class A { void f(int size, int mode) { mode = mode; this.size = size + 1; } }",
        ),
        (
            "php",
            "<?php class A { function __construct($size, $mode) { $this->size = $size; $mode = $mode; } }",
            "<?php class A { function f($size, $mode) { $mode = $mode; $this->size = $size + 1; } }",
        ),
    ],
)
def test_an_unused_parameter_that_is_assigned_to_itself_is_found_where_others_are_stored(
    language: str, stored: str, unused: str
) -> None:
    assert find_codes(language, stored) == ["self-assignment"]
    assert find_codes(language, unused) == []


def test_a_module_is_reviewed_although_the_grammar_is_older_than_the_language() -> None:
    text = "class Box[T = int]:\n    x: T\n\n\nif size == 1:\n    a()\nelif size == 1:\n    b()\n"
    assert find_codes("python", text) == ["duplicate-condition"]

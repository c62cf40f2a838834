"""Messages of findings are true of the code at their place, and one fault gives one finding."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.findings import Severity
from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document

if TYPE_CHECKING:
    from agents.findings import Finding

LONG = replace(WITHOUT_RUFF, rules_on=frozenset({"long-function"}))
TASKS = replace(WITHOUT_RUFF, rules_on=frozenset({"todo-without-owner"}))


def find_only_finding(language: str, text: str) -> Finding:
    (finding,) = Reviewer(WITHOUT_RUFF).review(make_document(text, language))
    return finding


def test_the_message_about_complexity_names_the_measure_that_exceeds_its_limit() -> None:
    flat = "def f(a):\n" + "".join(f"    if a == {n}:\n        a.b()\n" for n in range(28))
    message = find_only_finding("python", flat).message
    assert "has a cyclomatic complexity of 29 (limit 25)" in message
    assert "cognitive complexity of 28" not in message
    deep = "def f(a):\n" + "".join(f"{'    ' * n}while a.b{n}:\n" for n in range(1, 9)) + "    " * 9 + "a.c()\n"
    message = find_only_finding("python", deep).message
    assert "cognitive complexity of 36 (limit 30)" in message
    assert "paths" not in message


@pytest.mark.parametrize(
    ("language", "head", "line", "foot"),
    [
        ("javascript", "function f(a) {\n  switch (a) {\n", "    case '@': return @;\n", "  }\n}\n"),
        ("c", "int f(int a) {\n  switch (a) {\n", "    case @: return @;\n", "  }\n  return 0;\n}\n"),
        ("rust", "fn f(a: u8) -> u8 {\n    match a {\n", "        @ => g(@),\n", "        _ => 0,\n    }\n}\n"),
        ("python", "def f(a):\n    match a:\n", "        case @:\n            return b@\n", ""),
    ],
)
def test_a_switch_of_many_labels_is_one_decision(language: str, head: str, line: str, foot: str) -> None:
    text = head + "".join(line.replace("@", str(n)) for n in range(60)) + foot
    assert Reviewer(WITHOUT_RUFF).review(make_document(text, language)) == ()


def test_a_repeated_key_with_the_same_value_loses_no_value() -> None:
    equal = find_only_finding("javascript", "x = { a: 1, b: 2, a: 1 };\n")
    assert equal.severity is Severity.HINT
    assert "the same value" in equal.message
    assert "lost" not in equal.message
    assert find_only_finding("php", "<?php\n$x = ['a' => 'b', 'c' => 'd', 'a' => 'b'];\n").severity is Severity.HINT
    lost = find_only_finding("javascript", "x = { a: 1, b: 2, a: 3 };\n")
    assert lost.severity is Severity.WARNING
    assert "lost" in lost.message


def test_a_choice_with_a_repeated_operand_is_redundant() -> None:
    finding = find_only_finding("lua", "local x = a and a or b\n")
    assert finding.severity is Severity.HINT
    assert "Delete it" in finding.message
    assert "probably meant" not in finding.message
    assert "that was meant" in find_only_finding("lua", "local x = a and a\n").message


def test_an_empty_statement_is_no_unreachable_code() -> None:
    for language in ("c", "cpp", "javascript", "java", "csharp"):
        text = "class A { int f() { return g();; } }" if language in {"java", "csharp"} else "int f() { return 1;; }"
        text = "function f() { return 1;; }" if language == "javascript" else text
        assert Reviewer(WITHOUT_RUFF).review(make_document(text, language)) == ()


def test_a_label_list_gives_one_finding() -> None:
    text = "case $x in\n  a | b | c | d | e) f ;;\n  a | b | c | d | g) h ;;\nesac\n"
    message = find_only_finding("bash", text).message
    assert message.startswith("`a`, `b`, `c` and 1 more have a case above already")


def test_a_comparison_with_none_is_a_hint() -> None:
    assert find_only_finding("python", "if a == None:\n    b()\n").severity is Severity.HINT


def test_a_default_that_is_never_used_gives_no_finding() -> None:
    assert Reviewer(WITHOUT_RUFF).review(make_document("def f(a, b=[]):\n    raise NotImplementedError\n")) == ()


def test_a_default_that_is_handed_on_is_not_said_to_be_read_only() -> None:
    finding = find_only_finding("python", "def f(a, b=[]):\n    a.go(b)\n")
    assert finding.severity is Severity.HINT
    assert "No change was found here" in finding.message
    assert "read" not in finding.message


def find_codes_in_long_text(language: str, head: str, line: str, foot: str) -> set[str]:
    text = head + "".join(line.replace("@", str(n)) for n in range(140)) + foot
    return {each.code for each in Reviewer(LONG).review(make_document(text, language))}


@pytest.mark.parametrize(
    ("language", "head", "line", "foot"),
    [
        ("go", "package a\n\nfunc f(b B) {\n\tb.Write(`one\n", "  echo @\n", "`)\n}\n"),
        ("python", 'def f():\n    return """\n', "line @\n", '"""\n'),
        ("php", "<?php\nfunction f() {\n    $t = [\n", "        ['@', 'x@'],\n", "    ];\n    return $t;\n}\n"),
        ("c", "void f(void) {\n  static const char *t[] = {\n", '    "bind @",\n', "  };\n  g(t);\n}\n"),
        ("csharp", "class A { A() {\n", '    m_l.Add(new T("@", G));\n', "} }\n"),
        ("go", "package a\n\nfunc f() {\n\tt := []T{\n", "\t\t{a: @},\n", "\t}\n\tg(t)\n}\n"),
        ("python", "def f(app):\n", "    app.register('@')\n", "    return app\n"),
    ],
)
def test_a_table_does_not_make_a_function_long(language: str, head: str, line: str, foot: str) -> None:
    assert find_codes_in_long_text(language, head, line, foot) == set()


@pytest.mark.parametrize(
    ("language", "head", "line", "foot"),
    [
        ("python", "def f(a):\n", "    a.b@ = g(a)\n", "    return a\n"),
        ("python", "def f(a):\n", "    a.b@(a)\n", "    return a\n"),
        (
            "javascript",
            "function f() {\n  return {\n    run() {\n    },\n",
            "    m@: 1,\n",
            "    go() {\n      h();\n    } };\n}\n",
        ),
    ],
)
def test_steps_make_a_long_function(language: str, head: str, line: str, foot: str) -> None:
    assert find_codes_in_long_text(language, head, line, foot) == {"long-function"}


OWNED = [
    "TODO: (@tsapeta) find out",
    "TODO: @ada find out",
    "TODO(ada): x",
    "TODO: see #12",
    "TODO https://b.example/1",
]
OWNED += ["TODO: in v2.x change it to uint64_t", "FIXME: drop after the release", "TODO: remove once v5 is out"]


@pytest.mark.parametrize("comment", OWNED)
def test_a_todo_with_an_owner_or_a_condition_gives_no_finding(comment: str) -> None:
    assert Reviewer(TASKS).review(make_document(f"# {comment}\n")) == ()
    assert len(Reviewer(TASKS).review(make_document("# TODO: find out\n"))) == 1

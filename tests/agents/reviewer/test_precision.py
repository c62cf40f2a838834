"""Code that looks wrong and is right: each of these samples occurs in real packages on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.findings import Severity
from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, check_labels, make_document

LEFT_ALONE = {
    "a question for NaN": "def odd(x):\n    return x != x\n",
    "a test of the comparison itself": "def test_eq(a):\n    assert a == a\n",
    "calls that may differ": "def roll(die):\n    return die() == die() or next(die) == next(die)\n",
    "an operand that is also the result": "def head(items):\n    return items and good(items) and items\n",
    "a narrow except": "try:\n    save()\nexcept KeyError:\n    pass\n",
    "an except with its reason": "try:\n    save()\nexcept Exception:\n    pass  # nothing to save\n",
    "a bare except that raises again": "try:\n    save()\nexcept:\n    undo()\n    raise\n",
    "a comparison that builds a query": "rows = table.select().where(column == None)\n",
    "what makes a generator": "def nothing():\n    return\n    yield\n",
    "a name that is exported": "from shapes import area\n\narea = area\n",
    "a sentence over two lines": 'X = [\n    "one bird",\n    "a bird that "\n    "sings",\n    "two birds",\n]\n',
    "parts of one long name": 'X = {\n    "pkg.tests."\n    "test_one",\n    "pkg.tests.test_two",\n    "three",\n}\n',
    "a work list that grows": "def walk(queue):\n    for node in queue:\n        queue.append(node.next)\n",
    "a loop that is left": "def drop(items):\n    for item in items:\n        items.remove(item)\n        break\n",
    "a copy that is walked": "def drop(items):\n    for item in items[:]:\n        items.remove(item)\n",
    "a task with an issue": "# TODO: see #123\n# FIXME(ada): tomorrow\n# TODO https://bugs.example/1\n",
    "a heading that looks like a conflict": "Title\n=======\n\n<<<<<<< is a mark\n",
    "a word that is no secret": 'password = "correct-horse-battery-staple"\ntoken = "your-token-goes-here-123"\n',
    "a command whose arguments come by name": "@app.command()\ndef call(a, b, c, d, e, f, g, h, i):\n    pass\n",
    "a bare except that a helper raises again": "try:\n    save()\nexcept:\n    with reraised():\n        undo()\n",
    "a comparison that must fail": "def test():\n    with raises(TypeError):\n        1 < 'one'\n    done()\n",
    "an assertion about a comparison": "def test(one):\n    check.assertTrue(one <= one)\n",
    "a name that a class takes from around it": "def make(a):\n    class Box:\n        a = a\n\n    return Box\n",
    "a default that is never changed": "def f(x=()):\n    return x\n",
    "a debugger that is only named": 'HELP = "call breakpoint() to stop"\n',
}


@pytest.mark.parametrize("name", sorted(LEFT_ALONE))
def test_intended_code_gives_no_finding(name: str) -> None:
    check_labels(LEFT_ALONE[name])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("javascript", "function f() {\n  return g();\n  function g() {}\n}\n"),
        ("javascript", "if ((m = re.exec(s))) {\n  use(m);\n}\n"),
        ("javascript", "try { a(); } catch (ignored) {}\n"),
        ("java", "class A { void f(int k) { switch (k) { case 1: return; default: break; } } }\n"),
        ("c", "int f(void) {\n    goto out;\nout:\n    return 1;\n}\n"),
        ("c", "int f(void) {\n#ifdef A\n    return 1;\n#else\n    return 2;\n#endif\n}\n"),
        ("go", "package a\n\nfunc f() {\n\tfor range x {\n\t\tfunc() { defer g() }()\n\t}\n}\n"),
        ("rust", "fn f() -> i32 {\n    return g();\n    fn g() -> i32 { 1 }\n}\n"),
    ],
)
def test_intended_code_of_other_languages_gives_no_finding(language: str, text: str) -> None:
    check_labels(text, language)


def test_a_mutable_default_that_is_only_read_is_a_hint() -> None:
    (finding,) = check_labels(
        """
        def show(items=[]):
        #              ^^ mutable-default
            for item in items:
                print(item)
        """
    )
    assert finding.severity is Severity.HINT


def test_half_typed_code_gives_no_findings_where_it_does_not_parse() -> None:
    check_labels(
        """
        def broken(:
            return x is x

        def whole(x):
            return x is x
        #          ^^^^^^ self-comparison
        """
    )


def test_a_secret_is_never_repeated() -> None:
    text = 'key = "AKIA' + "QWERTYUIOPASDFGH" + '"\n'
    (finding,) = check_labels(text + "#" + " " * 6 + "^" * 20 + " possible-secret\n")
    assert "QWERTY" not in finding.message


def test_made_up_keys_of_tests_are_hints() -> None:
    text = 'key = "AKIA' + "QWERTYUIOPASDFGH" + '"\n'
    (found,) = Reviewer(WITHOUT_RUFF).review(make_document(text, path=Path("/w/tests/data.py")))
    assert found.severity is Severity.HINT

"""Code that is meant gives no finding: by a linter's comment, in a test of just this fault, where it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agents.findings import Severity
from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document

BARE = "try:\n    size = ask()\nexcept:{}\n    size = 0\n"
EMPTY = "try {{ a.open(); }}{}\ncatch (e) {{}}\nnext();\n"
KEY = "AKIA" + "QWERTYUIOPASDFGH"
BLOCK = "        try {\n            g();\n        } catch (Exception e) {\n        }\n        h();\n    }\n}\n"

SILENT = {
    "noqa": ("python", BARE.format("  # noqa")),
    "NoQA with a code": ("python", BARE.format("  # NoQA: E722 (catchall)")),
    "pylint": ("python", BARE.format("  # pylint: disable=bare-except")),
    "Pylint, another case": ("python", BARE.format("  # PyLint: Disable=W0702")),
    "pylint, the next line": (
        "python",
        "try:\n    size = ask()\n# pylint: disable-next=broad-except\nexcept:\n    size = 0\n",
    ),
    "pylint, the rest of the block": (
        "python",
        "def f():\n    # pylint: disable=bare-except\n    try:\n        a()\n    except:\n        b()\n",
    ),
    "eslint, the next line": ("javascript", EMPTY.format(" // eslint-disable-next-line no-empty")),
    "eslint, a part": (
        "javascript",
        f"/* eslint-disable no-empty */\n{EMPTY.format('')}/* eslint-enable no-empty */\n",
    ),
    "biome": ("javascript", EMPTY.format("\n// biome-ignore lint/suspicious/noEmptyBlockStatements: later")),
    "deno": ("typescript", EMPTY.format("\n// deno-lint-ignore no-empty")),
    "NOLINT": ("cpp", "bool f(A a) { return a.b == a.b; }  // NOLINT\n"),
    "NOLINT with a name": ("cpp", "bool f(A a) { return a.b && a.b; }  // NOLINT(misc-redundant-expression)\n"),
    "NOLINTNEXTLINE": ("c", "// NOLINTNEXTLINE(misc-redundant-expression)\nint f(struct A a) { return a.b && a.b; }\n"),
    "SuppressWarnings": (
        "java",
        'class A {\n    @SuppressWarnings("PMD.EmptyCatchBlock")\n    void f() {\n' + BLOCK,
    ),
    "Suppress": (
        "kotlin",
        'class A {\n    @Suppress("SwallowedException")\n    fun f() {\n'
        + BLOCK.replace("(Exception e)", "(e: Exception)"),
    ),
    "Suppress, all of a file": (
        "kotlin",
        '@file:Suppress("SwallowedException")\n\nclass A {\n    fun f() {\n'
        + BLOCK.replace("Exception e", "e: Exception"),
    ),
    "SuppressWarnings in the line of the method": (
        "java",
        'class A {\n    @SuppressWarnings("EmptyCatchBlock") void f() {\n' + BLOCK,
    ),
    "allow, all of a file": ("rust", "#![allow(clippy::eq_op)]\n\nfn f(a: A) -> bool {\n    a.b && a.b\n}\n"),
    "nolint": ("go", "package a\n\nfunc f(a A) bool {\n\treturn a.b && a.b //nolint:staticcheck,SA4000\n}\n"),
    "pragma": (
        "csharp",
        "class A { void F() {\n#pragma warning disable CA1031\n    try { G(); }\n    catch (Exception) { }\n} }\n",
    ),
    "rubocop": (
        "ruby",
        "def f\n  # rubocop:disable Lint/SuppressedException\n  begin\n    g\n  rescue StandardError\n  end\nend\n",
    ),
    "phpstan": ("php", "<?php\nfunction f($a) {\n    // @phpstan-ignore-next-line\n    return $a->b && $a->b;\n}\n"),
    "allow": ("rust", "#[allow(clippy::eq_op)]\nfn f(a: A) -> bool {\n    let b = 1;\n    a.b && a.b\n}\n"),
}
SAID = {
    "noqa of another code": ("python", BARE.format("  # noqa: F401"), {"broad-except"}),
    "pylint, another rule": ("python", BARE.format("  # pylint: disable=invalid-name"), {"broad-except"}),
    "eslint, another": ("javascript", EMPTY.format(" // eslint-disable-next-line eqeqeq"), {"swallowed-exception"}),
    "behind what eslint enables": (
        "javascript",
        "/* eslint-disable no-empty */\n/* eslint-enable no-empty */\n" + EMPTY.format(""),
        {"swallowed-exception"},
    ),
    "eslint knows no secrets": ("javascript", f"/* eslint-disable */\nconst key = '{KEY}';\n", {"possible-secret"}),
    "below the method that is suppressed": (
        "java",
        'class A {\n    @SuppressWarnings("EmptyCatchBlock")\n    void f() {\n        g();\n    }\n\n    void h() {\n'
        + BLOCK,
        {"swallowed-exception"},
    ),
    "behind the item that is allowed": (
        "rust",
        "#[allow(clippy::eq_op)]\nfn g() {\n    h();\n}\n\nfn f(a: A) -> bool {\n    a.b && a.b\n}\n",
        {"repeated-operand"},
    ),
    "behind a field that is allowed": (
        "rust",
        "struct B {\n    #[allow(clippy::eq_op)]\n    a: A,\n}\n\nfn f(a: A) -> bool {\n    a.b && a.b\n}\n",
        {"repeated-operand"},
    ),
    "prose": ("javascript", "// allow(all) the rest\n" + EMPTY.format(""), {"swallowed-exception"}),
}


def find_severities(language: str, text: str, path: str = "/w/code.x") -> dict[str, Severity]:
    return {
        each.code: each.severity for each in Reviewer(WITHOUT_RUFF).review(make_document(text, language, Path(path)))
    }


@pytest.mark.parametrize("name", sorted(SILENT))
def test_a_comment_for_a_linter_suppresses_the_equivalent_rule(name: str) -> None:
    assert find_severities(*SILENT[name]) == {}


@pytest.mark.parametrize("name", sorted(SAID))
def test_a_comment_for_a_linter_suppresses_only_the_rules_that_it_names(name: str) -> None:
    language, text, codes = SAID[name]
    assert set(find_severities(language, text)) == codes


def test_a_test_of_an_operator_repeats_its_operand() -> None:
    check = "void t(A obj) {\n    CHECK(obj || obj);\n    CHECK(obj && obj);\n}\n"
    assert find_severities("cpp", check, "/w/tests/helpers.hpp") == {}
    assert set(find_severities("cpp", "bool t(A obj) { return obj || obj; }\n", "/w/tests/helpers.hpp")) == {
        "repeated-operand"
    }
    assert set(find_severities("cpp", check, "/w/src/helpers.hpp")) == {"repeated-operand"}


def test_data_of_tests_gives_keys_twice() -> None:
    twice = '{"patch": [{"op": "add", "op": "remove"}]}\n'
    assert find_severities("json", twice, "/w/tests/cases.json") == {}
    assert find_severities("json", twice, "/w/src/cases.json") == {"duplicate-key": Severity.WARNING}
    assert find_severities("yaml", "a: 1\na: 2\n", "/w/test/targets/x.yml") == {"duplicate-key": Severity.HINT}


def test_keys_in_tests_are_not_reported() -> None:
    private = (
        'KEY = """-----BEGIN EC PRIVATE KEY-----\n' + "MHcCAQEEIEyU1YOT2JxxofwbJXIjGftdNcJK55aQdNrhIt2xYQz0" + '"""\n'
    )
    token = "config = {'access_token' : 'ad865e76e7fb496fab096ac07b1dbabb'}\n"
    for text in (private, token):
        for path in ("/w/conch/test/keydata.py", "/w/testdata/a.py", "/w/spec/fixtures/a.py", "/w/a_test.py"):
            assert find_severities("python", text, path) == {}
        assert set(find_severities("python", text, "/w/src/a.py")) == {"possible-secret"}


def test_a_providers_key_in_a_test_has_a_message_of_its_own() -> None:
    (finding,) = Reviewer(WITHOUT_RUFF).review(make_document(f"key = '{KEY}'\n", path=Path("/w/tests/a.py")))
    assert finding.severity is Severity.HINT
    assert "made up for the test" in finding.message


@pytest.mark.parametrize(
    "text",
    [
        "def run(break_flag):\n    if break_flag:\n        breakpoint()\n    go()\n",
        "def set_break():\n    def wrapped():\n        breakpoint()\n        go()\n    return wrapped\n",
        "def run():\n    # this call to breakpoint() is intentional, not a checkin error\n    breakpoint()\n    go()\n",
        "def run():\n    breakpoint()  # on purpose\n    go()\n",
        "def run():\n    # drop into the debugger when the user asked for it\n    breakpoint()\n    go()\n",
    ],
)
def test_a_debugger_that_a_person_asks_for_is_not_reported(text: str) -> None:
    assert find_severities("python", text) == {}


@pytest.mark.parametrize("comment", ["# TODO remove this breakpoint when done", "# look at x", "# debug"])
def test_a_comment_without_a_reason_does_not_suppress_the_debugger(comment: str) -> None:
    assert set(find_severities("python", f"def run():\n    {comment}\n    breakpoint()\n    go()\n")) == {
        "debugger-left"
    }


def test_an_example_prints_its_values() -> None:
    text = "fn main() {\n    let opt = parse();\n    dbg!(opt);\n}\n"
    assert find_severities("rust", text, "/w/examples/derive/custom.rs") == {}
    assert set(find_severities("rust", text, "/w/src/main.rs")) == {"debugger-left"}


def test_rules_that_are_off_by_default_run_if_they_are_turned_on() -> None:
    text = "# TODO tidy\ndef draw(a, b, c, d, e, f, g, h, i):\n    pass\n\n\ndef run(a):\n"
    text += "".join(f"    a.x{n} = a\n" for n in range(130))
    assert find_severities("python", text) == {}
    asked = replace(WITHOUT_RUFF, rules_on=frozenset({"todo-without-owner", "many-parameters", "long-function"}))
    codes = sorted(each.code for each in Reviewer(asked).review(make_document(text)))
    assert codes == ["long-function", "many-parameters", "todo-without-owner"]
    assert Reviewer(replace(asked, rules_off=asked.rules_on)).review(make_document(text)) == ()

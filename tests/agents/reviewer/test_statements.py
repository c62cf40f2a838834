"""Unreachable code after each kind of jump, in each language; code beside a jump is reached."""

from __future__ import annotations

import pytest

from agents.reviewer.reviewer import Reviewer
from tests.agents.reviewer.labels import WITHOUT_RUFF, check_labels, make_document

REACHED = {
    "java, no braces": ("java", "class A { int f(int x) { if (x > 1) return 1; else return 2; } }"),
    "java, a chain": (
        "java",
        "class A { int f(int x) { if (x > 1) return 1; else if (x > 3) throw new E(); else return 3; } }",
    ),
    "java, continue": ("java", "class A { void f() { for (;;) { if (x) continue; else y(); } } }"),
    "java, a case": ("java", "class A { int f(int x) { switch (x) { case 1: return 1; case 2: g(); } return 2; } }"),
    "csharp, no braces": ("csharp", "class A { int F(int x) { if (x > 1) throw new E(); else return 2; } }"),
    "csharp, a directive": (
        "csharp",
        "class A { int F() {\n#if A\n    return 1;\n#else\n    return 2;\n#endif\n} }",
    ),
    "ruby, modifiers": ("ruby", "def a(x)\n  return if x.nil?\n  return 3 unless x.ok?\n  x\nend\n"),
    "ruby, modifiers of a block": ("ruby", "xs.each do |i|\n  next if i.odd?\n  break if i > 3\n  puts i\nend\n"),
    "ruby, rescue": ("ruby", "def a\n  return 1\nrescue A\n  return 2\nensure\n  b\nend\n"),
    "ruby, or": ("ruby", "def a(x)\n  x or return\n  b\nend\n"),
    "ruby, the end of the program": ("ruby", "return\n__END__\ntext\n"),
    "c, no braces": ("c", "int f(int x) { if (x) return 1; else return 2; }"),
    "c, do": ("c", "void f(int x) { do continue; while (x); g(); }"),
    "c, a label": ("c", "int f(void) { goto out; out: return 1; }"),
    "c, a macro for a case": ("c", "int f(int x) { switch (x) { CASE(A): return 1; CASE(B): return 2; } return 3; }"),
    "c, a macro in a switch": ("c", "int f(int x) { switch (x) { my_case(A); break; my_case(B); break; } return 3; }"),
    "c, a label further in": ("c", "void f(int i) { goto in; for (; i < 3; i++) { g(); in: h(); } }"),
    "cpp, no braces": ("cpp", "int f(int x) { if (x) throw 1; else return 2; }"),
    "javascript, no braces": ("javascript", "function f(x) { if (x) return 1; else return 2; }"),
    "javascript, a hoisted var": ("javascript", "function f() { return g; var g; }"),
    "javascript, a label": ("javascript", "function f() { for (;;) { if (a) break; else b(); } }"),
    "go, a label": ("go", "package a\n\nfunc f() int {\n\tgoto out\nout:\n\treturn 1\n}\n"),
    "rust, an attribute": (
        "rust",
        "fn f() -> i32 {\n    #[cfg(unix)]\n    return 1;\n    #[cfg(not(unix))]\n    return 2;\n}\n",
    ),
    "kotlin, no braces": ("kotlin", "fun f(x: Int): Int {\n    if (x > 1) return 1 else return 2\n}\n"),
    "kotlin, when": ("kotlin", "fun f(x: Int) {\n    when (x) {\n        1 -> return\n        else -> g()\n    }\n}\n"),
    "kotlin, elvis": ("kotlin", "fun f(x: Int?) {\n    val y = x ?: return\n    g(y)\n}\n"),
    "kotlin, a chain of calls": (
        "kotlin",
        "fun f(): List<A> {\n    // all\n    return a.b\n        .map { it ?: return@map null }\n        .c()\n}\n",
    ),
    "swift, a directive": ("swift", "func f() -> Int {\n#if A\n    return 1\n#else\n    return 2\n#endif\n}\n"),
    "swift, guard": ("swift", "func f(x: Int) {\n    guard x > 1 else { return }\n    g()\n}\n"),
    "swift, a value on the next line": ("swift", "func f() -> Int {\n    return\n        g()\n}\n"),
    "scala, no braces": ("scala", "def f(x: Int): Int = {\n  if (x > 1) return 1 else return 2\n}\n"),
    "scala, a case": ("scala", "def f(x: Int) = x match {\n  case 1 => return 1\n  case _ => throw new A\n}\n"),
    "dart, no braces": ("dart", "int f(x) { if (x) return 1; else return 2; }"),
    "php, no braces": ("php", "<?php\nfunction f($x) { if ($x) return 1; else return 2; }\n"),
    "php, the other syntax": ("php", "<?php\nfunction f($x) { if ($x): return 1; else: return 2; endif; }\n"),
    "php, what is hoisted": ("php", "<?php\nreturn f();\nfunction f() { return 1; }\n"),
    "bash, a list": ("bash", "f() {\n  a || return 1\n  b && exit 2 || c\n  d\n}\n"),
    "bash, branches": ("bash", "f() {\n  if a; then return 1; elif b; then exit 2; else return 3; fi\n}\n"),
    "bash, a condition": ("bash", "f() {\n  if return; then a; fi\n}\n"),
    "bash, cases": ("bash", "f() {\n  case a in b) exit 1 ;; *) return 2 ;; esac\n}\n"),
    "lua, a label": ("lua", "for i = 1, 2 do\n  if a then goto next end\n  b()\n  ::next::\nend\n"),
    "python, a branch": ("python", "def f(x):\n    if x:\n        return 1\n    else:\n        return 2\n"),
    "python, finally": ("python", "def f():\n    try:\n        return 1\n    finally:\n        g()\n"),
}

DEAD = {
    "java": "class A { int f() { return 1; g(); } }",
    "csharp": "class A { int F() { switch (x) { case 1: return 1; G(); } } }",
    "c": "int f(int x) { switch (x) { case 1: return 1; x = 2; } return 2; }",
    "cpp": "int f() { throw 1; return 2; }",
    "javascript": "switch (x) { case 1: throw e; g(); }",
    "typescript": "function f(): number { return 1; g(); }",
    "go": "package a\n\nfunc f() {\n\tswitch a {\n\tcase 1:\n\t\treturn\n\t\tg()\n\t}\n}\n",
    "rust": "fn f() { loop { break; g(); } }",
    "kotlin": "fun f() {\n    run {\n        throw A()\n        g()\n    }\n}\n",
    "swift": "func f() -> Int {\n    return 1\n    g()\n}\n",
    "scala": "def f(x: Int): Int = {\n  return 1\n  g()\n}\n",
    "dart": "int f() { throw A(); g(); }",
    "php": "<?php\nfunction f($x) { if ($x): return 1; g(); endif; }\n",
    "ruby": "def a(x)\n  case x\n  when 1 then return 1; b\n  end\nend\n",
    "bash": "f() {\n  while a; do break; b; done\n}\n",
    "lua": "while a do\n  break\n  b()\nend\n",
    "python": "for x in y:\n    continue\n    z()\n",
}


@pytest.mark.parametrize("name", sorted(REACHED))
def test_reachable_code_gives_no_finding(name: str) -> None:
    language, text = REACHED[name]
    check_labels(text, language)


@pytest.mark.parametrize("language", sorted(DEAD))
def test_unreachable_code_is_found(language: str) -> None:

    found = Reviewer(WITHOUT_RUFF).review(make_document(DEAD[language], language))
    assert [each.code for each in found] == ["unreachable-code"]

"""Functions in syntax trees, in all languages with functions."""

from __future__ import annotations

import pytest

from agents.tasks.functions import find_function_at, list_functions
from indexing.syntax.documents import Document
from indexing.syntax.syntax import Syntax


def parse(text: str, language: str = "python") -> Syntax:
    return Syntax.of(Document("untitled:1", None, language, text))


@pytest.mark.parametrize(
    ("language", "text", "parameters"),
    [
        ("python", "async def area(self, a, b: int = 3, *args, **kw) -> int:\n    pass\n", "a b args kw"),
        ("javascript", "export function area(a, b = 3) { }\n", "a b"),
        ("javascript", "const area = async (a) => { };\n", "a"),
        ("typescript", "class A { area(a: number, {b}: C): string { } }\n", "a"),
        ("go", "func (s *Server) area(a float64) error {\n\tpanic(1)\n}\n", "a"),
        ("rust", "impl A { pub fn area(&self, a: f64) -> f64 { todo!() } }\n", "a"),
        ("java", "class A { int area(int a) { throw new UnsupportedOperationException(); } }\n", "a"),
        ("c", "static int area(int a, char *b) { }\n", "a b"),
        ("cpp", "int A::area(int a, const std::string& b) { }\n", "a b"),
        ("csharp", "class A { int area(int a) { throw new NotImplementedException(); } }\n", "a"),
        ("php", "<?php function area($a, int $b) { }\n", "a b"),
        ("kotlin", "fun area(a: Int): Int { TODO() }\n", "a"),
        ("scala", "def area(a: Int): Int = { ??? }\n", "a"),
        ("swift", "func area(a: Int) -> Int { }\n", ""),
        ("bash", "area() {\n  :\n}\n", ""),
    ],
)
def test_a_stub_is_found_with_its_name_and_parameters(language: str, text: str, parameters: str) -> None:
    function = find_function_at(parse(text, language), text.index("area"))
    assert function is not None
    assert (function.name, " ".join(each.name for each in function.parameters)) == ("area", parameters)
    assert function.is_stub(text)


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return x\n",
        "def f(x):\n    pass\n    print(x)\n",
        "class P(Protocol):\n    def f(self): ...\n",
        "class A:\n    @abstractmethod\n    def f(self): ...\n",
        "@overload\ndef f(x: int): ...\n",
        "def f(x):\n    raise ValueError(x)\n",
    ],
)
def test_a_function_that_does_something_or_is_meant_to_be_empty_is_no_stub(text: str) -> None:
    function = find_function_at(parse(text), text.index("f("))
    assert function is not None
    assert not function.is_stub(text)


def test_a_function_is_found_from_its_decorator_its_head_its_body_and_the_blank_line_below_its_head() -> None:
    text = "import a\n\n@deco\ndef f(x):\n    \n\n\nx = 1\n"
    syntax = parse(text)
    found = {
        at for at in range(len(text)) if (function := find_function_at(syntax, at)) is not None and function.name == "f"
    }
    assert found >= set(range(text.index("@"), text.index("\n\n\nx")))
    assert not found & set(range(text.index("x = 1"), len(text)))


def test_a_method_knows_its_class_and_its_docstring() -> None:
    text = 'class A:\n    def f(self, a):\n        """Doc."""\n        return a\n\n    def g(self): ...\n'
    first, second = list_functions(parse(text))
    assert first.docstring is not None
    assert (first.qualified, text[first.docstring.start : first.docstring.end]) == ("A.f", '"""Doc."""')
    assert (second.qualified, second.docstring, second.receiver) == ("A.g", None, True)


def test_offsets_are_code_points() -> None:
    text = '# ünïcödé 🚀\ndef f(x):\n    return "é"\n'
    (function,) = list_functions(parse(text))
    assert text[function.span.start : function.span.end] == 'def f(x):\n    return "é"'


def test_a_text_of_no_known_language_holds_no_function() -> None:
    assert find_function_at(parse("def f(x): pass", "text"), 4) is None

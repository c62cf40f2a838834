"""Answers of whole functions, classes and files: the requested change is made, and the rest stays byte for byte."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits import ProposedEdit, TextChange, apply_edits
from agents.findings import Finding, Severity
from agents.tasks.rewriting.alignment import align
from agents.tasks.rewriting.definition_writing import Target
from agents.tasks.rewriting.line_edits import LONGEST_DIFF, diff_lines
from agents.tasks.task import Nothing
from indexing.syntax.documents import Document, Span
from indexing.syntax.syntax import Syntax
from models.scripted.scripted_chat import ScriptedChat
from tests.agents.tasks.scenes import make_scene, read_after, run_chat_task

if TYPE_CHECKING:
    from agents.tasks.task import Result

FILE = '''"""Shapes."""

from __future__ import annotations

import os
from typing import Any


def helper(x):
    return  x+1   # odd spacing stays


class Circle(Shape):
    """A circle.

    With a radius.
    """

    limit = 3

    def __init__(self, r):
        self.r = r

    @property
    def area(self):
        """The area."""
        return helper(3) * self.r

    @area.setter
    def area(self, value):
        self.r = value / 3

    def other(self, n = 1):
        return 1


if __name__ == "__main__":
    print(Circle(1).area)
'''
AT = "return helper(3) * self.r"
NEW = "return helper(4) * self.r"


def run_reply(reply: str, text: str = FILE, at: str = AT, words: str = "use four", name: str = "main.py") -> Result:
    return run_reply_and_chat(reply, text, at, words, name)[0]


def run_reply_and_chat(
    reply: str, text: str = FILE, at: str = AT, words: str = "use four", name: str = "main.py"
) -> tuple[Result, ScriptedChat]:
    scene, workplace = make_scene("$0" + text, name)
    start = scene.document.text.index(at)
    chat = ScriptedChat(f"===\n~~~~\n{reply}\n~~~~\nThere.")
    return run_chat_task("generate", replace(scene, instruction=words, span=Span(start, start)), workplace, chat), chat


def build_class(method: str, *, more: str = "") -> str:
    return f"class Circle(Shape):\n    {more or '# ... existing code ...'}\n\n{method}\n"


METHOD = f'    @property\n    def area(self):\n        """The area."""\n        {NEW}\n'


@pytest.mark.parametrize(
    "reply",
    [
        FILE.replace(AT, NEW),
        FILE.replace(AT, NEW).replace("x+1   # odd spacing stays", "x + 1").replace("n = 1", "n=2"),
        FILE.replace(AT, NEW).split("class Circle")[0] + "class Circle(Shape):\n" + METHOD,
        build_class(METHOD),
        build_class(METHOD, more="def __init__(self, r):\n        ..."),
        f'@property\ndef area(self):\n    """The area."""\n    {NEW}',
        f"def area(self):\n    {NEW}",
        f"        def area(self):\n            {NEW}",
        f"def area(self):\n    {NEW}\n\nc = Circle(2)\nprint(c.area)",
        f"from typing import Optional\n\ndef area(self):\n    {NEW}",
        build_class(METHOD).replace("Circle(Shape)", "Invented"),
    ],
    ids=["file", "more", "cut", "class", "stubs", "method", "no decorator", "deep", "usage", "import", "invented"],
)
def test_of_any_answer_the_function_is_taken_and_nothing_else(reply: str) -> None:
    assert read_after(run_reply(reply)) == FILE.replace(AT, NEW)


def test_the_edit_is_of_the_changed_lines_alone() -> None:
    result = run_reply(FILE.replace(AT, NEW))
    assert isinstance(result, ProposedEdit)
    (change,) = result.changes
    assert isinstance(change, TextChange)
    assert [FILE[one.start : one.end] for one in change.edits] == [f"        {AT}\n"]


def test_a_new_helper_and_its_import_go_where_they_belong() -> None:
    reply = f"""
import math
import os
from typing import Any, Optional


def helper(x):
    return x + 1


def floored(x: Optional[float]) -> int:
    return math.floor(x)


{build_class(METHOD.replace(NEW, "return floored(helper(3) * self.r)"))}

def main():
    print(Circle(2))
"""
    expected = (
        FILE.replace(AT, "return floored(helper(3) * self.r)")
        .replace("import os\nfrom typing import Any", "import math\nimport os\nfrom typing import Any, Optional")
        .replace("class Circle", "def floored(x: Optional[float]) -> int:\n    return math.floor(x)\n\n\nclass Circle")
    )
    assert read_after(run_reply(reply)) == expected


def test_a_helper_that_is_called_on_self_becomes_a_method() -> None:
    reply = "def area(self):\n    return self.times(3)\n\ndef times(self, n):\n    return helper(n) * self.r"
    expected = FILE.replace(
        f"        {AT}\n",
        "        return self.times(3)\n\n    def times(self, n):\n        return helper(n) * self.r\n",
    )
    assert read_after(run_reply(reply)) == expected


def test_a_function_and_its_helper_may_come_in_two_blocks() -> None:
    scene, workplace = make_scene("$0" + FILE)
    at = scene.document.text.index(AT)
    scene = replace(scene, instruction="split it", span=Span(at, at))
    blocks = "```\ndef area(self):\n    return self.times(3) * self.r ** 2\n```\nand\n```\ndef times(self, n):\n    return n\n```"  # noqa: E501
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\nFirst\n{blocks}\nThere."))
    assert "return self.times(3) * self.r ** 2\n\n    def times(self, n):\n        return n\n" in read_after(result)
    twice = "```\ndef area(self):\n    return 1\n```\nor\n```\ndef area(self):\n    return 2 + 2\n```"
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\nFirst\n{twice}\nThere."))
    assert read_after(result) == FILE.replace(AT, "return 2 + 2")


def test_an_answer_that_changes_nothing_is_asked_for_again() -> None:
    result, chat = run_reply_and_chat(FILE)
    assert isinstance(result, Nothing)
    assert "it changes nothing; do what the task asks for" in chat.requests[1].messages[-1].text


def test_a_decorator_or_docstring_goes_only_when_the_words_speak_of_it() -> None:
    reply = f"def area(self):\n    {NEW}"
    kept = f'@property\n    def area(self):\n        """The area."""\n        {NEW}'
    assert kept in read_after(run_reply(reply))
    gone = read_after(run_reply(reply, words="remove the decorator and the docstring"))
    assert f"self.r = r\n\n    def area(self):\n        {NEW}" in gone


def test_a_function_that_is_renamed_is_the_one_that_was_asked_about() -> None:
    text = "def area(r):\n    return 3 * r\n\n\ndef other():\n    pass\n"
    reply = "def surface(r):\n    return 3 * r"
    assert read_after(run_reply(reply, text, "3 * r", "rename area to surface")) == text.replace(
        "def area", "def surface"
    )


def test_uses_of_a_renamed_definition_are_renamed_in_its_file() -> None:
    text = (
        "def area(r):\n    return 3 * r\n\n\nclass A:\n    def area(self):\n        return area(1)  # area\n\n\n"
        "print(area(2), A().area(), 'area')\n"
    )
    result = run_reply("def surface(r):\n    return 3 * r", text, "3 * r", "rename area to surface")
    assert read_after(result) == (
        "def surface(r):\n    return 3 * r\n\n\nclass A:\n    def area(self):\n        return surface(1)  # area\n\n\n"
        "print(surface(2), A().area(), 'area')\n"
    )
    assert isinstance(result, ProposedEdit)
    assert result.notes == ("`area` is now `surface`, in this file only.",)
    method = run_reply(
        "def size(self):\n    return area(1)  # area", text, "return area(1)", "rename this area to size"
    )
    assert "def size(self):\n        return area(1)  # area\n\n\nprint(area(2), A().size(), 'area')" in read_after(
        method
    )


def test_lines_alone_are_no_function() -> None:
    result, chat = run_reply_and_chat("return 5")
    assert isinstance(result, Nothing)
    assert "leaves out the head of `area`" in chat.requests[1].messages[-1].text


def test_a_function_is_never_replaced_by_other_ones() -> None:
    reply = "def helper(x):\n    return x + 2\n\n\ndef main():\n    print(helper(1))"
    result, chat = run_reply_and_chat(reply)
    assert isinstance(result, Nothing)
    assert len(chat.requests) == 2


def test_another_function_changes_too_where_the_model_has_seen_it_and_it_has_to_do_with_it() -> None:
    text = "def get(url):\n    return fetch(url)\n\n\ndef fetch(url):\n    return open(url)\n\n\ndef far():\n    return 1\n"  # noqa: E501
    reply = (
        "def get(url, timeout=10):\n    return fetch(url, timeout)\n\n\ndef fetch(url, timeout):\n"
        "    return open(url, timeout)\n\n\ndef far():\n    return 2"
    )
    expected = reply.replace("return 2", "return 1") + "\n"
    assert (
        read_after(run_reply(reply, text, "fetch(url)", "add a parameter timeout with default 10 and pass it on"))
        == expected
    )
    long = text + "".join(f"\n\ndef f{n}():\n    return {n} + {n}\n" for n in range(100))
    unseen = read_after(run_reply(reply, long, "fetch(url)", "add a parameter timeout"))
    assert "def fetch(url):\n    return open(url)" in unseen


def test_a_class_gets_its_new_members_where_the_answer_has_them() -> None:
    reply = build_class(
        "    def double(self):\n        return 2 * self.area\n", more="limit = 4\n    size = 5\n\n    ..."
    )
    expected = FILE.replace("limit = 3", "limit = 4\n    size = 5").replace(
        "        return 1\n", "        return 1\n\n    def double(self):\n        return 2 * self.area\n"
    )
    assert read_after(run_reply(reply, at="limit = 3", words="add a method double")) == expected


def test_members_that_the_answer_leaves_out_stay_unless_the_person_names_them() -> None:
    text = "class A:\n    def one(self):\n        return 1\n\n    def two(self):\n        return 2\n"
    reply = "class A:\n    def one(self):\n        return 3"
    result = run_reply(reply, text, "class A", "let it return 3")
    assert read_after(result) == text.replace("return 1", "return 3")
    assert isinstance(result, ProposedEdit)
    assert result.notes == ("The model left out `two`, which stays.",)
    gone = read_after(
        run_reply("class A:\n    def one(self):\n        return 1", text, "class A", "remove the method two")
    )
    assert gone == "class A:\n    def one(self):\n        return 1\n\n"


@pytest.mark.parametrize(
    "words", ["use clean in total", "use clean in total and keep main", "call clean, never remove it"]
)
def test_members_that_are_named_without_a_request_to_remove_them_stay(words: str) -> None:
    text = "def clean(n):\n    return n\n\n\ndef total(n):\n    return n\n\n\ndef main():\n    return total(1)\n"
    scene, workplace = make_scene("$0" + text)
    scene = replace(scene, instruction=words, span=Span(0, len(text)))
    reply = "def total(n):\n    return clean(n)"
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\n```\n{reply}\n```\nThere."))
    assert read_after(result) == text.replace("def total(n):\n    return n", reply)


def test_members_that_are_still_called_stay_although_the_person_asks_to_remove_them() -> None:
    text = "def clean(n):\n    return n\n\n\ndef total(n):\n    m = n\n    return m\n"
    scene, workplace = make_scene("$0" + text)
    scene = replace(scene, instruction="replace the body of total by a call of clean", span=Span(0, len(text)))
    reply = "def total(n):\n    return clean(n)"
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\n```\n{reply}\n```\nThere."))
    assert read_after(result) == f"def clean(n):\n    return n\n\n\n{reply}\n"


def test_a_refactoring_that_leaves_a_method_out_does_not_remove_it_by_our_own_words() -> None:
    text = "class A:\n    def one(self):\n        return 1 + 0\n\n    def names(self):\n        return 2\n"
    scene, workplace = make_scene("$0" + text)
    scene = replace(scene, span=Span(0, len(text)))
    reply = "class A:\n    def one(self):\n        return 1"
    result = run_chat_task("refactor", scene, workplace, ScriptedChat(f"===\n```\n{reply}\n```\nThere."))
    assert read_after(result) == text.replace("1 + 0", "1")


def test_new_code_at_an_empty_line_is_taken_out_of_a_whole_file() -> None:
    text = "import os\n\n\ndef one():\n    return 1\n\n\n\n\ndef two():\n    return 2\n"
    reply = "import os\nimport re\n\n\ndef one():\n    return 1\n\n\ndef three():\n    return re.compile('3')\n\n\ndef two():\n    return 2"  # noqa: E501
    scene, workplace = make_scene("$0" + text)
    at = text.index("\n\n\n\n\n") + 3
    scene = replace(scene, instruction="add a function three", span=Span(at, at))
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\n```\n{reply}\n```\nThere."))
    assert "return 1\n\n\ndef three():\n    return re.compile('3')\n\n\ndef two" in read_after(result)
    assert read_after(result).startswith("import os\nimport re\n")
    assert read_after(result).count("def one") == read_after(result).count("def two") == 1


JAVA = """import java.util.List;

public class Circle {
    private int r;

    /** The area. */
    @Override
    public int area() {
        return 3 * r;
    }

    public int other( ) {
        return 1;
    }
}
"""
GO = """package shapes

import (
\t"fmt"
\t"os"
)

// Area is it.
func (c *Circle) Area() int {
\treturn 3 * c.R
}

func main() {
\tfmt.Println( os.Args )
}
"""
TYPESCRIPT = """import { helper } from "./helper";

export class Circle {
  private r = 1;

  area(): number {
    return 3 * this.r;
  }

  other( ): number {
    return 1;
  }
}
"""
RUST = """use std::fmt;

impl Circle {
    pub fn area(&self) -> i32 {
        3 * self.r
    }

    fn other( &self) -> i32 { 1 }
}
"""
CASES = [
    ("main.java", JAVA, "return 3 * r;", "public int area() {\n  return 4 * r;\n}", "return 4 * r;"),
    ("main.java", JAVA, "return 3 * r;", JAVA.replace("3 * r", "4 * r").replace("( )", "()"), "return 4 * r;"),
    ("main.go", GO, "3 * c.R", GO.replace("3 * c.R", "4 * c.R").replace("\t", "    "), "4 * c.R"),
    ("main.go", GO, "3 * c.R", "func (c *Circle) Area() int {\n    return 4 * c.R\n}", "4 * c.R"),
    ("main.ts", TYPESCRIPT, "3 * this.r", "area(): number {\n  return 4 * this.r;\n}", "4 * this.r"),
    (
        "main.ts",
        TYPESCRIPT,
        "3 * this.r",
        "export class Circle {\n    // ...\n    area(): number {\n        return 4 * this.r;\n    }\n    // ...\n}",
        "4 * this.r",
    ),
    ("main.rs", RUST, "3 * self.r", "pub fn area(&self) -> i32 {\n    4 * self.r\n}", "4 * self.r"),
    ("main.rs", RUST, "3 * self.r", RUST.replace("3 *", "4 *").replace("( &", "(&"), "4 * self.r"),
]


@pytest.mark.parametrize(("name", "text", "old", "reply", "new"), CASES)
def test_in_any_language_the_function_is_taken_alone(name: str, text: str, old: str, reply: str, new: str) -> None:
    assert read_after(run_reply(reply, text, old, name=name)) == text.replace(old, new)


def test_imports_of_another_language_go_among_its_imports() -> None:
    reply = GO.replace('\t"fmt"', '\t"errors"\n\t"fmt"').replace("3 * c.R", 'errors.New("no").Error()')
    expected = GO.replace('\t"fmt"', '\t"errors"\n\t"fmt"').replace("3 * c.R", 'errors.New("no").Error()')
    assert read_after(run_reply(reply, GO, "3 * c.R", name="main.go")) == expected


def test_an_error_that_an_answer_brings_is_said_and_then_refused() -> None:
    scene, workplace = make_scene("def f():\n    $0return 1\n")
    bad = Finding("F821", Severity.WARNING, Span(0, 1), "Undefined name `frobnicate`.")
    workplace.review = lambda document: (bad,) if "frobnicate" in document.text else ()
    chat = ScriptedChat("===\n```\ndef f():\n    return frobnicate(1)\n```\nThere.")
    result = run_chat_task("generate", replace(scene, instruction="frobnicate"), workplace, chat)
    assert isinstance(result, Nothing)
    assert "Undefined name `frobnicate`" in chat.requests[1].messages[-1].text
    assert "it brings an error: Undefined name `frobnicate`" in result.reason


def test_a_well_known_import_is_added_where_nothing_else_is_missing() -> None:
    scene, workplace = make_scene("import os\n\n\ndef f(x):\n    $0return os.fspath(x)\n")
    workplace.review = lambda document: tuple(
        Finding("F821", Severity.WARNING, Span(0, 1), f"Undefined name `{name}`.")
        for name, module in (("Optional", "import Optional"), ("logging", "import logging"))
        if name in document.text and module not in document.text
    )
    chat = ScriptedChat(
        "===\n```\ndef f(x: Optional[str]):\n    logging.debug(x)\n    return os.fspath(x)\n```\nThere."
    )
    result = run_chat_task("generate", replace(scene, instruction="add a type hint"), workplace, chat)
    assert read_after(result).startswith(
        "import logging\nimport os\nfrom typing import Optional\n\n\ndef f(x: Optional[str])"
    )
    assert len(chat.requests) == 1


def test_line_ends_of_the_document_are_kept_everywhere() -> None:
    scene, workplace = make_scene("$0" + FILE)
    document = replace(scene.document, text=FILE.replace("\n", "\r\n"))
    at = document.text.index(AT)
    scene = replace(scene, document=document, syntax=Syntax.of(document), instruction="x", span=Span(at, at))
    reply = "import math\n" + FILE.replace(AT, "return math.pi * self.r")
    result = run_chat_task("generate", scene, workplace, ScriptedChat(f"===\n```\n{reply}\n```\nThere."))
    expected = FILE.replace(AT, "return math.pi * self.r").replace("import os", "import math\nimport os")
    assert read_after(result) == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (
            "# about f\ndef f(s):\n    return s\n",
            "import re\n\n# about f, with re\ndef f(s):\n    return re.sub('a', 'b', s)\n",
            "import re\n\n# about f, with re\ndef f(s):\n    return re.sub('a', 'b', s)\n",
        ),
        (
            "def f():\n    return 1\n\n\nimport os\nprint(os.name)\n",
            "import sys\n\n\ndef f():\n    return sys.argv\n\n\nimport os\nprint(os.name, 2)\n",
            "def f():\n    return sys.argv\n\n\nimport sys\nimport os\nprint(os.name, 2)\n",
        ),
        (
            "def f():\n    return 1\n\n\nfrom x import b\nprint(b)\n",
            "from x import c\n\n\ndef f():\n    return c\n\n\nprint(2)\n",
            "def f():\n    return c\n\n\nfrom x import b, c\nprint(2)\n",
        ),
        (
            "def f():\n    return 1\n\n\nfrom x import b\nprint(b)\n",
            "def f():\n    return c\n\n\nfrom x import b, c\nprint(b)\n",
            "def f():\n    return c\n\n\nfrom x import b, c\nprint(b)\n",
        ),
    ],
)
def test_an_import_in_the_place_of_replaced_code_goes_above_it(text: str, code: str, expected: str) -> None:
    document = Document("file:///m.py", None, "python", text)
    found = align(code, Target(document, Syntax.of(document), Span(0, len(text))))
    assert found is not None
    assert apply_edits(text, found.edits) == expected


TEXTS = st.text(alphabet="ab \n", max_size=40)


@given(TEXTS, TEXTS)
def test_line_edits_make_the_new_text(old: str, new: str) -> None:
    assert apply_edits(old, diff_lines(old, new)) == new


@given(st.text(max_size=200), st.sampled_from(["python", "go", "javascript", "text"]))
def test_any_answer_is_read(code: str, language: str) -> None:
    document = Document("file:///a", None, language, FILE)
    found = align(code, Target(document, Syntax.of(document), Span(0, len(FILE))))
    assert found is None or found.problem or apply_edits(FILE, found.edits) is not None


def test_long_texts_are_compared_as_a_whole() -> None:
    old, new = "a\n" * LONGEST_DIFF, "b\n" * LONGEST_DIFF
    assert len(diff_lines(old, new)) == 1

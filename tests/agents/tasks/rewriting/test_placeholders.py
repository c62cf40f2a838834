"""Placeholders for code are replaced by it, or the model is asked again, or its answer is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.tasks.rewriting.placeholders import is_placeholder
from agents.tasks.task import Nothing
from models.scripted.scripted_chat import ScriptedChat
from tests.agents.tasks.scenes import make_scene, read_after, run_chat_task

if TYPE_CHECKING:
    from agents.tasks.task import Result

CLASS = """
class Circle:
    limit = 3

    def area(self):
        $0x = 3
        y = self.r
        return x * y

    def other(self):
        return 1
"""
TABBED = CLASS.replace("    ", "\t")
METHOD = "    def area(self):\n        return 3 * self.r\n"
DOTS = "# ... existing code ..."


def run_reply(reply: str, fixture: str = CLASS, task: str = "refactor") -> tuple[Result, ScriptedChat]:
    scene, workplace = make_scene(fixture)
    chat = ScriptedChat(f"===\n```python\n{reply}\n```\nThere.")
    return run_chat_task(task, replace(scene, instruction="shorter"), workplace, chat), chat


EXPECTED = (
    CLASS.replace("$0", "").lstrip("\n").replace("x = 3\n        y = self.r\n        return x * y", "return 3 * self.r")
)


@pytest.mark.parametrize("task", ["refactor", "generate"])
@pytest.mark.parametrize(
    "reply",
    [
        "def area(self):\n    return 3 * self.r",
        f"class Circle:\n{METHOD}",
        f"class Circle:\n    {DOTS}\n\n{METHOD}",
        f"class Circle:\n    {DOTS}\n{METHOD}\n    # rest of the class remains unchanged",
        f"class Circle:\n    ...\n\n{METHOD}\n    ...",
        f"class Circle:\n    limit = 3\n\n{METHOD}\n    def other(self):\n        return 1",
        f"class Circle:\n    limit = 3\n\n{METHOD}\n    def other(self):\n        ...",
        f"import math\n\n\nclass Circle:\n    # (unchanged)\n\n{METHOD}",
        f"{DOTS}\n\ndef area(self):\n    return 3 * self.r\n\n{DOTS}",
    ],
)
def test_a_method_comes_out_of_the_class_that_was_wrapped_around_it(reply: str, task: str) -> None:
    for fixture, expected in ((CLASS, EXPECTED), (TABBED, EXPECTED.replace("    ", "\t"))):
        result, _ = run_reply(reply, fixture, task)
        assert read_after(result) == expected


def test_a_new_method_beside_it_stays() -> None:
    new = "    def double(self):\n        return 2 * self.r\n"
    result, _ = run_reply(f"class Circle:\n    {DOTS}\n{new}\n{METHOD}\n    {DOTS}")
    assert read_after(result) == EXPECTED.replace(METHOD, f"{new}\n{METHOD}")


@pytest.mark.parametrize(
    "reply",
    [
        "def area(self):\n    n = 0\n    x = 3\n    # ...\n    return x * y",
        f"def area(self):\n    n = 0\n    x = 3\n    {DOTS}",
        "def area(self):\n    n = 0\n    x = 3\n    # rest of the method remains unchanged",
        "def area(self):\n    n = 0\n    x = 3\n    ...\n    return x * y",
        f"class Circle:\n    {DOTS}\n    def area(self):\n        n = 0\n        x = 3\n        {DOTS}\n    {DOTS}",
    ],
)
def test_a_placeholder_is_replaced_by_the_code_that_it_certainly_stands_for(reply: str) -> None:
    for fixture in (CLASS, TABBED):
        result, _ = run_reply(reply, fixture)
        lead = "\t\t" if fixture is TABBED else "        "
        assert read_after(result) == fixture.lstrip("\n").replace("$0", f"n = 0\n{lead}")


@pytest.mark.parametrize(
    "reply",
    [
        f"def area(self):\n    {DOTS}\n    return 5",
        "def area(self):\n    z = 5\n    # ... the rest of the method ...",
        "def area(self):\n    z = 5\n    ...",
        "def area(self):\n    ...",
        "def area(self):\n    pass  # unchanged",
        f"class Circle:\n    def area(self):\n        {DOTS}\n        return 5",
        "def area(self):\n    # restlicher Code bleibt gleich\n    return 5",
        "def area(self):\n    # 其余代码保持不变\n    return 5",
        "def area(self):\n    z = 5\n    # [...]",
    ],
)
def test_for_code_that_would_be_lost_the_model_is_asked_again_and_then_refused(reply: str) -> None:
    result, chat = run_reply(reply)
    assert isinstance(result, Nothing)
    assert len(chat.requests) == 2
    said = chat.requests[1].messages[-1].text
    assert "would be lost" in said or "leaves out what `area` does" in said


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...",
        "// ... rest of the class",
        "...",
        "…",
        "# (unchanged)",
        "/* ... */",
        "/* existing code */",
        "{/* ... other components ... */}",
        "<!-- ... -->",
        "-- rest of the query",
        "; ... same as before",
        "# Rest of your code here",
        "// ... (existing methods remain unchanged)",
        "# [existing code unchanged]",
        "// other methods...",
        "# --- existing code ---",
        "# remaining methods stay the same",
        "// omitted for brevity",
        "# keep the imports as is",
        "# function body remains unchanged",
        "// TODO: keep existing logic",
        "# The remaining part of the function stays the same",
        "# no changes made here",
        "# as above",
        "# etc.",
        "# [...]",
        "-- remaining columns unchanged",
        "pass  # same as before",
        "pass # rest of the code",
        "...  # existing code",
        "return  // unchanged",
        "# <... existing code ...>",
        "# <rest of function>",
        "# your code here",
        "# TODO: rest of the implementation",
        # in the language that the person asked in
        "# restlicher Code bleibt gleich",
        "// Rest der Klasse bleibt unverändert",
        "# bestehender Code",
        "# (wie bisher)",
        "/* unverändert */",
        "# le reste du code reste inchangé",
        "// code existant",
        "# el resto del código permanece igual",
        "# resto do código inalterado",
        "# il resto del codice rimane invariato",
        "-- reszta kodu bez zmian",
        "# остальной код без изменений",
        "# 其余代码保持不变",
        "// 现有代码",
        "# 既存のコード",
        "# 기존 코드",
    ],
)
def test_placeholders_are_known_in_every_style(line: str) -> None:
    assert is_placeholder(line)
    assert is_placeholder(f"\t{line}")


@pytest.mark.parametrize(
    "line",
    [
        "# The rest of the list is sorted",
        "# unchanged files are skipped",
        "x = 1  # unchanged",
        "# existing code paths rely on this",
        "print(...)",
        "// other methods call this one first",
        "# Wait for it...",
        "return ...",
        "#",
        "",
        "'unchanged',",
        "# The original value",
        "# keep the order",
        "# Same size as before the call",
        "# Existing files are replaced",
        "# Skip the rest",
        "# on",
        "pass  # nothing to do",
        "# resto",
        "# Rest der Division",
        "# le reste de la liste est trié",
        "# igual",
        "# code",
        "# 现有代码路径依赖于此",
        "# etc is a folder of the system",
        "# your name here",
    ],
)
def test_other_comments_are_no_placeholders(line: str) -> None:
    assert not is_placeholder(line)


def test_a_comment_that_stands_in_the_document_already_is_no_placeholder() -> None:
    fixture = CLASS.replace("y = self.r", "# unchanged\n        y = self.r")
    result, _ = run_reply("def area(self):\n    x = 3\n    # unchanged\n    return x * self.r", fixture)
    assert "# unchanged\n        return x * self.r" in read_after(result)


def test_a_method_of_a_brace_language_is_unwrapped_too() -> None:
    fixture = (
        "class Circle {\n\tarea() {\n\t\t$0const x = 3;\n\t\treturn x;\n\t}\n\n\tother() {\n\t\treturn 1;\n\t}\n}\n"
    )
    scene, workplace = make_scene(fixture, "main.js")
    reply = (
        "class Circle {\n  // ... existing code ...\n\n  area() {\n    return 3;\n  }\n\n  // ... rest of the class\n}"
    )
    result = run_chat_task("refactor", scene, workplace, ScriptedChat(f"===\n```js\n{reply}\n```\nThere."))
    assert read_after(result) == fixture.replace("$0const x = 3;\n\t\treturn x;", "return 3;")

"""Next edits in a real VS Code, by keys: shown, gone to, accepted, dismissed, dropped, and never in the way of Tab."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.next_edit_server import ENDED, REQUEST, SHOWN, Script
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.editors.vscode import Workbench

    Open = Callable[..., Workbench]
    Start = Callable[..., tuple[Workbench, Script]]

COUNTING = """
#- order.py
def count_items(items):
    count = 0
    for item in items:
        count += 1
    return None
#- long.py
total = 0
{rest}
print(count)
#- report.py
print(count)
#- shop.py
def count_items(items):
    count = 0
    for item in items:
        count += 1
    return count
""".replace("{rest}", "\n".join(f"value_{number} = {number}" for number in range(2, 80)))
ADDING = {"old": "count += 1", "new": "total += 1"}
RETURNING = {"old": "return None", "new": "return total"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a workspace in which a variable is to be renamed, and return its folder."""
    return parse(COUNTING).write(tmp_path / "work")


@pytest.fixture
def open_scripted(folder: Path, tmp_path: Path, open_folder: Open) -> Start:
    """Return a function that opens order.py with a scripted server."""

    def start(
        *edits: dict[str, Any],
        name: str = "order.py",
        suggestion: str | None = None,
        keys: Sequence[Mapping[str, object]] = (),
        **settings: object,
    ) -> tuple[Workbench, Script]:
        script = Script.write(tmp_path / "script", *edits, suggestion=suggestion)
        workbench = open_folder(folder, settings={"starling.server.command": script.command, **settings}, keys=keys)
        workbench.open_file(name)
        return workbench, script

    return start


def wait_for_decorations(workbench: Workbench, *texts: str) -> None:
    workbench.wait_until(f"the decorations {texts}", lambda: sorted(workbench.read_decorations()) == sorted(texts))


def wait_for_line(workbench: Workbench, number: int, text: str) -> None:
    workbench.wait_until(f"line {number} to be {text!r}", lambda: workbench.read_lines()[number - 1 : number] == [text])


def wait_for_requests(workbench: Workbench, script: Script, count: int) -> None:
    workbench.wait_until(f"{count} requests", lambda: len(script.read_params(REQUEST)) >= count)


def rename(workbench: Workbench) -> None:
    """Rename the variable where it is assigned, as a person does who types over it."""
    workbench.go_to(2, 10)
    for _ in "count":
        workbench.press("Backspace")
    workbench.type("total")
    wait_for_line(workbench, 2, "    total = 0")


def test_tab_goes_to_the_edit_and_accepts_it_and_one_undo_takes_it_back(open_scripted: Start) -> None:
    workbench, script = open_scripted(ADDING, RETURNING)
    rename(workbench)
    wait_for_decorations(workbench, "total", "Tab: go there")
    wait_for_line(workbench, 4, "        count += 1")  # nothing is applied without the key
    workbench.take_picture("next-edit.png", x=0, y=0, width=1280, height=300)
    workbench.press("Tab")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")
    workbench.press("Tab")
    wait_for_line(workbench, 4, "        total += 1")
    wait_for_decorations(workbench, "total", "Tab: go there")  # the next one
    workbench.press("Tab")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")
    workbench.press("Tab")
    wait_for_line(workbench, 5, "    return total")
    wait_for_decorations(workbench)
    assert [one["accepted"] for one in script.read_params(ENDED)] == [True, True]
    assert {one["id"] for one in script.read_params(ENDED)} <= {one["id"] for one in script.read_params(SHOWN)}
    asked = len(script.read_params(REQUEST))
    workbench.press("Control+z")
    wait_for_line(workbench, 5, "    return None")
    wait_for_line(workbench, 4, "        total += 1")
    workbench.press("Control+z")
    wait_for_line(workbench, 4, "        count += 1")
    wait_for_line(workbench, 2, "    total = 0")
    workbench.type("x")
    wait_for_requests(workbench, script, asked + 1)
    assert len(script.read_params(REQUEST)) == asked + 1  # an undone edit is not proposed at once


def test_an_edit_outside_the_screen_is_announced_at_the_cursor(open_scripted: Start) -> None:
    workbench, _ = open_scripted({"old": "print(count)", "new": "print(\n    total,\n)"}, name="long.py")
    workbench.go_to(1, 6)
    workbench.type("s")
    wait_for_decorations(workbench, "Tab: go to line 80")
    workbench.press("Tab")
    wait_for_decorations(workbench, "Tab: accept · Esc: dismiss", "print(", "    total,", ")")
    workbench.press("Tab")
    lines = ["print(", "    total,", ")"]
    workbench.wait_until("the edit", lambda: [one for one in workbench.read_lines() if one in lines] == lines)


def test_escape_dismisses_the_edit_and_tab_is_a_tab_again(open_scripted: Start) -> None:
    workbench, script = open_scripted(ADDING)
    rename(workbench)
    wait_for_decorations(workbench, "total", "Tab: go there")
    workbench.press("Escape")
    wait_for_decorations(workbench)
    workbench.press("Tab")
    workbench.type("x")
    wait_for_line(workbench, 2, "    total   x = 0")
    assert [one["accepted"] for one in script.read_params(ENDED)] == [False]


def test_an_answer_for_another_version_is_dropped(open_scripted: Start) -> None:
    workbench, script = open_scripted({**ADDING, "version": -1})
    rename(workbench)
    wait_for_requests(workbench, script, 1)
    workbench.type("s")
    wait_for_requests(workbench, script, 2)
    workbench.press("Tab")
    workbench.type("x")
    wait_for_line(workbench, 2, "    totals  x = 0")
    assert script.read_params(SHOWN) == []


def test_an_answer_that_comes_after_the_next_key_is_dropped(open_scripted: Start) -> None:
    workbench, script = open_scripted({**ADDING, "late": True})
    rename(workbench)
    wait_for_requests(workbench, script, 1)
    workbench.type("s")
    wait_for_requests(workbench, script, 2)
    assert script.read_params("$/cancelRequest") != []
    workbench.type("x")
    wait_for_requests(workbench, script, 3)
    assert script.read_params(SHOWN) == []
    assert workbench.read_decorations() == []


def test_tab_belongs_to_a_shown_suggestion(open_scripted: Start) -> None:
    workbench, script = open_scripted(RETURNING, suggestion=" or 1")
    workbench.go_to(4, 19)
    workbench.type("1")
    workbench.wait_until("the suggestion", lambda: workbench.read_suggestion() == " or 1")
    wait_for_requests(workbench, script, 1)
    workbench.press("Tab")
    wait_for_line(workbench, 4, "        count += 11 or 1")
    wait_for_line(workbench, 5, "    return None")


def test_tab_belongs_to_the_completion_list_then_to_the_edit(open_scripted: Start) -> None:
    workbench, _ = open_scripted(ADDING, **{"editor.quickSuggestions": {"other": "on"}})
    workbench.go_to(5, 16)
    workbench.type(" or coun")
    workbench.wait_for(".suggest-widget .monaco-list-row", "count_items")
    workbench.wait_until("the edit", lambda: "total" in workbench.read_decorations())
    workbench.press("Tab")
    workbench.wait_until("the word", lambda: workbench.read_lines()[4].startswith("    return None or count"))
    wait_for_line(workbench, 4, "        count += 1")
    workbench.wait_until("the edit", lambda: "Tab: go there" in workbench.read_decorations())
    workbench.press("Tab")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")


def test_tab_indents_where_a_line_begins_and_a_selection(open_scripted: Start) -> None:
    workbench, _ = open_scripted(ADDING)
    workbench.go_to(5, 16)
    workbench.press("Enter")
    wait_for_decorations(workbench, "total")  # without a hint
    workbench.press("Tab")
    workbench.type("x")
    wait_for_line(workbench, 6, "        x")
    wait_for_decorations(workbench, "total", "Tab: go there")
    workbench.press("Shift+ArrowUp")
    wait_for_decorations(workbench, "total")
    workbench.press("Tab")
    indented = ["        count += 1", "        return None", "            x"]
    workbench.wait_until("indented lines", lambda: workbench.read_lines()[3:6] == indented)


def test_tab_goes_on_in_a_snippet(open_scripted: Start) -> None:
    snippet = {"snippet": "for ${1:one} in ${2:many}:"}
    keys = [{"key": "ctrl+alt+p", "command": "editor.action.insertSnippet", "args": snippet}]
    workbench, _ = open_scripted(ADDING, keys=keys)
    workbench.go_to(5, 16)
    workbench.press("Enter")
    workbench.press("Control+Alt+p")
    wait_for_line(workbench, 6, "    for one in many:")
    workbench.type("first")
    workbench.wait_until("the edit", lambda: "total" in workbench.read_decorations())
    workbench.press("Tab")
    workbench.type("all")
    wait_for_line(workbench, 6, "    for first in all:")
    wait_for_line(workbench, 4, "        count += 1")


def test_an_edit_of_another_file_is_announced_and_tab_opens_it(open_scripted: Start) -> None:
    workbench, _ = open_scripted({"old": "print(count)", "new": "print(total)", "file": "report.py"}, name="report.py")
    workbench.open_file("order.py")
    rename(workbench)
    wait_for_decorations(workbench, "Tab: go to report.py, line 1")
    workbench.press("Tab")
    workbench.wait_for(".tab.active", "report.py")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")
    workbench.press("Tab")
    wait_for_line(workbench, 1, "print(total)")


def test_without_the_setting_nothing_is_asked(open_scripted: Start) -> None:
    workbench, script = open_scripted(ADDING, **{"starling.nextEdit.languagesOff": ["python"]})
    rename(workbench)
    workbench.press("Tab")
    workbench.type("x")
    wait_for_line(workbench, 2, "    total   x = 0")
    assert script.read_params(REQUEST) == []


def test_a_rename_is_carried_on_by_the_real_server(folder: Path, open_folder: Open) -> None:
    workbench = open_folder(folder)
    workbench.open_file("shop.py")
    rename(workbench)

    def shows_edit_or_retypes() -> bool:
        """Whether there is an edit; if not, type the last character again, as the server may still load its parts."""
        if "total" in workbench.read_decorations():
            return True
        workbench.press("Backspace")
        workbench.type("l")
        return False

    workbench.wait_until("the edit", shows_edit_or_retypes, every_s=3.0)
    wait_for_decorations(workbench, "total", "Tab: go there")
    workbench.press("Tab")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")
    workbench.press("Tab")
    wait_for_line(workbench, 4, "        total += 1")
    wait_for_decorations(workbench, "total", "Tab: go there")
    workbench.press("Tab")
    wait_for_decorations(workbench, "total", "Tab: accept · Esc: dismiss")
    workbench.press("Tab")
    wait_for_line(workbench, 5, "    return total")
    wait_for_decorations(workbench)
    workbench.press("Control+z")
    wait_for_line(workbench, 5, "    return count")
    wait_for_line(workbench, 4, "        total += 1")

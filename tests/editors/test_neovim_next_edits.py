"""Next edits in a real Neovim, by keys: shown, gone to, accepted, dismissed, dropped, and never in the way of Tab."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.neovim import VERSIONS, WAIT_S, Neovim, build_command
from tests.editors.next_edit_server import ENDED, REQUEST, SHOWN, Script
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., tuple[Neovim, Script]]

COUNTING = """
#- order.py
def count_items(items):
    count = 0
    for item in items:
        count += 1
    return None
#- report.py
print(count)
#- shop.py
def count_items(items):
    count = 0
    for item in items:
        count += 1
    return count
"""
ADDING = {"old": "count += 1", "new": "total += 1"}
RETURNING = {"old": "return None", "new": "return total"}


@pytest.fixture(params=VERSIONS)
def open_scripted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Yield a function that opens order.py with a scripted server."""
    folder = parse(COUNTING).write(tmp_path / "work")
    with ExitStack() as running:

        def start(
            *edits: dict[str, Any], suggestion: str | None = None, configuration: str = ""
        ) -> tuple[Neovim, Script]:
            script = Script.write(tmp_path / "script", *edits, suggestion=suggestion)
            command = "{" + ", ".join(json.dumps(part) for part in script.command) + "}"
            configuration += f"\nvim.lsp.config('starling', {{ cmd = {command} }})\n"
            variable = VERSIONS[request.param]
            home = tmp_path / "home"
            starting = Neovim.start(folder / "order.py", home, configuration=configuration, variable=variable)
            editor = running.enter_context(starting)
            editor.wait_for_server()
            return editor, script

        yield start


def wait_for_requests(script: Script, count: int) -> None:
    """Wait until the server was asked `count` times."""
    deadline = time.monotonic() + WAIT_S
    while len(script.read_params(REQUEST)) < count:
        assert time.monotonic() < deadline, f"{count} requests were awaited in vain"
        time.sleep(0.05)


def rename(editor: Neovim) -> None:
    """Rename the variable where it is assigned, as a person does; the cursor stays after it in Insert mode."""
    editor.press("2Gwcw")
    editor.type("total")


def test_tab_goes_to_the_edit_and_accepts_it_and_one_undo_takes_it_back(open_scripted: Start) -> None:
    editor, script = open_scripted(ADDING, RETURNING)
    rename(editor)
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
    editor.wait_for_line(4, "        count += 1")  # nothing is applied without the key
    editor.press("<Tab>")
    editor.wait_for_next_edit("~count", "total", "<Tab>: accept · <M-e>: dismiss")
    assert editor.read_cursor() == (4, 8)
    editor.press("<Tab>")
    editor.wait_for_line(4, "        total += 1")
    assert editor.read_cursor() == (4, 13)
    editor.wait_for_next_edit("~None", "total", "<Tab>: go there")
    editor.press("<Tab><Tab>")
    editor.wait_for_line(5, "    return total")
    editor.wait_for_next_edit()
    assert [one["accepted"] for one in script.read_params(ENDED)] == [True, True]
    assert {one["id"] for one in script.read_params(ENDED)} <= {one["id"] for one in script.read_params(SHOWN)}
    editor.press("<Esc>u")
    editor.wait_for_line(5, "    return None")
    editor.wait_for_line(4, "        total += 1")
    editor.press("u")
    editor.wait_for_line(4, "        count += 1")
    editor.wait_for_line(2, "    total = 0")
    asked = len(script.read_params(REQUEST))
    editor.press("ix")
    wait_for_requests(script, asked + 1)
    assert len(script.read_params(REQUEST)) == asked + 1  # an undone edit is not proposed at once


def test_in_normal_mode_tab_goes_and_accepts_and_escape_dismisses(open_scripted: Start) -> None:
    editor, script = open_scripted(ADDING, RETURNING)
    rename(editor)
    editor.press("<Esc>")
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
    editor.press("<Tab>")
    editor.wait_for_next_edit("~count", "total", "<Tab>: accept · <lt>Esc>: dismiss".replace("<lt>", "<"))
    editor.press("<Tab>")
    editor.wait_for_line(4, "        total += 1")
    editor.wait_for_next_edit("~None", "total", "<Tab>: go there")
    editor.press("<Esc>")
    editor.wait_for_next_edit()
    assert [one["accepted"] for one in script.read_params(ENDED)] == [True, False]
    editor.press("<Tab>")  # the usual meaning: the next place in the list of jumps
    editor.press("x")
    editor.wait_for_line(5, "    return None")


def test_new_text_of_several_lines_is_shown_below_and_a_removed_line_struck_through(open_scripted: Start) -> None:
    editor, _ = open_scripted(
        {"old": "    return None\n", "new": "    if count:\n        return 1\n    return 0\n"},
        {"old": "    for item in items:\n", "new": ""},
    )
    editor.press("GAx<BS>")
    editor.wait_for_next_edit("~    return None", "if count:", "return 1", "return 0", "<Tab>: accept · <M-e>: dismiss")
    editor.press("<Tab>")
    lines = ["def count_items(items):", "    count = 0", "    for item in items:", "        count += 1"]
    editor.wait_for_lines([*lines, "    if count:", "        return 1", "    return 0"])
    editor.wait_for_next_edit("~    for item in items:/", "<Tab>: go there")
    editor.press("<Tab><Tab>")
    editor.wait_for_lines([*lines[:2], lines[3], "    if count:", "        return 1", "    return 0"])


def test_an_edit_outside_the_screen_is_announced_at_the_cursor(open_scripted: Start) -> None:
    editor, _ = open_scripted(ADDING)
    editor.press("Go<Esc>99oy<Esc>")
    editor.type("ax")
    editor.wait_for_next_edit("~count", "total", "<Tab>: go to line 4")
    row = "vim.api.nvim_buf_get_extmarks(0, vim.api.nvim_get_namespaces()['starling.next_edit'], {104, 0}, -1, {})"
    assert len(editor.evaluate(row)) == 1  # the hint is in the cursor's line
    editor.press("<Tab><Tab>")
    editor.wait_for_line(4, "        total += 1")


def test_a_dismissed_edit_disappears_and_tab_is_a_tab_again(open_scripted: Start) -> None:
    editor, script = open_scripted(ADDING)
    rename(editor)
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
    editor.press("<M-e>")
    editor.wait_for_next_edit()
    editor.press("<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('^    total%s+x = 0$') ~= nil", "a tab")
    assert [one["accepted"] for one in script.read_params(ENDED)] == [False]


def test_an_answer_for_another_version_is_dropped(open_scripted: Start) -> None:
    editor, script = open_scripted({**ADDING, "version": -1})
    rename(editor)
    wait_for_requests(script, 1)
    editor.type("s")
    wait_for_requests(script, 2)
    editor.press("<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('^    totals%s+x = 0$') ~= nil", "a tab")
    assert script.read_params(SHOWN) == []


def test_an_answer_that_comes_after_the_next_key_is_dropped(open_scripted: Start) -> None:
    editor, script = open_scripted({**ADDING, "late": True})
    rename(editor)
    wait_for_requests(script, 1)
    editor.type("s")
    wait_for_requests(script, 2)
    assert script.read_params("$/cancelRequest") != []
    editor.type("x")
    wait_for_requests(script, 3)
    editor.wait_for_next_edit()
    assert script.read_params(SHOWN) == []


def test_tab_belongs_to_a_shown_suggestion(open_scripted: Start) -> None:
    editor, script = open_scripted(RETURNING, suggestion=" or 1")
    editor.press("4GA")
    editor.type("1")
    editor.wait_for_suggestion(" or 1")
    wait_for_requests(script, 1)
    editor.press("<Tab>")
    editor.wait_for_line(4, "        count += 11 or 1")
    editor.wait_for_line(5, "    return None")


def test_tab_belongs_to_a_menu_then_to_the_edit(open_scripted: Start) -> None:
    editor, _ = open_scripted(ADDING)
    editor.press(":set completeopt=menuone<CR>GA")
    editor.type(" or count_")
    editor.press("<C-x><C-n>")
    editor.wait_for("vim.fn.pumvisible() == 1", "the menu")
    editor.wait_for_next_edit("~count", "total")  # without a hint
    editor.press("<Tab>")
    editor.wait_for("vim.fn.pumvisible() == 0", "the menu to close")
    editor.wait_for_line(4, "        count += 1")
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")


def test_tab_indents_where_a_line_begins(open_scripted: Start) -> None:
    editor, _ = open_scripted(ADDING)
    editor.press("Go")
    editor.type("x")
    editor.press("<BS>")
    editor.wait_for_next_edit("~count", "total")  # without a hint
    editor.press("<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('^%s+x$') ~= nil", "an indented x")
    editor.wait_for_line(4, "        count += 1")


def test_tab_goes_on_in_a_snippet(open_scripted: Start) -> None:
    editor, _ = open_scripted(ADDING)
    editor.press("Go")
    editor.press("<Cmd>lua vim.snippet.expand('for ${1:one} in ${2:many}:')<CR>")
    editor.type("first")
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
    editor.press("<Tab>")
    editor.type("all")
    editor.wait_for("vim.trim(vim.api.nvim_get_current_line()) == 'for first in all:'", "the second field")
    editor.wait_for_line(4, "        count += 1")


def test_an_edit_of_another_file_is_announced_and_tab_opens_it(open_scripted: Start) -> None:
    editor, _ = open_scripted({"old": "print(count)", "new": "print(total)", "file": "report.py"})
    editor.press(":edit report.py<CR>")
    editor.wait_for_server()
    editor.press(":buffer order.py<CR>")
    rename(editor)
    editor.wait_for_next_edit("<Tab>: go to report.py, line 1")
    editor.press("<Tab>")
    editor.wait_for("vim.fs.basename(vim.api.nvim_buf_get_name(0)) == 'report.py'", "the other file")
    editor.press("<Tab>")
    editor.wait_for_lines(["print(total)"])


def test_a_mapping_of_a_person_stays_and_can_call_starling(open_scripted: Start) -> None:
    mapping = "vim.keymap.set('n', '<Tab>', function() return require('starling').next_edit('x') end, { expr = true })"
    editor, _ = open_scripted(ADDING, configuration=f"\n{mapping}\n")
    editor.press("gg0<Tab>")
    editor.wait_for_line(1, "ef count_items(items):")
    editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
    editor.press("<Tab><Tab>")
    editor.wait_for_line(4, "        total += 1")


@pytest.mark.parametrize(
    "chosen", ["vim.g.starling = { next_edits = false }", "vim.g.starling = { suggestions = false }"]
)
def test_next_edits_can_be_turned_off(open_scripted: Start, chosen: str) -> None:
    editor, script = open_scripted(ADDING, configuration=f"\n{chosen}\n")
    assert editor.evaluate("vim.fn.maparg('<Tab>', 'n') ~= ''") == ("suggestions" in chosen)
    rename(editor)
    editor.press("<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('^    total%s+x = 0$') ~= nil", "a tab")
    assert script.read_params(REQUEST) == []


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rename_is_carried_on_by_the_real_server(
    version: str, tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    folder = parse(COUNTING).write(tmp_path / "work")
    home, variable = tmp_path / "home", VERSIONS[version]
    with Neovim.start(folder / "shop.py", home, path=starling_on_path, variable=variable) as editor:
        editor.wait_for_server()
        editor.wait_for_index()
        rename(editor)
        editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
        editor.press("<Tab><Tab>")
        editor.wait_for_line(4, "        total += 1")
        editor.wait_for_next_edit("~count", "total", "<Tab>: go there")
        editor.press("<Tab><Tab>")
        editor.wait_for_line(5, "    return total")
        editor.wait_for_next_edit()
        editor.press("<Esc>u")
        editor.wait_for_line(5, "    return count")
        editor.wait_for_line(4, "        total += 1")
        counted = f"{build_command('starling.stats')}.next_edits.accepted.rename == 2"
        editor.wait_for(counted, "two accepted edits to be counted")

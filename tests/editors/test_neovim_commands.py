"""`:Starling`, `:checkhealth starling`, the statusline and the help, in the real Neovim."""

from __future__ import annotations

import json
import re
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.neovim import RUNTIME, Neovim
from tests.tidy.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., Neovim]

TEXT = """import os


def read_lines(path, encoding="utf-8"):
    with open(path, encoding=encoding) as file:
        return file.read().splitlines()
"""
SAID = """
vim.g.said = {}
vim.notify = function(message)
  local said = vim.g.said
  table.insert(said, message)
  vim.g.said = said
end
"""
# Records the pieces of a streamed answer.
PIECES = """
vim.g.pieces = {}
local answers = require('starling.answers')
local append = answers.append
answers.append = function(buffer, text)
  local pieces = vim.g.pieces
  table.insert(pieces, text)
  vim.g.pieces = pieces
  append(buffer, text)
end
"""
# Records the statusline after each progress report.
SHOWN = """
vim.g.shown = {}
vim.api.nvim_create_autocmd('LspProgress', {
  callback = function()
    vim.defer_fn(function()
      local shown = vim.g.shown
      table.insert(shown, require('starling').statusline())
      vim.g.shown = shown
    end, 50)
  end,
})
"""
SCRIPTED = ROOT / "tests" / "wire" / "scripted_server.py"


@pytest.fixture
def open_text(tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Yield a function that opens `TEXT` in Neovim; messages to the person are recorded in `vim.g.said`."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ExitStack() as running:

        def start(configuration: str = "", *, path: str = starling_on_path, served: bool = True) -> Neovim:
            file = tmp_path / "work" / "lines.py"
            file.parent.mkdir()
            file.with_name(".starling.toml").write_text("", encoding="utf-8")
            file.write_text(TEXT, encoding="utf-8")
            given = SAID + configuration
            editor = running.enter_context(Neovim.start(file, tmp_path / "home", configuration=given, path=path))
            if served:
                editor.wait_for_server()
                editor.wait_for_index()
            return editor

        yield start


def wait_for_answer(editor: Neovim, name: str) -> str:
    """Wait until the window of an answer has a text, and return the text."""
    lines = f"vim.fn.getbufline('starling-answer://{name}', 1, '$')"
    editor.wait_for(f"#{lines} > 1 or ({lines}[1] or '') ~= ''", f"the answer to {name}")
    return "\n".join(editor.evaluate(lines))


def complete(editor: Neovim, line: str) -> list[str]:
    """Return the completions of a command line."""
    return list(editor.evaluate(f"vim.fn.getcompletion('{line}', 'cmdline')"))


def test_commands_are_completed_and_so_are_their_words(open_text: Open) -> None:
    editor = open_text()
    known = {one["name"] for one in json.loads((RUNTIME / "lua" / "starling" / "commands.json").read_text())}
    assert set(complete(editor, "Starling ")) == known | {"on", "off", "toggle", "restart", "login", "logout"}
    assert complete(editor, "Starling review ") == ["deep", "workspace"]
    assert complete(editor, "Starling write doc") == ["docstring"]


def test_an_answer_replaces_only_the_answer_with_its_own_name(open_text: Open) -> None:
    editor = open_text()
    editor.press(":Starling workflows<CR>")
    wait_for_answer(editor, "workflows")
    editor.press(":lua require('starling.answers').open('workflow')<CR>")
    editor.wait_for("vim.fn.bufexists('starling-answer://workflow') == 1", "it to open")
    assert editor.evaluate("vim.fn.bufexists('starling-answer://workflows')") == 1


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("review", r"- Score: \d+(.|\n)*## Findings(.|\n)*unused"),
        ("review workspace", r"- Files: \d"),
        ("validate", r"- Parses: true"),
        ("complexity", r"\| read_lines \| 4 \|"),
        ("pep8", r"- Score: \d+"),
        ("coverage", r"There is no coverage data"),
        ("status", r"- Model state: off"),
        ("health", r"\| model \| true \| No model is used"),
        ("stats", r"- Completion shown: 0"),
        ("approvals", r"## Approvals\n\nNone\."),
        ("audit", r"## Rows\n\nNone\."),
        ("workflows", r"## Workflows\n\nNone\."),
    ],
)
def test_reports_are_shown_as_markdown(open_text: Open, command: str, expected: str) -> None:
    editor = open_text()
    editor.press(f":Starling {command}<CR>")
    name = command.split(maxsplit=1)[0]
    shown = wait_for_answer(editor, name)
    assert re.search(expected, shown), shown
    assert editor.evaluate(f"vim.bo[vim.fn.bufnr('starling-answer://{name}')].filetype") == "markdown"


def test_the_hits_of_a_search_are_put_into_the_quickfix_list(open_text: Open) -> None:
    editor = open_text()
    editor.press(":Starling search<CR>read_lines encoding<CR>")  # the words are asked for, since the command has none
    editor.wait_for("#vim.fn.getqflist() > 0", "the hits")
    [hit, *_] = editor.evaluate("vim.fn.getqflist()")
    assert (hit["lnum"], "read_lines" in hit["text"]) == (4, True)


def test_a_finding_is_fixed_after_one_question(open_text: Open) -> None:
    editor = open_text()
    editor.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
    editor.press("gg:Starling fix<CR>")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    editor.press("a")
    editor.wait_for("#vim.g.said > 0", "the outcome")
    assert editor.evaluate("vim.g.said") == ["Starling: applied; not saved yet: lines.py"]
    assert "import os" not in editor.read_lines()


def test_an_answer_in_words_is_streamed(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = "It opens the file. It splits its text into lines."
    with ScriptedServer(f"=== explain\n{reply}\n") as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        editor = open_text(PIECES)
        editor.press("5G:Starling explain explain it<CR>")
        editor.wait_for(f"vim.fn.getbufline('starling-answer://explain', 1)[1] == {json.dumps(reply)}", "the answer")
        assert "".join(editor.evaluate("vim.g.pieces")).strip() == reply


def test_a_question_without_a_chat_model_gets_one_message(open_text: Open) -> None:
    editor = open_text()
    editor.press(":Starling explain why<CR>")
    editor.wait_for("#vim.g.said > 0", "the reason")
    [said] = editor.evaluate("vim.g.said")
    assert said.startswith("Starling: ")
    assert "chat" in said


def test_the_message_about_an_unknown_command_says_where_to_look(open_text: Open) -> None:
    editor = open_text()
    editor.press(":Starling dance<CR>")
    editor.wait_for("#vim.g.said > 0", "the message")
    assert "no :Starling dance" in editor.evaluate("vim.g.said")[0]


def test_the_statusline_shows_ready_or_off(open_text: Open) -> None:
    editor = open_text("vim.o.statusline = [[%{v:lua.require'starling'.statusline()}]]\n")
    line = "vim.api.nvim_eval_statusline(vim.o.statusline, {}).str"
    editor.wait_for(f"{line} == 'Starling: ready'", "the state")
    editor.press(":Starling off<CR>")
    editor.wait_for(f"{line} == 'Starling: off'", "the state")
    editor.press(":help<CR>")
    editor.wait_for(f"{line} == ''", "no state of a buffer that is not served")


def test_the_statusline_shows_the_loading_of_a_large_model_with_a_percentage_the_second_time(
    open_text: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, program = tmp_path / "script.json", tmp_path / "bin" / "starling"
    script.write_text(json.dumps({"reply": "large()", "token_s": 0.0, "load_s": 3.0}), encoding="utf-8")
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{SCRIPTED}'\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("SCRIPT", str(script))
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "true")
    editor = open_text(SHOWN, path=str(program.parent))
    editor.wait_for("vim.g.shown[#vim.g.shown] == 'Starling: ready'", "the model to be loaded")
    assert "Starling: loading" in editor.evaluate("vim.g.shown")
    editor.evaluate("vim.cmd('let g:shown = []')")
    editor.press(":Starling restart<CR>")
    editor.wait_for("vim.g.shown[#vim.g.shown] == 'Starling: ready'", "the model to be loaded again")
    shares = [re.fullmatch(r"Starling: loading (\d\d?)%", line) for line in editor.evaluate("vim.g.shown")]
    numbers = [int(share[1]) for share in shares if share]
    assert len(numbers) > 2
    assert numbers == sorted(numbers)


def test_the_server_is_restarted(open_text: Open) -> None:
    editor = open_text()
    first = editor.evaluate("vim.lsp.get_clients({ name = 'starling' })[1].id")
    editor.press(":Starling restart<CR>")
    another = f"vim.tbl_get(vim.lsp.get_clients({{ bufnr = 0, name = 'starling' }}), 1, 'id') or {first}"
    editor.wait_for(f"({another}) > {first}", "another server")
    editor.wait_for_index()


def test_suggestions_are_turned_off_and_on_again(open_text: Open) -> None:
    editor = open_text()
    editor.press(":Starling off<CR>")
    if editor.evaluate("vim.lsp.inline_completion ~= nil"):
        editor.wait_for("not vim.lsp.inline_completion.is_enabled({ bufnr = 0 })", "them to be off")
        editor.press(":Starling toggle<CR>")
        editor.wait_for("vim.lsp.inline_completion.is_enabled({ bufnr = 0 })", "them to be on")


def test_the_health_check_covers_the_program_the_editor_and_the_server(open_text: Open) -> None:
    editor = open_text("vim.keymap.set('i', '<M-w>', 'mine')\n")
    assert editor.evaluate("vim.fn.maparg('<M-w>', 'i')") == "mine"
    editor.press(":checkhealth starling<CR>")
    editor.wait_for("vim.bo.filetype == 'checkhealth' and vim.fn.search('server: ', 'n') > 0", "the report")
    report = "\n".join(editor.read_lines())
    for expected in ("OK starling", "<M-w> is mapped already", "OK model: No model is used", "OK record: "):
        assert expected in report


def test_a_missing_program_gets_one_message_and_the_editor_works(open_text: Open, tmp_path: Path) -> None:
    elsewhere = "vim.env.PATH = '/usr/bin:/bin'\n"
    editor = open_text(elsewhere, served=False)
    editor.wait_for("#vim.g.said > 0", "the message")
    (tmp_path / "work" / "other.py").write_text("x = 1\n", encoding="utf-8")
    editor.press(":edit other.py<CR>ccy = 2<Esc>:write<CR>")
    editor.wait_for("not vim.bo.modified and vim.fn.bufname() == 'other.py'", "the second file")
    [said] = editor.evaluate("vim.g.said")
    assert "there is no program 'starling'" in said
    editor.press(":Starling review<CR>")
    editor.wait_for("#vim.g.said == 2", "the command's answer")
    assert "the server is not running" in editor.evaluate("vim.g.said")[1]
    editor.press(":checkhealth starling<CR>")
    editor.wait_for("vim.bo.filetype == 'checkhealth'", "the report")
    assert "ERROR There is no program 'starling'." in "\n".join(editor.read_lines())


def test_a_broken_model_gets_one_message_and_the_editor_works(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "true")
    monkeypatch.setenv("STARLING_MODEL__NAME", "no-such-model")
    editor = open_text("vim.lsp.handlers['window/showMessage'] = function(_, it) vim.notify(it.message) end\n")
    editor.wait_for("#vim.g.said > 0", "the message")
    editor.press("Gotyped<Esc>")
    editor.wait_for("vim.api.nvim_get_current_line():match('typed') ~= nil", "the typed word")
    editor.wait_for("require('starling').statusline() == 'Starling: error'", "the state")
    [said] = editor.evaluate("vim.g.said")
    assert "no-such-model" in said


def test_an_unreachable_endpoint_gets_one_message_and_the_editor_works(
    open_text: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARLING_CHAT__URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
    editor = open_text()
    editor.press(":Starling explain why<CR>")
    editor.wait_for("#vim.g.said > 0", "the reason")
    editor.press("Gotyped<Esc>")
    editor.wait_for("vim.api.nvim_get_current_line():match('typed') ~= nil", "the typed word")
    [said] = editor.evaluate("vim.g.said")
    assert "127.0.0.1:9" in said


def test_the_help_is_found(open_text: Open, tmp_path: Path) -> None:
    editor = open_text()
    editor.press(f":helptags {RUNTIME}/doc<CR>:help starling-commands<CR>")
    editor.wait_for("vim.bo.filetype == 'help' and vim.fn.expand('%:t') == 'starling.txt'", "the help")
    (RUNTIME / "doc" / "tags").unlink()

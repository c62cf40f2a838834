"""Neovim 0.11, which has no ghost text of its own: changes, code actions and reports of the plugin work there too.

`test_neovim.py` tests suggestions in both versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim import VERSIONS, Neovim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def editor(shop: Path, tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neovim]:
    """Open order.py in Neovim 0.11, and wait until its finding has arrived."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    home = tmp_path / "home"
    with Neovim.start(shop / "order.py", home, path=starling_on_path, variable=VERSIONS["0.11"]) as running:
        running.wait_for_server()
        running.wait_for_index()
        running.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
        yield running


def test_a_change_is_shown_in_the_window_and_rejecting_it_changes_nothing(editor: Neovim, shop: Path) -> None:
    before = editor.read_lines()
    editor.press("gg:Starling fix<CR>")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    assert "-import os" in editor.read_lines()
    editor.press("r")
    editor.wait_for("vim.fn.bufname() == 'order.py'", "the window to go")
    assert editor.read_lines() == before
    assert "import os" in (shop / "order.py").read_text(encoding="utf-8")


def test_an_approved_change_is_made(editor: Neovim) -> None:
    editor.press("gg:Starling fix<CR>")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    editor.press("a")
    editor.wait_for("vim.api.nvim_get_current_line() == '' and vim.bo.modified", "the import to go")


def test_a_quick_fix_is_applied_from_the_menu_of_code_actions(editor: Neovim) -> None:
    chosen = "{ apply = true, filter = function(a) return a.isPreferred end }"
    editor.press(f"gg:lua vim.lsp.buf.code_action({chosen})<CR>")
    editor.wait_for("vim.bo.modified and vim.api.nvim_buf_get_lines(0, 0, 1, false)[1] == ''", "the import to go")


def test_the_server_is_restarted(editor: Neovim) -> None:
    first = editor.evaluate("vim.lsp.get_clients({ name = 'starling' })[1].id")
    editor.press(":Starling restart<CR>")
    another = f"vim.tbl_get(vim.lsp.get_clients({{ bufnr = 0, name = 'starling' }}), 1, 'id') or {first}"
    editor.wait_for(f"({another}) > {first}", "another server")
    editor.wait_for_index()


def test_reports_the_statusline_and_the_health_check_work(editor: Neovim) -> None:
    editor.wait_for("require('starling').statusline() == 'Starling: ready'", "the state")
    editor.press(":Starling review<CR>")
    lines = "vim.fn.getbufline('starling-answer://review', 1, '$')"
    editor.wait_for(f"#{lines} > 1", "the report")
    assert re.search(r"- Score: \d+", "\n".join(editor.evaluate(lines)))
    editor.press(":checkhealth starling<CR>")
    editor.wait_for("vim.bo.filetype == 'checkhealth' and vim.fn.search('server: ', 'n') > 0", "the report")
    assert "this Neovim has no ghost text of its own" in "\n".join(editor.read_lines())

"""Neovim 0.11, which has no ghost text of its own: what else the plugin does works there, too.

Suggestions are tested in both versions by `test_neovim.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim import VERSIONS, Neovim
from tests.editors.shop import SHOP
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return parse(SHOP).write(tmp_path / "shop")


@pytest.fixture
def editor(shop: Path, tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neovim]:
    """order.py is open, and what the reviewer found in it is known."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    home = tmp_path / "home"
    with Neovim.start(shop / "order.py", home, path=starling_on_path, named=VERSIONS["0.11"]) as running:
        running.wait_for_server()
        running.wait_for_index()
        running.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
        yield running


def test_a_change_is_asked_about_in_the_window_and_a_no_leaves_everything(editor: Neovim, shop: Path) -> None:
    before = editor.lines()
    editor.keys("gg:Starling fix<CR>")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    assert "-import os" in editor.lines()
    editor.keys("r")
    editor.wait_for("vim.fn.bufname() == 'order.py'", "the window to go")
    assert editor.lines() == before
    assert "import os" in (shop / "order.py").read_text(encoding="utf-8")


def test_a_change_is_made_after_a_yes(editor: Neovim) -> None:
    editor.keys("gg:Starling fix<CR>")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    editor.keys("a")
    editor.wait_for("vim.api.nvim_get_current_line() == '' and vim.bo.modified", "the import to go")


def test_a_quick_fix_is_made_from_the_menu_of_code_actions(editor: Neovim) -> None:
    chosen = "{ apply = true, filter = function(a) return a.isPreferred end }"
    editor.keys(f"gg:lua vim.lsp.buf.code_action({chosen})<CR>")
    editor.wait_for("vim.bo.modified and vim.api.nvim_buf_get_lines(0, 0, 1, false)[1] == ''", "the import to go")


def test_it_is_started_again(editor: Neovim) -> None:
    first = editor.lua("vim.lsp.get_clients({ name = 'starling' })[1].id")
    editor.keys(":Starling restart<CR>")
    another = f"vim.tbl_get(vim.lsp.get_clients({{ bufnr = 0, name = 'starling' }}), 1, 'id') or {first}"
    editor.wait_for(f"({another}) > {first}", "another server")
    editor.wait_for_index()


def test_reports_statusline_and_health(editor: Neovim) -> None:
    editor.wait_for("require('starling').statusline() == 'Starling: ready'", "the state")
    editor.keys(":Starling review<CR>")
    lines = "vim.fn.getbufline('starling-answer://review', 1, '$')"
    editor.wait_for(f"#{lines} > 1", "the report")
    assert re.search(r"- Score: \d+", "\n".join(editor.lua(lines)))
    editor.keys(":checkhealth starling<CR>")
    editor.wait_for("vim.bo.filetype == 'checkhealth' and vim.fn.search('server: ', 'n') > 0", "the report")
    assert "this Neovim has no ghost text of its own" in "\n".join(editor.lines())

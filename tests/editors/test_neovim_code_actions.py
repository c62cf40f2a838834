"""Code actions in a real Neovim: a quick fix that is applied at once, and a docstring after a question."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.neovim import Neovim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., Neovim]

# Records each question, and answers it with a key as soon as the window takes keys.
ANSWERING = """
vim.g.asked = {{}}
vim.api.nvim_create_autocmd('User', {{
  pattern = 'StarlingQuestion',
  callback = function(event)
    local asked = vim.g.asked
    table.insert(asked, event.data.title)
    vim.g.asked = asked
    vim.api.nvim_input('{answer}')
  end,
}})
"""
UNUSED = "import os\nimport sys\n\nprint(sys.path)\n"
READ = (
    'def read_lines(path, encoding="utf-8"):\n'
    "    with open(path, encoding=encoding) as file:\n"
    "        return file.read().splitlines()\n"
)


@pytest.fixture
def open_text(tmp_path: Path, starling_on_path: str) -> Iterator[Open]:
    """Yield a function that opens a text in Neovim, answers questions with a key, and waits for the index."""
    with ExitStack() as running:

        def start(text: str, *, answer: str) -> Neovim:
            file = tmp_path / "work" / "lines.py"
            file.parent.mkdir()
            file.with_name(".starling.toml").write_text("", encoding="utf-8")  # the root of the workspace
            file.write_text(text, encoding="utf-8")
            configuration = ANSWERING.format(answer=answer)
            editor = running.enter_context(
                Neovim.start(file, tmp_path / "home", configuration=configuration, path=starling_on_path)
            )
            editor.wait_for_server()
            editor.wait_for_index()
            return editor

        yield start


def choose(editor: Neovim, condition: str) -> None:
    """Run the only code action at the cursor for which the Lua expression `condition` over the action `a` is true."""
    keep = f"function(a) return {condition} end"
    editor.press(f":lua vim.lsp.buf.code_action({{ apply = true, filter = {keep} }})<CR>")


def read_audit_row(editor: Neovim) -> dict[str, Any]:
    """Wait for the first row of Starling's audit, and return it; there must be no other."""
    client = "vim.lsp.get_clients({ name = 'starling' })[1]"
    asked = "{ command = 'starling.audit', arguments = { vim.empty_dict() } }"
    rows = f"{client}:request_sync('workspace/executeCommand', {asked}, 5000, 0).result.rows"
    editor.wait_for(f"#{rows} > 0", "the record")
    (row,) = editor.evaluate(rows)
    return dict(row)


def test_a_quick_fix_is_applied_at_once_and_recorded(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    editor = open_text(UNUSED, answer="a")
    editor.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
    editor.press("gg")
    choose(editor, "a.isPreferred")
    editor.wait_for_lines(UNUSED.split("\n")[1:-1])
    editor.wait_for("#vim.g.asked == 0", "nobody to be asked")
    row = read_audit_row(editor)
    assert (row["proposer"], row["answer"], row["written"]) == ("reviewer", "approve", True)


def test_a_docstring_is_written_after_one_question(open_text: Open) -> None:
    editor = open_text(READ, answer="a")
    editor.press("gg")
    choose(editor, "a.title:find('docstring') ~= nil")
    editor.wait_for("vim.api.nvim_buf_line_count(0) == 4", "the docstring to be written")
    assert editor.read_lines()[1].startswith('    """')
    assert [editor.read_lines()[0], *editor.read_lines()[2:]] == READ.split("\n")[:-1]
    assert len(editor.evaluate("vim.g.asked")) == 1
    row = read_audit_row(editor)
    assert (row["proposer"], row["answer"], row["verdict"]) == ("generator", "approve", "applied")


def test_a_rejected_docstring_changes_no_byte_and_is_recorded(open_text: Open, tmp_path: Path) -> None:
    editor = open_text(READ, answer="r")
    editor.press("gg")
    choose(editor, "a.title:find('docstring') ~= nil")
    editor.wait_for("#vim.g.asked == 1", "the question")
    row = read_audit_row(editor)
    assert (row["answer"], row["verdict"], row["written"]) == ("reject", "rejected", False)
    assert editor.read_lines() == READ.split("\n")[:-1]
    assert (tmp_path / "work" / "lines.py").read_text(encoding="utf-8") == READ

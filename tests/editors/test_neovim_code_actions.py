"""Code actions in a real Neovim: a quick fix that it makes itself, and a docstring that it asks about first."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.editors.neovim import Neovim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., Neovim]

# Each question is kept, and answered by a key as soon as keys count.
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
    """Opens a text in Neovim, with a person before it who answers by this key, and waits until Starling serves it."""
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
    """Run the one code action at the cursor for which the Lua expression over `a` holds."""
    filtering = f"function(a) return {condition} end"
    editor.keys(f":lua vim.lsp.buf.code_action({{ apply = true, filter = {filtering} }})<CR>")


def audited(editor: Neovim) -> dict[str, Any]:
    """The one row that Starling has recorded, once it has."""
    client = "vim.lsp.get_clients({ name = 'starling' })[1]"
    asked = "{ command = 'starling.audit', arguments = { vim.empty_dict() } }"
    rows = f"{client}:request_sync('workspace/executeCommand', {asked}, 5000, 0).result.rows"
    editor.wait_for(f"#{rows} > 0", "the record")
    (row,) = editor.lua(rows)
    return dict(row)


def test_a_quick_fix_is_made_at_once_and_recorded(open_text: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    editor = open_text(UNUSED, answer="a")
    editor.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
    editor.keys("gg")
    choose(editor, "a.isPreferred")
    editor.wait_for_lines(UNUSED.split("\n")[1:-1])
    editor.wait_for("#vim.g.asked == 0", "nobody to be asked")
    row = audited(editor)
    assert (row["proposer"], row["answer"], row["written"]) == ("reviewer", "approve", True)


def test_a_docstring_is_asked_about_once_and_written_after_a_yes(open_text: Open) -> None:
    editor = open_text(READ, answer="a")
    editor.keys("gg")
    choose(editor, "a.title:find('docstring') ~= nil")
    editor.wait_for("vim.api.nvim_buf_line_count(0) == 4", "the docstring to be written")
    assert editor.lines()[1].startswith('    """')
    assert [editor.lines()[0], *editor.lines()[2:]] == READ.split("\n")[:-1]
    assert len(editor.lua("vim.g.asked")) == 1
    row = audited(editor)
    assert (row["proposer"], row["answer"], row["verdict"]) == ("generator", "approve", "applied")


def test_after_a_no_every_byte_is_as_it_was_and_the_agent_knows(open_text: Open, tmp_path: Path) -> None:
    editor = open_text(READ, answer="r")
    editor.keys("gg")
    choose(editor, "a.title:find('docstring') ~= nil")
    editor.wait_for("#vim.g.asked == 1", "the question")
    row = audited(editor)
    assert (row["answer"], row["verdict"], row["written"]) == ("reject", "rejected", False)
    assert editor.lines() == READ.split("\n")[:-1]
    assert (tmp_path / "work" / "lines.py").read_text(encoding="utf-8") == READ

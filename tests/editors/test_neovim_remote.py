"""A server with accounts on another machine, in the real Neovim: a login by keys, folders of other names, a logout."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.editors.neovim import Neovim, build_command
from tests.editors.remote import run_remote_server
from tests.wire.remote_servers import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

TEXT = "import colorsys\n\nprint(1)\n"
SAID = """
vim.g.said = {}
vim.notify = function(message)
  local said = vim.g.said
  table.insert(said, message)
  vim.g.said = said
end
"""


def wait_for_message(editor: Neovim, text: str) -> None:
    """Wait until a message to the person has `text` in it."""
    editor.wait_for(f"vim.iter(vim.g.said):any(function(one) return one:find('{text}', 1, true) end)", repr(text))


def test_a_person_logs_in_by_keys_and_is_connected(
    tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "work"
    here.mkdir()
    (here / ".starling.toml").touch()
    (here / "lines.py").write_text(TEXT, encoding="utf-8")
    with run_remote_server(tmp_path / "machine", monkeypatch) as servers:
        there = servers.folder / "shared" / "team"
        there.mkdir()
        given = {
            "url": f"wss://localhost:{servers.port}", "login": servers.logins, "certificates": str(servers.certificate),
            "folders": {str(here): str(there)},
        }  # fmt: skip
        named = f"vim.g.starling = {{ server = vim.json.decode([[{json.dumps(given)}]]) }}\n"
        configuration = SAID + named
        home = tmp_path / "home"
        with Neovim.start(here / "lines.py", home, configuration=configuration, path=starling_on_path) as editor:
            wait_for_message(editor, "there is no connection to wss://localhost")
            editor.press(":checkhealth starling<CR>")
            editor.wait_for("vim.bo.filetype == 'checkhealth'", "the report")
            assert "ERROR You are not logged in" in "\n".join(editor.read_lines())
            editor.press(":bwipeout<CR>")

            editor.press(":Starling login<CR>")
            editor.wait_for("vim.api.nvim_get_mode().mode == 'c'", "the question for the name")
            editor.press("ada<CR>")
            editor.wait_for("vim.fn.getcmdprompt():find('Password') ~= nil", "the question for the password")
            editor.type(PASSWORD)
            assert PASSWORD not in str(editor.evaluate("vim.fn.execute('messages')"))
            editor.press("<CR>")
            wait_for_message(editor, "ada is logged in")
            editor.wait_for_server()
            editor.wait_for("#vim.diagnostic.get(0) > 0", "the unused import to be found")
            assert editor.evaluate(build_command("starling.status"))["roots"] == [str(here)]
            editor.press(":checkhealth starling<CR>")
            editor.wait_for("vim.fn.search('You are logged in at', 'n') > 0", "the report")
            editor.press(":bwipeout<CR>:Starling logout<CR>")
            wait_for_message(editor, "You are logged out")
            editor.wait_for("#vim.lsp.get_clients({ name = 'starling' }) == 0", "the connection to end")
            texts = [one.read_text(errors="replace") for one in home.rglob("*.log")]
            assert not any(PASSWORD in one for one in texts)

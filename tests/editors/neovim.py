"""A real Neovim, driven as a person drives it: keys go in, and what stands on the screen and in the buffer comes out.

Neovim runs headless behind a socket; its own `--server` options talk to it, so nothing but Neovim is needed. Its
configuration is what `editors/neovim/README.md` tells people to write. Start at `Neovim.start`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
RUNTIME = REPOSITORY / "editors" / "neovim"

WAIT_S = 60.0  # for something that must happen; nothing is asserted about how fast
POLL_S = 0.05
VERSIONS = {"0.12": "NEOVIM", "0.11": "NEOVIM_0_11"}  # and the variables that name them
PAUSE_S = 5.0  # a person's, to see whether something comes

GHOST = """
(function()
  local spaces, marks, lines = vim.api.nvim_get_namespaces(), {}, {}
  for _, name in ipairs({ 'nvim.lsp.inline_completion', 'starling.ghost' }) do
    if spaces[name] then
      vim.list_extend(marks, vim.api.nvim_buf_get_extmarks(0, spaces[name], 0, -1, { details = true }))
    end
  end
  for _, mark in ipairs(marks) do
    local function add(chunks)
      local text = ''
      for _, chunk in ipairs(chunks) do text = text .. chunk[1] end
      table.insert(lines, text)
    end
    add(mark[4].virt_text or {})
    for _, chunks in ipairs(mark[4].virt_lines or {}) do add(chunks) end
  end
  return { shown = #marks, text = table.concat(lines, '\\n') }
end)()
"""


class NeovimError(Exception):
    """Neovim did not do what it was told, or not in time."""


def readme_configuration() -> str:
    """The configuration that the README asks for, with the path filled in."""
    text = (RUNTIME / "README.md").read_text(encoding="utf-8")
    block = re.findall(r"^```lua\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    return str(block).replace("/path/to/starling/editors/neovim", str(RUNTIME))


@dataclass(frozen=True)
class Neovim:
    """A running Neovim.

    Attributes:
        program: the executable.
        socket: where it listens.
        log: its LSP log, for a failing test's message.
        environment: what it and those that talk to it run in.
    """

    program: str
    socket: Path
    log: Path
    environment: Mapping[str, str]

    @staticmethod
    @contextmanager
    def start(
        file: Path, home: Path, *, configuration: str = "", path: str = "", named: str = "NEOVIM"
    ) -> Iterator[Neovim]:
        """Open `file` in a fresh Neovim, as configured by the README, and end it afterwards.

        Args:
            file: what to edit; its folder is the working directory.
            home: an empty folder for everything Neovim and Starling keep.
            configuration: Lua that comes after the README's.
            path: folder to put first on PATH, where `starling` is.
            named: the environment variable that names the program, one of `VERSIONS`.
        """
        program = os.environ.get(named)
        if not program:
            raise NeovimError(f"no Neovim: `make test-neovim` installs it, or name one in {named}")
        home.mkdir(parents=True, exist_ok=True)
        init = home / "init.lua"
        init.write_text(readme_configuration() + configuration, encoding="utf-8")
        environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "STARLING_HOME": str(home / "starling"),
            "NVIM_LOG_FILE": str(home / "log"),
        }
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            environment[f"XDG_{name}_HOME"] = str(home / name.lower())
        environment["PATH"] = os.pathsep.join(filter(None, (path, environment.get("PATH", ""))))
        socket = home / "socket"
        command = [program, "--headless", "-n", "-i", "NONE", "-u", str(init), "--listen", str(socket), str(file)]
        process = subprocess.Popen(
            command,
            cwd=file.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        editor = Neovim(program, socket, home / "state" / "nvim" / "lsp.log", environment)
        try:
            editor.wait_for("1 == 1", "Neovim to listen")
            yield editor
            with suppress(NeovimError):  # 0.11 ends before it has answered
                editor.keys("<C-\\><C-n>:qa!<CR>")
            process.wait(timeout=WAIT_S)
        finally:
            process.kill()
            process.wait()

    def keys(self, keys: str) -> None:
        """Type, in Neovim's notation: `<Esc>`, `<Tab>`, `<lt>` for a less-than sign."""
        self._talk("--remote-send", keys)

    def type(self, text: str) -> None:
        """Type `text` one character after the other, as it stands."""
        for character in text:
            self.keys({"<": "<lt>", "\n": "<CR>"}.get(character, character))

    def lua(self, expression: str) -> Any:
        """Value of a Lua expression in Neovim."""
        quoted = expression.replace("'", "''").replace("\n", " ")
        return json.loads(self._talk("--remote-expr", f"luaeval('vim.json.encode({{ value = {quoted} }})')"))["value"]

    def wait_for(self, condition: str, what: str) -> None:
        """Wait until a Lua expression is true.

        Raises:
            NeovimError: it did not become true; the message holds the end of the LSP log.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                if self.lua(condition):
                    return
            except NeovimError:
                pass  # it does not listen yet; if it never does, the deadline says so
            time.sleep(POLL_S)
        state = self.lua("{ vim.api.nvim_buf_get_lines(0, 0, -1, false), vim.api.nvim_get_mode().mode, vim.v.errmsg }")
        log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
        raise NeovimError(f"waited {WAIT_S:g} s in vain for {what}\n{state}\n{log}")

    def wait_for_server(self) -> None:
        """Wait until Starling serves the buffer and its inline completions are on."""
        self.wait_for(
            "vim.tbl_get(vim.lsp.get_clients({ bufnr = 0, name = 'starling' }), 1, 'server_capabilities', "
            "'inlineCompletionProvider') ~= nil",
            "Starling to attach",
        )

    def wait_for_index(self) -> None:
        """Wait until Starling has read the workspace."""
        self.wait_for(f"vim.tbl_get({_command('starling.status')}, 'index', 'state') == 'ready'", "the index")

    def statistics(self) -> dict[str, Any]:
        """What Starling has counted of completions."""
        return dict(self.lua(_command("starling.stats"))["completion"])

    def wait_for_suggestion(self, text: str) -> None:
        """Wait until exactly this is on the screen; "" for nothing."""
        self.wait_for(f"{GHOST}.text == {_lua(text)}", f"the suggestion {text!r}")

    def wait_for_line(self, number: int, text: str) -> None:
        """Wait until a line of the buffer, from 1, is this."""
        line = f"vim.api.nvim_buf_get_lines(0, {number - 1}, {number}, false)[1]"
        self.wait_for(f"{line} == {_lua(text)}", f"line {number} to be {text!r}")

    def wait_for_lines(self, lines: list[str]) -> None:
        """Wait until the buffer is this."""
        whole = "table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
        self.wait_for(f"{whole} == {_lua(chr(10).join(lines))}", f"the buffer to be {lines!r}")

    def suggestion(self) -> str:
        """Wait for a suggestion and return the text on the screen, several lines with newlines between."""
        self.wait_for(f"{GHOST}.text ~= ''", "a suggestion")
        return str(self.lua(f"{GHOST}.text"))

    def suggestion_if_any(self) -> str:
        """What is on the screen once Starling has answered for this place; "" for nothing."""
        asked = self.statistics()["requests"]
        deadline = time.monotonic() + PAUSE_S
        while time.monotonic() < deadline and self.statistics()["requests"] == asked:
            time.sleep(POLL_S)
        return str(self.lua(f"{GHOST}.text"))

    def lines(self) -> list[str]:
        """The buffer's lines."""
        return list(self.lua("vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def cursor(self) -> tuple[int, int]:
        """Line (from 1) and byte column (from 0) of the cursor."""
        line, column = self.lua("vim.api.nvim_win_get_cursor(0)")
        return line, column

    def _talk(self, *arguments: str) -> str:
        command = [self.program, "--headless", "--server", str(self.socket), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        if done.returncode != 0:
            raise NeovimError(f"{arguments}: {done.stderr.strip()}")
        return done.stdout


def _lua(text: str) -> str:
    """A Lua string literal."""
    return json.dumps(text, ensure_ascii=False)


def _command(name: str) -> str:
    """A Lua expression for the result of one of Starling's commands."""
    client = "vim.lsp.get_clients({ name = 'starling' })[1]"
    asked = f"{client}:request_sync('workspace/executeCommand', {{ command = '{name}', arguments = {{}} }}, 5000, 0)"
    return f"(({asked} or {{}}).result or {{}})"

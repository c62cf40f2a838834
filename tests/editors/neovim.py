"""Driver of a real Neovim: sends keys, and reads the screen and the buffer.

Neovim runs headless behind a socket and is reached with its own `--server` options, so nothing else is needed. Its
configuration is the one from `editors/neovim/README.md`. Start at `Neovim.start`.
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

WAIT_S = 60.0  # for something that has to happen; the tests do not check how fast
POLL_S = 0.05
VERSIONS = {"0.12": "NEOVIM", "0.11": "NEOVIM_0_11"}  # the variables that name the programs
PAUSE_S = 5.0  # longest wait for an answer that may not come

# The number of marks of ghost text in the buffer, and their text.
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


# The texts of the next edit in the buffer, line by line from the top: what comes, and the hint; `~` before what goes.
NEXT_EDIT = """
(function()
  local space, lines = vim.api.nvim_get_namespaces()['starling.next_edit'], {}
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })) do
    local details = mark[4]
    local function add(chunks) table.insert(lines, vim.trim(chunks[1][1])) end
    if details.hl_group == 'StarlingStruck' then
      local text = vim.api.nvim_buf_get_text(0, mark[2], mark[3], details.end_row, details.end_col, {})
      table.insert(lines, '~' .. table.concat(text, '/'))
    end
    if details.virt_text then add(details.virt_text) end
    for _, chunks in ipairs(details.virt_lines or {}) do add(chunks) end
  end
  return lines
end)()
"""


class NeovimError(Exception):
    """Neovim did not do what a test asked for, or not in time."""


def read_readme_configuration() -> str:
    """Return the configuration from the README, with the path filled in."""
    text = (RUNTIME / "README.md").read_text(encoding="utf-8")
    block = re.findall(r"^```lua\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[0]
    return str(block).replace("/path/to/starling/editors/neovim", str(RUNTIME))


@dataclass(frozen=True)
class Neovim:
    """A running Neovim.

    Attributes:
        program: the executable.
        socket: the socket on which it listens.
        log: its LSP log, shown by a failing test.
        environment: the environment of Neovim and of the programs that reach it.
    """

    program: str
    socket: Path
    log: Path
    environment: Mapping[str, str]

    @staticmethod
    @contextmanager
    def start(
        file: Path, home: Path, *, configuration: str = "", path: str = "", variable: str = "NEOVIM"
    ) -> Iterator[Neovim]:
        """Open `file` in a fresh Neovim with the README's configuration, and end Neovim afterwards.

        Args:
            file: the file to edit; its folder is the working directory.
            home: an empty folder for all files that Neovim and Starling store.
            configuration: Lua that is run after the README's.
            path: the folder of `starling`, put first on PATH.
            variable: the environment variable that names the program, one of the values of `VERSIONS`.
        """
        program = os.environ.get(variable)
        if not program:
            raise NeovimError(f"no Neovim: `make test-neovim` installs it, or name one in {variable}")
        home.mkdir(parents=True, exist_ok=True)
        init = home / "init.lua"
        init.write_text(read_readme_configuration() + configuration, encoding="utf-8")
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
            with suppress(NeovimError):  # 0.11 ends before it answers
                editor.press("<C-\\><C-n>:qa!<CR>")
            process.wait(timeout=WAIT_S)
        finally:
            process.kill()
            process.wait()

    def press(self, keys: str) -> None:
        """Press keys, in Neovim's notation: `<Esc>`, `<Tab>`, `<lt>` for a less-than sign."""
        self._run_client("--remote-send", keys)

    def type(self, text: str) -> None:
        """Type `text` literally, one character after the other."""
        for character in text:
            self.press({"<": "<lt>", "\n": "<CR>"}.get(character, character))

    def evaluate(self, expression: str) -> Any:
        """Return the value of a Lua expression in Neovim."""
        quoted = expression.replace("'", "''").replace("\n", " ")
        answer = self._run_client("--remote-expr", f"luaeval('vim.json.encode({{ value = {quoted} }})')")
        return json.loads(answer)["value"]

    def wait_for(self, condition: str, description: str) -> None:
        """Wait until the Lua expression `condition` is true.

        Raises:
            NeovimError: it did not become true; the message has `description`, the buffer and the end of the LSP log.
        """
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            try:
                if self.evaluate(condition):
                    return
            except NeovimError:
                pass  # it does not listen yet
            time.sleep(POLL_S)
        lines = "vim.api.nvim_buf_get_lines(0, 0, -1, false)"
        state = self.evaluate(f"{{ {lines}, vim.api.nvim_get_mode().mode, vim.v.errmsg }}")
        log = self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""
        raise NeovimError(f"waited {WAIT_S:g} s in vain for {description}\n{state}\n{log}")

    def wait_for_server(self) -> None:
        """Wait until Starling serves the buffer and its inline completions are on."""
        self.wait_for(
            "vim.tbl_get(vim.lsp.get_clients({ bufnr = 0, name = 'starling' }), 1, 'server_capabilities', "
            "'inlineCompletionProvider') ~= nil",
            "Starling to attach",
        )

    def wait_for_index(self) -> None:
        """Wait until Starling has read the workspace."""
        self.wait_for(f"vim.tbl_get({build_command('starling.status')}, 'index', 'state') == 'ready'", "the index")

    def read_statistics(self) -> dict[str, Any]:
        """Return the counts of completions of `starling.stats`."""
        return dict(self.evaluate(build_command("starling.stats"))["completion"])

    def wait_for_suggestion(self, text: str) -> None:
        """Wait until the suggestion on the screen is `text`; "" for none."""
        self.wait_for(f"{GHOST}.text == {_quote(text)}", f"the suggestion {text!r}")

    def wait_for_line(self, number: int, text: str) -> None:
        """Wait until a line of the buffer is `text`; lines count from 1."""
        line = f"vim.api.nvim_buf_get_lines(0, {number - 1}, {number}, false)[1]"
        self.wait_for(f"{line} == {_quote(text)}", f"line {number} to be {text!r}")

    def wait_for_lines(self, lines: list[str]) -> None:
        """Wait until the buffer has exactly `lines`."""
        whole = "table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
        self.wait_for(f"{whole} == {_quote(chr(10).join(lines))}", f"the buffer to be {lines!r}")

    def wait_for_next_edit(self, *texts: str) -> None:
        """Wait until the next edit on the screen has `texts`, as in `NEXT_EDIT`, in any order; none for no edit."""
        wanted = _quote(chr(10).join(sorted(texts)))
        sorted_texts = f"(function(l) table.sort(l) return table.concat(l, '\\n') end)({NEXT_EDIT})"
        self.wait_for(f"{sorted_texts} == {wanted}", f"the next edit {texts}")

    def wait_for_any_suggestion(self) -> str:
        """Wait for a suggestion and return its text on the screen, with newlines between its lines."""
        self.wait_for(f"{GHOST}.text ~= ''", "a suggestion")
        return str(self.evaluate(f"{GHOST}.text"))

    def read_suggestion_after_answer(self) -> str:
        """Return the suggestion on the screen after Starling's next answer, or after `PAUSE_S`; "" for none."""
        asked = self.read_statistics()["requests"]
        deadline = time.monotonic() + PAUSE_S
        while time.monotonic() < deadline and self.read_statistics()["requests"] == asked:
            time.sleep(POLL_S)
        return str(self.evaluate(f"{GHOST}.text"))

    def read_lines(self) -> list[str]:
        """Return the lines of the buffer."""
        return list(self.evaluate("vim.api.nvim_buf_get_lines(0, 0, -1, false)"))

    def read_cursor(self) -> tuple[int, int]:
        """Return the line (from 1) and the byte column (from 0) of the cursor."""
        line, column = self.evaluate("vim.api.nvim_win_get_cursor(0)")
        return line, column

    def _run_client(self, *arguments: str) -> str:
        """Run a second Neovim that sends a request to this one, and return its output."""
        command = [self.program, "--headless", "--server", str(self.socket), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=WAIT_S
        )
        if done.returncode != 0:
            raise NeovimError(f"{arguments}: {done.stderr.strip()}")
        return done.stdout


def _quote(text: str) -> str:
    """Return `text` as a Lua string literal."""
    return json.dumps(text, ensure_ascii=False)


def build_command(name: str) -> str:
    """Return a Lua expression for the result of a command of Starling; its value is {} without a result."""
    client = "vim.lsp.get_clients({ name = 'starling' })[1]"
    asked = f"{client}:request_sync('workspace/executeCommand', {{ command = '{name}', arguments = {{}} }}, 5000, 0)"
    return f"(({asked} or {{}}).result or {{}})"

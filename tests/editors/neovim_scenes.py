"""Plays a scene in the chat of Neovim, by keys. Start at `play`."""

from __future__ import annotations

import json
import re
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.editors.neovim import Neovim
from tests.scenes.scene import Answer, PlanDecision, find_first_missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.scenes.scene import Decision, Scene, Turn

    Watch = Callable[[Neovim], AbstractContextManager[object]]

OUTPUT = "(function() for _, w in ipairs(vim.api.nvim_list_wins()) do local b = vim.api.nvim_win_get_buf(w) "
OUTPUT += (
    "if vim.startswith(vim.api.nvim_buf_get_name(b), 'starling-chat://') then return { w = w, b = b } end end end)()"
)
SHOWN = f"table.concat(vim.api.nvim_buf_get_lines({OUTPUT}.b, 0, -1, false), '\\n')"
BAR = f"vim.wo[{OUTPUT}.w].winbar"
QUESTION = "vim.api.nvim_win_get_config(0)"


def play(
    scene: Scene, folder: Path, programs: str, *, configuration: str = "", watch: Watch = nullcontext, read_s: float = 0
) -> None:
    """Play `scene` in a new workspace below `folder`.

    Args:
        scene: the scene.
        folder: an empty folder.
        programs: the folder of `starling`.
        configuration: Lua that is run after the README's.
        watch: returns a context manager in which the scene is played, for a running editor.
        read_s: seconds that the person takes to read a question.

    Raises:
        AssertionError: something was not shown or written as the scene says.
        NeovimError: something was not shown in time.
    """
    workspace = scene.write_workspace(folder / scene.name)
    (workspace / ".starling.toml").write_text("", encoding="utf-8")  # the root of the workspace
    file = _choose_file(scene, workspace)
    with ScriptedServer(scene.script) as server:
        variables = {
            "STARLING_MODEL__ENABLED": "false",
            "STARLING_CHAT__URL": f"{server.url}/v1",
            "STARLING_CHAT__MODEL": "scripted",
        }
        settings = configuration + "".join(
            f"vim.env.{name} = {json.dumps(value)}\n" for name, value in variables.items()
        )
        with Neovim.start(file, folder / "home", configuration=settings, path=programs) as editor, watch(editor):
            editor.wait_for_server()
            editor.press(":StarlingChat<CR>")
            editor.wait_for(f"{OUTPUT} ~= nil", "the chat")
            acts = False
            for turn in scene.turns:
                if turn.acts != acts:
                    editor.press("<Esc>gm")
                    editor.wait_for(f"{BAR}:find('{'act' if turn.acts else 'plan'} ') ~= nil", "the mode")
                acts = turn.acts
                _play_turn(turn, editor, read_s)
                time.sleep(read_s)
    assert scene.find_missing(workspace) == []


def _choose_file(scene: Scene, workspace: Path) -> Path:
    """Return the file that the person has open: the first one that agents will change, else the largest module."""
    changed = (workspace / name for name in scene.written if name.endswith(".py"))
    largest = max(workspace.rglob("*.py"), key=lambda path: path.stat().st_size)
    return next((path for path in changed if path.exists()), largest)


def _play_turn(turn: Turn, editor: Neovim, read_s: float) -> None:
    """Send a request, answer the questions, wait for the end, and check what was shown."""
    begun = len(str(editor.evaluate(SHOWN)))
    editor.press("i")
    editor.type(turn.request)
    editor.press("<CR>")
    for decision in turn.decisions:
        if isinstance(decision, PlanDecision):
            _start_plan(decision, editor, read_s)
        else:
            _answer(decision, editor, read_s)
    last = json.dumps(turn.shown[-1])
    editor.wait_for(f"{SHOWN}:find({last}, {begun + 1}, true) ~= nil and not {BAR}:find('working')", "the answer")
    shown = str(editor.evaluate(SHOWN))[begun:]
    assert find_first_missing(turn.shown, shown) == "", shown
    assert find_first_missing(turn.results, shown) == "", shown
    agents = re.findall(r"^## (\w+)$", shown, re.MULTILINE)
    assert [one for one in turn.agents if one not in agents] == []


def _answer(decision: Decision, editor: Neovim, read_s: float) -> None:
    """Wait for the question, and press the key that its window names for the answer."""
    title = f"({QUESTION}.title or {{{{''}}}})[1][1]"
    about = json.dumps(decision.about)
    editor.wait_for(f"vim.b.starling_ready == true and {title}:find({about}, 1, true) ~= nil", decision.about)
    footer = "".join(part[0] for part in editor.evaluate(f"{QUESTION}.footer"))
    keys = re.findall(r" (\S) (\S.*?) (?= |$)", footer)
    chosen = {
        Answer.YES: keys[0],
        Answer.YES_FOR_ALL: next((one for one in keys if "rest of this task" in one[1]), keys[0]),
        Answer.NO: keys[-1],
    }
    time.sleep(read_s)
    editor.press(chosen[decision.answer][0])


def _start_plan(decision: PlanDecision, editor: Neovim, read_s: float) -> None:
    """Wait for the plan, delete a line, and start it."""
    about = json.dumps(decision.about)
    editor.wait_for(
        f"vim.b.starling_ready == true and ({QUESTION}.title or {{{{''}}}})[1][1]:find({about}, 1, true) ~= nil",
        decision.about,
    )
    time.sleep(read_s)
    editor.press(f"{decision.dropped}Gdd")
    time.sleep(read_s)
    editor.press("<CR>")

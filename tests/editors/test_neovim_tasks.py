"""`:Starling tasks`, `questions` and `memory` in the real Neovim, with real workers: keys are pressed, buffers read."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.neovim import Neovim
from tests.editors.workers import COMMAND, SCRIPT, TEXT, WAIT_S, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAYING = """
vim.g.said = {}
vim.notify = function(message)
  local said = vim.g.said
  table.insert(said, message)
  vim.g.said = said
end
"""
SHOWN = "table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\\n')"
SAID = "table.concat(vim.g.said, '\\n')"


@pytest.fixture
def workers(tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Yield a repository and its workers, whose chat model is scripted."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield Workers.create(tmp_path / "work", starling_on_path, tmp_path / "home" / "starling")


@pytest.fixture
def editor(workers: Workers, tmp_path: Path, starling_on_path: str) -> Iterator[Neovim]:
    """Yield Neovim with a file of the repository."""
    with ExitStack() as running:
        opened = running.enter_context(
            Neovim.start(workers.root / "area.py", tmp_path / "home", configuration=SAYING, path=starling_on_path)
        )
        opened.wait_for_server()
        yield opened


def open_list(editor: Neovim, name: str, text: str) -> None:
    """Open a list and wait until it shows `text`."""
    editor.press(f":Starling {name}<CR>")
    wait_for_text(editor, text)


def wait_for_text(editor: Neovim, text: str) -> None:
    """Wait until the current buffer shows `text`."""
    editor.wait_for(f"{SHOWN}:find({json.dumps(text)}, 1, true) ~= nil", f"the text {text!r}")


def wait_for_question(editor: Neovim) -> None:
    """Wait until a question of the server may be answered."""
    editor.wait_for("vim.b.starling_ready == true", "the question")


def test_what_a_headless_worker_asks_is_answered_by_keys_and_it_goes_on(editor: Neovim, workers: Workers) -> None:
    task = workers.run("tasks", "add", "run it", "--role", "debug")
    with workers.start("--ask") as worker:
        editor.wait_for(f"{SAID}:find('a worker asks', 1, true) ~= nil", "the message about the question")
        open_list(editor, "questions", COMMAND)
        editor.press("a")
        wait_for_question(editor)
        assert COMMAND in editor.evaluate(SHOWN)
        editor.press("u")  # Run
        editor.wait_for(f"{SAID}:find('the worker goes on', 1, true) ~= nil", "the answer")
        worker.communicate(timeout=WAIT_S)
    done = workers.read_task(task)
    assert (done["status"], done["result"]) == ("done", "The worker went on.")
    wait_for_text(editor, "None.")


def test_what_an_agent_of_a_headless_worker_asks_is_answered_in_words(editor: Neovim, workers: Workers) -> None:
    task = workers.run("tasks", "add", "choose a colour", "--role", "coder")
    with workers.start("--ask") as worker:
        editor.wait_for(f"{SAID}:find('a worker asks: Which colour?', 1, true) ~= nil", "the message")
        open_list(editor, "questions", "Which colour?")
        assert "| coder |" in editor.evaluate(SHOWN)
        editor.evaluate(
            "(function() vim.ui.input = function(o, done) vim.g.prompt = o.prompt; done('dark blue') end "
            "return true end)()"
        )
        editor.press("a")
        editor.wait_for(f"{SAID}:find('the worker has your answer', 1, true) ~= nil", "the answer")
        assert editor.evaluate("vim.g.prompt") == "Which colour? "
        worker.communicate(timeout=WAIT_S)
    done = workers.read_task(task)
    assert (done["status"], done["result"]) == ("done", "The worker took it.")
    wait_for_text(editor, "None.")


def test_a_task_is_added_followed_and_merged_by_keys(editor: Neovim, workers: Workers) -> None:
    open_list(editor, "tasks", "None.")
    editor.press("amake it more exact<CR>")
    editor.press("coder<CR>")
    editor.press("2<CR>")  # high
    editor.press("2h<CR>")
    wait_for_text(editor, "make it more exact")
    assert "| queued | high |" in editor.evaluate(SHOWN)
    editor.press("p")
    wait_for_text(editor, "| paused | high |")
    editor.press("r")
    wait_for_text(editor, "| queued | high |")
    with workers.start() as worker:
        wait_for_text(editor, "| done | high |")  # the server tells of the change
        worker.communicate(timeout=WAIT_S)
    editor.press("R")
    wait_for_text(editor, "starling/")
    editor.press("m")
    wait_for_question(editor)
    editor.press("a")
    editor.wait_for(f"{SAID}:find('applied', 1, true) ~= nil", "the merge")
    changed = TEXT.replace("3.14", "3.1415926").splitlines()
    assert editor.evaluate("vim.fn.getbufline('area.py', 1, '$')") == changed
    editor.press("<CR>")
    editor.wait_for("vim.fn.bufnr('starling-answer://task-') ~= -1", "the task")


def test_a_branch_is_deleted_only_after_a_yes(editor: Neovim, workers: Workers) -> None:
    workers.run("tasks", "add", "make it more exact", "--role", "coder")
    with workers.start() as worker:
        worker.communicate(timeout=WAIT_S)
    open_list(editor, "tasks", "starling/")
    editor.press("dd")
    editor.press("1<CR>")  # No
    editor.press("R")
    wait_for_text(editor, "starling/")
    editor.press("dd")
    editor.press("2<CR>")
    editor.wait_for(f"{SHOWN}:find('starling/', 1, true) == nil", "the branch to be gone")


def test_a_memory_is_edited_exported_and_deleted_by_keys(editor: Neovim, workers: Workers) -> None:
    workers.run("memory", "add", "style", "use", "tabs")
    open_list(editor, "memory", "use tabs")
    editor.press("<CR>")
    wait_for_text(editor, "use tabs")
    editor.press("cc")
    editor.type("use spaces")
    editor.press("<Esc>:w<CR>")
    editor.wait_for(f"{SAID}:find('agents remember style', 1, true) ~= nil", "it to be stored")
    editor.press(":q<CR>")
    wait_for_text(editor, "| person | use spaces |")
    assert "use spaces" in workers.run("memory", "export")
    editor.press("dd")
    editor.press("2<CR>")
    wait_for_text(editor, "None.")
    assert "use spaces" not in workers.run("memory", "export")

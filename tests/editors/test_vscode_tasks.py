"""The views of tasks and memory in the real VS Code, with real workers: things are clicked, and the screen is read."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.vscode import WorkbenchError
from tests.editors.workers import ASKED, COMMAND, SCRIPT, TEXT, WAIT_S, Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.editors.vscode import Workbench

    Open = Callable[..., Workbench]

ROW = ".pane .monaco-list-row"
BADGE = ".activitybar .action-item .badge-content"
MENU = ".monaco-menu .action-item"
TOAST = ".notifications-toasts .monaco-button"


@pytest.fixture
def workers(tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Yield a repository and its workers, whose chat model is scripted."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ScriptedServer(SCRIPT) as server:
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")
        yield Workers.create(tmp_path / "work", starling_on_path, tmp_path / "home" / "starling")


def show_tasks(workbench: Workbench) -> None:
    """Show the view of tasks, with the focus on it."""
    workbench.run_command("Starling: Focus on Tasks View")


def choose(workbench: Workbench, action: str, row: str) -> None:
    """Choose an action of the context menu of a row."""
    workbench.send("click", selector=ROW, text=row, button="right", timeout=WAIT_S * 1000)
    workbench.wait_for(MENU, action)

    def choose_from_menu() -> bool:
        workbench.send("move", x=5, y=5)  # VS Code ignores clicks until the mouse has moved
        workbench.click(MENU, action)
        with suppress(WorkbenchError):
            workbench.send("wait", selector=MENU, state="hidden", timeout=3000)
            return True
        return False

    workbench.wait_until(f"the action {action!r}", choose_from_menu)


def test_what_a_headless_worker_asks_is_answered_by_clicks_and_it_goes_on(workers: Workers, open_folder: Open) -> None:
    task = workers.run("tasks", "add", "run it", "--role", "debug")
    workbench = open_folder(workers.root)
    show_tasks(workbench)
    workbench.wait_for(ROW, "run it")
    with workers.start("--ask") as worker:
        workbench.wait_for(ROW, "debug asks")
        workbench.wait_for(BADGE, "1")
        assert any("a worker asks" in text for text in workbench.read_notifications())
        workbench.take_picture("tasks.png")
        workbench.click(ROW, "debug asks")
        workbench.wait_until("the question", lambda: any(COMMAND in text for text in workbench.read_notifications()))
        workbench.click(TOAST, "Run")
        worker.communicate(timeout=WAIT_S)
    done = workers.read_task(task)
    assert (done["status"], done["result"]) == ("done", "The worker went on.")
    workbench.wait_until_gone(ROW, "debug asks")
    workbench.wait_until_gone(BADGE)
    workbench.wait_for(ROW, "done, medium")


def test_what_an_agent_of_a_headless_worker_wants_to_know_is_typed_and_it_goes_on(
    workers: Workers, open_folder: Open
) -> None:
    task = workers.run("tasks", "add", "choose a colour", "--role", "coder")
    workbench = open_folder(workers.root)
    show_tasks(workbench)
    workbench.wait_for(ROW, "choose a colour")
    with workers.start("--ask") as worker:
        workbench.wait_for(ROW, "coder asks")
        workbench.wait_for(BADGE, "1")
        workbench.click(ROW, "coder asks")
        workbench.wait_for(".quick-input-widget .quick-input-message", ASKED["question"])
        workbench.type("dark blue")
        workbench.press("Enter")
        worker.communicate(timeout=WAIT_S)
    done = workers.read_task(task)
    assert (done["status"], done["result"]) == ("done", "The worker took it.")
    workbench.wait_until_gone(ROW, "coder asks")
    workbench.wait_until_gone(BADGE)


def test_a_task_is_added_and_its_branch_merged_by_keys_and_clicks(workers: Workers, open_folder: Open) -> None:
    workbench = open_folder(workers.root)
    workbench.open_file("area.py")
    workbench.run_command("Starling: Add a Task for the Team")
    for given, answer in (("title", "make it more exact"), ("kind", ""), ("role", "coder"), ("priority", "high")):
        workbench.wait_for(".quick-input-widget .quick-input-titlebar", TITLES[given])
        workbench.type(answer)
        if answer and given != "title":
            workbench.wait_for(".quick-input-list .monaco-list-row.focused", answer)
        workbench.press("Enter")
    workbench.wait_for(".quick-input-widget .quick-input-titlebar", "Deadline")
    workbench.type("2h")
    workbench.press("Enter")
    show_tasks(workbench)
    workbench.wait_for(ROW, "queued, high, due")
    choose(workbench, "Pause the Task", "make it more exact")
    workbench.wait_for(ROW, "paused, high")
    choose(workbench, "Retry the Task", "make it more exact")
    workbench.wait_for(ROW, "queued, high")
    with workers.start() as worker:
        workbench.wait_for(ROW, "done, high")  # the server tells of the change
        worker.communicate(timeout=WAIT_S)
    choose(workbench, "Merge Its Changes", "make it more exact")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "3.1415926")
    workbench.wait_until("the question", workbench.read_notifications)
    workbench.click(TOAST, "Apply")
    workbench.wait_until_gone(".monaco-diff-editor")
    merged = TEXT.replace("3.14", "3.1415926")
    workbench.wait_until("the merged text", lambda: (workers.root / "area.py").read_text(encoding="utf-8") == merged)


TITLES = {"title": "Add a task", "kind": "What may agents do?", "role": "Who does it?", "priority": "Priority"}


def test_a_memory_is_edited_and_deleted_by_clicks(workers: Workers, open_folder: Open) -> None:
    workers.run("memory", "add", "style", "use", "tabs")
    workbench = open_folder(workers.root)
    workbench.run_command("Starling: Focus on Memory View")
    workbench.click(ROW, "use tabs")
    workbench.wait_for(".quick-input-widget .quick-input-titlebar", "style")
    workbench.press("Control+a")
    workbench.type("use spaces")
    workbench.press("Enter")
    workbench.wait_for(ROW, "use spaces")
    assert "use spaces" in workers.run("memory", "export")
    choose(workbench, "Delete the Memory", "use spaces")
    workbench.click(".monaco-dialog-box .monaco-button", "Delete")
    workbench.wait_until_gone(ROW, "use spaces")
    assert "use spaces" not in workers.run("memory", "export")

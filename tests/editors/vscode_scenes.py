"""Plays a scene in the chat view of VS Code, by keys and clicks. Start at `play`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.editors.vscode import CHAT, REPOSITORY
from tests.scenes.scene import Answer, PlanDecision, find_first_missing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.editors.vscode import Workbench
    from tests.scenes.scene import Decision, Scene, Turn

PICTURES = REPOSITORY / "docs" / "scenes"
ANSWERS = {Answer.YES: 0, Answer.YES_FOR_ALL: 1, Answer.NO: -1}


def play(scene: Scene, folder: Path, open_folder: Callable[..., Workbench], *, by_keys: bool) -> None:
    """Play `scene` in a new workspace below `folder`; with `by_keys`, no answer is clicked.

    If the environment variable PICTURES is set, the pictures of the documents are taken anew.

    Raises:
        AssertionError: something was not shown or written as the scene says.
        WorkbenchError: something was not shown in time.
    """
    workspace = scene.write_workspace(folder / scene.name)
    with ScriptedServer(scene.script) as server:
        environment = {
            "STARLING_MODEL__ENABLED": "false",
            "STARLING_CHAT__URL": f"{server.url}/v1",
            "STARLING_CHAT__MODEL": "scripted",
        }
        workbench = open_folder(workspace, environment=environment)
        workbench.run_command("Starling: Focus on Chat View")
        workbench.wait_for(f"{CHAT}#input:focus")
        workbench.wait_for(f"{CHAT}#send")
        for number, turn in enumerate(scene.turns):
            workbench.click(f"{CHAT}#input")
            _choose_mode(workbench, acts=turn.acts)
            _play_turn(turn, workbench, scene.name, by_keys=by_keys)
            _take_picture(workbench, f"vscode-{scene.name}{number or ''}-end")
    assert scene.find_missing(workspace) == []
    assert workbench.read_notifications() == []


def _choose_mode(workbench: Workbench, *, acts: bool) -> None:
    """Choose the mode by keys, from the input and back to it."""
    workbench.press("Tab")
    workbench.press("ArrowDown" if acts else "ArrowUp")
    wanted = "act" if acts else "plan"
    workbench.wait_until("the mode", lambda: workbench.send("value", selector=f"{CHAT}#mode") == wanted)
    workbench.press("Shift+Tab")


def _play_turn(turn: Turn, workbench: Workbench, name: str, *, by_keys: bool) -> None:
    """Send a request, answer the questions, wait for the end, and check what was shown; `name` is the scene's."""
    workbench.type(turn.request, delay=5)
    workbench.press("Enter")
    workbench.wait_for(f"{CHAT}.person", turn.request)
    for number, decision in enumerate(turn.decisions):
        if isinstance(decision, PlanDecision):
            workbench.wait_for(f"{CHAT}#proposal h2", decision.about)
            _take_picture(workbench, f"vscode-{name}-plan")
            workbench.click(f"{CHAT}[aria-label='Remove step {decision.dropped}']")
            workbench.click(f"{CHAT}#proposal-start")
            continue
        workbench.wait_for(f"{CHAT}#question h2", decision.about)
        if number == 0:
            _take_picture(workbench, f"vscode-{name}-question")
        _answer(decision, workbench, by_keys=by_keys)
    workbench.wait_for(f"{CHAT}.answer .text", turn.shown[-1])
    workbench.wait_for(f"{CHAT}#send")
    said = "\n".join(workbench.read_texts(f"{CHAT}.answer .text"))
    assert find_first_missing(turn.shown, said) == "", said
    results = "\n".join(workbench.send("textsWithout", selector=f"{CHAT}details pre", without="none"))
    assert find_first_missing(turn.results, results) == "", results
    chosen = [line.partition(":")[0] for line in workbench.read_texts(f"{CHAT}.note")]
    assert [one for one in turn.agents if one not in chosen] == []


def _answer(decision: Decision, workbench: Workbench, *, by_keys: bool) -> None:
    """Answer the question that is shown, by a click, or with the keys from the input backwards."""
    buttons = workbench.read_texts(f"{CHAT}#answers button")
    answers = [one for one in buttons if "Look" not in one]
    wanted = answers[ANSWERS[decision.answer]]
    if by_keys:
        workbench.click(f"{CHAT}#input")
        for _ in range(len(answers) - answers.index(wanted)):
            workbench.press("Shift+Tab")
        workbench.wait_for(f"{CHAT}#answers button:focus", wanted)
        workbench.press("Enter")
    else:
        workbench.send("click", selector=f"{CHAT}#answers button", text=wanted, nth=0, timeout=30_000)
    workbench.wait_until_gone(f"{CHAT}#question h2", decision.about)


def _take_picture(workbench: Workbench, name: str) -> None:
    """Take a picture of the chat view alone, for the documents if PICTURES is set."""
    box = workbench.send("box", selector="iframe.webview")
    path = (PICTURES if os.environ.get("PICTURES") else workbench.data.parent) / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    workbench.send("screenshot", path=str(path), clip=box)

"""Plays a scene in a client of the Agent Client Protocol: the one that the protocol's Python package brings.

Start at `play`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.scripted.scripted_server import ScriptedServer
from tests.scenes.scene import Answer, PlanDecision
from tests.wire.acp_editor import Editor, start_editor
from tests.wire.conftest import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.scenes.scene import Decision, Scene

KINDS = {Answer.YES: "allow_once", Answer.YES_FOR_ALL: "allow_always", Answer.NO: "reject_once"}


async def play(scene: Scene, folder: Path, patch: pytest.MonkeyPatch) -> Editor:
    """Play `scene` in a new workspace below `folder`; return the client, with everything that it was sent.

    `patch` sets the environment of the agent.

    Raises:
        AssertionError: something was not asked, shown or written as the scene says.
    """
    workspace = scene.write_workspace(folder / scene.name)
    patch.setenv("STARLING_MODEL__ENABLED", "false")
    patch.setenv("STARLING_INDEX__ENABLED", "false")  # no scene searches the index
    with ScriptedServer(scene.script) as server:
        patch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        patch.setenv("STARLING_CHAT__MODEL", "scripted")
        async with start_editor(workspace, folder / "home") as editor:
            waiting: list[Decision | PlanDecision] = []

            async def answer(asked: Editor) -> str:
                return choose_option(asked, waiting)

            editor.choose = answer
            session = await editor.begin()
            for turn in scene.turns:
                waiting[:] = turn.decisions
                await wait_for(editor.agent.set_session_mode(session, "act" if turn.acts else "plan"))
                seen = len(editor.updates)
                assert await editor.ask(session, turn.request) == "end_turn"
                assert waiting == [], "not asked"
                check_turn(editor, seen, turn.shown, turn.agents)
    assert scene.find_missing(workspace) == []
    return editor


def choose_option(editor: Editor, waiting: list[Decision | PlanDecision]) -> str:
    """Return the id of the option with which the next of `waiting` answers the newest question; remove it there."""
    asked, options = editor.questions[-1]
    assert waiting, f"nobody expected the question {asked.title!r}"
    decision = waiting.pop(0)
    assert decision.about in str(asked.title)
    answer = Answer.YES if isinstance(decision, PlanDecision) else decision.answer  # the protocol has no edited plan
    return next(one.option_id for one in options if one.kind == KINDS[answer])


def check_turn(editor: Editor, seen: int, shown: tuple[str, ...], agents: tuple[str, ...]) -> None:
    """Check that the texts `shown` and the `agents` came in their order, after the first `seen` updates.

    Raises:
        AssertionError: one of them did not come.
    """
    kinds = {"agent_message_chunk", "agent_thought_chunk"}
    new = [one for _, one in editor.updates[seen:] if one.session_update in kinds]
    text, at = "".join(one.content.text for one in new).replace("\\", ""), 0
    for part in shown:
        assert part in text[at:], f"{part!r} was not shown:\n{text}"
        at = text.index(part, at)
    assert [one for one in agents if f"{one}: " not in text] == []

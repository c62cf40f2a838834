"""The state, the open files and the lost results of a session, as others see these while and after a turn runs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from agents.ports.commands import CommandResult, Isolation
from agents.ports.request_outcomes import RequestOutcome
from agents.ports.sessions import SessionState
from agents.team import session_runner
from agents.team.session_runner import SessionRunner
from agents.team.transcript import make_entry, read_open_files
from models.chat import Message, Speaker, ToolCall
from tests.agents.team.test_session_runner import make_team, store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from agents.ports.commands import CommandRequest
    from agents.ports.permissions import Cancelled
    from agents.ports.person import PlanQuestion
    from server.state.session_store import SessionStore
    from tests.agents.team.bench import TeamBench

__all__ = ["store"]  # the fixture


async def test_a_tool_that_runs_and_a_person_who_thinks_show_in_the_state(
    bench: TeamBench, store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_runner, "SHOWN_AFTER_S", 0.01)
    session = store.create("file:///w", title="Look").id
    seen: list[SessionState] = []

    def read_state() -> SessionState:
        found = store.get(session)
        assert found is not None
        return found.state

    class Slow:
        def find_isolation(self, request: CommandRequest) -> Isolation:
            del request
            return Isolation()

        async def run(self, request: CommandRequest, *, cancelled: Cancelled | None = None) -> CommandResult:
            del request, cancelled
            async with asyncio.timeout(20):
                while read_state() is not SessionState.EXECUTING:  # noqa: ASYNC110 (the store tells nobody)
                    await asyncio.sleep(0.01)
            seen.append(read_state())
            return CommandResult(0, "")

    class Thinker:
        async def ask(self, question: str, choices: Sequence[str] = ()) -> str:
            del question, choices
            seen.append(read_state())
            return "Blue."

        async def confirm_plan(self, question: PlanQuestion) -> None:
            del question

    calls = '@call execute_command {"command": "make"}\n@call ask_person {"question": "Which?"}'
    team = make_team(bench, store, f"===\n@times 1\n{calls}\n===\nWell.\n")
    team = replace(team, bench=replace(team.bench, commands=Slow(), person=Thinker()))
    await SessionRunner(team, session).handle("@debug Look.", bench.events.append, lambda: False)
    assert seen == [SessionState.EXECUTING, SessionState.WAITING]
    assert read_state() is SessionState.IDLE


async def test_the_files_that_are_open_are_recorded_with_the_request(bench: TeamBench, store: SessionStore) -> None:
    session = store.create("file:///w", title="Look").id
    team = replace(make_team(bench, store, "===\nWell.\n"), list_open_files=lambda: ("a.py", "sub/b.py"))
    await SessionRunner(team, session).handle("@ask Look.", bench.events.append, lambda: False)
    assert read_open_files(store.read(session)) == ("a.py", "sub/b.py")
    assert read_open_files(()) == ()


async def test_an_agent_is_told_what_the_records_say_about_a_call_that_was_cut_short(
    bench: TeamBench, store: SessionStore
) -> None:
    session = store.create("file:///w", title="Broken").id
    store.acquire(session, "dead")
    call = Message(Speaker.ASSISTANT, "I edit.", (ToolCall("c1", "edit_file", {"path": "a.py"}),))
    store.record(session, "dead", SessionState.WAITING, [make_entry(call, "coder")])
    store.release(session, "dead")
    outcome = RequestOutcome("c1", time.time() + 1, "expired", edits=True, reason="The server ended.")
    team = replace(make_team(bench, store, "===\nWell.\n"), find_outcomes=lambda _: (outcome,))
    await SessionRunner(team, session).handle("@ask Go on.", bench.events.append, lambda: False)
    (told,) = (one.text for one in bench.chat.requests[0].messages if one.call_id == "c1")
    assert told.endswith("Nothing was done. The server ended.]")

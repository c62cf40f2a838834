"""Tools, models, clients and disks that misbehave: a clear sentence each time, and the session is usable afterwards."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agents.ports.failures import StateError
from agents.ports.sessions import EntryKind, SessionState
from agents.team.events import CallEnded, CallStarted, Event, TurnEnded, TurnStatus
from agents.team.permissions.rules import RuleSet
from agents.team.role_files import load_roles
from agents.team.session_runner import SessionRunner, Team
from agents.team.tool import Arguments, TeamTool, ToolResult, Workbench
from agents.team.tools.all_tools import TOOLS
from agents.team.transcript import INTERRUPTED
from agents.team.turn import loop
from agents.tools import Risk, Tool
from indexing.limits import IndexLimits
from models.scripted.scripted_chat import ScriptedChat
from server.gate.commands.isolation import Unconfined
from server.gate.commands.runner import ConfinedRunner
from server.gate.ports import Answer, Verdict
from server.gate.question.scripted_person import ScriptedAsker
from server.state import database
from server.state.session_store import SessionStore
from tests.server.gate.bench import YES, Bench
from tests.states import make_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.gate.ports import Question, TakenParts

READ = '@call read_file {"path": "a.py"}'
EDIT = '@call edit_file {"path": "a.py", "replacements": [{"old": "x = 1\\n", "new": "x = 2\\n"}]}'
posix = pytest.mark.skipif(sys.platform == "win32", reason="the command lines are written for sh")


class NoArguments(Arguments):
    """No arguments."""


def make_tool(run: Callable[..., Any], timeout_s: float = 60.0) -> TeamTool[Any]:
    """Return a tool named `odd` that does what `run` does."""
    return TeamTool(Tool("odd", Risk.LOW), "Odd.", NoArguments, run, lambda _: "Do it", timeout_s=timeout_s)


@dataclass
class Stage:
    """One session in a workspace with the file `a.py`, with a real gate and real records on the disk.

    Attributes:
        bench: files, gate and person.
        tools: further tools.
        events: everything that the client got.
    """

    bench: Bench
    tools: list[TeamTool[Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bench.state = make_state(self.bench.base / database.FILE)
        self.bench.write("#- a.py\nx = 1\n")
        self.store = SessionStore(self.bench.state)
        self.session = self.store.create(self.bench.root.as_uri(), title="Bad", role="debug").id
        self.emit: Callable[[Event], None] = self.events.append

    def make_runner(self, script: str) -> SessionRunner:
        """Return the driver of the session with a model that answers as `script` says."""
        root, self.chat = self.bench.root, ScriptedChat(script)

        def read(path: Path) -> str | None:
            return path.read_text() if path.is_file() else None

        def list_files() -> Iterator[Path]:
            yield from root.iterdir()

        workbench = Workbench(
            (root,), read, list_files, lambda _: "", self.bench.gate, self.bench.gate, RuleSet(),
            commands=ConfinedRunner([root], IndexLimits(), mechanism=Unconfined()),
        )  # fmt: skip
        team = Team(self.store, load_roles(), (*TOOLS, *self.tools), lambda _: self.chat, workbench, "a test")
        return SessionRunner(team, self.session)

    async def talk(self, script: str, cancelled: Callable[[], bool] = lambda: False) -> TurnEnded:
        """Run one turn."""
        return await self.make_runner(script).handle("Go on.", self.emit, cancelled)

    def list_results(self) -> list[str]:
        """Return the results of all calls of the session, as these are recorded."""
        return [one.text for one in self.store.read(self.session) if one.kind is EntryKind.RESULT]

    async def check_usable(self) -> None:
        """Check that nobody holds the session, and that the next turn works and knows the earlier ones."""
        found = self.store.get(self.session)
        assert found is not None
        assert found.owner == ""
        assert found.state in {SessionState.IDLE, SessionState.ERROR}
        self.emit = self.events.append
        ended = await self.talk(f"===\n@times 1\n{READ}\n===\nStill here.\n")
        assert (ended.status, ended.text) == (TurnStatus.DONE, "Still here.")
        assert "x = " in self.list_results()[-1]
        sent = self.chat.requests[0].messages
        answered = {one.call_id for one in sent if one.call_id}
        assert {call.id for one in sent for call in one.calls} <= answered, "each call has a result"
        await self.bench.gate.close()
        self.bench.state.close()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a session of which nothing is said yet, with a person who says yes."""
    return Stage(Bench(tmp_path, ScriptedAsker(YES)))


async def test_a_tool_that_hangs_is_stopped(stage: Stage) -> None:
    async def hang(*_: object) -> ToolResult:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    stage.tools.append(make_tool(hang, timeout_s=0.05))
    assert (await stage.talk("===\n@times 1\n@call odd {}\n===\nWell.\n")).status is TurnStatus.DONE
    assert stage.list_results() == ["odd was stopped after 0.05 seconds; ask for less."]
    await stage.check_usable()


@posix
async def test_a_command_that_hangs_is_stopped(stage: Stage) -> None:
    call = '@call execute_command {"command": "sleep 60", "timeout_s": 1}'
    await stage.talk(f"===\n@times 1\n{call}\n===\nWell.\n")
    assert "it did not end by itself" in stage.list_results()[0]
    await stage.check_usable()


@posix
async def test_a_command_that_prints_100_megabytes_is_cut(stage: Stage) -> None:
    line = "yes | head -c 100000000"
    await stage.talk(f'===\n@times 1\n@call execute_command {{"command": "{line}"}}\n===\nWell.\n')
    (text,) = stage.list_results()
    assert len(text) < 13_000
    assert "left out" in text
    await stage.check_usable()


async def test_a_result_of_100_megabytes_is_cut_with_a_line_that_says_so(stage: Stage) -> None:
    async def flood(*_: object) -> ToolResult:
        return ToolResult("begin" + "x" * 100_000_000 + "end")

    stage.tools.append(make_tool(flood))
    await stage.talk("===\n@times 1\n@call odd {}\n===\nWell.\n")
    (text,) = stage.list_results()
    assert len(text) < 13_000
    assert (text[:5], text[-3:], "characters left out; ask for a smaller part" in text) == ("begin", "end", True)
    await stage.check_usable()


async def test_a_tool_that_fails_in_a_way_nobody_foresaw_is_a_result(stage: Stage) -> None:
    async def fail(*_: object) -> ToolResult:
        raise RecursionError

    stage.tools.append(make_tool(fail))
    await stage.talk("===\n@times 1\n@call odd {}\n===\nWell.\n")
    assert stage.list_results() == ["odd failed (RecursionError); try another way."]
    await stage.check_usable()


async def test_a_file_that_changed_between_reading_and_editing_is_not_overwritten(stage: Stage) -> None:
    async def change(*_: object) -> ToolResult:
        (stage.bench.root / "a.py").write_text("x = 100\ny = 1\n")
        return ToolResult("changed a.py behind everybody's back")

    stage.tools.append(make_tool(change))
    steps = "".join(f"===\n@times 1\n{call}\n" for call in (READ, "@call odd {}", EDIT))
    await stage.talk(f"{steps}===\nWell.\n")
    said = stage.list_results()[-1]
    assert "does not occur in a.py" in said
    assert "1  x = 100" in said
    assert "Read the file again" in said
    assert stage.bench.read("a.py") == b"x = 100\ny = 1\n"
    await stage.check_usable()


async def test_a_file_that_changes_while_the_person_is_asked_is_not_overwritten(stage: Stage) -> None:
    class Slow(ScriptedAsker):
        async def ask(self, question: Question) -> Answer | TakenParts:
            (stage.bench.root / "a.py").write_text("x = 7\n")
            return await super().ask(question)

    stage.bench.asker = Slow(YES)
    await stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n")
    assert "the files have changed" in stage.list_results()[0]
    assert stage.bench.read("a.py") == b"x = 7\n"
    await stage.check_usable()


@pytest.mark.parametrize(("script", "status", "said"), [
    (f"===\n{READ}\n", TurnStatus.REPEATED, "repeated itself"),
    ("===\n", TurnStatus.FAILED, loop.NO_ANSWER),
    ("===\n@malformed\n", TurnStatus.FAILED, "no JSON"),
    ("===\n@break-after 2\none two three\n", TurnStatus.FAILED, "Until then: one"),
    ("===\n@status 500\n", TurnStatus.FAILED, "500"),
    ("===\n@times 3\n@call red_file {}\n===\nI give up.\n", TurnStatus.DONE, "I give up."),
    ('===\n@times 1\n@call read_file {"path": [1]}\n===\nI give up.\n', TurnStatus.DONE, "I give up."),
    (f"===\n@times 1\n{READ}\n{READ}\n@call nothing {{}}\n===\nWell.\n", TurnStatus.DONE, "Well."),
])  # fmt: skip
async def test_a_model_that_misbehaves_ends_the_turn_with_a_sentence(
    script: str, status: TurnStatus, said: str, stage: Stage
) -> None:
    ended = await stage.talk(script)
    assert ended.status is status
    assert said in ended.text
    await stage.check_usable()


async def test_half_a_json_is_asked_for_once_more(stage: Stage) -> None:
    ended = await stage.talk(f"===\n@times 1\n@malformed\n===\n@times 1\n{READ}\n=== x = 1\nIt is 1.\n")
    assert (ended.status, ended.text) == (TurnStatus.DONE, "It is 1.")
    assert any(one.text == loop.UNREADABLE for one in stage.chat.requests[-1].messages)
    await stage.check_usable()


@pytest.mark.parametrize("call", [EDIT, '@call execute_command {"command": "true"}'])
async def test_a_client_that_leaves_while_asked_changes_nothing(call: str, stage: Stage) -> None:
    stage.bench.asker = ScriptedAsker((Answer.EXPIRE,))
    turn = asyncio.create_task(stage.talk(f"===\n@times 1\n{call}\n===\nWell.\n"))
    await stage.bench.wait_for_question()
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert stage.bench.asker.taken_down == 1
    assert stage.bench.read("a.py") == b"x = 1\n"
    (request,) = stage.bench.gate.journal.records.list_requests(None, 9)
    assert request.verdict == Verdict.EXPIRED
    await stage.check_usable()
    assert any(one.text == INTERRUPTED for one in stage.chat.requests[0].messages)


async def test_a_turn_that_is_cancelled_while_the_person_is_asked_takes_the_question_away(stage: Stage) -> None:
    stage.bench.asker = ScriptedAsker((Answer.EXPIRE,))
    cancelled = threading.Event()
    turn = asyncio.create_task(stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n", cancelled.is_set))
    await stage.bench.wait_for_question()
    found = stage.store.get(stage.session)
    assert found is not None
    assert found.state is SessionState.WAITING
    cancelled.set()
    ended = await turn
    assert (ended.status, ended.text) == (TurnStatus.CANCELLED, "The turn was cancelled.")
    assert stage.bench.asker.taken_down == 1
    await stage.check_usable()


@pytest.mark.sqlite
@pytest.mark.parametrize("when", [CallStarted, CallEnded])
async def test_a_disk_that_fills_up_ends_the_turn_and_makes_no_change_that_is_not_recorded(
    when: type, stage: Stage
) -> None:
    def set_most_pages(count: int) -> None:
        with stage.bench.state.use_connection() as connection:
            pages = count or connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill_disk(event: Event) -> None:
        stage.events.append(event)
        if isinstance(event, when):
            set_most_pages(0)

    noise = "".join(f"{hash((index, 7)):x}\n" for index in range(9_000))
    (stage.bench.root / "a.py").write_text(f"x = 1\n{noise}")
    stage.emit = fill_disk
    script = f"===\n@times 1\n{READ}\n" * 9 + f"===\n@times 1\n{EDIT}\n===\nWell.\n"
    with pytest.raises(StateError, match="The disk is full"):
        await stage.talk(script)
    assert stage.bench.read("a.py").startswith(b"x = 1\n")
    set_most_pages(100_000)
    await stage.check_usable()


async def test_a_disk_that_is_full_when_a_file_is_written_leaves_the_file_whole(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = os.fsync

    def fail(descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink()) if sys.platform == "linux" else str(stage.bench.root)
        if path.startswith(str(stage.bench.root)):
            raise OSError(errno.ENOSPC, "No space left on device")
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", fail)
    ended = await stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n")
    assert ended.status is TurnStatus.DONE
    (said,) = stage.list_results()
    assert "a.py could not be written: No space left on device" in said
    assert [path.name for path in stage.bench.root.iterdir()] == ["a.py"], "nothing is left beside it"
    assert stage.bench.read("a.py") == b"x = 1\n"
    (request,) = stage.bench.gate.journal.records.list_requests(None, 9)
    assert (request.verdict, stage.bench.gate.journal.records.list_audit(9)[0].written) == (Verdict.FAILED, False)
    monkeypatch.setattr(os, "fsync", synced)
    await stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n")
    assert stage.bench.read("a.py") == b"x = 2\n"
    await stage.check_usable()


async def test_a_question_that_a_full_disk_cannot_record_is_not_asked(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_record(*_: object, **__: object) -> None:
        raise StateError("The disk is full: free some space and try again.")

    monkeypatch.setattr(stage.bench.gate.journal.records, "begin", fail_to_record)
    await stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n")
    (said,) = stage.list_results()
    assert said.startswith("The request could not be recorded, so nothing was done. The disk is full")
    assert (stage.bench.asker.questions, stage.bench.read("a.py")) == ([], b"x = 1\n")
    monkeypatch.undo()
    await stage.check_usable()


async def test_an_outcome_that_a_full_disk_cannot_record_is_said_and_the_file_is_right(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_to_record(*_: object) -> None:
        raise StateError("The disk is full: free some space and try again.")

    monkeypatch.setattr(stage.bench.gate.journal.records, "end", fail_to_record)
    await stage.talk(f"===\n@times 1\n{EDIT}\n===\nWell.\n")
    (said,) = stage.list_results()
    assert (
        said == "Done: Edit a.py. The outcome could not be recorded: The disk is full: free some space and try again."
    )
    monkeypatch.undo()
    assert stage.bench.read("a.py") == b"x = 2\n"
    with stage.bench.state.transaction() as connection:
        connection.execute("UPDATE requests SET begun = begun - 1000")  # its server has ended
    following = Bench(stage.bench.base, state=stage.bench.state).gate
    following.journal.recover()
    (request,) = following.journal.records.list_requests(None, 9)
    assert (request.verdict, bool(request.checkpoint)) == (Verdict.APPLIED, True)
    await stage.check_usable()

"""`starling.tasks`, `starling.questions` and `starling.memory`, as an editor sends them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from agents.edits import Edit, ProposedEdit, TextChange
from agents.ports.memory import Remembered, Source
from agents.ports.origins import Origin
from agents.tools import EXECUTE_COMMAND, WRITE_FILE
from server.assembly.gates import open_state
from server.gate.ports import Answer, Question
from server.lsp.commands import questions
from server.lsp.editor import editor_team
from server.state import paths
from server.state.gate_records import GateRecords
from server.state.given_answers import AgentQuestion, GivenAnswers
from server.state.lease_owners import name_owner
from server.state.memory_store import MemoryStore
from server.state.paths import HOME_VARIABLE
from server.state.session_store import SessionStore
from server.state.task_store import TaskStore
from server.work.worktrees import Worktrees
from tests.server.editor import SILENCE
from tests.server.gate.clients import Reply
from tests.server.lsp.commands.test_team_commands import BEFORE, Talk
from tests.server.work.repositories import run_git

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from server.state.database import State
    from tests.server.editor import Editor

EXACT = BEFORE.replace("3.14", "3.1415926")


@pytest.fixture
def talk(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Talk:
    """Return an editor whose workspace is a repository with a commit, and a new home."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    root = tmp_path / "work"
    root.mkdir()
    (root / "area.py").write_text(BEFORE, encoding="utf-8")
    run_git(root, "init", "-q", "-b", "main")
    run_git(root, "add", "--all")
    run_git(root, "commit", "-q", "-m", "first")
    return Talk(editor, root)


@pytest.fixture
def state(talk: Talk) -> Iterator[State]:
    """Yield the state database as another process uses it."""
    assert talk.root.exists()
    with contextlib.closing(open_state()) as opened:
        yield opened


async def begin(talk: Talk, reply: Reply = Reply.YES) -> None:
    """Begin a session with the file of the repository open."""
    await talk.begin("===\nWell.\n", reply=reply)


def do_next_task(talk: Talk, state: State, text: str = EXACT) -> str:
    """Do the next task as a worker does it, so that its branch has `text` in `area.py`; return its id."""
    queue, worktrees = TaskStore(state), Worktrees(talk.root, paths.worktrees_dir())
    claimed = queue.claim(talk.root.as_uri(), "a worker")
    assert claimed is not None
    worktree = worktrees.open(claimed.id)
    (worktree.root / "area.py").write_text(text, encoding="utf-8")
    worktrees.commit(worktree, "done")
    worktrees.remove(claimed.id, with_branch=False)
    assert queue.finish(claimed, "It is more exact.")
    return claimed.id


async def add(talk: Talk, title: str = "make it more exact", **arguments: Any) -> str:
    """Add a task and return its id."""
    (added,) = (await talk.run("tasks", action="add", title=title, **arguments))["tasks"]
    return str(added["id"])


async def test_a_task_is_added_shown_and_listed_with_what_was_said(talk: Talk) -> None:
    await begin(talk)
    first = await add(talk, "explain", read_only=True, priority="low", role="ask", details="All of it.")
    second = await add(talk, deadline="2h", needs=[first[:8]], key="exact")
    assert await add(talk, "something else", key="exact") == second
    listed = {one["id"]: one for one in (await talk.run("tasks"))["tasks"]}
    assert set(listed) == {first, second}
    told = listed[first]
    assert (told["priority"], told["role"], told["writes"], told["status"]) == ("low", "ask", False, "queued")
    assert listed[second]["needs"] == [first]
    assert 7100 < listed[second]["deadline"] - listed[second]["created"] < 7300
    shown = await talk.run("tasks", action="show", task=first[:8])
    assert (shown["tasks"][0]["id"], shown["details"]) == (first, "All of it.")


async def test_a_task_is_paused_retried_and_cancelled(talk: Talk) -> None:
    await begin(talk)
    task = await add(talk)
    for action, status in (("pause", "paused"), ("retry", "queued"), ("cancel", "cancelled")):
        (told,) = (await talk.run("tasks", action=action, task=task))["tasks"]
        assert told["status"] == status
    assert "has ended already" in (await talk.fail("tasks", action="cancel", task=task))["message"]
    assert "neither waits nor runs" in (await talk.fail("tasks", action="pause", task=task))["message"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": "add"}, "needs a title"),
        ({"action": "add", "title": "x", "deadline": "soon"}, "soon is no deadline"),
        ({"action": "add", "title": "x", "needs": ["ffff"]}, "There is no task 'ffff'"),
        ({"action": "add", "title": "x", "role": "wizard"}, "There is no role 'wizard'. There are: "),
        ({"action": "add", "title": "x", "workflow": "tdt"}, "There is no workflow 'tdt'. There are: "),
        ({"action": "add", "title": "x", "workflow": "tdd", "role": "ask"}, "has its own roles"),
        ({"action": "show"}, "There is no task ''"),
        ({"action": "log", "task": "ffff"}, "There is no task 'ffff'"),
        ({"action": "perhaps"}, "action"),
    ],
)
async def test_what_cannot_be_done_is_said_in_a_sentence(talk: Talk, arguments: dict[str, Any], said: str) -> None:
    await begin(talk)
    assert said in (await talk.fail("tasks", **arguments))["message"]


async def test_without_a_folder_there_are_no_tasks_questions_and_memories(editor: Editor, tmp_path: Path) -> None:
    await editor.begin()
    talk = Talk(editor, tmp_path)
    for name in ("tasks", "memory"):
        assert "No folder is open. Open a folder." in (await talk.fail(name))["message"]


async def test_the_log_of_a_task_is_that_of_its_session(talk: Talk, state: State) -> None:
    await begin(talk)
    task = await add(talk)
    assert "No agent has worked" in (await talk.fail("tasks", action="log", task=task))["message"]
    SessionStore(state).create(talk.root.as_uri(), title="make it more exact", role="coder", name=task)
    assert "make it more exact" in (await talk.run("tasks", action="log", task=task))["log"]


async def test_a_branch_is_merged_into_the_text_that_the_editor_has(talk: Talk, state: State) -> None:
    await begin(talk)
    task = await add(talk)
    assert do_next_task(talk, state) == task
    (listed,) = (await talk.run("tasks"))["tasks"]
    assert (listed["status"], listed["branch"]) == ("done", f"starling/{task[:12]}")
    talk.editor.type('"""Mine."""\n', 0, 0, version=2, uri=talk.path.as_uri())
    talk.desk._versions[talk.path.as_uri()] = (2, f'"""Mine."""\n{BEFORE}')
    merged = await talk.run("tasks", action="merge", task=task[:8])
    assert merged["outcome"]["outcome"] == "applied"
    assert talk.desk.text(talk.path) == f'"""Mine."""\n{EXACT}'
    assert talk.path.read_text() == BEFORE, "the editor's text is not saved for the person"
    assert run_git(talk.root, "branch", "--format=%(refname:short)") == "main\n"
    assert merged["tasks"][0]["branch"] == ""
    assert (await talk.run("undo", checkpoint=merged["outcome"]["checkpoint"]))["outcome"] == "applied"
    assert talk.desk.text(talk.path) == f'"""Mine."""\n{BEFORE}'


@pytest.mark.parametrize("typed", [False, True])
async def test_a_merged_file_is_saved_unless_it_has_unsaved_text_of_the_person(
    talk: Talk, state: State, monkeypatch: pytest.MonkeyPatch, *, typed: bool
) -> None:
    saved: list[Path] = []

    async def save(_: object, __: object, files: list[Path]) -> None:
        saved.extend(files)

    monkeypatch.setattr(editor_team, "save_in_editor", save)
    await begin(talk)
    task = await add(talk)
    do_next_task(talk, state)
    if typed:
        talk.editor.type('"""Mine."""\n', 0, 0, version=2, uri=talk.path.as_uri())
        talk.desk._versions[talk.path.as_uri()] = (2, f'"""Mine."""\n{BEFORE}')
    merged = await talk.run("tasks", action="merge", task=task)
    assert merged["outcome"]["outcome"] == "applied"
    assert saved == ([] if typed else [talk.path])


async def test_a_rejected_merge_keeps_the_branch_and_dropping_deletes_it(talk: Talk, state: State) -> None:
    await begin(talk, Reply.NO)
    task = await add(talk)
    assert "has not ended yet: queued" in (await talk.fail("tasks", action="merge", task=task))["message"]
    do_next_task(talk, state)
    merged = await talk.run("tasks", action="merge", task=task)
    assert (merged["outcome"]["outcome"], merged["note"]) == ("rejected", f"The branch starling/{task[:12]} is kept.")
    assert talk.desk.text(talk.path) == BEFORE
    (dropped,) = (await talk.run("tasks", action="drop", task=task))["tasks"]
    assert dropped["branch"] == ""
    assert "starling/" not in run_git(talk.root, "branch")
    assert "has no branch" in (await talk.fail("tasks", action="drop", task=task))["message"]


async def test_a_branch_that_changes_nothing_is_deleted_without_a_question(talk: Talk, state: State) -> None:
    await begin(talk)
    task = await add(talk)
    do_next_task(talk, state, BEFORE)
    merged = await talk.run("tasks", action="merge", task=task)
    assert (merged["outcome"], "changes nothing" in merged["note"]) == (None, True)
    assert talk.desk.asked == []


def ask_as_worker(talk: Talk, state: State, *, number: int = 1, task: str = "", edits: bool = False) -> str:
    """Have a worker wait with a question of a task; return the question's id."""
    name, session = f"{number:032x}", task or f"{number:032d}"
    SessionStore(state).create(talk.root.as_uri(), title="Run it", role="debug", name=session)
    edit = TextChange(talk.path.as_uri(), talk.path, BEFORE, (Edit(30, 34, "3.1415926"),))
    proposal = ProposedEdit("Edit area.py", "It is exact.", "coder", (edit,)) if edits else None
    tool, shown = (WRITE_FILE, "+ 3.1415926") if edits else (EXECUTE_COMMAND, "touch ran")
    question = Question(
        name, tool, "Edit area.py" if edits else "Run: touch ran", "To see.", "debug", shown, ("It writes.",),
        proposal=proposal, origin=Origin(session, "call"),
    )  # fmt: skip
    GateRecords(state).begin(question, client="starling work", task="", model="", subjects=(shown,))
    GivenAnswers(state).record_wait(name)
    return name


async def test_a_workers_question_is_listed_and_answered(talk: Talk, state: State) -> None:
    await begin(talk)
    task = await add(talk)
    asked = ask_as_worker(talk, state, task=task)
    (question,) = (await talk.run("questions"))["questions"]
    assert (question["request"], question["task"], question["diff"]) == (asked, task, "touch ran")
    assert (question["by"], question["warnings"], question["tool"]) == ("debug", ["It writes."], "execute_command")
    assert (await talk.run("tasks"))["tasks"][0]["questions"] == 1
    answered = await talk.run("questions", action="answer", request=asked[:-1], answer="no")
    assert (answered["questions"], answered["answer"]) == ([], "no")
    assert GivenAnswers(state).find(asked) is Answer.REJECT
    assert (
        "no question waits" in (await talk.fail("questions", action="answer", request=asked, answer="yes"))["message"]
    )


@pytest.mark.parametrize(("reply", "given"), [(Reply.YES, Answer.APPROVE), (Reply.NO, Answer.REJECT)])
@pytest.mark.parametrize("edits", [False, True])
async def test_the_person_is_asked_here_as_about_any_change(
    talk: Talk, state: State, reply: Reply, given: Answer, *, edits: bool
) -> None:
    await begin(talk, reply)
    asked = ask_as_worker(talk, state, edits=edits)
    await talk.run("questions", action="ask", request=asked)
    shown = await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    assert ("Apply" if edits else "Run") == shown["params"]["actions"][0]["title"]
    assert ("3.1415926" if edits else "touch ran") in shown["params"]["message"]
    assert GivenAnswers(state).find(asked) is given
    assert talk.desk.text(talk.path) == BEFORE, "the worker applies it"


async def test_a_question_that_is_answered_elsewhere_is_withdrawn_here(
    talk: Talk, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "LOOK_S", 0.01)
    await begin(talk, Reply.SILENCE)
    asked = ask_as_worker(talk, state)
    waiting = talk.send("questions", action="ask", request=asked)
    await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    assert await asyncio.to_thread(GivenAnswers(state).give, asked, Answer.REJECT, "another")
    answer = await talk.editor.answer(waiting)
    assert "was answered elsewhere" in answer["error"]["message"]
    await talk.editor.message(lambda one: one.get("method") == "$/cancelRequest")
    assert GivenAnswers(state).find(asked) is Answer.REJECT


async def test_a_question_still_waits_after_the_session_in_which_it_was_shown(
    talk: Talk, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "LOOK_S", 0.01)
    await begin(talk, Reply.SILENCE)
    asked = ask_as_worker(talk, state)
    waiting = talk.send("questions", action="ask", request=asked)
    await talk.editor.message(lambda one: one.get("method") == "window/showMessageRequest")
    await talk.editor.end()
    assert "still waits" in (await talk.editor.answer(waiting))["error"]["message"]
    assert GivenAnswers(state).list_awaited() == {asked}


async def test_questions_about_other_folders_are_not_shown(talk: Talk, state: State, tmp_path: Path) -> None:
    await begin(talk)
    other = Talk(talk.editor, tmp_path / "other")
    asked = ask_as_worker(other, state)
    assert (await talk.run("questions"))["questions"] == []
    await talk.fail("questions", action="answer", request=asked, answer="yes")
    assert GivenAnswers(state).find(asked) is None


async def test_an_answer_needs_a_question_and_a_yes_or_no(talk: Talk, state: State) -> None:
    await begin(talk)
    asked = ask_as_worker(talk, state)
    assert "Give a `request`" in (await talk.fail("questions", action="answer", answer="yes"))["message"]
    assert "Give an `answer`" in (await talk.fail("questions", action="answer", request=asked))["message"]
    assert GivenAnswers(state).find(asked) is None


def ask_in_words(talk: Talk, state: State, choices: tuple[str, ...] = (), task: str = "") -> str:
    """Have an agent of a worker wait with a question; return the question's id."""
    name, session = "a" * 32, task or "b" * 32
    SessionStore(state).create(talk.root.as_uri(), title="Choose", role="coder", name=session)
    asked = AgentQuestion(name, session, "Which\ncolour?", choices, time.time())
    GivenAnswers(state).record_question(asked, name_owner("starling work"))
    return name


async def begin_asking(talk: Talk, answer: Any, *, asks: bool = True) -> None:
    """Begin a session in a client whose person answers agents' questions with `answer`, if it `asks` them."""
    talk.editor.answers["starling/ask"] = answer
    folders = [{"uri": talk.root.as_uri(), "name": "work"}]
    await talk.editor.begin({"experimental": {"starling": {"ask": asks}}}, workspaceFolders=folders)


async def test_an_agents_question_is_listed_and_answered_in_words(talk: Talk, state: State) -> None:
    await begin(talk)
    task = await add(talk)
    asked = ask_in_words(talk, state, ("red", "blue"), task)
    (question,) = (await talk.run("questions"))["questions"]
    assert (question["request"], question["task"], question["by"]) == (asked, task, "coder")
    assert (question["tool"], question["title"], question["diff"]) == ("ask_person", "Which colour?", "Which\ncolour?")
    assert question["choices"] == ["red", "blue"]
    assert (await talk.run("tasks"))["tasks"][0]["questions"] == 1
    refused = await talk.fail("questions", action="answer", request=asked, answer="yes")
    assert "give one of: red, blue" in refused["message"]
    answered = await talk.run("questions", action="answer", request=asked[:8], answer="blue")
    assert (answered["questions"], answered["answer"]) == ([], "blue")
    assert GivenAnswers(state).find_text_answer(asked) == "blue"


@pytest.mark.parametrize(
    ("choices", "answer", "given"),
    [((), {"answer": "Any one."}, "Any one."), (("red", "blue"), {"answer": "blue"}, "blue"), ((), None, "")],
)
async def test_an_agents_question_is_asked_here_and_still_waits_when_it_is_closed(
    talk: Talk, state: State, choices: tuple[str, ...], answer: Any, given: str
) -> None:
    await begin_asking(talk, answer)
    asked = ask_in_words(talk, state, choices)
    result = await talk.run("questions", action="ask", request=asked)
    (shown,) = (one["params"] for one in talk.editor.sent if one.get("method") == "starling/ask")
    assert (shown["question"], shown["choices"]) == ("Which\ncolour?", list(choices))
    assert (result["answer"], len(result["questions"])) == (given, 0 if given else 1)
    assert GivenAnswers(state).find_text_answer(asked) == (given or None)


async def test_a_client_that_cannot_ask_for_words_says_what_can(talk: Talk, state: State) -> None:
    await begin_asking(talk, None, asks=False)
    asked = ask_in_words(talk, state)
    refused = await talk.fail("questions", action="ask", request=asked)
    assert f"Use `starling sessions answer {asked[:8]}`" in refused["message"]
    assert GivenAnswers(state).find_text_answer(asked) is None


async def test_an_agents_question_that_is_answered_elsewhere_is_withdrawn_here(
    talk: Talk, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "LOOK_S", 0.01)
    await begin_asking(talk, SILENCE)
    asked = ask_in_words(talk, state)
    waiting = talk.send("questions", action="ask", request=asked)
    await talk.editor.message(lambda one: one.get("method") == "starling/ask")
    assert await asyncio.to_thread(GivenAnswers(state).give_text_answer, asked, "blue", "another")
    assert "was answered elsewhere" in (await talk.editor.answer(waiting))["error"]["message"]
    await talk.editor.message(lambda one: one.get("method") == "$/cancelRequest")
    assert GivenAnswers(state).find_text_answer(asked) == "blue"


def remember(talk: Talk, state: State, *, everywhere: bool = False, agent: str = "") -> None:
    """Store a memory as an agent does."""
    place = "" if everywhere else talk.root.as_uri()
    MemoryStore(state).remember(Remembered(place, agent, "port", "It is 8080.", Source.FILE, "settings.py"))


async def test_memories_are_listed_edited_and_deleted(talk: Talk, state: State) -> None:
    await begin(talk)
    remember(talk, state, agent="coder")
    remember(talk, state, everywhere=True)
    general, own = sorted((await talk.run("memory"))["memories"], key=lambda one: str(one["agent"]))
    assert (general["workspace"], own["workspace"]) == ("", talk.root.as_uri())
    assert (own["agent"], own["key"], own["source"], own["origin"]) == ("coder", "port", "file", "settings.py")
    edited = await talk.run("memory", action="edit", key="port", agent="coder", text="It is 9090.")
    (now,) = (one for one in edited["memories"] if one["agent"] == "coder")
    assert (now["text"], now["source"], now["origin"]) == ("It is 9090.", "person", "")
    left = await talk.run("memory", action="delete", key="port", workspace="")
    assert left["memories"] == [now]
    left = await talk.run("memory", action="delete", key="port", agent="coder", workspace=now["workspace"])
    assert left["memories"] == []
    assert "Nothing is remembered" in (await talk.fail("memory", action="delete", key="port"))["message"]


async def test_a_secret_in_an_edited_memory_is_not_stored(talk: Talk) -> None:
    await begin(talk)
    secret = "ghp_" + "a1B2" * 9
    (stored,) = (await talk.run("memory", action="edit", key="token", text=f"token = '{secret}'"))["memories"]
    assert secret not in stored["text"]


async def test_memory_is_exported_with_activities_and_decisions(talk: Talk, state: State) -> None:
    await begin(talk)
    remember(talk, state)
    exported = json.loads((await talk.run("memory", action="export"))["text"])
    assert [one["text"] for one in exported["memories"]] == ["It is 8080."]
    assert (exported["activities"], exported["decisions"]) == ([], [])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"action": "edit", "text": "x"}, "needs a key"),
        ({"action": "edit", "key": "port", "text": " "}, "nothing to remember"),
        ({"action": "edit", "key": "port", "text": "x", "workspace": "file:///elsewhere"}, "is no folder"),
        ({"action": "delete", "key": "port"}, "Nothing is remembered"),
    ],
)
async def test_a_memory_that_is_not_there_or_says_nothing_is_refused(
    talk: Talk, arguments: dict[str, Any], said: str
) -> None:
    await begin(talk)
    assert said in (await talk.fail("memory", **arguments))["message"]


async def test_a_state_that_cannot_be_used_is_said_in_a_sentence(
    talk: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file"))
    await begin(talk)
    for name in ("tasks", "questions", "memory"):
        assert "STARLING_HOME" in (await talk.fail(name))["message"]

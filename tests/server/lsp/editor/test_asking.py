"""Questions to a person for each kind of client: the messages, word for word, and the answers that approve."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from agents.tools import EXECUTE_COMMAND, WRITE_FILE
from server.gate.hunks import NO_NEWLINE, find_hunks
from server.gate.ports import Answer, Question, TakenParts
from server.gate.question.wording import LINES_IN_MESSAGE
from server.lsp.editor.asking import EditorAsker
from tests.server.editor import SILENCE, Editor

if TYPE_CHECKING:
    from collections.abc import Callable

ANNOTATED = {"documentChanges": True, "changeAnnotationSupport": {}, "resourceOperations": ["create", "rename"]}
VSCODE = {"workspace": {"applyEdit": True, "workspaceEdit": ANNOTATED}, "window": {"showDocument": {"support": True}}}
SHOWING: dict[str, Any] = {"workspace": {"applyEdit": True}, "window": {"showDocument": {"support": True}}}
COMPARING: dict[str, Any] = {**VSCODE, "experimental": {"starling": {"confirm": True}}}
FETCHING: dict[str, Any] = {"workspace": {"applyEdit": True, "textDocumentContent": {}}, "window": SHOWING["window"]}
DIFF = "--- a/shapes.py\n+++ b/shapes.py\n@@ -1 +1 @@\n-pi = 3\n+pi = 3.14\n"
CHANGE = TextChange("file:///w/shapes.py", Path("/w/shapes.py"), "pi = 3", (Edit(6, 6, ".14"),))


def make_question(**other: Any) -> Question:
    proposal = ProposedEdit("Fix pi", "It is too small.", "reviewer", (CHANGE,))
    given = {"id": "q1", "tool": WRITE_FILE, "title": "Fix pi", "why": "It is too small.", "by": "reviewer"}
    return Question(**{**given, "diff": DIFF, "proposal": proposal, **other})


@pytest.fixture
def ask(editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that begins a session of a client with the given capabilities, and returns its asker."""
    monkeypatch.setenv("STARLING_HOME", str(tmp_path))

    async def begin(capabilities: dict[str, Any], name: str = "Ed") -> EditorAsker:
        await editor.begin(capabilities, clientInfo={"name": name})
        session = editor.server.session
        return EditorAsker(editor.server, lambda: session.client, session.shown)

    return begin


def list_questions(editor: Editor, method: str = "window/showMessageRequest") -> list[dict[str, Any]]:
    """Return the parameters of all requests `method` that the client was sent."""
    return [message["params"] for message in editor.sent if message.get("method") == method]


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def make_chooser(*titles: str | None) -> Callable[[Any], Any]:
    """Return a client's answers to questions: the titles one after the other, None for a closed box."""
    chosen = iter(titles)
    return lambda _: {"title": title} if (title := next(chosen)) is not None else None


@pytest.mark.parametrize(
    ("title", "answer"),
    [
        ("Apply", Answer.APPROVE),
        ("Apply, and the rest of this task", Answer.APPROVE_TASK),
        ("Reject", Answer.REJECT),
        (None, Answer.REJECT),
        ("Yes, of course", Answer.REJECT),
    ],
)
async def test_only_an_offered_approval_approves(editor: Editor, ask: Any, title: str | None, answer: Answer) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = make_chooser(title)
    assert await asker.ask(make_question(may_remember=True)) is answer
    assert len(list_questions(editor)) == 1


async def test_approval_of_the_whole_task_is_offered_where_it_may_be_remembered(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = make_chooser("Apply, and the rest of this task")
    assert await asker.ask(make_question()) is Answer.REJECT
    assert [one["title"] for one in list_questions(editor)[0]["actions"]] == ["Apply", "Show the changes", "Reject"]


async def test_a_client_without_documents_reads_the_diff_in_the_question(editor: Editor, ask: Any) -> None:
    await (await ask({})).ask(make_question(warnings=("The result no longer parses: line 1.",)))
    assert list_questions(editor)[0]["message"] == (
        "Starling: Fix pi? The result no longer parses: line 1.\n"
        "Proposed by reviewer: It is too small.\nWarning: The result no longer parses: line 1.\n\n" + DIFF.rstrip()
    )


async def test_the_question_about_a_long_diff_names_the_file_with_all_of_it(editor: Editor, ask: Any) -> None:
    diff = "".join(f"+line {number}\n" for number in range(LINES_IN_MESSAGE + 5))
    await (await ask({})).ask(make_question(diff=diff))
    *shown, last = list_questions(editor)[0]["message"].split("\n")
    assert shown[-1] == f"+line {LINES_IN_MESSAGE - 1}"
    assert last.startswith("(5 more lines, in ")
    assert read(Path(last.removeprefix("(5 more lines, in ").removesuffix(")"))).endswith(diff)


async def test_a_client_that_shows_documents_is_shown_the_diff_before_it_is_asked(editor: Editor, ask: Any) -> None:
    asker = await ask(SHOWING)
    editor.answers["window/showDocument"] = {"success": True}
    await asker.ask(make_question())
    methods = [message.get("method") for message in editor.sent]
    assert methods.index("window/showDocument") < methods.index("window/showMessageRequest")
    [shown] = list_questions(editor, "window/showDocument")
    assert not shown["takeFocus"]
    assert (
        read(Path(unquote(urlparse(shown["uri"]).path))) == f"Fix pi\nProposed by reviewer: It is too small.\n\n{DIFF}"
    )
    assert list_questions(editor)[0]["message"] == "Starling: Fix pi?"


async def test_a_client_that_fetches_documents_gets_the_diff_from_the_server(editor: Editor, ask: Any) -> None:
    asker = await ask(FETCHING)
    editor.answers["window/showDocument"] = {"success": True}
    await asker.ask(make_question())
    [shown] = list_questions(editor, "window/showDocument")
    assert shown["uri"] == "starling:/questions/Fix-pi-q1.diff"
    answer = await editor.answer(editor.ask("workspace/textDocumentContent", {"uri": shown["uri"]}))
    assert answer["result"]["text"].endswith(DIFF)


async def test_a_document_that_is_not_shown_any_more_is_an_error(editor: Editor, ask: Any) -> None:
    await ask(FETCHING)
    answer = await editor.answer(editor.ask("workspace/textDocumentContent", {"uri": "starling:/questions/q0.diff"}))
    assert "ask for the change again" in answer["error"]["message"]


async def test_the_servers_documents_are_declared_to_clients_that_can_fetch_them(editor: Editor) -> None:
    declared = await editor.begin(FETCHING)
    assert declared["workspace"]["textDocumentContent"] == {"schemes": ["starling"]}


async def test_the_servers_documents_are_not_declared_to_other_clients(editor: Editor) -> None:
    assert "textDocumentContent" not in (await editor.begin(SHOWING))["workspace"]


@pytest.mark.parametrize("answer", [{"success": False}, NotImplementedError("no window")])
async def test_a_diff_that_the_client_does_not_show_is_part_of_the_question(
    editor: Editor, ask: Any, answer: Any
) -> None:
    asker = await ask(SHOWING)
    editor.answers["window/showDocument"] = answer
    await asker.ask(make_question())
    assert list_questions(editor)[0]["message"].endswith(DIFF.rstrip())


async def test_show_again_shows_the_diff_before_the_decision(editor: Editor, ask: Any) -> None:
    asker = await ask(SHOWING)
    editor.answers["window/showDocument"] = {"success": True}
    editor.answers["window/showMessageRequest"] = make_chooser("Show the changes", "Apply")
    assert await asker.ask(make_question()) is Answer.APPROVE
    assert [one["takeFocus"] for one in list_questions(editor, "window/showDocument")] == [False, True]


async def test_in_a_modal_editor_the_diff_is_part_of_the_question(editor: Editor, ask: Any) -> None:
    asker = await ask(SHOWING, "Neovim")
    editor.answers["window/showDocument"] = {"success": True}
    editor.answers["window/showMessageRequest"] = make_chooser("Show the changes", "Apply")
    assert await asker.ask(make_question()) is Answer.APPROVE
    first, second = (one["message"] for one in list_questions(editor))
    assert (first, second.endswith(DIFF.rstrip())) == ("Starling: Fix pi?", True)


async def test_a_client_without_message_requests_cannot_be_asked(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = NotImplementedError("window/showMessageRequest")
    assert await asker.ask(make_question()) is Answer.UNABLE


@pytest.mark.parametrize("answer", ["Apply", 5, [], {}, {"name": "Apply"}])
async def test_an_answer_that_is_not_of_lsps_type_ends_the_waiting(editor: Editor, ask: Any, answer: object) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = lambda _: answer
    assert await asker.ask(make_question()) is Answer.UNABLE
    editor.answers["window/showMessageRequest"] = make_chooser("Apply")
    assert await asker.ask(make_question()) is Answer.APPROVE


async def test_an_answer_with_a_null_error_is_an_answer(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = SILENCE
    asking = asyncio.ensure_future(asker.ask(make_question()))
    sent = await editor.message(lambda message: message.get("method") == "window/showMessageRequest")
    editor.receive({"id": sent["id"], "result": {"title": "Apply"}, "error": None})
    assert await asking is Answer.APPROVE


async def test_a_cancelled_question_is_withdrawn_and_a_late_approval_ignored(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = SILENCE
    asking = asyncio.ensure_future(asker.ask(make_question()))
    sent = await editor.message(lambda message: message.get("method") == "window/showMessageRequest")
    asking.cancel()
    taken_down = await editor.message(lambda message: message.get("method") == "$/cancelRequest")
    assert taken_down["params"] == {"id": sent["id"]}
    editor.receive({"id": sent["id"], "result": {"title": "Apply"}})
    await asyncio.wait((asking,))
    assert asking.cancelled()
    assert not editor.server.session.guard.failures


async def test_one_question_at_a_time(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = SILENCE
    both = [asyncio.ensure_future(asker.ask(make_question(title=title))) for title in ("First", "Second")]
    first = await editor.message(lambda message: message.get("method") == "window/showMessageRequest")
    assert len(list_questions(editor)) == 1
    editor.receive({"id": first["id"], "result": {"title": "Apply"}})
    second = await editor.message(lambda one: "Second" in one.get("params", {}).get("message", ""))
    editor.receive({"id": second["id"], "result": None})
    assert await asyncio.gather(*both) == [Answer.APPROVE, Answer.REJECT]


async def test_the_question_about_a_command_shows_its_command_line(editor: Editor, ask: Any) -> None:
    asker = await ask(SHOWING)
    editor.answers["window/showMessageRequest"] = make_chooser("Run")
    command = make_question(tool=EXECUTE_COMMAND, title="Run the tests", diff="pytest -q", proposal=None)
    assert await asker.ask(command) is Answer.APPROVE
    [message] = list_questions(editor)
    assert message["message"].endswith("\n\npytest -q")
    assert [one["title"] for one in message["actions"]] == ["Run", "Reject"]


async def test_text_of_an_agent_stays_on_one_line_of_the_question(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    await asker.ask(make_question(title="Fix pi\n\nApply\x1b[2J", why="no\r\nWarning: none" + "!" * 900))
    head = list_questions(editor)[0]["message"].split("\n")
    assert head[0] == "Starling: Fix pi Apply\ufffd[2J?"
    assert head[1].startswith("Proposed by reviewer: no Warning: none!")
    assert head[2] == ""


async def test_a_diff_in_a_message_holds_no_control_characters(editor: Editor, ask: Any) -> None:
    await (await ask({})).ask(make_question(diff="--- a\n+++ b\n+\tx = '\x1b]0;owned\x07'\n"))
    assert list_questions(editor)[0]["message"].endswith("+\tx = '\ufffd]0;owned\ufffd'")


@pytest.mark.parametrize(
    ("name", "capabilities", "itself"),
    [
        ("Visual Studio Code", VSCODE, True),
        ("Visual Studio Code - Insiders", VSCODE, True),
        ("Neovim", VSCODE, False),  # asks for each document, never about files, and calls a no applied
        ("Some editor", VSCODE, False),  # what it declares is no proof
        ("Visual Studio Code", SHOWING, False),
    ],
)
async def test_only_a_trusted_preview_asks_by_itself(
    ask: Any, name: str, capabilities: dict[str, Any], *, itself: bool
) -> None:
    assert (await ask(capabilities, name)).asks_while_applying(make_question()) is itself


async def test_a_client_with_its_own_view_is_sent_both_texts_of_each_file(editor: Editor, ask: Any) -> None:
    asker = await ask(COMPARING, "Visual Studio Code")
    editor.answers["starling/confirm"] = {"answer": "Apply"}
    changes = (
        CHANGE,
        CreateFile(Path("/w/new.py"), "x = 1\n"),
        DeleteFile(Path("/w/old.py"), "y = 1\n"),
        RenameFile(Path("/w/a.py"), Path("/w/b.py")),
    )
    proposal = ProposedEdit("Fix pi", "It is too small.", "reviewer", changes)
    assert not asker.asks_while_applying(make_question(proposal=proposal))
    assert await asker.ask(make_question(proposal=proposal)) is Answer.APPROVE
    [asked_for] = list_questions(editor, "starling/confirm")
    assert asked_for == {
        "id": "q1",
        "title": "Starling: Fix pi? This deletes old.py.",
        "detail": "Fix pi\nProposed by reviewer: It is too small.\nWarning: This deletes old.py.",
        "serious": False,
        "answers": ["Apply", "Reject"],
        "files": [
            {"action": "change", "uri": "file:///w/shapes.py", "target": "", "before": "pi = 3", "after": "pi = 3.14"},
            {"action": "create", "uri": "file:///w/new.py", "target": "", "before": "", "after": "x = 1\n"},
            {"action": "delete", "uri": "file:///w/old.py", "target": "", "before": "y = 1\n", "after": ""},
            {"action": "rename", "uri": "file:///w/a.py", "target": "file:///w/b.py", "before": "", "after": ""},
        ],
    }
    assert not list_questions(editor)


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ({"answer": "Apply"}, Answer.APPROVE),
        ({"answer": "Apply, and the rest of this task"}, Answer.APPROVE_TASK),
        ({"answer": "Reject"}, Answer.REJECT),
        ({"answer": "Yes, of course"}, Answer.REJECT),
        (None, Answer.REJECT),
        ({"answer": 1}, Answer.UNABLE),
        ("Apply", Answer.UNABLE),
        (NotImplementedError("starling/confirm"), Answer.UNABLE),
    ],
)
async def test_only_an_offered_approval_of_that_view_approves(
    editor: Editor, ask: Any, answer: object, meant: Answer
) -> None:
    asker = await ask(COMPARING)
    editor.answers["starling/confirm"] = answer if isinstance(answer, Exception) else (lambda _: answer)
    assert await asker.ask(make_question(may_remember=True)) is meant


CHOOSING: dict[str, Any] = {**VSCODE, "experimental": {"starling": {"confirm": True, "hunks": True}}}


def make_parts(**other: Any) -> Question:
    """Return a question about a proposal with three parts: two in shapes.py, and a new file."""
    text = "pi = 3\ne = 2\nx = 1\ny = 1"
    change = TextChange("file:///w/shapes.py", Path("/w/shapes.py"), text, (Edit(6, 6, ".14"), Edit(24, 24, "0")))
    proposal = ProposedEdit("Fix it", "Why.", "reviewer", (change, CreateFile(Path("/w/new.py"), "n = 1\n")))
    return make_question(proposal=proposal, hunks=find_hunks(proposal, ("shapes.py", "new.py")), **other)


async def test_a_view_for_parts_is_sent_the_parts_of_each_file(editor: Editor, ask: Any) -> None:
    asker = await ask(CHOOSING)
    editor.answers["starling/confirm"] = {"answer": "Apply", "hunks": ["0.1"]}
    assert await asker.ask(make_parts()) == TakenParts(frozenset({"0.1"}))
    [asked_for] = list_questions(editor, "starling/confirm")
    first, second = asked_for["files"]
    assert first["hunks"] == [
        {
            "id": "0.0", "before": [0, 1], "after": [0, 1], "header": "@@ -1,2 +1,2 @@",
            "lines": ["-pi = 3", "+pi = 3.14", " e = 2"],
        },
        {
            "id": "0.1", "before": [3, 4], "after": [3, 4], "header": "@@ -3,2 +3,2 @@",
            "lines": [" x = 1", "-y = 1", NO_NEWLINE, "+y = 10", NO_NEWLINE],
        },
    ]  # fmt: skip
    assert [one["id"] for one in second["hunks"]] == ["1.0"]
    assert (first["before"], first["after"]) == ("pi = 3\ne = 2\nx = 1\ny = 1", "pi = 3.14\ne = 2\nx = 1\ny = 10")


async def test_a_view_without_parts_is_sent_none(editor: Editor, ask: Any) -> None:
    asker = await ask(COMPARING)
    editor.answers["starling/confirm"] = {"answer": "Apply"}
    assert await asker.ask(make_parts()) is Answer.APPROVE
    assert all("hunks" not in one for one in list_questions(editor, "starling/confirm")[0]["files"])


async def test_a_proposal_that_is_asked_as_a_whole_has_no_parts(editor: Editor, ask: Any) -> None:
    asker = await ask(CHOOSING)
    editor.answers["starling/confirm"] = {"answer": "Apply"}
    await asker.ask(make_question())
    assert list_questions(editor, "starling/confirm")[0]["files"][0]["hunks"] == []


@pytest.mark.parametrize(
    ("answer", "meant"),
    [
        ({"answer": "Apply"}, Answer.APPROVE),
        ({"answer": "Apply", "hunks": ["1.0", "0.1", "0.0", "0.0"]}, Answer.APPROVE),
        ({"answer": "Apply, and the rest of this task", "hunks": ["1.0", "0.1", "0.0"]}, Answer.APPROVE_TASK),
        ({"answer": "Apply, and the rest of this task", "hunks": ["1.0"]}, TakenParts(frozenset({"1.0"}))),
        ({"answer": "Reject", "hunks": ["1.0"]}, Answer.REJECT),
        ({"answer": "Yes", "hunks": ["1.0"]}, Answer.REJECT),
        ({"answer": "Apply", "hunks": []}, TakenParts(frozenset())),
        ({"answer": "Apply", "hunks": ["9.9"]}, TakenParts(frozenset({"9.9"}))),
        ({"answer": "Apply", "hunks": None}, Answer.UNABLE),
        ({"answer": "Apply", "hunks": "0.0"}, Answer.UNABLE),
        ({"answer": "Apply", "hunks": {"0.0": True}}, Answer.UNABLE),
        ({"answer": "Apply", "hunks": [0]}, Answer.UNABLE),
        ({"answer": "Apply", "hunks": [["0.0"]]}, Answer.UNABLE),
    ],
)
async def test_a_choice_of_parts_is_read_exactly(editor: Editor, ask: Any, answer: object, meant: object) -> None:
    asker = await ask(CHOOSING)
    editor.answers["starling/confirm"] = lambda _: answer
    assert await asker.ask(make_parts(may_remember=True)) == meant


async def test_that_view_shows_proposals_and_questions_about_commands_are_messages(editor: Editor, ask: Any) -> None:
    asker = await ask(COMPARING)
    editor.answers["window/showMessageRequest"] = make_chooser("Run")
    command = make_question(tool=EXECUTE_COMMAND, title="Run the tests", diff="pytest -q", proposal=None)
    assert await asker.ask(command) is Answer.APPROVE
    assert not list_questions(editor, "starling/confirm")


async def test_a_view_that_also_permits_is_asked_about_commands(editor: Editor, ask: Any) -> None:
    asker = await ask({**VSCODE, "experimental": {"starling": {"confirm": True, "permit": True}}})
    editor.answers["starling/confirm"] = {"answer": "Run"}
    command = make_question(tool=EXECUTE_COMMAND, title="Run the tests", diff="pytest\x1b[2J -q", proposal=None)
    assert await asker.ask(command) is Answer.APPROVE
    [asked_for] = list_questions(editor, "starling/confirm")
    assert (asked_for["files"], asked_for["answers"]) == ([], ["Run", "Reject"])
    assert asked_for["detail"].endswith("It is too small.\n\npytest\ufffd[2J -q")
    assert not list_questions(editor)


@pytest.mark.parametrize("experimental", [None, 1, [], {}, {"starling": True}, {"starling": {"confirm": 1}}])
async def test_without_an_exact_declaration_there_is_no_such_view(ask: Any, experimental: object) -> None:
    asker = await ask({**VSCODE, "experimental": experimental}, "Visual Studio Code")
    assert asker.asks_while_applying(make_question())


async def test_a_preview_is_not_used_for_commands_and_foreign_line_ends(ask: Any) -> None:
    asker = await ask(VSCODE, "Visual Studio Code")
    made = ProposedEdit("Add it", "It is missing.", "generator", (CreateFile(Path("/w/new.py"), "x = 1\r\n"),))
    assert not asker.asks_while_applying(make_question(proposal=None))
    assert not asker.asks_while_applying(make_question(proposal=made))


async def test_a_client_that_takes_no_edits_is_not_asked_about_text_changes(ask: Any) -> None:
    asker = await ask({})
    assert asker.find_obstacle(make_question()) == (
        "Ed takes no edits from a language server (`workspace/applyEdit`); make the change by hand."
    )
    assert asker.find_obstacle(make_question(proposal=None)) == ""


async def test_the_time_to_answer_a_second_question_begins_when_it_is_shown(editor: Editor, ask: Any) -> None:
    asker = await ask({})
    editor.answers["window/showMessageRequest"] = SILENCE
    first, second = make_question(), make_question(id="q2")
    asking = [asyncio.ensure_future(asker.ask(one)) for one in (first, second)]
    for one in (first, second):
        one.clock.start()  # as the gate does
    while not list_questions(editor):  # noqa: ASYNC110 (the client is sent it)
        await asyncio.sleep(0)
    assert (first.clock.is_running, second.clock.is_running, len(list_questions(editor))) == (True, False, 1)
    asking[0].cancel()
    while len(list_questions(editor)) < 2:  # noqa: ASYNC110 (likewise)
        await asyncio.sleep(0)
    assert second.clock.is_running
    asking[1].cancel()
    await asyncio.gather(*asking, return_exceptions=True)

"""The VS Code extension speaks of the server as it is: settings, commands, messages, figures. Needs no Node."""

from __future__ import annotations

import dataclasses
import importlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from agents.completion.statistics import CompletionStatistics
from agents.edits import ProposedEdit, RenameFile
from agents.next_edit.next_edits import Candidate, Kind, NextEdit
from agents.ports.person import PlanQuestion, ProposedStep
from agents.ports.task_queue import TaskStatus
from agents.team import events
from agents.tools import WRITE_FILE
from server.assembly.settings import resolve
from server.assembly.settings_reference import list_settings
from server.gate.hunks import find_hunks
from server.gate.ports import Question
from server.lsp import own_methods
from server.lsp.commands import COMMANDS, ask, tasks
from server.lsp.commands.answering.turn_stream import TurnStream
from server.lsp.conversion import next_edits
from server.lsp.conversion.outgoing import ACCEPTED_COMMAND
from server.lsp.editor import confirm_request, editor_person, progress, state_changes
from server.lsp.session import model_loading
from server.lsp.session.next_edit_requests import PlacedEdit
from server.lsp.session.open_documents import OpenText
from server.state.change_marks import Marks
from server.work.workspace_tasks import UNFINISHED
from tests.tidy.vscode_settings import MANIFEST, render_manifest

ROOT = Path(__file__).resolve().parents[2]
EXTENSION = ROOT / "editors" / "vscode"
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in (EXTENSION / "src").glob("*.ts")}
CHAT_PAGE = (EXTENSION / "page" / "chat.ts").read_text(encoding="utf-8")
PACKAGE: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
CONTRIBUTED = PACKAGE["contributes"]
PROPERTIES: dict[str, Any] = {
    key: schema for group in CONTRIBUTED["configuration"] for key, schema in group["properties"].items()
}
BY_CODE_ACTIONS = {"starling.fix"}  # the server's own menu runs it
BY_NOTIFICATIONS = {"starling.nextEdit.accepted"}  # `starling/didEndNextEdit` says the same
BY_VIEWS = {"starling.undoable"}  # the view of proposals undoes a change at its line
FIELDS = re.compile(r"^ +readonly (\w+)\??:", re.MULTILINE)


def interface(module: str, name: str) -> set[str]:
    """Return the names of the fields of a TypeScript interface."""
    found = re.search(rf"^(?:export )?interface {name} \{{\n(.*?)^\}}", SOURCES[module], re.MULTILINE | re.DOTALL)
    assert found, f"no interface {name} in {module}.ts"
    return set(FIELDS.findall(found[1]))


def test_the_settings_are_made_from_the_settings_class() -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    assert render_manifest(text) == text, "out of date: make docs"


def test_every_setting_an_editor_may_set_is_offered_and_no_other() -> None:
    offered = {key.removeprefix("starling.") for key in PROPERTIES if not key.startswith("starling.server.")}
    assert offered == {one.key for one in list_settings() if not one.personal}


@pytest.mark.parametrize("key", sorted(key for key in PROPERTIES if not key.startswith("starling.server.")))
def test_what_the_settings_page_takes_the_server_takes(key: str) -> None:
    _, section, name = key.split(".")
    _, problems = resolve(editor={section: {name: PROPERTIES[key]["default"]}}, environment={}, user_file=ROOT / "none")
    assert problems == ()


def test_what_a_workspace_may_not_set_is_the_persons_alone() -> None:
    scopes = {one.key: PROPERTIES[f"starling.{one.key}"]["scope"] for one in list_settings() if not one.personal}
    assert scopes == {one.key: "window" if one.workspace else "machine" for one in list_settings() if not one.personal}
    own = {key: schema["scope"] for key, schema in PROPERTIES.items() if key.startswith("starling.server.")}
    assert set(own.values()) == {"machine"}


def test_an_untrusted_folder_sets_nothing() -> None:
    assert set(PACKAGE["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]) == set(PROPERTIES)


def test_the_extension_knows_the_servers_commands_by_their_names() -> None:
    table = re.search(r"COMMANDS = \{(.*?)\}", SOURCES["server"], re.DOTALL)
    assert table
    assert (
        set(re.findall(r"'(starling\.[\w.]+)'", table[1]))
        == set(COMMANDS) - BY_CODE_ACTIONS - BY_NOTIFICATIONS - BY_VIEWS
    )
    assert f"ACCEPTED = '{ACCEPTED_COMMAND}'" in SOURCES["completions"] or ACCEPTED_COMMAND in table[1]


def test_every_command_of_the_palette_is_there_and_none_is_the_servers_own() -> None:
    contributed = {one["command"] for one in CONTRIBUTED["commands"]}
    registered = set(re.findall(r"^ {8}'(starling\.[\w.]+)':", SOURCES["extension"], re.MULTILINE))
    registered |= set(re.findall(r"registerCommand\('(starling\.[\w.]+)'", SOURCES["proposals"]))
    assert contributed == registered
    assert contributed & set(COMMANDS) == set()


@pytest.mark.parametrize(
    ("module", "name", "command", "record"),
    [
        ("server", "Status", "starling.status", "Result"),
        ("server", "Written", "starling.generate", "Result"),
        ("reports", "Review", "starling.review", "Result"),
        ("reports", "Coverage", "starling.analyzeTestCoverage", "Result"),
        ("reports", "Finding", "starling.review", "LocatedFinding"),
        ("reports", "Validation", "starling.validate", "Result"),
        ("reports", "Style", "starling.analyzePep8", "Result"),
        ("reports", "Complexity", "starling.calculateComplexity", "Result"),
        ("reports", "Measured", "starling.calculateComplexity", "FunctionFacts"),
        ("approvals", "Approval", "starling.approvals", "Approval"),
        ("approvals", "AuditRow", "starling.audit", "Row"),
        ("tasks", "Task", "starling.tasks", "TaskFacts"),
        ("tasks", "Changed", "starling.tasks", "Result"),
        ("tasks", "Question", "starling.questions", "WaitingQuestion"),
        ("tasks", "Answered", "starling.questions", "Result"),
        ("memory", "Memory", "starling.memory", "MemoryFacts"),
        ("memory", "Remembered", "starling.memory", "Result"),
        ("actions", "Hit", "starling.search", "Hit"),
        ("actions", "AskedAgain", "starling.askAgain", "Result"),
        ("page", "Workflow", "starling.workflows", "WorkflowFacts"),
        ("chatView", "Ended", "starling.ask", "Result"),
        ("chatView", "StoredSession", "starling.session", "Result"),
        ("chatHistory", "Entry", "starling.session", "EntryFacts"),
        ("chatEvents", "PlanStep", "starling.session", "StepFacts"),
        ("chatSessions", "SessionFacts", "starling.sessions", "SessionFacts"),
        ("chatState", "RoleFacts", "starling.roles", "RoleFacts"),
    ],
)
def test_what_the_extension_reads_of_an_answer_the_server_gives(
    module: str, name: str, command: str, record: str
) -> None:
    given = getattr(importlib.import_module(COMMANDS[command]), record).model_fields
    assert interface(module, name)
    assert interface(module, name) - set(given) == set()


def test_the_question_is_read_as_it_is_asked(tmp_path: Path) -> None:
    move = RenameFile(tmp_path / "a.py", tmp_path / "b.py")
    proposal = ProposedEdit("Move it", "It is better.", "tester", (move,))
    hunks = find_hunks(proposal, ("a.py",))
    asked = confirm_request.build_params(
        Question("q1", WRITE_FILE, "Move it", "It is better.", "tester", "", proposal=proposal, hunks=hunks),
        chooses=True,
    )
    assert interface("proposals", "Question") == set(asked)
    assert interface("parts", "ProposedFile") == set(asked["files"][0])
    assert interface("parts", "Hunk") == set(asked["files"][0]["hunks"][0])
    assert f"CONFIRM = '{confirm_request.CONFIRM}'" in SOURCES["proposals"]
    declared = re.search(r"starling: \{(.*?)\}", SOURCES["service"], re.DOTALL)
    assert declared
    assert re.findall(r"(\w+): true", declared[1]) == [
        *("confirm", "hunks", "permit", "ask", "plan", "save", "changed", "nextEdit", "login"),
    ]
    assert f"ASK = '{editor_person.ASK}'" in SOURCES["asking"]


def test_a_next_edit_is_read_as_it_is_sent() -> None:
    document = OpenText.of("untitled:1", None, "python", 1, "count = 1")
    candidate = Candidate(document.uri, 0, 5, "total", Kind.RENAME, "`count` was renamed to `total`.")
    placed = PlacedEdit(NextEdit("e1", document.version, candidate), document)
    result = next_edits.build_next_edit(placed, "utf-16")
    assert result
    assert interface("nextEdit", "NextEdit") == set(result["edit"]) - {"kind"}
    for name, method in (
        ("NEXT_EDIT", own_methods.NEXT_EDIT),
        ("SHOWN", own_methods.DID_SHOW_NEXT_EDIT),
        ("ENDED", own_methods.DID_END_NEXT_EDIT),
    ):
        assert f"{name} = '{method}'" in SOURCES["nextEdits"]


def test_a_change_of_another_process_is_read_as_it_is_told() -> None:
    same = Marks((), frozenset(), ())
    assert interface("service", "StateChange") == set(state_changes.describe_difference(same, same))
    assert f"CHANGED = '{state_changes.CHANGED}'" in SOURCES["service"]


def test_each_status_of_a_task_has_an_icon_and_the_actions_are_the_servers() -> None:
    icons = re.search(r"ICONS: Record<string, ThemeIcon> = \{(.*?)^\};", SOURCES["tasks"], re.DOTALL | re.MULTILINE)
    assert icons
    assert set(re.findall(r"^    (\w+): new", icons[1], re.MULTILINE)) == set(TaskStatus)
    unfinished = re.search(r"UNFINISHED = \[(.*?)\]", SOURCES["tasks"])
    assert unfinished
    assert set(re.findall(r"'(\w+)'", unfinished[1])) == set(UNFINISHED)
    allowed = tasks.Arguments.model_json_schema()["properties"]["action"]["enum"]
    assert set(re.findall(r"this\.run\('(\w+)'", SOURCES["tasks"])) == set(allowed) - {"list"}


def test_a_plan_is_read_as_it_is_asked() -> None:
    question = PlanQuestion("It", (ProposedStep("Do it", "coder"),), ("coder",))
    asked = editor_person.build_plan_params(question)
    assert interface("plans", "AskedPlan") == set(asked)
    assert interface("chatState", "ProposedStep") == set(asked["steps"][0])
    assert f"PLAN = '{editor_person.PLAN}'" in SOURCES["plans"]


def test_each_event_of_a_turn_is_read_as_it_is_streamed() -> None:
    sent: list[dict[str, Any]] = []
    job = MagicMock()
    job.loop.is_closed.return_value = False
    job.loop.call_soon_threadsafe.side_effect = lambda call, event: call(event)
    stream = TurnStream(job, sent.append)
    stream.begin("s1", "a title")
    stream.emit(events.AgentChosen("coder", "it fits"))
    stream.emit(events.TextArrived("coder", "I look."))
    stream.emit(events.CallStarted("coder", "c1", "read_file", "Read a.py"))
    stream.emit(events.CallEnded("coder", "c1", "read_file", "text", failed=False, seconds=0.1))
    stream.emit(events.PlanChanged((("Look", "open"),)))
    stream.emit(events.Noted("a note"))
    read = SOURCES["chatEvents"]
    assert {one["kind"] for one in sent} == set(re.findall(r"readonly kind: '(\w+)'", read))
    for one in sent:
        [case] = re.findall(rf"case '{one['kind']}':(.*?)(?=case '|default:)", read, re.DOTALL)
        assert set(re.findall(r"fields\.(\w+)", case)) <= set(one)


def test_the_chat_page_runs_only_commands_of_the_extension() -> None:
    known = re.search(r"VIEW_COMMANDS = \[(.*?)\]", SOURCES["chatEvents"], re.DOTALL)
    assert known
    assert set(re.findall(r"'([\w.]+)'", known[1])) <= {one["command"] for one in CONTRIBUTED["commands"]}


def test_the_progress_of_the_team_is_known_by_its_title() -> None:
    assert f"TEAM = '{ask.JOB}'" in SOURCES["progress"]


def test_the_figures_of_the_page_are_counted_by_the_server() -> None:
    counted = {field.name for field in dataclasses.fields(CompletionStatistics)}
    read = set(re.findall(r"readNumber\((?:counted|completion), '(\w+)'\)", SOURCES["page"]))
    read |= set(re.findall(r"^ +(\w+): '[\w ,]+',$", SOURCES["page"], re.MULTILINE))
    read |= set(re.findall(r"completion\.(\w+)", SOURCES["page"]))
    assert len(read) > 10
    assert read - counted == set()


def test_indexing_is_known_by_the_title_that_the_server_gives_it() -> None:
    assert f"INDEXING = '{progress.TITLE}'" in SOURCES["progress"]


def test_the_loading_of_a_model_is_known_by_the_beginning_of_its_title() -> None:
    assert f"LOADING = '{model_loading.TITLE}'" in SOURCES["progress"]


def test_the_extension_has_the_servers_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert PACKAGE["version"] == project["version"]


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((MANIFEST.parent / "package-lock.json").read_text(encoding="utf-8"))
    assert len(lock["packages"]) > 10
    assert [name for name, one in lock["packages"].items() if "resolved" in one] == []


def test_nothing_of_the_extension_speaks_to_a_network() -> None:
    speaking = re.compile(r"\bfetch\(|https?\.request|node:https?|node:net")
    # to a server of ours, at an address that a person named and no workspace can
    assert [name for name, text in SOURCES.items() if speaking.search(text)] == ["connection"]
    assert not re.search(rf"{speaking.pattern}|XMLHttpRequest|WebSocket|EventSource|sendBeacon", CHAT_PAGE)
    server = PROPERTIES["starling.server.address"], PROPERTIES["starling.server.tokenFile"]
    assert [one["scope"] for one in server] == ["machine", "machine"]

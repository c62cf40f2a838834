"""The extension in a real VS Code: suggestions, findings, proposals, statistics, and failures."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.shop import BEGUN
from tests.editors.vscode import CHAT, REPOSITORY, Workbench
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    Open = Callable[..., Workbench]

PROPOSING = REPOSITORY / "tests" / "wire" / "proposing_server.py"
NO_MODEL = {"STARLING_MODEL__ENABLED": "false"}
# Without a model Starling suggests only code of the workspace, here even if it is unlikely: so the tests know each one.
ALL = "[completion]\nmin_confidence = 0.0\n"
REDRAW_S = 2.0  # a view that is redrawn more often never shows its content
GATHER = """
#- gather.py
def collect(item, found=[]):
    found.append(item)
    return found
"""
# The line that is typed again is far enough above, and the class has its member: so it is likely in every state of the
# index.
FINDERS = """\
class Mine:
    def __init__(self):
        self._lists = []
        self._maxes = []

    def find(self, value):
        pos = bisect_left(self._maxes, value)
        if pos == len(self._maxes):
            return None
        return self._lists[pos]

    def find_again(self, value):
"""
FIXED = ["def collect(item, found=None):", "    if found is None:", "        found = []", "    found.append(item)"]


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """Copy the package `sortedcontainers`, add a module that a test continues, and return the folder."""
    folder = tmp_path / "sortedcontainers"
    shutil.copytree(Path(sysconfig.get_path("purelib")) / "sortedcontainers", folder)
    (folder / ".starling.toml").write_text(ALL, encoding="utf-8")
    (folder / "mine.py").write_text("class Mine:\n    def clear(self):\n        ", encoding="utf-8")
    return folder


def find_servers(folder: Path) -> list[psutil.Process]:
    """Return the language servers of this test: those that store their state below `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            line, home = process.cmdline(), process.environ().get("STARLING_HOME", "")
        except psutil.Error:
            continue
        if Path(home).is_relative_to(folder) and home and line[-1:] == ["serve"]:
            found.append(process)
    return found


def wait_for_suggestion(workbench: Workbench, last: str = "_") -> str:
    """Type the last character again until there is a suggestion, since the index may not be ready; return it."""

    def read_or_retype() -> str:
        if not (ghost := workbench.read_suggestion()):
            workbench.press("Backspace")
            workbench.type(last)
        return ghost

    return str(workbench.wait_until("a suggestion", read_or_retype, every_s=REDRAW_S))


def test_a_suggestion_is_shown_while_typing_and_tab_accepts_it(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open_file("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    ghost = wait_for_suggestion(workbench)
    workbench.take_picture("suggestion.png")
    workbench.press("Tab")
    line = f"        self._clear = self._{ghost.split(chr(10))[0]}"
    workbench.wait_until(f"the line {line!r}", lambda: line in workbench.read_lines())

    workbench.run_command("Starling: Show Statistics")
    workbench.wait_until("the figures", lambda: "<figcaption" in workbench.read_page())
    wait_for_count(workbench, "accepted")
    assert _read_count(workbench, "accepted in part") in {"", "0"}


def _read_count(workbench: Workbench, name: str) -> str:
    """Return a count from the table of the first chart that has it; "" if none has."""
    _, _, rest = workbench.read_page().partition(f'<th scope="row">{name}</th><td>')
    return rest.partition("</td>")[0]


def wait_for_count(workbench: Workbench, name: str) -> None:
    """Refresh the statistics until the count `name` is 1."""

    def has_count_or_refresh() -> bool:
        return _read_count(workbench, name) == "1" or _refresh(workbench)

    workbench.wait_until(f"one {name}", has_count_or_refresh, every_s=REDRAW_S)


def _refresh(workbench: Workbench) -> bool:
    """Open the statistics again. Always returns False, so that the caller checks the new page later."""
    workbench.click(".editor-actions .action-label[aria-label*='Show Statistics']")
    return False


def test_while_the_completion_list_is_open_tab_accepts_the_word_and_then_the_rest(
    collections: Path, open_folder: Open
) -> None:
    (collections / "mine.py").write_text(FINDERS, encoding="utf-8")
    workbench = open_folder(collections, settings={"editor.quickSuggestions": {"other": "on"}})
    workbench.open_file("mine.py")
    workbench.press("Control+End")
    workbench.type("        pos = bisect_left(self._m")
    workbench.wait_for(".suggest-widget .monaco-list-row", "_maxes")

    checks = itertools.count()

    def continues_word() -> bool:
        """Whether a suggestion continues the word; if not, type the last character again, which requests a new one.

        Not at the first check, when it may just be coming.
        """
        if "axes" in workbench.read_suggestion():
            return True
        if next(checks):
            workbench.press("Backspace")
            workbench.type("m")
        return False

    workbench.wait_until("a suggestion that goes on from the word", continues_word, every_s=3.0)
    workbench.press("Tab")
    begun = "        pos = bisect_left(self._maxes"
    workbench.wait_until("the word", lambda: workbench.read_lines()[-1].startswith(begun))
    assert workbench.wait_until("the rest", workbench.read_suggestion).startswith(", value")
    workbench.press("Tab")
    workbench.wait_until("all of it", lambda: workbench.read_lines()[-1] == f"{begun}, value)")


def test_an_accepted_word_of_a_suggestion_is_counted(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(BEGUN).write(tmp_path / "shop"))
    workbench.open_file("order.py")
    workbench.press("Control+End")
    workbench.type("    amount += pri")
    assert wait_for_suggestion(workbench, "i") == "ces[item.name] * item.count"
    workbench.press("Control+ArrowRight")
    workbench.wait_until("less to be suggested", lambda: workbench.read_suggestion() == "[item.name] * item.count")
    workbench.run_command("Starling: Show Statistics")
    workbench.wait_until("the figures", lambda: "<figcaption" in workbench.read_page())
    wait_for_count(workbench, "accepted in part")


def test_suggestions_are_turned_off_and_on_again_for_a_file(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open_file("mine.py")
    workbench.click("[id='starling.starling.starling.status'] a")
    workbench.take_picture("menu.png")
    workbench.click(".quick-input-list .monaco-list-row", "Turn Off for This File")
    workbench.wait_until("it to be off", lambda: "off: for this file" in workbench.read_status())
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    workbench.run_command("Trigger Inline Suggestion")
    assert workbench.read_suggestion() == ""
    workbench.run_command("Starling: Turn Suggestions On or Off for This File")
    workbench.wait_until("it to be on", lambda: workbench.read_status() == "Starling, ready")
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+End")
    workbench.type("_")
    workbench.press("Backspace")
    workbench.run_command("Trigger Inline Suggestion")
    assert wait_for_suggestion(workbench)


def test_a_finding_is_fixed_after_one_approval_and_the_change_is_undone(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(GATHER).write(tmp_path / "work")
    before = (folder / "gather.py").read_bytes()
    workbench = open_folder(folder)
    workbench.open_file("gather.py")
    workbench.wait_for(".squiggly-warning")
    workbench.go_to(1, 22)
    workbench.apply_code_action("Create a new value in each call")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.wait_until("the question", workbench.read_notifications)
    assert [
        text.startswith("Starling: Create a new value in each call?") for text in workbench.read_notifications()
    ] == [True]
    workbench.wait_until("the state", lambda: "asks" in workbench.read_status())
    workbench.take_picture("proposal.png")
    workbench.type("\n\n")  # typed by a person who goes on typing: not an answer
    assert "asks" in workbench.read_status()
    workbench.click(".notifications-toasts .monaco-button", "Apply")
    workbench.wait_until("the change", lambda: workbench.read_lines()[:4] == FIXED)
    workbench.wait_until_gone(".monaco-diff-editor")
    assert workbench.read_notifications() == []
    assert (folder / "gather.py").read_bytes() == before  # the buffer is not saved
    workbench.press("Control+s")
    workbench.wait_until("it to be saved", lambda: b"None" in (folder / "gather.py").read_bytes())

    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait_for(".pane .monaco-list-row", "applied")
    workbench.take_picture("proposals.png")
    workbench.run_command("Starling: Undo the Last Change")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "found=[]")
    workbench.click(".editor-actions .action-label[aria-label^='Apply']")
    workbench.wait_until_gone(".monaco-diff-editor")
    workbench.wait_until("the question to be out of sight", lambda: workbench.read_notifications() == [])
    workbench.wait_until("the old text", lambda: workbench.read_lines()[0] == "def collect(item, found=[]):")
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+s")
    workbench.wait_until("every byte", lambda: (folder / "gather.py").read_bytes() == before)


def test_a_question_whose_server_was_killed_is_asked_again_by_its_button(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(GATHER).write(tmp_path / "work")
    workbench = open_folder(folder)
    workbench.open_file("gather.py")
    workbench.wait_for(".squiggly-warning")
    workbench.go_to(1, 22)
    workbench.apply_code_action("Create a new value in each call")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.wait_until("the question", workbench.read_notifications)
    for server in find_servers(tmp_path):
        server.kill()
    workbench.wait_until_gone(".monaco-diff-editor")
    workbench.wait_until("another server", lambda: "ready" in workbench.read_status())
    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait_for(".pane .monaco-list-row", "expired")
    workbench.click(".pane .monaco-list-row", "expired")
    workbench.take_picture("ask-again.png")
    workbench.click(".pane .monaco-list-row .action-label[aria-label^='Ask Again']")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.wait_until("the question", workbench.read_notifications)
    workbench.click(".notifications-toasts .monaco-button", "Apply")
    workbench.wait_until("the change", lambda: workbench.read_lines()[:4] == FIXED)
    workbench.wait_for(".pane .monaco-list-row", "applied")


def test_a_rejected_proposal_changes_nothing(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(GATHER).write(tmp_path / "work")
    before = (folder / "gather.py").read_bytes()
    workbench = open_folder(folder)
    workbench.open_file("gather.py")
    workbench.wait_for(".squiggly-warning")
    workbench.go_to(1, 22)
    workbench.apply_code_action("Create a new value in each call")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.wait_until("the question", workbench.read_notifications)
    workbench.click("[id='starling.starling.starling.status'] a")
    workbench.click(".quick-input-list .monaco-list-row", "Reject")
    workbench.wait_until_gone(".monaco-diff-editor")
    assert workbench.read_lines()[0] == "def collect(item, found=[]):"
    assert (folder / "gather.py").read_bytes() == before
    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait_for(".pane .monaco-list-row", "rejected")


def configure_proposal(folder: Path, *steps: dict[str, str]) -> dict[str, Any]:
    """Return arguments for `open_folder` so that Ctrl+Alt+P proposes `steps`."""
    keys = [{"key": "ctrl+alt+p", "command": "test.propose", "args": {"steps": list(steps)}}]
    return {
        "settings": {"starling.server.command": [sys.executable, str(PROPOSING)]},
        "keys": [{**one, "args": {"steps": [_make_absolute(folder, step) for step in steps]}} for one in keys],
    }


def _make_absolute(folder: Path, step: dict[str, str]) -> dict[str, str]:
    return {key: str(folder / value) if key in {"path", "to"} else value for key, value in step.items()}


SEVERAL = (
    {"kind": "text", "path": "gather.py", "old": "found=[]", "new": "found=()"},
    {"kind": "create", "path": "new.py", "new": "made = True\n"},
    {"kind": "delete", "path": "old.py"},
)


@pytest.mark.parametrize("answer", ["close", "apply"])
def test_a_change_of_several_files_is_one_question(tmp_path: Path, open_folder: Open, answer: str) -> None:
    folder = parse(GATHER + "#- old.py\nold = 1\n").write(tmp_path / "work")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    workbench = open_folder(folder, **configure_proposal(folder, *SEVERAL))
    workbench.open_file("gather.py")
    workbench.press("Control+Alt+p")
    workbench.wait_until("the question", workbench.read_notifications)
    workbench.wait_for(".multiDiffEntry", "new.py")
    workbench.wait_until("all three", lambda: len(workbench.read_texts(".multiDiffEntry")) == 3)
    workbench.take_picture("several.png")
    if answer == "close":
        workbench.run_command("View: Close Editor")
        workbench.wait_until("the end of it", lambda: "asks" not in workbench.read_status())
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert workbench.read_lines()[0] == "def collect(item, found=[]):"
    else:
        workbench.click(".editor-actions .action-label[aria-label^='Apply']")
        workbench.wait_until("the new file", lambda: (folder / "new.py").exists() and not (folder / "old.py").exists())
        workbench.wait_until("the change", lambda: workbench.read_lines()[0] == "def collect(item, found=()):")
        assert (folder / "new.py").read_text(encoding="utf-8") == "made = True\n"


PRICES = "apple = 1\npear = 2\nplum = 3\nfig = 4\nkiwi = 5\n"
PARTS = (
    {"kind": "text", "path": "prices.py", "old": PRICES, "new": PRICES.replace("apple", "lemon").replace("5", "6")},
    {"kind": "create", "path": "new.py", "new": "made = True\n"},
)


def test_parts_of_a_proposal_are_chosen_in_a_list_and_only_these_are_applied(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(f"#- prices.py\n{PRICES}").write(tmp_path / "work")
    workbench = open_folder(folder, **configure_proposal(folder, *PARTS))
    workbench.open_file("prices.py")
    workbench.press("Control+Alt+p")
    workbench.wait_until("the question", workbench.read_notifications)
    workbench.click(".notifications-toasts .monaco-button", "Choose Parts…")
    workbench.wait_for(".quick-input-list .monaco-list-row", "prices.py, line 5")
    assert len(workbench.read_texts(".quick-input-list .monaco-list-row")) == 3
    workbench.take_picture("parts-list.png")
    workbench.press("ArrowDown")  # to the first one
    workbench.press("ArrowDown")
    workbench.press("Space")
    workbench.press("Enter")
    workbench.wait_for(".quick-input-list .monaco-list-row", "Apply 2 of 3 Parts")
    workbench.wait_until_gone(".monaco-diff-editor .modified .view-line", "kiwi = 6")  # it shows what would be applied
    workbench.click(".quick-input-list .monaco-list-row", "Apply 2 of 3 Parts")
    workbench.wait_until("the new file", (folder / "new.py").exists)
    expected = PRICES.replace("apple", "lemon").splitlines()
    workbench.wait_until("the change", lambda: workbench.read_lines()[:5] == expected)


def test_a_killed_server_is_restarted(collections: Path, tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open_file("mine.py")
    (first,) = workbench.wait_until("the server", lambda: find_servers(tmp_path))
    first.kill()
    workbench.wait_until("another one", lambda: [one for one in find_servers(tmp_path) if one.pid != first.pid])
    workbench.wait_until("it to be ready", lambda: workbench.read_status() == "Starling, ready")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    wait_for_suggestion(workbench)
    assert workbench.read_notifications() == []


def test_each_chart_of_the_statistics_has_a_table(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open_file("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    wait_for_suggestion(workbench)
    workbench.press("Tab")
    workbench.run_command("Starling: Review This File")
    workbench.wait_until("the report", lambda: "of 100" in workbench.read_page())
    workbench.take_picture("review.png")
    workbench.run_command("Starling: Show Statistics")
    workbench.wait_until("the figures", lambda: "<figcaption" in workbench.read_page())
    wait_for_count(workbench, "accepted")
    workbench.take_picture("statistics.png")
    page = workbench.read_page()
    charts = page.count("<svg")
    assert charts >= 4
    assert page.count('role="img"') == page.count("<table id=") == charts
    assert "<script" not in page.partition("<body")[2]
    assert "default-src 'none'" in page


def test_the_complexity_of_a_file_is_a_table(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(GATHER).write(tmp_path / "work"))
    workbench.open_file("gather.py")
    workbench.run_command("Starling: Show the Complexity of This File")
    workbench.wait_until("the table", lambda: "<code>collect</code>" in workbench.read_page())
    assert re.findall(r"<td>(\d+)</td>", workbench.read_page()) == ["1", "0", "3", "0"]
    assert workbench.read_notifications() == []


def test_the_pep8_check_is_only_offered_for_python(tmp_path: Path, open_folder: Open) -> None:
    files = parse("#- crowded.py\nimport os, sys\n#- crowded.go\npackage crowded\n")
    workbench = open_folder(files.write(tmp_path / "work"))
    workbench.open_file("crowded.go")
    workbench.press("F1")
    workbench.type("Starling: Check This File", delay=5)
    workbench.wait_for(".quick-input-list .monaco-list-row", "Starling: Check This File")
    assert [text for text in workbench.read_texts(".quick-input-list .monaco-list-row") if "PEP 8" in text] == []
    workbench.press("Escape")
    workbench.open_file("crowded.py")
    workbench.run_command("Starling: Check This File Against PEP 8")
    workbench.wait_until("the table", lambda: "<code>E401</code>" in workbench.read_page())
    assert workbench.read_notifications() == []


def test_a_check_reports_the_line_that_does_not_parse(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse("#- broken.go\npackage broken\n\nvar b = )\n").write(tmp_path / "work"))
    workbench.open_file("broken.go")
    workbench.run_command("Starling: Check This File")
    workbench.wait_until("the verdict", lambda: "<strong>not parse</strong> as go: line 3." in workbench.read_page())
    assert workbench.read_notifications() == []


def test_the_status_includes_the_health_of_the_server(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(GATHER).write(tmp_path / "work"))
    workbench.run_command("Starling: Show Status")
    workbench.wait_until("the health", lambda: re.search(r"<h2[^>]*>Health</h2>", workbench.read_page()))
    assert workbench.read_notifications() == []


def test_an_answer_streams_into_a_markdown_preview(collections: Path, open_folder: Open) -> None:
    script = "=== keep order\n@token-time 0.4\nIt keeps **a list** in order.\n\n- by bisection\n- in chunks\n"
    with ScriptedServer(script) as server:
        chat = {"STARLING_CHAT__URL": f"{server.url}/v1", "STARLING_CHAT__MODEL": "scripted"}
        workbench = open_folder(collections, environment={**NO_MODEL, **chat})
        workbench.open_file("mine.py")
        workbench.run_command("Starling: Ask About This Code")
        workbench.wait_for(".quick-input-title", "Ask about this code")
        workbench.type("Does it keep order?")
        workbench.press("Enter")
        workbench.wait_until("its beginning", lambda: _has_only_begun(workbench.read_page()))
        workbench.wait_until("all of it", lambda: "<em>scripted</em>" in workbench.read_page())
        assert workbench.read_notifications() == []


def _has_only_begun(page: str) -> bool:
    """Whether the answer has begun, but is not complete."""
    return "<strong>a list</strong>" in page and "in chunks" not in page


AREA = """
#- area.py
import math


def area(radius):
    return 3.14 * radius * radius
"""
LIKE = "[aria-label='This answer is good']"
TEAM = """
=== Choose who of a team
{"role": "coder"}
=== count slowly
@token-time 0.5
One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen.
=== ask me
@times 1
@call ask_person {"question": "Which unit?", "choices": ["metres", "feet"]}
=== ask me
You chose.
=== run it
@times 1
@call execute_command {"command": "echo from-a-command"}
=== run it
The command has run.
=== in parts
@times 1
@call edit_file {"path": "area.py", "replacements": [{"old": "math\\n", "new": "math  # a\\n"}, {"old": "):", "new": "):  # b"}]}
=== in parts
You took a part of it.
===
@times 1
@call plan {"steps": [{"title": "Use math.pi", "status": "active"}, {"title": "Run the tests"}]}
@call edit_file {"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."}
===
@token-time 0.4
It uses **math.pi** now.

![chart](https://evil.example/?q=1) <b>not HTML</b>
"""  # noqa: E501 (a call is one line)


def test_a_session_with_the_team_in_the_chat_view(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(AREA).write(tmp_path / "work")
    with ScriptedServer(TEAM) as server:
        chat = {"STARLING_CHAT__URL": f"{server.url}/v1", "STARLING_CHAT__MODEL": "scripted"}
        workbench = open_folder(folder, environment={**NO_MODEL, **chat})
        workbench.open_file("area.py")
        workbench.run_command("Starling: Focus on Chat View")
        workbench.wait_for(f"{CHAT}#input:focus")
        workbench.wait_for(f"{CHAT}#send")
        _choose_mode_by_keys(workbench)
        _ask_team(workbench, "use pi")
        _approve_change(workbench)
        assert workbench.send("count", selector=f"{CHAT}img, .text b") == 0
        workbench.click(".editor-instance .view-lines")
        workbench.press("Control+s")
        workbench.wait_until("it to be saved", lambda: b"math.pi" in (folder / "area.py").read_bytes())
        workbench.click(f"{CHAT}{LIKE}")
        workbench.wait_for(f"{CHAT}{LIKE}[aria-pressed='true']")

        _take_part(workbench)
        _permit_command(workbench)
        _answer_agent(workbench)
        _ask_team(workbench, "count slowly")
        workbench.wait_until("the beginning", lambda: read_answer(workbench).startswith("One,"))
        workbench.press("Escape")
        workbench.wait_for(f"{CHAT}#send")
        assert "sixteen" not in read_answer(workbench)
        _hide_view_and_show_again(workbench)
        _open_session_again(workbench)
        workbench.run_command("Developer: Reload Window")
        workbench.wait_for(f"{CHAT}.person", "count slowly")
        workbench.wait_until("the mode", lambda: workbench.send("value", selector=f"{CHAT}#mode") == "act")
        assert workbench.read_notifications() == []


PROPOSE = (
    '{"steps": [{"title": "Design it", "role": "architect"}, {"title": "Write it", "role": "coder"}, '
    '{"title": "Test it", "role": "tester"}], "title": "A log", "confirm": true}'
)
PLANNING = f"""
=== says about this plan
I think again.
=== make another
@times 1
@call plan {PROPOSE}
=== has said yes
It starts.
===
@times 1
@call plan {PROPOSE}
"""


def test_a_plan_is_edited_by_keys_and_clicks_before_it_starts(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(AREA).write(tmp_path / "work")
    with ScriptedServer(PLANNING) as server:
        chat = {"STARLING_CHAT__URL": f"{server.url}/v1", "STARLING_CHAT__MODEL": "scripted"}
        workbench = open_folder(folder, environment={**NO_MODEL, **chat})
        workbench.open_file("area.py")
        workbench.run_command("Starling: Focus on Chat View")
        workbench.wait_for(f"{CHAT}#input:focus")
        workbench.wait_for(f"{CHAT}#send")
        _ask_team(workbench, "@orchestrator make a log")
        workbench.wait_for(f"{CHAT}#proposal h2", "Start this plan? A log")
        workbench.click(f"{CHAT}[aria-label='Move step 1 down']")
        workbench.wait_for(f"{CHAT}[aria-label='Move step 2 down']:focus")
        workbench.click(f"{CHAT}[aria-label='Remove step 3']")
        workbench.wait_for(f"{CHAT}[aria-label='Step 2']:focus")
        workbench.click(f"{CHAT}#proposal-add")
        workbench.wait_for(f"{CHAT}[aria-label='Step 3']:focus")
        workbench.type("Read it")
        workbench.press("Tab")
        workbench.type("reviewer")
        workbench.wait_until("the role", lambda: _read_value(workbench, "[aria-label='Role of step 3']") == "reviewer")
        workbench.click(f"{CHAT}#proposal-start")
        workbench.wait_for(f"{CHAT}.text", "It starts.")
        workbench.wait_until_gone(f"{CHAT}#proposal:not([hidden])")
        assert workbench.read_texts(f"{CHAT}#steps li") == ["Write it", "Design it", "Read it"]
        workbench.click(f"{CHAT}details summary")
        workbench.wait_for(f"{CHAT}details[open] pre", "[ ] Read it (reviewer)")

        workbench.click(f"{CHAT}#input")
        _ask_team(workbench, "@orchestrator make another")
        workbench.click(f"{CHAT}#proposal-remark")
        workbench.type("First the tests.")
        workbench.press("Tab")
        workbench.press("Tab")
        workbench.press("Enter")
        workbench.wait_for(f"{CHAT}.text", "I think again.")
        workbench.click(f"{CHAT}details.failed summary")
        workbench.wait_for(f"{CHAT}details.failed[open] pre", "The person says about this plan: First the tests.")
        assert workbench.read_notifications() == []


def _read_value(workbench: Workbench, selector: str) -> object:
    """Return the value of a field of the chat view."""
    return workbench.send("value", selector=f"{CHAT}{selector}")


def _approve_change(workbench: Workbench) -> None:
    """Wait for the question about the change, approve it in the view, and read the answer as it streams in."""
    workbench.wait_for(f"{CHAT}details.running summary", "Edit area.py")
    workbench.wait_for(f"{CHAT}#question h2", "Edit area.py")
    workbench.wait_for(f"{CHAT}#steps .active", "Use math.pi (now)")
    workbench.wait_for(".monaco-diff-editor .modified .view-line", "math.pi")
    workbench.take_picture("chat.png")
    workbench.click(f"{CHAT}#answers button", "Apply")
    workbench.wait_until_gone(".monaco-diff-editor")
    workbench.wait_until("a part of the answer", lambda: read_answer(workbench) in {"It", "It uses"})
    workbench.wait_for(f"{CHAT}.text strong", "math.pi")
    workbench.wait_for(f"{CHAT}.text", "<b>not HTML</b>")
    workbench.wait_for(f"{CHAT}.text", "![chart](https://evil.example/?q=1)")
    workbench.wait_for(f"{CHAT}.totals", "tokens")
    workbench.wait_for(f"{CHAT}details.done summary", "Edit area.py")
    workbench.wait_until("the change", lambda: "math.pi" in workbench.read_lines()[4])


def _take_part(workbench: Workbench) -> None:
    """Have an agent propose two parts, leave one out by a click and by keys, and apply the other one."""
    first = f"{CHAT}input[aria-label='area.py, line 1']"
    workbench.click(f"{CHAT}#input")
    _ask_team(workbench, "in parts")
    workbench.wait_for(first)
    assert workbench.read_texts(f"{CHAT}#parts .added") == ["+import math  # a", "+def area(radius):  # b"]
    workbench.click(first)
    workbench.wait_for(f"{CHAT}#answers button", "Apply 1 of 2 Parts")
    workbench.wait_until_gone(".monaco-diff-editor .modified .view-line", "# a")
    workbench.take_picture("parts.png")
    workbench.wait_for(f"{first}:focus")
    workbench.press("Space")  # takes it again
    workbench.wait_until("both", lambda: "Apply" in workbench.read_texts(f"{CHAT}#answers button"))
    workbench.press("Shift+Tab")  # the check box of the file
    workbench.press("Space")
    workbench.wait_for(f"{CHAT}#answers button:disabled", "Apply 0 of 2 Parts")
    workbench.click(f"{CHAT}input[aria-label='area.py, line 4']")
    workbench.click(f"{CHAT}#answers button", "Apply 1 of 2 Parts")
    workbench.wait_for(f"{CHAT}.text", "You took a part of it.")
    workbench.wait_until("the change", lambda: workbench.read_lines()[3] == "def area(radius):  # b")
    assert workbench.read_lines()[0] == "import math"
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+s")
    workbench.wait_until_gone(".tab.dirty")
    workbench.click(f"{CHAT}details:has-text('Edit area.py') >> nth=1 >> summary")
    workbench.wait_for(f"{CHAT}details[open] pre", "1 of 2 parts were taken. Left out: area.py, line 1.")


def _permit_command(workbench: Workbench) -> None:
    """Have an agent run a command, permit that in the view, and look at the result."""
    workbench.click(f"{CHAT}#input")
    _ask_team(workbench, "@debug run it")
    workbench.wait_for(f"{CHAT}#question p", "echo from-a-command")
    workbench.click(f"{CHAT}#answers button", "Run")
    workbench.wait_for(f"{CHAT}.text", "The command has run.")
    workbench.click(f"{CHAT}details:has-text('echo from-a-command') summary")
    workbench.wait_for(f"{CHAT}details[open] pre", "from-a-command")


def _answer_agent(workbench: Workbench) -> None:
    """Have an agent ask, choose the second answer by keys, and leave the cursor in the input."""
    workbench.click(f"{CHAT}#input")
    _ask_team(workbench, "ask me")
    workbench.wait_for(".quick-input-list .monaco-list-row", "feet")
    workbench.press("ArrowDown")
    workbench.press("Enter")
    workbench.wait_for(f"{CHAT}.text", "You chose.")
    workbench.click(f"{CHAT}details:has-text('Which unit') summary")
    workbench.wait_for(f"{CHAT}details[open] pre", "The person says: feet")
    workbench.click(f"{CHAT}#input")


def _hide_view_and_show_again(workbench: Workbench) -> None:
    """Type a draft, show another view and the chat view again, and wait for the conversation and the draft."""
    workbench.type("a draft")
    workbench.click(".activitybar .action-label[aria-label^='Explorer']")
    workbench.wait_until_gone("iframe.webview")
    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait_for(f"{CHAT}.person", "count slowly")
    workbench.wait_until("the draft", lambda: workbench.send("value", selector=f"{CHAT}#input") == "a draft")


def _open_session_again(workbench: Workbench) -> None:
    """Begin a new session, and open the one with the title "use pi" from the list."""
    workbench.click(f"{CHAT}#new")
    workbench.wait_until_gone(f"{CHAT}.person")
    workbench.click(f"{CHAT}#open")
    workbench.click(".quick-input-list .monaco-list-row", "use pi")
    workbench.wait_for(f"{CHAT}.person", "use pi")
    workbench.wait_for(f"{CHAT}{LIKE}[aria-pressed='true']")


def _choose_mode_by_keys(workbench: Workbench) -> None:
    """Choose the mode in which agents change files, from the input and back to it."""
    workbench.press("Tab")
    workbench.press("ArrowDown")
    workbench.wait_until("the mode", lambda: workbench.send("value", selector=f"{CHAT}#mode") == "act")
    workbench.press("Shift+Tab")


def _ask_team(workbench: Workbench, request: str) -> None:
    workbench.type(request)
    workbench.press("Enter")
    workbench.wait_for(f"{CHAT}.person", request)


def read_answer(workbench: Workbench) -> str:
    """Return the text of the last answer in the chat view, "" for none."""
    texts = workbench.read_texts(f"{CHAT}.answer .text")
    return texts[-1].strip() if texts else ""


def test_an_unreachable_endpoint_is_one_sentence_in_the_preview(collections: Path, open_folder: Open) -> None:
    chat = {"STARLING_CHAT__URL": "http://127.0.0.1:9/v1", "STARLING_CHAT__MODEL": "gone"}
    workbench = open_folder(collections, environment={**NO_MODEL, **chat})
    workbench.open_file("mine.py")
    workbench.run_command("Starling: Explain This Code")
    workbench.wait_until("the reason", lambda: "There is no answer." in workbench.read_page())
    assert workbench.read_notifications() == []


def test_a_missing_server_gets_one_message_and_the_editor_works(
    tmp_path: Path, collections: Path, extensions: Path
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "dirname", "uname", "sed", "readlink", "cat"):
        if program := shutil.which(name):
            (bare / name).symlink_to(program)
    environment = {"PATH": str(bare)}
    with Workbench.start(collections, tmp_path / "home", extensions, environment=environment) as workbench:
        workbench.wait_until("the message", workbench.read_notifications)
        workbench.wait_until("the state", lambda: "not running" in workbench.read_status())
        assert workbench.read_notifications() == [
            "Starling's server is not on this machine yet, so there are no suggestions."
        ]
        assert workbench.read_texts(".notifications-toasts .monaco-button") == ["Install It", "Choose a Program"]
        workbench.take_picture("missing.png")
        workbench.open_file("mine.py")
        workbench.press("Control+End")
        workbench.type("pass")
        workbench.wait_until("what was typed", lambda: "        pass" in workbench.read_lines())
        assert len(workbench.read_notifications()) == 1


def test_an_environment_is_created_from_the_wheel_that_the_extension_carries(
    tmp_path: Path, collections: Path, extensions: Path, starling_on_path: str
) -> None:
    with_wheel = tmp_path / "extensions"
    shutil.copytree(extensions, with_wheel)
    (installed,) = with_wheel.glob("starling.starling-*")
    write_small_wheel(installed / "wheels", Path(starling_on_path) / "starling")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    environment = {**NO_MODEL, "PATH": f"{tools}:/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    with Workbench.start(collections, tmp_path / "home", with_wheel, environment=environment) as workbench:
        workbench.click(".notifications-toasts .monaco-button", "Install It")
        workbench.wait_until("it to be ready", lambda: workbench.read_status() == "Starling, ready")
        assert "from the environment" in workbench.read_log()
        assert "Successfully installed" in workbench.read_log()


def write_small_wheel(folder: Path, program: Path) -> None:
    """Write a wheel without dependencies whose `starling` runs `program`; the real one needs 400 MB."""
    version = json.loads((REPOSITORY / "editors" / "vscode" / "package.json").read_text(encoding="utf-8"))["version"]
    info = f"starling_lsp-{version}.dist-info"
    folder.mkdir()
    with zipfile.ZipFile(folder / f"starling_lsp-{version}-py3-none-any.whl", "w") as wheel:
        text = f"import os, sys\n\ndef main():\n    os.execv({str(program)!r}, [{str(program)!r}, *sys.argv[1:]])\n"
        wheel.writestr("starling_of_a_test.py", text)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: starling-lsp\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nstarling = starling_of_a_test:main\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_a_model_that_cannot_be_loaded_gets_one_message_and_the_rest_works(
    collections: Path, open_folder: Open
) -> None:
    workbench = open_folder(collections, environment={"STARLING_MODEL__NAME": "no-such-model"})
    workbench.wait_until("the problem", lambda: "with a problem" in workbench.read_status())
    workbench.wait_until("the message", workbench.read_notifications)
    assert len([text for text in workbench.read_notifications() if "no-such-model" in text]) == 1
    workbench.open_file("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    assert wait_for_suggestion(workbench)


def test_no_server_runs_in_a_folder_that_is_not_trusted(
    tmp_path: Path, collections: Path, extensions: Path, starling_on_path: str
) -> None:
    hostile = collections / ".vscode" / "settings.json"
    hostile.parent.mkdir()
    hostile.write_text(f'{{"starling.server.command": ["touch", "{tmp_path / "ran"}"]}}', encoding="utf-8")
    settings = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}
    given: dict[str, Any] = {"settings": settings, "environment": NO_MODEL, "path": starling_on_path}
    with Workbench.start(collections, tmp_path / "home", extensions, **given) as workbench:
        workbench.wait_until("the state", lambda: workbench.read_status() == "Starling, off")
        workbench.open_file("mine.py")
        assert find_servers(tmp_path) == []
        workbench.run_command("Workspaces: Manage Workspace Trust")
        workbench.click(".workspace-trust-editor .monaco-button", "Trust")
        workbench.wait_until("it to be ready", lambda: workbench.read_status() == "Starling, ready")
        (server,) = workbench.wait_until("the server", lambda: find_servers(tmp_path))
        assert "starling" in " ".join(server.cmdline())  # a workspace never chooses the program, even if it is trusted
        assert not (tmp_path / "ran").exists()

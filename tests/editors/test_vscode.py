"""Our extension in a real VS Code: suggestions, findings, proposals, statistics, and what happens when it fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.shop import BEGUN
from tests.editors.vscode import INSTALLED, REPOSITORY, Workbench
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Open = Callable[..., Workbench]

PROPOSING = REPOSITORY / "tests" / "wire" / "proposing_server.py"
NO_MODEL = {"STARLING_MODEL__ENABLED": "false"}
# Without a model only what the workspace itself says is shown, and all of it: so the tests know what has to come.
ALL = "[completion]\nmin_confidence = 0.0\n"
DRAWN_S = 2.0  # what is drawn anew more often than that is never seen
GATHER = """
#- gather.py
def collect(item, found=[]):
    found.append(item)
    return found
"""
MENDED = ["def collect(item, found=None):", "    if found is None:", "        found = []", "    found.append(item)"]


@pytest.fixture(scope="session")
def extensions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of extensions with ours in it."""
    package = Path(os.environ.get("VSIX", REPOSITORY / "dist" / "starling.vsix"))
    assert package.exists(), "The extension is not built: `make test-vscode` does that"
    folder = tmp_path_factory.mktemp("extensions")
    installing = [str(INSTALLED / "install"), str(package), str(tmp_path_factory.mktemp("data")), str(folder)]
    subprocess.run(installing, check=True, capture_output=True, timeout=120)
    return folder


@pytest.fixture
def open_folder(tmp_path: Path, extensions: Path, starling_on_path: str) -> Iterator[Open]:
    """Opens a folder in a workbench, and waits until Starling is ready there."""
    with ExitStack() as running:

        def start(folder: Path, **given: Any) -> Workbench:
            given.setdefault("path", starling_on_path)
            given.setdefault("environment", NO_MODEL)
            workbench = running.enter_context(Workbench.start(folder, tmp_path / "home", extensions, **given))
            workbench.until("Starling to be ready", lambda: "ready" in workbench.status())
            return workbench

        yield start


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """An unpacked package from PyPI, with a module to write beside it."""
    folder = tmp_path / "sortedcontainers"
    shutil.copytree(Path(sysconfig.get_path("purelib")) / "sortedcontainers", folder)
    (folder / ".starling.toml").write_text(ALL, encoding="utf-8")
    (folder / "mine.py").write_text("class Mine:\n    def clear(self):\n        ", encoding="utf-8")
    return folder


def servers(folder: Path) -> list[psutil.Process]:
    """The language servers that work for this test: those that keep their state below `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            line, home = process.cmdline(), process.environ().get("STARLING_HOME", "")
        except psutil.Error:
            continue
        if Path(home).is_relative_to(folder) and home and line[-1:] == ["serve"]:
            found.append(process)
    return found


def suggested(workbench: Workbench, last: str = "_") -> str:
    """What is suggested behind `last`, which is typed again until something is: the workspace may not be read yet."""

    def look() -> str:
        if not (ghost := workbench.ghost()):
            workbench.press("Backspace")
            workbench.type(last)
        return ghost

    return str(workbench.until("a suggestion", look, every_s=DRAWN_S))


def test_a_suggestion_is_shown_while_typing_and_tab_accepts_it(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    ghost = suggested(workbench)
    workbench.picture("suggestion.png")
    workbench.press("Tab")
    line = f"        self._clear = self._{ghost.split(chr(10))[0]}"
    workbench.until(f"the line {line!r}", lambda: line in workbench.lines())

    workbench.command("Starling: Show Statistics")
    workbench.until("the figures", lambda: "<figcaption" in workbench.page())
    counted(workbench, "accepted")
    assert _counted(workbench, "accepted in part") in {"", "0"}


def _counted(workbench: Workbench, name: str) -> str:
    """A figure of the first chart, as its table has it."""
    _, _, rest = workbench.page().partition(f'<th scope="row">{name}</th><td>')
    return rest.partition("</td>")[0]


def counted(workbench: Workbench, name: str) -> None:
    """Wait until the page says that something was counted once; it is drawn anew until it does."""

    def look() -> bool:
        return _counted(workbench, name) == "1" or _refreshed(workbench)

    workbench.until(f"one {name}", look, every_s=DRAWN_S)


def _refreshed(workbench: Workbench) -> bool:
    workbench.click(".editor-actions .action-label[aria-label*='Show Statistics']")
    return False


def test_with_a_list_of_words_open_tab_takes_the_word_and_then_the_rest(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections, settings={"editor.quickSuggestions": {"other": "on"}})
    workbench.open("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    workbench.wait(".suggest-widget .monaco-list-row", "_clear")

    def goes_on() -> bool:
        """Whether a suggestion does; else type once more: an answer that came late is not asked for again."""
        if "clear" in workbench.ghost():
            return True
        workbench.press("Backspace")
        workbench.type("_")
        return False

    workbench.until("a suggestion that goes on from the word", goes_on, every_s=3.0)
    workbench.press("Tab")
    workbench.until("the word", lambda: "        self._clear = self._clear" in workbench.lines())
    rest = workbench.until("the rest", workbench.ghost)
    workbench.press("Tab")
    workbench.until("all of it", lambda: f"        self._clear = self._clear{rest}" in workbench.lines())


def test_a_word_of_a_suggestion_is_taken_and_counted(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(BEGUN).write(tmp_path / "shop"))
    workbench.open("order.py")
    workbench.press("Control+End")
    workbench.type("    amount += pri")
    assert suggested(workbench, "i") == "ces[item.name] * item.count"
    workbench.press("Control+ArrowRight")
    workbench.until("less to be suggested", lambda: workbench.ghost() == "[item.name] * item.count")
    workbench.command("Starling: Show Statistics")
    workbench.until("the figures", lambda: "<figcaption" in workbench.page())
    counted(workbench, "accepted in part")


def test_suggestions_are_off_for_a_file_until_they_are_on_again(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open("mine.py")
    workbench.click("[id='starling.starling.starling.status'] a")
    workbench.picture("menu.png")
    workbench.click(".quick-input-list .monaco-list-row", "Turn Off for This File")
    workbench.until("it to be off", lambda: "off: for this file" in workbench.status())
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    workbench.command("Trigger Inline Suggestion")
    assert workbench.ghost() == ""
    workbench.command("Starling: Turn Suggestions On or Off for This File")
    workbench.until("it to be on", lambda: workbench.status() == "Starling, ready")
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+End")
    workbench.type("_")
    workbench.press("Backspace")
    workbench.command("Trigger Inline Suggestion")
    assert suggested(workbench)


def test_a_finding_is_mended_after_one_yes_and_the_change_is_taken_back(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(GATHER).write(tmp_path / "work")
    before = (folder / "gather.py").read_bytes()
    workbench = open_folder(folder)
    workbench.open("gather.py")
    workbench.wait(".squiggly-warning")
    workbench.go_to(1, 22)
    workbench.fix("Create a new value in each call")
    workbench.wait(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.until("the question", workbench.notifications)
    assert [text.startswith("Starling: Create a new value in each call?") for text in workbench.notifications()] == [
        True
    ]
    workbench.until("the state", lambda: "asks" in workbench.status())
    workbench.picture("proposal.png")
    workbench.type("\n\n")  # of somebody who was typing: no answer
    assert "asks" in workbench.status()
    workbench.click(".notifications-toasts .monaco-button", "Apply")
    workbench.until("the change", lambda: workbench.lines()[:4] == MENDED)
    workbench.gone(".monaco-diff-editor")
    assert workbench.notifications() == []
    assert (folder / "gather.py").read_bytes() == before  # a person saves it
    workbench.press("Control+s")
    workbench.until("it to be saved", lambda: b"None" in (folder / "gather.py").read_bytes())

    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait(".pane .monaco-list-row", "applied")
    workbench.picture("proposals.png")
    workbench.command("Starling: Undo the Last Change")
    workbench.wait(".monaco-diff-editor .modified .view-line", "found=[]")
    workbench.click(".editor-actions .action-label[aria-label^='Apply']")
    workbench.gone(".monaco-diff-editor")
    workbench.until("the question to be out of sight", lambda: workbench.notifications() == [])
    workbench.until("the old text", lambda: workbench.lines()[0] == "def collect(item, found=[]):")
    workbench.click(".editor-instance .view-lines")
    workbench.press("Control+s")
    workbench.until("every byte", lambda: (folder / "gather.py").read_bytes() == before)


def test_after_a_no_nothing_has_changed(tmp_path: Path, open_folder: Open) -> None:
    folder = parse(GATHER).write(tmp_path / "work")
    before = (folder / "gather.py").read_bytes()
    workbench = open_folder(folder)
    workbench.open("gather.py")
    workbench.wait(".squiggly-warning")
    workbench.go_to(1, 22)
    workbench.fix("Create a new value in each call")
    workbench.wait(".monaco-diff-editor .modified .view-line", "found is None")
    workbench.until("the question", workbench.notifications)
    workbench.click("[id='starling.starling.starling.status'] a")
    workbench.click(".quick-input-list .monaco-list-row", "Reject")
    workbench.gone(".monaco-diff-editor")
    assert workbench.lines()[0] == "def collect(item, found=[]):"
    assert (folder / "gather.py").read_bytes() == before
    workbench.click(".activitybar .action-label[aria-label='Starling']")
    workbench.wait(".pane .monaco-list-row", "rejected")


def proposing(folder: Path, *steps: dict[str, str]) -> dict[str, Any]:
    """What makes Ctrl+Alt+P propose these steps."""
    keys = [{"key": "ctrl+alt+p", "command": "test.propose", "args": {"steps": list(steps)}}]
    return {
        "settings": {"starling.server.command": [sys.executable, str(PROPOSING)]},
        "keys": [{**one, "args": {"steps": [_absolute(folder, step) for step in steps]}} for one in keys],
    }


def _absolute(folder: Path, step: dict[str, str]) -> dict[str, str]:
    return {key: str(folder / value) if key in {"path", "to"} else value for key, value in step.items()}


SEVERAL = (
    {"kind": "text", "path": "gather.py", "old": "found=[]", "new": "found=()"},
    {"kind": "create", "path": "new.py", "new": "made = True\n"},
    {"kind": "delete", "path": "old.py"},
)


@pytest.mark.parametrize("answer", ["close", "apply"])
def test_several_files_are_asked_about_once(tmp_path: Path, open_folder: Open, answer: str) -> None:
    folder = parse(GATHER + "#- old.py\nold = 1\n").write(tmp_path / "work")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    workbench = open_folder(folder, **proposing(folder, *SEVERAL))
    workbench.open("gather.py")
    workbench.press("Control+Alt+p")
    workbench.until("the question", workbench.notifications)
    workbench.wait(".multiDiffEntry", "new.py")
    workbench.until("all three", lambda: len(workbench.texts(".multiDiffEntry")) == 3)
    workbench.picture("several.png")
    if answer == "close":
        workbench.command("View: Close Editor")
        workbench.until("the end of it", lambda: "asks" not in workbench.status())
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert workbench.lines()[0] == "def collect(item, found=[]):"
    else:
        workbench.click(".editor-actions .action-label[aria-label^='Apply']")
        workbench.until("the new file", lambda: (folder / "new.py").exists() and not (folder / "old.py").exists())
        workbench.until("the change", lambda: workbench.lines()[0] == "def collect(item, found=()):")
        assert (folder / "new.py").read_text(encoding="utf-8") == "made = True\n"


def test_a_server_that_is_killed_comes_back(collections: Path, tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open("mine.py")
    (first,) = workbench.until("the server", lambda: servers(tmp_path))
    first.kill()
    workbench.until("another one", lambda: [one for one in servers(tmp_path) if one.pid != first.pid])
    workbench.until("it to be ready", lambda: workbench.status() == "Starling, ready")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    suggested(workbench)
    assert workbench.notifications() == []


def test_the_page_of_statistics_says_all_in_words_too(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections)
    workbench.open("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    suggested(workbench)
    workbench.press("Tab")
    workbench.command("Starling: Review This File")
    workbench.until("the report", lambda: "of 100" in workbench.page())
    workbench.picture("review.png")
    workbench.command("Starling: Show Statistics")
    workbench.until("the figures", lambda: "<figcaption" in workbench.page())
    counted(workbench, "accepted")
    workbench.picture("statistics.png")
    page = workbench.page()
    charts = page.count("<svg")
    assert charts >= 4
    assert page.count('role="img"') == page.count("<table id=") == charts
    assert "<script" not in page.partition("<body")[2]
    assert "default-src 'none'" in page


def test_the_complexity_of_a_file_is_a_table(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(GATHER).write(tmp_path / "work"))
    workbench.open("gather.py")
    workbench.command("Starling: Show the Complexity of This File")
    workbench.until("the table", lambda: "<code>collect</code>" in workbench.page())
    assert re.findall(r"<td>(\d+)</td>", workbench.page()) == ["1", "0", "3", "0"]
    assert workbench.notifications() == []


def test_pep8_is_offered_where_the_language_is_python_and_nowhere_else(tmp_path: Path, open_folder: Open) -> None:
    files = parse("#- crowded.py\nimport os, sys\n#- crowded.go\npackage crowded\n")
    workbench = open_folder(files.write(tmp_path / "work"))
    workbench.open("crowded.go")
    workbench.press("F1")
    workbench.type("Starling: Check This File", delay=5)
    workbench.wait(".quick-input-list .monaco-list-row", "Starling: Check This File")
    assert [text for text in workbench.texts(".quick-input-list .monaco-list-row") if "PEP 8" in text] == []
    workbench.press("Escape")
    workbench.open("crowded.py")
    workbench.command("Starling: Check This File Against PEP 8")
    workbench.until("the table", lambda: "<code>E401</code>" in workbench.page())
    assert workbench.notifications() == []


def test_a_check_says_where_a_file_does_not_parse(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse("#- broken.go\npackage broken\n\nvar b = )\n").write(tmp_path / "work"))
    workbench.open("broken.go")
    workbench.command("Starling: Check This File")
    workbench.until("the verdict", lambda: "<strong>not parse</strong> as go: line 3." in workbench.page())
    assert workbench.notifications() == []


def test_the_status_tells_the_health_of_the_server(tmp_path: Path, open_folder: Open) -> None:
    workbench = open_folder(parse(GATHER).write(tmp_path / "work"))
    workbench.command("Starling: Show Status")
    workbench.until("the health", lambda: re.search(r"<h2[^>]*>Health</h2>", workbench.page()))
    assert workbench.notifications() == []


def test_an_answer_streams_into_a_view_of_markdown(collections: Path, open_folder: Open) -> None:
    script = "=== keep order\n@token-time 0.4\nIt keeps **a list** in order.\n\n- by bisection\n- in chunks\n"
    with ScriptedServer(script) as server:
        chat = {"STARLING_CHAT__URL": f"{server.url}/v1", "STARLING_CHAT__MODEL": "scripted"}
        workbench = open_folder(collections, environment={**NO_MODEL, **chat})
        workbench.open("mine.py")
        workbench.command("Starling: Ask About This Code")
        workbench.wait(".quick-input-title", "Ask about this code")
        workbench.type("Does it keep order?")
        workbench.press("Enter")
        workbench.until("its beginning", lambda: _begun(workbench.page()))
        workbench.until("all of it", lambda: "<em>scripted</em>" in workbench.page())
        assert workbench.notifications() == []


def _begun(page: str) -> bool:
    """Whether the answer has begun, and its end has not come."""
    return "<strong>a list</strong>" in page and "in chunks" not in page


def test_an_endpoint_that_is_gone_is_one_sentence_in_the_view(collections: Path, open_folder: Open) -> None:
    chat = {"STARLING_CHAT__URL": "http://127.0.0.1:9/v1", "STARLING_CHAT__MODEL": "gone"}
    workbench = open_folder(collections, environment={**NO_MODEL, **chat})
    workbench.open("mine.py")
    workbench.command("Starling: Explain This Code")
    workbench.until("the reason", lambda: "There is no answer." in workbench.page())
    assert workbench.notifications() == []


def test_without_starling_there_is_one_message_and_the_editor_works(
    tmp_path: Path, collections: Path, extensions: Path
) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("sh", "dirname", "uname", "sed", "readlink", "cat"):
        if program := shutil.which(name):
            (bare / name).symlink_to(program)
    environment = {"PATH": str(bare)}
    with Workbench.start(collections, tmp_path / "home", extensions, environment=environment) as workbench:
        workbench.until("the message", workbench.notifications)
        workbench.until("the state", lambda: "not running" in workbench.status())
        assert workbench.notifications() == [
            "Starling's server is not on this machine yet, so there are no suggestions."
        ]
        assert workbench.texts(".notifications-toasts .monaco-button") == ["Install It", "Choose a Program"]
        workbench.picture("missing.png")
        workbench.open("mine.py")
        workbench.press("Control+End")
        workbench.type("pass")
        workbench.until("what was typed", lambda: "        pass" in workbench.lines())
        assert len(workbench.notifications()) == 1


def test_an_environment_is_made_from_the_wheel_that_the_extension_carries(
    tmp_path: Path, collections: Path, extensions: Path, starling_on_path: str
) -> None:
    with_wheel = tmp_path / "extensions"
    shutil.copytree(extensions, with_wheel)
    (installed,) = with_wheel.glob("starling.starling-*")
    small_wheel(installed / "wheels", Path(starling_on_path) / "starling")
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "python3").symlink_to(sys.executable)
    environment = {**NO_MODEL, "PATH": f"{tools}:/usr/bin:/bin", "PIP_NO_INDEX": "1"}
    with Workbench.start(collections, tmp_path / "home", with_wheel, environment=environment) as workbench:
        workbench.click(".notifications-toasts .monaco-button", "Install It")
        workbench.until("it to be ready", lambda: workbench.status() == "Starling, ready")
        assert "from the environment" in workbench.log()
        assert "Successfully installed" in workbench.log()


def small_wheel(folder: Path, program: Path) -> None:
    """A wheel without dependencies whose `starling` is the one of this environment; the real one is 400 MB with all."""
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


def test_a_model_that_cannot_be_loaded_is_said_once_and_the_rest_works(collections: Path, open_folder: Open) -> None:
    workbench = open_folder(collections, environment={"STARLING_MODEL__NAME": "no-such-model"})
    workbench.until("the problem", lambda: "with a problem" in workbench.status())
    workbench.until("the message", workbench.notifications)
    assert len([text for text in workbench.notifications() if "no-such-model" in text]) == 1
    workbench.open("mine.py")
    workbench.press("Control+End")
    workbench.type("self._clear = self._")
    assert suggested(workbench)


def test_nothing_runs_in_a_folder_that_is_not_trusted(
    tmp_path: Path, collections: Path, extensions: Path, starling_on_path: str
) -> None:
    hostile = collections / ".vscode" / "settings.json"
    hostile.parent.mkdir()
    hostile.write_text(f'{{"starling.server.command": ["touch", "{tmp_path / "ran"}"]}}', encoding="utf-8")
    settings = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}
    given: dict[str, Any] = {"settings": settings, "environment": NO_MODEL, "path": starling_on_path}
    with Workbench.start(collections, tmp_path / "home", extensions, **given) as workbench:
        workbench.until("the state", lambda: workbench.status() == "Starling, off")
        workbench.open("mine.py")
        assert servers(tmp_path) == []
        workbench.command("Workspaces: Manage Workspace Trust")
        workbench.click(".workspace-trust-editor .monaco-button", "Trust")
        workbench.until("it to be ready", lambda: workbench.status() == "Starling, ready")
        (server,) = workbench.until("the server", lambda: servers(tmp_path))
        assert "starling" in " ".join(server.cmdline())  # what a workspace names is no program of ours, trusted or not
        assert not (tmp_path / "ran").exists()

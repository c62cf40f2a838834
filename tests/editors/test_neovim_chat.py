"""`:StarlingChat` in the real Neovim, with a scripted endpoint: keys are pressed, and the buffers and windows read."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from models.scripted.scripted_server import ScriptedServer
from tests.editors.neovim import Neovim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Open = Callable[..., Neovim]

TEXT = "import math\n\n\ndef area(r):\n    return 3.14 * r * r\n"
EDIT = {"path": "area.py", "replacements": [{"old": "3.14", "new": "math.pi"}], "why": "It is exact."}
PLAN = {"steps": [{"title": "Look", "status": "done"}, {"title": "Use pi", "status": "active"}]}
READ = '@call read_file {"path": "area.py"}'
ASK = '@call ask_person {"question": "Which colour?"}'
PROPOSE = {
    "steps": [
        {"title": "Design it", "role": "architect"},
        {"title": "Write it", "role": "coder"},
        {"title": "Test it", "role": "tester"},
    ],
    "title": "A log",
    "confirm": True,
}
SCRIPT = (
    f"=== make a log\n@times 1\n@call plan {json.dumps(PROPOSE)}\n=== has said yes\nIt starts.\n"
    "=== says about this plan\nI think again.\n"
    f"=== use pi\n@times 1\n@call plan {json.dumps(PLAN)}\n{READ}\nI look first.\n"
    f"=== use pi\n@times 1\n@call edit_file {json.dumps(EDIT)}\n"
    "=== use pi\nIt uses **math.pi**.\n\nDone.\n"
    "=== hang on\n@hang\n"
    f"=== colour\n@times 1\n{ASK}\n=== says: green\nGreen it is.\n"
    "===\nHello.\n"
)
CHOOSING = """
vim.g.offered = {}
vim.ui.select = function(items, options, done)
  vim.g.offered = vim.tbl_map(options.format_item, items)
  vim.g.choices = (vim.g.choices or 0) + 1
  done(items[vim.g.choose or 1])
end
vim.g.said = {}
vim.notify = function(message)
  local said = vim.g.said
  table.insert(said, message)
  vim.g.said = said
end
"""
OUTPUT = "(function() for _, w in ipairs(vim.api.nvim_list_wins()) do local b = vim.api.nvim_win_get_buf(w) "
OUTPUT += (
    "if vim.startswith(vim.api.nvim_buf_get_name(b), 'starling-chat://') then return { w = w, b = b } end end end)()"
)
SHOWN = f"table.concat(vim.api.nvim_buf_get_lines({OUTPUT}.b, 0, -1, false), '\\n')"
BAR = f"vim.wo[{OUTPUT}.w].winbar"
FOLDED = f"vim.api.nvim_win_call({OUTPUT}.w, function() local found = {{}} "
FOLDED += "for line = 1, vim.fn.line('$') do if vim.fn.foldclosed(line) == line then "
FOLDED += "table.insert(found, vim.fn.foldtextresult(line)) end end return found end)"


@pytest.fixture
def open_chat(tmp_path: Path, starling_on_path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Yield a function that opens a file in Neovim, and the chat beside it."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    with ExitStack() as running:
        server = running.enter_context(ScriptedServer(SCRIPT))
        monkeypatch.setenv("STARLING_CHAT__URL", f"{server.url}/v1")
        monkeypatch.setenv("STARLING_CHAT__MODEL", "scripted")

        def start(configuration: str = "") -> Neovim:
            file = tmp_path / "work" / "area.py"
            file.parent.mkdir()
            file.with_name(".starling.toml").write_text("", encoding="utf-8")
            file.write_text(TEXT, encoding="utf-8")
            editor = running.enter_context(
                Neovim.start(file, tmp_path / "home", configuration=CHOOSING + configuration, path=starling_on_path)
            )
            editor.wait_for_server()
            editor.press(":StarlingChat<CR>")
            editor.wait_for(f"{OUTPUT} ~= nil", "the chat")
            return editor

        yield start


def send(editor: Neovim, request: str) -> None:
    """Write a request into the input part, which has the cursor, and send it."""
    editor.press(f"i{request}<CR>")


def wait_for_end(editor: Neovim, text: str) -> str:
    """Wait until the chat shows `text` and no request is being answered; return the whole text of the chat."""
    shown = f"{SHOWN}:find({json.dumps(text)}, 1, true) ~= nil"
    editor.wait_for(f"{shown} and not {BAR}:find('working')", f"the answer {text!r}")
    return str(editor.evaluate(SHOWN))


def read_bar(editor: Neovim) -> list[str]:
    """Return the parts of the bar above the chat."""
    return [part.strip().removeprefix("%<") for part in str(editor.evaluate(BAR)).split("|")]


def test_an_answer_streams_with_folded_calls_and_an_edit_is_made_after_a_yes(open_chat: Open) -> None:
    editor = open_chat()
    editor.press("gm")
    editor.wait_for(f"{BAR}:find('act') ~= nil", "the mode")
    send(editor, "@coder use pi")
    editor.wait_for("vim.b.starling_ready == true", "the question about the edit")
    assert read_bar(editor)[:4] == ["act", "coder", "plan 1/2: Use pi", "@coder use pi"]
    editor.press("a")
    shown = wait_for_end(editor, "Done.")
    assert shown.startswith("## You\n\n@coder use pi\n\n## coder\n\n*you named it*\n\nI look first.\n")
    assert shown.endswith("It uses **math.pi**.\n\nDone.")
    folded = list(editor.evaluate(FOLDED))
    assert len(folded) == 3
    assert folded[1].startswith("✓ Read area.py")
    assert folded[2].startswith("✓ ")
    assert "    return math.pi * r * r" in editor.evaluate("vim.fn.getbufline('area.py', 1, '$')")
    assert read_bar(editor)[-1].endswith("tokens")


def test_in_plan_mode_nothing_is_asked_and_the_failed_call_is_marked(open_chat: Open) -> None:
    editor = open_chat()
    send(editor, "@coder use pi")
    wait_for_end(editor, "Done.")
    assert list(editor.evaluate(FOLDED))[2].startswith("✗ ")
    assert editor.evaluate("vim.fn.getbufline('area.py', 1, '$')") == TEXT.splitlines()


def test_a_key_cancels_the_request_and_the_next_one_is_answered(open_chat: Open) -> None:
    editor = open_chat()
    send(editor, "@ask hang on")
    editor.wait_for(f"{BAR}:find('ask | hang on', 1, true) ~= nil or {BAR}:find('working') ~= nil", "the request")
    editor.wait_for(f"{SHOWN}:find('## ask', 1, true) ~= nil", "the agent")
    send(editor, "more")
    editor.wait_for("#vim.g.said > 0", "the message")
    assert "still being answered" in editor.evaluate("vim.g.said")[0]
    editor.press("<Esc><C-c>")
    shown = wait_for_end(editor, "> The turn was cancelled.")
    assert "more" not in shown
    editor.press("cc@ask hi<Esc><CR>")
    editor.wait_for(f"{SHOWN}:find('hang on', 1, true) ~= nil and {SHOWN}:find('@ask hi', 1, true) ~= nil", "it")


def test_a_session_is_chosen_renamed_rated_and_deleted(open_chat: Open) -> None:
    editor = open_chat()
    send(editor, "@ask good day")
    wait_for_end(editor, "Hello.")
    editor.press("<Esc>+")
    marks = f"#vim.api.nvim_buf_get_extmarks({OUTPUT}.b, -1, 0, -1, {{ details = true, type = 'virt_text' }})"
    editor.wait_for(f"{marks} == 1", "the thumb")
    editor.press("gR<C-u>Greeting<CR>")
    editor.wait_for(f"{BAR}:find('Greeting') ~= nil", "the title")
    editor.press("gs")
    editor.wait_for(f"{BAR}:find('new session') ~= nil and {SHOWN} == ''", "a new session")
    editor.evaluate("(function() vim.g.choose = 2 return true end)()")
    editor.press("gs")
    editor.wait_for(f"{SHOWN}:find('Hello.', 1, true) ~= nil", "the history")
    assert "Greeting (idle)" in editor.evaluate("vim.g.offered")[1]
    assert editor.evaluate(SHOWN) == "## You\n\n@ask good day\n\n## ask\n\nHello."
    assert editor.evaluate(marks) == 1
    editor.press("gX")
    editor.wait_for("vim.b.starling_ready == true", "the question")
    editor.press("d")
    editor.wait_for(f"{BAR}:find('new session') ~= nil", "a new session")
    editor.evaluate("(function() vim.g.choose = 99 return true end)()")
    editor.press("gs")
    editor.wait_for("#vim.g.offered == 1", "no session to be left")


def test_a_role_is_chosen(open_chat: Open) -> None:
    editor = open_chat("vim.g.choose = 2\n")
    editor.press("gr")
    editor.wait_for("vim.g.choices == 1", "the roles")
    editor.wait_for(f"not {BAR}:find('any role')", "the role")
    offered: list[Any] = editor.evaluate("vim.g.offered")
    assert offered[0] == "any role: The server chooses."
    assert read_bar(editor)[1] == offered[1].split(":")[0]


def test_an_agents_question_is_answered_with_any_text(open_chat: Open) -> None:
    editor = open_chat("vim.ui.input = function(options, done) vim.g.prompt = options.prompt done('green') end\n")
    send(editor, "@coder choose a colour")
    wait_for_end(editor, "Green it is.")
    assert editor.evaluate("vim.g.prompt") == "Which colour? "


HINTS = "vim.inspect(vim.api.nvim_buf_get_extmarks(0, -1, 0, -1, { details = true }))"
PLAN_LINES = "vim.api.nvim_buf_get_lines(0, 0, -1, false)"


def open_plan(editor: Neovim) -> None:
    """Have an agent propose a plan, and wait until its window takes answers."""
    send(editor, "@orchestrator make a log")
    editor.wait_for("vim.b.starling_ready == true", "the window of the plan")
    assert editor.evaluate(PLAN_LINES) == ["architect: Design it", "coder: Write it", "tester: Test it"]


def test_a_plan_is_edited_as_lines_and_an_unknown_role_is_asked_about_again(open_chat: Open) -> None:
    editor = open_chat()
    open_plan(editor)
    assert "Roles: orchestrator, coder" in editor.evaluate(HINTS)
    editor.press("ddpjddopilot: Fly<Esc><CR>")
    editor.wait_for(f"vim.b.starling_ready == true and #{PLAN_LINES} == 3", "the plan again")
    assert editor.evaluate(PLAN_LINES) == ["coder: Write it", "architect: Design it", "pilot: Fly"]
    assert "There is no role 'pilot' for a step" in editor.evaluate(HINTS)
    editor.press("<Esc><Esc>Gccreviewer: Read it<Esc><CR>")
    shown = wait_for_end(editor, "It starts.")
    assert "[ ] Write it (coder)\n    [ ] Design it (architect)\n    [ ] Read it (reviewer)" in shown
    assert read_bar(editor)[2] == "plan 0/3"


def test_a_plan_is_refused_with_a_remark(open_chat: Open) -> None:
    editor = open_chat("vim.ui.input = function(options, done) vim.g.prompt = options.prompt done('Less.') end\n")
    open_plan(editor)
    editor.press("q")
    assert "The person says about this plan: Less." in wait_for_end(editor, "I think again.")
    assert str(editor.evaluate("vim.g.prompt")).startswith("What should be different?")


def test_the_chat_is_closed_and_opened_again_with_its_text(open_chat: Open) -> None:
    editor = open_chat()
    send(editor, "@ask good day")
    wait_for_end(editor, "Hello.")
    editor.press("<Esc>q")
    editor.wait_for(f"{OUTPUT} == nil", "the chat to be closed")
    editor.press(":StarlingChat @ask and again<CR>")
    shown = wait_for_end(editor, "and again\n\n## ask\n\n*you named it*\n\nHello.")
    assert shown.count("Hello.") == 2

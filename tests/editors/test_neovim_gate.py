"""Proposals in the real Neovim: each is shown as a diff, asked about once, and made only after the approval.

Neovim declares that it can ask about changes. But it asks only about texts, creates, moves and deletes files without a
question, and reports a rejected edit as applied. The plugin asks about a whole change in its own window; without the
plugin ("bare"), Starling asks with a message. These tests count the questions.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from tests.editors.neovim import POLL_S, WAIT_S, Neovim
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOP = """
#- .git/HEAD
ref: refs/heads/main
#- stock.py
amount = 1
price = 2
#- order.py
order = "first"
#- NOTES
a note
"""
PROPOSING = Path(__file__).parents[1] / "wire" / "proposing_server.py"
# Writes what a person sees at each question into a file, as one line of JSON.
RECORDING = """
vim.lsp.config('starling', {{ cmd = {{ '{python}', '{server}' }} }})
local function note(way, message)
  local windows = {{}}
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    local buffer = vim.api.nvim_win_get_buf(window)
    windows[#windows + 1] = {{
      name = vim.api.nvim_buf_get_name(buffer),
      filetype = vim.bo[buffer].filetype,
      text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), '\\n'),
    }}
  end
  local file = assert(io.open('{questions}', 'a'))
  file:write(vim.json.encode({{ way = way, message = message, windows = windows }}) .. '\\n')
  file:close()
end
vim.api.nvim_create_autocmd('User', {{
  pattern = 'StarlingQuestion',
  callback = function(event) note('window', event.data.lines) end,
}})
local inputlist, confirm = vim.fn.inputlist, vim.fn.confirm
vim.fn.inputlist = function(lines) note('select', lines) return inputlist(lines) end
vim.fn.confirm = function(message, ...) note('confirm', message) return confirm(message, ...) end
"""
# Neovim without the Lua of the plugin.
BARE = """
vim.lsp.enable('starling', false)
vim.lsp.config('bare', {{ cmd = {{ '{python}', '{server}' }}, root_markers = {{ '.git' }} }})
vim.lsp.enable('bare')
"""
APPLY, REJECT = "a", "r"  # in the plugin's window
BARE_APPLY, BARE_REJECT = "1<CR>", "3<CR>"  # in Neovim's own list


@dataclass
class Desk:
    """A Neovim with Starling, and the questions that a person has seen in it."""

    editor: Neovim
    shop: Path
    questions: Path
    name: str

    def propose(self, *steps: dict[str, str], answers: tuple[str, ...], task: str = "") -> dict[str, Any]:
        """Have Starling propose `steps`, answer each question with the keys of `answers`, and return the outcome."""
        asked = len(self.read_questions())
        self.start_proposal(*steps, task=task)
        for number, keys in enumerate(answers, asked + 1):
            self.wait_for_question(number)
            self.editor.press(keys)
        return self.wait_for_outcome()

    def start_proposal(self, *steps: dict[str, str], task: str = "") -> None:
        """Have Starling propose `steps` as a part of `task`, without waiting for the outcome."""
        paths = [
            {key: str(self.shop / value) if key in {"path", "to"} else value for key, value in step.items()}
            for step in steps
        ]
        params = {"command": "test.propose", "arguments": [{"steps": paths, "task": task}]}
        quoted = json.dumps(json.dumps(params))
        self.editor.evaluate(
            f"(function() outcome = nil; vim.lsp.get_clients({{ name = '{self.name}' }})[1]:request("
            f"'workspace/executeCommand', vim.json.decode({quoted}), "
            "function(err, result) outcome = result or err end, 0) return true end)()"
        )

    def wait_for_outcome(self) -> dict[str, Any]:
        """Wait for the outcome of the proposal, and return it."""
        self.editor.wait_for("outcome ~= nil", "the outcome")
        return dict(self.editor.evaluate("outcome"))

    def read_questions(self) -> list[dict[str, Any]]:
        """Return all questions so far, of any kind."""
        return [json.loads(line) for line in self.questions.read_text().splitlines()] if self.questions.exists() else []

    @property
    def yes(self) -> str:
        """The keys that apply a proposal."""
        return APPLY if self.name == "starling" else BARE_APPLY

    @property
    def no(self) -> str:
        """The keys that reject a proposal."""
        return REJECT if self.name == "starling" else BARE_REJECT

    @property
    def way(self) -> str:
        """The kind of question that is expected: in the plugin's window or in Neovim's own list."""
        return "window" if self.name == "starling" else "select"

    def wait_for_question(self, number: int) -> None:
        """Wait until `number` questions have been asked."""
        end = time.monotonic() + WAIT_S
        while len(self.read_questions()) < number:
            assert time.monotonic() < end, "no question came"
            time.sleep(POLL_S)

    def read_files(self) -> dict[str, bytes]:
        """Return the contents of all files of the workspace, by relative path."""
        found = (path for path in self.shop.rglob("*") if path.is_file())
        return {path.relative_to(self.shop).as_posix(): path.read_bytes() for path in found}

    def get_last_diff(self) -> str:
        """Return the text of the window with the diff at the last question."""
        [shown] = [one["text"] for one in self.read_questions()[-1]["windows"] if one["filetype"] == "diff"]
        return str(shown)


@pytest.fixture
def start_desk(tmp_path: Path, starling_on_path: str) -> Iterator[Callable[..., Desk]]:
    """Yield a function that opens stock.py in Neovim, with a server that proposes what a test wants."""
    with ExitStack() as running:

        def start(*, bare: bool = False) -> Desk:
            shop = parse(SHOP).write(tmp_path / "shop")
            questions = tmp_path / "questions"
            given = {"python": sys.executable, "server": PROPOSING, "questions": questions}
            configuration = RECORDING.format(**given) + (BARE.format(**given) if bare else "")
            file, home = shop / "stock.py", tmp_path / "home"
            editor = running.enter_context(Neovim.start(file, home, configuration=configuration, path=starling_on_path))
            name = "bare" if bare else "starling"
            editor.wait_for(f"vim.tbl_get(vim.lsp.get_clients({{ name = '{name}' }}), 1, 'initialized') == true", name)
            return Desk(editor, shop, questions, name)

        yield start


EDIT = {"kind": "text", "path": "stock.py", "old": "amount", "new": "count"}
CHANGES = {
    "create": {"kind": "create", "path": "new/shelf.py", "new": "shelf = 1\n"},
    "rename": {"kind": "rename", "path": "order.py", "to": "orders.py"},
    "delete": {"kind": "delete", "path": "order.py"},
}


@pytest.mark.parametrize("bare", [False, True])
def test_an_edit_is_shown_as_a_diff_and_made_in_the_buffer_after_one_approval(start_desk: Any, *, bare: bool) -> None:
    desk = start_desk(bare=bare)
    before = desk.read_files()
    assert desk.propose(EDIT, answers=(desk.yes,))["outcome"] == "applied"
    assert "-amount = 1\n+count = 1\n price = 2" in desk.get_last_diff()
    assert "Proposed by tester: A test wants to know." in desk.get_last_diff()
    desk.editor.wait_for("vim.fn.getbufline(vim.fn.bufnr('stock.py'), 1)[1] == 'count = 1'", "the edit")
    assert [one["way"] for one in desk.read_questions()] == [desk.way]
    assert desk.read_files() == before  # the buffer is not saved


@pytest.mark.parametrize(
    ("answer", "bare"),
    [(keys, False) for keys in (REJECT, "q", "<Esc>", ":q<CR>")]
    + [(keys, True) for keys in (BARE_REJECT, "<CR>", "q<CR>")],
)
def test_a_rejected_edit_changes_no_byte(start_desk: Any, answer: str, *, bare: bool) -> None:
    desk = start_desk(bare=bare)
    before = desk.read_files()
    assert desk.propose(EDIT, answers=(answer,))["outcome"] == "rejected"
    lines, modified = desk.editor.evaluate("{ vim.fn.getbufline(vim.fn.bufnr('stock.py'), 1, '$'), vim.bo.modified }")
    assert (lines, modified) == (["amount = 1", "price = 2"], False)
    assert desk.read_files() == before
    assert len(desk.read_questions()) == 1


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("kind", CHANGES)
def test_files_are_not_changed_without_an_approval_though_neovim_does_not_ask(
    start_desk: Any, kind: str, *, bare: bool
) -> None:
    desk = start_desk(bare=bare)
    before = desk.read_files()
    assert desk.propose(CHANGES[kind], answers=(desk.no,))["outcome"] == "rejected"
    assert desk.read_files() == before
    assert [one["way"] for one in desk.read_questions()] == [desk.way]


@pytest.mark.parametrize("kind", CHANGES)
def test_files_are_created_moved_and_deleted_after_one_approval(start_desk: Any, kind: str) -> None:
    desk = start_desk()
    files = desk.read_files()
    assert desk.propose(CHANGES[kind], answers=(APPLY,))["outcome"] == "applied"
    order = files["order.py"]
    expected = {
        "create": {**files, "new/shelf.py": b"shelf = 1\n"},
        "rename": {**files, "orders.py": order},
        "delete": files.copy(),
    }[kind]
    if kind != "create":
        del expected["order.py"]
    assert desk.read_files() == expected
    assert [one["way"] for one in desk.read_questions()] == ["window"]


def test_several_changes_are_one_question(start_desk: Any) -> None:
    desk = start_desk()
    closed = {"kind": "text", "path": "order.py", "old": "first", "new": "second"}
    outcome = desk.propose(EDIT, closed, CHANGES["create"], answers=(APPLY,))
    assert (outcome["outcome"], len(desk.read_questions())) == ("applied", 1)
    assert [name in desk.get_last_diff() for name in ("a/stock.py", "a/order.py", "b/new/shelf.py")] == [True] * 3
    hidden = desk.editor.evaluate(
        "{ vim.fn.getbufline('order.py', 1, '$'), vim.fn.getbufvar('order.py', '&modified') }"
    )
    assert hidden == [['order = "second"'], 1]  # opened by Neovim, and saved by the person


def test_an_applied_edit_is_undone_after_another_question(start_desk: Any) -> None:
    desk = start_desk()
    desk.propose(EDIT, answers=(APPLY,))
    desk.editor.evaluate(
        "(function() undone = nil; vim.lsp.get_clients({ name = 'starling' })[1]:request('workspace/executeCommand', "
        "{ command = 'starling.undo' }, function(_, result) undone = result end, 0) return true end)()"
    )
    desk.wait_for_question(2)
    desk.editor.press(APPLY)
    desk.editor.wait_for("undone ~= nil and undone.outcome == 'applied'", "the undo")
    desk.editor.wait_for_lines(["amount = 1", "price = 2"])


def test_a_question_whose_server_was_killed_is_asked_again_by_a_key(start_desk: Any) -> None:
    desk = start_desk()
    desk.start_proposal(EDIT)
    desk.wait_for_question(1)
    for process in psutil.Process(desk.editor.evaluate("vim.fn.getpid()")).children():
        process.kill()
    desk.editor.wait_for("#vim.lsp.get_clients() == 0", "the server's end")
    desk.editor.wait_for("#vim.api.nvim_list_wins() == 1", "the question to go")
    desk.editor.press(":Starling restart<CR>")
    desk.editor.wait_for("vim.tbl_get(vim.lsp.get_clients(), 1, 'initialized') == true", "another server")
    desk.editor.press(":Starling approvals<CR>")
    desk.editor.wait_for("#vim.api.nvim_list_wins() == 2", "the list")
    desk.editor.press("<C-w>j")
    desk.editor.wait_for("vim.fn.search('| expired |') > 0", "the list with the question")
    desk.editor.press("a")
    desk.wait_for_question(2)
    assert "-amount = 1\n+count = 1" in desk.get_last_diff()
    desk.editor.press(APPLY)
    desk.editor.wait_for("vim.fn.getbufline(vim.fn.bufnr('stock.py'), 1)[1] == 'count = 1'", "the edit")


def test_without_the_plugin_the_question_shows_the_diff_on_request(start_desk: Any) -> None:
    desk = start_desk(bare=True)
    assert desk.propose(EDIT, answers=("2<CR>", "3<CR>"))["outcome"] == "rejected"
    first, second = ("\n".join(one["message"]) for one in desk.read_questions())
    assert ("+count = 1" in first, "+count = 1" in second) == (False, True)


def test_the_diff_is_closed_with_its_question(start_desk: Any) -> None:
    desk = start_desk()
    desk.propose(EDIT, answers=(REJECT,))
    desk.editor.wait_for("#vim.api.nvim_list_wins() == 1", "the diff to go")
    names = desk.editor.evaluate("vim.tbl_map(vim.api.nvim_buf_get_name, vim.api.nvim_list_bufs())")
    assert [Path(name).name for name in names] == ["stock.py"]


def test_a_change_in_a_buffer_that_starling_cannot_see_is_not_reported_as_applied(start_desk: Any) -> None:
    desk = start_desk(bare=True)
    outcome = desk.propose({"kind": "text", "path": "NOTES", "old": "a", "new": "the"}, answers=(BARE_APPLY,))
    assert outcome["outcome"] == "failed"
    assert "look for an unsaved buffer" in outcome["reason"]
    assert desk.read_files()["NOTES"] == b"a note\n"


def test_with_the_plugin_starling_sees_such_a_buffer(start_desk: Any) -> None:
    desk = start_desk()
    outcome = desk.propose({"kind": "text", "path": "NOTES", "old": "a", "new": "the"}, answers=(APPLY,))
    assert (outcome["outcome"], outcome["unsaved"]) == ("applied", ["NOTES"])
    assert desk.editor.evaluate("vim.fn.getbufline('NOTES', 1, '$')") == ["the note"]


def test_a_proposal_fails_if_the_text_was_changed_before_the_answer(start_desk: Any) -> None:
    desk = start_desk()
    before = desk.read_files()
    typed = "vim.api.nvim_buf_set_lines(vim.fn.bufnr('stock.py'), 0, 1, false, { 'amounts = 7' }) or 1"
    desk.start_proposal(EDIT, CHANGES["delete"])
    desk.wait_for_question(1)
    desk.editor.evaluate(typed)
    desk.editor.wait_for_index()  # a request, before which Neovim sends the change to the server
    desk.editor.press(APPLY)
    outcome = desk.wait_for_outcome()
    assert (outcome["outcome"], "the files have changed" in outcome["reason"]) == ("failed", True)
    assert desk.read_files() == before


def test_a_file_that_was_changed_before_the_answer_is_not_deleted(start_desk: Any) -> None:
    desk = start_desk()
    desk.editor.press(":edit order.py<CR>:edit stock.py<CR>")
    desk.editor.wait_for("vim.fn.bufloaded('order.py') == 1 and vim.fn.bufname() == 'stock.py'", "both buffers")
    desk.start_proposal(CHANGES["delete"])
    desk.wait_for_question(1)
    desk.editor.evaluate("vim.api.nvim_buf_set_lines(vim.fn.bufnr('order.py'), 0, 0, false, { 'first = 0' }) or 1")
    desk.editor.wait_for_index()
    desk.editor.press(APPLY)
    outcome = desk.wait_for_outcome()
    assert outcome["outcome"] == "failed"
    assert "order.py has unsaved changes" in outcome["reason"]
    assert "order.py" in desk.read_files()


def test_keys_typed_right_after_the_question_do_not_answer_it(start_desk: Any) -> None:
    desk = start_desk()
    desk.editor.press("A")
    desk.start_proposal(EDIT)
    desk.editor.wait_for("vim.b.starling_question == true", "the window")
    desk.editor.press("a")
    desk.wait_for_question(1)
    assert desk.editor.evaluate("vim.b.starling_question") is True
    desk.editor.press("r")
    assert desk.wait_for_outcome()["outcome"] == "rejected"
    desk.editor.wait_for("vim.api.nvim_get_mode().mode == 'i'", "typing to go on")


def test_the_window_also_offers_an_answer_for_the_rest_of_a_task(start_desk: Any) -> None:
    desk = start_desk()
    assert desk.propose(EDIT, answers=("A",), task="tidy")["outcome"] == "applied"
    again = {"kind": "text", "path": "stock.py", "old": "price", "new": "cost"}
    assert desk.propose(again, answers=(), task="tidy")["outcome"] == "applied"
    [asked] = desk.read_questions()
    assert (asked["way"], "+count = 1" in desk.get_last_diff()) == ("window", True)
    desk.editor.wait_for_lines(["count = 1", "cost = 2"])


def test_a_second_question_waits_for_the_first_one(start_desk: Any) -> None:
    desk = start_desk()
    desk.start_proposal(EDIT)
    desk.wait_for_question(1)
    asked = "{ question = 'Which unit?', choices = { 'metres', 'feet' } }"
    desk.editor.evaluate(
        "(function() coroutine.wrap(function() vim.g.unit = require('starling.question').handle_agent_question(nil, "
        f"{asked}).answer end)() return true end)()"
    )
    desk.editor.press(APPLY)
    assert desk.wait_for_outcome()["outcome"] == "applied"
    desk.wait_for_question(2)
    desk.editor.press("m")
    desk.editor.wait_for("vim.g.unit == 'metres'", "the answer")


def test_the_key_that_rejects_is_the_same_whatever_else_is_offered(start_desk: Any) -> None:
    desk = start_desk()
    offered = "require('starling.question').create_choices({ 'Run', 'Reject' })"
    assert [(one["title"], one["key"]) for one in desk.editor.evaluate(offered)] == [("Run", "u"), ("Reject", "r")]
    offered = "require('starling.question').create_choices({ 'Apply', 'Apply, and the rest of this task', 'Reject' })"
    assert [one["key"] for one in desk.editor.evaluate(offered)] == ["a", "A", "r"]


PRICES = "apple = 1\npear = 2\nplum = 3\nfig = 4\nkiwi = 5\n"
PARTS = (
    {"kind": "text", "path": "prices.py", "old": PRICES, "new": PRICES.replace("apple", "lemon").replace("5", "6")},
    {"kind": "create", "path": "new.py", "new": "new = 1\n"},
)


def start_parts(start_desk: Any, task: str = "") -> Desk:
    """Open prices.py, have Starling propose a change with three parts, and wait for the question."""
    desk: Desk = start_desk()
    (desk.shop / "prices.py").write_text(PRICES, encoding="utf-8")
    desk.editor.press(":edit prices.py<CR>")
    desk.editor.wait_for_lines(PRICES.splitlines())
    desk.start_proposal(*PARTS, task=task)
    desk.wait_for_question(1)
    return desk


def read_marks(desk: Desk) -> list[str]:
    """Return the lines of the window that show which parts are taken."""
    return [line for line in desk.editor.read_lines() if " part " in line]


def read_footer(desk: Desk) -> str:
    """Return the text below the window."""
    chunks = desk.editor.evaluate("vim.api.nvim_win_get_config(0).footer")
    return "".join(text for text, *_ in chunks)


def test_a_key_takes_and_leaves_the_part_under_the_cursor_and_exactly_the_taken_ones_are_applied(
    start_desk: Any,
) -> None:
    desk = start_parts(start_desk)
    assert read_marks(desk) == [
        "@@ -1,3 +1,3 @@ [x] part 1 of 3", "@@ -4,2 +4,2 @@ [x] part 2 of 3", "@@ -0,0 +1,1 @@ [x] part 3 of 3",
    ]  # fmt: skip
    assert read_footer(desk).split() == ["a", "Apply", "r", "Reject", "<Space>", "Take", "or", "leave"]
    desk.editor.press("]c]c<Space>")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1]:find('2 of 3') ~= nil", "the number of parts")
    assert read_marks(desk)[1] == "@@ -4,2 +4,2 @@ [ ] part 2 of 3"
    desk.editor.press("<Space>")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1] == ' Apply '", "all parts to be taken")
    desk.editor.press("<Space>a")
    outcome = desk.wait_for_outcome()
    assert (outcome["outcome"], outcome["reason"]) == (
        "applied", "2 of 3 parts were taken. Left out: prices.py, line 5.",
    )  # fmt: skip
    desk.editor.wait_for_lines(PRICES.replace("apple", "lemon").splitlines())
    assert (desk.shop / "new.py").read_text(encoding="utf-8") == "new = 1\n"
    desk.editor.press("u")
    desk.editor.wait_for_lines(PRICES.splitlines())


def test_on_the_name_of_a_file_the_key_leaves_all_its_parts_and_above_the_diff_all_parts(start_desk: Any) -> None:
    desk = start_parts(start_desk)
    desk.editor.press("gg/^---<CR><Space>")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1]:find('1 of 3') ~= nil", "the number of parts")
    assert [mark.split("] ")[0][-1] for mark in read_marks(desk)] == [" ", " ", "x"]
    desk.editor.press("gg<Space>")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1] == ' Apply '", "all parts to be taken")
    desk.editor.press("G<Space>a")
    assert desk.wait_for_outcome()["outcome"] == "applied"
    desk.editor.wait_for_lines(PARTS[0]["new"].splitlines())
    assert "new.py" not in desk.read_files()


def test_no_part_cannot_be_applied_and_some_parts_not_for_the_rest_of_the_task(start_desk: Any) -> None:
    desk = start_parts(start_desk, task="tidy")
    before = desk.read_files()
    assert "A Apply, and the rest of this task" in read_footer(desk)
    desk.editor.press("G<Space>A")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1]:find('2 of 3') ~= nil", "the number of parts")
    assert "rest of this task" not in read_footer(desk)
    desk.editor.press("gg<Space><Space>a")
    desk.editor.wait_for("vim.api.nvim_win_get_config(0).footer[2][1] == ' Reject '", "no answer but a no")
    assert desk.editor.evaluate("vim.b.starling_question") is True
    desk.editor.press("r")
    assert desk.wait_for_outcome()["outcome"] == "rejected"
    assert desk.read_files() == before


# An edit that does not come from Starling and needs confirmation.
FOREIGN = {
    "label": "Tidy",
    "edit": {
        "changeAnnotations": {"a": {"label": "Tidy", "needsConfirmation": True, "description": "Somebody wants it."}},
        "documentChanges": [
            {"kind": "create", "uri": "{new.py}", "annotationId": "a"},
            {"textDocument": {"uri": "{new.py}", "version": None}, "edits": [
                {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}},
                 "newText": "new = 1\n", "annotationId": "a"}]},
            {"textDocument": {"uri": "{stock.py}", "version": None}, "edits": [
                {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 6}},
                 "newText": "count", "annotationId": "a"}]},
            {"kind": "delete", "uri": "{order.py}", "annotationId": "a"},
        ],
    },
}  # fmt: skip


def apply_foreign_edit(desk: Desk, keys: str) -> dict[str, Any]:
    """Have the plugin apply `FOREIGN`, answer its question with `keys`, and return the plugin's answer."""
    quoted = json.dumps(FOREIGN)
    for name in ("new.py", "stock.py", "order.py"):
        quoted = quoted.replace(f"{{{name}}}", (desk.shop / name).as_uri())
    desk.editor.evaluate(
        "(function() local params = vim.json.decode(" + json.dumps(quoted) + ", { luanil = { object = false } }); "
        "coroutine.wrap(function() outcome = require('starling.proposals').apply_edit(nil, params, "
        "{ client_id = vim.lsp.get_clients({ name = 'starling' })[1].id }) end)() return true end)()"
    )
    desk.wait_for_question(1)
    desk.editor.press(keys)
    return desk.wait_for_outcome()


def test_a_foreign_edit_that_needs_confirmation_is_one_question_and_rejecting_it_changes_nothing(
    start_desk: Any,
) -> None:
    desk = start_desk()
    before = desk.read_files()
    assert apply_foreign_edit(desk, REJECT) == {"applied": False}
    assert [part in desk.get_last_diff() for part in ("+new = 1", "-amount = 1\n+count = 1", '-order = "first"')] == [
        True
    ] * 3
    assert desk.get_last_diff().startswith("Somebody wants it.")
    assert (desk.read_files(), len(desk.read_questions())) == (before, 1)
    assert desk.editor.evaluate("vim.bo.modified") is False


def test_a_foreign_edit_is_made_as_a_whole_after_one_approval(start_desk: Any) -> None:
    desk = start_desk()
    assert apply_foreign_edit(desk, APPLY) == {"applied": True}
    assert (desk.read_files()["new.py"], "order.py" in desk.read_files()) == (b"new = 1\n", False)
    assert (desk.editor.read_lines(), len(desk.read_questions())) == (["count = 1", "price = 2"], 1)


def test_a_foreign_edit_with_an_impossible_part_is_not_made_and_the_answer_says_why(start_desk: Any) -> None:
    desk = start_desk()
    (desk.shop / "new.py").write_text("here first\n", encoding="utf-8")
    before = desk.read_files()
    outcome = apply_foreign_edit(desk, APPLY)
    assert outcome == {"applied": False, "failureReason": "new.py exists already.", "failedChange": 0}
    assert (desk.read_files(), desk.editor.read_lines()) == (before, ["amount = 1", "price = 2"])

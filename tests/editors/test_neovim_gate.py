"""What Starling proposes, in the real Neovim: shown as a diff, asked about once, made after Yes and only then.

Neovim says that it can ask about changes, but would ask about texts alone, make, move and delete files without a
question, and call a refused edit applied. The plugin asks in a window of its own about the whole; without it ("bare")
Starling asks by a message. These tests count the questions.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
# What a person sees when a question comes, one line of JSON in a file each.
WATCHED = """
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
# Neovim with none of our Lua: the server alone.
BARE = """
vim.lsp.enable('starling', false)
vim.lsp.config('bare', {{ cmd = {{ '{python}', '{server}' }}, root_markers = {{ '.git' }} }})
vim.lsp.enable('bare')
"""
APPLY, REJECT = "a", "r"  # in the plugin's window
BARE_APPLY, BARE_REJECT = "1<CR>", "3<CR>"  # in Neovim's own list


@dataclass
class Desk:
    """A Neovim with Starling, and the person before it."""

    editor: Neovim
    shop: Path
    questions: Path
    name: str

    def propose(self, *steps: dict[str, str], answers: tuple[str, ...], task: str = "") -> dict[str, Any]:
        """Have Starling propose it, answer its questions by these keys, and return the outcome."""
        asked = len(self.asked())
        self.begin(*steps, task=task)
        for number, keys in enumerate(answers, asked + 1):
            self.wait_for_question(number)
            self.editor.keys(keys)
        return self.outcome()

    def begin(self, *steps: dict[str, str], task: str = "") -> None:
        """Have Starling propose it."""
        paths = [
            {key: str(self.shop / value) if key in {"path", "to"} else value for key, value in step.items()}
            for step in steps
        ]
        params = {"command": "test.propose", "arguments": [{"steps": paths, "task": task}]}
        quoted = json.dumps(json.dumps(params))
        self.editor.lua(
            f"(function() outcome = nil; vim.lsp.get_clients({{ name = '{self.name}' }})[1]:request("
            f"'workspace/executeCommand', vim.json.decode({quoted}), "
            "function(err, result) outcome = result or err end, 0) return true end)()"
        )

    def outcome(self) -> dict[str, Any]:
        """What became of it."""
        self.editor.wait_for("outcome ~= nil", "the outcome")
        return dict(self.editor.lua("outcome"))

    def asked(self) -> list[dict[str, Any]]:
        """All questions so far, of whatever kind."""
        return [json.loads(line) for line in self.questions.read_text().splitlines()] if self.questions.exists() else []

    @property
    def yes(self) -> str:
        """The keys for it."""
        return APPLY if self.name == "starling" else BARE_APPLY

    @property
    def no(self) -> str:
        """The keys for it."""
        return REJECT if self.name == "starling" else BARE_REJECT

    @property
    def way(self) -> str:
        """How it is asked here."""
        return "window" if self.name == "starling" else "select"

    def wait_for_question(self, number: int) -> None:
        end = time.monotonic() + WAIT_S
        while len(self.asked()) < number:
            assert time.monotonic() < end, "no question came"
            time.sleep(POLL_S)

    def files(self) -> dict[str, bytes]:
        """Every file of the shop."""
        found = (path for path in self.shop.rglob("*") if path.is_file())
        return {path.relative_to(self.shop).as_posix(): path.read_bytes() for path in found}

    def diff(self) -> str:
        """What stood in the window with the diff when the last question came."""
        [shown] = [one["text"] for one in self.asked()[-1]["windows"] if one["filetype"] == "diff"]
        return str(shown)

    def windows(self) -> list[str]:
        """The buffers in the windows now."""
        names = "vim.tbl_map(function(w) return vim.fn.bufname(vim.api.nvim_win_get_buf(w)) end, "
        return list(self.editor.lua(names + "vim.api.nvim_list_wins())"))


@pytest.fixture
def sit(tmp_path: Path, starling_on_path: str) -> Iterator[Callable[..., Desk]]:
    """Opens stock.py in Neovim with the README's configuration and a server that proposes what a test wants."""
    with ExitStack() as running:

        def start(*, bare: bool = False) -> Desk:
            shop = parse(SHOP).write(tmp_path / "shop")
            questions = tmp_path / "questions"
            given = {"python": sys.executable, "server": PROPOSING, "questions": questions}
            configuration = WATCHED.format(**given) + (BARE.format(**given) if bare else "")
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
def test_an_edit_is_shown_as_a_diff_and_made_in_the_buffer_after_one_yes(sit: Any, *, bare: bool) -> None:
    desk = sit(bare=bare)
    before = desk.files()
    assert desk.propose(EDIT, answers=(desk.yes,))["outcome"] == "applied"
    assert "-amount = 1\n+count = 1\n price = 2" in desk.diff()
    assert "Proposed by tester: A test wants to know." in desk.diff()
    desk.editor.wait_for("vim.fn.getbufline(vim.fn.bufnr('stock.py'), 1)[1] == 'count = 1'", "the edit")
    assert [one["way"] for one in desk.asked()] == [desk.way]
    assert desk.files() == before  # the person saves it, or does not


@pytest.mark.parametrize(
    ("answer", "bare"),
    [(keys, False) for keys in (REJECT, "q", "<Esc>", ":q<CR>")]
    + [(keys, True) for keys in (BARE_REJECT, "<CR>", "q<CR>")],
)
def test_an_edit_that_is_refused_leaves_every_byte(sit: Any, answer: str, *, bare: bool) -> None:
    desk = sit(bare=bare)
    before = desk.files()
    assert desk.propose(EDIT, answers=(answer,))["outcome"] == "rejected"
    lines, modified = desk.editor.lua("{ vim.fn.getbufline(vim.fn.bufnr('stock.py'), 1, '$'), vim.bo.modified }")
    assert (lines, modified) == (["amount = 1", "price = 2"], False)
    assert desk.files() == before
    assert len(desk.asked()) == 1


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("kind", CHANGES)
def test_files_are_not_touched_without_a_yes_though_neovim_asks_nobody(sit: Any, kind: str, *, bare: bool) -> None:
    desk = sit(bare=bare)
    before = desk.files()
    assert desk.propose(CHANGES[kind], answers=(desk.no,))["outcome"] == "rejected"
    assert desk.files() == before
    assert [one["way"] for one in desk.asked()] == [desk.way]


@pytest.mark.parametrize("kind", CHANGES)
def test_files_are_made_moved_and_deleted_after_one_yes(sit: Any, kind: str) -> None:
    desk = sit()
    files = desk.files()
    assert desk.propose(CHANGES[kind], answers=(APPLY,))["outcome"] == "applied"
    order = files["order.py"]
    expected = {
        "create": {**files, "new/shelf.py": b"shelf = 1\n"},
        "rename": {**files, "orders.py": order},
        "delete": files.copy(),
    }[kind]
    if kind != "create":
        del expected["order.py"]
    assert desk.files() == expected
    assert [one["way"] for one in desk.asked()] == ["window"]


def test_several_changes_are_one_question(sit: Any) -> None:
    desk = sit()
    closed = {"kind": "text", "path": "order.py", "old": "first", "new": "second"}
    outcome = desk.propose(EDIT, closed, CHANGES["create"], answers=(APPLY,))
    assert (outcome["outcome"], len(desk.asked())) == ("applied", 1)
    assert [name in desk.diff() for name in ("a/stock.py", "a/order.py", "b/new/shelf.py")] == [True] * 3
    hidden = desk.editor.lua("{ vim.fn.getbufline('order.py', 1, '$'), vim.fn.getbufvar('order.py', '&modified') }")
    assert hidden == [['order = "second"'], 1]  # opened by Neovim, and saved by the person


def test_an_applied_edit_is_taken_back_after_a_question_of_its_own(sit: Any) -> None:
    desk = sit()
    desk.propose(EDIT, answers=(APPLY,))
    desk.editor.lua(
        "(function() undone = nil; vim.lsp.get_clients({ name = 'starling' })[1]:request('workspace/executeCommand', "
        "{ command = 'starling.undo' }, function(_, result) undone = result end, 0) return true end)()"
    )
    desk.wait_for_question(2)
    desk.editor.keys(APPLY)
    desk.editor.wait_for("undone ~= nil and undone.outcome == 'applied'", "the undo")
    desk.editor.wait_for_lines(["amount = 1", "price = 2"])


def test_without_the_plugin_who_wants_to_see_it_again_finds_the_diff_in_the_question(sit: Any) -> None:
    desk = sit(bare=True)
    assert desk.propose(EDIT, answers=("2<CR>", "3<CR>"))["outcome"] == "rejected"
    first, second = ("\n".join(one["message"]) for one in desk.asked())
    assert ("+count = 1" in first, "+count = 1" in second) == (False, True)


def test_the_diff_goes_with_its_question(sit: Any) -> None:
    desk = sit()
    desk.propose(EDIT, answers=(REJECT,))
    desk.editor.wait_for("#vim.api.nvim_list_wins() == 1", "the diff to go")
    names = desk.editor.lua("vim.tbl_map(vim.api.nvim_buf_get_name, vim.api.nvim_list_bufs())")
    assert [Path(name).name for name in names] == ["stock.py"]


def test_a_change_in_a_buffer_that_starling_cannot_see_is_not_called_applied(sit: Any) -> None:
    desk = sit(bare=True)
    outcome = desk.propose({"kind": "text", "path": "NOTES", "old": "a", "new": "the"}, answers=(BARE_APPLY,))
    assert outcome["outcome"] == "failed"
    assert "look for an unsaved buffer" in outcome["reason"]
    assert desk.files()["NOTES"] == b"a note\n"


def test_with_the_plugin_starling_sees_such_a_buffer(sit: Any) -> None:
    desk = sit()
    outcome = desk.propose({"kind": "text", "path": "NOTES", "old": "a", "new": "the"}, answers=(APPLY,))
    assert (outcome["outcome"], outcome["unsaved"]) == ("applied", ["NOTES"])
    assert desk.editor.lua("vim.fn.getbufline('NOTES', 1, '$')") == ["the note"]


def test_what_was_changed_while_a_person_thought_is_not_made_and_not_called_so(sit: Any) -> None:
    desk = sit()
    before = desk.files()
    typed = "vim.api.nvim_buf_set_lines(vim.fn.bufnr('stock.py'), 0, 1, false, { 'amounts = 7' }) or 1"
    desk.begin(EDIT, CHANGES["delete"])
    desk.wait_for_question(1)
    desk.editor.lua(typed)
    desk.editor.wait_for_index()  # a request: what was typed before it is told to the server first
    desk.editor.keys(APPLY)
    outcome = desk.outcome()
    assert (outcome["outcome"], "the files have changed" in outcome["reason"]) == ("failed", True)
    assert desk.files() == before


def test_a_file_that_was_changed_while_a_person_thought_is_not_deleted(sit: Any) -> None:
    desk = sit()
    desk.editor.keys(":edit order.py<CR>:edit stock.py<CR>")
    desk.editor.wait_for("vim.fn.bufloaded('order.py') == 1 and vim.fn.bufname() == 'stock.py'", "both buffers")
    desk.begin(CHANGES["delete"])
    desk.wait_for_question(1)
    desk.editor.lua("vim.api.nvim_buf_set_lines(vim.fn.bufnr('order.py'), 0, 0, false, { 'first = 0' }) or 1")
    desk.editor.wait_for_index()
    desk.editor.keys(APPLY)
    outcome = desk.outcome()
    assert outcome["outcome"] == "failed"
    assert "order.py has unsaved changes" in outcome["reason"]
    assert "order.py" in desk.files()


def test_keys_that_are_still_being_typed_answer_nothing(sit: Any) -> None:
    desk = sit()
    desk.editor.keys("A")
    desk.begin(EDIT)
    desk.editor.wait_for("vim.b.starling_question == true", "the window")
    desk.editor.keys("a")
    desk.wait_for_question(1)
    assert desk.editor.lua("vim.b.starling_question") is True
    desk.editor.keys("r")
    assert desk.outcome()["outcome"] == "rejected"
    desk.editor.wait_for("vim.api.nvim_get_mode().mode == 'i'", "typing to go on")


def test_an_answer_that_covers_the_rest_of_a_task_is_offered_in_the_same_window(sit: Any) -> None:
    desk = sit()
    assert desk.propose(EDIT, answers=("A",), task="tidy")["outcome"] == "applied"
    again = {"kind": "text", "path": "stock.py", "old": "price", "new": "cost"}
    assert desk.propose(again, answers=(), task="tidy")["outcome"] == "applied"
    [asked] = desk.asked()
    assert (asked["way"], "+count = 1" in desk.diff()) == ("window", True)
    desk.editor.wait_for_lines(["count = 1", "cost = 2"])


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


def answered(desk: Desk, keys: str) -> dict[str, Any]:
    """What the plugin answers to an edit of whatever origin, after a person answered its one question by these keys."""
    quoted = json.dumps(FOREIGN)
    for name in ("new.py", "stock.py", "order.py"):
        quoted = quoted.replace(f"{{{name}}}", (desk.shop / name).as_uri())
    desk.editor.lua(
        "(function() local params = vim.json.decode(" + json.dumps(quoted) + ", { luanil = { object = false } }); "
        "coroutine.wrap(function() outcome = require('starling.proposals').apply_edit(nil, params, "
        "{ client_id = vim.lsp.get_clients({ name = 'starling' })[1].id }) end)() return true end)()"
    )
    desk.wait_for_question(1)
    desk.editor.keys(keys)
    return desk.outcome()


def test_a_foreign_edit_that_wants_confirmation_is_asked_about_as_a_whole_and_a_no_leaves_everything(sit: Any) -> None:
    desk = sit()
    before = desk.files()
    assert answered(desk, REJECT) == {"applied": False}
    assert [part in desk.diff() for part in ("+new = 1", "-amount = 1\n+count = 1", '-order = "first"')] == [True] * 3
    assert desk.diff().startswith("Somebody wants it.")
    assert (desk.files(), len(desk.asked())) == (before, 1)
    assert desk.editor.lua("vim.bo.modified") is False


def test_a_foreign_edit_is_made_as_a_whole_after_one_yes(sit: Any) -> None:
    desk = sit()
    assert answered(desk, APPLY) == {"applied": True}
    assert (desk.files()["new.py"], "order.py" in desk.files()) == (b"new = 1\n", False)
    assert (desk.editor.lines(), len(desk.asked())) == (["count = 1", "price = 2"], 1)


def test_a_foreign_edit_of_which_a_part_cannot_be_made_is_not_made_and_says_why(sit: Any) -> None:
    desk = sit()
    (desk.shop / "new.py").write_text("here first\n", encoding="utf-8")
    before = desk.files()
    outcome = answered(desk, APPLY)
    assert outcome == {"applied": False, "failureReason": "new.py exists already.", "failedChange": 0}
    assert (desk.files(), desk.editor.lines()) == (before, ["amount = 1", "price = 2"])

from __future__ import annotations

import shutil
import sysconfig
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.editors.neovim import VERSIONS, Neovim
from tests.editors.shop import BEGUN, REST
from tests.marked import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Open = Callable[[Path], Neovim]

OTHER = """
def other(items, prices):
    amount = 0
    for item in items:
        amount += prices.of(item)
    return amount
"""
# The body of a function. The first two lines have no indentation, since Neovim adds it after `o` and Enter.
LINES = ("found = {}", "for item in items:", "        found[item.name] = item", "    return found")
WHOLE = "        amount += prices[item.name] * item.count"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write the workspace `BEGUN` and return its folder."""
    return parse(BEGUN).write(tmp_path / "shop")


@pytest.fixture(params=VERSIONS)
def open_by_default(request: pytest.FixtureRequest, tmp_path: Path, starling_on_path: str) -> Iterator[Open]:
    """Yield a function that opens a file in Neovim with the README's configuration, and waits for the index."""
    with ExitStack() as running:

        def start(file: Path) -> Neovim:
            variable = VERSIONS[request.param]
            starting = Neovim.start(file, tmp_path / "home", path=starling_on_path, variable=variable)
            editor = running.enter_context(starting)
            editor.wait_for_server()
            editor.wait_for_index()
            return editor

        yield start


@pytest.fixture
def open_file(open_by_default: Open, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Return the function of `open_by_default`; its servers use no model."""
    monkeypatch.setenv("STARLING_MODEL__ENABLED", "false")
    return open_by_default


def test_a_suggestion_is_shown_while_typing_and_tab_accepts_it(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.press("<Tab>")
    editor.wait_for_line(4, WHOLE)
    assert editor.read_cursor() == (4, len(WHOLE))
    assert editor.read_statistics()["accepted"] == 1
    editor.type("  # done")
    editor.wait_for_line(4, WHOLE + "  # done")


def test_typing_a_suggestion_shortens_it(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.type(REST[:5])
    editor.wait_for_suggestion(REST[5:])
    editor.press("<Tab>")
    editor.wait_for_line(4, WHOLE)


def test_a_word_of_a_suggestion_is_accepted_and_the_rest_stays(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.press("<M-w>")
    editor.wait_for_line(4, "        amount += prices")
    editor.wait_for_suggestion(REST.removeprefix("ces"))
    editor.press("<Tab>")
    editor.wait_for_line(4, WHOLE)
    assert editor.read_statistics()["partly_accepted"] == 1


def test_a_person_who_asks_gets_less_likely_suggestions_and_alternatives(shop: Path, open_file: Open) -> None:
    (shop / ".starling.toml").write_text("", encoding="utf-8")  # by default few suggestions are likely enough
    (shop / "other.py").write_text(OTHER, encoding="utf-8")
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.read_suggestion_after_answer() == ""
    editor.press("<M-n>")
    editor.wait_for_suggestion(f"{REST} (1/2)")
    editor.press("<M-n>")
    editor.wait_for_suggestion("ces.of(item) (2/2)")
    editor.press("<M-p>")
    editor.wait_for_suggestion(f"{REST} (1/2)")
    editor.type(REST[:3])
    editor.wait_for_suggestion(f"{REST[3:]} (1/2)")
    editor.press("<M-w>")
    editor.wait_for_line(4, "        amount += prices[")
    editor.press("<M-l>")
    editor.wait_for_line(4, WHOLE)
    assert editor.read_statistics()["accepted"] == 1


def test_a_dismissed_suggestion_disappears_and_tab_is_a_tab_again(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.press("<M-e>")
    editor.wait_for_suggestion("")
    editor.press("<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('pri%s+x$') ~= nil", "an indented x")


def test_several_lines_keep_their_indentation_and_are_accepted_line_by_line(shop: Path, open_file: Open) -> None:
    body = f"    {LINES[0]}\n    {LINES[1]}\n{LINES[2]}\n{LINES[3]}\n"
    (shop / "other.py").write_text(f"def one(items):\n{body}\n\ndef two(items):\n{body}", encoding="utf-8")
    (shop / "three.py").write_text("def three(items):\n", encoding="utf-8")
    editor = open_file(shop / "three.py")
    editor.press("Go")
    editor.type(f"{LINES[0]}\n")
    editor.press("<M-n>")
    editor.wait_for_suggestion("\n".join(LINES[1:]))
    editor.press("<M-l>")
    editor.wait_for_suggestion("\n".join(("", *LINES[2:])))
    editor.press("<M-l>")
    editor.wait_for_line(4, LINES[2])
    editor.press("<Tab>")
    editor.wait_for_lines(["def three(items):", f"    {LINES[0]}", f"    {LINES[1]}", *LINES[2:]])


def test_a_key_that_is_mapped_already_keeps_its_mapping(shop: Path, open_file: Open, tmp_path: Path) -> None:
    plugin = tmp_path / "home" / "config" / "nvim" / "plugin"
    plugin.mkdir(parents=True)
    (plugin / "mine.vim").write_text("inoremap <Tab> mine\n", encoding="utf-8")
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    editor.wait_for_any_suggestion()
    editor.press("<Tab>")
    editor.wait_for_line(4, "        amount += primine")


def test_the_key_for_a_word_types_nothing_without_a_suggestion(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("zebra")
    editor.press("<M-w>")
    editor.type("s")
    editor.wait_for_line(4, "        zebras")


def test_a_suggestion_after_an_emoji_is_inserted_where_it_is_shown(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("'🦊🦊'; amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.press("<Tab>")
    editor.wait_for_line(4, f"        '🦊🦊'; amount += pri{REST}")


def test_a_file_with_dos_line_ends_keeps_them_and_gets_no_stray_characters(shop: Path, open_file: Open) -> None:
    file = shop / "order.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    editor = open_file(file)
    assert editor.evaluate("vim.bo.fileformat") == "dos"
    editor.press("Go")
    editor.type("amount += pri")
    assert editor.wait_for_any_suggestion() == REST
    editor.press("<Tab>")
    editor.wait_for_line(4, WHOLE)
    editor.press("<Esc>:w<CR>")
    editor.wait_for("not vim.bo.modified", "the file to be written")
    content = file.read_bytes()
    assert content.count(b"\n") == content.count(b"\r\n") == 4
    assert content.endswith(WHOLE.encode() + b"\r\n")


def test_without_a_suggestion_tab_is_a_tab(shop: Path, open_file: Open) -> None:
    (shop / "unrelated.py").write_text("zebra\n", encoding="utf-8")
    editor = open_file(shop / "unrelated.py")
    editor.press("Go<Tab>x")
    editor.wait_for("vim.api.nvim_get_current_line():match('^%s+x$') ~= nil", "an indented x")


def test_tab_does_not_accept_the_suggestion_while_a_menu_is_open(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press(":set completeopt=menuone<CR>Go")
    editor.type("amount += pri")
    editor.press("<C-x><C-n>")
    editor.wait_for("vim.fn.pumvisible() == 1", "the menu")
    editor.wait_for_suggestion(REST.removeprefix("ces"))
    editor.press("<Tab>")
    editor.wait_for("vim.fn.pumvisible() == 0", "the menu to close")
    assert editor.read_lines()[3].strip() == "amount += prices"


def test_leaving_insert_mode_removes_the_suggestion(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "order.py")
    editor.press("Go")
    editor.type("amount += pri")
    editor.wait_for_any_suggestion()
    editor.press("<Esc>")
    editor.wait_for_suggestion("")


def test_a_buffer_that_was_never_saved_is_served(shop: Path, open_file: Open) -> None:
    editor = open_file(shop / "stock.py")
    editor.press(":enew<CR>:setfiletype python<CR>")
    editor.wait_for_server()
    editor.press("i")
    editor.type("amount = 3")
    editor.wait_for_lines(["amount = 3"])
    assert editor.evaluate("#vim.lsp.get_clients({ bufnr = 0, name = 'starling' })") == 1


def test_a_language_without_a_grammar_is_served_and_help_is_not(shop: Path, open_file: Open) -> None:
    (shop / "door.vim").write_text("let opened = door.state(open, now, here)\n", encoding="utf-8")
    editor = open_file(shop / "door.vim")
    editor.press(":help<CR>")
    editor.wait_for("vim.bo.filetype == 'help'", "the help")
    assert editor.evaluate("#vim.lsp.get_clients({ bufnr = 0, name = 'starling' })") == 0


def test_real_code_is_completed_by_default(tmp_path: Path, open_by_default: Open) -> None:
    installed = Path(sysconfig.get_paths()["purelib"]) / "pygls"
    package = tmp_path / "pygls"
    shutil.copytree(installed, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / ".starling.toml").touch()
    file = package / "lsp" / "_base_client.py"
    *before, check, error, _, _ = file.read_text(encoding="utf-8").rstrip().split("\n")
    assert error.strip() == 'raise RuntimeError("Client has been stopped.")'
    file.write_text("\n".join(before) + "\n", encoding="utf-8")
    editor = open_by_default(file)
    editor.press("Go")
    shown = type_until_a_suggestion_is_shown(editor, [check.strip(), error.strip()])
    typed = editor.read_lines()
    editor.press("<Tab>")
    editor.wait_for_lines([*typed[:-1], *(typed[-1] + shown).split("\n")])


def type_until_a_suggestion_is_shown(editor: Neovim, lines: list[str]) -> str:
    """Type `lines` with a pause after every four characters until a suggestion is shown, and return it."""
    for line in lines:
        for start in range(0, len(line), 4):
            editor.type(line[start : start + 4])
            if shown := editor.read_suggestion_after_answer():
                return shown
        editor.press("<CR>")
    pytest.fail("nothing was ever shown")

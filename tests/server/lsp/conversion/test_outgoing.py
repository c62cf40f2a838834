"""Items of the ordinary completion list, which each editor filters and indents in its own way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.suggestions import Completion
from server.lsp.conversion import outgoing
from server.lsp.session.open_documents import OpenText
from tests.marked import parse
from tests.server.editor import Editor, suggestion

if TYPE_CHECKING:
    from lsprotocol import types


def make_popup_item(fixture: str, text: str, *, back: int = 0) -> types.CompletionItem:
    case = parse(fixture)
    assert case.cursor is not None
    at = case.cursor[1]
    document = OpenText.of("untitled:1", None, "python", 1, case.text)
    (item,) = outgoing.build_popup_items(Completion((suggestion(text, at - back, at),)), document, at, "utf-16").items
    return item


@pytest.mark.parametrize(
    ("fixture", "text", "back", "new", "columns"),
    [
        ("x = comp$0", "ute(1)", 0, "compute(1)", (4, 8)),
        ("x = $0", "compute(1)", 0, "compute(1)", (4, 4)),
        ("😀.comp$0", "ute(1)", 0, "compute(1)", (3, 7)),
        ("größe$0", "n = 1", 0, "größen = 1", (0, 5)),
        ("x = comp$0", "compute(1)", 4, "compute(1)", (4, 8)),
    ],
)
def test_an_item_replaces_the_word_before_the_cursor_by_itself_and_more(
    fixture: str, text: str, back: int, new: str, columns: tuple[int, int]
) -> None:
    item = make_popup_item(fixture, text, back=back)
    edit = item.text_edit
    assert edit is not None
    assert (item.filter_text, edit.new_text) == (new, new)
    span = edit.range  # type: ignore[union-attr]
    assert (span.start.character, span.end.character) == columns


def test_a_block_is_inserted_as_it_is_and_labelled_by_its_first_line() -> None:
    item = make_popup_item("def f():$0", "\n    return 1\n")
    assert (item.label, item.filter_text) == ("return 1", "")
    assert item.insert_text_mode is not None
    assert item.insert_text_mode.name == "AsIs"


async def test_a_client_without_inline_completion_gets_the_same_in_its_list() -> None:
    editor = Editor()
    await editor.begin({})
    editor.open("x = s")
    place = {"textDocument": {"uri": "untitled:main.py"}, "position": {"line": 0, "character": 5}}
    result = (await editor.answer(editor.ask("textDocument/completion", place)))["result"]
    assert result["isIncomplete"] is True
    assert [item["textEdit"]["newText"] for item in result["items"]] == ["ssuggested()"]
    await editor.end()


async def test_the_popup_can_be_turned_off() -> None:
    editor = Editor()
    await editor.begin({}, initializationOptions={"completion": {"popup": False}})
    editor.open("x = s")
    place = {"textDocument": {"uri": "untitled:main.py"}, "position": {"line": 0, "character": 5}}
    assert (await editor.answer(editor.ask("textDocument/completion", place)))["result"]["items"] == []
    await editor.end()

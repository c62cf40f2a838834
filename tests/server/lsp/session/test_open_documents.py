"""Open documents under edits, compared with a naive double, and the immutability of snapshots."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from server.lsp.conversion import incoming
from server.lsp.session import open_documents
from server.lsp.session.lines import BLOCK_LINES, Lines
from server.lsp.session.open_documents import Documents, OpenText
from tests.server import naive

PIECES = ["a", "é", "😀", "\n", "\r\n", "\r", "    ", "name", "\ud83d", "\ude00"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=30).map("".join)
EDITS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12), TEXTS), max_size=8
)


def join_surrogates(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def make_document(text: str, *, uri: str = "untitled:1", version: int = 1) -> OpenText:
    return OpenText.of(uri, None, "text", version, text)


def make_change(start: tuple[int, int], end: tuple[int, int], text: str) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(types.Range(types.Position(*start), types.Position(*end)), text)


@given(TEXTS.map(join_surrogates), EDITS)
def test_edits_by_utf16_positions_give_the_text_of_an_editor_that_counts_utf16(text: str, edits: list[tuple]) -> None:  # type: ignore[type-arg]
    document, shown = make_document(text), text
    for line, column, to_line, to_column, raw in edits:
        new = join_surrogates(raw)
        start, end = sorted(naive.offset(shown, *place, "utf-16") for place in ((line, column), (to_line, to_column)))
        shown = join_surrogates(shown[:start] + new + shown[end:])
        document = incoming.apply_changes(
            document, [make_change((line, column), (to_line, to_column), new)], 2, "utf-16"
        )
        assert document.text == shown
        assert [document.lines.find_start(number) for number in range(document.lines.count)] == naive.starts(shown)


@given(
    st.integers(0, 4 * BLOCK_LINES),
    st.integers(0, 3 * BLOCK_LINES),
    st.integers(0, BLOCK_LINES),
    st.sampled_from(["", "x", "x\ny", "\r", "\n" * 700]),
)
def test_an_edit_across_blocks_leaves_the_index_of_the_whole_text(
    lines: int, first: int, length: int, new: str
) -> None:
    text = "".join(f"line {number}" + ("\r\n" if number % 3 else "\n") for number in range(lines))
    start = min(first * 7, len(text))
    end = min(start + length * 7, len(text))
    edited = make_document(text).with_replacement(start, end, new)
    fresh = Lines.of(edited.text)
    assert edited.lines.count == fresh.count
    assert [edited.lines.find_start(n) for n in range(fresh.count + 2)] == [
        fresh.find_start(n) for n in range(fresh.count + 2)
    ]
    assert all(edited.lines.find_line(fresh.find_start(n)) == n for n in range(fresh.count))


def test_an_edit_leaves_the_snapshot_before_it_alone() -> None:
    before = make_document("one\ntwo\n")
    after = incoming.apply_changes(before, [make_change((0, 0), (1, 0), "")], 2, "utf-16")
    assert (before.text, before.version, before.lines.count, before.record.text) == ("one\ntwo\n", 1, 3, "one\ntwo\n")
    assert (after.text, after.version, after.lines.count, after.record.text) == ("two\n", 2, 2, "two\n")
    with pytest.raises(FrozenInstanceError):
        before.text = ""  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        before.record.text = ""  # type: ignore[misc]


def test_changes_of_one_notification_build_upon_each_other() -> None:
    changes = [make_change((0, 0), (0, 0), "ab\n"), make_change((1, 0), (1, 0), "c"), make_change((0, 1), (0, 2), "")]
    assert incoming.apply_changes(make_document(""), changes, 2, "utf-16").text == "a\nc"


def test_a_change_without_a_range_is_the_whole_text() -> None:
    whole = types.TextDocumentContentChangeWholeDocument("new\n")
    assert incoming.apply_changes(make_document("old"), [whole], 5, "utf-16") == make_document("new\n", version=5)


def test_the_core_gets_no_lone_surrogate_and_the_same_offsets() -> None:
    document = make_document("a\ud800b😀")
    assert document.record.text == "a\ufffdb😀"
    document.record.text.encode()


def test_surrogates_that_two_edits_bring_together_are_one_character() -> None:
    document = make_document("<>").with_replacement(1, 1, "\ud83d").with_replacement(2, 2, "\ude00")
    assert document.text == "<😀>"


def test_a_text_too_large_to_keep_is_not_kept_until_it_is_sent_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_documents, "MAX_CHARACTERS", 10)
    document = make_document("x" * 11)
    assert (document.text, document.oversized) == ("", True)
    assert incoming.apply_changes(document, [make_change((0, 0), (0, 0), "y")], 2, "utf-16").oversized
    small = incoming.apply_changes(document, [types.TextDocumentContentChangeWholeDocument("y")], 2, "utf-16")
    assert (small.text, small.oversized) == ("y", False)
    assert make_document("x" * 10).with_replacement(0, 0, "y").oversized


def test_files_have_a_path_and_other_documents_none() -> None:
    item = types.TextDocumentItem("file:///home/me/a%20b.py", "python", 1, "")
    assert incoming.build_document(item).path == Path("/home/me/a b.py")
    for uri in (
        "untitled:Untitled-1",
        "vscode-notebook-cell:/home/me/n.ipynb#W0",
        "https://host/a.py",
        "file:relative",
        "file:///a%00b",
    ):
        assert incoming.build_document(types.TextDocumentItem(uri, "python", 1, "")).path is None


def test_the_editors_language_counts_before_the_files_name() -> None:
    named = [("typescriptreact", "a.ts", "tsx"), ("plaintext", "a.py", "python"), ("plaintext", "notes", "text")]
    for language_id, name, ours in named:
        item = types.TextDocumentItem(f"file:///home/{name}", language_id, 1, "")
        assert incoming.build_document(item).language == ours


def test_closing_a_document_that_is_not_open_is_harmless() -> None:
    opens = Documents()
    opens.put(make_document("x"))
    assert opens.drop("untitled:2") is None
    assert opens.drop("untitled:1") is not None
    assert (len(opens), list(opens), opens.get("untitled:1")) == (0, [], None)

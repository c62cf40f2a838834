"""Calls as the protocol shows them: kinds, files, diffs."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.edits import CreateFile, DeleteFile, Edit, ProposedEdit, RenameFile, TextChange
from agents.team.tools.all_tools import TOOLS
from server.acp.tool_calls import choose_kind, clean_text, describe_call, list_diffs, list_locations, locate_file

ROOT = Path(__file__).parent.resolve()


def test_every_tool_has_a_kind_that_fits() -> None:
    kinds = {tool.name: choose_kind(tool.tool) for tool in TOOLS}
    assert kinds["read_file"] == "read"
    assert kinds["search_code"] == "search"
    assert kinds["edit_file"] == kinds["write_file"] == "edit"
    assert kinds["delete_file"] == "delete"
    assert kinds["rename_file"] == "move"
    assert kinds["execute_command"] == kinds["git_commit"] == "execute"
    assert kinds["plan"] == "think"
    assert kinds["ask_person"] == kinds["delegate"] == "other"


def test_a_call_is_described_with_its_file_and_line() -> None:
    described = describe_call("read_file", {"path": "area.py", "first": 7}, TOOLS, [ROOT])
    assert (described.title, described.kind) == ("Read area.py from line 7", "read")
    (location,) = described.locations
    assert (location.path, location.line) == (str(ROOT / "area.py"), 7)


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("no_such_tool", {}, "other"),
        ("read_file", {}, "read"),
        ("read_file", {"path": 5}, "read"),
        ("edit_file", {"path": "a"}, "edit"),
    ],
)
def test_a_malformed_call_has_its_name_as_title(name: str, arguments: dict[str, object], kind: str) -> None:
    described = describe_call(name, arguments, TOOLS, [ROOT])
    assert (described.title, described.kind, described.locations) == (name, kind, ())


@pytest.mark.parametrize("name", ["../outside.py", "/etc/passwd", "a/../../b"])
def test_a_file_outside_of_the_workspace_has_no_location(name: str) -> None:
    assert locate_file(name, [ROOT]) is None


def test_a_file_in_the_second_folder_is_found_by_its_absolute_path() -> None:
    location = locate_file(str(ROOT / "b.py"), [ROOT / "other", ROOT])
    assert location is not None
    assert location.path == str(ROOT / "b.py")


def test_each_text_of_a_proposal_has_a_diff() -> None:
    changed = TextChange((ROOT / "a.py").as_uri(), ROOT / "a.py", "old", (Edit(0, 3, "new"),))
    made, gone = CreateFile(ROOT / "b.py", "made"), DeleteFile(ROOT / "c.py", "gone")
    moved, untitled = RenameFile(ROOT / "d.py", ROOT / "e.py"), TextChange("untitled:1", None, "", (Edit(0, 0, "x"),))
    proposal = ProposedEdit("Change all", "", "coder", (changed, made, gone, moved, untitled))
    assert [(Path(diff.path).name, diff.old_text, diff.new_text) for diff in list_diffs(proposal)] == [
        ("a.py", "old", "new"),
        ("b.py", None, "made"),
        ("c.py", "gone", ""),
    ]
    assert [Path(one.path).name for one in list_locations(proposal)] == ["a.py", "b.py", "c.py", "e.py"]


def test_lone_halves_of_characters_are_replaced() -> None:
    assert clean_text("a\ud800b\U0001f600") == "a\ufffdb\U0001f600"

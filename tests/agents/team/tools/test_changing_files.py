"""The tools `write_file`, `rename_file` and `delete_file`: proposals, and what they refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.edits import CreateFile, TextChange

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench


async def test_a_new_file_is_created_and_an_old_one_replaced_with_its_line_ends(bench: TeamBench) -> None:
    (bench.root / "old.py").write_bytes(b"a = 1\r\n")
    assert await bench.call("write_file", path="new/b.py", text="b = 2\n") == ("Done: Create new/b.py.", False)
    assert await bench.call("write_file", path="old.py", text="a = 2\n") == ("Done: Replace old.py.", False)
    assert bench.read("new/b.py") == "b = 2\n"
    assert (bench.root / "old.py").read_bytes() == b"a = 2\r\n"
    kinds = [type(one.changes[0]) for one in bench.gate.proposals]
    assert kinds == [CreateFile, TextChange]


async def test_a_file_is_renamed_and_deleted(bench: TeamBench) -> None:
    (bench.root / "a.py").write_text("a = 1\n")
    assert await bench.call("rename_file", path="a.py", to="b.py") == ("Done: Rename a.py to b.py.", False)
    assert await bench.call("delete_file", path="b.py") == ("Done: Delete b.py.", False)
    assert list(bench.root.iterdir()) == []


@pytest.mark.parametrize(("tool", "arguments", "said"), [
    ("write_file", {"path": "a.py", "text": "a = 1\n"}, "exactly this text already"),
    ("write_file", {"path": "../b.py", "text": ""}, "outside of the workspace"),
    ("write_file", {"path": "secret.py", "text": ""}, "is excluded"),
    ("rename_file", {"path": "a.py", "to": "/tmp/a.py"}, "outside of the workspace"),
    ("rename_file", {"path": "none.py", "to": "b.py"}, "does not exist"),
    ("delete_file", {"path": "none.py"}, "does not exist"),
    ("delete_file", {"path": "folder"}, "is a folder"),
])  # fmt: skip
async def test_what_is_refused_says_why(tool: str, arguments: dict[str, str], said: str, bench: TeamBench) -> None:
    (bench.root / "a.py").write_text("a = 1\n")
    (bench.root / "folder").mkdir()
    text, failed = await bench.call(tool, **arguments)
    assert (failed, said in text, bench.gate.proposals) == (True, True, []), text

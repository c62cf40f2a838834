"""The tool `edit_file`: pieces found exactly, by lines, or answered with the nearest real lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.team.permissions.modes import Mode

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

TEXT = "def area(r):\n    return 3.14 * r * r\n\n\ndef half(x):\n    return x / 2\n"


@pytest.mark.parametrize(("old", "new", "after"), [
    ("3.14", "pi", TEXT.replace("3.14", "pi")),
    ("    return x / 2\n", "    return x // 2\n", TEXT.replace("/ 2", "// 2")),
    ("def half(x):   \n    return x / 2", "def half(x):\n    return x * 0.5", TEXT.replace("x / 2", "x * 0.5")),
    ("def half(x):\n    return x / 2\n", "", TEXT.replace("def half(x):\n    return x / 2\n", "")),
])  # fmt: skip
async def test_a_piece_is_replaced(old: str, new: str, after: str, bench: TeamBench) -> None:
    (bench.root / "a.py").write_text(TEXT)
    text, failed = await bench.call("edit_file", path="a.py", replacements=[{"old": old, "new": new}])
    assert (failed, bench.read("a.py")) == (False, after), text


async def test_the_agent_is_told_which_parts_the_person_left_out(bench: TeamBench) -> None:
    bench.write("#- a.py\nx = 1\n")
    bench.gate.reason, bench.gate.left_out = "1 of 2 parts were taken. Left out: a.py, line 9.", ("a.py, line 9",)
    text, failed = await bench.call("edit_file", path="a.py", replacements=[{"old": "x = 1", "new": "x = 2"}])
    assert not failed
    assert text.startswith("Done in part: Edit a.py. 1 of 2 parts were taken. Left out: a.py, line 9. The person took")


async def test_line_ends_of_the_file_are_kept(bench: TeamBench) -> None:
    (bench.root / "a.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    await bench.call("edit_file", path="a.py", replacements=[{"old": "a = 1\nb = 2", "new": "a = 2\nb = 3\nc = 4"}])
    assert (bench.root / "a.py").read_bytes() == b"a = 2\r\nb = 3\r\nc = 4\r\n"


@pytest.mark.parametrize(("old", "said"), [
    ("    return 3.15 * r * r\n", "2      return 3.14 * r * r"),
    ("    return", "occurs 2 times in a.py (lines 2, 6)"),
    ("nothing of this kind at all", "does not occur in a.py"),
])  # fmt: skip
async def test_a_miss_shows_the_nearest_lines_or_the_places(old: str, said: str, bench: TeamBench) -> None:
    (bench.root / "a.py").write_text(TEXT)
    text, failed = await bench.call("edit_file", path="a.py", replacements=[{"old": old, "new": "x"}])
    assert (failed, said in text, bench.read("a.py")) == (True, True, TEXT), text


async def test_overlapping_pieces_and_no_change_are_errors(bench: TeamBench) -> None:
    (bench.root / "a.py").write_text(TEXT)
    pieces = [{"old": "def half(x):\n    return", "new": "1"}, {"old": "return x / 2", "new": "2"}]
    assert "overlap" in (await bench.call("edit_file", path="a.py", replacements=pieces))[0]
    same = [{"old": "3.14", "new": "3.14"}]
    assert "as it is" in (await bench.call("edit_file", path="a.py", replacements=same))[0]


async def test_plan_mode_denies_an_edit_before_anybody_is_asked(bench: TeamBench) -> None:
    bench.options["mode"] = Mode.PLAN
    (bench.root / "a.py").write_text(TEXT)
    text, failed = await bench.call("edit_file", path="a.py", replacements=[{"old": "3.14", "new": "3"}])
    assert (failed, "plan mode" in text, bench.gate.proposals) == (True, True, [])

"""A rename in the whole workspace: which names, which places, and when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.team.led import renaming
from agents.team.led.renaming import choose_names
from tests.agents.team.led.led_runs import run_turn

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

FILES = """
#- area.py
__all__ = ["area"]


def area(r):
    # area of a circle
    return r * r
#- use.py
from area import area

print(f"{area(1)} is the area", subarea)
#- notes.md
area
"""
CHOICE = '=== Decide what the user wants\n@call rename_everywhere {"old_name": "area", "new_name": "surface"}\n'
REQUEST = "Rename `area` to `surface` everywhere."


async def test_identifiers_and_whole_strings_are_renamed_in_all_files(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHOICE, REQUEST, files=FILES)
    assert bench.read("area.py") == (
        '__all__ = ["surface"]\n\n\ndef surface(r):\n    # area of a circle\n    return r * r\n'
    )
    assert bench.read("use.py") == 'from surface import surface\n\nprint(f"{surface(1)} is the area", subarea)\n'
    assert bench.read("notes.md") == "area\n"
    assert ended.text == "Renamed area to surface in area.py, use.py. The review finds nothing new."


@pytest.mark.parametrize(("files", "said"), [
    (FILES + "surface = 1\n", ""),
    ("#- area.py\ndef area(): ...\nsurface = 1\n", "surface is a name in area.py already; choose another one."),
    (
        "#- area.py\ndef area(): ...\n#- other.py\ndef area(): ...\n",
        (
            "area is defined more than once (area in area.py; area in other.py), so it was not renamed; use your "
            "editor's rename there."
        ),
    ),
    (
        "#- area.py\nclass A:\n    def area(self): ...\nclass B:\n    def area(self): ...\n",
        (
            "area is defined more than once (A.area, B.area in area.py), so it was not renamed; use your editor's "
            "rename there."
        ),
    ),
])  # fmt: skip
async def test_an_ambiguous_rename_is_refused(files: str, said: str, bench: TeamBench) -> None:
    ended = await run_turn(bench, CHOICE, REQUEST, files=files)
    assert ended.text == said or not said
    assert not bench.gate.proposals or not said


async def test_definitions_in_all_files_that_the_request_names_are_renamed(bench: TeamBench) -> None:
    files = "#- area.py\ndef area(): ...\n#- other.py\ndef area(): ...\n"
    await run_turn(bench, CHOICE, "Rename `area` in area.py and other.py to `surface`.", files=files)
    assert (bench.read("area.py"), bench.read("other.py")) == ("def surface(): ...\n", "def surface(): ...\n")


async def test_a_rejected_rename_says_which_files_were_changed(bench: TeamBench) -> None:
    bench.gate.answer, bench.gate.reason = False, "No."
    ended = await run_turn(bench, CHOICE, REQUEST, files=FILES)
    assert ended.text == "No."


async def test_too_many_files_are_not_renamed(bench: TeamBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renaming, "MOST_FILES", 1)
    ended = await run_turn(bench, CHOICE, REQUEST, files=FILES)
    assert "more than 1 files" in ended.text
    assert bench.gate.proposals == []


@pytest.mark.parametrize(("request_", "given", "names"), [
    ("Rename a_b to c_d", {"old_name": "a_b", "new_name": "c_d"}, ("a_b", "c_d")),
    ("Rename `x.a_b` to `c_d`", {"old_name": "x.a_b()", "new_name": "`c_d`"}, ("a_b", "c_d")),
    ("Rename a_b to c_d", {"old_name": "a_b", "new_name": "made_up"}, ("a_b", "c_d")),
    ("Rename a_b to c_d", {}, ("a_b", "c_d")),
    ("Rename a_b to c_d or e_f", {"old_name": "a_b"}, None),
    ("Rename it", {"old_name": "it", "new_name": "it"}, None),
])  # fmt: skip
def test_names_come_from_the_request(request_: str, given: dict[str, str], names: tuple[str, str] | None) -> None:
    assert choose_names(request_, given) == names

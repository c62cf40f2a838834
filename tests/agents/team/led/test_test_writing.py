"""The work of a workflow's step, led: tests are written into a file of their own, code is changed by what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.team.led.file_writing import keep_parsed_lines
from agents.team.led.given_work import LONGEST_FAILURES, LONGEST_TESTS, GivenWork
from tests.agents.team.led.led_runs import AREA, list_calls, run_turn

if TYPE_CHECKING:
    from pathlib import Path

    from tests.agents.team.bench import TeamBench

WISH = "area(r) has to square r."
PROMPT = f"A person wants this:\n\n{WISH}\n\nWrite the tests."
TEST = "from area import area\n\n\ndef test_area():\n    assert area(2) == 12\n"
WRITTEN = f"===\n@times 1\n```python\n{TEST}```\n"
CHOICE = "=== Decide what the user wants\n@call change_function {}\n"
CODE = "===\n@times 1\n```python\ndef area(r):\n    return 3 * r * r\n```\nIt squares r.\n"


def give(bench: TeamBench, changes: str, **more: Any) -> None:
    """Have the next turn be a step that may change `changes`."""
    bench.options["given"] = GivenWork(WISH, changes, **more)


async def test_tests_are_written_where_the_codes_tests_belong_and_are_not_run(bench: TeamBench) -> None:
    give(bench, "tests")
    ended = await run_turn(bench, WRITTEN, PROMPT)
    assert bench.read("tests/test_area.py") == TEST
    assert ended.text == "Written: tests/test_area.py. The review finds nothing new."
    assert list_calls(bench) == ["read_file", "write_file"]
    asked = bench.chat.requests[-1].messages[-1].text
    assert PROMPT in asked
    assert asked.endswith("Import everything that is tested with `from area import ...`, also what does not exist yet.")


async def test_a_copy_of_what_is_tested_is_replaced_by_its_import(bench: TeamBench) -> None:
    give(bench, "tests")
    copy = "import math\n\n\ndef area(r):\n    return math.pi * r\n\n\ndef test_area():\n    assert area(2) == 12\n"
    await run_turn(bench, f"===\n@times 1\n```python\n{copy}```\n", PROMPT)
    assert bench.read("tests/test_area.py") == (
        "from area import area\nimport math\n\n\ndef test_area():\n    assert area(2) == 12\n"
    )


async def test_tests_that_are_cut_off_are_used_up_to_their_last_line_that_parses(bench: TeamBench) -> None:
    give(bench, "tests")
    begun = f"{TEST}    assert area(3) == 27\n\n\ndef test_more():\n    assert area("
    await run_turn(bench, f"===\n@times 1\n@end length\n```python\n{begun}\n", PROMPT)
    assert bench.read("tests/test_area.py") == f"{TEST}    assert area(3) == 27\n"


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("def a():\n    return 1\n\n\ndef b():\n    return (", "def a():\n    return 1\n\n"),
        ("x = 1", ""),
        ("x = (\n" + 30 * "    1,\n", ""),
    ],
)
def test_only_whole_lines_that_parse_are_kept(code: str, kept: str, tmp_path: Path) -> None:
    assert keep_parsed_lines(code, tmp_path / "a.py") == kept


async def test_a_test_file_that_is_there_is_kept_and_a_new_one_gets_a_number(bench: TeamBench) -> None:
    give(bench, "tests")
    old = "from area import area\n"
    await run_turn(bench, WRITTEN, PROMPT, files=f"{AREA}#- tests/test_area.py\n{old}")
    assert bench.read("tests/test_area.py") == old
    assert bench.read("tests/test_area_2.py") == TEST


async def test_tests_that_were_sent_back_are_written_again_in_their_file(bench: TeamBench) -> None:
    give(bench, "tests", tests=("tests/test_area_2.py",), failures="No test fails: tests/test_area_2.py.")
    await run_turn(bench, WRITTEN, PROMPT, files=f"{AREA}#- tests/test_area_2.py\nimport area  # the old one\n")
    assert bench.read("tests/test_area_2.py") == TEST
    assert "The file now:\n```\nimport area  # the old one\n```" in bench.chat.requests[-1].messages[-1].text


async def test_a_test_that_the_request_names_is_left_as_it_is_at_first(bench: TeamBench) -> None:
    bench.options["given"] = GivenWork("area fails in tests/test_area.py.", "tests")
    files = f"{AREA}#- tests/test_area.py\nimport area\n"
    ended = await run_turn(bench, WRITTEN, PROMPT, files=files)
    assert ended.text == "The test is there already: tests/test_area.py."
    assert bench.gate.proposals == []


async def test_code_is_changed_by_the_wish_the_tests_and_their_failures(bench: TeamBench) -> None:
    give(bench, "code", tests=("tests/test_area.py",), failures="FAILED test_area: 6 is not 12")
    await run_turn(bench, CHOICE + CODE, "The whole prompt.", files=f"{AREA}#- tests/test_area.py\n{TEST}")
    assert "return 3 * r * r" in bench.read("area.py")
    asked = "\n".join(one.messages[-1].text for one in bench.chat.requests)
    assert WISH in asked
    assert "assert area(2) == 12" in asked
    assert "6 is not 12" in asked
    assert "The whole prompt." not in asked


async def test_a_step_that_changes_nothing_is_answered_in_words(bench: TeamBench) -> None:
    give(bench, "nothing")
    ended = await run_turn(bench, "===\nIt has to be squared.\n", PROMPT)
    assert ended.text == "It has to be squared."
    assert list_calls(bench) == ["read_file"]


@pytest.mark.parametrize("tests", ["", "x" * LONGEST_TESTS * 2])
def test_an_instruction_is_bounded(tests: str) -> None:
    given = GivenWork(WISH, "code", failures=f"first {'y' * LONGEST_FAILURES} last")
    text = given.compose_instruction(tests)
    assert text.startswith(WISH)
    assert text.endswith(" last")
    assert "first" not in text
    assert ("have to pass" in text) is bool(tests)
    assert len(text) < LONGEST_TESTS + LONGEST_FAILURES + 300

"""A new file: which one a request names, how it is written, checked and written again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.team.led.file_writing import find_new_file
from tests.agents.team.led.led_runs import list_calls, run_turn

if TYPE_CHECKING:
    from tests.agents.team.bench import TeamBench

CHOICE = "=== Decide what the user wants\n@call write_new_file {}\n"
REQUEST = "Write a function that calls area() into the new file src/calls.py."
GOOD = "===\n@times 1\n```python\nfrom area import area\n\nprint(area(2))\n```\n"
BAD = "===\n@times 1\n```python\nBAD = 1\n```\n"
WORSE = "===\n@times 1\n```python\nBAD = BAD\n```\n"
BROKEN = "===\n@times 1\n```python\ndef f(:\n```\n"


async def test_the_file_is_written_as_the_model_says(bench: TeamBench) -> None:
    ended = await run_turn(bench, CHOICE + GOOD, REQUEST)
    assert bench.read("src/calls.py") == "from area import area\n\nprint(area(2))\n"
    assert ended.text == "Written: src/calls.py. The review finds nothing new."
    assert "def area(r)" in bench.chat.requests[-1].messages[-1].text
    assert list_calls(bench) == ["read_file", "write_file"]


async def test_a_text_that_does_not_parse_is_asked_for_once_more(bench: TeamBench) -> None:
    await run_turn(bench, CHOICE + BROKEN + GOOD, REQUEST)
    assert "area(2)" in bench.read("src/calls.py")
    assert "it does not parse" in bench.chat.requests[-1].messages[-1].text
    other = await run_turn(bench, CHOICE + "===\nNo code.\n", REQUEST.replace("calls.py", "other.py"))
    assert other.text == (
        "scripted wrote nothing that can be used as src/other.py (there is no code in a fenced block of the answer)."
    )


async def test_a_file_with_problems_is_written_again_and_no_gain_is_undone(bench: TeamBench) -> None:
    await run_turn(bench, CHOICE + BAD + GOOD, REQUEST)
    assert "area(2)" in bench.read("src/calls.py")
    await run_turn(bench, CHOICE + BAD + WORSE, REQUEST.replace("calls.py", "other.py"))
    assert bench.read("src/other.py") == "BAD = 1\n"


async def test_a_rejected_file_says_why(bench: TeamBench) -> None:
    bench.gate.answer, bench.gate.reason = False, "No."
    ended = await run_turn(bench, CHOICE + GOOD, REQUEST)
    assert ended.text == "No."
    ended = await run_turn(bench, CHOICE + GOOD, REQUEST.replace("calls.py", "secret.py"))
    assert "secret" in ended.text
    assert not (bench.root / "src").exists()


@pytest.mark.parametrize(("request_", "name"), [
    ("Write tests/test_a.py", "tests/test_a.py"),
    ("Write ./tests/test_a.py, please.", "tests/test_a.py"),
    ("Write area.py", None),
    ("Change src/area.py", None),
    ("Write a/b.py and a/c.py", None),
    ("Use and/or. e.g. http://example.org/page.html", None),
])  # fmt: skip
def test_a_new_file_is_a_path_with_a_folder_that_does_not_exist(
    request_: str, name: str | None, bench: TeamBench
) -> None:
    bench.write("#- src/area.py\nx = 1\n")
    found = find_new_file(request_, bench.workbench)
    assert (found.relative_to(bench.root).as_posix() if found else None) == name


async def test_a_new_test_file_is_said_to_begin_with_its_imports(bench: TeamBench) -> None:
    await run_turn(bench, CHOICE + GOOD, "Test area() in the new file tests/test_area.py.")
    asked = next(one.messages[-1].text for one in bench.chat.requests if "The file begins" in one.messages[-1].text)
    assert asked.endswith("The file begins with these lines:\n```\nfrom area import area\n```")

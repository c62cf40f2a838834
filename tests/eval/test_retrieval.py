"""The text of a file that each arm of the measurement of search sees."""

from __future__ import annotations

from tests.eval.retrieval import Site, cut_text

TEXT = """from tools import grind

def make(beans):
    cup = Cup()
    cup.fill(
        grind(beans),
    )
    return cup
"""


def show(line: int, column: int) -> dict[str, str]:
    """Return the text that each arm sees of a call, with `|` at the cursor."""
    seen = cut_text(TEXT, Site("main.py", line, "tools.py", 0, column))
    return {arm: f"{text[:offset]}|{text[offset:]}" for arm, (text, offset) in seen.items()}


def test_no_arm_sees_the_called_name() -> None:
    assert all("fill" not in text for text in show(4, 8).values())
    assert all("grind(" not in text for text in show(5, 8).values())


def test_the_arms_see_the_text_before_the_rest_after_the_statement_and_the_begun_line() -> None:
    seen = show(4, 8)
    assert seen["starling"].endswith("cup = Cup()\n    |")
    assert seen["starling_middle"].endswith("cup = Cup()\n    |\n    return cup\n")
    assert seen["starling_line"].endswith("cup = Cup()\n    cup.|")


def test_a_call_whose_column_is_not_known_has_no_arm_with_its_line() -> None:
    assert "starling_line" not in show(4, -1)

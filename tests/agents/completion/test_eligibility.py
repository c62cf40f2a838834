from __future__ import annotations

import pytest

from agents.completion.completion_policy import CompletionPolicy
from agents.completion.eligibility import find_refusal
from agents.suggestions import Trigger
from tests.agents.doubles import MemoryIndex, parse_cursor


def check_refusal(
    fixture: str,
    expected: str,
    *,
    trigger: Trigger = Trigger.AUTOMATIC,
    policy: CompletionPolicy | None = None,
    index: MemoryIndex | None = None,
) -> None:
    cursor = parse_cursor(fixture)
    index = index or MemoryIndex()
    assert (
        find_refusal(
            cursor,
            trigger=trigger,
            policy=policy or CompletionPolicy(),
            find_withholding_reason=index.find_withholding_reason,
        )
        == expected
    )


@pytest.mark.parametrize("right", ["", ")", '")', "])", "):", ") {", "'", "   ", ");", "},"])
def test_closing_brackets_and_quotes_may_follow_the_cursor(right: str) -> None:
    check_refusal(f"f($0{right}\n", "")


@pytest.mark.parametrize("right", [" + 1", ") + 1", ".name", "(x)", " = 3", "  # note"])
def test_before_code_there_is_no_automatic_suggestion(right: str) -> None:
    check_refusal(f"value $0{right}\n", "mid-line")


def test_a_person_who_asks_gets_a_suggestion_in_the_middle_of_a_line() -> None:
    check_refusal("value = $0 + 1\n", "", trigger=Trigger.INVOKED)


@pytest.mark.parametrize("trigger", list(Trigger))
def test_nothing_is_suggested_inside_a_word(trigger: Trigger) -> None:
    check_refusal("val$0ue\n", "mid-word", trigger=trigger)


@pytest.mark.parametrize("trigger", list(Trigger))
def test_nothing_is_suggested_in_a_file_that_is_ignored_or_secret(trigger: Trigger) -> None:
    check_refusal("#- .env\nKEY=$0\n", "excluded", trigger=trigger, index=MemoryIndex(excluded={".env": "secret"}))


def test_a_file_outside_all_workspace_folders_is_completed() -> None:
    check_refusal("x = $0\n", "", index=MemoryIndex(excluded={"main.py": "outside"}))


def test_completion_can_be_turned_off_for_all_languages_or_for_one() -> None:
    assert CompletionPolicy().is_on("python")
    assert not CompletionPolicy(enabled=False).is_on("python")
    without_python = CompletionPolicy(languages_off=frozenset({"python"}))
    assert [without_python.is_on(language) for language in ("python", "rust")] == [False, True]


def test_nothing_is_suggested_in_minified_lines() -> None:
    check_refusal("a" * 2000 + " $0\n", "long-line")


def test_nothing_is_suggested_in_huge_documents() -> None:
    check_refusal("x = 1\n" * 100 + "$0", "too-large", policy=CompletionPolicy(longest_document=100))


def test_nothing_is_suggested_between_the_two_characters_of_a_line_ending() -> None:
    check_refusal("x = 1\r$0\ny = 2\r\n", "mid-line")

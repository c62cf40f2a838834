"""The page that explains the rules: each rule has its section, with examples that are found or not as it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agents.reviewer.reviewer import Reviewer
from agents.reviewer.rules import all_rules
from tests.agents.reviewer.labels import WITHOUT_RUFF, make_document

PAGE = Path(all_rules.__file__).parents[1] / "RULES.md"
SECTIONS = dict(re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPARED = {"long-function", "hidden-direction"}


EVERY = replace(WITHOUT_RUFF, rules_on=frozenset(all_rules.RULES))


def find_codes(language: str, text: str) -> set[str]:
    return {finding.code for finding in Reviewer(EVERY).review(make_document(text, language, Path("/nowhere/x.y")))}


def test_every_rule_is_explained_and_nothing_else() -> None:
    assert sorted(SECTIONS) == sorted(all_rules.RULES)


@pytest.mark.parametrize("page", ["README.md", "docs/review.md"])
def test_other_pages_name_the_number_of_rules(page: str) -> None:
    text = Path(__file__).parents[3].joinpath(page).read_text(encoding="utf-8")
    assert re.findall(r"(\d+) rules\b", text) == [str(len(all_rules.RULES))]


@pytest.mark.parametrize("code", sorted(all_rules.RULES))
def test_the_page_names_the_severity(code: str) -> None:
    assert SECTIONS[code].strip().startswith(all_rules.RULES[code].severity.value)


def test_the_page_names_the_rules_that_are_off_by_default() -> None:
    off = {code for code, section in SECTIONS.items() if "off by default" in section.strip().partition("\n")[0]}
    assert off == {rule.code for rule in all_rules.SYNTAX_RULES if rule.off_by_default}


@pytest.mark.parametrize("code", sorted(set(all_rules.RULES) - SPARED))
def test_the_first_example_is_found_and_the_second_is_not(code: str) -> None:
    (language, found), (other, better) = BLOCK.findall(SECTIONS[code])
    assert find_codes(language, found) == {code}
    assert find_codes(other, better) == set()

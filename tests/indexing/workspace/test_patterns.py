from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from indexing.workspace.patterns import Patterns, compile_patterns

SEGMENTS = st.one_of(
    st.just("**"),
    st.text("ab*?. ", min_size=1, max_size=6),
    st.text("ab", min_size=1, max_size=1),
    st.sampled_from(["[ab]*[!a]*b", "*[]a]*a"]),
)
RULES = st.tuples(st.sampled_from(["", "!"]), st.lists(SEGMENTS, min_size=1, max_size=6), st.sampled_from(["", "/"]))
PATHS = st.lists(st.text("ab.] ", min_size=1, max_size=6), min_size=1, max_size=7).map("/".join)


@given(st.lists(RULES.map(lambda parts: parts[0] + "/".join(parts[1]) + parts[2]), min_size=1, max_size=5), PATHS)
def test_rules_mean_what_they_mean_to_others(rules: list[str], path: str) -> None:
    assume(not {".", ".."} & set(path.split("/")))  # no names of files
    assume("/" not in path or not any("[!" in rule for rule in rules))  # theirs takes a slash for "not a"
    assume(not any(rule.strip(" /") == "!" for rule in rules))  # theirs fails at "not", and nothing behind it
    ours = compile_patterns(tuple(rules))
    assert ours is not None
    for asked in (path, f"{path}/"):
        assert ours.check_file(asked).include is GitIgnoreSpec.from_lines(rules).check_file(asked).include


@pytest.mark.parametrize("rule", ["[ab]*[!a]*b", "a[!x]b", "a[+-9]b", "a[!]x]b", "a[^[x]b"])
def test_no_bracket_matches_a_slash(rule: str) -> None:
    spec = compile_patterns((rule,))
    assert spec is not None
    assert spec.check_file("a.b").include or spec.check_file("a8b").include
    assert spec.check_file("a/b").include is None


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("*a" * 40 + "b", "a" * 255),
        ("*" + "?*" * 40 + "b", "a" * 255),
        ("a/**/" * 40 + "b", "a/" * 1000 + "c"),
        ("**/" + "*a*/**/" * 20 + "b", "aaa/" * 500 + "c"),
    ],
)
def test_no_rule_takes_for_ever(rule: str, path: str) -> None:
    spec = compile_patterns((rule,))
    assert spec is not None
    assert spec.check_file(path).include is None


def test_a_malformed_rule_does_not_disable_the_others() -> None:
    spec = compile_patterns(("[z-a]", "b*c"))
    assert spec is not None
    assert spec.match_file("bac")


def test_lines_that_say_nothing_are_no_rules() -> None:
    spec = compile_patterns(("", "# a remark", "/"))
    assert spec is None or not spec.match_file("a")


def test_two_hundred_thousand_names_cost_nothing() -> None:
    rules = Patterns([*(f"generated/file{n}.txt" for n in range(200_000)), "!generated/file7.txt"])
    began = time.process_time()
    said = [rules.check_file(path).include for path in ("src/app.py", "generated/file3.txt", "generated/file7.txt")]
    assert said == [None, True, False]
    assert time.process_time() - began < 1

from __future__ import annotations

from agents.reviewer.review_policy import ReviewPolicy
from tests.agents.reviewer.labels import check_labels


def test_findings_stand_where_the_code_is() -> None:
    check_labels(
        """
        def area(shape, seen=[]):
        #                    ^^ mutable-default
            seen.append(shape)
            if shape is shape:
        #      ^^^^^^^^^^^^^^ self-comparison
                return seen
                print("never")
        #       ^^^^^^^^^^^^^^ unreachable-code
        """
    )


def test_a_comment_switches_a_text_off() -> None:
    check_labels("# starling: off\ndef area(shape, seen=[]):\n    seen.append(shape)\n")


def test_a_comment_switches_a_rule_off_in_its_line() -> None:
    check_labels(
        """
        def area(shape, seen=[]):  # starling: ignore[mutable-default]
            seen.append(shape)

        def length(shape, seen=[]):  # starling: ignore[self-comparison]
        #                      ^^ mutable-default
            seen.append(shape)
        """
    )


def test_comments_for_other_linters_suppress_the_equivalent_rules() -> None:
    check_labels(
        """
        def area(shape, seen=[]):  # noqa: B006
            seen.append(shape)
        """
    )


def test_a_rule_is_turned_off_by_the_policy() -> None:
    check_labels(
        """
        def area(shape, seen=[]):
            seen.append(shape)
        """,
        policy=ReviewPolicy(ruff="never", rules_off=frozenset({"mutable-default"})),
    )

"""Code actions at a place, and safe fixes that can be applied together."""

from __future__ import annotations

from agents import actions
from agents.actions import Way
from agents.edits import Edit, apply_edits
from agents.findings import Finding, Fix, Layer, Severity
from indexing.syntax.documents import Span
from tests.agents.tasks.scenes import make_scene


def make_finding(start: int, end: int, *edits: Edit, safe: bool = True, layer: Layer = Layer.STATIC) -> Finding:
    fix = Fix("Fix it", edits, safe=safe)
    return Finding("x", Severity.WARNING, Span(start, end), "It is so.", layer, fix=fix)


def test_safe_edits_that_lie_side_by_side_are_all_made() -> None:
    found = [make_finding(0, 9, Edit(0, 10, "")), make_finding(10, 19, Edit(10, 20, ""))]
    assert apply_edits("import a\n\nimport b\n\nx", actions.collect_safe_edits(found)) == "x"


def test_of_two_that_overlap_or_write_at_the_same_point_the_first_is_made() -> None:
    assert actions.collect_safe_edits([make_finding(0, 5, Edit(0, 5, "a")), make_finding(4, 8, Edit(4, 8, "b"))]) == (
        Edit(0, 5, "a"),
    )
    assert actions.collect_safe_edits([make_finding(0, 0, Edit(3, 3, "a")), make_finding(0, 0, Edit(3, 3, "b"))]) == (
        Edit(3, 3, "a"),
    )


def test_the_same_edit_of_two_findings_is_made_once() -> None:
    assert actions.collect_safe_edits([make_finding(0, 1, Edit(0, 1, "a")), make_finding(0, 1, Edit(0, 1, "a"))]) == (
        Edit(0, 1, "a"),
    )


def test_what_is_not_safe_not_known_or_of_a_model_is_no_safe_edit() -> None:
    found = [
        make_finding(0, 1, Edit(0, 1, "a"), safe=False),
        make_finding(2, 3),
        make_finding(4, 5, Edit(4, 5, "a"), layer=Layer.LIKELIHOOD),
    ]
    assert actions.collect_safe_edits(found) == ()


def test_findings_move_with_the_text_that_changed_before_them_and_go_with_what_changed_in_them() -> None:
    old = "aaa bbb ccc"
    found = [make_finding(0, 2), make_finding(4, 7), make_finding(9, 11, Edit(9, 11, "x"))]
    kept = actions.shift_findings(found, old, "aaa bXXb ccc")
    assert [(one.span.start, one.span.end) for one in kept] == [(0, 2), (10, 12)]
    assert kept[1].fix is not None
    assert kept[1].fix.edits == (Edit(10, 12, "x"),)
    assert actions.shift_findings(found, old, old) == tuple(found)


def test_each_fixable_finding_on_the_line_has_its_action_and_others_have_none() -> None:
    scene, _ = make_scene("x = 1\ny$0 = 2\nz = 3\n")
    found = [make_finding(0, 1, Edit(0, 1, "a")), make_finding(10, 11, Edit(10, 11, "b")), make_finding(6, 7)]
    listed = [one for one in actions.list_actions(scene, found, missing=lambda _: "") if one.way is not Way.TASK]
    assert [one.way for one in listed] == [Way.EDIT, Way.FIX, Way.FIX_ALL]
    assert [one.title for one in listed] == ["Fix it", "Fix it", actions.FIX_ALL]


def test_a_missing_model_disables_an_action_and_makes_it_not_preferred() -> None:
    scene, _ = make_scene("def f(a):\n    $0pass\n")
    (first, *_) = actions.list_actions(scene, (), missing=lambda _: "No model.")
    assert (first.title, first.disabled, first.preferred) == ("Implement `f`", "No model.", False)

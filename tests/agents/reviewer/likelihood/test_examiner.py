from __future__ import annotations

import pytest

from agents.findings import Layer
from agents.reviewer import layers
from agents.reviewer.likelihood import calibration
from agents.reviewer.likelihood.calibration import Calibration
from agents.reviewer.likelihood.examiner import LikelihoodExaminer
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax.syntax import Syntax
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import make_document

CODE = "def area(width, height):\n    return width * width\n\n\ndef twice(size):\n    return size\n"
WEIGHTS = {"unlikely-name": (-2.0, 1.0, 0.0, 0.0)}


def make_expecting_model(text: str) -> ScriptedModel:
    return ScriptedModel(lambda request: text if request.prefix.endswith("height):\n    ") else "return size")


def set_calibration(monkeypatch: pytest.MonkeyPatch, *, precise: bool) -> None:
    known = Calibration(precise=precise, threshold=0.5, weights=WEIGHTS)
    monkeypatch.setattr(calibration, "load_calibration", lambda name, _=0: known if name == "scripted" else None)


def test_slips_are_found_function_by_function(monkeypatch: pytest.MonkeyPatch) -> None:
    set_calibration(monkeypatch, precise=True)
    document = make_document(CODE)
    units = layers.find_units(document, Syntax.of(document))
    examined = list(
        LikelihoodExaminer(make_expecting_model("return width * height")).examine(
            document, units, cancelled=lambda: False
        )
    )
    assert [(unit.name, [one.code for one in found]) for unit, found in examined] == [
        ("area", ["unlikely-name"]),
        ("twice", []),
    ]


def test_the_reviewer_asks_for_changed_functions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    set_calibration(monkeypatch, precise=True)
    model = make_expecting_model("return width * height")
    reviewer = Reviewer(examiners=[LikelihoodExaminer(model)])
    for version, text in enumerate((CODE, "import os\n" + CODE)):
        (found,) = reviewer.review(make_document(text, version=version), layers={Layer.LIKELIHOOD})
        assert text[found.span.start : found.span.end] == "width"
    asked = len(model.requests)
    reviewer.review(make_document(CODE), layers={Layer.LIKELIHOOD})
    assert len(model.requests) == asked
    reviewer.close()


@pytest.mark.parametrize(
    ("precise", "always", "finds"), [(False, False, False), (False, True, True), (True, False, True)]
)
def test_a_model_that_is_not_precise_reviews_only_when_a_person_wants_it(
    monkeypatch: pytest.MonkeyPatch,
    precise: bool,  # noqa: FBT001
    always: bool,  # noqa: FBT001
    finds: bool,  # noqa: FBT001
) -> None:
    set_calibration(monkeypatch, precise=precise)
    document = make_document(CODE)
    examiner = LikelihoodExaminer(make_expecting_model("return width * height"), always=always)
    units = layers.find_units(document, Syntax.of(document))
    assert any(found for _, found in examiner.examine(document, units, cancelled=lambda: False)) == finds
    assert bool(examiner.problem) != finds


def test_a_model_that_was_never_measured_reports_it_to_the_person_who_asked(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(calibration, "load_calibration", lambda *_: None)
    assert "was not calibrated" in LikelihoodExaminer(ScriptedModel({})).problem
    assert not caplog.text
    LikelihoodExaminer(ScriptedModel({}), always=True)
    assert "was not calibrated" in caplog.text


def test_a_line_with_a_static_finding_has_no_finding_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    set_calibration(monkeypatch, precise=True)
    text = CODE.replace("width * width", "width * width  # TODO: height")
    policy = ReviewPolicy(ruff="never", rules_on=frozenset({"todo-without-owner"}))
    reviewer = Reviewer(policy, examiners=[LikelihoodExaminer(make_expecting_model("return width * height"))])
    assert [one.layer for one in reviewer.review(make_document(text), layers=frozenset(Layer))] == [Layer.STATIC]
    reviewer.close()


def test_a_broken_model_finds_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    set_calibration(monkeypatch, precise=True)
    model = make_expecting_model("return width * height")
    model.close()
    document = make_document(CODE)
    units = layers.find_units(document, Syntax.of(document))
    assert list(LikelihoodExaminer(model).examine(document, units, cancelled=lambda: False)) == []
    assert "found nothing" in caplog.text

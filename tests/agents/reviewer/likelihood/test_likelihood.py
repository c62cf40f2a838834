from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from agents.edits import apply_edits
from agents.findings import Layer
from agents.reviewer.likelihood import calibration, likelihood
from agents.reviewer.likelihood.calibration import Calibration
from agents.reviewer.likelihood.likelihood import Limits, review_likelihood
from indexing.syntax.documents import Span
from indexing.syntax.syntax import Syntax
from models.errors import ModelError
from models.scripted.scripted_completion import ScriptedModel
from tests.agents.doubles import make_document

if TYPE_CHECKING:
    from pathlib import Path

    from models.completion import FillRequest

CODE = textwrap.dedent("""\
    def area(width, height):
        if width < 0:
            return None
        return width * width
    """)
SURE = Calibration(precise=True, threshold=0.5, weights={"unlikely-name": (-2.0, 1.0, 0.0, 0.0)})


def make_expecting_model(*lines: str) -> ScriptedModel:
    """Return a model that expects each of `lines` where its first word begins a line, else the line as written."""

    def reply(request: FillRequest) -> str:
        rest = CODE[len(request.prefix) :].split("\n")[0]
        return next((line for line in lines if line.split()[0] == rest.split()[0] and line != rest), rest)

    return ScriptedModel(reply)


def review_code(
    model: ScriptedModel,
    *,
    code: str = CODE,
    span: Span | None = None,
    known: Calibration | None = SURE,
    limits: Limits = likelihood.DEFAULT_LIMITS,
) -> tuple[likelihood.Finding, ...]:
    document = make_document(code)
    spans = [span or Span(0, len(code))]
    return review_likelihood(
        document, Syntax.of(document), model, spans, cancelled=lambda: False, calibration=known, limits=limits
    )


def test_what_the_model_finds_far_less_likely_is_a_finding_with_its_fix() -> None:
    (found,) = review_code(make_expecting_model("return width * height"))
    assert found.code == "unlikely-name"
    assert found.layer is Layer.LIKELIHOOD
    assert CODE[found.span.start : found.span.end] == "width"
    assert found.fix is not None
    assert not found.fix.safe
    assert "return width * height" in apply_edits(CODE, found.fix.edits)
    assert 0.5 <= found.confidence < 1


def test_what_the_model_expects_is_no_finding() -> None:
    assert review_code(make_expecting_model()) == ()


def test_only_the_spans_are_reviewed() -> None:
    assert review_code(make_expecting_model("return width * height"), span=Span(0, CODE.index("return width"))) == ()


def test_a_kind_that_was_not_measured_is_no_finding() -> None:
    assert review_code(make_expecting_model("if width <= 0:")) == ()


def test_a_model_that_was_never_measured_finds_nothing_and_is_not_asked() -> None:
    model = make_expecting_model("return width * height")
    assert review_code(model, known=None) == ()
    assert model.requests == []


def test_a_model_that_is_not_precise_finds_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = tmp_path / "likelihood.toml"
    monkeypatch.setattr(calibration, "TABLE", table)
    for precise, count in ((False, 0), (True, 1)):
        calibration.load_calibration.cache_clear()
        table.write_text(
            f"[model.scripted]\nprecise = {str(precise).lower()}\nthreshold = 0.5\n"
            "[model.scripted.weights]\nunlikely-name = [-2.0, 1.0, 0.0, 0.0]\n"
        )
        assert len(review_code(make_expecting_model("return width * height"), known=None)) == count
    calibration.load_calibration.cache_clear()


def test_no_more_candidates_are_scored_than_allowed() -> None:
    model = make_expecting_model("return width * height")
    assert review_code(model, limits=Limits(candidates=0)) == ()
    assert model.requests == []


def test_after_the_time_limit_the_model_is_not_asked_again() -> None:
    model = make_expecting_model("return width * height")
    assert review_code(model, limits=Limits(seconds=-1)) == ()
    assert model.requests == []


def test_cancelling_ends_it_between_batches_and_nothing_is_found() -> None:
    model = make_expecting_model("return width * height")
    document = make_document(CODE)
    syntax = Syntax.of(document)
    found = review_likelihood(
        document,
        syntax,
        model,
        [Span(0, len(CODE))],
        cancelled=lambda: len(model.requests) > 1,
        calibration=SURE,
    )
    assert found == ()
    assert len(model.requests) == 2


def test_a_broken_model_raises_its_error() -> None:
    model = make_expecting_model()
    model.close()
    with pytest.raises(ModelError):
        review_code(model)


@pytest.mark.parametrize("code", ["", "def f(a, b):\r\n    return a < b", "def f(:\n a <", "x = 1 < " * 400])
def test_any_text_is_reviewed(code: str) -> None:
    review_code(ScriptedModel({"": "x"}), code=code)


def test_the_committed_calibrations_are_readable() -> None:
    known = calibration.load_calibration("starling-mini")
    assert known is not None
    assert set(known.weights) <= set(likelihood.MESSAGES)
    assert 0 < known.threshold < 1


def test_each_code_is_explained_on_the_page_of_rules() -> None:
    page = (calibration.TABLE.parents[1] / "RULES.md").read_text(encoding="utf-8")
    assert all(f"\n### {code}\n" in page for code in likelihood.MESSAGES)

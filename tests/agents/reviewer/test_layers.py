"""The interface for layers with a model: the functions that they get, and the findings that are cached."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from agents.findings import Finding, Layer, Severity
from agents.reviewer.review_policy import ReviewPolicy
from agents.reviewer.reviewer import Reviewer
from indexing.syntax.documents import Document, Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.reviewer.layers import Unit

TWO = "def one():\n    return 1\n\n\ndef two():\n    return 2\n"
BOTH = frozenset({Layer.STATIC, Layer.LIKELIHOOD})


@dataclass
class Scripted:
    """Finds the first word of each function it is given, and remembers which these were."""

    layer: Layer = Layer.LIKELIHOOD
    identity: str = "scripted"
    asked: list[str] = field(default_factory=list)

    def examine(
        self,
        document: Document,
        units: Sequence[Unit],
        cancelled: Callable[[], bool],
        *,
        whole: bool = True,  # noqa: ARG002 (it costs nothing)
    ) -> Iterator[tuple[Unit, tuple[Finding, ...]]]:
        for unit in units:
            if cancelled():
                return
            self.asked.append(unit.name)
            span = Span(unit.span.start, unit.span.start + 3)
            outside = Span(0, len(document.text))
            said = [Finding("slip", Severity.WARNING, each, "A slip.", self.layer) for each in (span, outside)]
            yield unit, tuple(said)


def make_document(text: str, path: Path | None = None) -> Document:
    return Document("untitled:1", path, "python", text)


def test_a_layer_gets_only_functions_that_changed() -> None:
    layer = Scripted()
    reviewer = Reviewer(ReviewPolicy(ruff="never"), examiners=[layer])
    first = reviewer.review(make_document(TWO), layers=BOTH)
    second = reviewer.review(make_document("# moved\n" + TWO.replace("return 2", "return 3")), layers=BOTH)
    assert layer.asked == ["one", "two", "two"]
    assert [finding.span.start for finding in first] == [0, TWO.index("def two")]
    assert [finding.span.start for finding in second] == [8, 8 + TWO.index("def two")]


def test_a_layer_runs_only_if_requested_and_allowed() -> None:
    layer = Scripted()
    reviewer = Reviewer(ReviewPolicy(ruff="never"), examiners=[layer])
    assert reviewer.review(make_document(TWO)) == ()
    reviewer.policy = ReviewPolicy(ruff="never", layers=frozenset({Layer.STATIC}))
    assert reviewer.review(make_document(TWO), layers=BOTH) == ()
    assert layer.asked == []


def test_documents_that_models_may_not_see_are_not_sent() -> None:
    layer = Scripted()
    reviewer = Reviewer(
        ReviewPolicy(ruff="never"),
        examiners=[layer],
        withheld=lambda document: "secret" * (document.path == Path("/w/s.py")),
    )
    reviewer.review(make_document(TWO, Path("/w/s.py")), layers=BOTH)
    assert layer.asked == []
    reviewer.review(make_document(TWO, Path("/w/t.py")), layers=BOTH)
    assert layer.asked == ["one", "two"]


def test_another_model_reviews_everything_again() -> None:
    layer = Scripted()
    reviewer = Reviewer(ReviewPolicy(ruff="never"), examiners=[layer])
    reviewer.review(make_document(TWO), layers=BOTH)
    layer.identity = "another"
    reviewer.review(make_document(TWO), layers=BOTH)
    assert layer.asked == ["one", "two", "one", "two"]


def test_lines_that_another_linter_reports_are_left_to_it() -> None:
    text = "def f(x):\n    return x is x\n"
    reviewer = Reviewer(ReviewPolicy(ruff="never"))
    assert [finding.code for finding in reviewer.review(make_document(text))] == ["self-comparison"]
    assert reviewer.review(make_document(text), reported={1}) == ()

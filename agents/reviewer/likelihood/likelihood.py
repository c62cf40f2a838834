"""What the completion model finds unlikely: each place is compared with what else could stand there.

The model writes nothing: it scores lines that syntax offers (`agents.reviewer.likelihood.alternatives`), knowing what
stands before and after. What a score means is measured for each model (`agents.reviewer.likelihood.calibration`);
without that nothing is found. Start at `review_likelihood`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.findings import Finding, Fix, Layer, Severity
from agents.reviewer.likelihood.alternatives import Site, sites
from agents.reviewer.likelihood.calibration import of_model
from agents.reviewer.likelihood.comparison import Comparison
from indexing.syntax.documents import Span
from models.completion import FillRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agents.reviewer.likelihood.calibration import Calibration
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax
    from models.completion import CompletionModel, Score


_ABOVE, _BELOW = 6_000, 2_000  # characters that a model gets to see at most; it cuts them to its own window


_LONGEST_LINE = 160  # characters; what is longer is data


_BATCH = 4  # lines that the model scores without a break; a completion that comes meanwhile waits no longer than that


@dataclass(frozen=True, slots=True)
class Limits:
    """How much work a review may be.

    Attributes:
        seconds: for all spans together; what was found until then is the answer.
        candidates: lines that the model scores for one span, those as written not counted.
        doubt: places whose own tokens all together have at least this log-probability are believed.
    """

    seconds: float = 20.0
    candidates: int = 96
    doubt: float = -2.0


DEFAULT_LIMITS = Limits()


def review_likelihood(  # noqa: PLR0913 - what the facade hands over
    document: Document,
    syntax: Syntax,
    model: CompletionModel,
    spans: Sequence[Span],
    *,
    cancelled: Callable[[], bool],
    calibration: Calibration | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Finding, ...]:
    """Findings in `spans` of `document`, in order; blocking, and nothing for a model that was never measured.

    Args:
        document: the text.
        syntax: of that text.
        model: what reads it.
        spans: what to look at, a function each: those that were changed.
        cancelled: asked between a few lines; then nothing is found.
        calibration: what the model's scores mean; by default as measured, and nothing where that was not precise.
        limits: of the work.

    Raises:
        models.errors.ModelError: the model is broken or gone.
    """
    if calibration is None:
        known = of_model(model.entry.name)
        if known is None or not known.precise:
            return ()
        calibration = known
    findings: dict[int, Finding] = {}
    for one in compared(document, syntax, model, spans, cancelled=cancelled, limits=limits):
        sure = calibration.confidence(one)
        line = document.text.count("\n", 0, one.site.span.start)
        if sure >= calibration.threshold and (line not in findings or findings[line].confidence < sure):
            findings[line] = _finding(one, sure)
    if cancelled():
        return ()
    return tuple(sorted(findings.values(), key=lambda found: found.span.start))


def compared(  # noqa: PLR0913 - see `review_likelihood`
    document: Document,
    syntax: Syntax,
    model: CompletionModel,
    spans: Sequence[Span],
    *,
    cancelled: Callable[[], bool],
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Comparison]:
    """Each doubtful place in `spans` with its likeliest alternatives, by line, until time or candidates are spent."""
    until = time.monotonic() + limits.seconds
    for span in spans:
        left = limits.candidates
        for line, found in _by_line(document.text, sites(syntax, span)).items():
            if left <= 0 or time.monotonic() > until or cancelled():
                break
            comparisons, scored = _compare(document, model, line, found, limits.doubt, left, cancelled)
            left -= scored
            yield from comparisons


def _by_line(text: str, found: Sequence[Site]) -> Mapping[Span, Sequence[Site]]:
    """Sites by the line they stand in; without those that reach over its end."""
    lines: dict[Span, list[Site]] = defaultdict(list)
    for site in found:
        start = text.rfind("\n", 0, site.span.start) + 1
        end = text.find("\n", site.span.end)
        line = Span(start, len(text) if end < 0 else end)
        if "\n" not in text[site.span.start : site.span.end] and line.end - line.start <= _LONGEST_LINE:
            lines[line].append(site)
    return lines


def _compare(  # noqa: PLR0913, PLR0917 - a step of `compared`
    document: Document,
    model: CompletionModel,
    line: Span,
    found: Sequence[Site],
    doubt: float,
    most: int,
    cancelled: Callable[[], bool],
) -> tuple[list[Comparison], int]:
    """The doubtful places of one line, and how many candidates were scored."""
    text = document.text
    path = document.path
    indented = line.start + len(text[line.start : line.end]) - len(text[line.start : line.end].lstrip())
    request = FillRequest(
        "/".join(path.parts[-2:]) if path is not None else "",
        text[max(0, line.start - _ABOVE) : indented],
        text[line.end : line.end + _BELOW],
    )
    # an empty line beside it: asked for more than one, a model keeps what it read of the prompt for those to come
    scores = model.score(request, [text[indented : line.end], ""], cancelled=_never)
    if not scores:
        return [], 0
    doubtful = [(site, low) for site in found if (low := _doubt(scores[0], site, indented)) <= doubt]
    pairs = [(site, low, other) for site, low in doubtful for other in site.alternatives][:most]
    lines = [text[indented : site.span.start] + other + text[site.span.end : line.end] for site, _, other in pairs]
    scored: list[Score] = []
    for start in range(0, len(lines), _BATCH):
        if cancelled():
            return [], len(scored)
        scored += model.score(request, lines[start : start + _BATCH], cancelled=_never)
    best: dict[tuple[int, bool], Comparison] = {}  # by place, of what is used elsewhere and of what is not
    for (site, low, other), score in zip(pairs, scored, strict=False):
        margin = sum(score.log_probs) - sum(scores[0].log_probs)
        one = Comparison(site, other, margin, low, other in site.unused)
        known = best.setdefault((id(site), one.unused), one)
        if known.margin < margin:
            best[id(site), one.unused] = one
    return list(best.values()), len(scored)


def _never() -> bool:
    """For the model while it computes one batch: asking there whether to go on may hold up a completion."""
    return False


def _doubt(score: Score, site: Site, start: int) -> float:
    """Log-probability of the tokens that hold what is written at the site, or what follows where nothing is."""
    low = site.span.start - start
    high = max(site.span.end - start, low + 1)
    starts = (0, *score.token_ends)
    return sum(
        log_prob
        for log_prob, begin, end in zip(score.log_probs, starts, score.token_ends, strict=False)
        if begin < high and end > low
    )


MESSAGES = {
    "unlikely-name": "`{written}` is unexpected here; `{other}` would fit better.",
    "missing-self": "`{written}` is bound nowhere near; `{other}` would fit better.",
    "unlikely-attribute": "The attribute `{written}` is unexpected here; `{other}` would fit better.",
    "swapped-arguments": "These arguments look swapped: `{other}` would be expected.",
    "unlikely-comparison": "`{written}` is unexpected here; `{other}` would fit better. Look at the boundary.",
    "unlikely-operator": "`{written}` is unexpected here; `{other}` would fit better.",
    "unlikely-constant": "`{written}` is unexpected here; `{other}` would fit better.",
    "unlikely-not": "This `not` is unexpected: the condition may be the wrong way round.",
    "missing-not": "A `not` seems to be missing: the condition may be the wrong way round.",
    "missing-await": "An `await` seems to be missing: the coroutine would never run.",
    "missing-return": "A `return` seems to be missing: the value is computed and dropped.",
    "missing-raise": "A `raise` seems to be missing: the exception is made and dropped.",
}


def _finding(one: Comparison, sure: float) -> Finding:
    site = one.site
    title = f"Change to `{one.alternative}`" if site.written else f"Insert `{one.alternative.strip()}`"
    return Finding(
        site.kind,
        Severity.INFORMATION,
        site.about,
        MESSAGES[site.kind].format(written=site.written, other=one.alternative),
        layer=Layer.LIKELIHOOD,
        fix=Fix(title, (Edit(site.span.start, site.span.end, one.alternative),)),
        confidence=sure,
    )

"""The review by the completion model: compares the text of each place with alternatives by their probability.

The model writes nothing. It scores lines with the alternatives that syntax offers
(`agents.reviewer.likelihood.alternatives`), given the text before and after. What a score means is measured for each
model (`agents.reviewer.likelihood.calibration`); a model without a calibration finds nothing. Start at
`review_likelihood`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.findings import Finding, Fix, Layer, Severity
from agents.reviewer.likelihood.alternatives import Site, find_sites
from agents.reviewer.likelihood.calibration import load_calibration
from agents.reviewer.likelihood.comparison import Comparison
from indexing.syntax.documents import Span
from models.completion import FillRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from agents.reviewer.likelihood.calibration import Calibration
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax
    from models.completion import CompletionModel, Score


# Most characters of the prompt before and after the line; the model cuts them to its window.
_ABOVE, _BELOW = 6_000, 2_000


_LONGEST_LINE = 160  # characters; a longer line is data


_BATCH = 4  # lines scored in one call, for which a completion may have to wait


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the work for one review.

    Attributes:
        seconds: for all spans together; the review returns what it found until then.
        candidates: most alternative lines that the model scores for one span.
        doubt: a place is skipped if the log-probability of its tokens is above this.
    """

    seconds: float = 20.0
    candidates: int = 96
    doubt: float = -2.0


DEFAULT_LIMITS = Limits()


def review_likelihood(  # noqa: PLR0913 (all of it comes from the caller)
    document: Document,
    syntax: Syntax,
    model: CompletionModel,
    spans: Sequence[Span],
    *,
    cancelled: Callable[[], bool],
    calibration: Calibration | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Finding, ...]:
    """Return the findings in `spans` of `document`, in order, the most confident one for each line; blocking.

    Args:
        document: the text.
        syntax: its parsed form.
        model: scores the lines.
        spans: functions to review.
        cancelled: called every few lines; if it returns True, there are no findings.
        calibration: the meaning of the model's scores; by default the measured one. Without one that is precise, there
            are no findings.
        limits: of the work.

    Raises:
        models.errors.ModelError: the model is broken or was removed.
    """
    if calibration is None:
        known = load_calibration(model.entry.name, model.entry.parameters)
        if known is None or not known.precise:
            return ()
        calibration = known
    findings: dict[int, Finding] = {}
    for one in compare_sites(document, syntax, model, spans, cancelled=cancelled, limits=limits):
        confidence = calibration.compute_confidence(one)
        line = document.text.count("\n", 0, one.site.span.start)
        if confidence >= calibration.threshold and (line not in findings or findings[line].confidence < confidence):
            findings[line] = _build_finding(one, confidence)
    if cancelled():
        return ()
    return tuple(sorted(findings.values(), key=lambda found: found.span.start))


def compare_sites(  # noqa: PLR0913 (see `review_likelihood`)
    document: Document,
    syntax: Syntax,
    model: CompletionModel,
    spans: Sequence[Span],
    *,
    cancelled: Callable[[], bool],
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Comparison]:
    """Yield each doubtful place in `spans`, compared with its likeliest alternatives.

    Ends early if `cancelled` or after `limits.seconds`; `limits.candidates` bounds the work for each span.
    """
    until = time.monotonic() + limits.seconds
    for span in spans:
        left = limits.candidates
        for line, found in _group_by_line(document.text, find_sites(syntax, span)).items():
            if left <= 0 or time.monotonic() > until or cancelled():
                break
            comparisons, scored = _compare_line(document, model, line, found, limits.doubt, left, cancelled)
            left -= scored
            yield from comparisons


def _group_by_line(text: str, found: Sequence[Site]) -> Mapping[Span, Sequence[Site]]:
    """Return the sites by the span of their line, without sites on several lines and on lines that are too long."""
    lines: dict[Span, list[Site]] = defaultdict(list)
    for site in found:
        start = text.rfind("\n", 0, site.span.start) + 1
        end = text.find("\n", site.span.end)
        line = Span(start, len(text) if end < 0 else end)
        if "\n" not in text[site.span.start : site.span.end] and line.end - line.start <= _LONGEST_LINE:
            lines[line].append(site)
    return lines


def _compare_line(  # noqa: PLR0913, PLR0917 (a step of `compare_sites`)
    document: Document,
    model: CompletionModel,
    line: Span,
    found: Sequence[Site],
    doubt: float,
    most: int,
    cancelled: Callable[[], bool],
) -> tuple[list[Comparison], int]:
    """Return the comparisons of the sites `found` on one line, and the number of scored alternatives, at most `most`.

    Only sites whose log-probability as written is at most `doubt` are compared.
    """
    text = document.text
    path = document.path
    indented = line.start + len(text[line.start : line.end]) - len(text[line.start : line.end].lstrip())
    request = FillRequest(
        "/".join(path.parts[-2:]) if path is not None else "",
        text[max(0, line.start - _ABOVE) : indented],
        text[line.end : line.end + _BELOW],
    )
    # the empty second line makes the model keep the prompt's state for later calls, as it does for several lines
    scores = model.score(request, [text[indented : line.end], ""], cancelled=_is_never_cancelled)
    if not scores:
        return [], 0
    doubtful = [
        (site, doubt_of_site) for site in found if (doubt_of_site := _sum_log_probs(scores[0], site, indented)) <= doubt
    ]
    pairs = [(site, doubt_of_site, other) for site, doubt_of_site in doubtful for other in site.alternatives][:most]
    lines = [text[indented : site.span.start] + other + text[site.span.end : line.end] for site, _, other in pairs]
    scored: list[Score] = []
    for start in range(0, len(lines), _BATCH):
        if cancelled():
            return [], len(scored)
        scored += model.score(request, lines[start : start + _BATCH], cancelled=_is_never_cancelled)
    best: dict[tuple[int, bool], Comparison] = {}  # by place, and by whether the alternative is unused
    for (site, doubt_of_site, other), score in zip(pairs, scored, strict=False):
        margin = sum(score.log_probs) - sum(scores[0].log_probs)
        one = Comparison(site, other, margin, doubt_of_site, other in site.unused)
        known = best.setdefault((id(site), one.unused), one)
        if known.margin < margin:
            best[id(site), one.unused] = one
    return list(best.values()), len(scored)


def _is_never_cancelled() -> bool:
    """Return False, so that a batch is always scored completely; the caller checks between batches."""
    return False


def _sum_log_probs(score: Score, site: Site, start: int) -> float:
    """Return the log-probability of the tokens at the site, or of the next token if the site is empty.

    `start` is the offset in the document where the scored text begins.
    """
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
    "missing-self": "`{written}` is not defined here; `{other}` would fit better.",
    "unlikely-attribute": "The attribute `{written}` is unexpected here; `{other}` would fit better.",
    "swapped-arguments": "These arguments look swapped: `{other}` would be expected.",
    "unlikely-comparison": "`{written}` is unexpected here; `{other}` would fit better. Check the boundary.",
    "unlikely-operator": "`{written}` is unexpected here; `{other}` would fit better.",
    "unlikely-constant": "`{written}` is unexpected here; `{other}` would fit better.",
    "unlikely-not": "This `not` is unexpected; the condition may be the wrong way round.",
    "missing-not": "A `not` seems to be missing; the condition may be the wrong way round.",
    "missing-await": "An `await` seems to be missing, so the coroutine would never run.",
    "missing-return": "A `return` seems to be missing, so the value is computed and dropped.",
    "missing-raise": "A `raise` seems to be missing, so the exception is created and dropped.",
}


def _build_finding(one: Comparison, confidence: float) -> Finding:
    """Return a comparison as a finding of the given confidence."""
    site = one.site
    title = f"Change to `{one.alternative}`" if site.written else f"Insert `{one.alternative.strip()}`"
    return Finding(
        site.kind,
        Severity.INFORMATION,
        site.about,
        MESSAGES[site.kind].format(written=site.written, other=one.alternative),
        layer=Layer.LIKELIHOOD,
        fix=Fix(title, (Edit(site.span.start, site.span.end, one.alternative),)),
        confidence=confidence,
    )

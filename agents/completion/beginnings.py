"""Beginnings of lines, and whole lines, with the probability that the code at the cursor begins with them.

Recalled lines may differ in their ends and have the same beginning, such as `if value is not None` of
`if value is not None:` and `if value is not None and other:`. The line of a model may be right at first only. The
probability of a beginning is a logistic regression on the lines that have it. Works on text alone.
Start at `list_best`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion import confidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from indexing.records import Recalled

LEAST_BEGINNING = 4  # characters; a shorter one is quicker to type than to accept
_LEAST_LINE = 2
_MOST = 4  # beginnings at a cursor
# A beginning counts if its lines have this sum of probabilities or more, or this share of the votes.
_LEAST_SUM, _LEAST_SHARE = 0.1, 0.5
_LEAST_TOTAL = -12.0  # lower log-probabilities are raised to this
# Fitted by `python -m tests.eval.fit_beginnings` on replayed typing in attrs, httpx, rich and tornado.
WEIGHTS = {
    "one": -0.1347,
    "logit": 0.4898,
    "sum": -2.7892,
    "votes": 0.5625,
    "share": 0.9599,
    "matched": 0.7418,
    "best": 2.0139,
    "same_file": 0.3443,
    "others": -2.7795,
    "characters": -0.5091,
    "words": -0.2355,
    "is_line": -0.2768,
    "line": 0.5995,
    "open_end": -0.3261,
}
_LINE_WORTH = 1.5
_TOKEN = re.compile(r"\w+|\s+|.")
_ENDS = re.compile(r"[\w)\]}]\Z")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class ModelLine:
    """The first line of a text that a model wrote or scored.

    Attributes:
        text: the line, before polishing.
        log_probs: log-probabilities of its tokens; shape (tokens,).
        ends: for each token the number of characters of the text up to its end; same shape.
        is_draft: whether it is recalled text, which the model scored.
    """

    text: str
    log_probs: Sequence[float]
    ends: Sequence[int]
    is_draft: bool

    def score(self, length: int) -> tuple[float, float]:
        """Return the sum and the least of the log-probabilities of the tokens of the first `length` characters."""
        starts = (0, *self.ends)
        own = [value for value, start in zip(self.log_probs, starts, strict=False) if start < length]
        return max(sum(own), _LEAST_TOTAL), max(min(own, default=0.0), _LEAST_TOTAL)


@dataclass(frozen=True, slots=True)
class Beginning:
    """A beginning of lines, or a whole line.

    Attributes:
        text: the beginning; it ends with a whole word or a closing bracket, outside of strings, unless it is a line.
        evidence: numbers from which the probability is estimated.
        is_line: whether it is the whole of a line.
        has_model: whether a model wrote or scored a line with it.
    """

    text: str
    evidence: dict[str, float]
    is_line: bool
    has_model: bool = False

    def estimate_probability(self, weights: Mapping[str, float] = WEIGHTS) -> float:
        """Return the estimated probability that the code at the cursor begins with the text, by the `weights`."""
        total = sum(weight * self.evidence.get(name, 0.0) for name, weight in weights.items())
        return 1 / (1 + math.exp(-max(min(total, 30.0), -30.0)))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that may have a beginning: its tokens, and what it comes from, either recalled text or a model's line."""

    tokens: Sequence[str]
    recalled: Recalled | None
    sure: float = 0.0
    model: ModelLine | None = None


def compute_gain(text: str, probability: float, least: float, *, is_line: bool) -> float:
    """Return what suggesting `text` is worth: the characters of its first line times the probability above `least`.

    A whole line is worth more than the beginning of one.
    """
    return len(text.partition("\n")[0]) * (probability - least) * (_LINE_WORTH if is_line else 1.0)


def list_best(
    recalled: Sequence[Recalled],
    least: float,
    *,
    model_lines: Sequence[ModelLine] = (),
    weights: Mapping[str, float] = WEIGHTS,
) -> list[tuple[Beginning, float]]:
    """Return the `_MOST` beginnings with the greatest gain, each with its probability, which is `least` or more.

    Args:
        recalled: recalled texts, best first.
        least: the least probability.
        model_lines: lines of a model.
        weights: the weights of the evidence.
    """
    everything = ((one, one.estimate_probability(weights)) for one in list_beginnings(recalled, model_lines))
    likely = [(one, sure) for one, sure in everything if sure >= least]
    return sorted(likely, key=lambda one: -compute_gain(one[0].text, one[1], least, is_line=one[0].is_line))[:_MOST]


def list_beginnings(recalled: Sequence[Recalled], model_lines: Sequence[ModelLine] = ()) -> Iterator[Beginning]:
    """Yield the beginnings of the first lines of `recalled` and of `model_lines`, and the lines themselves.

    Leaves out short ones, and those whose lines have both little probability and few votes, unless a model wrote them.
    """
    lines = _list_lines(recalled, model_lines)
    votes = max(sum(one.recalled.votes for one in lines if one.recalled is not None), 1)
    probability = sum(one.sure for one in lines)
    own = next((one.model for one in lines if one.model is not None and not one.model.is_draft), None)
    waiting = [("", 0, lines)]
    while waiting:
        before, at, group = waiting.pop()
        for token, some in _divide(group, at).items():
            sums = sum(one.sure for one in some)
            share = sum(one.recalled.votes for one in some if one.recalled is not None) / votes
            written = next((one.model for one in some if one.model is not None and not one.model.is_draft), None)
            if sums < _LEAST_SUM and share < _LEAST_SHARE and written is None:
                continue
            text = before + token
            waiting.append((text, at + 1, some))
            ended = [one for one in some if at == len(one.tokens) - 1]
            length = len(text.strip())
            if not (length >= LEAST_BEGINNING and _can_end(text)) and not (ended and length >= _LEAST_LINE):
                continue
            evidence = {"one": 1.0, "share": share, "others": probability - sums}
            evidence |= _describe_lines(some, ended, sums) | _describe_text(text)
            if model_lines:
                evidence |= _describe_model(text, some, written, own)
            yield Beginning(text, evidence, bool(ended), any(one.model is not None for one in some))


def _list_lines(recalled: Sequence[Recalled], model_lines: Sequence[ModelLine]) -> list[_Line]:
    """Return the different recalled lines and the model's lines, without empty ones."""
    texts = {one.text.partition("\n")[0].rstrip(): one for one in reversed(recalled)}
    lines = [
        _Line(_TOKEN.findall(text), one, confidence.estimate_recalled(one))
        for text, one in texts.items()
        if text.strip()
    ]
    written = ((one.text.rstrip(), one) for one in model_lines)
    return lines + [_Line(_TOKEN.findall(text), None, model=one) for text, one in written if text.strip()]


def _divide(group: Iterable[_Line], at: int) -> dict[str, list[_Line]]:
    """Return the lines of `group` by their token number `at`; leaves out shorter ones."""
    parts: dict[str, list[_Line]] = {}
    for line in group:
        if at < len(line.tokens):
            parts.setdefault(line.tokens[at], []).append(line)
    return parts


def _can_end(text: str) -> bool:
    """Return whether `text` ends with a word or a closing bracket, and has no string without its end."""
    return _ENDS.search(text) is not None and text.count('"') % 2 == text.count("'") % 2 == 0


def _describe_lines(lines: Sequence[_Line], ended: Sequence[_Line], sums: float) -> dict[str, float]:
    """Return the evidence from the recalled lines that have a beginning, and from those that end with it.

    `sums` is the sum of their probabilities.
    """
    found = [one.recalled for one in lines if one.recalled is not None]
    whole = [one.sure for one in ended if one.recalled is not None]
    return {
        "logit": confidence.logit(min(max(sums, 0.001), 0.999)),
        "sum": sums,
        "votes": math.log1p(sum(one.votes for one in found)),
        "matched": math.log1p(max((one.matched_tokens for one in found), default=0)),
        "best": max((one.sure for one in lines), default=0.0),
        "same_file": float(any(one.same_file for one in found)),
        "is_line": float(bool(whole)),
        "line": sum(whole),
    }


def _describe_model(
    text: str, lines: Sequence[_Line], written: ModelLine | None, own: ModelLine | None
) -> dict[str, float]:
    """Return the evidence from the model's lines about the beginning `text`, which `lines` have.

    Args:
        text: the beginning.
        lines: the lines with it.
        written: the line among them that the model wrote; None without one.
        own: the line that the model wrote, with the beginning or without; None without one.
    """
    total, worst = written.score(len(text)) if written is not None else (0.0, 0.0)
    alone = float(written is not None and all(one.recalled is None for one in lines))
    return {
        "recalled": float(any(one.recalled is not None for one in lines)),
        "own": float(written is not None),
        "own_total": total,
        "own_worst": worst,
        "own_line": float(written is not None and written.text.rstrip() == text),
        "own_alone": alone,
        "own_alone_total": alone * total,
        "other": float(own is not None and written is None),
        "draft": float(any(one.model is not None and one.model.is_draft for one in lines)),
    }


def _describe_text(text: str) -> dict[str, float]:
    """Return the evidence from a beginning's own text."""
    return {
        "characters": math.log(len(text.strip())),
        "words": float(len(_WORD.findall(text))),
        "open_end": float(not _can_end(text)),
    }

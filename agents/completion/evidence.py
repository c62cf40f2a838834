"""The evidence for and against a suggestion, as figures for the model's show-filter.

Looks at the text around the cursor, the suggestion, the model's probabilities and recall's figure; parses nothing, so
it takes microseconds. What the figures are worth is the filter's to say. Start at `collect_evidence`;
`models/catalog/show_filter.py` lists what the names mean.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.completion import confidence

if TYPE_CHECKING:
    from agents.completion.cursor import Cursor
    from indexing.records import Recalled

_LEAST_TOTAL, _LEAST_TOKEN = -27.6, -12.0  # less likely than this is all the same
_NAME = re.compile(r"[^\W\d]\w{2,}")
_GOES_ON = (",", "(", "[", "{", "=", "+", "-", "*", "/", "%", "|", "&", "<", ">", "\\", " and", " or", " not", " in")
_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1).)*\1""")
_MOST = 3
_NEAR = 12_000  # characters around the cursor in which names and lines count as known


@dataclass(frozen=True, slots=True)
class ScoredLine:
    """A line with a model's opinion of it.

    Attributes:
        text: the first line of what would be inserted.
        raw: the first line as it was written.
        log_probs: of its tokens.
    """

    text: str
    raw: str
    log_probs: tuple[float, ...]

    @property
    def total(self) -> float:
        """Log-probability of all tokens together."""
        return max(sum(self.log_probs), _LEAST_TOTAL) if self.log_probs else _LEAST_TOTAL


def collect_evidence(
    cursor: Cursor, line: ScoredLine, *, recalled: Recalled | None, rival: ScoredLine | None
) -> dict[str, float]:
    """Return the evidence about one suggestion.

    Args:
        cursor: where it would stand.
        line: the suggestion.
        recalled: what the workspace says here: the same, or its best other line; None for nothing.
        rival: the model's own line beside a draft, the draft beside the model's own line; None for none.
    """
    differs = rival is not None and rival.raw.strip() != line.raw.strip()
    return {
        "one": 1.0,
        **_of_recall(recalled),
        **_of_tokens(line),
        **_of_place(cursor),
        **_of_text(cursor, line),
        "confirmed": float(rival is not None and not differs),
        "rivalled": float(differs),
        "margin": line.total - rival.total if rival is not None and differs else 0.0,
        "total_in_word": line.total * float(bool(cursor.word)),
        "total_at_start": line.total * float(not cursor.before.strip()),
    }


def _of_recall(recalled: Recalled | None) -> dict[str, float]:
    if recalled is None:
        return {"said": confidence.logit(confidence.UNKNOWN), "matched": 0.0, "votes": 0.0, "same_file": 0.0}
    return {
        "said": confidence.logit(max(confidence.estimate_recalled(recalled), confidence.UNKNOWN)),
        "matched": math.log1p(recalled.matched_tokens),
        "votes": math.log1p(max(recalled.votes, 0)),
        "same_file": float(recalled.same_file),
    }


def _of_tokens(line: ScoredLine) -> dict[str, float]:
    return {
        "total": line.total,
        "worst": max(min(line.log_probs, default=_LEAST_TOKEN), _LEAST_TOKEN),
        "first": max(line.log_probs[0], _LEAST_TOKEN) if line.log_probs else _LEAST_TOKEN,
        "tokens": math.log1p(len(line.log_probs)),
    }


def _of_place(cursor: Cursor) -> dict[str, float]:
    code = cursor.before.rstrip()
    return {
        "typed": math.log1p(len(cursor.word)),
        "in_word": float(bool(cursor.word)),
        "line_start": float(not code),
        "after_dot": float(code.endswith(".")),
        "after_open": float(code.endswith(("(", "[", "{", ","))),
        "after_equals": float(code.endswith("=")),
        "in_text": float(_in_text(cursor.before)),
        "code_behind": float(bool(cursor.after.strip())),
    }


def _of_text(cursor: Cursor, line: ScoredLine) -> dict[str, float]:
    text = line.text
    return {
        "characters": math.log1p(len(text.strip())),
        "unbalanced": float(_count_unbalanced(cursor.before + text + cursor.after)),
        "goes_on": float(text.rstrip().endswith(_GOES_ON)),
        "new_names": float(_count_new_names(cursor, text)),
        "seen_line": float(_is_seen(cursor, text)),
        "shortened": float(len(text.strip()) < len(line.raw.strip())),
    }


def _in_text(before: str) -> bool:
    rest = _QUOTED.sub("", before)
    return '"' in rest or "'" in rest or "#" in rest or "//" in rest


def _count_unbalanced(line: str) -> int:
    plain = _QUOTED.sub("", line)
    pairs = (("(", ")"), ("[", "]"), ("{", "}"))
    return min(sum(abs(plain.count(opening) - plain.count(closing)) for opening, closing in pairs), _MOST)


def _count_new_names(cursor: Cursor, line: str) -> int:
    """Return how many names in `line` are nowhere near the cursor, at most `_MOST`; a partial word counts whole."""
    near = cursor.prefix[-_NEAR : len(cursor.prefix) - len(cursor.word)] + cursor.suffix[:_NEAR]
    names = _NAME.findall(cursor.word + line)
    return min(sum(name not in near for name in set(names)), _MOST)


def _is_seen(cursor: Cursor, line: str) -> bool:
    whole = (cursor.before + line).strip()
    if len(whole) <= len(cursor.before.strip()):
        return False
    return whole in cursor.prefix[-_NEAR : len(cursor.prefix) - len(cursor.before)] or whole in cursor.suffix[:_NEAR]

"""The evidence for and against a suggestion, as numbers for the model's show-filter.

Computed in microseconds, without parsing, from the text around the cursor, the suggestion, its tokens' probabilities
and the recalled text. Start at `collect_evidence`; `models/catalog/show_filter.py` explains the names.
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

_LEAST_TOTAL, _LEAST_TOKEN = -27.6, -12.0  # lower log-probabilities are raised to these
_NAME = re.compile(r"[^\W\d]\w{2,}")
_GOES_ON = (",", "(", "[", "{", "=", "+", "-", "*", "/", "%", "|", "&", "<", ">", "\\", " and", " or", " not", " in")
_QUOTED = re.compile(r"""(["'])(?:\\.|(?!\1).)*\1""")
_MOST = 3
_NEAR = 12_000  # characters before and after the cursor that are searched for names and lines


@dataclass(frozen=True, slots=True)
class ScoredLine:
    """The first line of a suggestion that a model wrote or scored.

    Attributes:
        text: the polished line, which would be inserted.
        raw: the line before polishing.
        log_probs: log-probabilities of its tokens.
    """

    text: str
    raw: str
    log_probs: tuple[float, ...]

    @property
    def total(self) -> float:
        """Sum of the tokens' log-probabilities, at least `_LEAST_TOTAL`, which is also the value for no tokens."""
        return max(sum(self.log_probs), _LEAST_TOTAL) if self.log_probs else _LEAST_TOTAL


def collect_evidence(
    cursor: Cursor, line: ScoredLine, *, recalled: Recalled | None, rival: ScoredLine | None
) -> dict[str, float]:
    """Return the evidence about a suggestion as numbers by name.

    Args:
        cursor: the cursor at which it would be inserted.
        line: the first line of the suggestion.
        recalled: the recalled text with the same line, else the best recalled text; None if nothing was recalled.
        rival: the model's own line if `line` is recalled text, the recalled line if it is the model's; None for none.
    """
    differs = rival is not None and rival.raw.strip() != line.raw.strip()
    return {
        "one": 1.0,
        **_describe_recall(recalled),
        **_describe_tokens(line),
        **_describe_place(cursor),
        **_describe_text(cursor, line),
        "confirmed": float(rival is not None and not differs),
        "rivalled": float(differs),
        "margin": line.total - rival.total if rival is not None and differs else 0.0,
        "total_in_word": line.total * float(bool(cursor.word)),
        "total_at_start": line.total * float(not cursor.before.strip()),
    }


def _describe_recall(recalled: Recalled | None) -> dict[str, float]:
    """Return the evidence from the recalled text: its confidence, match, votes and file; low values for None."""
    if recalled is None:
        return {"said": confidence.logit(confidence.UNKNOWN), "matched": 0.0, "votes": 0.0, "same_file": 0.0}
    return {
        "said": confidence.logit(max(confidence.estimate_recalled(recalled), confidence.UNKNOWN)),
        "matched": math.log1p(recalled.matched_tokens),
        "votes": math.log1p(max(recalled.votes, 0)),
        "same_file": float(recalled.same_file),
    }


def _describe_tokens(line: ScoredLine) -> dict[str, float]:
    """Return the evidence from the probabilities and the number of the line's tokens."""
    return {
        "total": line.total,
        "worst": max(min(line.log_probs, default=_LEAST_TOKEN), _LEAST_TOKEN),
        "first": max(line.log_probs[0], _LEAST_TOKEN) if line.log_probs else _LEAST_TOKEN,
        "tokens": math.log1p(len(line.log_probs)),
    }


def _describe_place(cursor: Cursor) -> dict[str, float]:
    """Return the evidence from the cursor's line, such as whether the cursor is after a dot or in a word."""
    code = cursor.before.rstrip()
    return {
        "typed": math.log1p(len(cursor.word)),
        "in_word": float(bool(cursor.word)),
        "line_start": float(not code),
        "after_dot": float(code.endswith(".")),
        "after_open": float(code.endswith(("(", "[", "{", ","))),
        "after_equals": float(code.endswith("=")),
        "in_text": float(_is_in_string_or_comment(cursor.before)),
        "code_behind": float(bool(cursor.after.strip())),
    }


def _describe_text(cursor: Cursor, line: ScoredLine) -> dict[str, float]:
    """Return the evidence from the suggested line, such as its length and its unbalanced brackets."""
    text = line.text
    return {
        "characters": math.log1p(len(text.strip())),
        "unbalanced": float(_count_unbalanced(cursor.before + text + cursor.after)),
        "goes_on": float(text.rstrip().endswith(_GOES_ON)),
        "new_names": float(_count_new_names(cursor, text)),
        "seen_line": float(_is_line_nearby(cursor, text)),
        "shortened": float(len(text.strip()) < len(line.raw.strip())),
    }


def _is_in_string_or_comment(before: str) -> bool:
    """Return whether the line `before` the cursor has an unclosed quote, `#` or `//` outside closed strings."""
    rest = _QUOTED.sub("", before)
    return '"' in rest or "'" in rest or "#" in rest or "//" in rest


def _count_unbalanced(line: str) -> int:
    """Return the difference between opening and closing brackets outside strings, summed over the kinds, to `_MOST`."""
    plain = _QUOTED.sub("", line)
    pairs = (("(", ")"), ("[", "]"), ("{", "}"))
    return min(sum(abs(plain.count(opening) - plain.count(closing)) for opening, closing in pairs), _MOST)


def _count_new_names(cursor: Cursor, line: str) -> int:
    """Return how many different names in `line` are not in the text near the cursor, at most `_MOST`.

    A partial word at the cursor is completed with the beginning of `line`.
    """
    near = cursor.prefix[-_NEAR : len(cursor.prefix) - len(cursor.word)] + cursor.suffix[:_NEAR]
    names = _NAME.findall(cursor.word + line)
    return min(sum(name not in near for name in set(names)), _MOST)


def _is_line_nearby(cursor: Cursor, line: str) -> bool:
    """Return whether the cursor's line, completed with `line`, is in the text near the cursor already.

    False if `line` adds nothing to the cursor's line.
    """
    whole = (cursor.before + line).strip()
    if len(whole) <= len(cursor.before.strip()):
        return False
    return whole in cursor.prefix[-_NEAR : len(cursor.prefix) - len(cursor.before)] or whole in cursor.suffix[:_NEAR]

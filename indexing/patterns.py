"""Patterns of `.gitignore` files, compiled so that nobody's rules can stop us.

Git's own meaning, with two bounds that `pathspec` alone does not give: matching takes time in proportion to rule and
path (plain translation backtracks: `*a*a*a*a*b` takes years over a long name, with the interpreter's lock held), and
the same lines are compiled once. Rules are somebody else's text. Start at `compiled`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

_STAR = "[^/]*"  # pathspec's translations; what is literal in a pattern is escaped, so these mean nothing else
_LEADING = "^(?:.+/)?"
_INNER = "(?:/.+)?"
_BRACKETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_NO_SLASH = "(?!/)"


@lru_cache(maxsize=64)
def compiled(rules: tuple[str, ...]) -> GitIgnoreSpec | None:
    """Rules ready for matching, malformed ones left out; None for none."""
    if not rules:
        return None
    from pathspec import GitIgnoreSpec  # noqa: PLC0415  # 56 ms that `initialize` must not wait for
    from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415  # see above
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415  # see above

    patterns = []
    for rule in rules:
        try:
            expression, include = GitIgnoreSpecPattern.pattern_to_regex(rule)
            if expression is not None:
                patterns.append(GitIgnoreSpecPattern(re.compile(linear(expression)), include))
        except (GitIgnorePatternError, re.error):  # the second for ranges such as [z-a]
            continue
    return GitIgnoreSpec(patterns, backend="simple")  # the others do not know atomic groups


def linear(expression: str) -> str:
    """An expression of `pathspec` that matches the same without trying everything.

    What stands between two wildcards may be taken where it is found first: whatever follows a later place follows the
    first one, too. Only behind the last wildcard does the end decide. As in git, no bracket matches a slash.
    """
    expression = _BRACKETS.sub(_without_slash, expression)
    head, *rest = expression.split(_INNER)
    if not rest:
        return _in_segments(head)
    if head.startswith(_LEADING):
        head = f"^(?>(?:[^/]+/)*?{_in_segments(head.removeprefix(_LEADING))}(?=/))"
    else:
        head = _in_segments(head)
    between = "".join(f"(?>(?:/[^/]+)*?{_in_segments(part)}(?=/))" for part in rest[:-1])
    return f"{head}{between}{_INNER}{_in_segments(rest[-1])}"


def _in_segments(expression: str) -> str:
    """The same for the wildcards of each segment of a path."""
    first, *pieces = expression.split(_STAR)
    if not pieces:
        return expression
    last = pieces.pop()
    between = (f"(?>[^/]*?{piece})" if _in_one_segment(piece) else _STAR + piece for piece in pieces)
    return f"{first}{''.join(between)}{_STAR}{last}"


def _in_one_segment(piece: str) -> bool:
    return "/" not in piece.replace("[^/]", "").replace(_NO_SLASH, "")


def _without_slash(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith("\\") or found[0] == "[^/]" else _NO_SLASH + found[0]

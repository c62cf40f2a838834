"""Patterns of `.gitignore` files that match in bounded time.

They mean what they mean to git. The expressions of `pathspec` can backtrack for ever (`*a*a*a*a*b` over a long name,
with the interpreter's lock held); `make_linear` rewrites them so that matching is linear. A rule is compiled and tried
only for paths that contain a name it needs, so that thousands of rules cost little. Rules are foreign text. Start at
`compile_patterns`.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from indexing import bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_STAR = "[^/]*"  # pathspec's translations; literal text is escaped, so these are always wildcards
_LEADING = "^(?:.+/)?"
_INNER = "(?:/.+)?"
_BRACKETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_NO_SLASH = "(?!/)"


_WILD = re.compile(r"[*?\[\]\\\s]")


class Match(NamedTuple):
    """Result for a path: `include` is True if a rule ignores it, False if one includes it, None without a rule."""

    include: bool | None


class Patterns:
    """The rules of one file, in their order. Thread-safe."""

    def __init__(self, rules: Sequence[str]) -> None:
        """Take `rules`, the lines of an ignore file."""
        self._rules = [_Rule(text) for text in rules]
        self._anywhere: list[int] = []
        self._by_name: dict[str, list[int]] = {}
        for number, rule in enumerate(self._rules):
            name = _choose_needed_name(rule.text)
            (self._by_name.setdefault(name, []) if name else self._anywhere).append(number)

    @classmethod
    def make_excessive(cls) -> Patterns:
        """Return a substitute for a file that is too long to be read, because of which its folder is excluded.

        Its only rule has too many characters, so that `most_tried` is over its bound.
        """
        return cls(["*" * (bounds.IGNORE_RULE_CHARACTERS + 1)])

    @cached_property
    def most_tried(self) -> int:
        """Largest number of rules tried for one path; over `bounds.IGNORE_RULES` if a rule is too long."""
        if any(len(rule.text) > bounds.IGNORE_RULE_CHARACTERS for rule in self._rules):
            return bounds.IGNORE_RULES + 1
        return max(map(len, self._by_name.values()), default=0) + len(self._anywhere)

    def check_file(self, path: str) -> Match:
        """Return the decision of the last rule for `path` itself, else of the last rule for a folder around it.

        The path of a folder ends with "/".
        """
        included: bool | None = None
        for number in reversed(self._select_rules(path)):
            pattern = self._rules[number].pattern
            if pattern is None or pattern.include is None or (match := pattern.match_file(path)) is None:
                continue
            if not match.match.groupdict().get("ps_d"):
                return Match(pattern.include)  # the last rule about the path itself decides
            if included is None:
                included = pattern.include  # else the last one about a folder around it
        return Match(included)

    def match_file(self, path: str) -> bool:
        """Return whether the rules ignore `path`."""
        return bool(self.check_file(path).include)

    def _select_rules(self, path: str) -> list[int]:
        """Return the numbers of the rules that may match `path`, in order."""
        found = list(self._anywhere)
        for name in set(path.split("/")):
            found += self._by_name.get(name, ())
        found.sort()
        return found


class _Rule:
    """One rule, compiled at its first use."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def pattern(self) -> GitIgnoreSpecPattern | None:
        """The compiled rule; None if it is malformed."""
        from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415  # 56 ms, not for `initialize`
        from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415  # see above

        try:
            expression, include = GitIgnoreSpecPattern.pattern_to_regex(self.text)
            if expression is None:
                return None
            return GitIgnoreSpecPattern(re.compile(make_linear(expression)), include)
        except (GitIgnorePatternError, re.error):  # the second for ranges such as [z-a]
            return None


@lru_cache(maxsize=64)
def compile_patterns(rules: tuple[str, ...]) -> Patterns | None:
    """Return the patterns of `rules`, of which malformed ones match nothing; None if `rules` is empty."""
    return Patterns(rules) if rules else None


def _choose_needed_name(rule: str) -> str:
    """Return the longest name that every path matched by `rule` contains; "" if there is none."""
    names = rule.removeprefix("!").split("/")
    return max((name for name in names if name not in {".", ".."} and not _WILD.search(name)), key=len, default="")


def make_linear(expression: str) -> str:
    """Return an expression that matches what `expression` of `pathspec` does, in linear time.

    Text between two wildcards is matched at its first place and never again (atomic groups): whatever can follow a
    later place can also follow the first. Only the text after the last wildcard is tried at each place. As in git, no
    bracket matches a slash.
    """
    expression = _BRACKETS.sub(_forbid_slash, expression)
    head, *rest = expression.split(_INNER)
    if not rest:
        return _make_segments_linear(head)
    if head.startswith(_LEADING):
        head = f"^(?>(?:[^/]+/)*?{_make_segments_linear(head.removeprefix(_LEADING))}(?=/))"
    else:
        head = _make_segments_linear(head)
    between = "".join(f"(?>(?:/[^/]+)*?{_make_segments_linear(part)}(?=/))" for part in rest[:-1])
    return f"{head}{between}{_INNER}{_make_segments_linear(rest[-1])}"


def _make_segments_linear(expression: str) -> str:
    """Return `expression` with the wildcards within each segment of a path made linear, as in `make_linear`."""
    first, *pieces = expression.split(_STAR)
    if not pieces:
        return expression
    last = pieces.pop()
    between = (f"(?>[^/]*?{piece})" if _has_no_slash(piece) else _STAR + piece for piece in pieces)
    return f"{first}{''.join(between)}{_STAR}{last}"


def _has_no_slash(piece: str) -> bool:
    """Return whether `piece` of an expression matches no slash."""
    return "/" not in piece.replace("[^/]", "").replace(_NO_SLASH, "")


def _forbid_slash(found: re.Match[str]) -> str:
    """Return a bracket of an expression with a condition that forbids a slash; escaped characters stay as they are."""
    return found[0] if found[0].startswith("\\") or found[0] == "[^/]" else _NO_SLASH + found[0]

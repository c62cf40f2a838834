"""Patterns of `.gitignore` files, compiled so that nobody's rules can stop us.

Git's own meaning, with bounds that `pathspec` alone does not give. Matching takes time in proportion to rule and path
(plain translation backtracks: `*a*a*a*a*b` takes years over a long name, with the interpreter's lock held). A rule is
compiled and tried only for paths that hold a name it needs, so that many thousands of rules cost little. Rules are
somebody else's text. Start at `compiled`.
"""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from indexing import bounds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_STAR = "[^/]*"  # pathspec's translations; what is literal in a pattern is escaped, so these mean nothing else
_LEADING = "^(?:.+/)?"
_INNER = "(?:/.+)?"
_BRACKETS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]")
_NO_SLASH = "(?!/)"


_WILD = re.compile(r"[*?\[\]\\\s]")


class Said(NamedTuple):
    """What rules say of a path: `include` is True where it is ignored, False where it is not, None for nothing."""

    include: bool | None


class Patterns:
    """The rules of one file, in their order. Thread-safe."""

    def __init__(self, rules: Sequence[str]) -> None:
        """`rules` are lines of an ignore file."""
        self._rules = [_Rule(text) for text in rules]
        self._anywhere: list[int] = []
        self._by_name: dict[str, list[int]] = {}
        for number, rule in enumerate(self._rules):
            name = _needed_name(rule.text)
            (self._by_name.setdefault(name, []) if name else self._anywhere).append(number)

    @classmethod
    def endless(cls) -> Patterns:
        """Return what stands for rules that nobody reads to their end."""
        return cls(["*" * (bounds.IGNORE_RULE_CHARACTERS + 1)])

    @cached_property
    def tried(self) -> int:
        """How many rules may have to be tried for one path; beyond every bound where one of them is endless."""
        if any(len(rule.text) > bounds.IGNORE_RULE_CHARACTERS for rule in self._rules):
            return bounds.IGNORE_RULES + 1
        return max(map(len, self._by_name.values()), default=0) + len(self._anywhere)

    def check_file(self, path: str) -> Said:
        """Say whether the rules ignore `path`; folders end with "/"."""
        included: bool | None = None
        for number in reversed(self._tried(path)):
            pattern = self._rules[number].pattern
            if pattern is None or pattern.include is None or (match := pattern.match_file(path)) is None:
                continue
            if not match.match.groupdict().get("ps_d"):
                return Said(pattern.include)  # the last rule about the path itself decides
            if included is None:
                included = pattern.include  # else the last one about a folder around it
        return Said(included)

    def match_file(self, path: str) -> bool:
        """Whether the rules ignore `path`."""
        return bool(self.check_file(path).include)

    def _tried(self, path: str) -> list[int]:
        found = list(self._anywhere)
        for name in set(path.split("/")):
            found += self._by_name.get(name, ())
        found.sort()
        return found


class _Rule:
    """One rule, compiled when it is first tried."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def pattern(self) -> GitIgnoreSpecPattern | None:
        """None for a malformed rule."""
        from pathspec.patterns.gitignore import GitIgnorePatternError  # noqa: PLC0415  # 56 ms, not for `initialize`
        from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern  # noqa: PLC0415  # see above

        try:
            expression, include = GitIgnoreSpecPattern.pattern_to_regex(self.text)
            if expression is None:
                return None
            return GitIgnoreSpecPattern(re.compile(linear(expression)), include)
        except (GitIgnorePatternError, re.error):  # the second for ranges such as [z-a]
            return None


@lru_cache(maxsize=64)
def compiled(rules: tuple[str, ...]) -> Patterns | None:
    """Return rules ready for matching, malformed ones left out; None for none."""
    return Patterns(rules) if rules else None


def _needed_name(rule: str) -> str:
    """Return a name that a path must hold for `rule` to speak of it, "" where none is sure."""
    names = rule.removeprefix("!").split("/")
    return max((name for name in names if name not in {".", ".."} and not _WILD.search(name)), key=len, default="")


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

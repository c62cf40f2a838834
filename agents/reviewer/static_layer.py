"""The static layer: rules about syntax and plain text, in one pass over one text. Needs no model and no network.

Half-typed code gives fewer findings, never false ones: where the text does not parse, only functions that do are looked
at. Start at `look`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.findings import Finding, Fix
from agents.reviewer.rules import all_rules
from agents.reviewer.rules.rule import Rule
from agents.reviewer.scanning.scan import Scan
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.rules.rule import Hit, Mend, TextRule
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

_LONGEST_LINE = 3000  # characters; nobody wrote a longer one: minified, or data
_MOST = 2000  # findings of one text
_DECLARATIONS = (".pyi", ".d.ts", ".d.mts", ".d.cts")
_QUOTES = ("string", "heredoc", "fenced_code", "template_string", "raw_string")
_ANYWHERE = {"comment"}  # roles that are what they are in broken code too


def look(
    document: Document,
    syntax: Syntax,
    policy: ReviewPolicy,
    cancelled: Callable[[], bool],
    left_out: Callable[[str], bool] = lambda _: False,
) -> list[Finding]:
    """All findings of the static rules; `left_out` names codes of other linters that report for themselves."""
    found: list[Finding] = []
    for text_rule in all_rules.TEXT_RULES:
        if cancelled():
            return []
        if _wanted(text_rule, policy, left_out):
            hits = [hit for hit in text_rule.look(document, policy) if not _is_quoted(text_rule, hit, syntax)]
            found += [_finding(text_rule, hit, lambda offset: offset) for hit in hits]
    scan = Scan.of(document, syntax) if not _has_long_line(document.text) else None
    if scan is not None:
        to_point = scan.lines.to_point
        for rule, hit in _hits(scan, policy, cancelled, left_out):
            found.append(_finding(rule, hit, to_point))
            if len(found) >= _MOST:
                break
    return found


def _hits(
    scan: Scan, policy: ReviewPolicy, cancelled: Callable[[], bool], left_out: Callable[[str], bool]
) -> Iterator[tuple[Rule, Hit]]:
    broken, declares = scan.broken, is_declarations(scan.document)
    for rule in all_rules.SYNTAX_RULES:
        if cancelled():
            return
        if declares and not _ANYWHERE.issuperset(rule.roles):
            continue
        if not _wanted(rule, policy, left_out) or (rule.languages and scan.language not in rule.languages):
            continue
        if rule.words and not any(word in scan.data for word in rule.words):
            continue
        for role in rule.roles:
            for item in scan.of_role(role):
                if not broken or role in _ANYWHERE or scan.trusted(item):
                    for hit in rule.look(scan, item, policy):
                        yield rule, hit


def is_declarations(document: Document) -> bool:
    """Return whether the document only declares what is elsewhere (`.pyi`, `.d.ts`) and never runs."""
    return document.path is not None and document.path.name.endswith(_DECLARATIONS)


def _is_quoted(rule: TextRule, hit: Hit, syntax: Syntax) -> bool:
    """Return whether a mark of a conflict stands in a string or a comment: it would not parse in code."""
    parsed = syntax.parsed
    if rule.code != "conflict-mark" or parsed is None:
        return False
    at = len(syntax.text[: hit.start].encode(errors="surrogatepass"))
    node = parsed.tree.root_node.descendant_for_byte_range(at, at + 1)
    quoting = parsed.grammar.entry.strings | parsed.grammar.entry.comments
    while node is not None and node.type not in quoting and not node.type.startswith(_QUOTES):
        node = node.parent
    return node is not None


def _wanted(rule: Rule | TextRule, policy: ReviewPolicy, left_out: Callable[[str], bool]) -> bool:
    if isinstance(rule, Rule) and rule.asked_only and rule.code not in policy.rules_on:
        return False
    return rule.code not in policy.rules_off and not any(left_out(code) for code in rule.equals)


def _finding(rule: Rule | TextRule, hit: Hit, to_point: Callable[[int], int]) -> Finding:
    return Finding(
        code=rule.code,
        severity=hit.severity or rule.severity,
        span=Span(to_point(hit.start), to_point(hit.end)),
        message=hit.message,
        fix=_fix(hit.mend, to_point) if hit.mend is not None else None,
        unnecessary=rule.unnecessary,
    )


def _fix(mend: Mend, to_point: Callable[[int], int]) -> Fix:
    edits = sorted(mend.replacements, key=lambda each: (each.start, each.end))
    return Fix(mend.title, tuple(Edit(to_point(e.start), to_point(e.end), e.text) for e in edits), mend.safe)


def _has_long_line(text: str) -> bool:
    """Looks at one place per `_LONGEST_LINE` characters or so."""
    start = 0
    while len(text) - start > _LONGEST_LINE:
        at = text.rfind("\n", start, start + _LONGEST_LINE + 1)
        if at < 0:
            return True
        start = at + 1
    return False

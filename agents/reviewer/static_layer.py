"""The static layer: applies the rules about syntax and plain text to one text. Needs no model and no network.

In a text that does not parse, only functions that do are reviewed, so that half-typed code gives no false findings.
Start at `review`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.edits import Edit
from agents.findings import Finding, Fix
from agents.reviewer.rules import all_rules
from agents.reviewer.rules.rule import Rule
from agents.reviewer.scanning.scan import Scan
from indexing.resolution.signatures import open_alone
from indexing.syntax.documents import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from agents.reviewer.rules.rule import ByteFix, Hit, TextRule
    from indexing.resolution.signatures import NameOpener
    from indexing.syntax.documents import Document
    from indexing.syntax.syntax import Syntax

_LONGEST_LINE = 3000  # characters; a text with a longer one is minified, or data
_MOST_FINDINGS = 2000  # findings of one text
_DECLARATIONS = (".pyi", ".d.ts", ".d.mts", ".d.cts")
_QUOTING_KINDS = ("string", "heredoc", "fenced_code", "template_string", "raw_string")
_RELIABLE_ROLES = {"comment"}  # roles that are right in broken code too


def review(  # noqa: PLR0913, PLR0917 - the text, and what a review of it needs
    document: Document,
    syntax: Syntax,
    policy: ReviewPolicy,
    cancelled: Callable[[], bool],
    is_left_out: Callable[[str], bool] = lambda _: False,
    open_names: NameOpener = open_alone,
) -> list[Finding]:
    """Return the findings of the static rules in a document; incomplete if `cancelled` returns True meanwhile.

    A rule is skipped if `is_left_out` returns True for an equivalent code: another linter reports it. Rules about
    syntax skip minified texts and code that does not parse, and end after `_MOST_FINDINGS`. `open_names` resolves the
    names of the document.
    """
    found: list[Finding] = []
    for text_rule in all_rules.TEXT_RULES:
        if cancelled():
            return []
        if _is_enabled(text_rule, policy, is_left_out):
            hits = [
                hit for hit in text_rule.find(document, policy) if not _is_quoted_conflict_mark(text_rule, hit, syntax)
            ]
            found += [_build_finding(text_rule, hit, lambda offset: offset) for hit in hits]
    scan = Scan.of(document, syntax, open_names) if not _has_long_line(document.text) else None
    if scan is not None:
        to_code_point = scan.lines.to_code_point
        for rule, hit in _find_hits(scan, policy, cancelled, is_left_out):
            found.append(_build_finding(rule, hit, to_code_point))
            if len(found) >= _MOST_FINDINGS:
                break
    return found


def _find_hits(
    scan: Scan, policy: ReviewPolicy, cancelled: Callable[[], bool], is_left_out: Callable[[str], bool]
) -> Iterator[tuple[Rule, Hit]]:
    """Yield each enabled rule about syntax with each of its hits in code that parses; ends early if `cancelled`."""
    broken, declares = scan.has_errors, is_declaration_file(scan.document)
    for rule in all_rules.SYNTAX_RULES:
        if cancelled():
            return
        if declares and not _RELIABLE_ROLES.issuperset(rule.roles):
            continue
        if not _is_enabled(rule, policy, is_left_out) or (rule.languages and scan.language not in rule.languages):
            continue
        if rule.required_words and not any(word in scan.data for word in rule.required_words):
            continue
        for role in rule.roles:
            for item in scan.get_items(role):
                if not broken or role in _RELIABLE_ROLES or scan.is_reliable(item):
                    for hit in rule.find(scan, item, policy):
                        yield rule, hit


def is_declaration_file(document: Document) -> bool:
    """Return whether the document only declares what is defined elsewhere (`.pyi`, `.d.ts`)."""
    return document.path is not None and document.path.name.endswith(_DECLARATIONS)


def _is_quoted_conflict_mark(rule: TextRule, hit: Hit, syntax: Syntax) -> bool:
    """Return whether `hit` is a conflict marker in a string or a comment, which is no conflict."""
    parsed = syntax.parsed
    if rule.code != "conflict-mark" or parsed is None:
        return False
    at = len(syntax.text[: hit.start].encode(errors="surrogatepass"))
    node = parsed.tree.root_node.descendant_for_byte_range(at, at + 1)
    quoting = parsed.grammar.entry.strings | parsed.grammar.entry.comments
    while node is not None and node.type not in quoting and not node.type.startswith(_QUOTING_KINDS):
        node = node.parent
    return node is not None


def _is_enabled(rule: Rule | TextRule, policy: ReviewPolicy, is_left_out: Callable[[str], bool]) -> bool:
    """Return whether the policy enables `rule` and no other linter reports its findings."""
    if isinstance(rule, Rule) and rule.off_by_default and rule.code not in policy.rules_on:
        return False
    return rule.code not in policy.rules_off and not any(is_left_out(code) for code in rule.equivalents)


def _build_finding(rule: Rule | TextRule, hit: Hit, to_code_point: Callable[[int], int]) -> Finding:
    """Return a hit as a finding; `to_code_point` converts its offsets into code points."""
    return Finding(
        code=rule.code,
        severity=hit.severity or rule.severity,
        span=Span(to_code_point(hit.start), to_code_point(hit.end)),
        message=hit.message,
        fix=_build_fix(hit.fix, to_code_point) if hit.fix is not None else None,
        unnecessary=rule.unnecessary,
    )


def _build_fix(fix: ByteFix, to_code_point: Callable[[int], int]) -> Fix:
    """Return `fix` with its byte offsets converted into code points."""
    edits = sorted(fix.edits, key=lambda each: (each.start, each.end))
    return Fix(fix.title, tuple(Edit(to_code_point(e.start), to_code_point(e.end), e.text) for e in edits), fix.safe)


def _has_long_line(text: str) -> bool:
    """Return whether a line is longer than `_LONGEST_LINE`, without reading every character."""
    start = 0
    while len(text) - start > _LONGEST_LINE:
        at = text.rfind("\n", start, start + _LONGEST_LINE + 1)
        if at < 0:
            return True
        start = at + 1
    return False

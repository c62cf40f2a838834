"""Rules about plain text, for every language: unresolved merge conflicts, secrets, hidden characters."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from agents.findings import Severity
from agents.reviewer.rules.rule import Hit, TextRule
from indexing.syntax.languages import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.reviewer.review_policy import ReviewPolicy
    from indexing.syntax.documents import Document

_CONFLICT_MARK = re.compile(r"^(?:<{7} |={7}(?=\r?\n)|>{7} )", re.MULTILINE)
_READ_AS_TEXT = {Kind.PROSE, Kind.MARKUP, Kind.DATA}
_DIRECTION_MARK = re.compile("[\u202a-\u202e\u2066-\u2069]")

# Published shapes of providers' keys: the kind of key, substrings one of which a text with a key contains, the shape.
_KEYS = (
    ("an AWS access key", "AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    (
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{60,})\b",
    ),
    ("a GitLab token", "glpat-", r"\bglpat-[0-9A-Za-z_-]{20}\b"),
    ("a Slack token", "xox", r"\bxox[abeprs]-[0-9A-Za-z-]{20,}"),
    ("a Stripe key", "k_live_", r"\b[rs]k_live_[0-9A-Za-z]{20,}\b"),
    ("a Google API key", "AIza", r"\bAIza[0-9A-Za-z_-]{35}\b"),
    ("a PyPI token", "pypi-", r"\bpypi-AgE[0-9A-Za-z_-]{50,}"),
    ("an npm token", "npm_", r"\bnpm_[0-9A-Za-z]{36}\b"),
    ("an OpenAI key", "T3BlbkFJ", r"\bsk-(?:proj-|svcacct-)?[0-9A-Za-z_-]{20,200}T3BlbkFJ[0-9A-Za-z_-]{20,}"),
    ("an Anthropic key", "sk-ant-", r"\bsk-ant-(?:api|admin)\d\d-[0-9A-Za-z_-]{80,}"),
    ("a SendGrid key", "SG.", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b"),
    ("a Hugging Face token", "hf_", r"\bhf_[0-9A-Za-z]{34}\b"),
    (
        "a private key",
        "-----BEGIN",
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY(?: BLOCK)?-----\s*+(?:\\n)?\s*+[0-9A-Za-z+/=]{40,}",
    ),
)
_KEY_SHAPES = tuple((kind, tuple(hints.split()), re.compile(shape)) for kind, hints, shape in _KEYS)
_QUOTED_VALUES = (re.compile(r"""\"(?=([^"'\s]{16,200})\")"""), re.compile(r"""'(?=([^"'\s]{16,200})')"""))
_ASSIGNMENT_END = re.compile(r"[=:>]\s{0,4}\Z")
_SECRET_NAME_END = re.compile(
    r"""(?ix) (?<![a-z]) (?: pass(?:word|wd|phrase)? | secret | token | api[_-]?key | access[_-]?key | auth[_-]?key
    | private[_-]?key | credential s? ) ["'\]]* \s{0,4} (?: : | : \s* str \s* )? [=-]? $"""
)
_TEST_PATHS = re.compile(
    r"(?:^|/)(?:tests?|testing|testsuite|specs?|__tests__|fixtures?|testdata|test[-_]data|mocks?|__mocks__|examples?)/"
    r"|/test_[^/]*$|/conftest\.py$|[_.-](?:tests?|spec|fixtures?)\.\w+$|Tests?\.\w+$",
    re.IGNORECASE,
)
_OPERATOR_WITHIN = 5  # characters before the quotes, searched for the assignment operator
_NAME_WITHIN = 60  # characters before the assignment operator, searched for a name
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|placeholder|change.?me|your[-_ ]|dummy|fake|test|xxx|\*\*\*|\.\.\.|\$\{|\{\{|<[a-z]|%[(s{]"
    r"|1234|abcd|redacted|insert|todo|secret|password|token|\{[a-z_]*\}|^[a-z]+(?:[-_./:][a-z]+)*$|^https?:|^/|django-insecure"
)
_COUNTING = re.compile(r"(?i)12345678|abcdefgh|0{8}|x{8}")  # unlikely in a random value
_LEAST_ENTROPY = (
    3.5  # bits per character; words and identifiers have less, random keys of at least 16 characters have more
)


def find_conflict_mark(document: Document, _: ReviewPolicy) -> Iterator[Hit]:
    """Report the first line of each unresolved merge conflict."""
    if "<<<<<<< " not in document.text:
        return
    for start in _find_conflicts(document.text):
        yield Hit(
            start,
            document.text.find("\n", start),
            "This merge conflict is not resolved: the file contains both sides. Keep one side or merge them.",
        )


def _find_conflicts(text: str) -> Iterator[int]:
    """Yield the offset of each conflict that has all three markers in order.

    Reads the text once, whatever it contains.
    """
    start, divided = -1, False
    for mark in _CONFLICT_MARK.finditer(text):
        if start < 0:
            start = mark.start() if mark[0][0] == "<" else -1
        elif mark[0][0] == "=":
            divided = True
        elif divided and mark[0][0] == ">":
            yield start
            start, divided = -1, False


def find_possible_secret(document: Document, policy: ReviewPolicy) -> Iterator[Hit]:
    """Report each value that looks like a key or a password; the message does not contain the value.

    Skips examples and placeholders. In tests, only the shapes of providers' keys are reported, as hints. Yields nothing
    if `policy.secrets` is off.
    """
    if not policy.secrets:
        return
    text = document.text
    in_test = document.path is not None and _TEST_PATHS.search(document.path.as_posix()) is not None
    for kind, hints, shape in _KEY_SHAPES:
        is_test_key = in_test and kind == "a private key"  # generated for the test
        if any(hint in text for hint in hints) and not is_test_key:
            for match in shape.finditer(text):
                if kind == "a private key" or not _is_example(match[0]):
                    yield Hit(
                        match.start(),
                        match.end(),
                        _make_message(kind, made_up=in_test),
                        severity=_choose_severity(in_test),
                    )
    for pattern in _QUOTED_VALUES if not in_test else ():  # random values in tests protect nothing
        for match in pattern.finditer(text):
            sign = _ASSIGNMENT_END.search(text, max(0, match.start() - _OPERATOR_WITHIN), match.start())
            if sign is None:
                continue
            before = text[max(0, sign.start() - _NAME_WITHIN) : sign.start()].rpartition("\n")[2]
            if _SECRET_NAME_END.search(before) and _is_random(match[1]):
                yield Hit(*match.span(1), _make_message("a password or key"))


def find_hidden_direction(document: Document, _: ReviewPolicy) -> Iterator[Hit]:
    """Report invisible characters that make code read differently than it runs ("Trojan Source", CVE-2021-42574).

    Skips prose, markup and data.
    """
    if document.text.isascii() or document.entry.kind in _READ_AS_TEXT:
        return
    for match in _DIRECTION_MARK.finditer(document.text):
        yield Hit(
            match.start(),
            match.end(),
            f"An invisible character (U+{ord(match[0]):04X}) changes the writing direction here, so the code reads "
            "differently than it runs. Delete it.",
        )


def _is_example(value: str) -> bool:
    """Return whether a key is marked as an example, has few different characters, or counts up."""
    return "EXAMPLE" in value.upper() or len(set(value[-12:])) < 5 or _COUNTING.search(value) is not None


def _is_random(value: str) -> bool:
    """Return whether `value` mixes letters and digits, is no placeholder, and has a high entropy."""
    mixed = bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))
    return mixed and not _PLACEHOLDER.search(value) and _compute_entropy(value) >= _LEAST_ENTROPY


def _compute_entropy(value: str) -> float:
    """Return Shannon's entropy of `value` in bits per character."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


def _choose_severity(in_test: bool) -> Severity | None:  # noqa: FBT001 (its only argument)
    """Return `HINT` in tests; None, which means the rule's severity, elsewhere."""
    return Severity.HINT if in_test else None


def _make_message(kind: str, *, made_up: bool = False) -> str:
    """Return the message for a secret of `kind`; `made_up` if it is in a test."""
    if made_up:
        return f"This looks like {kind}. If it was not made up for the test, revoke it and create a new one."
    return (
        f"This looks like {kind}. Whoever can read the code or its history can use it. Revoke it, and read its "
        "successor from the environment or a secret store."
    )


RULES = (
    TextRule("conflict-mark", Severity.ERROR, find_conflict_mark),
    TextRule("possible-secret", Severity.WARNING, find_possible_secret, equivalents=("S105", "S106", "S107")),
    TextRule("hidden-direction", Severity.WARNING, find_hidden_direction, equivalents=("PLE2502",)),
)

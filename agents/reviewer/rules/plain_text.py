"""Rules about plain text, for every language: marks of a conflict, secrets, hidden direction."""

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
_READ_AS_TEXT = {Kind.PROSE, Kind.MARKUP, Kind.DATA}  # may be written in any direction
_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069]")

# Shapes that providers publish for finding leaked keys: whose it is, what a text with one holds, the shape.
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
_SHAPES = tuple((what, tuple(hints.split()), re.compile(shape)) for what, hints, shape in _KEYS)
_VALUES = (re.compile(r"""\"(?=([^"'\s]{16,200})\")"""), re.compile(r"""'(?=([^"'\s]{16,200})')"""))
_ASSIGNED = re.compile(r"[=:>]\s{0,4}\Z")
_NAME = re.compile(
    r"""(?ix) (?<![a-z]) (?: pass(?:word|wd|phrase)? | secret | token | api[_-]?key | access[_-]?key | auth[_-]?key
    | private[_-]?key | credential s? ) ["'\]]* \s{0,4} (?: : | : \s* str \s* )? [=-]? $"""
)
_TEST = re.compile(
    r"(?:^|/)(?:tests?|testing|testsuite|specs?|__tests__|fixtures?|testdata|test[-_]data|mocks?|__mocks__|examples?)/"
    r"|/test_[^/]*$|/conftest\.py$|[_.-](?:tests?|spec|fixtures?)\.\w+$|Tests?\.\w+$",
    re.IGNORECASE,
)
_SIGN_WITHIN = 5  # characters before the quotes, the sign of assignment among them
_NAME_WITHIN = 60  # characters before the sign of assignment
_PLACEHOLDER = re.compile(
    r"(?i)example|sample|placeholder|change.?me|your[-_ ]|dummy|fake|test|xxx|\*\*\*|\.\.\.|\$\{|\{\{|<[a-z]|%[(s{]"
    r"|1234|abcd|redacted|insert|todo|secret|password|token|\{[a-z_]*\}|^[a-z]+(?:[-_./:][a-z]+)*$|^https?:|^/|django-insecure"
)
_COUNTED = re.compile(r"(?i)12345678|abcdefgh|0{8}|x{8}")  # nobody draws these by lot
_LEAST_ENTROPY = (
    3.5  # bits a character; words and identifiers have less, random keys of 16 characters and more have more
)


def conflict_mark(document: Document, _: ReviewPolicy) -> Iterator[Hit]:
    """A merge that was not finished."""
    if "<<<<<<< " not in document.text:
        return
    for start in _conflicts(document.text):
        yield Hit(
            start,
            document.text.find("\n", start),
            "A merge conflict was left here unresolved: both sides stand in the file, with the marks between them.",
        )


def _conflicts(text: str) -> Iterator[int]:
    """Find where conflicts begin: all three marks, in their order. Reads the text once, whatever stands in it."""
    start, divided = -1, False
    for mark in _CONFLICT_MARK.finditer(text):
        if start < 0:
            start = mark.start() if mark[0][0] == "<" else -1
        elif mark[0][0] == "=":
            divided = True
        elif divided and mark[0][0] == ">":
            yield start
            start, divided = -1, False


def possible_secret(document: Document, policy: ReviewPolicy) -> Iterator[Hit]:
    """A key or a password in the text; the message never shows it."""
    if not policy.secrets:
        return
    text = document.text
    in_test = document.path is not None and _TEST.search(document.path.as_posix()) is not None
    for what, hints, shape in _SHAPES:
        if any(hint in text for hint in hints) and not (in_test and what == "a private key"):  # made for the test
            for match in shape.finditer(text):
                if what == "a private key" or not _is_example(match[0]):
                    yield Hit(match.start(), match.end(), _leak(what, made_up=in_test), severity=_weight(in_test))
    for pattern in _VALUES if not in_test else ():  # random words of a test open nothing
        for match in pattern.finditer(text):
            sign = _ASSIGNED.search(text, max(0, match.start() - _SIGN_WITHIN), match.start())
            if sign is None:
                continue
            before = text[max(0, sign.start() - _NAME_WITHIN) : sign.start()].rpartition("\n")[2]
            if _NAME.search(before) and _is_random(match[1]):
                yield Hit(*match.span(1), _leak("a password or key"))


def hidden_direction(document: Document, _: ReviewPolicy) -> Iterator[Hit]:
    """Characters that make code read otherwise than it runs ("Trojan Source", CVE-2021-42574)."""
    if document.text.isascii() or document.entry.kind in _READ_AS_TEXT:
        return
    for match in _DIRECTION.finditer(document.text):
        yield Hit(
            match.start(),
            match.end(),
            f"An invisible character (U+{ord(match[0]):04X}) turns the direction of writing here: what a person reads "
            "is not what the computer runs.",
        )


def _is_example(value: str) -> bool:
    return "EXAMPLE" in value.upper() or len(set(value[-12:])) < 5 or _COUNTED.search(value) is not None


def _is_random(value: str) -> bool:
    mixed = bool(re.search(r"\d", value)) and bool(re.search(r"[A-Za-z]", value))
    return mixed and not _PLACEHOLDER.search(value) and _entropy(value) >= _LEAST_ENTROPY


def _entropy(value: str) -> float:
    """Shannon's, in bits a character."""
    return -sum(count / len(value) * math.log2(count / len(value)) for count in Counter(value).values())


def _weight(in_test: bool) -> Severity | None:  # noqa: FBT001 (its only argument)
    return Severity.HINT if in_test else None


def _leak(what: str, *, made_up: bool = False) -> str:
    if made_up:
        return f"This looks like {what}. If it was not made up for the test, replace it where it is valid."
    return (
        f"This looks like {what}. Whoever can read the code, or its history, can use it: take it from the environment "
        "or a secret store, and replace it where it is valid."
    )


RULES = (
    TextRule("conflict-mark", Severity.ERROR, conflict_mark),
    TextRule("possible-secret", Severity.WARNING, possible_secret, equals=("S105", "S106", "S107")),
    TextRule("hidden-direction", Severity.WARNING, hidden_direction, equals=("PLE2502",)),
)

"""Expressions as the text of a file writes them, read as far as a type can follow: names, members, calls, indexes.

Reads one expression by itself, without a syntax tree, so that half-typed code is read in the same way. What it does not
know becomes `UNKNOWN`. Start at `parse`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

LONGEST = 1_000  # characters of an expression that are read
_DEEPEST = 12
MOST_PARTS = 8  # of a literal

Kind = Literal["name", "member", "call", "index", "choice", "await", "try", "literal", "unknown"]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression.

    Attributes:
        kind: "choice" is one of `parts`; "try" takes what a container like an optional value holds (`a?`).
        name: of a name or a member; of a literal, the type.
        base: what a member, call, index, await or try is about; None for other kinds.
        parts: arguments of a call or an index, alternatives of a choice, elements of a literal.
    """

    kind: Kind
    name: str = ""
    base: Expression | None = None
    parts: tuple[Expression, ...] = ()


UNKNOWN = Expression("unknown")

_TOKEN = re.compile(
    r"\s+|(?P<string>(?:[a-zA-Z]{0,2})(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''"
    r"|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'))"
    r"|(?P<field>(?<=\.)\d+)|(?P<number>\d[\w.]*)|(?P<word>(?:[^\W\d]|\$)[\w$]*)|(?P<mark>:=|\*\*|->|==|!=|<=|>=|//|.)",
    re.DOTALL,
)
_OPEN = {"(": ")", "[": "]", "{": "}"}
_AFTER = {"(", "["}  # calls and indexes
_PREFIXES = {"*", "&", "**"}
_NO_NAMES = {"if", "else", "for", "and", "or", "in", "is", "lambda", "async", "yield"}


@dataclass(frozen=True, slots=True)
class _Token:
    """A token; `kind` is the name of a group of `_TOKEN`."""

    kind: str
    text: str


@lru_cache(maxsize=20_000)
def parse(text: str) -> Expression:
    """Return the expression that `text` is; `UNKNOWN` if no type can follow it. Reads `LONGEST` characters."""
    if len(text) > LONGEST:
        text = text[:LONGEST]
    tokens = [_Token(found.lastgroup, found[0]) for found in _TOKEN.finditer(text) if found.lastgroup is not None]
    if len(pieces := split(tokens, {","})) > 1 and "lambda" not in text:
        return Expression(
            "literal", "tuple", parts=tuple(_parse_all(piece, 1) for piece in pieces if piece)[:MOST_PARTS]
        )
    return _parse_all(tokens, 0)


def _parse_all(tokens: list[_Token], depth: int) -> Expression:
    """Return the expression of all `tokens`: alternatives first (`a or b`, `a if c else b`, `A | B`)."""
    if not tokens or depth > _DEEPEST:
        return UNKNOWN
    if tokens[0].text == "lambda":
        return UNKNOWN
    parts = split(tokens, {"if", "else"})
    if len(parts) > 1:  # a if test else b
        return choose([_parse_all(part, depth + 1) for part in parts[::2]])
    for separators in ({"or", "and"}, {"|"}):
        parts = split(tokens, separators)
        if len(parts) > 1:
            return choose([_parse_all(part, depth + 1) for part in parts])
    if tokens[0].text == "await":
        return Expression("await", base=_parse_all(tokens[1:], depth + 1))
    return _parse_chain(tokens, depth)


def split(tokens: list[_Token], separators: set[str]) -> list[list[_Token]]:
    """Return the pieces of `tokens` between those of `separators` that are in no brackets."""
    pieces: list[list[_Token]] = [[]]
    level = 0
    for token in tokens:
        if token.kind == "mark" and token.text in _OPEN:
            level += 1
        elif token.kind == "mark" and token.text in ")]}":
            level -= 1
        before = pieces[-1][-1].text if pieces[-1] else ""  # `a.or` is a member
        if level == 0 and token.kind != "string" and token.text in separators and before != ".":
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def choose(parts: list[Expression]) -> Expression:
    """Return the choice between `parts`; without a choice, the one that is known."""
    flat = [inner for part in parts for inner in (part.parts if part.kind == "choice" else (part,))]
    known = tuple(dict.fromkeys(part for part in flat if part.kind != "unknown"))
    if not known:
        return UNKNOWN
    return known[0] if len(known) == 1 else Expression("choice", parts=known)


def _find_end(tokens: list[_Token], at: int) -> int:
    """Return the number of the token that closes the bracket at `at`; the number of tokens if none does."""
    level = 0
    for number in range(at, len(tokens)):
        token = tokens[number]
        if token.kind != "mark":
            continue
        if token.text in _OPEN:
            level += 1
        elif token.text in ")]}":
            level -= 1
            if level == 0:
                return number
    return len(tokens)


def _parse_chain(tokens: list[_Token], depth: int) -> Expression:
    """Return the name or literal at the start of `tokens`, with the members, calls and indexes that follow it."""
    if tokens[0].kind == "mark" and tokens[0].text in _PREFIXES:
        return _parse_all(tokens[1:], depth + 1)
    found, at = _parse_atom(tokens, depth)
    while at < len(tokens) and found.kind != "unknown":
        token = tokens[at]
        if token.text == "." and at + 1 < len(tokens) and tokens[at + 1].kind in {"word", "field"}:
            found = Expression("member", tokens[at + 1].text, found)
            at += 2
        elif token.kind == "mark" and token.text in _AFTER:
            end = _find_end(tokens, at)
            inside = _parse_list(tokens[at + 1 : end], depth)
            found = Expression("call" if token.text == "(" else "index", base=found, parts=inside)
            at = end + 1
        elif token.text == "?":
            found, at = Expression("try", base=found), at + 1
        else:
            return UNKNOWN  # an operator: its result is not known
    return found


def _parse_atom(tokens: list[_Token], depth: int) -> tuple[Expression, int]:
    """Return the name, literal or brackets at the start of `tokens`, and the number of the token after it."""
    first = tokens[0]
    if first.kind == "string":
        strings = next((number for number, each in enumerate(tokens) if each.kind != "string"), len(tokens))
        return Expression("literal", "str", parts=(Expression("name", _strip_quotes(first.text)),)), strings
    if first.kind == "number":
        return Expression("literal", "float" if "." in first.text else "int"), 1
    if first.kind == "word":
        if first.text == "not":
            return Expression("literal", "bool"), len(tokens)
        return (UNKNOWN if first.text in _NO_NAMES else Expression("name", first.text)), 1
    if first.text in _OPEN:
        end = _find_end(tokens, 0)
        return _parse_brackets(first.text, tokens[1:end], depth), end + 1
    return UNKNOWN, 1


def _strip_quotes(text: str) -> str:
    """Return the content of a string literal."""
    body = text.lstrip("bBrRuUfF")
    return body[3:-3] if body[:3] in {'"""', "'''"} else body[1:-1]


def _parse_brackets(opening: str, inside: list[_Token], depth: int) -> Expression:
    """Return the expression in brackets: what is in parentheses, or a literal with its elements."""
    if len(parts := split(inside, {"for", "async"})) > 1:
        element = _parse_all(parts[0], depth + 1) if opening != "{" else UNKNOWN
        return Expression("literal", "list" if opening != "{" else "dict", parts=(element,))
    pieces = [piece for piece in split(inside, {","}) if piece]
    if opening == "(" and len(pieces) == 1 and not (inside and inside[-1].text == ","):
        return _parse_all(inside, depth + 1)
    if opening == "{":
        keyed = [split(piece, {":"}) for piece in pieces[:3]]
        if keyed and len(keyed[0]) > 1:
            values = [_parse_all(piece[1], depth + 1) for piece in keyed if len(piece) > 1]
            return Expression("literal", "dict", parts=(UNKNOWN, choose(values)))
        return Expression("literal", "set" if pieces else "dict", parts=_parse_list(inside, depth)[:3])
    kind = "tuple" if opening == "(" else "list"
    return Expression("literal", kind, parts=_parse_list(inside, depth)[:MOST_PARTS])


def _parse_list(tokens: list[_Token], depth: int) -> tuple[Expression, ...]:
    """Return the expressions that commas separate; a named argument is `UNKNOWN`."""
    return tuple(_parse_all(piece, depth + 1) for piece in split(tokens, {","}) if piece)

"""Placeholders in a chat model's code ("# ... existing code ..."), and the code that they stand for.

Placeholders stand for code of the rewritten piece, or for code around it where the model repeats the class of the
piece. Nothing is filled in unless it is certain. Start at `fill` and `find_first`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agents.tasks.rewriting.placeholder_words import says_unchanged

if TYPE_CHECKING:
    from collections.abc import Sequence


_COMMENT = re.compile(
    r"""(?x) \s* (?: (?:\#|//|--|;+|%|"{3}|'{3}) \s* (?P<line>.*?) (?:"{3}|'{3})?
    | \{? /\*+ (?P<block>.*?) \*/ \}? | <!-- (?P<markup>.*?) --> | \(\* (?P<star>.*?) \*\) ) \s* \Z"""
)
_BARE = re.compile(r"\s*(?:\.{3}|…)\s*[;,]?\s*\Z")
_STUB = re.compile(r"\s*(?:pass|\.{3}|…|return|\{\s*\}|;)\s*;?\s*(?P<comment>(?:#|//|--|/\*).*)")
_KINDS = (
    "code|methods?|functions?|members?|implementations?|logic|imports?|fields?|properties|lines?|content|definitions?"
    "|class(?:es)?|body|parts?|cases?|stuff"
)
_WHOLES = (
    "the|this|your|my|existing|original|it|code|class|file|function|method|methods|functions|module|body|implementation"
    "|program|struct|component|script|document|logic|stuff|imports|definitions|members|fields|query|page|template|table|list|dict|object|config|test|tests|suite"
)
_UNCHANGED = re.compile(
    r"(?i)\W?(?:and\s+)?(?:"
    rf"(?:(?:the|your|all|any)\s+)*(?:existing|previous|original|other|remaining|unchanged|current|same)"
    rf"\s+(?:\w+\s+)?(?:{_KINDS})\b"
    rf"|(?:(?:the|all)\s+)?(?:rest|remainder)\b(?:\s+of)?(?:\s+(?:{_WHOLES})\b)*"
    r"|unchanged\b|no\s+changes?\b|same\s+as\s+(?:before|above|original)\b|omitted\b|snip(?:ped)?\b|as\s+before\b"
    r"|(?:keep|leave)\s+(?:\w+\s+){0,4}?(?:as\s+(?:is|it\s+is|they\s+are)|unchanged)\b"
    r"|etc\b|(?:your|my)\s+(?:other\s+|own\s+)?(?:code|logic|implementation|methods?)\s+(?:goes\s+|go\s+)?here\b"
    r"|(?:\w+\s+)?code\s+(?:continues|unchanged|omitted|goes\s+here)\b)"
)
# Comments that consist of these words are placeholders, in any order.
_SUFFICIENT = frozenset({"unchanged", "omitted", "snip", "snipped", "etc"})
_ELIDING = _SUFFICIENT | frozenset(
    {
        *("existing", "remaining", "remainder", "remain", "remains", "stay", "stays", "same", "as"),
        *("changes", "brevity", "above", "on"),
    }
)
_ELIDED = _ELIDING | frozenset(
    {
        *(
            "the",
            "of",
            "this",
            "that",
            "your",
            "my",
            "all",
            "any",
            "other",
            "and",
            "so",
            "for",
            "with",
            "from",
            "in",
            "to",
        ),
        *("is", "are", "was", "were", "it", "they", "not", "no", "shown", "made", "needed", "here", "before", "below"),
        *("keep", "keeps", "leave", "continue", "continues", "goes", "go", "todo", "rest", "previous", "original"),
        *("code", "function", "functions", "method", "methods", "class", "classes", "body", "implementation", "part"),
        *(
            "implementations",
            "logic",
            "file",
            "content",
            "docstring",
            "imports",
            "fields",
            "members",
            "columns",
            "lines",
        ),
    }
)
_TODO = re.compile(r"(?i)(?:todo|note)\s*:\s*")
_MARKS = " \t[](){}<>\uff08\uff09\u3010\u3011"
_UNCHANGED_REST = frozenset(
    {
        *(
            "here",
            "remain",
            "remains",
            "stay",
            "stays",
            "staying",
            "is",
            "are",
            "unchanged",
            "the",
            "same",
            "as",
            "before",
        ),
        *(
            "above",
            "below",
            "omitted",
            "go",
            "goes",
            "continue",
            "continues",
            "not",
            "shown",
            "for",
            "brevity",
            "clarity",
        ),
        *("to", "no", "change", "changes", "needed", "it", "they", "of", "and"),
    }
)


def is_placeholder(line: str) -> bool:
    """Return whether a line stands for omitted code: dots, or a comment that says so, also one after a `pass`."""
    if _BARE.match(line):
        return True
    if (stub := _STUB.match(line)) is not None:
        return is_placeholder(stub["comment"])
    found = _COMMENT.match(line)
    if found is None:
        return False
    said = next((one for one in found.groups() if one is not None), "").strip()
    said = _TODO.sub("", said).strip(_MARKS)
    dotted = said.startswith(("...", "…"))
    words = said.strip(" .…-=*")
    return dotted or _says_unchanged_in_english(words) or says_unchanged(words)


def _says_unchanged_in_english(words: str) -> bool:
    """Return whether the English words of a comment say only that code is unchanged."""
    said = [one.lower() for one in re.findall(r"\w+", words)]
    if said and _ELIDING.intersection(said) and _ELIDED.issuperset(said) and (len(said) > 1 or said[0] in _SUFFICIENT):
        return True
    head = _UNCHANGED.match(words)
    return head is not None and all(one.lower() in _UNCHANGED_REST for one in re.findall(r"\w+", words[head.end() :]))


def find_first(lines: Sequence[str], held: str) -> str:
    """Return the first placeholder among `lines` that does not occur in the text `held`, "" for none."""
    known = {line.strip() for line in held.splitlines()}
    return next((line.strip() for line in lines if line.strip() not in known and _stands_for_code(line, lines)), "")


def fill(lines: Sequence[str], piece: str) -> list[str] | None:
    """Return `lines` with each placeholder replaced by the lines of `piece` that it stands for; None if one is unclear.

    Args:
        lines: the new code, indented like the document.
        piece: the code that it replaces.
    """
    old = piece.splitlines()
    known = {line.strip() for line in old}
    made: list[str] = []
    for at, line in enumerate(lines):
        if line.strip() in known or not _stands_for_code(line, lines):
            made.append(line)
            continue
        between = _find_between(made, lines[at + 1 :], old)
        if between is None or not _is_as_deep(between, line):
            return None
        made += between
    return made


def _stands_for_code(line: str, lines: Sequence[str]) -> bool:
    """Return whether `line`, one of `lines`, is a placeholder; bare dots are not if no other line is as deep."""
    if not is_placeholder(line):
        return False
    return (
        not _BARE.match(line)
        or sum(_measure_indentation(one) >= _measure_indentation(line) for one in lines if one.strip()) > 1
    )


def _find_between(above: Sequence[str], below: Sequence[str], old: Sequence[str]) -> list[str] | None:
    """Return the lines of `old` between its copies of the last line above and the first line below a placeholder.

    Returns None if one of these is missing in `old` or occurs several times. Without a line below, the end of `old` is
    taken.
    """
    start = next((line for line in reversed(above) if line.strip()), None)
    end = next((line for line in below if line.strip()), None)
    first = _find_only(start, old) if start is not None else None
    last = _find_only(end, old) if end is not None else len(old)
    if first is None or last is None or last <= first:
        return None
    return list(old[first + 1 : last])


def _find_only(line: str, old: Sequence[str]) -> int | None:
    """Return the index of the only line of `old` that equals `line`; None if there is no such line or several."""
    places = [at for at, one in enumerate(old) if one.rstrip() == line.rstrip()]
    return places[0] if len(places) == 1 else None


def _is_as_deep(between: Sequence[str], placeholder: str) -> bool:
    """Return whether the first line of `between` is indented like the placeholder."""
    first = next((line for line in between if line.strip()), None)
    return first is not None and _measure_indentation(first) == _measure_indentation(placeholder)


def _measure_indentation(line: str) -> int:
    """Return the number of white-space characters that a line begins with."""
    return len(line) - len(line.lstrip())

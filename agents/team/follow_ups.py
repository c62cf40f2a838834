"""Follow-up requests ("go on", "weiter", "продолжай"): short words without a subject of their own.

They are told by their form and by the last answer, not by words of one language. Start at `is_follow_up`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_WORDS = 2
"""Words of a follow-up on an answer that asks nothing."""

MOST_LETTERS_OF_THREE = 7
"""Letters of three words ("yes do it") that are a follow-up on such an answer, too."""

MOST_WORDS_OF_REPLY = 5
"""Words of a reply to a question at the end of the last answer."""

_LONGEST = 60
_END = 300
"""Characters at the end of an answer in which a question may stand."""

_LEAST_SUBJECT = 4
"""Letters of a word that may be a subject, and of its stem."""

_PLAIN = re.compile(r"(?:[^\W\d_]|[\s,.!;:…'’，。！、—-])+")  # noqa: RUF001 (Chinese punctuation)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # noqa: RUF001 (an apostrophe)
_CODE = re.compile(r"[^\W\d_][.:][^\W\d_]|[a-z][A-Z]")
_ASKED = re.compile(r"[?？؟]")  # noqa: RUF001 (Chinese and Arabic question marks)
_WITHOUT_SPACES = re.compile(r"[\u0e00-\u0eff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")


def is_follow_up(request: str, answer: str, roles: Iterable[str]) -> bool:
    """Return whether `request` only goes on with the last `answer`, and names no subject of its own.

    A question, code, a number, a word like the name of one of the `roles`, and a word of the answer are subjects; in a
    reply to a question at the end of the answer, its words are none.
    """
    text = request.strip()
    if len(text) > _LONGEST or not _PLAIN.fullmatch(text) or _CODE.search(text):
        return False
    words = [one.casefold() for one in _WORD.findall(text)]
    stems = {part[:_LEAST_SUBJECT] for name in roles for part in name.split("_") if len(part) >= _LEAST_SUBJECT}
    long_words = [one for one in words if len(one) >= _LEAST_SUBJECT]
    if not words or any(one[:_LEAST_SUBJECT] in stems for one in long_words):
        return False
    count = sum(map(_count_words, words))
    if _ASKED.search(answer[-_END:]):
        return count <= MOST_WORDS_OF_REPLY
    if not set(long_words).isdisjoint(one.casefold() for one in _WORD.findall(answer)):
        return False
    return count <= MOST_WORDS or (count == MOST_WORDS + 1 and sum(map(len, words)) <= MOST_LETTERS_OF_THREE)


def _count_words(word: str) -> int:
    """Return 1, or about the number of words in a `word` of a script that puts no spaces between them."""
    return (len(word) + 1) // 2 if _WITHOUT_SPACES.search(word) else 1

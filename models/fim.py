"""Lays a request out in a model's own fill-in-the-middle format, within its window.

Parts, in this order, so that what stays the same from key to key comes first and its KV state can be reused:
stable snippets, volatile snippets, the asking file's path, then prefix and suffix in the model's layout. Each part is
cut to its share, at line starts where possible; markers are whole tokens and are never cut. Knows nothing of weights.
Start at `lay_out`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.tokenizer import Encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from models.catalog.catalog import ModelEntry
    from models.completion import FillRequest, Snippet
    from models.tokenizer import Tokenizer

# Text is cut to this many characters a token before it is encoded: code has 3 to 4, so a 2 MB file costs no more than
# its window. Where tokens are longer (deep indentation), twice as much is tried.
CHARACTERS_PER_TOKEN = 6
WIDENINGS = 3

# While a person types on, the prompt's head must stay as it is, so that its KV state and its tokens are met again. So
# the prefix begins at the first line start behind a multiple of a step (a sixteenth of the window or so), and what
# counts as settled ends behind a multiple of another, some way before the cursor.
CUT_STEPS = 16
SETTLED_STEP = 192
UNSETTLED_CHARACTERS = 24
# A large model's prompt is read in a second, not in milliseconds. So its prefix begins where it did for longer, at
# multiples of a character a token (a third of it or so), and all before the cursor's line is settled: while a person
# types on in a line only that line and the suffix are read.
LARGE_CUT_CHARACTERS = 1
# A shorter prompt has no room for other files.
LEAST_WITH_SNIPPETS = 512
# Every tokenizer of this family begins a token at the single space before a word.
WORD_START = re.compile(r"(?<=\S)(?= \S)")
# Letters and spaces, which the next character may lengthen within one token. A tiny model hardly ever saw such a token
# cut in two, so the prompt ends before it and the answer begins with it. Exact rests of lines in attrs, httpx, rich and
# tornado, without and with: inside a word 5 and 18 %, between tokens, often behind a space, 19 and 27 %.
BEGUN = {
    ("words", "spaces"): re.compile(r"(?:[^\W\d_]+|[ \t]+)\Z"),
    ("words",): re.compile(r"[^\W\d_]+\Z"),
    ("spaces",): re.compile(r"[ \t]+\Z"),
}
# More tokens than this are not taken back: nobody has a word of so many.
MOST_TAKEN_BACK = 6

# A cut back to a line boundary may cost at most this share of a part.
MOST_GIVEN_UP = 0.5
# The asking file's path gets at most this share of the window.
PATH_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model reads.

    Attributes:
        tokens: the whole prompt, markers included.
        settled: how many tokens at its head will stand unchanged when the person types on.
        max_tokens: how many tokens the answer may have, those that say `again` included.
        again: the end of the prefix that `tokens` leave out, a word or spaces that may go on: the answer begins so.
    """

    tokens: tuple[str, ...]
    settled: int
    max_tokens: int
    again: str = ""


def lay_out(
    request: FillRequest, entry: ModelEntry, tokenizer: Tokenizer, most_tokens: int = 0, most_behind: int = 0
) -> Prompt:
    """Make the prompt of `request` for the model of `entry`; prompt and answer never exceed its window.

    Args:
        request: what to complete.
        entry: the model.
        tokenizer: the model's.
        most_tokens: most tokens of the prompt, markers apart; 0 for as many as the window holds.
        most_behind: most tokens of the suffix; 0 for its share.
    """
    fim = entry.fim
    max_tokens = max(1, min(request.max_tokens, entry.context_tokens // 2))
    begin = (fim.begin,) if fim.begin else ()
    window = entry.context_tokens - max_tokens - 3 - len(begin)  # prefix, suffix and middle marker
    window = min(window, most_tokens) if most_tokens else window
    snippets = request.snippets if window >= LEAST_WITH_SNIPPETS or not entry.large else ()
    named = request.path if fim.path_place != "none" else ""
    path = _path_tokens(named, fim.file, int(window * PATH_SHARE), tokenizer)
    window -= len(path)

    stable = _snippet_tokens(_steady(snippets), fim.file, int(window * entry.shares.stable), tokenizer)
    volatile = _snippet_tokens(_moving(snippets), fim.file, int(window * entry.shares.volatile), tokenizer)
    context = [*stable, *volatile]
    behind = min(int(window * entry.shares.suffix), window - len(context), most_behind or window)
    suffix = _head(request.suffix, behind, tokenizer)
    before = window - len(context) - (behind if entry.large else len(suffix.tokens))  # moves with no suffix's length
    prefix, settled = _tail(request.prefix, before, tokenizer, large=entry.large)

    begun = _count_begun(prefix[settled:], BEGUN.get(tuple(sorted(entry.healing, reverse=True))), tokenizer)
    again = tokenizer.bytes_of(prefix[len(prefix) - begun :]).decode() if begun else ""
    prefix = prefix[: len(prefix) - begun]

    head = [*path] if fim.path_place == "first" else []
    inner = [] if fim.path_place == "first" else [*path]
    context = [*begin, *context]
    if fim.layouts[0] == "psm":
        opening = [*context, *head, fim.prefix, *inner]
        closing = [fim.suffix, *suffix.tokens, fim.middle]
    elif fim.layouts[0] == "suffix_first":
        opening = [*context, *head, fim.suffix, *suffix.tokens, fim.prefix, *inner]
        closing = [fim.middle]
    else:
        opening = [*context, *head, fim.prefix, fim.suffix, *suffix.tokens, fim.middle, *inner]
        closing = []
    settled = len(opening) + settled if settled else len(context)
    return Prompt((*opening, *prefix, *closing), settled, max_tokens, again)


def _count_begun(tokens: Sequence[str], begun: re.Pattern[str] | None, tokenizer: Tokenizer) -> int:
    """Return how many of the last `tokens` hold what is `begun` and may go on."""
    if begun is None or not tokenizer.by_bytes:
        return 0
    found = length = 0
    for count in range(1, min(len(tokens), MOST_TAKEN_BACK) + 1):
        try:
            text = tokenizer.bytes_of(tokens[len(tokens) - count :]).decode()
        except UnicodeDecodeError:  # it begins inside a character
            continue
        match = begun.search(text)
        if match is None or len(match[0]) == length:
            break
        found, length = count, len(match[0])
        if match.start():
            break
    return found


def _tail(text: str, budget: int, tokenizer: Tokenizer, *, large: bool) -> tuple[tuple[str, ...], int]:
    """Return the end of `text` in at most `budget` tokens, and how many of them are settled."""
    if budget <= 0 or not text:
        return (), 0
    before = _Before(text, text.rfind("\n") + 1 if large else _settled_end(text), tokenizer)
    step = budget * LARGE_CUT_CHARACTERS if large else max(1, budget * CHARACTERS_PER_TOKEN // CUT_STEPS)
    size = budget * CHARACTERS_PER_TOKEN
    for _ in range(WIDENINGS):
        start = max(0, len(text) - size) // step * step
        encoded, settled = before.encode(start)
        if start == 0 or len(encoded.tokens) > budget:
            break
        size *= 2
    if len(encoded.tokens) <= budget:
        return encoded.tokens, settled
    return before.fit(start + encoded.ends[-budget - 1], budget, step)


def _settled_end(text: str) -> int:
    """Where the part ends that keeps its tokens whatever is typed next; 0 for none."""
    end = max(0, len(text) - UNSETTLED_CHARACTERS) // SETTLED_STEP * SETTLED_STEP
    least = max(0, end - 2 * SETTLED_STEP)
    places = [least + match.start() for match in WORD_START.finditer(text[least:end])]
    return places[-1] if places else 0


@dataclass(frozen=True, slots=True)
class _Before:
    """The text before the cursor, encoded as a settled head (remembered by the tokenizer) and a short tail."""

    text: str
    settled_end: int
    tokenizer: Tokenizer

    def encode(self, start: int) -> tuple[Encoded, int]:
        """Tokens from `start` on, and how many are settled."""
        if self.settled_end <= start:
            return self.tokenizer.encode(self.text[start:]), 0
        head = self.tokenizer.encode(self.text[start : self.settled_end])
        tail = self.tokenizer.encode(self.text[self.settled_end :])
        shift = self.settled_end - start
        ends = (*head.ends, *(end + shift for end in tail.ends))
        return Encoded((*head.tokens, *tail.tokens), ends), len(head.tokens)

    def fit(self, earliest: int, budget: int, step: int) -> tuple[tuple[str, ...], int]:
        """At most `budget` tokens from `earliest` or later: from the first line start behind a multiple of `step`."""
        text = self.text
        latest = len(text) - int((len(text) - earliest) * MOST_GIVEN_UP)
        for mark in range(-(-earliest // step) * step, latest, step):
            line_start = text.find("\n", max(0, mark - 1), latest) + 1
            if not line_start:
                break
            encoded, settled = self.encode(line_start)
            if len(encoded.tokens) <= budget:
                return encoded.tokens, settled
        # No line ends in reach (minified code, a tiny window): cut between tokens.
        encoded = self.tokenizer.encode(text[earliest:])
        while len(encoded.tokens) > budget:
            earliest += max(1, encoded.ends[len(encoded.tokens) - budget - 1])
            encoded = self.tokenizer.encode(text[earliest:])
        return encoded.tokens, 0


def _head(text: str, budget: int, tokenizer: Tokenizer) -> Encoded:
    """The beginning of `text` in at most `budget` tokens, up to the end of a line where that costs little."""
    if budget <= 0 or not text:
        return Encoded((), ())
    piece = text[: budget * CHARACTERS_PER_TOKEN]
    encoded = tokenizer.encode(piece)
    if len(encoded.tokens) <= budget and len(piece) == len(text):
        return encoded
    end = encoded.ends[min(budget, len(encoded.tokens)) - 1]
    line_end = piece.rfind("\n", int(end * (1 - MOST_GIVEN_UP)), end) + 1
    encoded = tokenizer.encode(piece[: line_end or end])
    while len(encoded.tokens) > budget:
        encoded = tokenizer.encode(piece[: encoded.ends[budget - 1]])
    return encoded


def _steady(snippets: Sequence[Snippet]) -> Iterable[Snippet]:
    return (snippet for snippet in snippets if snippet.stable)


def _moving(snippets: Sequence[Snippet]) -> Iterable[Snippet]:
    return (snippet for snippet in snippets if not snippet.stable)


def _snippet_tokens(snippets: Iterable[Snippet], marker: str, budget: int, tokenizer: Tokenizer) -> list[str]:
    """The most useful snippets that fit, whole lines, laid out by path so that a change of rank changes nothing."""
    chosen: list[tuple[tuple[str, str], list[str]]] = []
    for snippet in snippets:
        title = _path_tokens(snippet.path, marker, budget // 4, tokenizer)
        body = _head(snippet.text.rstrip("\n") + "\n", budget - len(title), tokenizer).tokens
        if not body:
            break
        chosen.append(((snippet.path, snippet.text), [*title, *body]))
        budget -= len(title) + len(body)
    return [token for _, tokens in sorted(chosen, key=lambda item: item[0]) for token in tokens]


def _path_tokens(path: str, marker: str, budget: int, tokenizer: Tokenizer) -> list[str]:
    """`<marker>path` and a newline; the path loses folders from the left when it is too long."""
    if not path or not marker or budget <= 0:
        return []
    path = path.replace("\n", " ")
    while path:
        tokens = [marker, *tokenizer.encode(path + "\n").tokens]
        if len(tokens) <= budget:
            return tokens
        path = path.partition("/")[2]
    return []

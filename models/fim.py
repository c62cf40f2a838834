"""Layout of a completion request as a prompt in the model's fill-in-the-middle format, within the model's window.

The parts in their order, which keeps the head of the prompt the same from key to key so that its KV state can be
reused: stable snippets, volatile snippets, the path of the file being completed, then prefix and suffix in the model's
layout. Each part is cut to its share, at line starts where possible; markers are whole tokens and are never cut. Knows
nothing of weights. Start at `lay_out`.
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

# Text is cut to this many characters per token of its budget before it is encoded, so that a 2 MB file costs no more
# than the window. Code has 3 to 4; if the tokens turn out to be longer (deep indentation), the cut doubles, twice.
CHARACTERS_PER_TOKEN = 6
WIDENINGS = 3

# While a person types on, the head of the prompt must not change: its KV state and its tokens are cached. So the prefix
# begins at the first line start after a multiple of a step (about a sixteenth of the window), and the settled part,
# which typing does not change, ends after a multiple of another step, some characters before the cursor.
CUT_STEPS = 16
SETTLED_STEP = 192
UNSETTLED_CHARACTERS = 24
# A large model reads its prompt in a second, not in milliseconds. So the start of its prefix moves in larger steps, of
# one character per token of the budget, and everything before the cursor's line is settled: while a person types in
# one line, only that line and the suffix are read again.
LARGE_CUT_CHARACTERS = 1
# The prompt of a large model gets no snippets of other files if it is shorter, in tokens.
LEAST_WITH_SNIPPETS = 512
# The tokenizers of these models begin a token at the single space before a word.
WORD_START = re.compile(r"(?<=\S)(?= \S)")
# Token healing: the end of the prefix, a partial word or spaces, may be the beginning of a longer token. A tiny model
# hardly ever saw such a token cut in two, so the prompt ends before it and the answer begins with it. Rests of lines
# completed exactly in attrs, httpx, rich and tornado, without and with: in a word 5 and 18 %, between tokens, often
# after a space, 19 and 27 %.
UNFINISHED = {
    ("words", "spaces"): re.compile(r"(?:[^\W\d_]+|[ \t]+)\Z"),
    ("words",): re.compile(r"[^\W\d_]+\Z"),
    ("spaces",): re.compile(r"[ \t]+\Z"),
}
# Most tokens removed from the end of the prompt for token healing; words are shorter.
MOST_TAKEN_BACK = 6

# A cut at a line boundary may lose at most this share of a part.
MOST_CUT_SHARE = 0.5
# The path of the file being completed gets at most this share of the window.
PATH_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as the model reads it.

    Attributes:
        tokens: the whole prompt, markers included.
        settled: how many tokens at its head stay the same when the person types on.
        max_tokens: most tokens of the answer, those of `forced_start` included.
        forced_start: text that the answer must begin with: the end of the prefix (a partial word, spaces) that `tokens`
            leave out.
    """

    tokens: tuple[str, ...]
    settled: int
    max_tokens: int
    forced_start: str = ""


def lay_out(
    request: FillRequest, entry: ModelEntry, tokenizer: Tokenizer, most_tokens: int = 0, most_suffix_tokens: int = 0
) -> Prompt:
    """Return the prompt of `request` for the model of `entry`; prompt and answer together never exceed its window.

    Args:
        request: what to complete.
        entry: the model.
        tokenizer: the model's tokenizer.
        most_tokens: most tokens of the prompt without markers; 0 for as many as the window holds.
        most_suffix_tokens: most tokens of the suffix; 0 for its share of the window.
    """
    fim = entry.fim
    max_tokens = max(1, min(request.max_tokens, entry.context_tokens // 2))
    begin = (fim.begin,) if fim.begin else ()
    window = entry.context_tokens - max_tokens - 3 - len(begin)  # prefix, suffix and middle marker
    window = min(window, most_tokens) if most_tokens else window
    snippets = request.snippets if window >= LEAST_WITH_SNIPPETS or not entry.large else ()
    named = request.path if fim.path_place != "none" else ""
    path = _encode_path(named, fim.file, int(window * PATH_SHARE), tokenizer)
    window -= len(path)

    stable = _encode_snippets(_select_stable(snippets), fim.file, int(window * entry.shares.stable), tokenizer)
    volatile = _encode_snippets(_select_volatile(snippets), fim.file, int(window * entry.shares.volatile), tokenizer)
    context = [*stable, *volatile]
    behind = min(int(window * entry.shares.suffix), window - len(context), most_suffix_tokens or window)
    suffix = _encode_start(request.suffix, behind, tokenizer)
    before = window - len(context) - (behind if entry.large else len(suffix.tokens))  # large: the same for any suffix
    prefix, settled = _encode_end(request.prefix, before, tokenizer, large=entry.large)

    pattern = UNFINISHED.get(tuple(sorted(entry.healing, reverse=True)))
    removed = _count_unfinished(prefix[settled:], pattern, tokenizer)
    forced_start = tokenizer.join_bytes(prefix[len(prefix) - removed :]).decode() if removed else ""
    prefix = prefix[: len(prefix) - removed]

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
    return Prompt((*opening, *prefix, *closing), settled, max_tokens, forced_start)


def _count_unfinished(tokens: Sequence[str], unfinished: re.Pattern[str] | None, tokenizer: Tokenizer) -> int:
    """Return how many of the last `tokens` form a partial word or spaces, as the pattern `unfinished` matches them.

    At most `MOST_TAKEN_BACK`; 0 without a pattern (no token healing) and for tokens that are not byte-level.
    """
    if unfinished is None or not tokenizer.is_byte_level:
        return 0
    found = length = 0
    for count in range(1, min(len(tokens), MOST_TAKEN_BACK) + 1):
        try:
            text = tokenizer.join_bytes(tokens[len(tokens) - count :]).decode()
        except UnicodeDecodeError:  # it begins inside a character
            continue
        match = unfinished.search(text)
        if match is None or len(match[0]) == length:
            break
        found, length = count, len(match[0])
        if match.start():
            break
    return found


def _encode_end(text: str, budget: int, tokenizer: Tokenizer, *, large: bool) -> tuple[tuple[str, ...], int]:
    """Return the tokens of the end of `text`, at most `budget`, and how many of them are settled (see `Prompt`)."""
    if budget <= 0 or not text:
        return (), 0
    before = _PrefixEncoder(text, text.rfind("\n") + 1 if large else _find_settled_end(text), tokenizer)
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


def _find_settled_end(text: str) -> int:
    """Return the offset in `text` up to which typing on does not change its tokens; 0 if there is none."""
    end = max(0, len(text) - UNSETTLED_CHARACTERS) // SETTLED_STEP * SETTLED_STEP
    least = max(0, end - 2 * SETTLED_STEP)
    places = [least + match.start() for match in WORD_START.finditer(text[least:end])]
    return places[-1] if places else 0


@dataclass(frozen=True, slots=True)
class _PrefixEncoder:
    """Encoder of a prefix in two parts: a settled head, which the tokenizer caches, and a short tail."""

    text: str
    settled_end: int
    tokenizer: Tokenizer

    def encode(self, start: int) -> tuple[Encoded, int]:
        """Return the tokens of the text from offset `start` on, and how many of them are settled."""
        if self.settled_end <= start:
            return self.tokenizer.encode(self.text[start:]), 0
        head = self.tokenizer.encode(self.text[start : self.settled_end])
        tail = self.tokenizer.encode(self.text[self.settled_end :])
        shift = self.settled_end - start
        ends = (*head.ends, *(end + shift for end in tail.ends))
        return Encoded((*head.tokens, *tail.tokens), ends), len(head.tokens)

    def fit(self, earliest: int, budget: int, step: int) -> tuple[tuple[str, ...], int]:
        """Return at most `budget` tokens of the end of the text, and how many of them are settled.

        They begin at or after the offset `earliest`, at the first line start after a multiple of `step` characters from
        which they fit; without such a line start, between two tokens.
        """
        text = self.text
        latest = len(text) - int((len(text) - earliest) * MOST_CUT_SHARE)
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


def _encode_start(text: str, budget: int, tokenizer: Tokenizer) -> Encoded:
    """Return the tokens of the start of `text`, at most `budget`; cut after a line if that loses little."""
    if budget <= 0 or not text:
        return Encoded((), ())
    piece = text[: budget * CHARACTERS_PER_TOKEN]
    encoded = tokenizer.encode(piece)
    if len(encoded.tokens) <= budget and len(piece) == len(text):
        return encoded
    end = encoded.ends[min(budget, len(encoded.tokens)) - 1]
    line_end = piece.rfind("\n", int(end * (1 - MOST_CUT_SHARE)), end) + 1
    encoded = tokenizer.encode(piece[: line_end or end])
    while len(encoded.tokens) > budget:
        encoded = tokenizer.encode(piece[: encoded.ends[budget - 1]])
    return encoded


def _select_stable(snippets: Sequence[Snippet]) -> Iterable[Snippet]:
    return (snippet for snippet in snippets if snippet.stable)


def _select_volatile(snippets: Sequence[Snippet]) -> Iterable[Snippet]:
    return (snippet for snippet in snippets if not snippet.stable)


def _encode_snippets(snippets: Iterable[Snippet], marker: str, budget: int, tokenizer: Tokenizer) -> list[str]:
    """Return the tokens of the first snippets that fit `budget`; the last of them may be cut at a line end.

    The snippets are sorted by path, so that a changed ranking of the same snippets does not change the prompt.
    """
    chosen: list[tuple[tuple[str, str], list[str]]] = []
    for snippet in snippets:
        title = _encode_path(snippet.path, marker, budget // 4, tokenizer)
        body = _encode_start(snippet.text.rstrip("\n") + "\n", budget - len(title), tokenizer).tokens
        if not body:
            break
        chosen.append(((snippet.path, snippet.text), [*title, *body]))
        budget -= len(title) + len(body)
    return [token for _, tokens in sorted(chosen, key=lambda item: item[0]) for token in tokens]


def _encode_path(path: str, marker: str, budget: int, tokenizer: Tokenizer) -> list[str]:
    """Return the tokens of `marker`, `path` and a newline; leading folders are dropped until they fit `budget`.

    Return [] if not even the file's name fits, or if `path` or `marker` is "".
    """
    if not path or not marker or budget <= 0:
        return []
    path = path.replace("\n", " ")
    while path:
        tokens = [marker, *tokenizer.encode(path + "\n").tokens]
        if len(tokens) <= budget:
            return tokens
        path = path.partition("/")[2]
    return []

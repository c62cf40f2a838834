"""A filter that makes a model's Markdown inert: no viewer fetches, follows or runs anything in it.

Images, links, HTML and formulas become plain text; addresses become code, which is readable but no link. Text in a
top-level fence, or in a code span on one line, stays as it is. Works on a stream: text that a later piece may turn into
part of something else is held back. Where viewers may disagree about what is code, nothing counts as code. Start at
`InertFilter`.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r(?!\Z))")
_FENCE = re.compile(r"( {0,3})(?:(`{3,})[^`]*|(~{3,}).*)\Z", re.DOTALL)
_FENCE_START = re.compile(r" {0,3}(?:`*|~*)\Z")
_FRONT_MATTER = re.compile(r"(?:---|\+\+\+)\s*\Z")
_FRONT_MATTER_START = re.compile(r"[\s+-]*\Z")
_TICKS = re.compile(r"`+")
_WORD = re.compile(r"[^\s`]+")
_SPACE = re.compile(r"\s+")
ADDRESS_SHOWN = "(address)"
_LONGEST_HELD = 4000  # characters of an unfinished word or code span that are held back
# A scheme or host that viewers link; also searched for without the backslashes and marks that can hide it.
_SCHEMES = r"\bwww\.|\b(?:mailto|command|file|data|javascript|vscode[\w-]*|tel|sms|xmpp):\S"
_ADDRESS = re.compile(rf"//\S|{_SCHEMES}", re.IGNORECASE)
_LINKED = re.compile(rf"://|{_SCHEMES}", re.IGNORECASE)
_HIDING = re.compile(r"[\\*_~]|&#?\w+;?")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
_LINK = re.compile(r"\](?=[(:\[])")
_FORMULA = re.compile(r"(?<!\\)((?:\\\\)*)\$")


def make_inert(text: str) -> str:
    """Return a model's whole Markdown text made inert, so that a viewer fetches, follows and runs nothing in it."""
    filtering = InertFilter()
    return filtering.feed(text) + filtering.finish()


def hide_addresses(text: str) -> str:
    """Return `text` with "(address)" in place of each word with an address, for viewers that link plain addresses."""
    return " ".join(ADDRESS_SHOWN if _has_match(_LINKED, word) else word for word in text.split(" "))


def _has_match(pattern: re.Pattern[str], word: str) -> bool:
    """Return whether `pattern` matches in `word`, or in `word` without the marks and escapes that viewers drop."""
    return bool(pattern.search(word) or pattern.search(_HIDING.sub("", word)))


class InertFilter:
    """A filter that makes one streamed answer inert; the concatenated results of all calls are the whole answer."""

    def __init__(self) -> None:
        self._rest = ""  # input that is not converted yet: the end of the last line
        self._begun = False  # whether a part of that line was returned already
        self._fence = ""  # the marks of the open fence, "" outside of fences
        self._indent = 0  # indentation of that fence, columns
        self._trusted = True  # whether viewers certainly agree about which lines are fences
        self._first = True  # whether no line with text has come yet
        self._last = ""  # the character given out last

    def feed(self, piece: str) -> str:
        """Add the next piece of the answer, and return the text that can be shown now, made inert."""
        self._rest += piece
        shown: list[str] = []
        while (found := _LINE.match(self._rest)) is not None:
            line = found[0]
            self._rest = self._rest[found.end() :]
            shown.append(self._convert_line(line))
        shown.append(self._convert_partial_line())
        return "".join(shown)

    def finish(self) -> str:
        """Return the text that was held back, at the end of the answer."""
        rest, self._rest = self._rest, ""
        return self._convert_line(rest) if rest else ""

    def _convert_line(self, line: str) -> str:
        """Return a whole line made inert; only its rest where the beginning was returned already."""
        begun, self._begun = self._begun, False
        bare = line.rstrip("\r\n")
        if begun:
            return self._emit(line if self._fence and self._trusted else self._convert_inline(line, whole=True)[0])
        if self._first and bare.strip():
            self._first = False
            self._trusted = _FRONT_MATTER.match(bare) is None  # a viewer may hide the text between two such lines
        if self._trusted and self._track_fence(bare):
            return self._emit(line)
        return self._emit(self._convert_inline(line, whole=True)[0])

    def _track_fence(self, line: str) -> bool:
        """Record the fence that a line opens or closes; return whether the line is a fence or lies in one."""
        found = _FENCE.match(line)
        if not self._fence:
            if found is None:
                return False
            self._fence, self._indent = found[2] or found[3], len(found[1])
            return True
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent < self._indent:
            self._trusted = False  # in a list this line ends the fence, elsewhere it does not
            return False
        marks = line.strip(" \t")
        if indent <= 3 and set(marks) == {self._fence[0]} and len(marks) >= len(self._fence):
            self._fence = ""
        return True

    def _convert_partial_line(self) -> str:
        """Return the part of an unfinished line that no later piece can change; the rest stays held back."""
        rest = self._rest
        if not self._begun:
            unclear = self._first and _FRONT_MATTER_START.match(rest)
            if not rest or unclear or _FENCE_START.match(rest) or _FENCE.match(rest):
                return ""
        if self._fence and self._trusted:
            if not self._begun and len(rest) - len(rest.lstrip(" ")) < self._indent:
                return ""
            ready = rest.removesuffix("\r")  # its line feed may still come
            self._rest, self._begun = rest[len(ready) :], self._begun or bool(ready)
            return self._emit(ready)
        shown, held = self._convert_inline(rest, whole=False)
        if shown:
            self._begun, self._first, self._rest = True, False, held
        return self._emit(shown)

    def _convert_inline(self, text: str, *, whole: bool) -> tuple[str, str]:
        """Return the text made inert, and its unfinished end, which has to wait for the next piece.

        `text` lies outside of fences. With `whole`, no piece follows, so the unfinished end is "".
        """
        shown: list[str] = []
        at, last = 0, self._last
        while at < len(text):
            if text[at] == "`":
                piece, end = _convert_code_span(text, at, last, whole=whole)
                if piece is None:
                    break
            else:
                found = _SPACE.match(text, at) or _WORD.match(text, at)
                assert found is not None  # noqa: S101 (each character is one of the three)
                end = found.end()
                if end == len(text) and not whole and end - at < _LONGEST_HELD:
                    break
                piece = found[0] if found[0].isspace() else _make_word_inert(found[0])
            if piece.startswith("`") and last == "`":
                shown.append(" ")  # two adjacent runs of backticks would join and close another code span
            shown.append(piece)
            last, at = _find_last_character(piece, last), end
        return "".join(shown), text[at:]

    def _emit(self, text: str) -> str:
        """Record the last character of `text`, and return `text` unchanged."""
        self._last = _find_last_character(text, self._last)
        return text


def _find_last_character(text: str, before: str) -> str:
    """Return the last character of `before + text`; "" if it is a backslash that is itself escaped."""
    slashes = len(text) - len(text.rstrip("\\"))
    if slashes == len(text):
        slashes += before == "\\"
    if slashes:
        return "\\" if slashes % 2 else ""
    return text[-1:] or before


def _convert_code_span(text: str, at: int, last: str, *, whole: bool) -> tuple[str | None, int]:
    """Return the code span that begins at the offset `at`, and its end; (None, `at`) while a later piece may close it.

    Where no code span closes, returns the opening backticks, escaped, and their end.

    `last` is the character before the code span; a backslash makes the first backtick a plain character. With `whole`,
    no later piece follows.
    """
    opening = _TICKS.match(text, at)
    assert opening is not None  # noqa: S101 (the caller has seen one)
    if opening.end() == len(text) and not whole:
        return None, at
    escaped = last == "\\"
    if not escaped:
        for closing in _TICKS.finditer(text, opening.end()):
            if closing.end() == len(text) and not whole:
                return None, at
            if len(closing[0]) == len(opening[0]):
                code = text[at : closing.end()]
                if "|" not in code:  # in a table, "|" ends the cell and the code span with it
                    return code, closing.end()
                break
        else:
            if not whole and len(text) - at < _LONGEST_HELD:
                return None, at
    marks = len(opening[0])
    return ("\\`" * marks).removeprefix("\\" if escaped else ""), opening.end()


def _make_word_inert(word: str) -> str:
    """Return a word with an address as code, and any other word with HTML, entities, links and formulas escaped."""
    if _has_match(_ADDRESS, word):
        pieces = (f"`{piece}`" if piece != "|" else piece for piece in re.split(r"(\|)", word) if piece)
        return "".join(pieces)
    word = _ENTITY.sub("&amp;", word)
    word = _TAG.sub("&lt;", word)
    word = _LINK.sub(r"]\\", word)
    return _FORMULA.sub(r"\1\\$", word)

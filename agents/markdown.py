"""What a model says is data: Markdown in which nothing is fetched, followed or run, whoever shows it.

Images, links, HTML and formulas become plain text; addresses become code, which can be read and is not a link. What
stands in a fence at the top of the text, or in code on one line, is left as it is. Works while an answer comes: what
may still become part of something else is held back. Where it cannot be told how a viewer reads a text, nothing of it
counts as code. Start at `Inert`.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r(?!\Z))")
_FENCE = re.compile(r"( {0,3})(?:(`{3,})[^`]*|(~{3,}).*)\Z", re.DOTALL)
_FENCE_BEGUN = re.compile(r" {0,3}(?:`*|~*)\Z")
_FRONT = re.compile(r"(?:---|\+\+\+)\s*\Z")
_FRONT_BEGUN = re.compile(r"[\s+-]*\Z")
_TICKS = re.compile(r"`+")
_WORD = re.compile(r"[^\s`]+")
_SPACE = re.compile(r"\s+")
ADDRESS_SHOWN = "(address)"
_LONGEST_HELD = 4000  # characters of a word that still comes
# A scheme or a host that viewers make a link of, read without the backslashes and marks that hide it from us.
_SCHEMES = r"\bwww\.|\b(?:mailto|command|file|data|javascript|vscode[\w-]*|tel|sms|xmpp):\S"
_ADDRESS = re.compile(rf"//\S|{_SCHEMES}", re.IGNORECASE)
_LINKED = re.compile(rf"://|{_SCHEMES}", re.IGNORECASE)
_HIDING = re.compile(r"[\\*_~]|&#?\w+;?")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#|[A-Za-z])")
_LINK = re.compile(r"\](?=[(:\[])")
_FORMULA = re.compile(r"(?<!\\)((?:\\\\)*)\$")


def inert(text: str) -> str:
    """Return Markdown from a model as a viewer may show it."""
    filtering = Inert()
    return filtering.take(text) + filtering.end()


def plain(text: str) -> str:
    """Return a sentence of a model, for where no Markdown is read: without addresses, which some viewers link."""
    return " ".join(ADDRESS_SHOWN if _holds(_LINKED, word) else word for word in text.split(" "))


def _holds(pattern: re.Pattern[str], word: str) -> bool:
    """Return whether a word holds an address, also one that is hidden by marks which viewers drop."""
    return bool(pattern.search(word) or pattern.search(_HIDING.sub("", word)))


class Inert:
    """Makes one answer inert, piece by piece; what all calls return together is the whole."""

    def __init__(self) -> None:
        self._rest = ""  # not looked at yet: the end of the last line
        self._begun = False  # whether a part of that line was given out
        self._fence = ""  # the marks of the fence that is open
        self._indent = 0  # of that fence
        self._trusted = True  # whether fences are where a viewer sees them
        self._first = True
        self._last = ""  # the character given out last

    def take(self, piece: str) -> str:
        """Return what can be shown of the answer so far and was not yet."""
        self._rest += piece
        shown: list[str] = []
        while (found := _LINE.match(self._rest)) is not None:
            line = found[0]
            self._rest = self._rest[found.end() :]
            shown.append(self._line(line))
        shown.append(self._part())
        return "".join(shown)

    def end(self) -> str:
        """Return what was held back."""
        rest, self._rest = self._rest, ""
        return self._line(rest) if rest else ""

    def _line(self, line: str) -> str:
        """Return a whole line, or its end."""
        begun, self._begun = self._begun, False
        bare = line.rstrip("\r\n")
        if begun:
            return self._given(line if self._fence and self._trusted else self._inline(line, whole=True)[0])
        if self._first and bare.strip():
            self._first = False
            self._trusted = _FRONT.match(bare) is None  # a viewer may hide what stands between two such lines
        if self._trusted and self._is_code(bare):
            return self._given(line)
        return self._given(self._inline(line, whole=True)[0])

    def _is_code(self, line: str) -> bool:
        """Return whether a line is a fence or stands in one; follows where fences begin and end."""
        found = _FENCE.match(line)
        if not self._fence:
            if found is None:
                return False
            self._fence, self._indent = found[2] or found[3], len(found[1])
            return True
        indent = len(line) - len(line.lstrip(" "))
        if line.strip() and indent < self._indent:
            self._trusted = False  # in a list the fence has ended here, else it has not
            return False
        marks = line.strip(" \t")
        if indent <= 3 and set(marks) == {self._fence[0]} and len(marks) >= len(self._fence):
            self._fence = ""
        return True

    def _part(self) -> str:
        """Return what can be given out of a line that is still coming."""
        rest = self._rest
        if not self._begun:
            unclear = self._first and _FRONT_BEGUN.match(rest)
            if not rest or unclear or _FENCE_BEGUN.match(rest) or _FENCE.match(rest):
                return ""
        if self._fence and self._trusted:
            if not self._begun and len(rest) - len(rest.lstrip(" ")) < self._indent:
                return ""
            ready = rest.removesuffix("\r")  # the other half of a line's end may follow
            self._rest, self._begun = rest[len(ready) :], self._begun or bool(ready)
            return self._given(ready)
        shown, held = self._inline(rest, whole=False)
        if shown:
            self._begun, self._first, self._rest = True, False, held
        return self._given(shown)

    def _inline(self, text: str, *, whole: bool) -> tuple[str, str]:
        """Return what stands outside of fences, inert, and what of it has to wait for more."""
        shown: list[str] = []
        at, last = 0, self._last
        while at < len(text):
            if text[at] == "`":
                piece, end = _ticked(text, at, last, whole=whole)
                if piece is None:
                    break
            else:
                found = _SPACE.match(text, at) or _WORD.match(text, at)
                assert found is not None  # noqa: S101 (each character is one of the three)
                end = found.end()
                if end == len(text) and not whole and end - at < _LONGEST_HELD:
                    break
                piece = found[0] if found[0].isspace() else _harmless(found[0])
            if piece.startswith("`") and last == "`":
                shown.append(" ")  # two runs of marks would be one, and end something else
            shown.append(piece)
            last, at = _ending(piece, last), end
        return "".join(shown), text[at:]

    def _given(self, text: str) -> str:
        self._last = _ending(text, self._last)
        return text


def _ending(text: str, before: str) -> str:
    """Return the last character of `text`; a backslash only if it is not itself behind one."""
    slashes = len(text) - len(text.rstrip("\\"))
    if slashes == len(text):
        slashes += before == "\\"
    if slashes:
        return "\\" if slashes % 2 else ""
    return text[-1:] or before


def _ticked(text: str, at: int, last: str, *, whole: bool) -> tuple[str | None, int]:
    """Return the code that begins at `at`, or its marks made harmless, and where it ends; None while that is open.

    `last` is the character before it, as it is shown; a backslash there makes the first mark a plain character.
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
                if "|" not in code:  # in a table it would end the cell, and the code with it
                    return code, closing.end()
                break
        else:
            if not whole and len(text) - at < _LONGEST_HELD:
                return None, at
    marks = len(opening[0])
    return ("\\`" * marks).removeprefix("\\" if escaped else ""), opening.end()


def _harmless(word: str) -> str:
    """Return a word without anything that is fetched, followed or run."""
    if _holds(_ADDRESS, word):
        pieces = (f"`{piece}`" if piece != "|" else piece for piece in re.split(r"(\|)", word) if piece)
        return "".join(pieces)
    word = _ENTITY.sub("&amp;", word)
    word = _TAG.sub("&lt;", word)
    word = _LINK.sub(r"]\\", word)
    return _FORMULA.sub(r"\1\\$", word)

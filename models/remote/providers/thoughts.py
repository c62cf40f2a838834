"""A filter for thoughts that a model writes between tags inside its answer, applied while the answer arrives.

Only a tag at the beginning of a line outside a code fence marks thoughts; elsewhere it may be text about such tags. A
tag may arrive in pieces. Start at `ThoughtFilter`.
"""

from __future__ import annotations

import re

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    ("[think]", "[/think]"),
)
CLOSINGS = tuple(closing for _, closing in TAGS)
LONGEST_LINE = 200  # characters kept of a line, to recognize a fence
FENCES = ("```", "~~~")


class ThoughtFilter:
    """A filter that removes a model's thoughts, marked by tags, from one streamed answer.

    Attributes:
        unopened: number of closing tags without an opening one so far; the text before such a tag was a thought too.
    """

    def __init__(self) -> None:
        self.unopened = 0
        self._held = ""  # input not yet shown or dropped
        self._closing = ""  # the tag that closes the open block; "" if none is open
        self._hidden: list[str] = []  # text of the open block, shown after all if it never ends
        self._line = ""  # the line so far, as it was shown
        self._fenced = False
        self._shown = False  # whether anything but whitespace was shown
        self._blocks = 0

    def take(self, piece: str) -> str:
        """Add `piece` and return the text that can be shown now."""
        self._held += piece
        shown: list[str] = []
        while self._held and self._process_held(shown):
            pass
        return "".join(shown)

    def finish(self) -> str:
        """Return the rest at the end of the answer, without a lone closing tag.

        An unclosed block is dropped if no text was shown before it, and returned otherwise.
        """
        rest, self._held = self._held, ""
        if self._closing:
            rest, self._closing = "".join([*self._hidden, rest]) if self._shown else "", ""
        elif not self._blocks and rest.strip().lower() in CLOSINGS:
            rest = ""
        return rest

    def _process_held(self, shown: list[str]) -> bool:
        """Show or drop a part of the held text; return False if more input is needed to decide."""
        if self._closing:
            return self._drop_thoughts()
        if self._line.strip() or self._fenced:
            return self._show_line(shown)
        stripped = self._held.lstrip()
        low = stripped.lower()
        if not self._shown and self._blocks:
            self._held = stripped  # drop whitespace after a block
        if not stripped and not self._shown:
            return False
        if self._open_block(stripped, low):
            return True
        if not self._blocks and low.startswith(CLOSINGS):
            return self._handle_unopened_tag(stripped, shown)
        awaited = stripped and any(tag.startswith(low) for pair in TAGS for tag in pair)
        return not awaited and self._show_line(shown)

    def _open_block(self, stripped: str, low: str) -> bool:
        """Open a block of thoughts if the held text begins with an opening tag; return whether it does.

        Args:
            stripped: the held text without white space at its beginning.
            low: `stripped` in lower case.
        """
        found = next((pair for pair in TAGS if low.startswith(pair[0])), None)
        if found is None:
            return False
        opening, self._closing = found
        self._blocks += 1
        self._hidden, self._held = [self._held[: -len(stripped)] + opening], stripped[len(opening) :]
        return True

    def _drop_thoughts(self) -> bool:
        """Drop held text up to the closing tag; return False if the tag has not arrived."""
        found = re.search(re.escape(self._closing), self._held, re.IGNORECASE)
        if found is None:
            kept = len(self._closing) - 1
            if self._shown:
                self._hidden.append(self._held[:-kept])
            self._held = self._held[-kept:]
            return False
        self._held = self._held[found.end() :]
        self._closing, self._hidden = "", []
        return True

    def _handle_unopened_tag(self, stripped: str, shown: list[str]) -> bool:
        """Handle a closing tag without an opening one; return False if more input is needed to decide.

        If the tag ends its line, or only white space was shown before, the text in `shown` is dropped; if other text
        was shown, the tag is counted in `unopened`, so that the caller drops what was returned earlier. Otherwise the
        line is moved to `shown`.
        """
        rest = stripped[len(next(tag for tag in CLOSINGS if stripped.lower().startswith(tag))) :]
        if not rest.strip():
            return False
        if self._shown and "\n" not in rest[: len(rest) - len(rest.lstrip())]:
            return self._show_line(shown)  # the line goes on, so it is text about the tag
        self.unopened += self._shown
        shown.clear()
        self._held, self._line, self._shown = rest.lstrip(), "", False
        self._blocks += 1
        return True

    def _show_line(self, shown: list[str]) -> bool:
        """Move the held text, up to the end of its line, to `shown`; return True, as more text can be processed."""
        at = self._held.find("\n") + 1
        part, self._held = (self._held[:at], self._held[at:]) if at else (self._held, "")
        shown.append(part)
        self._shown = self._shown or bool(part.strip())
        self._line = (self._line + part)[:LONGEST_LINE]
        if at:
            if self._line.lstrip().startswith(FENCES):
                self._fenced = not self._fenced
            self._line = ""
        return True

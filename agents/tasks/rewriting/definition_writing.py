"""Definitions of a model's answer written into a document: in the place of its own ones, or beside them.

Each in the indentation of its place, with what placeholders stand for, and with the imports it needs. Decides nothing
about what is taken (`agents.tasks.rewriting.alignment` does). Start at `Weaver`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Edit
from agents.tasks.rewriting import importing, placeholders, reindenting, reply_parsing, restoring
from agents.tasks.rewriting.definitions import definitions_of
from agents.tasks.rewriting.line_edits import as_held, next_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.tasks.rewriting.definitions import Definition
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax

WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written anew.

    Attributes:
        document: the text.
        syntax: of it.
        span: whole lines.
        seen: what of the document the model was shown in full, the span left out.
        words: what the person asked for; a definition that it names may go.
    """

    document: Document
    syntax: Syntax
    span: Span
    seen: tuple[Span, ...] = ()
    words: str = ""

    @property
    def text(self) -> str:
        """The lines."""
        return self.document.text[self.span.start : self.span.end]


class LostError(Exception):
    """A placeholder stands for code that is not known."""


@dataclass
class Weaver:
    """One answer on its way into a document: what was written so far is in `edits`, what to say of it in `notes`."""

    answer: Syntax
    target: Target
    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.code, self.text = self.answer.text, self.target.document.text
        self.new, self.old = definitions_of(self.answer), definitions_of(self.target.syntax)
        self.unit = reindenting.unit_at(
            self.target.text,
            self.text[: self.target.span.start],
            self.text[self.target.span.end :],
            Cursor.at(self.target.document, self.target.span.start).unit,
        )

    def fitted(self, new: Definition, held: Sequence[str]) -> list[str]:
        """Return a definition of the answer as it stands in the place of the lines that the document has for it."""
        lines = restoring.restored(new.lines(self.code), held, self.target.document.language, self.target.words)
        lines = self.indented(lines, "\n".join(held), reply_parsing.depth_of(held[0]))
        whole = placeholders.filled(lines, "\n".join(held))
        if whole is None:
            raise LostError(placeholders.first_of(lines, "\n".join(held)))
        return whole

    def indented(self, lines: Sequence[str], piece: str, depth: str) -> list[str]:
        """Return lines in the document's steps of indentation, the first one at `depth`."""
        return reindenting.reindented(lines, self.target.document, piece=piece, indentation=depth, unit=self.unit)

    def lead(self, new: Definition, first: str) -> list[str]:
        """Return the comments above a definition of the answer, at the depth of its place."""
        said = self.code[new.lead : new.span.start].splitlines()
        depth = reply_parsing.depth_of(first)
        made = [depth + (" " if line.lstrip().startswith("*") else "") + line.strip() for line in said]
        above = self.text[: self.target.span.start].splitlines()[-len(made) :] if made else []
        return [] if [line.strip() for line in above] == [line.strip() for line in made] else made

    def head(
        self, new: Definition, old: Definition, first_new: Definition, first_old: Definition, *, complete: bool
    ) -> None:
        """Write the head of a class: its own lines, and its docstring where the answer gives one."""
        held = self.text[old.span.start : first_old.lead].rstrip().splitlines()
        said = self.code[new.span.start : first_new.lead].rstrip().splitlines()
        said = [line for line in said if not placeholders.is_placeholder(line)]
        if not said or not held:
            return
        depth = reply_parsing.depth_of(held[0])
        lines = self.indented(said, "\n".join(held), depth)
        if len(lines) < len(held) and lines[0].rstrip() == held[0].rstrip():
            return
        if len(lines) == 1 or not complete:
            lines = [lines[0], *held[1:]] if held[0].rstrip().endswith((":", "{")) else held
        if [line.rstrip() for line in lines] != [line.rstrip() for line in held]:
            end = old.span.start + len(self.text[old.span.start : first_old.lead].rstrip())
            self.edits.append(Edit(old.span.start, end, "\n".join(as_held(lines, held))))

    def insert(
        self,
        one: Definition,
        before: Definition | None,
        behind: Definition | None,
    ) -> None:
        """Write a new definition behind one of the document, or above one, at its depth."""
        place = before or behind
        if place is None:
            return
        depth = reply_parsing.depth_of(self.text[place.span.start : place.span.end].split("\n", 1)[0])
        lines = self.indented(one.lines(self.code), "", depth)
        if placeholders.first_of(lines, self.text):
            raise LostError(placeholders.first_of(lines, self.text))
        lead = self.code[one.lead : one.span.start].splitlines()
        lines = [*(depth + line.strip() for line in lead), *lines]
        apart = "\n" * self.blank_lines(one, place)
        if before is not None:
            at = next_line(self.text, before.span.end, blank=False)
            start = "" if at and self.text[at - 1 : at] == "\n" else "\n"
            self.edits.append(Edit(at, at, start + apart + "\n".join(lines) + "\n"))
        else:
            self.edits.append(Edit(place.lead, place.lead, "\n".join(lines) + "\n" + apart))

    def blank_lines(self, one: Definition, place: Definition) -> int:
        """Return how many blank lines stand between definitions here."""
        if one.sort == "value":
            return 0 if place.sort == "value" else 1
        siblings = [each for each in self.old if each.path[:-1] == place.path[:-1] and each.sort == place.sort]
        gaps = [
            gap.count("\n") - 1
            for first, second in itertools.pairwise(siblings)
            if not (gap := self.text[first.span.end : second.lead]).strip()
        ]
        usual = self.target.document.entry.blank_lines if len(place.path) == 1 else 1
        return max(0, min(2, max(set(gaps), key=gaps.count))) if gaps else usual

    def add_imports(self) -> None:
        """Add what the answer imports and the new lines use."""
        language = self.target.document.language
        more = importing.import_edits(self.answer, self.target.syntax, self.written(), language=language)
        held = {(edit.start, edit.end) for edit in self.edits}
        self.edits += [edit for edit in more if (edit.start, edit.end) not in held or edit.start == edit.end]

    def written(self) -> set[str]:
        """Return the words of all that is written so far."""
        return {word for edit in self.edits for word in WORD.findall(edit.text)}

"""A writer that puts definitions of a model's answer into a document: in place of its own ones, or beside them.

Adapts indentation, placeholders and imports to the place. Decides nothing about which definitions are taken
(`agents.tasks.rewriting.alignment` does). Start at `DefinitionWriter`.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agents.completion.cursor import Cursor
from agents.edits import Edit
from agents.tasks.rewriting import importing, placeholders, reindenting, reply_parsing, restoring
from agents.tasks.rewriting.definitions import list_definitions
from agents.tasks.rewriting.line_edits import find_next_line, restore_trailing_space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.tasks.rewriting.definitions import Definition
    from indexing.syntax.documents import Document, Span
    from indexing.syntax.syntax import Syntax

WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True)
class Target:
    """The part of a document that a model rewrites.

    Attributes:
        document: the document.
        syntax: its syntax.
        span: whole lines to rewrite.
        seen: spans of the document that the model was shown in full, beside `span`.
        words: what the person asked for; a definition that is named here may be removed.
    """

    document: Document
    syntax: Syntax
    span: Span
    seen: tuple[Span, ...] = ()
    words: str = ""

    @property
    def text(self) -> str:
        """The text of the lines to rewrite."""
        return self.document.text[self.span.start : self.span.end]


class LostError(Exception):
    """A placeholder stands for code that cannot be found in the document."""


@dataclass
class DefinitionWriter:
    """One answer and its target; collects edits in `edits`, and notes for the person who decides in `notes`."""

    answer: Syntax
    target: Target
    edits: list[Edit] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the definitions of both texts, and the document's step of indentation."""
        self.code, self.text = self.answer.text, self.target.document.text
        self.new, self.old = list_definitions(self.answer), list_definitions(self.target.syntax)
        self.unit = reindenting.detect_unit_at(
            self.target.text,
            self.text[: self.target.span.start],
            self.text[self.target.span.end :],
            Cursor.at(self.target.document, self.target.span.start).unit,
        )

    def fit(self, new: Definition, held: Sequence[str]) -> list[str]:
        """Return the lines of the answer's definition `new`, adapted to replace the lines `held` of the document.

        Restores lost comments, docstrings and decorators, and the code that placeholders stand for.

        Raises:
            LostError: a placeholder stands for unknown code.
        """
        lines = restoring.restore(new.read_lines(self.code), held, self.target.document.language, self.target.words)
        lines = self.indent(lines, "\n".join(held), reply_parsing.read_indentation(held[0]))
        whole = placeholders.fill(lines, "\n".join(held))
        if whole is None:
            raise LostError(placeholders.find_first(lines, "\n".join(held)))
        return whole

    def indent(self, lines: Sequence[str], piece: str, depth: str) -> list[str]:
        """Return `lines` in the document's steps of indentation, the first at `depth`, to replace the code `piece`."""
        return reindenting.reindent(lines, self.target.document, piece=piece, indentation=depth, unit=self.unit)

    def read_comments(self, new: Definition, first: str) -> list[str]:
        """Return the comments above an answer's definition, indented like the line `first`.

        Returns [] if the same comments are right above the target in the document.
        """
        said = self.code[new.lead : new.span.start].splitlines()
        depth = reply_parsing.read_indentation(first)
        made = [depth + (" " if line.lstrip().startswith("*") else "") + line.strip() for line in said]
        above = self.text[: self.target.span.start].splitlines()[-len(made) :] if made else []
        return [] if [line.strip() for line in above] == [line.strip() for line in made] else made

    def write_head(
        self, new: Definition, old: Definition, first_new: Definition, first_old: Definition, *, complete: bool
    ) -> None:
        """Add an edit that replaces the head of the class `old`, the lines before its first member, by that of `new`.

        Only the first line is replaced where the answer has no other lines, or has placeholders (not `complete`).
        `first_new` and `first_old` are the first members. Adds no edit if nothing changes or only lines are missing.
        """
        held = self.text[old.span.start : first_old.lead].rstrip().splitlines()
        said = self.code[new.span.start : first_new.lead].rstrip().splitlines()
        said = [line for line in said if not placeholders.is_placeholder(line)]
        if not said or not held:
            return
        depth = reply_parsing.read_indentation(held[0])
        lines = self.indent(said, "\n".join(held), depth)
        if len(lines) < len(held) and lines[0].rstrip() == held[0].rstrip():
            return
        if len(lines) == 1 or not complete:
            lines = [lines[0], *held[1:]] if held[0].rstrip().endswith((":", "{")) else held
        if [line.rstrip() for line in lines] != [line.rstrip() for line in held]:
            end = old.span.start + len(self.text[old.span.start : first_old.lead].rstrip())
            self.edits.append(Edit(old.span.start, end, "\n".join(restore_trailing_space(lines, held))))

    def insert(
        self,
        one: Definition,
        before: Definition | None,
        behind: Definition | None,
    ) -> None:
        """Add an edit that inserts the answer's definition `one` after `before`, else above `behind`, indented alike.

        Does nothing if both are None.

        Raises:
            LostError: a placeholder stands for unknown code.
        """
        place = before or behind
        if place is None:
            return
        depth = reply_parsing.read_indentation(self.text[place.span.start : place.span.end].split("\n", 1)[0])
        lines = self.indent(one.read_lines(self.code), "", depth)
        if placeholders.find_first(lines, self.text):
            raise LostError(placeholders.find_first(lines, self.text))
        lead = self.code[one.lead : one.span.start].splitlines()
        lines = [*(depth + line.strip() for line in lead), *lines]
        apart = "\n" * self.count_blank_lines(one, place)
        if before is not None:
            at = find_next_line(self.text, before.span.end)
            start = "" if at and self.text[at - 1 : at] == "\n" else "\n"
            self.edits.append(Edit(at, at, start + apart + "\n".join(lines) + "\n"))
        else:
            self.edits.append(Edit(place.lead, place.lead, "\n".join(lines) + "\n" + apart))

    def count_blank_lines(self, one: Definition, place: Definition) -> int:
        """Return how many blank lines go between the new definition `one` and `place`: 0 to 2, as between siblings."""
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
        """Add edits for the imports of the answer that the texts of all edits so far use; call it last.

        An import whose place is in code that another edit replaces goes above that code, unless the new code has it.
        """
        language = self.target.document.language
        others = tuple(self.edits)
        for edit in importing.build_import_edits(
            self.answer, self.target.syntax, self.list_written_words(), language=language
        ):
            around = next((one for one in others if one.start < edit.end and edit.start < one.end), None)
            if around is None:
                self.edits.append(edit)
            elif not set(edit.text.split("\n")) <= {"", *around.text.split("\n")}:
                at = self.text.rfind("\n", 0, around.start) + 1
                written = edit.text.lstrip("\n")
                self.edits.append(Edit(at, at, written if written.endswith("\n") else f"{written}\n"))

    def list_written_words(self) -> set[str]:
        """Return the words in the texts of all edits so far."""
        return {word for edit in self.edits for word in WORD.findall(edit.text)}

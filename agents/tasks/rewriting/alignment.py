"""Alignment of a chat model's answer with the document: which of its definitions are taken, and where they go.

Small models answer with a whole function, its class, or the whole file, whatever they are asked for. Definitions are
matched by qualified name and kind. Of the code that the model has seen in full, changed definitions are taken; equal
ones stay byte for byte, placeholders are replaced by the code that they stand for, new helpers go beside the code that
uses them, and imports to the other imports. Knows no model. Start at `align`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agents.edits import Edit, apply_edits
from agents.tasks.rewriting import placeholders, removals, reply_parsing
from agents.tasks.rewriting.definition_writing import WORD, DefinitionWriter, LostError
from agents.tasks.rewriting.definitions import (
    find_uses,
    list_children,
    list_definitions,
    list_tokens,
    match,
    select_outermost,
    select_within,
)
from agents.tasks.rewriting.line_edits import diff_lines, find_next_line, restore_trailing_space, sort_edits
from indexing.syntax.documents import Span
from indexing.syntax.languages import Trait
from indexing.syntax.syntax import Syntax

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.tasks.rewriting.definition_writing import Target
    from agents.tasks.rewriting.definitions import Definition


@dataclass(frozen=True, slots=True)
class Alignment:
    """The result of an alignment.

    Attributes:
        edits: edits of the document, sorted by place; empty where nothing changes.
        problem: a sentence for the model about what is wrong with its answer, "" for nothing.
        notes: facts for the person who decides, one sentence each.
    """

    edits: tuple[Edit, ...] = ()
    problem: str = ""
    notes: tuple[str, ...] = ()


def align(code: str, target: Target) -> Alignment | None:
    """Return the changes that the answer `code` makes to the target; None if it defines nothing that the target has.

    Returns an alignment with a `problem` and no edits if a placeholder in `code` stands for unknown code.
    """
    code = _remove_common_indentation(code)
    for syntax in _parse_answer(code, target):
        try:
            found = _Aligner(syntax, target).run()
        except LostError as lost:
            return Alignment(problem=f"`{lost}` stands for code that would be lost; write out all of it.")
        if found is not None:
            return found
    return None


def _remove_common_indentation(code: str) -> str:
    """Return code without its common indentation; expands tabs where they are mixed with spaces."""
    lines = code.expandtabs(4).split("\n") if re.search(r"^ +\t|^\t+ {2,}\S", code, re.MULTILINE) else code.split("\n")
    leads = [reply_parsing.read_indentation(line) for line in lines if line.strip()]
    least = min(leads, key=len, default="")
    if least and all(lead.startswith(least) for lead in leads):
        lines = [line.removeprefix(least) for line in lines]
    return "\n".join(lines)


def _parse_answer(code: str, target: Target) -> Iterable[Syntax]:
    """Yield the syntax of the answer by itself, then inside the head and end of the target's class.

    The latter is for grammars in which a method cannot be outside of a class.
    """
    first = target.document.text.split("\n", 1)[0].strip()
    mark = f"{first}\n" if first.startswith("<?") and "<?" not in code else ""  # PHP without its opening tag is no code
    yield Syntax.of(replace(target.document, text=mark + code))
    around = next((one for one in _find_classes_around(target)), None)
    if around is not None:
        head = target.document.text[around.span.start : target.document.text.find("\n", around.span.start) + 1]
        tail = target.document.text[around.span.start : around.span.end].rpartition("\n")[2]
        inner = "\n".join(f"    {line}" if line.strip() else line for line in code.split("\n"))
        if tail.strip().startswith(("}", "end")):
            yield Syntax.of(replace(target.document, text=f"{mark}{head.strip()}\n{inner}\n{tail.strip()}\n"))


def _find_classes_around(target: Target) -> list[Definition]:
    """Return the classes around the target, innermost first."""
    around = (
        one for one in list_definitions(target.syntax) if one.sort == "type" and _surrounds(one.span, target.span)
    )
    return sorted(around, key=lambda one: one.span.end - one.span.start)


def _surrounds(outer: Span, inner: Span) -> bool:
    """Return whether `outer` contains `inner` and is larger."""
    return outer.start <= inner.start and inner.end <= outer.end and outer != inner


@dataclass
class _Aligner(DefinitionWriter):
    """The alignment of one answer, which collects edits and notes."""

    def run(self) -> Alignment | None:
        """Return the changes of the answer; None if it has none of the target's definitions.

        Raises:
            LostError: a placeholder stands for unknown code.
        """
        whole = not self.text[: self.target.span.start].strip() and not self.text[self.target.span.end :].strip()
        if whole and self.old and self.new:
            self._align_members(None, None)
        elif not self.target.text.strip() and any(self._may_be_same(new, old) for new in self.new for old in self.old):
            self._fill_empty_place()
        else:
            pairs = self._pair_definitions()
            if not pairs:
                return None
            for new, old in pairs:
                self._replace(new, old)
                if new.name != old.name:
                    self._rename(new, old)
            self._apply_other_definitions(pairs)
            if not self.edits and (left := placeholders.find_first(self.code.splitlines(), self.text)):
                raise LostError(left)
        self.add_imports()
        text = apply_edits(self.text, tuple(sort_edits(self.edits)))
        if "\r\n" in self.text:
            text = re.sub(r"(?<!\r)\n", "\r\n", text)
        return Alignment(diff_lines(self.text, text), notes=tuple(self.notes))

    def _fill_empty_place(self) -> None:
        """Add an edit that writes the answer's definitions into the empty target, except those the document has."""
        at = self.target.span.start
        around = [one for one in self.old if one.span.start <= at <= one.span.end]
        known = [new for new in self.new if any(self._may_be_same(new, old) for old in self.old)]
        fresh = select_outermost(
            [one for one in self.new if one not in known and not any(one.holds(each) for each in known)]
        )
        fresh = tuple(one for one in fresh if not any(new.holds(one) and new.sort == "function" for new in known))
        inner = next((one for one in reversed(around) if one.sort == "type"), None)
        beside = next((one for one in self.old if inner is None or inner.holds(one)), None)
        depth = reply_parsing.read_indentation(beside.read_lines(self.text)[0]) if beside is not None else ""
        pieces = [
            "\n".join(
                [
                    *(depth + line.strip() for line in self.code[one.lead : one.span.start].splitlines()),
                    *self.indent(one.read_lines(self.code), "", depth),
                ]
            )
            for one in fresh
        ]
        blank = self.count_blank_lines(fresh[0], beside) if fresh and beside is not None else 1
        above, below = self.text[:at], self.text[self.target.span.end :]
        missing = [
            max(0, blank - (space.count("\n") - 1)) if text.strip() else 0
            for text, space in (
                (above, above[len(above.rstrip()) :]),
                (below, below[: len(below) - len(below.lstrip())]),
            )
        ]
        if pieces:
            written = "\n" * missing[0] + ("\n" * (blank + 1)).join(pieces) + "\n" * missing[1]
            self.edits.append(Edit(at, self.target.span.end, written))

    def _pair_definitions(self) -> list[tuple[Definition, Definition]]:
        """Return pairs of a definition in the answer and the one that it replaces, in the target or around it."""
        wanted = select_outermost([one for one in select_within(self.old, self.target.span) if one.sort != "value"])
        if not wanted:
            around = [one for one in self.old if _surrounds(one.span, self.target.span) and one.sort == "function"]
            wanted = select_outermost(around)
            if not wanted or not any(self._may_be_same(new, wanted[0]) for new in self.new):
                return []
        found: list[tuple[Definition, Definition]] = []
        for old in wanted:
            free = [one for one in self.new if all(one is not new for new, _ in found)]
            same = [one for one in free if self._may_be_same(one, old)] or [
                one for one in free if self._is_misplaced(one, old)
            ]
            if same:
                found.append((max(same, key=lambda one: self._rate_closeness(one, old)), old))
        if not found and len(wanted) == 1 and (renamed := self._find_renamed(wanted[0])) is not None:
            found.append((renamed, wanted[0]))
        return found

    def _may_be_same(self, new: Definition, old: Definition) -> bool:
        """Return whether two definitions have the same name and sort, and the same class as far as the answer shows."""
        same = new.name == old.name and new.sort == old.sort
        return same and old.path[len(old.path) - len(new.path) :] == new.path

    def _is_misplaced(self, new: Definition, old: Definition) -> bool:
        """Return whether `new` is `old` by name and sort, but in a class that does not exist in the document."""
        holders = {one.name for one in self.old if one.sort == "type"}
        return (new.name, new.sort) == (old.name, old.sort) and len(new.path) > 1 and new.path[-2] not in holders

    def _rate_closeness(self, new: Definition, old: Definition) -> tuple[int, float]:
        """Return a sort key for how well `new` fits `old`: length of its path, then similarity of the signatures."""
        head = difflib.SequenceMatcher(None, new.signature, old.signature, autojunk=False).ratio()
        return len(new.path), head

    def _find_renamed(self, old: Definition) -> Definition | None:
        """Return the only definition of the answer that can be `old` under a new name.

        Returns None if no definition or several can be, or if the person does not mention `old`.
        """
        known = {one.name for one in self.old}
        strange = [one for one in self.new if one.sort == old.sort and one.name not in known]
        return strange[0] if len(strange) == 1 and old.name in WORD.findall(self.target.words) else None

    def _rename(self, new: Definition, old: Definition) -> None:
        """Add edits that rename the uses of a definition throughout the document, and a note about them."""
        uses = find_uses(old, self.target.syntax)
        self.edits += [Edit(span.start, span.end, new.name) for span in uses]
        self.notes.append(f"`{old.name}` is now `{new.name}`, in this file only.")

    def _replace(self, new: Definition, old: Definition) -> bool:
        """Add edits that replace the document's definition `old` by `new`; return whether anything changes."""
        before = len(self.edits)
        inner = list_children(new, self.new), list_children(old, self.old)
        if old.sort == "type" and inner[0] and inner[1]:
            self._align_members(new, old)
            return len(self.edits) > before
        held = old.read_lines(self.text)
        lines = self.fit(new, held)
        lead = self.read_comments(new, held[0])
        start = old.span.start
        if lead:
            start = old.lead
            held = self.text[old.lead : old.span.end].splitlines()
            lines = [*lead, *lines]
        if [line.rstrip() for line in lines] != [line.rstrip() for line in held]:
            self.edits.append(Edit(start, old.span.end, "\n".join(restore_trailing_space(lines, held))))
        return len(self.edits) > before

    def _align_members(self, new: Definition | None, old: Definition | None) -> None:
        """Add edits for the members of the class `old`, which is `new` in the answer; None stands for the whole file.

        Members that the answer omits stay, unless the person asked to remove or replace something and named them.
        """
        news, olds = list_children(new, self.new), list_children(old, self.old)
        found = match(news, olds, (self.code, self.text))
        elided = self._has_placeholders(new, news)
        missing = [one for place, one in enumerate(olds) if place not in found.values()]
        complete = not elided and not missing
        if new is not None and old is not None:
            self.write_head(new, old, news[0], olds[0], complete=not elided)
        for at, place in found.items():
            self._replace(news[at], olds[place])
        named = set(WORD.findall(self.target.words)) if removals.asks_to_remove_or_replace(self.target.words) else set()
        gone = named - set(WORD.findall(self.code))  # names that the answer still uses are needed
        for one in missing:
            if one.name in gone and not elided:
                self.edits.append(Edit(one.lead, find_next_line(self.text, one.span.end, blank=True), ""))
            elif not elided:
                self.notes.append(f"The model left out `{one.name}`, which stays.")
        taken = {at for at in range(len(news)) if at in found}
        for at, one in enumerate(news):
            if at not in taken and (one.sort != "value" or new is not None or self._is_used_in_edits(one)):
                self.insert(one, *self._find_neighbours(at, news, olds, found))
        if complete:
            self._replace_trailing_statements(news, olds, found)

    def _find_neighbours(
        self, at: int, news: Sequence[Definition], olds: Sequence[Definition], found: dict[int, int]
    ) -> tuple[Definition | None, Definition | None]:
        """Return the definition after which, and the one before which, to insert `news[at]`; at least one is None.

        `found` maps indices of `news` to those of `olds`.
        """
        above = next((i for i in range(at - 1, -1, -1) if i in found), None)
        below = next((i for i in range(at + 1, len(news)) if i in found), None)
        behind = olds[found[below]] if below is not None else None
        start = news[above].span.end if above is not None else 0
        between = self.code[start : news[at].span.start].splitlines()
        if any(placeholders.is_placeholder(line) for line in between):  # the code that it stands for is between the two
            return (None, behind) if behind is not None else (olds[-1], None)
        return (olds[found[above]], None) if above is not None else (None, behind)

    def _has_placeholders(self, new: Definition | None, news: Sequence[Definition]) -> bool:
        """Return whether placeholders are between the members `news` of the class `new`, or of the answer for None.

        A line that the document has too is no placeholder.
        """
        span = new.span if new is not None else Span(0, len(self.code))
        at, parts = span.start, []
        for one in news:
            parts.append(self.code[at : one.span.start])
            at = one.span.end
        lines = [line for part in (*parts, self.code[at : span.end]) for line in part.splitlines()]
        known = {line.strip() for line in self.text.splitlines()}
        return any(placeholders.is_placeholder(line) and line.strip() not in known for line in lines)

    def _replace_trailing_statements(
        self, news: Sequence[Definition], olds: Sequence[Definition], found: dict[int, int]
    ) -> None:
        """Add an edit that replaces the statements after the last definition of the file, if the answer has others."""
        for at, one in enumerate(news):
            if at not in found or not self.target.document.entry.grammar:
                continue
            old = olds[found[at]]
            following = news[at + 1] if at + 1 < len(news) else None
            if following is not None and found.get(at + 1) != found[at] + 1:
                continue
            after = olds[found[at] + 1] if following is not None else None
            if (following is None) != (found[at] + 1 >= len(olds)):
                continue
            said = self._read_between(self.code, one, following, len(self.code))
            held = self._read_between(self.text, old, after, len(self.text))
            if (
                said.strip()
                and held.strip()
                and said.split() != held.split()
                and following is None
                and not old.path[1:]
            ):
                start = old.span.end + len(held) - len(held.lstrip())
                written = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
                self.edits.append(Edit(start, old.span.end + len(held.rstrip()), written))

    @staticmethod
    def _read_between(text: str, one: Definition, following: Definition | None, end: int) -> str:
        """Return the text from the end of `one` to the definition `following`, or to `end` for None."""
        return text[one.span.end : following.lead if following is not None else end]

    def _apply_other_definitions(self, pairs: Sequence[tuple[Definition, Definition]]) -> None:
        """Add edits for definitions outside of `pairs`: changed functions that the model has seen, and new helpers."""
        done = [new for new, _ in pairs]
        rest = [
            one
            for one in select_outermost([each for each in self.new if not any(each.holds(new) for new in done)])
            if one not in done and not any(new.holds(one) for new in done)
        ]
        changed = bool(self.edits)
        fresh: list[Definition] = []
        for one in rest:
            known = [old for old in self.old if self._may_be_same(one, old)]
            if not known:
                fresh.append(one)
            elif len(known) == 1 and self._may_change(known[0], pairs) and not self._is_same(one, known[0]):
                self._replace(one, known[0])
        for one in self._select_wanted(fresh, changed=changed):
            self._insert_beside(one, *pairs[0])

    def _is_same(self, new: Definition, old: Definition) -> bool:
        """Return whether two definitions differ in nothing but white space and comments."""
        return list_tokens(self.answer, new.span) == list_tokens(self.target.syntax, old.span)

    def _may_change(self, old: Definition, pairs: Sequence[tuple[Definition, Definition]]) -> bool:
        """Return whether the model has seen all of a function, and the function uses the target or is used by it."""
        seen = any(span.start <= old.span.start and old.span.end <= span.end for span in self.target.seen)
        words = set(WORD.findall(self.text[old.span.start : old.span.end]))
        return seen and old.sort == "function" and any(
            one.name in words or old.name in WORD.findall(self.text[one.span.start : one.span.end]) for _, one in pairs
        )  # fmt: skip

    def _select_wanted(self, fresh: Sequence[Definition], *, changed: bool) -> list[Definition]:
        """Return the new definitions to insert: used ones, those that the person names, and members of known classes.

        If nothing else has `changed`, return all but variables.
        """
        if not changed:
            return [one for one in fresh if one.sort != "value"]
        used = set(WORD.findall(self.target.words)) | self.list_written_words()
        taken = [one for one in fresh if len(one.path) > 1]  # a new member of a class that the answer repeats
        while more := [one for one in fresh if one not in taken and one.name in used]:
            taken += more
            used |= {word for one in more for word in WORD.findall(self.code[one.span.start : one.span.end])}
        return [one for one in fresh if one in taken]

    def _insert_beside(self, one: Definition, new: Definition, old: Definition) -> None:
        """Add an edit that inserts the definition `one` beside `old`, or above its class; `new` replaces `old`."""
        above = one.span.start < new.span.start
        if len(one.path) > 1 or len(old.path) == 1 or self._is_method(one):
            before, behind = (None, old) if above else (old, None)
            self.insert(one, before, behind)
        else:
            holder = next((each for each in select_outermost(self.old) if each.holds(old)), old)
            self.insert(one, None, holder)

    def _is_method(self, one: Definition) -> bool:
        """Return whether a function of the answer is a method, by its calls, its first parameter or the language."""
        called = re.search(rf"(?:\.|->|::)\s*{re.escape(one.name)}\b", self.code)
        receives = re.search(r"\(\s*(?:self|cls|&self|&mut self)\b", one.signature)
        return one.sort == "function" and (
            bool(called) or bool(receives) or Trait.IMPLICIT_RECEIVER in self.target.document.entry.traits
        )

    def _is_used_in_edits(self, one: Definition) -> bool:
        """Return whether the name of the definition occurs in the edits made so far."""
        return one.name in self.list_written_words()
